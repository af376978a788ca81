/* SPDX-License-Identifier: MIT */
/* The protocol's bytes; see wire.h. */
#include "wire.h"

#include <stdio.h>
#include <string.h>

#define LOCAL_PREFIX	"/local/domain/"

static bool name_char(unsigned char c)
{
	static const uint64_t ok[4] = {
		/* - / 0-9 */ 0x03ffa00000000000ull,
		/* @ A-Z _ a-z */ 0x07fffffe87ffffffull,
	};

	return ok[c >> 6] >> (c & 63) & 1;
}

uint64_t path_hash_root(uint64_t key)
{
	return key ^ 0x9e3779b97f4a7c15ull;
}

/*
 * Multiply and fold per byte, with a secret odd multiplier: a guest that
 * chooses names cannot choose buckets.
 */
uint64_t path_hash_step(uint64_t h, const char *name, size_t len, uint64_t key)
{
	const uint64_t mul = key | 1;

	h = (h ^ '/') * mul;
	for (size_t i = 0; i < len; i++) {
		h ^= h >> 32;
		h = (h ^ (unsigned char)name[i]) * mul;
	}
	return h ^ h >> 32;
}

/* How much of an absolute path counts against the limit of relative ones. */
static size_t local_prefix(const char *s, size_t len)
{
	const size_t n = sizeof(LOCAL_PREFIX) - 1;
	size_t i = n;

	if (len <= n || memcmp(s, LOCAL_PREFIX, n))
		return 0;
	while (i < len && s[i] >= '0' && s[i] <= '9')
		i++;
	return i > n && i < len && s[i] == '/' ? i + 1 : 0;
}

static bool parse_special(struct path *p, uint64_t key)
{
	for (size_t i = 0; i < p->len; i++)
		if (!name_char(p->s[i]))
			return false;
	p->special = true;
	p->depth = 0;
	p->end[0] = p->len;
	p->hash[0] = path_hash_step(~path_hash_root(key), p->s, p->len, key);
	return true;
}

bool path_parse(struct path *p, const char *text, size_t len,
		const char *base, bool special, uint64_t key)
{
	size_t used = 0, from;
	unsigned int level = 0;

	if (len == 0 || len > XENSTORE_ABS_PATH_MAX)
		return false;
	if (text[0] != '/' && text[0] != '@') {
		if (!base)
			return false;
		used = strlen(base);
		if (used + 1 + len > XENSTORE_ABS_PATH_MAX)
			return false;
		memcpy(p->s, base, used);
		p->s[used++] = '/';
	}
	memcpy(p->s + used, text, len);
	p->len = used + len;
	p->s[p->len] = 0;
	p->special = false;
	if (p->s[0] == '@')
		return special && p->len <= XENSTORE_REL_PATH_MAX &&
		       parse_special(p, key);
	/* The limit is on the canonical path, whoever spelled it (XSA-323). */
	if (p->len > XENSTORE_REL_PATH_MAX + local_prefix(p->s, p->len))
		return false;
	p->end[0] = 0;
	p->hash[0] = path_hash_root(key);
	p->depth = 0;
	if (p->len == 1)
		return true;
	for (from = 1; from <= p->len; from = p->end[level] + 1u) {
		size_t to = from;

		while (to < p->len && p->s[to] != '/') {
			if (!name_char(p->s[to]))
				return false;
			to++;
		}
		/* No "//" and no '/' at the end. */
		if (to == from)
			return false;
		level++;
		p->end[level] = to;
		p->hash[level] = path_hash_step(p->hash[level - 1],
						p->s + from, to - from, key);
	}
	p->depth = level;
	return true;
}

int wire_strings(const char *payload, size_t len, const char **str, int max)
{
	const char *end = payload + len, *nul;
	int n = 0;

	while (payload < end) {
		nul = memchr(payload, 0, end - payload);
		if (!nul)
			return -1;
		if (n < max)
			str[n] = payload;
		n++;
		payload = nul + 1;
	}
	return n;
}

bool wire_number(const char *s, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (len == 0 || len > 20)
		return false;
	for (size_t i = 0; i < len; i++) {
		const unsigned int d = (unsigned char)s[i] - '0';

		if (d > 9 || d > max || v > (max - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}

const char *wire_error_name(int err)
{
	const size_t n = sizeof(xsd_errors) / sizeof(xsd_errors[0]);

	for (size_t i = 0; i < n; i++)
		if (xsd_errors[i].errnum == err)
			return xsd_errors[i].errstring;
	return "EINVAL";
}
