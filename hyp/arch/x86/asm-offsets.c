/* SPDX-License-Identifier: MIT */
/* Struct offsets for the .S files; compiled to text, see hyp/build.mk. */
#include <hyp/domain.h>

#include <xen/callback.h>

#define DEFINE(sym, value) \
	__asm__ volatile("\n.ascii \"->" #sym " %0\"" : : "i"(value))
#define TOP_END (offsetof(struct stack_top, regs) + sizeof(struct regs))

void asm_offsets(void);

void asm_offsets(void)
{
	/* From the end of stack_top.regs, where TSS.RSP0 points. */
	DEFINE(TOP_CPU, offsetof(struct stack_top, cpu) - TOP_END);
	DEFINE(TOP_VCPU, offsetof(struct stack_top, vcpu) - TOP_END);
	DEFINE(TOP_REST, sizeof(struct stack_top) - TOP_END);
	DEFINE(REGS_SIZE, sizeof(struct regs));
	DEFINE(REGS_RAX, offsetof(struct regs, rax));
	DEFINE(REGS_CS, offsetof(struct regs, cs));
	DEFINE(REGS_VECTOR, offsetof(struct regs, vector));
	DEFINE(CPU_WORK, offsetof(struct cpu, work));
	DEFINE(VCPU_INFO, offsetof(struct vcpu, info));
	DEFINE(VCPU_MMU_KERNEL, offsetof(struct vcpu, mmu.kernel));
	DEFINE(VCPU_MMU_USER, offsetof(struct vcpu, mmu.user));
	DEFINE(VCPU_KERNEL_MODE, offsetof(struct vcpu, arch.kernel_mode));
	DEFINE(VCPU_HOT_SYSCALL, offsetof(struct vcpu, arch.hot_syscall));
	DEFINE(VCPU_HOT_PF, offsetof(struct vcpu, arch.hot_pf));
	DEFINE(VCPU_KERNEL_SP, offsetof(struct vcpu, arch.kernel_sp));
	DEFINE(VCPU_SYSCALL_ENTRY, offsetof(struct vcpu, arch.callback[CALLBACKTYPE_syscall]));
	DEFINE(INFO_PENDING, offsetof(struct vcpu_info, evtchn_upcall_pending));
	DEFINE(INFO_MASK, offsetof(struct vcpu_info, evtchn_upcall_mask));
	DEFINE(INFO_CR2, offsetof(struct vcpu_info, arch.cr2));
}
