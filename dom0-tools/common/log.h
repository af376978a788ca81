/* SPDX-License-Identifier: MIT */
/* One line per event to stderr: "PROGRAM: sentence". */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>

/* NULL: say nothing (fuzzing). */
void log_init(const char *program);
void log_msg(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif
