/* SPDX-License-Identifier: MIT */
/*
 * The allocator of machine frames: buddies of 2^order frames.  Freed frames
 * are dirty until scrubbed; whoever needs zeroes says so and pays only for
 * frames that are still dirty.  Idle CPUs scrub.
 */
#pragma once

#include <hyp/types.h>

#define FRAME_ORDER_MAX	18	/* 1 GiB */

enum frame_flags {
	FRAME_ZERO = 1,		/* contents must be zero */
	FRAME_UNCLAIMED = 2,	/* may not eat into other domains' claims */
};

/* Hands memory to the allocator, after page_init(); first <= m < end, any alignment. */
void frame_alloc_add(mfn_t first, mfn_t end);

/*
 * 2^order frames, aligned to their size, below machine address
 * 2^address_bits (0: anywhere).  MFN_NONE when there are none.
 */
mfn_t frame_alloc(unsigned order, unsigned address_bits, enum frame_flags f);
/* The same on behalf of d: eats up d's claim, and nobody else's. */
mfn_t frame_alloc_for(struct domain *d, unsigned order, unsigned address_bits,
		      enum frame_flags f);
void frame_free(mfn_t m, unsigned order);
/* Frees n frames in a row, whatever sizes they came in. */
void frame_free_run(mfn_t m, u64 n);

u64 frame_free_count(void);	/* free frames, claims not subtracted */
u64 frame_total_count(void);	/* all frames ever added */
u64 frame_claimed_count(void);	/* outstanding claims of all domains */

/* Moves d's claim to n frames; -XEN_ENOMEM when fewer are free. */
int frame_claim(struct domain *d, u64 n);

/* Flushes every CPU that did not since stamp (arch_tlb_clock()). */
void flush_everywhere(u32 stamp);

/* Scrubs some dirty frames; false when nothing is left.  Idle loop. */
bool frame_scrub_some(void);

/*
 * Small objects of the hypervisor itself, zeroed; at most one page less a
 * header is cheap, larger ones take whole frames.  NULL: no memory.
 */
void *heap_alloc(size_t size);
void heap_free(void *p);
