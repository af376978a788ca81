/* SPDX-License-Identifier: MIT */
/*
 * A domain's page tables.  One lock per domain covers the contents of all
 * its table frames and their types; plain-data references of other domains
 * and of grants never need it.
 */
#ifndef HYP_MMU_H
#define HYP_MMU_H

#include <hyp/lock.h>
#include <hyp/types.h>

struct domain;
struct vcpu;

struct domain_mmu {
	struct lock lock;	/* RANK_MMU */
};

/* A vCPU's two address spaces; both hold an L4 reference.  MFN_NONE: none. */
struct vcpu_mmu {
	mfn_t kernel;		/* m, and o: written by the vCPU itself or while it is paused */
	mfn_t user;
};

void mmu_domain_init(struct domain *d);

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
 * Grant mappings.  addr is a virtual address of the current vCPU, or with
 * contains_pte the machine address of an L1 entry of its domain.  set()
 * writes pte, whose frame belongs to owner and on which the caller holds a
 * (writable, if RW) reference; the entry takes its own.  clear() replaces an
 * entry that maps m with new (0, or a PTE the caller may write);
 * -XEN_ENOENT: it maps something else.  The caller flushes TLBs.
 */
int mmu_grant_set(struct vcpu *v, u64 addr, bool contains_pte, u64 pte,
		  struct domain *owner);
int mmu_grant_clear(struct vcpu *v, u64 addr, bool contains_pte, mfn_t m,
		    bool readonly, u64 new_pte);

#endif
