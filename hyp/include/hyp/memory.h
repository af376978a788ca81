/* SPDX-License-Identifier: MIT */
/* A domain's memory: which frames it owns and how many it may. */
#pragma once

#include <hyp/types.h>

#include <asm/page.h>

struct domain_mem {
	u64 tot_pages;		/* d: frames that count against max_pages */
	u64 max_pages;		/* d */
	u64 claim;		/* FRAMES: outstanding claim */
	u32 first;		/* d: page list, mfn; 0 is none */
	struct e820entry *e820;	/* d: XENMEM_set_memory_map */
	u32 e820_count;
};

/* One range of a guest's memory map, as in the BIOS call. */
struct e820entry {
	u64 addr, size;
	u32 type;
} __packed;

#define E820_ENTRIES_MAX 128

/*
 * Gives d 2^order fresh zeroed frames below 2^address_bits (0: anywhere).
 * MFN_NONE: no memory, over max_pages, or d is dying.  Sets no M2P.
 */
mfn_t memory_alloc(struct domain *d, unsigned order, unsigned address_bits);
/* The same, not zeroed: for the control domain at boot, before any guest
 * could have left something in memory. */
mfn_t memory_alloc_dirty(struct domain *d, unsigned order);

/*
 * Exchange: takes frame m from d when nobody but d itself refers to it, so
 * that page_free() can free it, or it is given back; false: it may not be taken.
 */
bool memory_steal(struct domain *d, mfn_t m);
void memory_unsteal(struct domain *d, mfn_t m);
/* A zeroed frame becomes d's, whatever its limit; false: d is dying. */
bool memory_replace(struct domain *d, mfn_t m);

/* For page.c: the last reference on a page of d went. */
void memory_forget(struct domain *d, struct page *p);

/* M2P[m] = pfn; hypervisor's own and free frames hold all ones. */
static inline void m2p_set(mfn_t m, pfn_t pfn)
{
	WRITE_ONCE(m2p_table()[m], pfn);
}

/* Where piece i (2 MiB) of the M2P lies; 0: a hole. */
mfn_t m2p_piece(unsigned i);
/* Boot: the control domain may map the M2P's own frames read-only. */
void m2p_share(void);

/* Teardown: gives back all frames of a dying domain; -XEN_ERESTART: go on later. */
int memory_relinquish(struct domain *d);
void memory_domain_exit(struct domain *d);
