/* SPDX-License-Identifier: MIT */
/*
 * The guest's XML read into a struct guest_config.
 *
 * The language is a table.  Every element that may stand somewhere is a row in
 * the table of its parent, with the attributes it may carry and one of four
 * rules: TAKE it (a function moves it into the configuration), SKIP it (noise
 * of other tools, without any meaning for us), WARN (we know it, we do not do
 * it, and the guest is the same guest without it), REFUSE (the guest would be
 * another one without it).  What no row names is refused too, since nobody can
 * know what it would have changed.
 *
 * Two things are read, one after the other: the tree against the tables, and
 * then, when they found no fault, the tree against the RELAX NG schema, which
 * is a second and independent statement of the same language.
 *
 * Documents are foreign bytes.  A document type declaration is refused before
 * any of it is looked at, so no entity but XML's own five can exist; nothing
 * is loaded from anywhere; the parser's own bounds on depth and size stay on.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/tree.h>

#include "config-value.h"
#include "ctrl-config.h"

#ifndef GUEST_SCHEMA
#define GUEST_SCHEMA "guest.rng"
#endif

#define ATTR_SHOWN_MAX 72	/* bytes of a value repeated in a message */

struct parse {
	struct guest_config *config;
	struct guest_config_report *report;
	const char *file;
	bool oom;
	/* Seen on the way, judged at the end. */
	unsigned int serial_line;
	bool has_current, has_vcpu_current;
	uint64_t quota, period;
	struct guest_vcpus_list {
		unsigned int line, count;
		bool known[GUEST_VCPUS_MAX], enabled[GUEST_VCPUS_MAX];
	} vcpus;
	struct guest_pin {
		unsigned int line;
		struct guest_cpuset set;
	} *pins;		/* GUEST_VCPUS_MAX of them, or NULL */
	struct guest_cpuset everywhere;
	bool has_cpuset;
};

static xmlRelaxNG *schema;

/* ---- Notes: what a person reads ---- */

static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}

/* Takes TEXT over. */
static void report_add(struct guest_config_report *report,
		       enum guest_note_kind kind, unsigned int line, char *text)
{
	struct guest_note *grown;

	if (kind == GUEST_NOTE_ERROR)
		report->errors++;
	else
		report->warnings++;
	if (!text || report->count >= GUEST_NOTES_MAX)
		goto out_free;
	grown = reallocarray(report->notes, report->count + 1, sizeof(*grown));
	if (!grown)
		goto out_free;
	report->notes = grown;
	grown[report->count++] =
		(struct guest_note){ .kind = kind, .line = line, .text = text };
	return;

out_free:
	free(text);
}

/* Copies a value for showing: one line, bounded, printable. */
static void shown(char out[ATTR_SHOWN_MAX + 4], const char *value)
{
	size_t i;

	for (i = 0; value[i] && i < ATTR_SHOWN_MAX; i++) {
		unsigned char c = (unsigned char)value[i];

		out[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	if (value[i]) {
		/* Do not cut a UTF-8 sequence in two. */
		while (i && ((unsigned char)out[i] & 0xc0) == 0x80 &&
		       ((unsigned char)value[i] & 0xc0) == 0x80)
			i--;
		while (i && ((unsigned char)value[i] & 0xc0) == 0x80)
			i--;
		memcpy(out + i, "...", 3);
		i += 3;
	}
	out[i] = '\0';
}

static const char *attr(const xmlNode *n, const char *name);

static void note(struct parse *p, enum guest_note_kind kind, const xmlNode *n,
		 const char *name, const char *fmt, va_list ap)
{
	char value[ATTR_SHOWN_MAX + 4], *sentence, *text;
	const char *v = name ? attr(n, name) : NULL;
	unsigned int line = (unsigned int)xmlGetLineNo(n);

	if (vasprintf(&sentence, fmt, ap) < 0) {
		p->oom = true;
		return;
	}
	if (v) {
		shown(value, v);
		text = format("%s:%u: <%s %s=\"%s\">: %s", p->file, line,
			      (const char *)n->name, name, value, sentence);
	} else {
		text = format("%s:%u: <%s>: %s", p->file, line,
			      (const char *)n->name, sentence);
	}
	free(sentence);
	report_add(p->report, kind, line, text);
}

/* NAME is the attribute at fault, or NULL. */
__attribute__((format(printf, 4, 5)))
static void error(struct parse *p, const xmlNode *n, const char *name,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(p, GUEST_NOTE_ERROR, n, name, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 4, 5)))
static void warning(struct parse *p, const xmlNode *n, const char *name,
		    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(p, GUEST_NOTE_WARNING, n, name, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 3, 4)))
static void error_at(struct parse *p, unsigned int line, const char *fmt, ...)
{
	va_list ap;
	char *sentence, *text;

	va_start(ap, fmt);
	if (vasprintf(&sentence, fmt, ap) < 0)
		sentence = NULL;
	va_end(ap);
	text = sentence ? format("%s:%u: %s", p->file, line, sentence) : NULL;
	free(sentence);
	report_add(p->report, GUEST_NOTE_ERROR, line, text);
}

/* ---- Reading a node ---- */

/* The value of an attribute, owned by the tree, or NULL. */
static const char *attr(const xmlNode *n, const char *name)
{
	for (const xmlAttr *a = n->properties; a; a = a->next) {
		if (a->ns || strcmp((const char *)a->name, name))
			continue;
		if (!a->children)
			return "";
		return (const char *)a->children->content;
	}
	return NULL;
}

static bool blank(const char *s)
{
	return !s[strspn(s, " \t\r\n")];
}

static char *copy(struct parse *p, const char *s)
{
	char *d = strdup(s);

	if (!d)
		p->oom = true;
	return d;
}

/* Sets a string that the configuration owns. */
static void set(struct parse *p, char **where, const char *s)
{
	free(*where);
	*where = s ? copy(p, s) : NULL;
}

/* The text of an element that has no elements inside; malloc'ed, NULL on a
 * fault that has been reported. */
static char *text_raw(struct parse *p, xmlNode *n)
{
	size_t len = 0;
	char *s, *d;

	for (xmlNode *c = n->children; c; c = c->next) {
		switch (c->type) {
		case XML_TEXT_NODE:
		case XML_CDATA_SECTION_NODE:
			len += strlen((const char *)c->content);
			break;
		case XML_COMMENT_NODE:
		case XML_PI_NODE:
			break;
		default:
			error(p, n, NULL, "only text may stand in it, not <%s>",
			      (const char *)c->name);
			return NULL;
		}
	}
	s = d = malloc(len + 1);
	if (!s) {
		p->oom = true;
		return NULL;
	}
	for (xmlNode *c = n->children; c; c = c->next) {
		if (c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE)
			d = stpcpy(d, (const char *)c->content);
	}
	*d = '\0';
	return s;
}

/* The same without blanks at the ends, and on one line: a line break with
 * the blanks around it is one space. */
static char *text(struct parse *p, xmlNode *n)
{
	char *s = text_raw(p, n), *to = s;

	for (const char *from = s; from && *from;) {
		size_t run = strspn(from, " \t\r\n");

		if (run && (strcspn(from, "\t\r\n") < run || to == s ||
			    !from[run])) {
			if (to != s && from[run])
				*to++ = ' ';
			from += run;
			continue;
		}
		*to++ = *from++;
	}
	if (s)
		*to = '\0';
	return s;
}

static bool has_child(const xmlNode *n, const char *name)
{
	for (const xmlNode *c = n->children; c; c = c->next) {
		if (c->type == XML_ELEMENT_NODE &&
		    !strcmp((const char *)c->name, name))
			return true;
	}
	return false;
}

/* The index of VALUE in WORDS, or -1. */
static int pick(const char *value, const char *const words[])
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(value, words[i]))
			return i;
	}
	return -1;
}

/* Attribute NAME as a number from MIN to MAX; false when absent or bad. */
static bool attr_number(struct parse *p, const xmlNode *n, const char *name,
			uint64_t min, uint64_t max, uint64_t *out)
{
	const char *v = attr(n, name);
	uint64_t x;

	if (!v)
		return false;
	if (!value_u64(v, &x) || x < min || x > max) {
		error(p, n, name, "%s must be a whole number from %llu to %llu",
		      name, (unsigned long long)min, (unsigned long long)max);
		return false;
	}
	*out = x;
	return true;
}

