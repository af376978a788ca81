/* SPDX-License-Identifier: MIT */
/*
 * Every way into the hypervisor and every way back to a guest.
 *
 * A guest is interrupted onto the end of its CPU's stack, TOP: there the
 * processor or the syscall stub makes the upper part of stack_top.regs and
 * SAVE_REGS the rest.  What interrupts the hypervisor itself (the idle loop,
 * a fault with a fix-up) makes its struct regs further down and goes back
 * with `iretq`.  NMI, machine check, double fault and debug have stacks of
 * their own: they may come at any instruction, even before the first one of
 * a stub, when %rsp is still the guest's.
 *
 * Interrupts are off everywhere in here.  So nothing can change the CPU's
 * work bits between a look at them and the return to the guest but another
 * CPU, which then sends an interrupt.
 *
 * The crossings that happen all the time have roads of their own, which
 * touch only what they must: a system call of user space, a page fault of
 * user space, the iret hypercall, and any other hypercall.  Each looks for
 * the plain case and leaves everything else, unchanged, to C.
 *
 * Mitigations (a per-CPU root table for user mode, IBPB, clearing of
 * buffers, return trampolines) belong at the two macros TO_KERNEL and
 * TO_USER and before each IRETQ and SYSRETQ.
 */
#include <asm-offsets.h>

#include <asm/insn.h>
#include <asm/layout.h>

#define STACK_CPUS	128		/* MAX_CPUS */
#define NR_HYPERCALLS	64
#define HYPERCALL_IRET	23
#define SYSCALL_IN	0x100		/* "vector" of a syscall */

#define VGCF_IN_SYSCALL_BYTE 1		/* bit 8 of the frame's flags */

	/* An instruction that touches guest memory, and where its fault goes on. */
	.macro GUEST label, insn:vararg
773:	\insn
	FIXUP	773b, \label
	.endm

	/* Lets us touch guest memory; the flag goes with the guest's own. */
	.macro GUEST_OPEN
	cmpb	$0, smap_enabled(%rip)
	je	771f
	stac
771:
	.endm

	.macro GUEST_CLOSE
	cmpb	$0, smap_enabled(%rip)
	je	772f
	clac
772:
	.endm

	/* rip, cs, rflags, rsp, ss, error code and vector are there. */
	.macro SAVE_REGS rcx_from=%rcx
	.irp	r, rdi, rsi, rdx
	push	%\r
	.endr
	push	\rcx_from
	.irp	r, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
	push	%\r
	.endr
	.endm

	/* What came while the hypervisor itself ran: C says where to go on. */
	.macro HERE handler
	SAVE_REGS
	cld
	GUEST_CLOSE			/* iretq opens what was open */
	mov	%rsp, %rdi
	call	\handler
	RESTORE_REGS
	add	$8, %rsp
	iretq
	.endm

	.macro RESTORE_CALLER_SAVED
	.irp	r, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	pop	%\r
	.endr
	.endm

	.macro RESTORE_REGS
	.irp	r, r15, r14, r13, r12, rbp, rbx
	pop	%\r
	.endr
	RESTORE_CALLER_SAVED
	.endm

	/* A word of the frame below the guest kernel's stack, %rdx. */
	.macro PUT label, from, at
	mov	\from, %rax
	GUEST	\label, mov	%rax, \at(%rdx)
	.endm

	/* vcpu's mode and tables; tmp is lost. */
	.macro TO_KERNEL vcpu, tmp
	mov	VCPU_MMU_KERNEL(\vcpu), \tmp
	shl	$12, \tmp
	mov	\tmp, %cr3
	swapgs
	movb	$1, VCPU_KERNEL_MODE(\vcpu)
	.endm

	/* From wherever to the main stack, so many bytes of a frame being there. */
	.macro TO_MAIN_STACK bytes
	mov	stack_mask(%rip), %rax
	and	%rsp, %rax
	lea	STACK_SIZE - TOP_REST - (\bytes)(%rax), %rsp
	.endm

	.text

/*
 * LSTAR of each CPU: find the stack without a register.
 * SYSCALL left rip in rcx and rflags in r11; SFMASK cleared DF, TF, AC, NT.
 */
	.balign 64
	.global syscall_stubs
syscall_stubs:
	.set	n, 0
	.rept	STACK_CPUS
	.balign 64
	mov	%rsp, syscall_rsp + 64 * n(%rip)
	movabs	$PERCPU_START + n * PERCPU_STRIDE + PERCPU_STACK + STACK_SIZE - TOP_REST, %rsp
	push	$SEL_USER_DS
	push	syscall_rsp + 64 * n(%rip)
	jmp	entry_syscall
	.set	n, n + 1
	.endr

	/* CSTAR, where the processor has that: 32-bit programs use INT 0x80. */
	.global syscall32
