/* SPDX-License-Identifier: MIT */
/* What mmu.c and mmu-ext.c share. */
#pragma once

#include <hyp/page.h>

/* In a count: this call goes on where an earlier one rested. */
#define MMU_UPDATE_PREEMPTED	0x80000000u

/*
 * The domain that a request names: DOMID_SELF, DOMID_IO, DOMID_XEN or one
 * that the caller controls.  mmu_batch_run() gives back the reference.
 */
int mmu_foreign_find(u16 id, struct domain **fd);

/* mmu_update and mmuext_op: an array of requests, done in chunks. */
#define MMU_BATCH_WORDS	64	/* of a chunk */
#define MMU_NO_TABLE	(~0ULL)

struct mmu_batch {
	unsigned hypercall;
	u32 size, per_chunk;	/* bytes of a request, requests in a chunk */
	/* Does requests under d's mmu.lock; *n: those that are done. */
	int (*chunk)(struct mmu_batch *b, const void *req, u32 count, u32 *n);
	struct domain *d;	/* owner of the tables; a reference */
	struct domain *fd;	/* owner of what they map; a reference */
	u64 table;		/* address of the L1 table in hand */
};

/* Runs them all, rests, reports `done`; gives back d and fd. */
long mmu_batch_run(struct mmu_batch *b, u64 reqs, u64 count, u64 done,
		   u64 foreigndom);

/*
 * Flushes an address of the current domain, or FLUSH_ALL, from the TLBs that
 * `who` names: UVMF_LOCAL, UVMF_ALL, or the address of a bitmap of vCPUs.
 */
int mmu_flush(u64 va, u64 who);

/* A reference and a table kind at once; mmu.lock; as page_type_get(). */
int mmu_table_get(struct domain *d, mfn_t m, enum page_kind kind);
void mmu_table_put(mfn_t m);
