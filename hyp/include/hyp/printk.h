/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's log: a ring in memory that sysctl readconsole reads, and
 * the serial console.  A line begins with its level.
 */
#ifndef HYP_PRINTK_H
#define HYP_PRINTK_H

#include <hyp/types.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct domain;

/* Writes one line (a newline is added) if level passes loglvl=.  Any CPU. */
void log_printf(enum log_level level, const char *fmt, ...) __printf(2, 3);
/* The same about a guest: "d5: ...", passes guest_loglvl=, rate-limited. */
void log_guest(enum log_level level, const struct domain *d,
	       const char *fmt, ...) __printf(3, 4);

#define log_err(...)	log_printf(LOG_ERR, __VA_ARGS__)
#define log_warn(...)	log_printf(LOG_WARN, __VA_ARGS__)
#define log_info(...)	log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_printf(LOG_DEBUG, __VA_ARGS__)

/* Copies log bytes from *index on; see XEN_SYSCTL_readconsole. */
size_t log_read(char *buf, size_t size, u32 *index, bool clear);

/* Stops the machine with a reason, registers and a stack trace. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

#define BUG_ON(c) do { \
	if (unlikely(c)) \
		panic("%s:%d: %s", __FILE__, __LINE__, #c); \
} while (0)
#ifdef HYP_DEBUG
#define ASSERT(c) BUG_ON(!(c))
#else
#define ASSERT(c) ((void)sizeof(c))
#endif

#endif
