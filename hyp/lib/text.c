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
static int digit(char c, unsigned base)
{
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if (c >= 'a' && c <= 'f')
		v = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		v = c - 'A' + 10;
	return v < (int)base ? v : -1;
}

/* log2 of what a size suffix stands for; -1: not a suffix. */
static int suffix_shift(char c)
{
	switch (c) {
	case 'k': case 'K': return 10;
	case 'm': case 'M': return 20;
	case 'g': case 'G': return 30;
	case 't': case 'T': return 40;
	}
	return -1;
}

bool str_to_u64(const char *s, const char **end, u64 *value)
{
	unsigned base = 10;
	u64 v = 0;
	int d, shift;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') &&
	    digit(s[2], 16) >= 0) {
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
	shift = suffix_shift(*s);
	if (shift >= 0) {
		if (v > ~0ULL >> shift)
			return false;
		v <<= shift;
		s++;
	}
	*end = s;
	*value = v;
	return true;
}