syscall32:
	mov	$-38, %eax		/* -XEN_ENOSYS */
	sysretl

	.bss
	.balign 64
syscall_rsp:
	.skip	64 * STACK_CPUS
	.text

	.balign 64
entry_syscall:
	push	%r11
	push	$SEL_USER_CS64
	push	%rcx
	mov	TOP_VCPU + 40(%rsp), %rcx
	cmpb	$0, VCPU_KERNEL_MODE(%rcx)
	je	user_syscall
	cmp	$HYPERCALL_IRET, %rax
	je	hypercall_iret

	/* ---- Any other hypercall ---- */
hypercall:
	push	$SYSCALL_IN
	SAVE_REGS 32(%rsp)		/* rcx: as rip */
	cmp	$NR_HYPERCALLS, %rax
	jae	no_hypercall
	lea	hypercall_table(%rip), %r11
	mov	%r10, %rcx		/* 4th argument; the others are in place */
	call	*(%r11, %rax, 8)
after_hypercall:
	mov	%rax, REGS_RAX(%rsp)
	mov	TOP_CPU + REGS_SIZE(%rsp), %rcx
	cmpl	$0, CPU_WORK(%rcx)
	jne	exit_to_guest
	mov	TOP_VCPU + REGS_SIZE(%rsp), %rdx
	mov	VCPU_INFO(%rdx), %rdx
	cmpb	$0, INFO_PENDING(%rdx)
	jne	1f
	/* The same guest goes on, so C gave back its own rbx, rbp, r12-r15. */
2:	add	$6 * 8, %rsp
	RESTORE_CALLER_SAVED
	mov	8(%rsp), %rcx
	cmp	hyp_end(%rip), %rcx	/* sysret faults here, not there, */
	jb	3f			/* if rcx is not canonical */
	mov	24(%rsp), %r11
	mov	32(%rsp), %rsp
	sysretq
1:	cmpb	$0, INFO_MASK(%rdx)
	jne	2b
	jmp	exit_to_guest
3:	mov	-4 * 8(%rsp), %rcx	/* the guest's rcx, popped already */
	add	$8, %rsp
	jmp	iret_insn

no_hypercall:
	mov	$-38, %rax		/* -XEN_ENOSYS */
	jmp	after_hypercall

/* ---- SYSCALL of user space: bounce to the guest kernel ---- */
	.balign 64
user_syscall:
	push	%rax
	push	%rdx
	mov	VCPU_INFO(%rcx), %rdx
	cmpb	$0, INFO_MASK(%rdx)
	jne	user_syscall_slow
	cmpb	$0, VCPU_HOT_SYSCALL(%rcx)
	je	user_syscall_slow
	movb	$1, INFO_MASK(%rdx)
	TO_KERNEL %rcx, %rax
	mov	VCPU_KERNEL_SP(%rcx), %rdx
	sub	$56, %rdx
	GUEST_OPEN
	mov	2 * 8(%rsp), %rax	/* rip */
	GUEST	user_syscall_fault, mov	%rax, (%rdx)		/* frame: rcx, r11, rip, cs, rflags, rsp, ss */
	GUEST	user_syscall_fault, mov	%r11, 8(%rdx)
	GUEST	user_syscall_fault, mov	%rax, 16(%rdx)
	GUEST	user_syscall_fault, movq	$SEL_USER_CS64, 24(%rdx)
	GUEST	user_syscall_fault, mov	%r11, 32(%rdx)
	PUT	user_syscall_fault, "5 * 8(%rsp)", 40	/* rsp */
	GUEST	user_syscall_fault, movq	$SEL_USER_DS, 48(%rdx)
	mov	VCPU_SYSCALL_ENTRY(%rcx), %rcx
	and	$~RFLAGS_ENTRY_CLEAR, %r11
	mov	8(%rsp), %rax
	mov	%rdx, 8(%rsp)
	mov	(%rsp), %rdx
	mov	8(%rsp), %rsp
	sysretq				/* checked when it was registered */

user_syscall_slow:
	pop	%rdx
	pop	%rax
	push	$SYSCALL_IN
	SAVE_REGS 32(%rsp)
	mov	%rsp, %rdi
	call	pv_syscall		/* void pv_syscall(struct regs *) */
	jmp	exit_to_guest

