/* SPDX-License-Identifier: MIT */
/*
 * A domain's page tables.  One lock per domain covers the contents of all
 * its table frames and their types; plain-data references of other domains
 * and of grants never need it.
 *
 * To take a tree of tables into use, or to let go of one, can take long.  It
 * may rest on the way; then it is the domain's job, with a reference of its
 * own on the top table, and mmu_enter() finishes it before the next change
 * of tables.  So there is never more than one half-done tree, and nobody
 * changes tables around it.
 */
#pragma once

#include <hyp/page.h>

enum mmu_job_kind { MMU_JOB_NONE, MMU_JOB_VALIDATE, MMU_JOB_INVALIDATE };

struct domain_mmu {
	struct lock lock;	/* RANK_MMU */
	enum mmu_job_kind job;	/* m: what is half done ... */
	struct page *job_page;	/* m: ... to this top table */
	int job_error;		/* m: why it is being undone, or 0 */
	/* m: finished after a rest: a reference and a type that the repeated
	 * request takes over. */
	struct page *held;
	/* m: failed after a rest: what the repeated request is told. */
	struct page *failed;
	u8 failed_kind;
	int failed_error;
	bool hurry;		/* m: the caller cannot rest */
};

/* A vCPU's two address spaces; both hold an L4 reference.  MFN_NONE: none. */
struct vcpu_mmu {
	mfn_t kernel;		/* m, and o: written by the vCPU itself or while it is paused */
	mfn_t user;
};

/*
 * Takes d's mmu.lock and finishes what was half done.  -XEN_ERESTART: not
 * finished, the lock is free again; rest and come back.
 */
int mmu_enter(struct domain *d);
/* A job was left behind: the call must come back to mmu_enter(). */
static inline bool mmu_has_job(const struct domain_mmu *mmu)
{
	return unlikely(mmu->job != MMU_JOB_NONE);
}
/* A dying domain lets go of what its jobs hold; as mmu_enter(). */
int mmu_drop_held(struct domain *d);
/* Pins frame m of d as a table; mmu.lock; as page_type_get(). */
int mmu_pin(struct domain *d, mfn_t m, enum page_kind kind);
/* Gives up the guest's pin of p if there is one; mmu.lock; true: there was. */
bool mmu_unpin(struct page *p);

/*
 * Gives v its first address spaces (setvcpucontext, VCPUOP_initialise).
 * Takes L4 references; user may be MFN_NONE.  -XEN_EINVAL: not an L4.
 */
int mmu_vcpu_set_bases(struct vcpu *v, mfn_t kernel, mfn_t user);
/* Drops them again; v does not run.  Teardown; -XEN_ERESTART: call again. */
int mmu_vcpu_drop_bases(struct vcpu *v);

/* The emulator's store: changes the L1 entry at machine address pte_addr of v's domain
 * from old to new as mmu_update would; -XEN_EAGAIN: it was not old any more. */
int mmu_emulated_write(struct vcpu *v, paddr_t pte_addr, u64 old, u64 new);

/*
 * Reads the leaf entry that maps va in the kernel tables of the current
 * vCPU.  *pte_addr gets its machine address.  False: a level is absent.
 */
bool mmu_walk(const struct vcpu *v, u64 va, u64 *pte, paddr_t *pte_addr);

/*
 * Grant mappings, in the L1 entry at a machine address of v's domain.  set()
 * writes pte, whose frame belongs to owner and on which the caller holds a
 * (writable, if RW) reference; the entry takes its own.  clear() empties the
 * entry if it still maps m.  The guest may have done so before, by itself or
 * with the whole table: then the entry's references went with it.  No other
 * entry of v's domain can have come to map a frame of another one by that.
 * The caller flushes all of the TLBs, not an address: the guest may have the
 * table elsewhere too.
 */
int mmu_grant_set(struct vcpu *v, paddr_t at, u64 pte, struct domain *owner);
void mmu_grant_clear(struct vcpu *v, paddr_t at, mfn_t m);
