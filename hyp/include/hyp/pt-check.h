/* SPDX-License-Identifier: MIT */
/*
 * Pure rules about the bits of page-table entries: what may stand in a table
 * of a level, and what the hypervisor adds.  They know no frames.
 */
#pragma once

#include <hyp/types.h>

#include <asm/layout.h>
#include <asm/pte.h>

/* L4 slots that are the hypervisor's in every table. */
static inline bool pt_slot_reserved(unsigned level, unsigned slot)
{
	return level == 4 && slot >= HYP_SLOT_FIRST && slot < HYP_SLOT_END;
}

/* Bits that may change without looking at anything else. */
#define PT_FLAGS_L1	(PTE_NX | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_G | \
			 PTE_D | PTE_A | PTE_US)
#define PT_FLAGS_TABLE	(PTE_NX | PTE_AVAIL | PTE_AVAIL_HIGH | \
			 PTE_D | PTE_A | PTE_US)

/* May this present entry stand in a table of level 2, 3 or 4? */
static inline bool pt_check_table(unsigned level, u64 entry)
{
	return level >= 2 && level <= 4 &&
	       !(entry & (PTE_PWT | PTE_PCD | PTE_PS | PTE_G));
}

/*
 * What a present entry of a guest becomes.  The guest kernel runs in ring 3,
 * so every page is a user page; PTE_KERNEL remembers that the guest did not
 * say so.  A guest that writes back what it read gets the same again.
 * Global entries would outlive a change of CR3, so there are none.
 */
static inline u64 pt_adjust_l1(u64 e)
{
	if (unlikely(!(e & PTE_US)))
		e |= PTE_US | PTE_KERNEL;
	return e & ~PTE_G;
}

static inline u64 pt_adjust_table(unsigned level, u64 e)
{
	return e | PTE_US | (level == 4 ? PTE_A : 0);
}

/*
 * Cache attributes.  RAM is always write-back, so that no two mappings of a
 * frame disagree.  Device memory is never cached: what is not uncached,
 * write-combining or UC- becomes uncached.
 */
static inline u64 pt_cache_ram(u64 e)
{
	return e & ~PTE_CACHE;
}

static inline u64 pt_cache_device(u64 e)
{
	const unsigned index = (e & PTE_PAT ? 4 : 0) | (e & PTE_PCD ? 2 : 0) |
			       (e & PTE_PWT ? 1 : 0);

	/* The PAT that we load: WB WT UC- UC WC WP UC UC; three are cached. */
	return index < 2 || index == 5 ? (e & ~PTE_CACHE) | PTE_PCD | PTE_PWT : e;
}
