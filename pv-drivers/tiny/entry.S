/* SPDX-License-Identifier: MIT */
/*
 * The first instruction, the traps, and what the kernel tells the builder.
 */
#include "tiny.h"

	/* A no-op that the bench counts: bench/marker.h. */
	.macro	mark id
	nopl	0x5e000000 + \id(%rax, %rax, 1)
	.endm

	.section .start, "ax"
	.globl	_start
_start:	mark	MARK_FIRST
	cld
	lea	stack_end(%rip), %rsp
	xor	%ebp, %ebp
	mov	%rsi, %rdi		/* start_info */
	call	tiny_start
	ud2

	.text
	/*
	 * A trap pushes rcx and r11 below the usual frame.  There is no way
	 * back: all that trap() wants is the frame and the number.
	 */
	.set	n, 0
	.globl	trap_stubs
	.balign	16
trap_stubs:
	.rept	NR_TRAPS
	.balign	16
	mov	$n, %edi
	jmp	trap_entry
	.set	n, n + 1
	.endr

trap_entry:
	cld
	mov	%rsp, %rsi
	and	$-16, %rsp
	call	trap
	ud2

	.bss
	.balign	16
	.skip	STACK_BYTES
stack_end:

	.macro	note type, data:vararg
	.balign	4
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\data
2:	.balign	4
	.endm

	.section .note.Xen, "a", @note
	note	1,  .quad _start		/* entry */
	note	3,  .quad VIRT_BASE		/* where pfn 0 is mapped */
	note	4,  .quad 0			/* no offset in the ELF's paddr */
	note	5,  .asciz "xen-3.0"		/* interface */
	note	6,  .asciz "tiny"		/* what it is */
	note	8,  .asciz "generic"		/* loader */
	note	9,  .asciz "yes"		/* may run with PAE */
	note	14, .quad 1			/* knows of suspends called off */
	.section .note.GNU-stack, "", @progbits
