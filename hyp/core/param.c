/* SPDX-License-Identifier: MIT */
/*
 * The command line.  One table names every option; what is not in it, and
 * values that do not parse, are named in the log and change nothing.
 */
#include <hyp/param.h>

#include <hyp/core.h>

struct params params = {
	.com1_port = 0x3f8,
	.com1_irq = 4,
	.console_com1 = true,
	.loglvl = LOG_INFO,
	.guest_loglvl = LOG_WARN,
	.smap = true, .smep = true, .umip = true, .x2apic = true,
};

/* Each parser returns false for a value that it does not understand. */
struct option {
	const char *name;
	bool (*parse)(const char *value, void *to);
	void *to;
	bool bare;		/* may stand without "=value" */
};

/* The value ends at a NUL or one of the stops. */
static bool number(const char **s, const char *stops, u64 *v)
{
	return str_to_u64(*s, s, v) && (!**s || strchr(stops, **s));
}

static bool parse_u32(const char *s, void *to)
{
	u64 v;

	if (!number(&s, "", &v) || v > 0xffffffff)
		return false;
	*(u32 *)to = v;
	return true;
}

struct word {
	const char *text;
	u8 value;
};

/* Up to a slash it must be one of the words. */
static bool pick(const char *s, const struct word *w, unsigned count, u8 *to)
{
	const char *slash = strchr(s, '/');
	const size_t n = slash ? (size_t)(slash - s) : strlen(s);

	for (; count; count--, w++)
		if (strlen(w->text) == n && !strncmp(w->text, s, n)) {
			*to = w->value;
			return true;
		}
	return false;
}

static bool parse_bool(const char *s, void *to)
{
	static const struct word words[] = {
		{ "0", 0 }, { "no", 0 }, { "off", 0 }, { "false", 0 },
		{ "1", 1 }, { "yes", 1 }, { "on", 1 }, { "true", 1 },
		{ "", 1 },
	};

	return pick(s, words, ARRAY_SIZE(words), to);
}

/* SIZE[,max:SIZE]; a number without suffix is in KiB, as with Xen. */
static bool parse_dom0_mem(const char *s, void *to)
{
	struct params *p = to;
	u64 *size;

	do {
		size = &p->dom0_mem;
		if (!strncmp(s, "max:", 4)) {
			size = &p->dom0_mem_max;
			s += 4;
		}
		if (!number(&s, ",", size))
			return false;
		if (s[-1] >= '0' && s[-1] <= '9')
			*size <<= 10;
	} while (*s++);
	return true;
}

/* BAUD[,8n1[,PORT[,IRQ]]]; baud 0 or "auto" leaves the line as it is. */
static bool parse_com1(const char *s, void *to)
{
	struct params *p = to;
	u64 baud = 0, port = p->com1_port, irq = p->com1_irq;

	if (!strncmp(s, "auto", 4))
		s += 4;
	else if (!number(&s, ",/", &baud))
		return false;
	if (!strncmp(s, ",8n1", 4)) {
		s += 4;
		if (*s == ',' && (s++, !number(&s, ",", &port)))
			return false;
		if (*s == ',' && (s++, !number(&s, "", &irq)))
			return false;
	}
	p->com1_baud = baud;
	p->com1_port = port;
	p->com1_irq = irq;
	return !*s && baud <= 115200 && port <= 0xfff8 && irq <= 15;
}

static bool parse_console(const char *s, void *to)
{
	static const struct word words[] = { { "com1", 1 }, { "none", 0 } };

	return pick(s, words, ARRAY_SIZE(words), to);
}

static bool parse_level(const char *s, void *to)
{
	static const struct word words[] = {
		{ "none", LOG_ERR }, { "error", LOG_ERR },
		{ "warning", LOG_WARN }, { "info", LOG_INFO },
		{ "debug", LOG_DEBUG }, { "all", LOG_DEBUG },
	};

	return pick(s, words, ARRAY_SIZE(words), to);
}

static const struct option options[] = {
	{ "com1", parse_com1, &params, false },
	{ "console", parse_console, &params.console_com1, false },
	{ "dom0_max_vcpus", parse_u32, &params.dom0_max_vcpus, false },
	{ "dom0_mem", parse_dom0_mem, &params, false },
	{ "guest_loglvl", parse_level, &params.guest_loglvl, false },
	{ "loglvl", parse_level, &params.loglvl, false },
	{ "maxcpus", parse_u32, &params.maxcpus, false },
	{ "noreboot", parse_bool, &params.noreboot, true },
	{ "smap", parse_bool, &params.smap, true },
	{ "smep", parse_bool, &params.smep, true },
	{ "umip", parse_bool, &params.umip, true },
	{ "x2apic", parse_bool, &params.x2apic, true },
};

static void param_one(const char *word)
{
	static struct params before;
	const struct option *o = options, *end = o + ARRAY_SIZE(options);
	const char *eq = strchr(word, '=');
	const size_t n = eq ? (size_t)(eq - word) : strlen(word);

	while (o < end && (strlen(o->name) != n || strncmp(o->name, word, n)))
		o++;
	before = params;
	if (o == end) {
		log_warn("command line: unknown option \"%s\"", word);
	} else if (!eq && !o->bare) {
		log_warn("command line: \"%s\" needs a value", word);
	} else if (!o->parse(eq ? eq + 1 : "", o->to)) {
		params = before;
		log_warn("command line: \"%s\": the value is not understood",
			 word);
	}
}

void param_parse(const char *cmdline)
{
	static char line[sizeof(params.cmdline)];
	char *word = line, *space;

	if (strlen(cmdline) >= sizeof(line))
		log_warn("command line: longer than %zu bytes, the rest is ignored",
			 sizeof(line) - 1);
	str_copy(params.cmdline, cmdline, sizeof(params.cmdline));
	str_copy(line, cmdline, sizeof(line));
	for (; word; word = space) {
		space = strchr(word, ' ');
		if (space)
			*space++ = 0;
		if (*word)
			param_one(word);
	}
}
