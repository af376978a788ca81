/* SPDX-License-Identifier: MIT */
/* See xml-bounds.h. */
#include "xml-bounds.h"

#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX	256u	/* libxml2 reads no deeper */

struct scan {
	const char *at, *end;
	unsigned int nodes, depth;
	unsigned int children[DEPTH_MAX + 1];
};

static bool begins(const struct scan *s, const char *word)
{
	const size_t len = strlen(word);

	return (size_t)(s->end - s->at) >= len && !memcmp(s->at, word, len);
}

/* Behind the next WORD, or at the end. */
static void skip_past(struct scan *s, const char *word)
{
	const size_t len = strlen(word);
	const char *p = memmem(s->at, (size_t)(s->end - s->at), word, len);

	s->at = p ? p + len : s->end;
}

static const char *count_node(struct scan *s)
{
	if (++s->nodes > XML_NODES_MAX)
		return "it has more than 32768 elements and comments";
	if (s->depth <= DEPTH_MAX && ++s->children[s->depth] > XML_CHILDREN_MAX)
		return "it has more than 1024 elements and comments directly below one element";
	return NULL;
}

/* A start tag, from its "<": counts its values, which stand in quotes. */
static const char *scan_tag(struct scan *s)
{
	unsigned int values = 0;
	char last = '<';

	for (s->at++; s->at < s->end && *s->at != '>'; s->at++) {
		last = *s->at;
		if (last != '"' && last != '\'')
			continue;
		if (++values > XML_ATTRIBUTES_MAX)
			return "it has an element with more than 64 attributes";
		s->at = memchr(s->at + 1, last, (size_t)(s->end - s->at - 1));
		if (!s->at)
			s->at = s->end - 1;
	}
	if (s->at < s->end)
		s->at++;
	if (last == '/')
		return NULL;
	s->depth++;
	if (s->depth <= DEPTH_MAX)
		s->children[s->depth] = 0;
	return NULL;
}

/* What begins with the "<" that is next. */
static const char *scan_markup(struct scan *s)
{
	const char *why = NULL;

	if (begins(s, "</")) {
		s->depth -= s->depth > 0;
		skip_past(s, ">");
		return NULL;
	}
	why = count_node(s);
	if (why)
		return why;
	if (begins(s, "<!--"))
		skip_past(s, "-->");
	else if (begins(s, "<![CDATA["))
		skip_past(s, "]]>");
	else if (begins(s, "<?"))
		skip_past(s, "?>");
	else
		return scan_tag(s);
	return NULL;
}

const char *xml_bounds(const char *xml, size_t len, unsigned int *line)
{
	struct scan s = { .at = xml, .end = xml + len };
	const char *why = NULL, *begin = xml;

	while (!why && (begin = memchr(s.at, '<', (size_t)(s.end - s.at)))) {
		s.at = begin;
		why = scan_markup(&s);
	}
	*line = 1;
	for (const char *p = xml; why && p < begin; p++)
		*line += *p == '\n';
	return why;
}
