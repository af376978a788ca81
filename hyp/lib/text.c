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
	const char *all = "0123456789abcdef", *at;

	at = c ? strchr(all, c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c) : NULL;
	return at && at < all + base ? at - all : -1;
}

/* log2 of what a size suffix stands for; 0: it is none. */
static unsigned suffix_shift(char c)
{
	const char *all = "kKmMgGtT", *at = c ? strchr(all, c) : NULL;

	return at ? 10 * ((at - all) / 2 + 1) : 0;
}

bool str_to_u64(const char *s, const char **end, u64 *value)
{
	unsigned base = 10;
	u64 v = 0;
	unsigned shift;
	int d;

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
	if (v > ~0ULL >> shift)
		return false;
	*end = s + (shift > 0);
	*value = v << shift;
	return true;
}
