/* SPDX-License-Identifier: MIT */
/* The machinery under the tables of the guest description; config-doc.h. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config-doc.h"
#include "config-value.h"

/* ---- Notes: what a person reads ---- */

char *doc_format(const char *fmt, ...)
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
static void doc_report_add(struct guest_config_report *report,
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
void doc_shown(char out[DOC_SHOWN], const char *value)
{
	size_t i;

	for (i = 0; value[i] && i < DOC_SHOWN - 4; i++) {
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

static void note(struct parse *p, enum guest_note_kind kind, const xmlNode *n,
		 const char *name, const char *fmt, va_list ap)
{
	char value[DOC_SHOWN], *sentence, *text;
	const char *v = name ? doc_attr(n, name) : NULL;
	unsigned int line = (unsigned int)xmlGetLineNo(n);

	if (vasprintf(&sentence, fmt, ap) < 0) {
		p->oom = true;
		return;
	}
	if (v) {
		doc_shown(value, v);
		text = doc_format("%s:%u: <%s %s=\"%s\">: %s", p->file, line,
				  (const char *)n->name, name, value, sentence);
	} else {
		text = doc_format("%s:%u: <%s>: %s", p->file, line,
				  (const char *)n->name, sentence);
	}
	free(sentence);
	doc_report_add(p->report, kind, line, text);
}

void doc_error(struct parse *p, const xmlNode *n, const char *name,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(p, GUEST_NOTE_ERROR, n, name, fmt, ap);
	va_end(ap);
}

void doc_warning(struct parse *p, const xmlNode *n, const char *name,
		    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(p, GUEST_NOTE_WARNING, n, name, fmt, ap);
	va_end(ap);
}

void doc_error_at(struct parse *p, unsigned int line, const char *fmt, ...)
{
	va_list ap;
	char *sentence, *text;

	va_start(ap, fmt);
	if (vasprintf(&sentence, fmt, ap) < 0)
		sentence = NULL;
	va_end(ap);
	text = sentence ? doc_format("%s:%u: %s", p->file, line, sentence) : NULL;
	free(sentence);
	doc_report_add(p->report, GUEST_NOTE_ERROR, line, text);
}

/* ---- Reading a node ---- */

/* The value of an attribute, owned by the tree, or NULL. */
const char *doc_attr(const xmlNode *n, const char *name)
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

bool doc_blank(const char *s)
{
	return !s[strspn(s, " \t\r\n")];
}

char *doc_copy(struct parse *p, const char *s)
{
	char *d = strdup(s);

	if (!d)
		p->oom = true;
	return d;
}

/* Sets a string that the configuration owns. */
void doc_set(struct parse *p, char **where, const char *s)
{
	free(*where);
	*where = s ? doc_copy(p, s) : NULL;
}

/* The text of an element that has no elements inside; malloc'ed, NULL on a
 * fault that has been reported. */
char *doc_text_raw(struct parse *p, xmlNode *n)
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
			doc_error(p, n, NULL, "only text may stand in it, not <%s>",
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
char *doc_text(struct parse *p, xmlNode *n)
{
	char *s = doc_text_raw(p, n), *to = s;

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

char *doc_element(struct parse *p, xmlNode *n)
{
	xmlBuffer *b = xmlBufferCreate();
	char *s = NULL;

	if (b && xmlNodeDump(b, n->doc, n, 0, 0) >= 0)
		s = strdup((const char *)xmlBufferContent(b));
	xmlBufferFree(b);
	if (!s)
		p->oom = true;
	return s;
}

xmlNode *doc_child(const xmlNode *n, const char *name)
{
	for (xmlNode *c = n->children; c; c = c->next) {
		if (c->type == XML_ELEMENT_NODE && !c->ns &&
		    !strcmp((const char *)c->name, name))
			return c;
	}
	return NULL;
}

bool doc_has_child(const xmlNode *n, const char *name)
{
	return doc_child(n, name);
}

/* The index of VALUE in WORDS, or -1. */
int doc_pick(const char *value, const char *const words[])
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(value, words[i]))
			return i;
	}
	return -1;
}

/* Attribute NAME as a number from MIN to MAX; false when absent or bad. */
bool doc_attr_number(struct parse *p, const xmlNode *n, const char *name,
			uint64_t min, uint64_t max, uint64_t *out)
{
	const char *v = doc_attr(n, name);
	uint64_t x;

	if (!v)
		return false;
	if (!value_u64(v, &x) || x < min || x > max) {
		doc_error(p, n, name, "%s must be a whole number from %llu to %llu",
			  name, (unsigned long long)min, (unsigned long long)max);
		return false;
	}
	*out = x;
	return true;
}

bool doc_attr_u32(struct parse *p, const xmlNode *n, const char *name,
		     uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t v;

	if (!doc_attr_number(p, n, name, min, max, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

bool doc_attr_bool(struct parse *p, const xmlNode *n, const char *name,
		      bool *out)
{
	const char *v = doc_attr(n, name);

	if (!v)
		return false;
	if (!value_bool(v, out)) {
		doc_error(p, n, name, "%s must be yes or no", name);
		return false;
	}
	return true;
}

/* The text of N as a whole number; false after an error. */
bool doc_text_number(struct parse *p, xmlNode *n, uint64_t min,
			uint64_t max, uint64_t *out)
{
	char *s = doc_text(p, n);
	uint64_t v;

	if (!s)
		return false;
	if (!value_u64(s, &v) || v < min || v > max) {
		char value[DOC_SHOWN];

		doc_shown(value, s);
		doc_error(p, n, NULL,
			  "\"%s\" must be a whole number from %llu to %llu", value,
			  (unsigned long long)min, (unsigned long long)max);
		free(s);
		return false;
	}
	free(s);
	*out = v;
	return true;
}

void doc_set_path(struct parse *p, const xmlNode *n, const char *name,
		     char **where, const char *path)
{
	if (path[0] != '/') {
		char value[DOC_SHOWN];

		doc_shown(value, path);
		doc_error(p, n, name, "\"%s\" is not an absolute path", value);
		return;
	}
	doc_set(p, where, path);
}

/* ---- The tables' machine ---- */

const struct element doc_nothing[] = { { 0 } };

/* NAME's place in the list WORDS ("a -b ~c"), its mark included, or NULL. */
static const char *listed(const char *words, const char *name)
{
	size_t len = strlen(name);

	for (const char *w = words; w && *w;) {
		size_t n = strcspn(w, " ");
		size_t mark = *w == '-' || *w == '~';

		if (n - mark == len && !memcmp(w + mark, name, len))
			return w;
		w += n + (w[n] == ' ');
	}
	return NULL;
}

void doc_check_attrs(struct parse *p, const xmlNode *n, const char *words)
{
	for (const xmlAttr *a = n->properties; a; a = a->next) {
		const char *name = (const char *)a->name;
		const char *word = listed(words, name);

		if (a->ns)
			doc_warning(p, n, NULL, "the attribute %s:%s is ignored",
				    a->ns->prefix ? (const char *)a->ns->prefix :
				    "", name);
		else if (!word)
			doc_error(p, n, name, "it has no attribute \"%s\" here",
				  name);
		else if (*word == '~')
			doc_warning(p, n, name, "it is ignored");
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

static void element_one(struct parse *p, xmlNode *n, const struct element *e,
			void *at)
{
	switch (e->rule) {
	case SKIP:
		return;
	case WARN:
		doc_warning(p, n, NULL, "%s", e->why);
		return;
	case REFUSE:
		doc_error(p, n, NULL, "%s", e->why);
		return;
	case TAKE:
		break;
	}
	doc_check_attrs(p, n, e->attrs);
	if (e->take)
		e->take(p, n, at);
	if (e->children)
		doc_walk(p, n, e->children, at);
}

static void element_foreign(struct parse *p, const xmlNode *n)
{
	if (strstr((const char *)n->ns->href, "XInclude"))
		doc_error(p, n, NULL, "other documents are not included; write its content here");
	else
		doc_warning(p, n, NULL, "it belongs to another program (%.80s) and is ignored",
			    (const char *)n->ns->href);
}

void doc_walk(struct parse *p, xmlNode *parent, const struct element *table,
		 void *at)
{
	bool seen[96] = { false };

	for (xmlNode *n = parent->children; n && !p->oom; n = n->next) {
		const struct element *e;

		if (n->type == XML_COMMENT_NODE || n->type == XML_PI_NODE)
			continue;
		if (n->type != XML_ELEMENT_NODE) {
			if (n->type != XML_TEXT_NODE ||
			    !doc_blank((const char *)n->content))
				doc_error(p, parent, NULL,
					  "no text may stand directly in it");
			continue;
		}
		if (n->ns) {
			element_foreign(p, n);
			continue;
		}
		e = element_find(table, (const char *)n->name);
		if (!e) {
			doc_error(p, n, NULL, "no such element is known in <%s>",
				  (const char *)parent->name);
			continue;
		}
		if (e->rule == TAKE && !e->many && seen[e - table]) {
			doc_error(p, n, NULL, "it may stand only once in <%s>",
				  (const char *)parent->name);
			continue;
		}
		seen[e - table] = true;
		element_one(p, n, e, at);
	}
}
