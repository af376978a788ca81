/* SPDX-License-Identifier: MIT */
/* Bits of page-table entries, Intel SDM vol. 3, 4.5. */
#pragma once

#include <hyp/types.h>

#define PTE_P		BIT(0)
#define PTE_RW		BIT(1)
#define PTE_US		BIT(2)
#define PTE_PWT		BIT(3)
#define PTE_PCD		BIT(4)
#define PTE_A		BIT(5)
#define PTE_D		BIT(6)
#define PTE_PAT		BIT(7)		/* in an L1 entry */
#define PTE_PS		BIT(7)		/* in an L2 or L3 entry */
#define PTE_G		BIT(8)
#define PTE_AVAIL	(7ULL << 9)
#define PTE_AVAIL_HIGH	(0x7ffULL << 52)
#define PTE_KERNEL	BIT(52)		/* ours: the guest asked for US=0 */
#define PTE_NX		BIT(63)
#define PTE_ADDR	0x000ffffffffff000ULL
#define PTE_CACHE	(PTE_PWT | PTE_PCD | PTE_PAT)

static inline mfn_t pte_mfn(u64 pte)
{
	return (pte & PTE_ADDR) >> PAGE_SHIFT;
}

static inline u64 pte_make(mfn_t m, u64 flags)
{
	return (m << PAGE_SHIFT) | flags;
}

/* Index of va in a table of this level, 1 to 4. */
static inline unsigned pt_index(u64 va, unsigned level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & 511;
}
