/* SPDX-License-Identifier: MIT */
/* A little JSON; see jline.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jline.h"

#define DEPTH_MAX 32

/* ---- Writing ---- */

static void put(struct jline_out *o, const char *bytes, size_t len)
{
	if (o->failed)
		return;
	if (o->len + len > o->room) {
		size_t room = o->room ? o->room : 512;
		char *grown;

		while (room < o->len + len)
			room *= 2;
		grown = realloc(o->text, room);
		if (!grown) {
			o->failed = true;
			return;
		}
		o->text = grown;
		o->room = room;
	}
	memcpy(o->text + o->len, bytes, len);
	o->len += len;
}

static void put_quoted(struct jline_out *o, const char *s)
{
	static const char digits[] = "0123456789abcdef";

	put(o, "\"", 1);
	while (*s) {
		size_t run = 0;
		unsigned char c;

		while ((c = (unsigned char)s[run]) >= 0x20 && c != '"' &&
		       c != '\\')
			run++;
		put(o, s, run);
		s += run;
		c = (unsigned char)*s;
		if (!c)
			break;
		if (c == '"' || c == '\\') {
			put(o, (char[]){ '\\', (char)c }, 2);
		} else if (c == '\n') {
			put(o, "\\n", 2);
		} else if (c == '\t') {
			put(o, "\\t", 2);
		} else {
			put(o, (char[]){ '\\', 'u', '0', '0',
					 digits[c >> 4], digits[c & 15] }, 6);
		}
		s++;
	}
	put(o, "\"", 1);
}

static void put_key(struct jline_out *o, const char *key)
{
	if (o->len > 1)
		put(o, ",", 1);
	put_quoted(o, key);
	put(o, ":", 1);
}

void jline_begin(struct jline_out *o)
{
	memset(o, 0, sizeof(*o));
	put(o, "{", 1);
}

void jline_add_string(struct jline_out *o, const char *key, const char *value)
{
	put_key(o, key);
	put_quoted(o, value);
}

void jline_add_bool(struct jline_out *o, const char *key, bool value)
{
	put_key(o, key);
	put(o, value ? "true" : "false", value ? 4 : 5);
}

void jline_add_number(struct jline_out *o, const char *key, uint64_t value)
{
	char text[24];

	put_key(o, key);
	put(o, text, (size_t)snprintf(text, sizeof(text), "%llu",
				      (unsigned long long)value));
}

bool jline_end(struct jline_out *o)
{
	put(o, "}\n", 2);
	return !o->failed;
}

/* ---- Reading ---- */

static size_t skip_blanks(const char *s, size_t len, size_t i)
{
	while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' ||
			   s[i] == '\r'))
		i++;
	return i;
}

