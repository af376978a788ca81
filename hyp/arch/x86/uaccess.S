/* SPDX-License-Identifier: MIT */
/*
 * Instructions that a guest's data may make fault, each with a place to go on
 * in that case.  Callers checked that addresses are the guest's.
 */
#include <asm/insn.h>

#define EFAULT 14

	.macro FUNCTION name
	.balign 16
	.global \name
	.type \name, @function
\name:
	.endm

	.text

/*
 * int arch_copy_from_guest(void *to, u64 gva, size_t n)
 * int arch_copy_to_guest(u64 gva, const void *from, size_t n)
 */
FUNCTION arch_copy_from_guest
FUNCTION arch_copy_to_guest
	cmpb	$0, smap_enabled(%rip)
	je	1f
	stac
1:	mov	%rdx, %rcx
	shr	$3, %rcx
2:	rep movsq
	and	$7, %edx
	mov	%edx, %ecx
3:	rep movsb
	xor	%eax, %eax
4:	cmpb	$0, smap_enabled(%rip)
	je	5f
	clac
5:	ret
6:	mov	$-EFAULT, %eax
	jmp	4b
	FIXUP	2b, 6b
	FIXUP	3b, 6b


/* void arch_clear_page(void *p) */
FUNCTION arch_clear_page
	mov	$4096 / 8, %ecx
	xor	%eax, %eax
	rep stosq
	ret

/* u32 segment_rights(u16 sel): the LDT's page may be gone. */
FUNCTION segment_rights
	xor	%eax, %eax
1:	lar	%edi, %eax
2:	ret
	FIXUP	1b, 2b

/* bool load_ds(u16 selector) ... load_gs(): false, and 0 loaded, if it is bad. */
	.macro LOADER reg
FUNCTION load_\reg
1:	mov	%edi, %\reg
	mov	$1, %eax
	ret
2:	xor	%eax, %eax
	mov	%eax, %\reg
	ret
	FIXUP	1b, 2b
	.endm

	LOADER	ds
	LOADER	es
	LOADER	fs
	LOADER	gs

	.section .note.GNU-stack, "", @progbits
