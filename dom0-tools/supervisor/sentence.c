/* SPDX-License-Identifier: MIT */
/* Sentences on their way up; see sentence.h. */
#include "sentence.h"

#include <stdarg.h>
#include <stdio.h>

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