/* Past the string that begins at I; 0 if it does not end. */
static size_t skip_string(const char *s, size_t len, size_t i)
{
	if (i >= len || s[i] != '"')
		return 0;
	for (i++; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Past the value that begins at I; 0 if there is none. */
static size_t skip_value(const char *s, size_t len, size_t i)
{
	size_t begin = i;
	unsigned int depth = 0;

	while (i < len) {
		switch (s[i]) {
		case '"':
			i = skip_string(s, len, i);
			if (!i)
				return 0;
			break;
		case '{':
		case '[':
			if (++depth > DEPTH_MAX)
				return 0;
			i++;
			break;
		case '}':
		case ']':
			if (!depth)
				return i > begin ? i : 0;
			depth--;
			i++;
			break;
		case ',':
		case ' ':
		case '\t':
		case '\r':
		case '\n':
			if (!depth)
				return i > begin ? i : 0;
			i++;
			break;
		default:
			i++;
			continue;	/* within a number or a word */
		}
		if (!depth)
			return i;
	}
	return depth || i == begin ? 0 : i;
}

const char *jline_member(const char *text, size_t len, const char *key,
			size_t *value_len)
{
	size_t key_len = strlen(key);
	size_t i = skip_blanks(text, len, 0);

	if (i >= len || text[i] != '{')
		return NULL;
	i++;
	for (;;) {
		size_t name = skip_blanks(text, len, i), end, value;

		end = skip_string(text, len, name);
		if (!end)
			return NULL;
		i = skip_blanks(text, len, end);
		if (i >= len || text[i] != ':')
			return NULL;
		value = skip_blanks(text, len, i + 1);
		i = skip_value(text, len, value);
		if (!i)
			return NULL;
		if (end - name == key_len + 2 &&
		    !memcmp(text + name + 1, key, key_len)) {
			*value_len = i - value;
			return text + value;
		}
		i = skip_blanks(text, len, i);
		if (i >= len || text[i] != ',')
			return NULL;
		i++;
	}
}

static bool hex4(const char *s, size_t left, unsigned int *out)
{
	unsigned int v = 0;

	if (left < 4)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		char c = s[i] | 0x20;

		if (s[i] >= '0' && s[i] <= '9')
			v = v << 4 | (unsigned int)(s[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (unsigned int)(c - 'a' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

static char *put_utf8(char *to, unsigned int c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* The character after "\u" at I; moves I past it. */
static bool take_escape_u(const char *s, size_t len, size_t *i,
			  unsigned int *c)
{
	unsigned int low;

	if (!hex4(s + *i, len - *i, c))
		return false;
	*i += 4;
	if (*c >= 0xd800 && *c < 0xdc00) {
		if (len - *i < 6 || s[*i] != '\\' || s[*i + 1] != 'u' ||
		    !hex4(s + *i + 2, len - *i - 2, &low) || low < 0xdc00 ||
		    low > 0xdfff)
			return false;
		*c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
		*i += 6;
	} else if (*c >= 0xdc00 && *c < 0xe000) {
		return false;
	}
	return *c != 0;
}

char *jline_string(const char *raw, size_t len)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char *out, *p;

	if (len < 2 || raw[0] != '"' || raw[len - 1] != '"')
		return NULL;
	/* No escape is shorter than what it stands for. */
	out = p = malloc(len);
	if (!out)
		return NULL;
	len--;
	for (size_t i = 1; i < len;) {
		const char *known;
		unsigned int c;

		if (raw[i] != '\\') {
			*p++ = raw[i++];
			continue;
		}
		if (++i >= len)
			goto out_bad;
		if (raw[i] == 'u') {
			i++;
			if (!take_escape_u(raw, len, &i, &c))
				goto out_bad;
			p = put_utf8(p, c);
			continue;
		}
		known = raw[i] ? strchr(from, raw[i]) : NULL;
		if (!known)
			goto out_bad;
		*p++ = to[known - from];
		i++;
	}
	*p = '\0';
	return out;

out_bad:
	free(out);
	return NULL;
}

char *jline_member_string(const char *text, size_t len, const char *key)
{
	size_t n;
	const char *raw = jline_member(text, len, key, &n);

	return raw ? jline_string(raw, n) : NULL;
}

bool jline_member_true(const char *text, size_t len, const char *key)
{
	size_t n;
	const char *raw = jline_member(text, len, key, &n);

	return raw && n == 4 && !memcmp(raw, "true", 4);
}

uint64_t jline_member_number(const char *text, size_t len, const char *key)
{
	size_t n;
	const char *raw = jline_member(text, len, key, &n);
	uint64_t v = 0;

	for (size_t i = 0; raw && i < n && i < 19; i++) {
		if (raw[i] < '0' || raw[i] > '9')
			return 0;
		v = v * 10 + (uint64_t)(raw[i] - '0');
	}
	return v;
}

/* The length of the UTF-8 sequence at S, 0 if it is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	unsigned int c = s[0];
	size_t n;

	if (c < 0x80)
		return c ? 1 : 0;
	if (c >= 0xc2 && c < 0xe0)
		n = 2;
	else if (c >= 0xe0 && c < 0xf0)
		n = 3;
	else if (c >= 0xf0 && c < 0xf5)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Too long for what they say, surrogates, above 10ffff. */
	if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) ||
	    (c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool jline_text_valid(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_length((const unsigned char *)s + i, len - i);

		if (!n)
			return false;
		i += n;
	}
	return true;
}
