/* SPDX-License-Identifier: MIT */
/*
 * The page-type machine: a frame has one kind at a time, and a frame of a
 * table kind holds only entries that obey the rules.
 *
 * Validation walks a table from entry 0 up and takes what each entry holds;
 * a child table that is not validated yet is walked first.  Invalidation
 * walks down again.  Kinds strictly descend (an Ln entry leads to an Ln-1
 * table, nothing else), so the depth is at most four.
 *
 * Half-way, a table has a count of one, is not PGT_VALIDATED, and its
 * progress n says: the entries below n hold their references.  The child of
 * entry n may be half-way itself; then it holds its reference, too.  Only
 * the tables on the way down to the point of rest look like that, because a
 * domain has at most one job (see mmu.h), so such a child is always ours.
 *
 * Nobody can change the type of such a table meanwhile: its count is not
 * zero, and for those who ask for the same kind, there is mmu_enter().
 */
#include <hyp/page.h>

#include <hyp/desc.h>
#include <hyp/core.h>
#include <hyp/pt-entry.h>

#include <asm/hyp-map.h>

#define ENTRIES 512

/* ---- The type word ---- */

static unsigned progress_get(const struct page *p)
{
	return (p->type & PGT_PROGRESS_MASK) >> PGT_PROGRESS_SHIFT;
}

/* A table on its way: nobody else writes the word of a table in this state. */
static void half_way(struct page *p, unsigned progress)
{
	u64 keep = p->type & (PGT_KIND_MASK | PGT_PINNED | PGT_COUNT_MASK);

	atomic_store(&p->type, keep | (u64)progress << PGT_PROGRESS_SHIFT);
}

static void validated(struct page *p)
{
	u64 keep = p->type & (PGT_KIND_MASK | PGT_PINNED | PGT_COUNT_MASK);

	atomic_store(&p->type, keep | PGT_VALIDATED);
}

static void invalidated(struct page *p)
{
	atomic_store(&p->type, p->type & PGT_KIND_MASK);
}

static bool is_half_way(const struct domain *d, const struct page *p,
			unsigned level)
{
	u64 x = p->type;

	return p->owner == d && type_kind(x) == level &&
	       type_count(x) == 1 && !(x & PGT_VALIDATED);
}

/*
 * The frame had been writable: before its contents count for anything, no
 * TLB may remember that.  Called when nobody can get it writable any more.
 */
static void flush_writable(struct page *p, u64 old)
{
	if (type_kind(old) != PGT_WRITABLE)
		return;
	if (unlikely(old & PGT_FOREIGN))
		flush_everywhere(p->stamp);
	else
		arch_flush_tlb_since(&p->owner->dirty, p->stamp);
}

/*
 * Counts one more use as kind.  1: it was in use as that, all is done; 0: it
 * is the first, and half-way with progress 0; or -XEN_EBUSY, -XEN_EINVAL.
 */
static int claim(struct page *p, enum page_kind kind)
{
	u64 x = READ_ONCE(p->type);

	/* Memory that the hypervisor writes is never a table. */
	if (unlikely(READ_ONCE(p->refs) & PGC_SHARED))
		return -XEN_EINVAL;
	do {
		if (type_count(x) && page_table_share(p, kind))
			return 1;
		if (type_count(x))
			return type_kind(x) == kind && !(x & PGT_VALIDATED) ?
			       -XEN_EAGAIN : -XEN_EBUSY;
	} while (unlikely(!atomic_cas(&p->type, &x, type_make(kind, 1))));
	flush_writable(p, x);
	return 0;
}

/* ---- Rests ---- */

static bool must_rest(struct domain *d, unsigned units)
{
	return !d->mmu.hurry && current_vcpu() && hypercall_should_rest(units);
}

/* ---- Looking for entries: most tables are mostly empty ---- */

static bool eight_empty(const u64 *t)
{
	return !(t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7]);
}

/* The first present entry from i on, or ENTRIES. */
static inline unsigned next_present(const u64 *t, unsigned i)
{
	while (i < ENTRIES) {
		if (!(i & 7) && eight_empty(t + i))
			i += 8;
		else if (t[i] & PTE_P)
			return i;
		else
			i++;
	}
	return ENTRIES;
}

/* One more than the last present entry below n, or 0. */
static inline unsigned last_present(const u64 *t, unsigned n)
{
	while (n) {
		if (!(n & 7) && eight_empty(t + n - 8))
			n -= 8;
		else if (t[n - 1] & PTE_P)
			return n;
		else
			n--;
	}
	return 0;
}

/* ---- L1 ---- */

static void l1_release(struct domain *d, const u64 *t, unsigned n)
{
	unsigned i;

	for (i = next_present(t, 0); i < n; i = next_present(t, i + 1))
		pt_l1_put(d, t[i]);
}

