/* SPDX-License-Identifier: MIT */
/*
 * The multiboot2 header, and the way from GRUB's 32-bit protected mode to
 * setup_bsp() in 64-bit mode at the linked address.
 *
 * GRUB may load the image at any 2 MiB boundary; %ebp holds where.  The early
 * tables map the first 4 GiB at 0 and at the direct map, and the image at its
 * linked address; hyp-map.c replaces them.
 */
#include <asm/cpu.h>
#include <asm/layout.h>

#define OFFSET(sym)	((sym) - IMAGE_START)
#define IMAGE_L2S	8		/* 2 MiB pages for the image */
#define BOOT_STACK_TOP	256		/* room for struct stack_top */
#define PTE_TABLE	0x03		/* present, writable */
#define PTE_LARGE	0xe3		/* present, writable, A, D, 2 MiB */

#define MB2_MAGIC	0xe85250d6
#define MB2_BOOT_MAGIC	0x36d76289

	.section .head, "ax"
	.balign 8
mb2_header:
	.long MB2_MAGIC, 0, mb2_end - mb2_header
	.long -(MB2_MAGIC + 0 + (mb2_end - mb2_header))
	/* What we want told: command line, modules, memory map, framebuffer,
	 * EFI system table, RSDPs. All optional: the parser says what lacks. */
	.balign 8
	.short 1, 1
	.long 8 + 4 * 7
	.long 1, 3, 6, 8, 12, 14, 15
	/* Framebuffer, any; on BIOS the text mode may stay. */
	.balign 8
	.short 5, 1
	.long 20, 0, 0, 0
	/* Modules on page boundaries. */
	.balign 8
	.short 6, 0
	.long 8
	/* Relocatable, as low as possible. */
	.balign 8
	.short 10, 1
	.long 24, 0x200000, 0x7fe00000, 0x200000, 1
	.balign 8
	.short 0, 0
	.long 8
mb2_end:

	/* That many entries: the first one, and each step further. */
	.macro FILL table, count, step, first:vararg
	lea	OFFSET(\table)(%ebp), %ebx
	lea	\first, %eax
	xor	%ecx, %ecx
771:	mov	%eax, (%ebx, %ecx, 8)
	add	$\step, %eax
	inc	%ecx
	cmp	$\count, %ecx
	jb	771b
	.endm

	.code32
	.global _start32
_start32:
	cli
	cld
	mov	%ebx, %edi		/* for setup_bsp() */
	/* A call needs a stack: the reserved word behind total_size. */
	lea	8(%ebx), %esp
	cmp	$MB2_BOOT_MAGIC, %eax
	je	1f
	mov	$0x200000, %ebp		/* not GRUB: hope for the linked place */
	jmp	no_multiboot
1:	call	2f
2:	pop	%ebp
	sub	$OFFSET(2b), %ebp

	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	no_long_mode

	/* The L4: first 4 GiB at 0 and in the direct map; the image. */
	lea	OFFSET(boot_l4)(%ebp), %ebx
	lea	OFFSET(boot_l3_low) + PTE_TABLE(%ebp), %eax
	mov	%eax, (%ebx)
	mov	%eax, ((DIRECT_START >> 39) & 511) * 8(%ebx)
	lea	OFFSET(boot_l3_image) + PTE_TABLE(%ebp), %eax
	mov	%eax, ((IMAGE_START >> 39) & 511) * 8(%ebx)
	lea	OFFSET(boot_l2_image) + PTE_TABLE(%ebp), %eax
	mov	%eax, OFFSET(boot_l3_image) + ((IMAGE_START >> 30) & 511) * 8(%ebp)
	FILL	boot_l2_image, IMAGE_L2S, 0x200000, PTE_LARGE(%ebp)
	FILL	boot_l3_low, 4, 0x1000, OFFSET(boot_l2_low) + PTE_TABLE(%ebp)
	FILL	boot_l2_low, 2048, 0x200000, PTE_LARGE

	/* Long mode: PAE, EFER.LME, CR3, then paging.  All CPUs come here. */
long_mode:
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	lea	OFFSET(boot_l4)(%ebp), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME | EFER_SCE, %eax
	wrmsr
	mov	$CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE, %eax
	mov	%eax, %cr0

	lea	OFFSET(boot_stack_end)(%ebp), %esp
	lea	OFFSET(boot_gdt)(%ebp), %eax
	mov	%eax, OFFSET(boot_gdt_low) + 2(%ebp)
	lgdt	OFFSET(boot_gdt_low)(%ebp)
	lea	OFFSET(start64)(%ebp), %eax
	push	$8
	push	%eax
	lret

	/* Another CPU, from below; %ebp holds ap_entry. */
	.global ap_start32
ap_start32:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	sub	$OFFSET(ap_start32), %ebp
	jmp	long_mode

no_multiboot:
no_long_mode:
	/* No console yet: the first serial port, as firmware left it. */
	lea	OFFSET(no_long_mode_text)(%ebp), %esi
	mov	$0x3f8, %edx
6:	lodsb
	test	%al, %al
	jz	7f
	out	%al, %dx
	jmp	6b
7:	hlt
	jmp	7b

no_long_mode_text:
	.asciz "Bulkhead: needs a 64-bit processor and a multiboot2 loader (GRUB: multiboot2).\r\n"

	.code64
start64:
	movabs	$start_high, %rax
	jmp	*%rax
	/* Segment registers stay as they are, until desc_cpu_init(): only SYSRET,
	 * IRET and loads of them look at descriptors. */
start_high:
	lea	boot_stack_top(%rip), %rsp
	mov	%edi, %edi		/* void setup_bsp(paddr_t mbi, */
	mov	%ebp, %esi		/*	paddr_t image) */
	xor	%ebp, %ebp
	push	%rbp			/* the end of every stack trace */
	push	%rbp
	call	*boot_main(%rip)
	ud2

	.section .data
	.balign 8
	.global boot_main
boot_main:
	.quad	setup_bsp
	.balign 16
	.global boot_gdt
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 8: 64-bit code */
	.quad 0x00cf93000000ffff	/* 16: data */
	.quad 0x00cf9b000000ffff	/* 24: 32-bit code */
boot_gdt_end:
	.balign 8
boot_gdt_low:
	.short boot_gdt_end - boot_gdt - 1
	.long 0, 0

	/*
	 * Where another CPU begins: real mode, in a page below 1 MiB that smp.c
	 * copies this to when it has filled in the two addresses.
	 */
	.balign 16
	.global ap_start16, ap_end16, ap_gdt, ap_entry
	.code16
ap_start16:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	gdt_pointer - ap_start16
	mov	ap_entry - ap_start16, %ebp
	mov	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmpl	*(ap_entry - ap_start16)
	.balign 8
gdt_pointer:
	.short	boot_gdt_end - boot_gdt - 1
ap_gdt:	.long	0		/* where boot_gdt is */
	.balign 8
ap_entry:
	.long	0		/* where ap_start32 is */
	.short	24
ap_end16:

	/* Each CPU's first stack, with its struct stack_top. */
	.section .bss.boot, "aw", @nobits
	.balign STACK_SIZE
	.global boot_stack
boot_stack:
	.skip STACK_SIZE - BOOT_STACK_TOP
boot_stack_top:
	.skip BOOT_STACK_TOP
boot_stack_end:

	.global boot_l4
	.balign 4096
boot_l4:	.skip 4096
boot_l3_low:	.skip 4096
boot_l3_image:	.skip 4096
boot_l2_image:	.skip 4096
boot_l2_low:	.skip 4 * 4096

	.section .note.GNU-stack, "", @progbits
