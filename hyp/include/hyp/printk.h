/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's log: a ring in memory that sysctl readconsole reads, and
 * the serial console.  A line begins with its level.
 */
#pragma once

#include <hyp/types.h>

#include <asm/regs.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Writes one line (a newline is added) if level passes loglvl=.  Any CPU. */
void log_printf(enum log_level level, const char *fmt, ...) __printf(2, 3);
/* The same about a guest: "d5: ...", passes guest_loglvl=, rate-limited. */
void log_guest(enum log_level level, struct domain *d, const char *fmt, ...)
	__printf(3, 4);

#define log_err(...)	log_printf(LOG_ERR, __VA_ARGS__)
#define log_warn(...)	log_printf(LOG_WARN, __VA_ARGS__)
#define log_info(...)	log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_printf(LOG_DEBUG, __VA_ARGS__)

/* Copies log bytes from *index on; see XEN_SYSCTL_readconsole. */
size_t log_read(char *buf, size_t size, u32 *index, bool clear);

/*
 * The console that the hypervisor and the control domain share.  Output goes
 * line by line where possible; input goes to the control domain through a
 * ring and VIRQ_CONSOLE.
 */

/* Writes raw bytes of the control domain; a bare newline gets its return. */
void console_write(const char *s, size_t n);
/* The hypervisor's own output, which the log keeps: begins a fresh line if a
 * guest's is open. */
void console_write_line(const char *s, size_t n);
/* Takes up to n bytes of input; returns how many.  Control domain only. */
size_t console_read(char *buf, size_t n);
/* WORK_CONSOLE: tells the control domain that input waits. */
void console_work(void);
/* After a panic: the console and the log take no lock any more. */
void console_force(void);

/* Stops the machine with a reason, registers and a stack trace. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;
/* panic() at a fault: shows r, and the stack from there. */
void panic_at(const struct regs *r, const char *fmt, ...)
	__printf(2, 3) __noreturn;
/* Prints registers (a guest's at its crash, too). */
void regs_show(const struct regs *r);
/* Prints the calls from frame rbp on, rip first unless 0. */
void stack_show(u64 rip, u64 rbp);

#define BUG_ON(c) do { \
	if (unlikely(c)) \
		panic("%s:%d: %s", __FILE__, __LINE__, #c); \
} while (0)
#ifdef HYP_DEBUG
#define ASSERT(c) BUG_ON(!(c))
#else
#define ASSERT(c) ((void)sizeof(c))
#endif
