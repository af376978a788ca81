/* SPDX-License-Identifier: MIT */
/* The daemons' log; see log.h. */
#include "log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "outlog.h"

static const char *log_program = "daemon";

/* file_lock protects these. */
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;
static struct outlog file = OUTLOG_NONE;
static bool has_stderr;

void log_init(const char *program)
{
	log_program = program;
}

int log_to(const char *path)
{
	struct outlog fresh = OUTLOG_NONE;
	int rc = path ? outlog_open(&fresh, path, LOG_FILE_MAX) : 0;

	if (rc) {
		outlog_close(&fresh);
		return rc;
	}
	pthread_mutex_lock(&file_lock);
	outlog_close(&file);
	file = fresh;
	pthread_mutex_unlock(&file_lock);
	return 0;
}

void log_take_stderr(void)
{
	pthread_mutex_lock(&file_lock);
	if (file.fd >= 0)
		has_stderr = dup2(file.fd, STDERR_FILENO) >= 0;
	pthread_mutex_unlock(&file_lock);
}

/* A daemon and its keeper write to one file, and either may begin a new one. */
static bool to_file(const char *line, size_t n)
{
	const unsigned int opened = file.opened;

	outlog_follow(&file);
	outlog_write(&file, line, n);
	if (file.fd >= 0 && file.opened != opened && has_stderr)
		dup2(file.fd, STDERR_FILENO);
	return file.fd >= 0;
}

void log_raw(const char *line, size_t n)
{
	bool done;

	pthread_mutex_lock(&file_lock);
	done = to_file(line, n);
	pthread_mutex_unlock(&file_lock);
	/* One write() per line, so lines of several processes never mix. */
	if (!done && write(STDERR_FILENO, line, n) < 0)
		return;
}

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
	log_raw(line, (size_t)n);
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
