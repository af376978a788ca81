/* SPDX-License-Identifier: MIT */
/* Pure readers of single values; see config-value.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config-value.h"

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
		s++;
	return s;
}

/* Reads decimal digits at *s; false when there are none or they overflow. */
static bool take_u64(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	}
	*s = p;
	*out = v;
	return true;
}

bool value_u64(const char *s, uint64_t *out)
{
	uint64_t v;

	s = skip_blanks(s);
	if (!take_u64(&s, &v) || *skip_blanks(s))
		return false;
	*out = v;
	return true;
}

bool value_u64_max(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (!value_u64(s, &v) || v > max)
		return false;
	*out = v;
	return true;
}

bool value_i64(const char *s, int64_t *out)
{
	bool negative;
	uint64_t v;

	s = skip_blanks(s);
	negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (!value_u64_max(s, INT64_MAX, &v) || isspace((unsigned char)*s))
		return false;
	*out = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

bool value_bool(const char *s, bool *out)
{
	if (!strcmp(s, "yes") || !strcmp(s, "on"))
		*out = true;
	else if (!strcmp(s, "no") || !strcmp(s, "off"))
		*out = false;
	else
		return false;
	return true;
}

/* Bytes in one of UNIT; 0 when there is no such unit. */
static uint64_t unit_bytes(const char *unit)
{
	static const struct { const char *name; uint64_t bytes; } units[] = {
		{ "b", 1 }, { "bytes", 1 },
		{ "KB", 1000ull }, { "k", 1ull << 10 }, { "KiB", 1ull << 10 },
		{ "MB", 1000000ull }, { "M", 1ull << 20 },
		{ "MiB", 1ull << 20 },
		{ "GB", 1000000000ull }, { "G", 1ull << 30 },
		{ "GiB", 1ull << 30 },
		{ "TB", 1000000000000ull }, { "T", 1ull << 40 },
		{ "TiB", 1ull << 40 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcasecmp(unit, units[i].name))
			return units[i].bytes;
	}
	return 0;
}

bool value_size_kib(const char *amount, const char *unit, uint64_t *kib,
		    const char **why)
{
	uint64_t n, scale = unit_bytes(unit ? unit : "KiB");

	if (!scale) {
		*why = "has a unit other than b, KB, KiB, MB, MiB, GB, GiB, TB, TiB";
		return false;
	}
	if (!value_u64(amount, &n)) {
		*why = "is not a whole number";
		return false;
	}
	if (__builtin_mul_overflow(n, scale, &n) || n > UINT64_MAX - 1023) {
		*why = "is too large";
		return false;
	}
	*kib = (n + 1023) >> 10;
	return true;
}

static bool cpuset_is_empty(const struct guest_cpuset *set)
{
	for (size_t i = 0; i < GUEST_PCPUS_MAX / 64; i++) {
		if (set->bits[i])
			return false;
	}
	return true;
}

bool value_cpuset(const char *s, struct guest_cpuset *out, const char **why)
{
	struct guest_cpuset set = { 0 };

	s = skip_blanks(s);
	for (;;) {
		bool remove = *s == '^';
		uint64_t first, last;

		if (remove)
			s = skip_blanks(s + 1);
		*why = "is not a list of processors such as 0-3,^2,6";
		if (!take_u64(&s, &first))
			return false;
		last = first;
		s = skip_blanks(s);
		if (*s == '-') {
			s = skip_blanks(s + 1);
			if (!take_u64(&s, &last))
				return false;
			s = skip_blanks(s);
		}
		if (last < first) {
			*why = "has a range that runs backwards";
			return false;
		}
		if (last >= GUEST_PCPUS_MAX) {
			*why = "names a processor above 1023";
			return false;
		}
		for (; first <= last; first++) {
			if (remove)
				set.bits[first / 64] &= ~(1ull << first % 64);
			else
				set.bits[first / 64] |= 1ull << first % 64;
		}
		if (!*s)
			break;
		*why = "is not a list of processors such as 0-3,^2,6";
		if (*s != ',')
			return false;
		s = skip_blanks(s + 1);
	}
	if (cpuset_is_empty(&set)) {
		*why = "leaves no processor";
		return false;
	}
	*out = set;
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool value_uuid(const char *s, uint8_t out[16])
{
	uint8_t u[16];

	s = skip_blanks(s);
	for (unsigned int i = 0; i < 16; i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *s == '-')
			s++;
		high = hex(s[0]);
		low = high < 0 ? -1 : hex(s[1]);
		if (low < 0)
			return false;
		u[i] = (uint8_t)(high << 4 | low);
		s += 2;
	}
	if (*skip_blanks(s))
		return false;
	memcpy(out, u, 16);
	return true;
}

bool value_mac(const char *s, uint8_t out[6], const char **why)
{
	uint8_t m[6];

	*why = "is not an address such as 00:16:3e:12:34:56";
	for (unsigned int i = 0; i < 6; i++) {
		int high = hex(s[0]);
		int low = high < 0 ? -1 : hex(s[1]);

		if (low < 0 || s[2] != (i < 5 ? ':' : '\0'))
			return false;
		m[i] = (uint8_t)(high << 4 | low);
		s += 3;
	}
	if (m[0] & 1) {
		*why = "is a multicast address";
		return false;
	}
	if (!(m[0] | m[1] | m[2] | m[3] | m[4] | m[5])) {
		*why = "is all zero";
		return false;
	}
	memcpy(out, m, 6);
	return true;
}

bool value_ip(const char *s)
{
	struct in6_addr a;

	return inet_pton(AF_INET, s, &a) == 1 || inet_pton(AF_INET6, s, &a) == 1;
}

/* The letters after "xvd": a is 0, z is 25, aa is 26. */
static bool take_disk_letters(const char **s, unsigned int *out)
{
	const char *p = *s;
	unsigned int n = 0;

	for (; *p >= 'a' && *p <= 'z'; p++) {
		n = n * 26 + (unsigned int)(*p - 'a') + 1;
		if (n > 1u << 20)
			return false;
	}
	if (p == *s)
		return false;
	*s = p;
	*out = n - 1;
	return true;
}

bool value_vdev(const char *s, uint32_t *out)
{
	unsigned int disk;
	uint64_t part = 0;
	char family;

	if (!strncmp(s, "xvd", 3))
		family = 'x';
	else if (!strncmp(s, "sd", 2) || !strncmp(s, "hd", 2))
		family = s[0];
	else
		return false;
	s += family == 'x' ? 3 : 2;
	if (!take_disk_letters(&s, &disk))
		return false;
	if (*s && (!take_u64(&s, &part) || *s || !part))
		return false;
	switch (family) {
	case 'x':
		if (disk <= 15 && part <= 15)
			*out = 202u << 8 | disk << 4 | (uint32_t)part;
		else if (disk < 1u << 20 && part <= 255)
			*out = 1u << 28 | disk << 8 | (uint32_t)part;
		else
			return false;
		return true;
	case 's':
		if (disk > 15 || part > 15)
			return false;
		*out = 8u << 8 | disk << 4 | (uint32_t)part;
		return true;
	default:
		if (disk > 3 || part > 63)
			return false;
		*out = (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 |
		       (uint32_t)part;
		return true;
	}
}