/* All or nothing: an L1 table is never half-way with something in hand. */
static int l1_validate(struct domain *d, struct page *p)
{
	u64 *t = frame_to_virt(page_mfn(p));
	unsigned i;
	u64 e, was;
	int rc;

	for (i = next_present(t, 0); i < ENTRIES; i = next_present(t, i + 1)) {
		was = e = READ_ONCE(t[i]);
		if (unlikely(!(e & PTE_P)))
			continue;
		rc = pt_l1_get(d, d, &e);
		if (unlikely(rc)) {
			l1_release(d, t, i);
			return rc;
		}
		if (e != was)
			WRITE_ONCE(t[i], e);
	}
	return 0;
}

/* ---- L2 to L4 ---- */

static int table_up(struct domain *d, struct page *p);
static int table_down(struct domain *d, struct page *p);

/* Takes what entry *slot of a table of this level holds; -XEN_ERESTART: half-way. */
static int entry_up(struct domain *d, unsigned level, u64 *slot, bool *worked)
{
	u64 e = READ_ONCE(*slot), was = e;
	struct page *c;
	int rc;

	if (!(e & PTE_P) || !pt_check_table(level, e) ||
	    !mfn_valid(pte_mfn(e)))
		return -XEN_EINVAL;
	c = page_of(pte_mfn(e));
	*worked = true;
	if (!is_half_way(d, c, level - 1)) {
		if (!page_get(pte_mfn(e), d))
			return -XEN_EINVAL;
		rc = claim(c, level - 1);
		if (rc < 0) {
			page_put(c);
			return rc;
		}
		*worked = rc == 0;
	}
	/* An error leaves the child half-way: table_down() finds it. */
	rc = *worked ? table_up(d, c) : 0;
	if (rc)
		return rc;
	e = pt_adjust_table(level, e);
	if (e != was)
		WRITE_ONCE(*slot, e);
	return 0;
}

/* The hypervisor's own slots are the same in every L4. */
static void l4_finish(u64 *t)
{
	memcpy(t + HYP_SLOT_FIRST, hyp_l4 + HYP_SLOT_FIRST,
	       (HYP_SLOT_END - HYP_SLOT_FIRST) * sizeof(u64));
}

/* Validates a table from where it stands. */
static int table_up(struct domain *d, struct page *p)
{
	unsigned level = type_kind(p->type), i;
	u64 *t = frame_to_virt(page_mfn(p));
	bool worked = false;
	int rc = 0;

	if (level == 1)
		rc = l1_validate(d, p);
	i = level == 1 ? ENTRIES : next_present(t, progress_get(p));
	for (; i < ENTRIES; i = next_present(t, i + 1)) {
		if (pt_slot_reserved(level, i))
			continue;
		if (worked && must_rest(d, ENTRIES))
			rc = -XEN_ERESTART;
		else
			rc = entry_up(d, level, &t[i], &worked);
		if (rc) {
			half_way(p, i);
			return rc;
		}
	}
	if (rc)
		return rc;
	if (level == 4)
		l4_finish(t);
	validated(p);
	return 0;
}

/* A child of which ours was the last use: let go of it, -XEN_ERESTART: half. */
static int child_down(struct domain *d, struct page *c)
{
	int rc = table_down(d, c);

	if (rc)
		return rc;
	invalidated(c);
	page_put(c);
	return 0;
}

/* Lets go of what entry e held. */
static int entry_down(struct domain *d, u64 e, bool *worked)
{
	struct page *c = page_of(pte_mfn(e));

	if (page_table_unshare(c)) {
		page_put(c);
		return 0;
	}
	*worked = true;
	return child_down(d, c);
}

static int upper_down(struct domain *d, struct page *p)
{
	unsigned level = type_kind(p->type), n = progress_get(p);
	u64 *t = frame_to_virt(page_mfn(p)), e;
	bool worked = false;
	int rc = 0;

	/* First the child that was left half-way. */
	e = n < ENTRIES && !pt_slot_reserved(level, n) ? t[n] : 0;
	if (e & PTE_P && mfn_valid(pte_mfn(e)) &&
	    is_half_way(d, page_of(pte_mfn(e)), level - 1))
		rc = child_down(d, page_of(pte_mfn(e)));
	while (!rc && (n = last_present(t, n)) > 0) {
		if (pt_slot_reserved(level, n - 1))
			n--;
		else if (worked && must_rest(d, ENTRIES))
			rc = -XEN_ERESTART;
		else
			rc = entry_down(d, t[--n], &worked);
	}
	half_way(p, n);
	return rc;
}

/* Lets go of everything a table holds, from where it stands. */
static int table_down(struct domain *d, struct page *p)
{
	bool whole = p->type & PGT_VALIDATED;

	half_way(p, whole ? ENTRIES : progress_get(p));
	if (type_kind(p->type) != PGT_L1)
		return upper_down(d, p);
	if (whole)
		l1_release(d, frame_to_virt(page_mfn(p)), ENTRIES);
	half_way(p, 0);
	return 0;
}

/* ---- Jobs ---- */

