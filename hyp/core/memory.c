/* SPDX-License-Identifier: MIT */
/*
 * Who owns which frames: giving them to a domain and taking them back, and
 * the part of memory_op that changes a reservation.  The questions are in
 * memory-op.c.
 *
 * A domain's frames are a list through their struct page.  A frame whose
 * owner gave it up while others still hold references leaves the list, but
 * stays counted until the last reference goes.  All counted frames together
 * hold one reference on their domain, so it outlives them.
 */
#include <hyp/memory.h>

#include <hyp/core.h>

#define UNLISTED	(~0U)
#define RELINQUISH_STEP	512

/* ---- The list and the counts; domain lock ---- */

static void list_insert_run(struct domain *d, mfn_t first, u64 n)
{
	struct page *p = page_of(first);

	for (u64 i = 0; i < n; i++, p++) {
		p->next = first + i + 1;
		p->prev = i ? first + i - 1 : 0;
	}
	page_of(first + n - 1)->next = d->mem.first;
	if (d->mem.first)
		page_of(d->mem.first)->prev = first + n - 1;
	d->mem.first = first;
}

static void list_remove(struct domain *d, struct page *p)
{
	if (p->next)
		page_of(p->next)->prev = p->prev;
	if (p->prev)
		page_of(p->prev)->next = p->next;
	else
		d->mem.first = p->next;
	p->next = p->prev = UNLISTED;
}

/* ---- Giving ---- */

/*
 * n more frames are counted, or fewer.  Together they hold one reference on d;
 * letting go of it frees nothing before we are done here.  Lock: d.
 */
static void count(struct domain *d, s64 n)
{
	const u64 before = d->mem.tot_pages;

	d->mem.tot_pages += n;
	if (!before && d->mem.tot_pages)
		domain_get(d);
	else if (before && !d->mem.tot_pages)
		domain_put(d);
}

/*
 * Frames become d's, if it lives, and if it may have so many where that
 * counts.  False: they are still nobody's.
 */
static bool assign(struct domain *d, mfn_t first, u64 n, bool limited)
{
	struct page *p = page_of(first);
	bool ok;
	u64 i;

	for (i = 0; i < n; i++, p++) {
		p->type = 0;
		p->stamp = 0;
		p->owner = d;
	}
	HOLD(&d->lock);
	ok = d->life == DOMAIN_ALIVE &&
	     (!limited || (n <= d->mem.max_pages &&
			   d->mem.tot_pages <= d->mem.max_pages - n));
	if (ok) {
		count(d, n);
		list_insert_run(d, first, n);
	}
	for (i = 0, p = page_of(first); i < n; i++, p++) {
		if (ok)
			atomic_store(&p->refs, PGC_ALLOCATED | 1);
		else
			p->owner = NULL;
	}
	return ok;
}

static mfn_t alloc(struct domain *d, unsigned order, unsigned address_bits,
		   enum frame_flags f)
{
	const u64 n = 1ULL << order;
	mfn_t m = MFN_NONE;

	/* What assign() would refuse is not worth the work. */
	if (READ_ONCE(d->mem.tot_pages) + n <= READ_ONCE(d->mem.max_pages))
		m = frame_alloc_for(d, order, address_bits,
				    f | FRAME_UNCLAIMED);
	if (m != MFN_NONE && !assign(d, m, n, true)) {
		frame_free(m, order);
		m = MFN_NONE;
	}
	return m;
}

mfn_t memory_alloc(struct domain *d, unsigned order, unsigned address_bits)
{
	return alloc(d, order, address_bits, FRAME_ZERO);
}

mfn_t memory_alloc_dirty(struct domain *d, unsigned order)
{
	return alloc(d, order, 0, 0);
}

/* ---- Taking back ---- */

/* A frame without references forgets everything but its dirt. */
static void reset(struct page *p)
{
	m2p_set(page_mfn(p), ~0ULL);
	p->refs = 0;
	p->owner = NULL;
	p->type = 0;
}

