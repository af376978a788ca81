/* SPDX-License-Identifier: MIT */
/* The daemons' log; see log.h. */
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *log_program = "daemon";

void log_init(const char *program)
{
	log_program = program;
}

/* One write() per line, so lines of several processes never mix. */
static void log_line(const char *fmt, va_list ap)
{
	char line[1024];
	int n, m;

	if (!log_program)
		return;
	n = snprintf(line, sizeof(line), "%s: ", log_program);
	m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	n += m < 0 ? 0 : m;
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

void log_msg(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(fmt, ap);
	va_end(ap);
}

void log_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(fmt, ap);
	va_end(ap);
	exit(1);
}
