/* SPDX-License-Identifier: MIT */
/*
 * The console that the hypervisor and the control domain share.  Output goes
 * line by line where possible; input goes to the control domain through a
 * ring and VIRQ_CONSOLE.
 */
#ifndef HYP_CONSOLE_H
#define HYP_CONSOLE_H

#include <hyp/types.h>

/* Writes raw bytes of the control domain; a bare newline gets its return. */
void console_write(const char *s, size_t n);
/* The hypervisor's own output: begins a fresh line if a guest's is open. */
void console_write_line(const char *s, size_t n);
/* Takes up to n bytes of input; returns how many.  Control domain only. */
size_t console_read(char *buf, size_t n);
/* WORK_CONSOLE: tells the control domain that input waits. */
void console_work(void);
/* After a panic: the console and the log take no lock any more. */
void console_force(void);
bool console_is_forced(void);

#endif
