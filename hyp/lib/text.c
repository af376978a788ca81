/* SPDX-License-Identifier: MIT */
/* Bounded copies, and numbers read from text. */
#include <hyp/lib.h>

void str_copy(char *to, const char *from, size_t size)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = 0;
}

/* The value of digit c in this base, or -1. */
static int digit(char c, int base)
{
	int d = base;

	if (c >= '0' && c <= '9')
		d = c - '0';
	else if ((c | 32) >= 'a' && (c | 32) <= 'f')
		d = (c | 32) - 'a' + 10;
	return d < base ? d : -1;
}

bool str_to_u64(const char *s, const char **end, u64 *value)
{
	static const char suffix[] = "kKmMgGtT";
	const char *unit;
	unsigned base = 10, shift = 0;
	u64 v = 0;
	int d;

	if (s[0] == '0' && (s[1] | 32) == 'x' && digit(s[2], 16) >= 0) {
		base = 16;
		s += 2;
	} else if (s[0] == '0' && digit(s[1], 8) >= 0) {
		base = 8;
	}
	if (digit(*s, base) < 0)
		return false;
	for (; (d = digit(*s, base)) >= 0; s++) {
		if (v > (~0ULL - d) / base)
			return false;
		v = v * base + d;
	}
	unit = *s ? strchr(suffix, *s) : NULL;
	if (unit) {
		shift = 10 * ((unit - suffix) / 2 + 1);
		s++;
	}
	if (v > ~0ULL >> shift)
		return false;
	*end = s;
	*value = v << shift;
	return true;
}
