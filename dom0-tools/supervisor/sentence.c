/* SPDX-License-Identifier: MIT */
/* Sentences on their way up; see sentence.h. */
#include "sentence.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void vsay(char **why, const char *fmt, va_list ap)
{
	if (vasprintf(why, fmt, ap) < 0)
		*why = NULL;
}

void say(char **why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(why, fmt, ap);
	va_end(ap);
}

int refuse(char **why, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(why, fmt, ap);
	va_end(ap);
	return rc;
}

size_t utf8_cut(const char *text, size_t max)
{
	const size_t n = strnlen(text, max);
	size_t from = n, whole;
	unsigned char c;

	/* The last letter begins where no byte continues one. */
	while (from && ((unsigned char)text[from - 1] & 0xc0) == 0x80)
		from--;
	if (!from)
		return n;
	c = (unsigned char)text[--from];
	whole = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return from + whole > n ? from : n;
}
