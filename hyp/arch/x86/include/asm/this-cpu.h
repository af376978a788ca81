/* SPDX-License-Identifier: MIT */
/*
 * struct stack_top sits at the end of each CPU's stack, so the stack pointer
 * leads to everything that belongs to this CPU.  The hypervisor leaves the
 * FS and GS bases to the guest.
 */
#ifndef ASM_THIS_CPU_H
#define ASM_THIS_CPU_H

#include <asm/layout.h>
#include <asm/regs.h>

struct stack_top {
	struct regs regs;	/* the guest's, when it is stopped */
	struct cpu *cpu;
	u64 scratch;		/* entry.S: the guest's rsp */
	u64 pad[2];		/* keeps regs 16-aligned at its end */
} __aligned(16);

static inline struct stack_top *stack_top(void)
{
	u64 sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct stack_top *)((sp & ~(STACK_SIZE - 1UL)) + STACK_SIZE -
				    sizeof(struct stack_top));
}

static inline struct cpu *this_cpu(void)
{
	return stack_top()->cpu;
}

/* Registers of the guest that this CPU interrupted. */
static inline struct regs *guest_regs(void)
{
	return &stack_top()->regs;
}

#endif
