/* SPDX-License-Identifier: MIT */
/* The supervisor's log: one line per event, with the time in UTC. */
#ifndef SUPERVISOR_JOURNAL_H
#define SUPERVISOR_JOURNAL_H

#include <stdint.h>

/* Opens PATH for appending (NULL: standard error).  0 or -errno.  It is bounded,
 * and opened again when it was moved away (common/log.h). */
int journal_open(const char *path);
void journal_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int64_t journal_now(void);		/* seconds since 1970 */
uint64_t journal_boot_ns(void);	/* nanoseconds since boot */

#endif
