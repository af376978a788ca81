/* SPDX-License-Identifier: MIT */
/* One write per line, so lines of several threads do not mix. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "journal.h"

int journal_open(const char *path)
{
	return path ? log_to(path) : 0;
}

int64_t journal_now(void)
{
	return time(NULL);
}

uint64_t journal_boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void journal_line(const char *fmt, ...)
{
	char line[2048];
	time_t now = time(NULL);
	struct tm tm;
	size_t n;
	va_list ap;

	gmtime_r(&now, &tm);
	n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	va_start(ap, fmt);
	n += (size_t)vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)line[i] < 0x20)
			line[i] = ' ';
	}
	line[n++] = '\n';
	log_raw(line, n);
}
