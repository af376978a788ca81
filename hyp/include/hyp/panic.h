/* SPDX-License-Identifier: MIT */
/* What a panic shows, for those who have registers at hand. */
#ifndef HYP_PANIC_H
#define HYP_PANIC_H

#include <hyp/printk.h>
#include <hyp/types.h>

#include <asm/regs.h>

/* panic() at a fault: shows r, and the stack from there. */
void panic_at(const struct regs *r, const char *fmt, ...)
	__printf(2, 3) __noreturn;
/* Prints registers (a guest's at its crash, too). */
void regs_show(const struct regs *r);
/* Prints the calls from frame rbp on, rip first unless 0. */
void stack_show(u64 rip, u64 rbp);

#endif
