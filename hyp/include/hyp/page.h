/* SPDX-License-Identifier: MIT */
/*
 * The frame table: one struct page for each frame of RAM.
 *
 * A frame belongs to one domain and lives while refs > 0.  A reference keeps
 * it from being freed; a typed reference also says what its contents are used
 * for.  The invariant of the whole hypervisor: a frame that the processor
 * interprets (page table, descriptor table) has no writable mapping, because
 * a frame has one type at a time and a writable mapping holds PGT_WRITABLE.
 *
 * The type word: kind in bits 63:60, flags 59:56, count in 31:0.
 */
#ifndef HYP_PAGE_H
#define HYP_PAGE_H

#include <hyp/atomic.h>
#include <hyp/types.h>

#include <asm/page.h>

struct domain;

enum page_kind {
	PGT_NONE,
	PGT_L1, PGT_L2, PGT_L3, PGT_L4,	/* page tables; value is the level */
	PGT_SEG,			/* segment descriptors: GDT, LDT   */
	PGT_WRITABLE,			/* mapped or written as plain data */
};

#define PGT_KIND_SHIFT	60
#define PGT_KIND_MASK	(15ULL << PGT_KIND_SHIFT)
#define PGT_VALIDATED	BIT(59)	/* contents obey the kind's rules */
#define PGT_PINNED	BIT(58)	/* one typed reference is the guest's pin */
#define PGT_COUNT_MASK	0xffffffffULL

#define PGC_ALLOCATED	BIT(31)	/* in refs: owner's own reference is one of the count */
#define PGC_SHARED	BIT(30)	/* in refs: hypervisor memory its owner may map */
#define PGC_COUNT_MASK	(BIT(30) - 1)

struct page {
	u32 refs;		/* a: PGC_* and count */
	u32 stamp;		/* a: TLB clock when last writable use ended */
	u64 type;		/* a: PGT_* */
	struct domain *owner;	/* d while refs > 0; NULL: free or hypervisor */
	u32 next, prev;		/* d: owner's page list / free list, as mfns */
};

/* True when m is RAM that has a struct page. */
bool mfn_valid(mfn_t m);

static inline struct page *page_of(mfn_t m)
{
	return frame_table() + m;
}

static inline mfn_t page_mfn(const struct page *p)
{
	return (mfn_t)(p - frame_table());
}

/*
 * Takes a general reference on frame m if it belongs to owner.  Returns the
 * page, or NULL: no such frame, not owner's, being freed, or count full.
 * Any CPU, no lock.
 */
struct page *page_get(mfn_t m, const struct domain *owner);

/* One more reference when the caller already holds one; false: count full. */
bool page_get_more(struct page *p);

/* Drops a general reference; the last one frees the frame (scrubbed later). */
void page_put(struct page *p);

/*
 * Takes a typed reference; the caller holds a general one.  For table kinds
 * the caller holds the owner's mmu.lock.  Validates contents on first use.
 * 0; -XEN_EBUSY another kind is in use; -XEN_EINVAL contents break a rule.
 */
int page_type_get(struct page *p, enum page_kind kind);
void page_type_put(struct page *p);

/* page_get() and PGT_WRITABLE at once; NULL when either is refused. */
struct page *page_get_writable(mfn_t m, const struct domain *owner);
void page_put_writable(struct page *p);

/*
 * Hypervisor memory shared with a guest: shared_info, grant frames, ...
 * Zeroed; d may map it writable (its toolstack too); it counts against no
 * limit of d.  NULL: no memory.  page_free_shared() drops the hypervisor's
 * reference; the frame goes when the last mapping is gone.
 */
struct page *page_alloc_shared(struct domain *d);
void page_free_shared(struct page *p);

#endif
