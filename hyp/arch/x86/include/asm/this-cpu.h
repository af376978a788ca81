/* SPDX-License-Identifier: MIT */
/*
 * struct stack_top sits at the end of each CPU's stack, so the stack pointer
 * leads to everything that belongs to this CPU.  The hypervisor leaves the
 * FS and GS bases to the guest.
 */
#pragma once

#include <asm/layout.h>
#include <asm/regs.h>

struct stack_top {
	u64 pad0;		/* makes regs end 16-aligned, as TSS.RSP0 must */
	struct regs regs;	/* the guest's, when it is stopped */
	struct cpu *cpu;
	struct vcpu *vcpu;	/* whose state is loaded; cpu->current in a guest */
	u64 pad1[2];
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