void memory_forget(struct domain *d, struct page *p)
{
	lock(&d->lock);
	if (p->next != UNLISTED)
		list_remove(d, p);
	count(d, -1);
	unlock(&d->lock);
	reset(p);
}

bool memory_steal(struct domain *d, mfn_t m)
{
	u32 only = PGC_ALLOCATED | 2;	/* the owner's, and ours for now */
	/* Without ours it could change hands between two looks at it. */
	struct page *p = page_get(m, d);

	if (!p || atomic_cas(&p->refs, &only, 0))
		return p;
	page_put(p);
	return false;
}

void memory_unsteal(struct domain *d, mfn_t m)
{
	bool alive;

	/* Whoever destroys d passes over frames that are in a thief's hands. */
	lock(&d->lock);
	alive = d->life == DOMAIN_ALIVE;
	if (alive)
		atomic_store(&page_of(m)->refs, PGC_ALLOCATED | 1);
	unlock(&d->lock);
	if (!alive)
		page_free(page_of(m));
}

bool memory_replace(struct domain *d, mfn_t m)
{
	return assign(d, m, 1, false);
}

/* ---- A dying domain ---- */

/* Gives up the pin of the page at the list's head; -XEN_ERESTART: half. */
static int unpin_page(struct domain *d, struct page *p)
{
	int rc;

	if (!(READ_ONCE(p->type) & PGT_PINNED))
		return 0;
	rc = mmu_enter(d);
	if (rc)
		return rc;
	mmu_unpin(p);
	rc = mmu_has_job(&d->mmu) ? -XEN_ERESTART : 0;
	unlock(&d->mmu.lock);
	return rc;
}

struct run {
	mfn_t first;
	u64 n;
};

static void run_free(struct run *r)
{
	if (r->n)
		frame_free_run(r->first, r->n);
	r->n = 0;
}

static void run_add(struct run *r, mfn_t m)
{
	if (r->n && m != r->first + r->n)
		run_free(r);
	if (!r->n)
		r->first = m;
	r->n++;
}

/* Drops the owner's own reference; true: it was the last. */
static bool owner_put(struct page *p)
{
	u32 x = READ_ONCE(p->refs);

	do {
		if (!(x & PGC_ALLOCATED))
			return false;
	} while (!atomic_cas(&p->refs, &x, x - (PGC_ALLOCATED | 1)));
	return (x & PGC_COUNT_MASK) == 1;
}

/*
 * Takes up to RELINQUISH_STEP pages off the list.  Those with no reference
 * but the owner's are freed; others lose it.  Stops at a pinned page: *pinned.
 */
static u64 relinquish_step(struct domain *d, struct page **pinned)
{
	struct run run = { 0, 0 };
	u64 n, freed = 0;
	struct page *p;

	*pinned = NULL;
	lock(&d->lock);
	for (n = 0; n < RELINQUISH_STEP && d->mem.first; n++) {
		p = page_of(d->mem.first);
		if (p->type & PGT_PINNED) {
			*pinned = p;
			break;
		}
		list_remove(d, p);
		/* The last of those who hold it frees it; is that us? */
		if (!owner_put(p))
			continue;
		freed++;
		reset(p);
		run_add(&run, page_mfn(p));
	}
	count(d, -(s64)freed);
	unlock(&d->lock);
	run_free(&run);
	return n;
}

int memory_relinquish(struct domain *d)
{
	struct page *pinned;
	int rc = mmu_drop_held(d);
	u64 n;

	if (rc)
		return rc;
	frame_claim(d, 0);
	/* Our own reference: the last frame may take its domain along. */
	domain_get(d);
	do {
		n = relinquish_step(d, &pinned);
		if (pinned)
			rc = unpin_page(d, pinned);
		if (!rc && hypercall_should_rest(n) && d->mem.first)
			rc = -XEN_ERESTART;
	} while (!rc && d->mem.first);
	domain_put(d);
	return rc;
}

void memory_domain_exit(struct domain *d)
{
	frame_claim(d, 0);
	heap_free(d->mem.e820);
	d->mem.e820 = NULL;
}
