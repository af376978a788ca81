/* SPDX-License-Identifier: MIT */
/*
 * One line per event: "PROGRAM: sentence", to stderr, or to a file that is
 * bounded (outlog.h).  Any thread may call.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stddef.h>

#define LOG_FILE_MAX	(4u << 20)

/* NULL: say nothing (fuzzing). */
void log_init(const char *program);
/* To this file from now on, NULL: to stderr.  0; or -errno, and then it is as
 * before. */
int log_to(const char *path);
/* What libraries and the dying say to stderr goes to the file as well. */
void log_take_stderr(void);
void log_msg(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));
/* A whole line, with its newline, as it is. */
void log_raw(const char *line, size_t n);

#endif