user_syscall_fault:
	pop	%rdx
	pop	%rax
	mov	(%rsp), %rcx
	push	$SYSCALL_IN
bad_stack:
	SAVE_REGS
	cld
	GUEST_CLOSE
	call	pv_bad_stack		/* void pv_bad_stack(void) */
	jmp	exit_to_guest

/* ---- The iret hypercall ---- */
	.balign 64
hypercall_iret:
	mov	24(%rsp), %rax		/* rax, r11, rcx, flags, rip, cs, */
	cmp	hyp_end(%rip), %rax	/* rflags, rsp, ss */
	jb	iret_slow
	GUEST_OPEN
	GUEST	iret_slow, testb	$1, 24 + VGCF_IN_SYSCALL_BYTE(%rax)
	jnz	iret_slow
	/* The frame for IRETQ, below the one that the slow road needs. */
	GUEST	iret_slow, push	64(%rax)
	GUEST	iret_slow_drop, push	56(%rax)
	GUEST	iret_slow_drop, push	48(%rax)
	GUEST	iret_slow_drop, push	40(%rax)
	GUEST	iret_slow_drop, push	32(%rax)
	GUEST	iret_slow_drop, push	16(%rax)
	GUEST	iret_slow_drop, push	8(%rax)
	GUEST	iret_slow_drop, push	(%rax)
	mov	VCPU_INFO(%rcx), %r11
	movzwl	4 * 8(%rsp), %eax	/* cs */
	or	$3, %eax
	cmp	%ax, 4 * 8(%rsp)	/* was RPL 3, so to user space? */
	mov	%rax, 4 * 8(%rsp)
	mov	5 * 8(%rsp), %eax	/* rflags; mov keeps the flags */
	jne	4f

	test	$RFLAGS_IF, %eax	/* user space: with events on only, */
	jz	iret_slow_drop
	cmpb	$0, INFO_PENDING(%r11)	/* and none waiting */
	jne	iret_slow_drop
	and	$~RFLAGS_NEVER, %eax
	mov	%rax, 5 * 8(%rsp)
	mov	VCPU_MMU_USER(%rcx), %rax
	cmp	$-1, %rax
	je	iret_slow_drop
	movb	$0, INFO_MASK(%r11)
	movb	$0, VCPU_KERNEL_MODE(%rcx)
	shl	$12, %rax
	mov	%rax, %cr3
	swapgs
	orb	$3, 7 * 8(%rsp)		/* ss */
	pop	%rax
	pop	%r11
	pop	%rcx
	jmp	iret_insn

4:	/* Guest kernel to guest kernel. */
	test	$RFLAGS_IF, %eax
	jnz	5f
	movb	$1, INFO_MASK(%r11)
	jmp	6f
5:	cmpb	$0, INFO_PENDING(%r11)
	jne	iret_slow_drop
	movb	$0, INFO_MASK(%r11)
6:	and	$~RFLAGS_NEVER, %eax
	or	$RFLAGS_IF, %eax
	mov	%rax, 5 * 8(%rsp)
	orb	$3, 7 * 8(%rsp)
	pop	%rax
	pop	%r11
	pop	%rcx
	jmp	iret_insn

iret_slow_drop:				/* rcx is still the vcpu */
	TO_MAIN_STACK 40
iret_slow:
	GUEST_CLOSE
	mov	$HYPERCALL_IRET, %eax
	mov	16(%rsp), %r11
	push	$SYSCALL_IN
	SAVE_REGS 32(%rsp)
	call	do_iret			/* sets all registers but rax's slot */
	mov	%rax, REGS_RAX(%rsp)
	jmp	exit_to_guest

/* ---- Exceptions ---- */

	/*
	 * One stub of 16 bytes for each vector.  Vector and error code share a
	 * word; the code is its low half, and 0 where the processor has none.
	 */
	.balign 16
	.global entry_stubs
entry_stubs:
	.set	v, 0
	.rept	256
	.balign 16
	.if	v >= 32 || !(TRAPS_WITH_CODE >> (v & 31) & 1)
	push	$0
	.endif
	movl	$v, 4(%rsp)
	.if	v == 1
	jmp	debug
	.elseif	v == 2
	jmp	nmi
	.elseif	v == 8 || v == 18
	jmp	exception_here
	.elseif	v < 32 || v == 0x80
	jmp	exception
	.else
	jmp	interrupt
	.endif
	.set	v, v + 1
	.endr

exception:
	testb	$3, REGS_CS - REGS_VECTOR + 4(%rsp)
	jz	exception_here
