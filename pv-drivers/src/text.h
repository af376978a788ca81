/* SPDX-License-Identifier: MIT */
/* Numbers and words.  Inside the library only. */
#ifndef PV_TEXT_H
#define PV_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t text_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline bool text_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Decimal digits and a NUL; room for 21.  Returns their number. */
static inline size_t text_number(char *to, uint64_t v)
{
	char digits[20];
	size_t n = 0, i;

	do
		digits[n++] = '0' + v % 10;
	while (v /= 10);
	for (i = 0; i < n; i++)
		to[i] = digits[n - 1 - i];
	to[n] = 0;
	return n;
}

/* A whole text that is a decimal number and fits; else false. */
static inline bool text_to_number(const char *s, uint64_t *v)
{
	uint64_t sum = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' ||
		    __builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, *s - '0', &sum))
			return false;
	}
	*v = sum;
	return true;
}

#endif
