/* SPDX-License-Identifier: MIT */
/*
 * The command line.  One table names every option; what is not in it, and
 * values that do not parse, are named in the log and change nothing.
 */
#include <hyp/param.h>

#include <hyp/lib.h>
#include <hyp/printk.h>

struct params params = {
	.com1_port = 0x3f8,
	.com1_irq = 4,
	.console_com1 = true,
	.loglvl = LOG_INFO,
	.guest_loglvl = LOG_WARN,
};

/* Each parser returns false for a value that it does not understand. */
struct option {
	const char *name;
	bool (*parse)(const char *value, void *to);
	void *to;
	bool bare;		/* may stand without "=value" */
};

/* The value ends at `end`, which is a NUL or one of the stops. */
static bool number(const char **s, const char *stops, u64 *v)
{
	const char *end;

	if (!str_to_u64(*s, &end, v))
		return false;
	if (*end && !strchr(stops, *end))
		return false;
	*s = end;
	return true;
}

static bool parse_u32(const char *s, void *to)
{
	u64 v;

	if (!number(&s, "", &v) || v > 0xffffffff)
		return false;
	*(u32 *)to = v;
	return true;
}

/* Which of the words [s, s + n) is, or count: none. */
static unsigned word_find(const char *s, size_t n, const char *const *words,
			  unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (strlen(words[i]) == n && !strncmp(words[i], s, n))
			break;
	return i;
}

static bool parse_bool(const char *s, void *to)
{
	static const char *const words[] = {
		"0", "no", "off", "false", "1", "yes", "on", "true", "",
	};
	unsigned i = word_find(s, strlen(s), words, ARRAY_SIZE(words));

	if (i < ARRAY_SIZE(words))
		*(bool *)to = i >= 4;
	return i < ARRAY_SIZE(words);
}

static bool parse_not(const char *s, void *to)
{
	bool v;

	if (!parse_bool(s, &v))
		return false;
	*(bool *)to = !v;
	return true;
}

/* SIZE[,max:SIZE]; a number without suffix is in KiB, as with Xen. */
static bool parse_dom0_mem(const char *s, void *to)
{
	struct params *p = to;
	u64 v, mem = p->dom0_mem, max = p->dom0_mem_max;
	bool is_max;
	const char *from;

	for (;;) {
		is_max = !strncmp(s, "max:", 4);
		if (is_max)
			s += 4;
		from = s;
		if (!number(&s, ",", &v))
			return false;
		if (s > from && s[-1] >= '0' && s[-1] <= '9')
			v <<= 10;
		*(is_max ? &max : &mem) = v;
		if (!*s)
			break;
		s++;
	}
	p->dom0_mem = mem;
	p->dom0_mem_max = max;
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
	if (*s || baud > 115200 || port > 0xfff8 || irq > 15)
		return false;
	p->com1_baud = baud;
	p->com1_port = port;
	p->com1_irq = irq;
	return true;
}

static bool parse_console(const char *s, void *to)
{
	struct params *p = to;

	if (strcmp(s, "com1") && strcmp(s, "none"))
		return false;
	p->console_com1 = !strcmp(s, "com1");
	return true;
}

/* One of the names, or two with a slash: the first counts. */
static bool parse_level(const char *s, void *to)
{
	static const char *const words[] = {
		"none", "error", "warning", "info", "debug", "all",
	};
	static const u8 levels[] = {
		LOG_ERR, LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_DEBUG,
	};
	const char *slash = strchr(s, '/');
	unsigned i = word_find(s, slash ? (size_t)(slash - s) : strlen(s),
			       words, ARRAY_SIZE(words));

	if (i < ARRAY_SIZE(words))
		*(u8 *)to = levels[i];
	return i < ARRAY_SIZE(words);
}

static const struct option options[] = {
	{ "com1", parse_com1, &params, false },
	{ "console", parse_console, &params, false },
	{ "dom0_max_vcpus", parse_u32, &params.dom0_max_vcpus, false },
	{ "dom0_mem", parse_dom0_mem, &params, false },
	{ "guest_loglvl", parse_level, &params.guest_loglvl, false },
	{ "loglvl", parse_level, &params.loglvl, false },
	{ "maxcpus", parse_u32, &params.maxcpus, false },
	{ "noreboot", parse_bool, &params.noreboot, true },
	{ "smap", parse_not, &params.no_smap, true },
	{ "smep", parse_not, &params.no_smep, true },
	{ "umip", parse_not, &params.no_umip, true },
	{ "x2apic", parse_not, &params.no_x2apic, true },
};

static const struct option *option_find(const char *name, size_t n)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (strlen(options[i].name) == n &&
		    !strncmp(options[i].name, name, n))
			return &options[i];
	return NULL;
}

static void param_one(const char *word)
{
	const char *eq = strchr(word, '=');
	const size_t n = eq ? (size_t)(eq - word) : strlen(word);
	const struct option *o = option_find(word, n);

	if (!o)
		log_warn("command line: unknown option \"%s\"", word);
	else if (!eq && !o->bare)
		log_warn("command line: \"%s\" needs a value", word);
	else if (!o->parse(eq ? eq + 1 : "", o->to))
		log_warn("command line: \"%s\": the value is not understood",
			 word);
}

void param_parse(const char *cmdline)
{
	char word[256];
	size_t n;

	str_copy(params.cmdline, cmdline, sizeof(params.cmdline));
	if (strlen(cmdline) >= sizeof(params.cmdline))
		log_warn("command line: longer than %zu bytes, the rest is ignored",
			 sizeof(params.cmdline) - 1);
	cmdline = params.cmdline;
	while (*cmdline) {
		for (n = 0; cmdline[n] && cmdline[n] != ' '; n++)
			;
		if (n >= sizeof(word)) {
			log_warn("command line: an option is longer than %zu bytes",
				 sizeof(word) - 1);
		} else if (n) {
			memcpy(word, cmdline, n);
			word[n] = 0;
			param_one(word);
		}
		cmdline += n;
		while (*cmdline == ' ')
			cmdline++;
	}
}
