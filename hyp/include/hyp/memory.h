/* SPDX-License-Identifier: MIT */
/* A domain's memory: which frames it owns and how many it may. */
#ifndef HYP_MEMORY_H
#define HYP_MEMORY_H

#include <hyp/types.h>

struct domain;
struct page;

struct domain_mem {
	u64 tot_pages;		/* d: frames that count against max_pages */
	u64 max_pages;		/* d */
	u64 claim;		/* FRAMES: outstanding claim */
	u32 shared_pages;	/* d: frames from page_alloc_shared() */
	u32 first;		/* d: page list, mfn; 0 is none */
	u64 relinquish_next;	/* teardown progress */
	struct e820entry *e820;	/* d: XENMEM_set_memory_map */
	u32 e820_count;
};

/*
 * Gives d 2^order fresh zeroed frames below 2^address_bits (0: anywhere).
 * MFN_NONE: no memory or over max_pages.  Sets no M2P.
 */
mfn_t memory_alloc(struct domain *d, unsigned order, unsigned address_bits);

/* M2P[m] = pfn; hypervisor's own and free frames hold all ones. */
void m2p_set(mfn_t m, pfn_t pfn);
pfn_t m2p_get(mfn_t m);

/* Teardown: gives back all frames of a dying domain; -XEN_ERESTART: go on later. */
int memory_relinquish(struct domain *d);
void memory_domain_exit(struct domain *d);

#endif
