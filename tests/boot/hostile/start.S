/* SPDX-License-Identifier: MIT */
/* The hostile guest's entry, its traps, and the way back from them. */
	.text
	.globl	_start
_start:	cld
	lea	stack_end(%rip), %rsp
	mov	%rsi, %rdi
	call	guest_main

/* long hypercall(nr, a, b, c, d) */
	.globl	hypercall
hypercall:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	syscall
	ret

/* int attempt(void (*f)(void)): the trap that it made, or -1. */
	.globl	attempt
attempt:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, recover(%rip)
	call	*%rdi
	mov	$-1, %eax
1:	cld
	mov	recover(%rip), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	/* Whatever the frame says: back to attempt(). */
	.globl	trap_stubs
	.balign 16
trap_stubs:
	.set	n, 0
	.rept	32
	.balign	16
	mov	$n, %eax
	jmp	1b
	.set	n, n + 1
	.endr

	.globl	syscall_back
syscall_back:
	mov	$300, %eax
	jmp	1b

	.globl	user_return
user_return:
	int3

/* void iret_to(const struct iret_context *) */
	.globl	iret_to
iret_to:
	mov	%rdi, %rsp
	mov	$23, %eax
	syscall
	ud2

	.bss
	.balign	16
	.skip	16384
stack_end:
recover: .quad	0

	.macro	note type, data:vararg
	.balign	4
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\data
2:	.balign	4
	.endm

	.section .note.Xen, "a", @note
	note	1,  .quad _start
	note	5,  .asciz "xen-3.0"
	note	6,  .asciz "hostile"
	note	8,  .asciz "generic"
	note	9,  .asciz "yes"
	note	15, .quad 0
	.section .note.GNU-stack, "", @progbits