static bool attr_u32(struct parse *p, const xmlNode *n, const char *name,
		     uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t v;

	if (!attr_number(p, n, name, min, max, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool attr_bool(struct parse *p, const xmlNode *n, const char *name,
		      bool *out)
{
	const char *v = attr(n, name);

	if (!v)
		return false;
	if (!value_bool(v, out)) {
		error(p, n, name, "%s must be yes or no", name);
		return false;
	}
	return true;
}

/* The text of N as a whole number; false after an error. */
static bool text_number(struct parse *p, xmlNode *n, uint64_t min,
			uint64_t max, uint64_t *out)
{
	char *s = text(p, n);
	uint64_t v;

	if (!s)
		return false;
	if (!value_u64(s, &v) || v < min || v > max) {
		char value[ATTR_SHOWN_MAX + 4];

		shown(value, s);
		error(p, n, NULL,
		      "\"%s\" must be a whole number from %llu to %llu", value,
		      (unsigned long long)min, (unsigned long long)max);
		free(s);
		return false;
	}
	free(s);
	*out = v;
	return true;
}

static void set_path(struct parse *p, const xmlNode *n, const char *name,
		     char **where, const char *path)
{
	if (path[0] != '/') {
		char value[ATTR_SHOWN_MAX + 4];

		shown(value, path);
		error(p, n, name, "\"%s\" is not an absolute path", value);
		return;
	}
	set(p, where, path);
}

/* ---- The tables' machine ---- */

enum rule { TAKE, SKIP, WARN, REFUSE };

struct element {
	const char *name;
	enum rule rule;
	bool many;		/* may stand more than once */
	/* Attributes, separated by blanks; one that begins with '-' is noise
	 * of other tools.  NULL: none. */
	const char *attrs;
	const char *why;	/* WARN and REFUSE: the sentence */
	void (*take)(struct parse *p, xmlNode *n, void *at);
	const struct element *children;	/* walked with the same AT */
};

#define NOISE(element) { .name = element, .rule = SKIP }

static const struct element none[] = { { 0 } };

/* Does the list WORDS ("a -b c") hold NAME, with or without a dash? */
static bool listed(const char *words, const char *name)
{
	size_t len = strlen(name);

	for (const char *w = words; w && *w;) {
		size_t n = strcspn(w, " ");
		size_t dash = *w == '-';

		if (n - dash == len && !memcmp(w + dash, name, len))
			return true;
		w += n + (w[n] == ' ');
	}
	return false;
}

static void check_attrs(struct parse *p, const xmlNode *n, const char *words)
{
	for (const xmlAttr *a = n->properties; a; a = a->next) {
		const char *name = (const char *)a->name;

		if (a->ns)
			warning(p, n, NULL, "the attribute %s:%s is ignored",
				a->ns->prefix ? (const char *)a->ns->prefix :
				"", name);
		else if (!listed(words, name))
			error(p, n, name, "it has no attribute \"%s\" here",
			      name);
	}
}

static const struct element *element_find(const struct element *table,
					  const char *name)
{
	for (const struct element *e = table; e->name; e++) {
		if (!strcmp(e->name, name))
			return e;
	}
	return NULL;
}

static void walk(struct parse *p, xmlNode *parent, const struct element *table,
		 void *at);

static void element_one(struct parse *p, xmlNode *n, const struct element *e,
			void *at)
{
	switch (e->rule) {
	case SKIP:
		return;
	case WARN:
		warning(p, n, NULL, "%s", e->why);
		return;
	case REFUSE:
		error(p, n, NULL, "%s", e->why);
		return;
	case TAKE:
		break;
	}
	check_attrs(p, n, e->attrs);
	if (e->take)
		e->take(p, n, at);
	if (e->children)
		walk(p, n, e->children, at);
}

static void element_foreign(struct parse *p, const xmlNode *n)
{
	if (strstr((const char *)n->ns->href, "XInclude"))
		error(p, n, NULL, "other documents are not included; write its content here");
	else
		warning(p, n, NULL, "it belongs to another program (%.80s) and is ignored",
			(const char *)n->ns->href);
}

static void walk(struct parse *p, xmlNode *parent, const struct element *table,
		 void *at)
{
	bool seen[96] = { false };

	for (xmlNode *n = parent->children; n && !p->oom; n = n->next) {
		const struct element *e;

		if (n->type == XML_COMMENT_NODE || n->type == XML_PI_NODE)
			continue;
		if (n->type != XML_ELEMENT_NODE) {
			if (n->type != XML_TEXT_NODE ||
			    !blank((const char *)n->content))
				error(p, parent, NULL,
				      "no text may stand directly in it");
			continue;
		}
		if (n->ns) {
			element_foreign(p, n);
			continue;
		}
		e = element_find(table, (const char *)n->name);
		if (!e) {
			error(p, n, NULL, "no such element is known in <%s>",
			      (const char *)parent->name);
			continue;
		}
		if (e->rule == TAKE && !e->many && seen[e - table]) {
			error(p, n, NULL, "it may stand only once in <%s>",
			      (const char *)parent->name);
			continue;
		}
		seen[e - table] = true;
		element_one(p, n, e, at);
	}
}

/* ---- <domain>: names and texts ---- */

bool guest_name_valid(const char *name, const char **why)
{
	size_t len = strlen(name);

	if (!len)
		*why = "is empty";
	else if (len > GUEST_NAME_MAX)
		*why = "is longer than 64 bytes";
	else if (strspn(name, "0123456789") == len)
		*why = "is a number, which would be taken for an id";
	else if (name[0] == '.' || name[0] == '-')
		*why = "begins with a dot or a dash";
	else if (name[0] == ' ' || name[len - 1] == ' ')
		*why = "begins or ends with a blank";
	else if (strchr(name, '/'))
		*why = "contains a slash";
	else
		*why = NULL;
	for (size_t i = 0; !*why && i < len; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			*why = "contains a control character";
	}
	return !*why;
}

static void take_name(struct parse *p, xmlNode *n, void *at)
{
	char *s = text(p, n);
	const char *why;

	(void)at;
	if (!s)
		return;
	if (guest_name_valid(s, &why)) {
		p->config->name = s;
		return;
	}
	error(p, n, NULL, "the guest's name %s", why);
	free(s);
}

static void take_uuid(struct parse *p, xmlNode *n, void *at)
{
	char *s = text(p, n);

	(void)at;
	if (!s)
		return;
	p->config->uuid_given = value_uuid(s, p->config->uuid);
	if (!p->config->uuid_given)
		error(p, n, NULL, "it is not a UUID such as 0f1c6f0e-5d0b-4f63-9a40-2b6d2f3c9a11");
	free(s);
}

static void take_title(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	p->config->title = text(p, n);
}

static void take_description(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	p->config->description = text_raw(p, n);
}

static void take_metadata(struct parse *p, xmlNode *n, void *at)
{
	xmlBuffer *b = xmlBufferCreate();

	(void)at;
	if (b && xmlNodeDump(b, n->doc, n, 0, 0) >= 0)
		set(p, &p->config->metadata,
		    (const char *)xmlBufferContent(b));
	else
		p->oom = true;
	xmlBufferFree(b);
}

/* ---- Memory and processors ---- */

static void take_size(struct parse *p, xmlNode *n, uint64_t *kib)
{
	char *s = text(p, n);
	uint64_t v;
	const char *why;

	if (!s)
		return;
	if (!value_size_kib(s, attr(n, "unit"), &v, &why))
		error(p, n, attr(n, "unit") ? "unit" : NULL,
		      "the size %s", why);
	else if (v < 1024)
		error(p, n, attr(n, "unit") ? "unit" : NULL,
		      "%llu KiB is less than any guest needs; is unit=\"MiB\" missing?",
		      (unsigned long long)v);
	else if (v > GUEST_MEMORY_MAX_KIB)
		error(p, n, attr(n, "unit") ? "unit" : NULL,
		      "more than 16 TiB cannot be given to one guest");
	else
		*kib = (v + 3) & ~3ull;
	free(s);
}

static void take_memory(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	p->config->memory_line = (unsigned int)xmlGetLineNo(n);
	take_size(p, n, &p->config->memory_kib);
}

static void take_current_memory(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	p->has_current = true;
	take_size(p, n, &p->config->current_kib);
}

static void take_vcpu(struct parse *p, xmlNode *n, void *at)
{
	const char *placement = attr(n, "placement"), *cpuset, *why;
	uint64_t v;

	(void)at;
	p->config->vcpu_line = (unsigned int)xmlGetLineNo(n);
	if (!text_number(p, n, 1, GUEST_VCPUS_MAX, &v))
		return;
	p->config->vcpus = (unsigned int)v;
	p->has_vcpu_current = attr_u32(p, n, "current", 1, (uint32_t)v,
				       &p->config->vcpus_online);
	if (placement && pick(placement, (const char *const[]){
			"static", "auto", NULL }) < 0)
		error(p, n, "placement", "placement must be static or auto");
	else if (placement && !strcmp(placement, "auto"))
		warning(p, n, "placement", "the guest may run on every processor; nothing places it by itself");
	cpuset = attr(n, "cpuset");
	if (!cpuset)
		return;
	p->has_cpuset = value_cpuset(cpuset, &p->everywhere, &why);
	if (!p->has_cpuset)
		error(p, n, "cpuset", "cpuset %s", why);
}

static void take_vcpus_vcpu(struct parse *p, xmlNode *n, void *at)
{
	uint64_t id;
	bool on;

	(void)at;
	if (!attr(n, "id") || !attr(n, "enabled"))
		error(p, n, NULL, "it needs id and enabled");
	else if (attr_number(p, n, "id", 0, GUEST_VCPUS_MAX - 1, &id) &&
		 attr_bool(p, n, "enabled", &on)) {
		p->vcpus.line = (unsigned int)xmlGetLineNo(n);
		p->vcpus.known[id] = true;
		p->vcpus.enabled[id] = on;
	}
}

static void take_shares(struct parse *p, xmlNode *n, void *at)
{
	uint64_t v;

	(void)at;
	if (text_number(p, n, 1, 65535, &v))
		p->config->weight = (unsigned int)v;
}

static void take_period(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	text_number(p, n, 1000, 1000000, &p->period);
}

static void take_quota(struct parse *p, xmlNode *n, void *at)
{
	char *s = text(p, n);
	int64_t v;

	(void)at;
	if (!s)
		return;
	if (!value_i64(s, &v) || v > 17592186044415ll || (v >= 0 && v < 1000))
		error(p, n, NULL, "the quota must be a number of microseconds from 1000, or negative for none");
	else
		p->quota = v < 0 ? 0 : (uint64_t)v;
	free(s);
}

static void take_vcpupin(struct parse *p, xmlNode *n, void *at)
{
	const char *cpuset = attr(n, "cpuset"), *why;
	uint64_t id;

	(void)at;
	if (!attr(n, "vcpu") || !cpuset) {
		error(p, n, NULL, "it needs vcpu and cpuset");
		return;
	}
	if (!attr_number(p, n, "vcpu", 0, GUEST_VCPUS_MAX - 1, &id))
		return;
	if (!p->pins)
		p->pins = calloc(GUEST_VCPUS_MAX, sizeof(*p->pins));
	if (!p->pins) {
		p->oom = true;
		return;
	}
	if (p->pins[id].line)
		error(p, n, "vcpu", "this vCPU was pinned in line %u already",
		      p->pins[id].line);
	else if (!value_cpuset(cpuset, &p->pins[id].set, &why))
		error(p, n, "cpuset", "cpuset %s", why);
	else
		p->pins[id].line = (unsigned int)xmlGetLineNo(n);
}

static void take_cpu(struct parse *p, xmlNode *n, void *at)
{
	const char *mode = attr(n, "mode");

	(void)at;
	if (mode && !strcmp(mode, "custom"))
		error(p, n, "mode", "a guest gets the host's processor; another model cannot be chosen");
}

static const struct element vcpus_children[] = {
	{ "vcpu", TAKE, .many = true,
	  .attrs = "id enabled -hotpluggable -order",
	  .take = take_vcpus_vcpu, .children = none },
	{ 0 }
};

static const struct element cputune_children[] = {
	{ "shares", TAKE, .take = take_shares },
	{ "period", TAKE, .take = take_period },
	{ "quota", TAKE, .take = take_quota },
	{ "vcpupin", TAKE, .many = true, .attrs = "vcpu cpuset",
	  .take = take_vcpupin, .children = none },
	{ "emulatorpin", WARN, .why = "it is ignored: a guest has no emulator" },
	{ "emulator_period", WARN, .why = "it is ignored: a guest has no emulator" },
	{ "emulator_quota", WARN, .why = "it is ignored: a guest has no emulator" },
	{ "iothreadpin", WARN, .why = "it is ignored: a guest has no I/O threads" },
	{ "iothread_period", WARN, .why = "it is ignored: a guest has no I/O threads" },
	{ "iothread_quota", WARN, .why = "it is ignored: a guest has no I/O threads" },
	{ "global_period", WARN, .why = "it is ignored; use <period> and <quota>" },
	{ "global_quota", WARN, .why = "it is ignored; use <period> and <quota>" },
	{ "vcpusched", WARN, .why = "it is ignored: every vCPU gets its share by weight" },
	{ "iothreadsched", WARN, .why = "it is ignored: a guest has no I/O threads" },
	{ "cachetune", WARN, .why = "it is ignored" },
	{ "memorytune", WARN, .why = "it is ignored" },
	{ 0 }
};

static const struct element cpu_children[] = {
	{ "topology", WARN, .why = "it is ignored: a PV guest sees its vCPUs without a topology" },
	{ "cache", WARN, .why = "it is ignored" },
	{ "maxphysaddr", WARN, .why = "it is ignored" },
	NOISE("vendor"),
	{ "model", REFUSE, .why = "a guest gets the host's processor; another model cannot be chosen" },
	{ "feature", REFUSE, .why = "single processor features cannot be chosen yet" },
	{ "numa", REFUSE, .why = "a guest cannot have NUMA nodes of its own" },
	{ 0 }
};

/* ---- <os>, <features>, <clock>, events ---- */

static void take_os_type(struct parse *p, xmlNode *n, void *at)
{
	const char *arch = attr(n, "arch"), *machine = attr(n, "machine");
	char *s = text(p, n);

	(void)at;
	if (!s)
		return;
	if (strcmp(s, "linux") && strcmp(s, "xen")) {
		char value[ATTR_SHOWN_MAX + 4];

		shown(value, s);
		error(p, n, NULL, "\"%s\" guests are not supported; a paravirtual one is \"linux\" (or \"xen\")",
		      value);
	}
	if (arch && strcmp(arch, "x86_64"))
		error(p, n, "arch", "only 64-bit guests (x86_64) are supported");
	if (machine && strcmp(machine, "xenpv"))
		error(p, n, "machine", "only the machine xenpv is supported");
	free(s);
}

static void take_kernel(struct parse *p, xmlNode *n, void *at)
{
	char *s = text(p, n);

	(void)at;
	p->config->kernel_line = (unsigned int)xmlGetLineNo(n);
	if (s)
		set_path(p, n, NULL, &p->config->kernel, s);
	free(s);
}

static void take_initrd(struct parse *p, xmlNode *n, void *at)
{
	char *s = text(p, n);

	(void)at;
	p->config->initrd_line = (unsigned int)xmlGetLineNo(n);
	if (s)
		set_path(p, n, NULL, &p->config->initrd, s);
	free(s);
}

static void take_cmdline(struct parse *p, xmlNode *n, void *at)
{
	char *s = text(p, n);

	(void)at;
	if (!s)
		return;
	if (strlen(s) > GUEST_CMDLINE_MAX) {
		error(p, n, NULL, "the command line has %zu bytes; a guest takes at most %u",
		      strlen(s), GUEST_CMDLINE_MAX);
		free(s);
		return;
	}
	free(p->config->cmdline);
	p->config->cmdline = s;
}

static void take_features_xen(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	for (xmlNode *c = n->children; c; c = c->next) {
		const char *state;

		if (c->type != XML_ELEMENT_NODE)
			continue;
		state = attr(c, "state");
		if (!state || strcmp(state, "off"))
			error(p, c, "state", "it is not supported: devices of the machine cannot be given to a guest");
	}
}

static void take_clock(struct parse *p, xmlNode *n, void *at)
{
	static const char *const offsets[] = {
		"utc", "localtime", "variable", NULL
	};
	const char *offset = attr(n, "offset"), *basis = attr(n, "basis");
	const char *adjustment = attr(n, "adjustment");
	int which = offset ? pick(offset, offsets) : 0;

	(void)at;
	if (which < 0) {
		error(p, n, "offset", "the clock may be utc, localtime or variable");
		return;
	}
	p->config->clock = (enum guest_clock)which;
	if (which == GUEST_CLOCK_VARIABLE) {
		if (basis && strcmp(basis, "utc"))
			error(p, n, "basis", "a variable clock can only be based on utc");
		if (adjustment && !value_i64(adjustment,
					     &p->config->clock_adjustment))
			error(p, n, "adjustment", "it must be a number of seconds");
	}
}

static void take_timer(struct parse *p, xmlNode *n, void *at)
{
	static const char *const modes[] = {
		"auto", "emulate", "native", NULL
	};
	const char *name = attr(n, "name"), *mode = attr(n, "mode");
	int which;

	(void)at;
	if (!name) {
		error(p, n, NULL, "it needs a name");
		return;
	}
	if (strcmp(name, "tsc")) {
		warning(p, n, "name", "it is ignored: a PV guest has no such timer");
		return;
	}
	which = mode ? pick(mode, modes) : 0;
	if (which < 0)
		error(p, n, "mode", "the mode may be auto, native or emulate");
	else
		p->config->tsc = (enum guest_tsc)which;
}

static const char *const action_words[] = {
	"destroy", "restart", "preserve", "rename-restart",
	"coredump-destroy", "coredump-restart", NULL
};

const char *guest_action_name(enum guest_action action)
{
	return action_words[action];
}

static void take_action(struct parse *p, xmlNode *n, enum guest_action *out,
			bool crash)
{
	char *s = text(p, n);
	int which;

	if (!s)
		return;
	which = pick(s, action_words);
	if (which < 0 || (which > GUEST_ACTION_RENAME_RESTART && !crash)) {
		char value[ATTR_SHOWN_MAX + 4];

		shown(value, s);
		error(p, n, NULL, "\"%s\" is no action; there are destroy, restart, preserve and rename-restart",
		      value);
	} else if (which > GUEST_ACTION_RENAME_RESTART) {
		*out = which == 4 ? GUEST_ACTION_DESTROY : GUEST_ACTION_RESTART;
		warning(p, n, NULL, "the guest's memory is not dumped; the action is %s",
			action_words[*out]);
	} else {
		*out = (enum guest_action)which;
	}
	free(s);
}

static void take_on_poweroff(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	take_action(p, n, &p->config->on_poweroff, false);
}

static void take_on_reboot(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	take_action(p, n, &p->config->on_reboot, false);
}

static void take_on_crash(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	take_action(p, n, &p->config->on_crash, true);
}

#define FULL_VIRT "it belongs to fully virtualised guests, which are not supported"

static const struct element os_children[] = {
	{ "type", TAKE, .attrs = "arch machine", .take = take_os_type },
	{ "kernel", TAKE, .take = take_kernel },
	{ "initrd", TAKE, .take = take_initrd },
	{ "cmdline", TAKE, .take = take_cmdline },
	{ "boot", WARN, .why = "it is ignored: the guest starts from its <kernel>" },
	{ "bootmenu", WARN, .why = "it is ignored: a PV guest has no boot menu" },
	{ "bios", WARN, .why = "it is ignored: a PV guest has no BIOS" },
	{ "smbios", WARN, .why = "it is ignored: a PV guest has no SMBIOS" },
	{ "loader", REFUSE, .why = FULL_VIRT },
	{ "nvram", REFUSE, .why = FULL_VIRT },
	{ "firmware", REFUSE, .why = FULL_VIRT },
	{ "acpi", REFUSE, .why = FULL_VIRT },
	{ "dtb", REFUSE, .why = FULL_VIRT },
	{ "init", REFUSE, .why = "it belongs to containers, which are not supported" },
	{ 0 }
};

static const struct element features_children[] = {
	NOISE("acpi"), NOISE("apic"), NOISE("pae"), NOISE("hap"),
	NOISE("viridian"), NOISE("privnet"), NOISE("msrs"),
	{ "hyperv", WARN, .why = "it is ignored: a PV guest has no Hyper-V interface" },
	{ "kvm", WARN, .why = "it is ignored: a PV guest has no KVM interface" },
	{ "pvspinlock", WARN, .why = "it is ignored; the guest decides" },
	{ "pmu", WARN, .why = "it is ignored: guests have no performance counters" },
	{ "vmport", WARN, .why = "it is ignored" },
	{ "vmcoreinfo", WARN, .why = "it is ignored" },
	{ "smm", WARN, .why = "it is ignored" },
	{ "xen", TAKE, .take = take_features_xen },
	{ 0 }
};

static const struct element clock_children[] = {
	{ "timer", TAKE, .many = true,
	  .attrs = "name mode -present -tickpolicy -track -frequency",
	  .take = take_timer, .children = none },
	{ 0 }
};

/* ---- Consoles ---- */

static void take_console(struct parse *p, xmlNode *n, void *at)
{
	const char *type = attr(n, "type");
	struct guest_console *grown;
	struct guest_config *c = p->config;

	(void)at;
	if (type && strcmp(type, "pty"))
		error(p, n, "type", "only consoles of type pty are supported");
	if (c->console_count) {
		error(p, n, NULL, "a second console is not supported yet (the first is in line %u)",
		      c->consoles[0].line);
		return;
	}
	grown = calloc(1, sizeof(*grown));
	if (!grown) {
		p->oom = true;
		return;
	}
	c->consoles = grown;
	c->console_count = 1;
	grown->line = (unsigned int)xmlGetLineNo(n);
	grown->type = copy(p, "pty");
}

static void take_console_target(struct parse *p, xmlNode *n, void *at)
{
	const char *type = attr(n, "type");
	uint32_t port;

	(void)at;
	if (type && strcmp(type, "xen") && strcmp(type, "serial"))
		error(p, n, "type", "only a xen console is supported");
	if (attr_u32(p, n, "port", 0, 255, &port) && port)
		error(p, n, "port", "only the primary console, port 0, is supported yet");
}

static void take_serial(struct parse *p, xmlNode *n, void *at)
{
	const char *type = attr(n, "type");

	(void)at;
	p->serial_line = (unsigned int)xmlGetLineNo(n);
	if (type && strcmp(type, "pty"))
		error(p, n, "type", "only consoles of type pty are supported");
	else
		warning(p, n, NULL, "a PV guest has no serial port; this is its console");
}

static const struct element console_children[] = {
	{ "target", TAKE, .attrs = "type port", .take = take_console_target },
	{ "log", WARN, .why = "the log is always kept, in /var/log/bulkhead/console/NAME.log" },
	NOISE("source"), NOISE("protocol"), NOISE("alias"),
	NOISE("address"), NOISE("acl"),
	{ 0 }
};

static const struct element serial_children[] = {
	NOISE("target"), NOISE("log"),
	NOISE("source"), NOISE("protocol"), NOISE("alias"),
	NOISE("address"), NOISE("acl"),
	{ 0 }
};

/* ---- Disks ---- */

static const char *const disk_types[] = { "file", "block", "network", NULL };

static void take_disk_driver(struct parse *p, xmlNode *n, void *at)
{
	static const char *const names[] = {
		"phy", "qemu", "file", "tap", "tap2", NULL
	};
	static const char *const caches[] = {
		"default", "none", "writethrough", "writeback",
		"directsync", "unsafe", NULL
	};
	static const char *const ios[] = {
		"native", "threads", "io_uring", NULL
	};
	struct guest_disk *d = at;
	const char *name = attr(n, "name"), *type = attr(n, "type");
	const char *cache = attr(n, "cache"), *io = attr(n, "io");
	const char *discard = attr(n, "discard");

	if (name && pick(name, names) < 0)
		error(p, n, "name", "no such driver is known");
	else
		set(p, &d->driver, name);
	if (!type || !strcmp(type, "raw") || !strcmp(type, "aio"))
		d->format = GUEST_DISK_RAW;
	else if (!strcmp(type, "qcow2"))
		d->format = GUEST_DISK_QCOW2;
	else
		error(p, n, "type", "the format may be raw or qcow2");
	if (cache && pick(cache, caches) < 0)
		error(p, n, "cache", "no such cache mode is known");
	else
		set(p, &d->cache, cache);
	if (io && pick(io, ios) < 0)
		error(p, n, "io", "no such way of doing I/O is known");
	else
		set(p, &d->io, io);
	if (discard && strcmp(discard, "unmap") && strcmp(discard, "ignore"))
		error(p, n, "discard", "discard must be unmap or ignore");
	else
		d->discard = discard && !strcmp(discard, "unmap");
	attr_u32(p, n, "queues", 1, 16, &d->queues);
}

static void take_source_host(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;
	const char *transport = attr(n, "transport");

	if (transport && !strcmp(transport, "unix")) {
		if (attr(n, "socket"))
			set_path(p, n, "socket", &d->socket,
				 attr(n, "socket"));
		else
			error(p, n, "transport", "a unix transport needs a socket");
		return;
	}
	if (transport && strcmp(transport, "tcp"))
		error(p, n, "transport", "the transport may be tcp or unix");
	set(p, &d->host, attr(n, "name"));
	set(p, &d->port, attr(n, "port"));
}

static const struct element disk_source_children[] = {
	{ "host", TAKE, .attrs = "name port transport socket",
	  .take = take_source_host, .children = none },
	NOISE("seclabel"), NOISE("address"),
	{ "reservations", WARN, .why = "it is ignored" },
	{ "slices", REFUSE, .why = "a part of an image cannot be a disk" },
	{ "encryption", REFUSE, .why = "encrypted images are not supported" },
	{ "auth", REFUSE, .why = "disks that need a secret are not supported" },
	{ 0 }
};

static void take_disk_source(struct parse *p, xmlNode *n, void *at)
{
	static const char *const wanted[] = { "file", "dev", "name" };
	struct guest_disk *d = at;
	const char *v = attr(n, wanted[d->type]);
	const char *protocol = attr(n, "protocol"), *tls = attr(n, "tls");

	if (d->type == GUEST_DISK_NETWORK) {
		if (!protocol || strcmp(protocol, "nbd"))
			error(p, n, "protocol", "the only network protocol for disks is nbd");
		set(p, &d->source, v ? v : "");
		if (tls && strcmp(tls, "no"))
			error(p, n, "tls", "encrypted connections are not supported");
	} else if (!v) {
		error(p, n, NULL, "a disk of type %s needs the attribute %s",
		      disk_types[d->type], wanted[d->type]);
	} else {
		set_path(p, n, wanted[d->type], &d->source, v);
	}
	walk(p, n, disk_source_children, d);
}

static void take_disk_target(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;
	const char *dev = attr(n, "dev"), *bus = attr(n, "bus");

	if (!dev)
		error(p, n, NULL, "it needs the attribute dev, such as xvda");
	else if (!value_vdev(dev, &d->vdev))
		error(p, n, "dev", "it is not a disk name such as xvda");
	else
		set(p, &d->target, dev);
	if (bus && strcmp(bus, "xen"))
		error(p, n, "bus", "the only bus is xen");
	attr_bool(p, n, "removable", &d->removable);
}

static void take_readonly(struct parse *p, xmlNode *n, void *at)
{
	(void)p, (void)n;
	((struct guest_disk *)at)->readonly = true;
}

static void take_shareable(struct parse *p, xmlNode *n, void *at)
{
	(void)p, (void)n;
	((struct guest_disk *)at)->shareable = true;
}

static void take_disk_serial(struct parse *p, xmlNode *n, void *at)
{
	((struct guest_disk *)at)->serial = text(p, n);
}

static bool block_size_valid(uint32_t n)
{
	return n >= 512 && n <= 65536 && !(n & (n - 1));
}

static void take_blockio(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;

	attr_u32(p, n, "logical_block_size", 512, 65536,
		 &d->logical_block_size);
	attr_u32(p, n, "physical_block_size", 512, 65536,
		 &d->physical_block_size);
	if (d->logical_block_size && !block_size_valid(d->logical_block_size))
		error(p, n, "logical_block_size", "a block size is a power of two");
	if (d->physical_block_size && !block_size_valid(d->physical_block_size))
		error(p, n, "physical_block_size", "a block size is a power of two");
}

#define IOTUNE(field) { #field, offsetof(struct guest_iotune, field) }
static const struct { const char *name; size_t offset; } iotune_fields[] = {
	IOTUNE(total_bytes_sec), IOTUNE(read_bytes_sec),
	IOTUNE(write_bytes_sec), IOTUNE(total_iops_sec),
	IOTUNE(read_iops_sec), IOTUNE(write_iops_sec),
	IOTUNE(total_bytes_sec_max), IOTUNE(read_bytes_sec_max),
	IOTUNE(write_bytes_sec_max), IOTUNE(total_iops_sec_max),
	IOTUNE(read_iops_sec_max), IOTUNE(write_iops_sec_max),
};

static void take_iotune_field(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;

	for (size_t i = 0; i < sizeof(iotune_fields) / sizeof(iotune_fields[0]);
	     i++) {
		if (strcmp((const char *)n->name, iotune_fields[i].name))
			continue;
		text_number(p, n, 0, UINT64_MAX,
			    (uint64_t *)(void *)((char *)&d->iotune +
						 iotune_fields[i].offset));
	}
}

#define IOTUNE_ROW(name) { name, TAKE, .take = take_iotune_field }
static const struct element iotune_children[] = {
	IOTUNE_ROW("total_bytes_sec"), IOTUNE_ROW("read_bytes_sec"),
	IOTUNE_ROW("write_bytes_sec"), IOTUNE_ROW("total_iops_sec"),
	IOTUNE_ROW("read_iops_sec"), IOTUNE_ROW("write_iops_sec"),
	IOTUNE_ROW("total_bytes_sec_max"), IOTUNE_ROW("read_bytes_sec_max"),
	IOTUNE_ROW("write_bytes_sec_max"), IOTUNE_ROW("total_iops_sec_max"),
	IOTUNE_ROW("read_iops_sec_max"), IOTUNE_ROW("write_iops_sec_max"),
	{ "size_iops_sec", WARN, .why = "it is ignored" },
	{ "group_name", WARN, .why = "it is ignored: every disk has limits of its own" },
	{ 0 }
};

static void take_boot(struct parse *p, xmlNode *n, void *at)
{
	attr_u32(p, n, "order", 1, 65535, &((struct guest_disk *)at)->boot_order);
}

static void take_backing_store(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	if (xmlFirstElementChild(n))
		error(p, n, NULL, "a chain of images is read from the image itself, not from here");
}

static const struct element disk_children[] = {
	{ "driver", TAKE,
	  .attrs = "name type cache io discard queues -error_policy -rerror_policy -iothread -detect_zeroes -copy_on_read -event_idx -ioeventfd -packed",
	  .take = take_disk_driver, .children = none },
	{ "source", TAKE,
	  .attrs = "file dev protocol name tls -startupPolicy -index",
	  .take = take_disk_source },
	{ "target", TAKE, .attrs = "dev bus removable -tray -rotation_rate",
	  .take = take_disk_target, .children = none },
	{ "readonly", TAKE, .take = take_readonly, .children = none },
	{ "shareable", TAKE, .take = take_shareable, .children = none },
	{ "serial", TAKE, .take = take_disk_serial },
	{ "blockio", TAKE,
	  .attrs = "logical_block_size physical_block_size -discard_granularity",
	  .take = take_blockio, .children = none },
	{ "iotune", TAKE, .children = iotune_children },
	{ "boot", TAKE, .attrs = "order -loadparm", .take = take_boot,
	  .children = none },
	{ "backingStore", TAKE, .attrs = "-type -index",
	  .take = take_backing_store },
	NOISE("alias"), NOISE("address"), NOISE("seclabel"),
	{ "wwn", WARN, .why = "it is ignored: a PV disk has no such name" },
	{ "vendor", WARN, .why = "it is ignored: a PV disk has no such name" },
	{ "product", WARN, .why = "it is ignored: a PV disk has no such name" },
	{ "geometry", WARN, .why = "it is ignored: a PV disk has no geometry" },
	{ "transient", REFUSE, .why = "disks that forget what was written are not supported" },
	{ "backenddomain", REFUSE, .why = "disks are served by the control domain only" },
	{ "encryption", REFUSE, .why = "encrypted images are not supported" },
	{ "auth", REFUSE, .why = "disks that need a secret are not supported" },
	{ "mirror", REFUSE, .why = "mirrors are not supported" },
	{ 0 }
};

static void take_disk(struct parse *p, xmlNode *n, void *at)
{
	struct guest_config *c = p->config;
	const char *type = attr(n, "type"), *device = attr(n, "device");
	int which = type ? pick(type, disk_types) : GUEST_DISK_FILE;
	struct guest_disk *d;

	(void)at;
	if (c->disk_count >= GUEST_DISKS_MAX) {
		error(p, n, NULL, "a guest may have at most %u disks",
		      GUEST_DISKS_MAX);
		return;
	}
	d = reallocarray(c->disks, c->disk_count + 1, sizeof(*d));
	if (!d) {
		p->oom = true;
		return;
	}
	c->disks = d;
	d += c->disk_count++;
	memset(d, 0, sizeof(*d));
	d->line = (unsigned int)xmlGetLineNo(n);
	if (which < 0) {
		error(p, n, "type", "a disk may be of type file, block or network");
		return;
	}
	d->type = (enum guest_disk_type)which;
	if (device && !strcmp(device, "cdrom"))
		d->cdrom = d->readonly = true;
	else if (device && strcmp(device, "disk"))
		error(p, n, "device", "the device may be disk or cdrom");
	walk(p, n, disk_children, d);
	if (!d->cdrom && !has_child(n, "source"))
		error(p, n, NULL, "a disk needs a <source>");
	if (!has_child(n, "target"))
		error(p, n, NULL, "a disk needs a <target>");
	for (struct guest_disk *o = c->disks; d->target && o < d; o++) {
		if (o->target && o->vdev == d->vdev)
			error(p, n, NULL, "the disk in line %u is \"%s\" already",
			      o->line, o->target);
	}
}

/* ---- Interfaces ---- */

static void take_mac(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *v = attr(n, "address"), *why;

	if (!v) {
		error(p, n, NULL, "it needs an address");
		return;
	}
	nic->mac_given = value_mac(v, nic->mac, &why);
	if (!nic->mac_given)
		error(p, n, "address", "the address %s", why);
}

/* What Linux takes as the name of a network device. */
static bool ifname_valid(const char *s)
{
	size_t len = strlen(s);

	return len && len <= 15 && strcmp(s, ".") && strcmp(s, "..") &&
	       strcspn(s, "/: \t\r\n") == len;
}

static void take_nic_source(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *name = nic->type == GUEST_NIC_NETWORK ? "network" : "bridge";
	const char *v = attr(n, name);

	if (nic->type == GUEST_NIC_ETHERNET)
		return;
	if (!v)
		error(p, n, NULL, "it needs the attribute %s", name);
	else if (nic->type == GUEST_NIC_BRIDGE && !ifname_valid(v))
		error(p, n, name, "it cannot be the name of a bridge");
	else
		set(p, &nic->source, v);
}

static void take_nic_target(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *v = attr(n, "dev");

	/* Names that other tools made up are theirs to forget. */
	if (!v || !strncmp(v, "vif", 3) || !strncmp(v, "vnet", 4))
		return;
	if (!ifname_valid(v))
		error(p, n, "dev", "it cannot be the name of a network device");
	else
		set(p, &nic->target, v);
}

static void take_nic_model(struct parse *p, xmlNode *n, void *at)
{
	const char *v = attr(n, "type");

	(void)at;
	if (v && strcmp(v, "netfront"))
		warning(p, n, "type", "a PV guest's interface is always a netfront");
}

static void take_script(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;

	if (nic->type == GUEST_NIC_NETWORK)
		error(p, n, NULL, "an interface of type network takes no script");
	else if (attr(n, "path"))
		set(p, &nic->script, attr(n, "path"));
	else
		error(p, n, NULL, "it needs a path");
}

static void take_nic_ip(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *v = attr(n, "address");
	uint32_t prefix = 0;
	bool has_prefix = attr_u32(p, n, "prefix", 0, 128, &prefix);
	char **grown, *s;

	if (!v || !value_ip(v)) {
		error(p, n, "address", "it needs an IPv4 or IPv6 address");
		return;
	}
	if (nic->ip_count >= 16) {
		error(p, n, NULL, "an interface may have at most 16 addresses");
		return;
	}
	grown = reallocarray(nic->ips, nic->ip_count + 1, sizeof(*grown));
	s = has_prefix ? format("%s/%u", v, prefix) : copy(p, v);
	if (grown)
		nic->ips = grown;
	if (!grown || !s) {
		free(s);
		p->oom = true;
		return;
	}
	grown[nic->ip_count++] = s;
}

static void take_mtu(struct parse *p, xmlNode *n, void *at)
{
	if (!attr(n, "size"))
		error(p, n, NULL, "it needs a size");
	attr_u32(p, n, "size", 68, 65535, &((struct guest_nic *)at)->mtu);
}

static void take_link(struct parse *p, xmlNode *n, void *at)
{
	const char *v = attr(n, "state");

	if (!v || (strcmp(v, "up") && strcmp(v, "down")))
		error(p, n, "state", "the state must be up or down");
	else
		((struct guest_nic *)at)->link_down = !strcmp(v, "down");
}

static void take_nic_driver(struct parse *p, xmlNode *n, void *at)
{
	attr_u32(p, n, "queues", 1, 16, &((struct guest_nic *)at)->queues);
}

static void take_port(struct parse *p, xmlNode *n, void *at)
{
	attr_bool(p, n, "isolated", &((struct guest_nic *)at)->isolated);
}

static void take_tag(struct parse *p, xmlNode *n, void *at)
{
	uint32_t v;

	if (!attr(n, "id"))
		error(p, n, NULL, "it needs an id");
	else if (attr_u32(p, n, "id", 1, 4094, &v))
		((struct guest_nic *)at)->vlan = (uint16_t)v;
}

static void take_bandwidth(struct parse *p, xmlNode *n,
			   struct guest_bandwidth *b)
{
	if (!attr(n, "average"))
		error(p, n, NULL, "it needs an average");
	attr_u32(p, n, "average", 1, UINT32_MAX, &b->average);
	attr_u32(p, n, "peak", 1, UINT32_MAX, &b->peak);
	attr_u32(p, n, "burst", 1, UINT32_MAX, &b->burst);
	if (attr(n, "floor"))
		warning(p, n, "floor", "a guaranteed minimum is not supported and is ignored");
}

static void take_inbound(struct parse *p, xmlNode *n, void *at)
{
	take_bandwidth(p, n, &((struct guest_nic *)at)->inbound);
}

static void take_outbound(struct parse *p, xmlNode *n, void *at)
{
	take_bandwidth(p, n, &((struct guest_nic *)at)->outbound);
}

static const struct element bandwidth_children[] = {
	{ "inbound", TAKE, .attrs = "average peak burst floor",
	  .take = take_inbound, .children = none },
	{ "outbound", TAKE, .attrs = "average peak burst",
	  .take = take_outbound, .children = none },
	{ 0 }
};

static const struct element vlan_children[] = {
	{ "tag", TAKE, .attrs = "id", .take = take_tag, .children = none },
	{ 0 }
};

static const struct element nic_children[] = {
	{ "mac", TAKE, .attrs = "address -type -check", .take = take_mac,
	  .children = none },
	{ "source", TAKE, .attrs = "bridge network -portgroup -portid",
	  .take = take_nic_source, .children = none },
	{ "target", TAKE, .attrs = "dev -managed", .take = take_nic_target,
	  .children = none },
	{ "model", TAKE, .attrs = "type", .take = take_nic_model,
	  .children = none },
	{ "script", TAKE, .attrs = "path", .take = take_script,
	  .children = none },
	{ "ip", TAKE, .many = true, .attrs = "address prefix -family -peer",
	  .take = take_nic_ip, .children = none },
	{ "mtu", TAKE, .attrs = "size", .take = take_mtu, .children = none },
	{ "link", TAKE, .attrs = "state", .take = take_link,
	  .children = none },
	{ "driver", TAKE, .attrs = "queues -name -txmode -ioeventfd -event_idx",
	  .take = take_nic_driver },
	{ "port", TAKE, .attrs = "isolated", .take = take_port,
	  .children = none },
	{ "vlan", TAKE, .attrs = "-trunk", .children = vlan_children },
	{ "bandwidth", TAKE, .children = bandwidth_children },
	NOISE("alias"), NOISE("address"), NOISE("boot"),
	NOISE("guest"), NOISE("rom"),
	{ "coalesce", WARN, .why = "it is ignored" },
	{ "tune", WARN, .why = "it is ignored" },
	{ "route", WARN, .why = "it is ignored" },
	{ "virtualport", REFUSE, .why = "Open vSwitch ports are not supported" },
	{ "filterref", REFUSE, .why = "network filters are not supported" },
	{ "backenddomain", REFUSE, .why = "interfaces are served by the control domain only" },
	{ 0 }
};

static void take_nic(struct parse *p, xmlNode *n, void *at)
{
	static const char *const types[] = {
		"bridge", "network", "ethernet", NULL
	};
	struct guest_config *c = p->config;
	const char *type = attr(n, "type");
	int which = type ? pick(type, types) : -1;
	struct guest_nic *nic;

	(void)at;
	if (which < 0) {
		error(p, n, "type", "an interface may be of type bridge, network or ethernet");
		return;
	}
	if (c->nic_count >= GUEST_NICS_MAX) {
		error(p, n, NULL, "a guest may have at most %u interfaces",
		      GUEST_NICS_MAX);
		return;
	}
	nic = reallocarray(c->nics, c->nic_count + 1, sizeof(*nic));
	if (!nic) {
		p->oom = true;
		return;
	}
	c->nics = nic;
	nic += c->nic_count++;
	memset(nic, 0, sizeof(*nic));
	nic->type = (enum guest_nic_type)which;
	nic->line = (unsigned int)xmlGetLineNo(n);
	walk(p, n, nic_children, nic);
	for (struct guest_nic *o = c->nics; nic->mac_given && o < nic; o++) {
		if (o->mac_given && !memcmp(o->mac, nic->mac, 6))
			error(p, n, NULL, "the interface in line %u has the same address",
			      o->line);
	}
}

/* ---- Other devices ---- */

static void take_controller(struct parse *p, xmlNode *n, void *at)
{
	const char *type = attr(n, "type"), *model = attr(n, "model");
	uint64_t v;

	(void)at;
	if (!type) {
		error(p, n, NULL, "it needs a type");
		return;
	}
	if (strcmp(type, "xenbus")) {
		if (!model || strcmp(model, "none"))
			warning(p, n, "type", "it is ignored: a PV guest's devices need no controller");
		return;
	}
	if (attr_number(p, n, "maxGrantFrames", 1, 4096, &v))
		p->config->max_grant_frames = (int)v;
	if (attr_number(p, n, "maxEventChannels", 16, 131071, &v))
		p->config->max_event_channels = (int)v;
}

static void take_memballoon(struct parse *p, xmlNode *n, void *at)
{
	const char *model = attr(n, "model");

	(void)at;
	if (!model || (strcmp(model, "xen") && strcmp(model, "none")))
		error(p, n, "model", "the balloon's model may be xen or none");
}

#define NO_DISPLAY "the guest has no display to show it; it is ignored"
#define NO_DEVICE "guests cannot have such a device"
#define NO_HOST_DEVICE "devices of the machine cannot be given to a guest"

static const struct element devices_children[] = {
	{ "disk", TAKE, .many = true,
	  .attrs = "type device -snapshot -model -rawio -sgio",
	  .take = take_disk },
	{ "interface", TAKE, .many = true,
	  .attrs = "type -managed -trustGuestRxFilters", .take = take_nic },
	{ "console", TAKE, .many = true, .attrs = "type -tty",
	  .take = take_console, .children = console_children },
	{ "serial", TAKE, .attrs = "type -tty", .take = take_serial,
	  .children = serial_children },
	{ "controller", TAKE, .many = true,
	  .attrs = "type maxGrantFrames maxEventChannels model -index -ports -vectors",
	  .take = take_controller },
	{ "memballoon", TAKE, .attrs = "model -autodeflate -freePageReporting",
	  .take = take_memballoon },
	NOISE("emulator"),
	{ "input", WARN, .why = NO_DISPLAY },
	{ "video", WARN, .why = NO_DISPLAY },
	{ "audio", WARN, .why = NO_DISPLAY },
	{ "rng", WARN, .why = "it is ignored: guests have no such device" },
	{ "watchdog", WARN, .why = "it is ignored: guests have no such device" },
	{ "panic", WARN, .why = "it is ignored: a crash is always reported" },
	{ "graphics", REFUSE, .why = "guests have no display yet; use the console" },
	{ "channel", REFUSE, .why = "channels are not supported yet" },
	{ "filesystem", REFUSE, .why = "shared directories are not supported yet" },
	{ "parallel", REFUSE, .why = NO_DEVICE },
	{ "sound", REFUSE, .why = NO_DEVICE },
	{ "tpm", REFUSE, .why = NO_DEVICE },
	{ "nvram", REFUSE, .why = NO_DEVICE },
	{ "hub", REFUSE, .why = NO_DEVICE },
	{ "redirdev", REFUSE, .why = NO_DEVICE },
	{ "redirfilter", REFUSE, .why = NO_DEVICE },
	{ "smartcard", REFUSE, .why = NO_DEVICE },
	{ "shmem", REFUSE, .why = NO_DEVICE },
	{ "vsock", REFUSE, .why = NO_DEVICE },
	{ "crypto", REFUSE, .why = NO_DEVICE },
	{ "memory", REFUSE, .why = "memory modules cannot be plugged into a guest" },
	{ "iommu", REFUSE, .why = NO_DEVICE },
	{ "lease", REFUSE, .why = "disk leases are not supported" },
	{ "hostdev", REFUSE, .why = NO_HOST_DEVICE },
	{ 0 }
};

/* ---- <domain> ---- */

static const struct element domain_children[] = {
	{ "name", TAKE, .take = take_name },
	{ "uuid", TAKE, .take = take_uuid },
	{ "title", TAKE, .take = take_title },
	{ "description", TAKE, .take = take_description },
	{ "metadata", TAKE, .take = take_metadata },
	{ "memory", TAKE, .attrs = "unit -dumpCore", .take = take_memory },
	{ "currentMemory", TAKE, .attrs = "unit",
	  .take = take_current_memory },
	{ "vcpu", TAKE, .attrs = "placement cpuset current",
	  .take = take_vcpu },
	{ "vcpus", TAKE, .children = vcpus_children },
	{ "cputune", TAKE, .children = cputune_children },
	{ "cpu", TAKE, .attrs = "mode -match -check -migratable",
	  .take = take_cpu, .children = cpu_children },
	{ "os", TAKE, .attrs = "-firmware", .children = os_children },
	{ "features", TAKE, .children = features_children },
	{ "clock", TAKE, .attrs = "offset adjustment basis -timezone",
	  .take = take_clock, .children = clock_children },
	{ "on_poweroff", TAKE, .take = take_on_poweroff },
	{ "on_reboot", TAKE, .take = take_on_reboot },
	{ "on_crash", TAKE, .take = take_on_crash },
	{ "devices", TAKE, .children = devices_children },
	{ "bootloader", REFUSE, .why = "a boot loader reads the guest's disk, which comes with the back-end daemons; name a <kernel> in <os>" },
	NOISE("bootloader_args"),
	{ "genid", WARN, .why = "it is ignored: PV guests cannot see it" },
	{ "maxMemory", WARN, .why = "it is ignored: <memory> is the most a guest can have" },
	{ "memoryBacking", WARN, .why = "it is ignored: a guest's memory is always its own and resident" },
	{ "memtune", WARN, .why = "it is ignored: a guest's memory is always its own and resident" },
	{ "blkiotune", WARN, .why = "it is ignored; use <iotune> in a <disk>" },
	{ "numatune", WARN, .why = "it is ignored: memory comes from every node" },
	{ "on_lockfailure", WARN, .why = "it is ignored: there is no lock manager" },
	{ "sysinfo", WARN, .why = "it is ignored: a PV guest has no SMBIOS" },
	NOISE("iothreads"), NOISE("iothreadids"),
	NOISE("defaultiothread"),
	NOISE("pm"), NOISE("perf"), NOISE("resource"),
	NOISE("seclabel"), NOISE("idmap"), NOISE("keywrap"),
	{ "launchSecurity", REFUSE, .why = "protected guests are not supported" },
	{ 0 }
};

/* How many of <vcpus> are enabled; they must be the first ones. */
static void finish_vcpus(struct parse *p)
{
	struct guest_config *c = p->config;
	unsigned int online = 0;

	if (!p->vcpus.line)
		return;
	while (online < c->vcpus && (!p->vcpus.known[online] ||
				     p->vcpus.enabled[online]))
		online++;
	for (unsigned int i = online; i < GUEST_VCPUS_MAX; i++) {
		if (p->vcpus.known[i] && i >= c->vcpus) {
			error_at(p, p->vcpus.line, "<vcpu id=\"%u\">: the guest has only %u vCPUs",
				 i, c->vcpus);
			return;
		}
		if (p->vcpus.known[i] && p->vcpus.enabled[i]) {
			error_at(p, p->vcpus.line, "<vcpu id=\"%u\">: vCPUs come up in order; a lower one is disabled",
				 i);
			return;
		}
	}
	if (!online)
		error_at(p, p->vcpus.line, "<vcpus>: vCPU 0 cannot be disabled");
	else if (p->has_vcpu_current && online != c->vcpus_online)
		error_at(p, p->vcpus.line, "<vcpus>: %u are enabled here, but <vcpu> says current=\"%u\"",
			 online, c->vcpus_online);
	else
		c->vcpus_online = online;
}

static void finish_affinity(struct parse *p)
{
	struct guest_config *c = p->config;

	for (unsigned int i = c->vcpus; p->pins && i < GUEST_VCPUS_MAX; i++) {
		if (p->pins[i].line)
			error_at(p, p->pins[i].line, "<vcpupin vcpu=\"%u\">: the guest has only %u vCPUs",
				 i, c->vcpus);
	}
	if (!p->pins && !p->has_cpuset)
		return;
	c->affinity = calloc(c->vcpus, sizeof(*c->affinity));
	if (!c->affinity) {
		p->oom = true;
		return;
	}
	for (unsigned int i = 0; i < c->vcpus; i++) {
		if (p->pins && p->pins[i].line)
			c->affinity[i] = p->pins[i].set;
		else if (p->has_cpuset)
			c->affinity[i] = p->everywhere;
		else
			memset(&c->affinity[i], 0xff, sizeof(c->affinity[i]));
	}
}

static void finish_cap(struct parse *p)
{
	uint64_t period = p->period ? p->period : 100000;

	/* The quota is one vCPU's, the cap is the whole guest's. */
	if (p->quota)
		p->config->cap = (unsigned int)(p->quota > period ? 0 :
			(100 * p->quota * p->config->vcpus + period - 1) /
			period);
}

static void finish_console(struct parse *p)
{
	struct guest_config *c = p->config;

	if (c->console_count)
		return;
	c->consoles = calloc(1, sizeof(*c->consoles));
	if (!c->consoles) {
		p->oom = true;
		return;
	}
	c->console_count = 1;
	c->consoles[0].line = p->serial_line;
	c->consoles[0].type = copy(p, "pty");
}

/* What only the whole document can tell. */
static void finish(struct parse *p, const xmlNode *root)
{
	struct guest_config *c = p->config;

	if (!has_child(root, "name"))
		error(p, root, NULL, "the guest has no <name>");
	if (!c->memory_line)
		error(p, root, NULL, "the guest has no <memory>");
	if (!c->kernel && !c->kernel_line)
		error(p, root, NULL, "the guest has no <kernel> in <os>, the path of what it starts");
	if (p->has_current && c->memory_kib && c->current_kib > c->memory_kib)
		error_at(p, c->memory_line, "<memory>: it is %llu KiB, less than the %llu KiB of <currentMemory>",
			 (unsigned long long)c->memory_kib,
			 (unsigned long long)c->current_kib);
	if (!p->has_current)
		c->current_kib = c->memory_kib;
	if (!p->has_vcpu_current)
		c->vcpus_online = c->vcpus;
	finish_vcpus(p);
	finish_affinity(p);
	finish_cap(p);
	finish_console(p);
	if (!c->cmdline)
		c->cmdline = copy(p, "");
}

static void read_domain(struct parse *p, xmlNode *root)
{
	const char *type;

	if (root->ns || strcmp((const char *)root->name, "domain")) {
		error(p, root, NULL, "a guest's document begins with <domain type=\"xen\">");
		return;
	}
	type = attr(root, "type");
	if (!type || strcmp(type, "xen"))
		error(p, root, "type", "its type must be xen");
	check_attrs(p, root, "type -id");
	walk(p, root, domain_children, NULL);
	finish(p, root);
}

/* ---- The schema ---- */

static void schema_silence(void *ctx, const char *fmt, ...)
{
	(void)ctx, (void)fmt;
}

struct schema_fault {
	unsigned int line;
	char element[64];
	char text[256];
};

/* libxml2 reports from the inside out; the first one is the nearest. */
static void schema_error(void *ctx, xmlErrorPtr e)
{
	struct schema_fault *f = ctx;
	const xmlNode *n = e->node;

	if (f->line)
		return;
	f->line = n ? (unsigned int)xmlGetLineNo(n) : (unsigned int)e->line;
	if (!f->line)
		f->line = 1;
	snprintf(f->element, sizeof(f->element), "%.60s",
		 n && n->type == XML_ELEMENT_NODE ? (const char *)n->name :
		 "domain");
	snprintf(f->text, sizeof(f->text), "%s", e->message ? e->message : "");
	f->text[strcspn(f->text, "\n")] = '\0';
}

static void schema_check(struct parse *p, xmlDoc *doc)
{
	struct schema_fault fault = { 0 };
	xmlRelaxNGValidCtxt *v;

	if (!schema)
		return;
	v = xmlRelaxNGNewValidCtxt(schema);
	if (!v) {
		p->oom = true;
		return;
	}
	xmlRelaxNGSetValidStructuredErrors(v, schema_error, &fault);
	if (xmlRelaxNGValidateDoc(v, doc) != 0)
		error_at(p, fault.line ? fault.line : 1, "<%s>: it does not fit the schema of guests: %s",
			 fault.element[0] ? fault.element : "domain",
			 fault.text[0] ? fault.text : "no reason given");
	xmlRelaxNGFreeValidCtxt(v);
}

int guest_config_init(const char *file, char **why)
{
	xmlRelaxNGParserCtxt *c;

	*why = NULL;
	xmlInitParser();
	if (!file)
		file = GUEST_SCHEMA;
	c = xmlRelaxNGNewParserCtxt(file);
	if (!c)
		return -ENOMEM;
	xmlRelaxNGSetParserErrors(c, schema_silence, schema_silence, NULL);
	xmlSetGenericErrorFunc(NULL, schema_silence);
	schema = xmlRelaxNGParse(c);
	xmlRelaxNGFreeParserCtxt(c);
	xmlSetGenericErrorFunc(NULL, NULL);
	if (schema)
		return 0;
	*why = format("the schema of guests %s cannot be read or is not a RELAX NG schema",
		      file);
	return -EINVAL;
}

void guest_config_exit(void)
{
	xmlRelaxNGFree(schema);
	schema = NULL;
	xmlRelaxNGCleanupTypes();
	xmlCleanupParser();
}

/* ---- The document ---- */

/* A libxml2 parser that stops at the first fault and remembers it. */
struct reader {
	bool stopped;
	unsigned int line;
	char *text;
};

static void reader_stop(xmlParserCtxt *c, unsigned int line, char *text)
{
	struct reader *r = c->_private;

	if (r->stopped) {
		free(text);
		return;
	}
	r->stopped = true;
	r->line = line;
	r->text = text;
}

static void reader_error(void *ctx, xmlErrorPtr e)
{
	xmlParserCtxt *c = ctx;
	const char *m = e->message ? e->message : "unreadable";

	if (e->level < XML_ERR_ERROR)
		return;
	reader_stop(c, e->line > 0 ? (unsigned int)e->line : 1,
		    format("it is not well-formed XML: %.*s",
			   (int)strcspn(m, "\n"), m));
}

static void reader_doctype(void *ctx, const xmlChar *name,
			   const xmlChar *public_id, const xmlChar *system_id)
{
	xmlParserCtxt *c = ctx;

	(void)name, (void)public_id, (void)system_id;
	reader_stop(c, (unsigned int)xmlSAX2GetLineNumber(c),
		    format("<!DOCTYPE> is not accepted: a guest's document declares no types and no entities"));
	xmlStopParser(c);
}

static xmlDoc *read_document(struct parse *p, const char *xml, size_t len)
{
	struct reader r = { 0 };
	xmlParserCtxt *c = xmlNewParserCtxt();
	xmlDoc *doc;

	if (!c) {
		p->oom = true;
		return NULL;
	}
	c->_private = &r;
	c->sax->serror = reader_error;
	c->sax->internalSubset = reader_doctype;
	doc = xmlCtxtReadMemory(c, xml, (int)len, NULL, NULL,
				XML_PARSE_NONET | XML_PARSE_NODICT |
				XML_PARSE_NOCDATA | XML_PARSE_BIG_LINES |
				XML_PARSE_COMPACT);
	if (r.stopped) {
		error_at(p, r.line, "%s", r.text ? r.text : "unreadable");
		xmlFreeDoc(doc);
		doc = NULL;
	} else if (!doc) {
		error_at(p, 1, "it is not well-formed XML");
	}
	free(r.text);
	xmlFreeParserCtxt(c);
	return doc;
}

/* Is there something for XML to read?  Binary files and empty ones get their
 * own sentence. */
static bool check_bytes(struct parse *p, const char *xml, size_t len)
{
	if (!len)
		error_at(p, 1, "it is empty");
	else if (len > GUEST_XML_MAX)
		error_at(p, 1, "it has %zu bytes; a guest's document has at most %u",
			 len, GUEST_XML_MAX);
	else if (memchr(xml, '\0', len))
		error_at(p, 1, "it is not text: it contains a zero byte");
	else
		return true;
	return false;
}

static xmlNode *child(xmlNode *parent, const char *name)
{
	for (xmlNode *n = parent->children; n; n = n->next) {
		if (n->type == XML_ELEMENT_NODE && !n->ns &&
		    !strcmp((const char *)n->name, name))
			return n;
	}
	return NULL;
}

/* Puts <uuid> behind <name>, on a line like its own. */
static void insert_uuid(xmlNode *name, const char *uuid)
{
	const xmlNode *before = name->prev;
	xmlNode *n = xmlNewNode(NULL, (const xmlChar *)"uuid");

	xmlNodeSetContent(n, (const xmlChar *)uuid);
	xmlAddNextSibling(name, n);
	if (before && before->type == XML_TEXT_NODE &&
	    blank((const char *)before->content))
		xmlAddNextSibling(name, xmlNewText(before->content));
}

char *guest_config_amend(const char *xml, size_t len, const char *name,
			 const char *uuid)
{
	struct guest_config_report report = { 0 };
	struct parse p = { .report = &report, .file = "" };
	xmlDoc *doc = read_document(&p, xml, len);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *name_node = root ? child(root, "name") : NULL;
	xmlChar *text = NULL, *escaped;
	char *out = NULL;
	int size;

	if (name_node) {
		escaped = xmlEncodeSpecialChars(doc, (const xmlChar *)name);
		xmlNodeSetContent(name_node, escaped);
		xmlFree(escaped);
		if (!child(root, "uuid"))
			insert_uuid(name_node, uuid);
		xmlDocDumpMemoryEnc(doc, &text, &size, "UTF-8");
	}
	if (text)
		out = strdup((const char *)text);
	xmlFree(text);
	xmlFreeDoc(doc);
	guest_config_report_free(&report);
	return out;
}

static int parse_into(struct parse *p, const char *xml, size_t len)
{
	xmlDoc *doc;
	xmlNode *root;

	p->config->xml = malloc(len + 1);
	p->config->file = copy(p, p->file);
	if (!p->config->xml || !p->config->file)
		return -ENOMEM;
	memcpy(p->config->xml, xml, len);
	p->config->xml[len] = '\0';
	p->config->xml_len = len;
	doc = read_document(p, xml, len);
	if (!doc)
		return p->oom ? -ENOMEM : -EINVAL;
	root = xmlDocGetRootElement(doc);
	if (root)
		read_domain(p, root);
	else
		error_at(p, 1, "it has no element");
	if (!p->report->errors)
		schema_check(p, doc);
	xmlFreeDoc(doc);
	if (p->oom)
		return -ENOMEM;
	return p->report->errors ? -EINVAL : 0;
}

int guest_config_parse(const char *xml, size_t len, const char *file,
		       struct guest_config **out,
		       struct guest_config_report *report)
{
	struct parse p = { .report = report, .file = file };
	int rc;

	*out = NULL;
	memset(report, 0, sizeof(*report));
	if (!check_bytes(&p, xml, len))
		return -EINVAL;
	p.config = calloc(1, sizeof(*p.config));
	if (!p.config)
		return -ENOMEM;
	p.config->vcpus = 1;
	p.config->on_poweroff = GUEST_ACTION_DESTROY;
	p.config->on_reboot = GUEST_ACTION_RESTART;
	p.config->on_crash = GUEST_ACTION_DESTROY;
	p.config->max_grant_frames = -1;
	p.config->max_event_channels = -1;
	rc = parse_into(&p, xml, len);
	free(p.pins);
	if (rc)
		guest_config_free(p.config);
	else
		*out = p.config;
	return rc;
}

static void disk_free(struct guest_disk *d)
{
	free(d->source);
	free(d->host);
	free(d->port);
	free(d->socket);
	free(d->target);
	free(d->driver);
	free(d->cache);
	free(d->io);
	free(d->serial);
}

static void nic_free(struct guest_nic *nic)
{
	free(nic->source);
	free(nic->target);
	free(nic->script);
	for (size_t i = 0; i < nic->ip_count; i++)
		free(nic->ips[i]);
	free(nic->ips);
}

void guest_config_free(struct guest_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->disk_count; i++)
		disk_free(&c->disks[i]);
	for (size_t i = 0; i < c->nic_count; i++)
		nic_free(&c->nics[i]);
	for (size_t i = 0; i < c->console_count; i++)
		free(c->consoles[i].type);
	free(c->disks);
	free(c->nics);
	free(c->consoles);
	free(c->affinity);
	free(c->name);
	free(c->title);
	free(c->description);
	free(c->metadata);
	free(c->kernel);
	free(c->initrd);
	free(c->cmdline);
	free(c->xml);
	free(c->file);
	free(c);
}

void guest_config_report_free(struct guest_config_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		free(report->notes[i].text);
	free(report->notes);
	memset(report, 0, sizeof(*report));
}
