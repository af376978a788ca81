/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls that stand behind arch.h, and other things of the real
 * machine that core names and these tests do not ask about.
 */
#include "machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <hyp/desc.h>
#include <hyp/hypercall.h>
#include <hyp/printk.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"
#define ABSENT(name, ...) \
	long name(__VA_ARGS__) { return -XEN_ENOSYS; }

ABSENT(do_set_gdt, u64 a, u64 b)
ABSENT(do_platform_op, u64 a)
ABSENT(do_update_descriptor, u64 a, u64 b)
ABSENT(do_physdev_op, u64 a, u64 b)

int pv_set_ldt(struct vcpu *v, u64 base, u32 entries)
{
	v->arch.ldt_base = base;
	v->arch.ldt_entries = entries;
	return 0;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	if (machine_panic_expected)
		__builtin_longjmp(machine_panic_jmp, 1);
	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

void regs_show(const struct regs *r)
{
}

void stack_show(u64 rip, u64 rbp)
{
}