exception_of_guest:
	SAVE_REGS
	cld
	GUEST_CLOSE
	mov	%rsp, %rdi
	call	trap_guest

	/* Nothing to do first?  Else, and after a change of guest: C. */
leave:
	mov	TOP_CPU + REGS_SIZE(%rsp), %rcx
	cmpl	$0, CPU_WORK(%rcx)
	jne	exit_to_guest
	mov	TOP_VCPU + REGS_SIZE(%rsp), %rdx
	mov	VCPU_INFO(%rdx), %rdx
	cmpb	$0, INFO_PENDING(%rdx)
	jne	exit_to_guest
	RESTORE_REGS
	add	$8, %rsp
	jmp	iret_insn

exception_here:
	HERE	trap_hypervisor

	/* Page fault: user space's goes straight to the guest kernel. */
	.balign 64
	.global entry_page_fault
entry_page_fault:
	testb	$3, 16(%rsp)
	jz	3f
	push	%rax
	push	%rcx
	push	%rdx
	mov	TOP_VCPU + 9 * 8(%rsp), %rcx
	cmpb	$0, VCPU_KERNEL_MODE(%rcx)
	jne	1f
	mov	VCPU_INFO(%rcx), %rdx
	cmpb	$0, INFO_MASK(%rdx)
	jne	1f
	cmpq	$0, VCPU_HOT_PF(%rcx)
	je	1f
	mov	%cr2, %rax
	mov	%rax, INFO_CR2(%rdx)
	movb	$1, INFO_MASK(%rdx)
	TO_KERNEL %rcx, %rax
	mov	VCPU_KERNEL_SP(%rcx), %rdx
	sub	$64, %rdx
	GUEST_OPEN
	PUT	user_fault_fault, "1 * 8(%rsp)", 0	/* rcx */
	GUEST	user_fault_fault, mov	%r11, 8(%rdx)
	mov	3 * 8(%rsp), %eax	/* error code */
	GUEST	user_fault_fault, mov	%rax, 16(%rdx)
	PUT	user_fault_fault, "4 * 8(%rsp)", 24	/* rip */
	movzwl	5 * 8(%rsp), %eax	/* cs */
	GUEST	user_fault_fault, mov	%rax, 32(%rdx)
	mov	6 * 8(%rsp), %r11	/* rflags */
	GUEST	user_fault_fault, mov	%r11, 40(%rdx)
	PUT	user_fault_fault, "7 * 8(%rsp)", 48	/* rsp */
	movzwl	8 * 8(%rsp), %eax	/* ss */
	GUEST	user_fault_fault, mov	%rax, 56(%rdx)
	mov	VCPU_HOT_PF(%rcx), %rcx
	and	$~RFLAGS_ENTRY_CLEAR, %r11
	mov	2 * 8(%rsp), %rax
	mov	%rdx, 2 * 8(%rsp)
	mov	(%rsp), %rdx
	mov	2 * 8(%rsp), %rsp
	sysretq

1:	pop	%rdx
	pop	%rcx
	pop	%rax
	movl	$14, 4(%rsp)
	jmp	exception_of_guest
3:	movl	$14, 4(%rsp)
	jmp	exception_here

user_fault_fault:
	pop	%rdx
	pop	%rcx
	pop	%rax
	movl	$14, 4(%rsp)
	jmp	bad_stack

/* ---- Interrupts ---- */

interrupt:
	testb	$3, REGS_CS - REGS_VECTOR + 4(%rsp)
	jz	1f
	SAVE_REGS
	cld
	GUEST_CLOSE
	mov	%rsp, %rdi
	call	interrupt_handle
	jmp	leave
1:	HERE	interrupt_handle	/* the idle loop was interrupted */

/* ---- Those with stacks of their own ---- */

nmi:
	HERE	trap_nmi

debug:
	HERE	trap_debug

/* ---- Back to the guest ---- */

	.global debug_of_guest, exit_to_guest
debug_of_guest:
	TO_MAIN_STACK REGS_SIZE
	mov	%rsp, %rdi
	call	trap_guest
exit_to_guest:
	TO_MAIN_STACK REGS_SIZE
	call	pv_return
	RESTORE_REGS
	add	$8, %rsp
	/* The one place that enters a guest by IRETQ.  A fault here is the
	 * guest's: traps.c takes the frame at %rsp as what was interrupted. */
	.global iret_insn
iret_insn:
	iretq

	.section .rodata
	.balign 8
hyp_end:
	.quad	HYP_END
stack_mask:
	.quad	-STACK_SIZE

	.section .note.GNU-stack, "", @progbits
