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
#pragma once

#include <hyp/arch.h>
#include <hyp/atomic.h>

#include <asm/page.h>

enum page_kind {
	PGT_NONE,
	PGT_L1, PGT_L2, PGT_L3, PGT_L4,	/* page tables; value is the level */
	PGT_SEG,			/* segment descriptors: GDT, LDT   */
	PGT_WRITABLE,			/* mapped or written as plain data */
	PGT_HEAP = 14,			/* the hypervisor's own objects    */
	PGT_FREE = 15,			/* the first frame of a free block */
};

#define PGT_KIND_SHIFT	60
#define PGT_KIND_MASK	(15ULL << PGT_KIND_SHIFT)
#define PGT_VALIDATED	BIT(59)	/* contents obey the kind's rules */
#define PGT_PINNED	BIT(58)	/* one typed reference is the guest's pin */
#define PGT_FOREIGN	BIT(57)	/* others than the owner had it writable */
#define PGT_PROGRESS_SHIFT 32	/* of a table that is half (in)validated */
#define PGT_PROGRESS_MASK (1023ULL << PGT_PROGRESS_SHIFT)
#define PGT_COUNT_MASK	0xffffffffULL

#define PGC_ALLOCATED	(u32)BIT(31)	/* in refs: owner's own reference is one of the count */
#define PGC_SHARED	(u32)BIT(30)	/* in refs: hypervisor memory its owner may map */
#define PGC_HYP		(u32)BIT(29)	/* in refs: was born by page_alloc_shared() */
#define PGC_COUNT_MASK	((u32)BIT(29) - 1)

struct page {
	u32 refs;		/* a: PGC_* and count */
	u32 stamp;		/* a: TLB clock when last writable use ended */
	u64 type;		/* a: PGT_* */
	struct domain *owner;	/* d while refs > 0; NULL: free or hypervisor */
	u32 next, prev;		/* d: owner's page list / free list, as mfns */
};

/*
 * The frame table is there for all frames below the end of RAM.  What is not
 * RAM there belongs to dom_io; the stretches without RAM share one piece.
 */
extern mfn_t page_mfn_end;			/* I: behind the last RAM */

/* Calls f for each range of whole frames of RAM that we can reach, in order. */
void boot_ram_each(void (*f)(paddr_t start, paddr_t end));
/* Fills the frame table from boot_info; it is mapped. */
void page_init(void);

/* True when m has a struct page. */
static inline bool mfn_valid(mfn_t m)
{
	return m < page_mfn_end;
}

static inline struct page *page_of(mfn_t m)
{
	return frame_table() + m;
}

static inline mfn_t page_mfn(const struct page *p)
{
	return (mfn_t)(p - frame_table());
}

static inline enum page_kind type_kind(u64 type)
{
	return type >> PGT_KIND_SHIFT;
}

static inline u32 type_count(u64 type)
{
	return type & PGT_COUNT_MASK;
}

static inline u64 type_make(enum page_kind kind, u64 rest)
{
	return (u64)kind << PGT_KIND_SHIFT | rest;
}

void page_free(struct page *p);		/* the last reference went */

/* Drops a general reference; the last one frees the frame (scrubbed later). */
static inline void page_put(struct page *p)
{
	if (unlikely(!(atomic_sub(&p->refs, 1) & PGC_COUNT_MASK)))
		page_free(p);
}

/*
 * Takes a general reference on p if it belongs to owner; false: it does not,
 * is being freed, or its count is full.  Any CPU, no lock: the owner is looked
 * at again when the reference holds him still.
 */
static inline bool page_ref(struct page *p, const struct domain *owner)
{
	u32 x;

	if (unlikely(READ_ONCE(p->owner) != owner))
		return false;
	x = READ_ONCE(p->refs);
	do {
		if (unlikely(!(x & (PGC_ALLOCATED | PGC_SHARED)) ||
			     (x & PGC_COUNT_MASK) >= PGC_COUNT_MASK - 1024))
			return false;
	} while (unlikely(!atomic_cas(&p->refs, &x, x + 1)));
	if (likely(READ_ONCE(p->owner) == owner))
		return true;
	page_put(p);
	return false;
}

/* The same by frame number; returns the page, or NULL. */
static inline struct page *page_get(mfn_t m, const struct domain *owner)
{
	if (unlikely(!mfn_valid(m)) || unlikely(!page_ref(page_of(m), owner)))
		return NULL;
	return page_of(m);
}

/*
 * Takes a typed reference; the caller holds a general one, and the owner's
 * mmu.lock.  Validates contents on first use.
 * 0; -XEN_EBUSY another kind is in use; -XEN_EINVAL contents break a rule;
 * -XEN_ERESTART (tables only) do the same again after a rest, see mmu.h.
 */
int page_type_get(struct page *p, enum page_kind kind);
void page_type_put(struct page *p);

/* page_get() and PGT_WRITABLE at once; NULL when either is refused. */
struct page *page_get_writable(mfn_t m, const struct domain *owner);
void page_put_writable(struct page *p);

/* One more use as a table that is in use as that already; false: it is not. */
static inline bool page_table_share(struct page *p, enum page_kind kind)
{
	u64 x = READ_ONCE(p->type);

	do {
		if (unlikely(type_kind(x) != kind || !(x & PGT_VALIDATED) ||
			     type_count(x) == PGT_COUNT_MASK))
			return false;
	} while (unlikely(!atomic_cas(&p->type, &x, x + 1)));
	return true;
}

/* One use less when it is not the last; false: it is the last. */
static inline bool page_table_unshare(struct page *p)
{
	u64 x = READ_ONCE(p->type);

	do {
		if (type_count(x) == 1)
			return false;
	} while (unlikely(!atomic_cas(&p->type, &x, x - 1)));
	return true;
}

/* PGT_WRITABLE on a page that the caller holds; false: another kind is in use. */
static inline bool page_writable_get(struct page *p)
{
	u64 x = READ_ONCE(p->type), new;

	do {
		if (likely(!type_count(x)))
			new = type_make(PGT_WRITABLE, (x & PGT_FOREIGN) | 1);
		else if (type_kind(x) == PGT_WRITABLE &&
			 type_count(x) != PGT_COUNT_MASK)
			new = x + 1;
		else
			return false;
	} while (unlikely(!atomic_cas(&p->type, &x, new)));
	return true;
}

/*
 * Ends a writable use.  TLBs may remember it until each CPU has flushed: the
 * stamp says since when, and foreign that CPUs outside the owner's dirty mask
 * are concerned.  The stamp is in place before the count can be seen as 0.
 */
static inline void page_writable_put(struct page *p, bool foreign)
{
	u64 x = READ_ONCE(p->type);
	u64 flag = foreign ? PGT_FOREIGN : 0;

	do {
		if (type_count(x) == 1)
			WRITE_ONCE(p->stamp, arch_tlb_clock());
	} while (unlikely(!atomic_cas(&p->type, &x, (x - 1) | flag)));
}

/*
 * Hypervisor memory shared with a guest: shared_info, grant frames, ...
 * Zeroed; d may map it writable (its toolstack too); it counts against no
 * limit of d.  NULL: no memory.  page_free_shared() drops the hypervisor's
 * reference; the frame goes when the last mapping is gone.
 */
struct page *page_alloc_shared(struct domain *d);
void page_free_shared(struct page *p);
