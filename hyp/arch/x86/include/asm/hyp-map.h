/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables: L4 slots 256 to 271.  hyp_l4 has only
 * those; every guest L4 holds a copy of them.  The tables below are shared,
 * so a mapping made here appears in every address space at once.
 */
#pragma once

#include <hyp/types.h>

#include <asm/layout.h>
#include <asm/page.h>
#include <asm/pte.h>

#define HYP_DATA	(PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define HYP_RODATA	(PTE_P | PTE_A | PTE_D | PTE_NX)
#define HYP_TEXT	(PTE_P | PTE_A | PTE_D)
#define HYP_DEVICE	(HYP_DATA | PTE_PCD | PTE_PWT)

/* The idle page table: its frame, and its 512 entries. */
extern mfn_t hyp_l4_mfn;
extern u64 *hyp_l4;

/* RAM from start to end, whole frames, is free, but for what boot_mem_reserve()
 * takes out. */
void boot_mem_add(paddr_t start, paddr_t end);
void boot_mem_reserve(paddr_t start, paddr_t end);
/* Gives what is left to the frame allocator; boot_alloc() ends. */
void boot_mem_hand_over(void);

/* Builds the final tables and switches this CPU to them; BSP. */
void hyp_map_init(void);

/*
 * Address of the L1 entry for va (hypervisor range only), its tables made as
 * needed.  For the GDT and LDT windows; the caller flushes.  Panics without
 * memory: only for boot and CPU start; never fails for areas already mapped.
 */
u64 *hyp_map_entry(u64 va);
/* Makes the stack and the area of CPU id; the GDT window stays empty. */
void hyp_map_cpu(unsigned id);
/* Address of CPU id's area. */
static inline u64 percpu_area(unsigned id)
{
	return PERCPU_START + (u64)id * PERCPU_STRIDE;
}

/* Maps device memory for good; NULL: no room. */
void *iomap(paddr_t at, size_t size);
