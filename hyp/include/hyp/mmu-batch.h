/* SPDX-License-Identifier: MIT */
/* What mmu.c and mmu-ext.c share. */
#ifndef HYP_MMU_BATCH_H
#define HYP_MMU_BATCH_H

#include <hyp/types.h>

struct cpumask;
struct domain;

/* In a count: this call goes on where an earlier one rested. */
#define MMU_UPDATE_PREEMPTED	0x80000000u

/*
 * The domain that a request names: DOMID_SELF, DOMID_IO, DOMID_XEN or one
 * that the caller controls.  mmu_foreign_put() gives back the reference.
 */
int mmu_foreign_find(u16 id, struct domain **fd);
void mmu_foreign_put(struct domain *fd);

/* Writes n to the guest's `done` word, or adds it when called again. */
int mmu_report_done(u64 done, u32 n, bool again);

/* The CPUs that may cache mappings of the vCPUs in a guest's bitmap. */
int mmu_vcpus_cpus(const struct domain *d, u64 bitmap, struct cpumask *m);
/* Flushes a guest's address or FLUSH_ALL; ignores addresses of ours. */
void mmu_flush(const struct cpumask *m, u64 va);
void mmu_flush_local(u64 va);

/* A reference and PGT_L4 on a base; mmu.lock; as page_type_get(). */
int mmu_base_get(struct domain *d, mfn_t m);
void mmu_base_put(mfn_t m);

#endif