static void job_start(struct domain *d, enum mmu_job_kind kind,
		      struct page *p)
{
	ASSERT(d->mmu.job == MMU_JOB_NONE);
	/* The caller holds one, and the count stops short of its end. */
	atomic_add(&p->refs, 1);
	d->mmu.job = kind;
	d->mmu.job_page = p;
	d->mmu.job_error = 0;
}

/* Goes on with the job.  0: done; -XEN_ERESTART; else it failed, undone. */
static int job_run(struct domain *d)
{
	struct page *p = d->mmu.job_page;
	int rc;

	if (d->mmu.job == MMU_JOB_VALIDATE) {
		rc = table_up(d, p);
		if (rc == -XEN_ERESTART)
			return rc;
		if (!rc) {
			d->mmu.job = MMU_JOB_NONE;
			return 0;
		}
		d->mmu.job = MMU_JOB_INVALIDATE;
		d->mmu.job_error = rc;
	}
	rc = table_down(d, p);
	if (rc)
		return rc;
	invalidated(p);
	d->mmu.job = MMU_JOB_NONE;
	return d->mmu.job_error;
}

static int job_finish(struct domain *d)
{
	bool validating = d->mmu.job == MMU_JOB_VALIDATE;
	struct page *p = d->mmu.job_page;
	int rc = job_run(d);

	if (rc == -XEN_ERESTART)
		return rc;
	if (validating && !rc) {
		d->mmu.held = p;
		return 0;
	}
	d->mmu.failed = rc ? p : NULL;
	d->mmu.failed_kind = type_kind(p->type);
	d->mmu.failed_error = rc;
	page_put(p);
	return 0;
}

int mmu_enter(struct domain *d)
{
	lock(&d->mmu.lock);
	if (likely(!mmu_has_job(&d->mmu)))
		return 0;
	if (!job_finish(d))
		return 0;
	unlock(&d->mmu.lock);
	return -XEN_ERESTART;
}

bool mmu_unpin(struct page *p)
{
	if (!(atomic_fetch_and(&p->type, ~PGT_PINNED) & PGT_PINNED))
		return false;
	page_type_put(p);
	page_put(p);
	return true;
}

/* The request that rested comes again: what became of its table? */
static bool take_over(struct domain *d, struct page *p, enum page_kind kind,
		      int *rc)
{
	*rc = 0;
	if (d->mmu.held == p && type_kind(p->type) == kind) {
		d->mmu.held = NULL;
		page_put(p);
		return true;
	}
	if (d->mmu.failed == p && d->mmu.failed_kind == kind) {
		d->mmu.failed = NULL;
		*rc = d->mmu.failed_error;
		return true;
	}
	return false;
}

static void table_put(struct page *p)
{
	struct domain *d = p->owner;

	if (page_table_unshare(p))
		return;
	job_start(d, MMU_JOB_INVALIDATE, p);
	if (job_run(d) != -XEN_ERESTART)
		page_put(p);
}

/* Nobody came back for what was validated: let go of it. */
static int held_drop(struct domain *d)
{
	struct page *p = d->mmu.held;

	if (!p)
		return 0;
	d->mmu.held = NULL;
	table_put(p);
	page_put(p);
	return mmu_has_job(&d->mmu) ? -XEN_ERESTART : 0;
}

static int table_get(struct page *p, enum page_kind kind)
{
	struct domain *d = p->owner;
	int rc;

	if (unlikely(d->mmu.held || d->mmu.failed)) {
		if (take_over(d, p, kind, &rc))
			return rc;
		d->mmu.failed = NULL;
		/* This may take away the very table that the caller changes:
		 * let it look again. */
		if (d->mmu.held)
			return held_drop(d) ? : -XEN_ERESTART;
	}
	rc = claim(p, kind);
	if (rc)
		return rc < 0 ? rc : 0;
	job_start(d, MMU_JOB_VALIDATE, p);
	rc = job_run(d);
	if (rc != -XEN_ERESTART)
		page_put(p);
	return rc;
}

int mmu_drop_held(struct domain *d)
{
	int rc = mmu_enter(d);

	if (rc)
		return rc;
	d->mmu.failed = NULL;
	rc = held_drop(d);
	unlock(&d->mmu.lock);
	return rc;
}

/* ---- Segment descriptors ---- */

static int seg_get(struct page *p)
{
	const int rc = claim(p, PGT_SEG);

	if (rc)
		return rc < 0 ? rc : 0;
	if (!desc_page_fix(frame_to_virt(page_mfn(p)))) {
		invalidated(p);
		return -XEN_EINVAL;
	}
	validated(p);
	return 0;
}

/* ---- Any kind that the processor interprets ---- */

int page_type_get(struct page *p, enum page_kind kind)
{
	return kind == PGT_SEG ? seg_get(p) : table_get(p, kind);
}

void page_type_put(struct page *p)
{
	if (type_kind(p->type) != PGT_SEG)
		table_put(p);
	else if (!page_table_unshare(p))
		invalidated(p);
}
