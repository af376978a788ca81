/* SPDX-License-Identifier: MIT */
/*
 * tiny - the smallest PV guest: runs a marker that the benchmark counts, then
 * sleeps for ever.  For tests and measurements of the toolstack alone.
 * It needs nothing from whoever starts it: no console, no event channel, no
 * hypercall page (a hypercall is a `syscall` with its number in eax).
 */
#define SCHEDOP_poll	3
#define HYPERCALL_sched_op 29

	.text
	.globl	_start
_start:	nopl	0x5e020001(%rax, %rax, 1)
1:	mov	$HYPERCALL_sched_op, %eax
	mov	$SCHEDOP_poll, %edi	/* no ports, no time-out: never returns */
	lea	poll(%rip), %rsi
	syscall
	jmp	1b

	.data
poll:	.quad	0, 0, 0			/* struct sched_poll */

	.macro	note type, data:vararg
	.balign	4
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\data
2:	.balign	4
	.endm

	.section .note.Xen, "a", @note
	note	1,  .quad _start		/* entry */
	note	5,  .asciz "xen-3.0"		/* interface */
	note	6,  .asciz "tiny"		/* what it is */
	note	8,  .asciz "generic"		/* loader */
	note	9,  .asciz "yes"		/* may run with PAE */
	note	15, .quad 0			/* virtual address = pfn */
