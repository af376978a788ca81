/* SPDX-License-Identifier: MIT */
/* Each thread plays a CPU: machine_as_cpu() says which. */
#ifndef ASM_THIS_CPU_H
#define ASM_THIS_CPU_H

#include <asm/layout.h>
#include <asm/regs.h>

struct cpu;

extern __thread struct cpu *machine_cpu;
extern __thread struct regs machine_regs;

/* As the code of the guest's ways in and out sees it. */
struct stack_top {
	struct vcpu *vcpu;
};

extern __thread struct stack_top machine_top;

static inline struct stack_top *stack_top(void)
{
	return &machine_top;
}

static inline struct cpu *this_cpu(void)
{
	return machine_cpu;
}

static inline struct regs *guest_regs(void)
{
	struct regs *r = &machine_regs;

	/* GCC 12 computes a null check of a thread's variable wrongly. */
	__asm__("" : "+r"(r));
	return r;
}

#endif
