/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's virtual addresses: L4 slots 256 to 271, the same in every
 * page table, so nothing per domain is ever written into a guest's L4.
 *
 *	slot	start			what
 *	256	0xffff800000000000	M2P, read-only, the guests' window
 *	257	0xffff808000000000	M2P, writable, ours
 *	258	0xffff810000000000	frame table, 32 bytes a frame
 *	259	0xffff818000000000	per-CPU areas: stacks, GDT/LDT windows
 *	260	0xffff820000000000	device memory: APIC, IOAPIC, tables
 *	261	0xffff82d040000000	the image: text, read-only data, data
 *	262-271	0xffff830000000000	direct map of all RAM
 */
#pragma once

#define HYP_START	0xffff800000000000
#define HYP_END		0xffff880000000000
#define HYP_SLOT_FIRST	256
#define HYP_SLOT_END	272

#define M2P_RO_START	0xffff800000000000
#define M2P_RO_END	0xffff804000000000
#define M2P_START	0xffff808000000000
#define FRAMES_START	0xffff810000000000
#define PERCPU_START	0xffff818000000000
#define IOMAP_START	0xffff820000000000
#define IMAGE_START	0xffff82d040000000
#define DIRECT_START	0xffff830000000000

/*
 * One CPU's area.  Its GDT window is 16 pages: 0-13 the guest's frames,
 * 14 ours (selectors 0xe000-0xefff), 15 absent.  Then the LDT window.
 */
#define GDT_PAGES	14
#define LDT_PAGES	16
#define PERCPU_STRIDE	0x100000
#define PERCPU_LDT	0x10000
#define PERCPU_STACK	0x40000		/* STACK_SIZE, aligned to it */
#define STACK_SIZE	0x8000
#define STACK_IST_DB	0x0400		/* tops, from the stack's start; */
#define STACK_IST_DF	0x1000
#define STACK_IST_NMI	0x2000		/* page 3 is a guard page, 4-7 the */
#define STACK_IST_MCE	0x3000		/* main stack */

/* Selectors in the GDT's page 14. */
#define SEL_HYP_CS	0xe008
#define SEL_HYP_DS	0xe010
#define SEL_USER_CS32	0xe023
#define SEL_USER_DS	0xe02b
#define SEL_USER_CS64	0xe033
#define SEL_TSS		0xe040		/* 16 bytes */
#define SEL_LDT		0xe050		/* 16 bytes */
#define GDT_LIMIT	0xe05f
#define SEL_GUEST_END	0xe000
