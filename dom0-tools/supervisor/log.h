/* SPDX-License-Identifier: MIT */
/* The supervisor's log: one line per event, with the time in UTC. */
#ifndef SUPERVISOR_LOG_H
#define SUPERVISOR_LOG_H

#include <stdint.h>

/* Opens PATH for appending (NULL: standard error).  0 or -errno. */
int log_open(const char *path);
/* Opens the same file again, after it was moved away. */
void log_reopen(void);
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int64_t log_now(void);		/* seconds since 1970 */
uint64_t log_boot_ns(void);	/* nanoseconds since boot */

#endif
