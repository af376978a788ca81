/* SPDX-License-Identifier: MIT */
/*
 * Where a second CPU begins: real mode, in a page below 1 MiB that smp.c
 * copied this to.  It climbs to 64-bit mode on the boot tables and calls
 * setup_ap() on its own stack.
 */
#include <asm/cpu.h>
#include <asm/layout.h>

#define AT(sym)	((sym) - trampoline_start)

	.section .text, "ax"
	.balign 16
	.global trampoline_start, trampoline_end
	.global trampoline_cr3, trampoline_stack, trampoline_final_cr3
	.global trampoline_gdt
	.code16
trampoline_start:
	cli
	cld
	mov	%cs, %ax		/* cs = page << 8 */
	mov	%ax, %ds
	movzwl	%ax, %ebx
	shl	$4, %ebx		/* where this page is */
	/* The jump's target depends on the page. */
	addl	%ebx, AT(jump_32)
	lgdtl	AT(gdt_pointer)
	mov	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmpl	*AT(jump_32)

	.code32
enter_32:
	mov	$16, %eax
	mov	%eax, %ds
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	AT(trampoline_cr3)(%ebx), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	xor	%edx, %edx
	mov	$EFER_LME | EFER_SCE | EFER_NXE, %eax
	wrmsr
	mov	$CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE, %eax
	mov	%eax, %cr0
	addl	%ebx, AT(jump_64)(%ebx)
	ljmp	*AT(jump_64)(%ebx)

	.code64
enter_64:
	mov	AT(trampoline_stack)(%rbx), %rsp
	mov	AT(trampoline_final_cr3)(%rbx), %rcx
	movabs	$ap_high, %rax
	jmp	*%rax

	.balign 8
gdt_pointer:
	.short 31
trampoline_gdt:		.long 0		/* where boot_gdt is */
	.balign 8
jump_32:
	.long AT(enter_32)
	.short 24
	.balign 8
jump_64:
	.long AT(enter_64)
	.short 8
	.balign 8
	.balign 8
trampoline_cr3:		.quad 0		/* boot tables, below 4 GiB */
trampoline_final_cr3:	.quad 0
trampoline_stack:	.quad 0		/* the CPU's struct stack_top */
trampoline_end:

	/* At the linked address, still on the boot tables. */
ap_high:
	mov	%rcx, %cr3
	xor	%ebp, %ebp
	push	%rbp			/* the end of every stack trace */
	push	%rbp
	call	setup_ap
	ud2

	.section .note.GNU-stack, "", @progbits
