/* SPDX-License-Identifier: MIT */
/*
 * Mapping and unmapping grants.
 *
 * A mapping is: a use of the granter's entry (which holds the frame), a page
 * table entry of the mapper (which holds the frame too), and a track, whose
 * number is the handle.  Locks are taken one after another, never together:
 * use the entry, write the page-table entry, and undo the use if that fails.
 *
 * Unmapping clears page-table entries first, flushes TLBs once for the
 * batch, and only then lets go of the entries: no CPU can reach a frame
 * through a stale translation after the granter was told that it is free.
 */
#include <hyp/gnttab-entry.h>

#include <hyp/arch.h>
#include <hyp/domain.h>
#include <hyp/frame-alloc.h>
#include <hyp/guest.h>
#include <hyp/hypercall.h>
#include <hyp/mmu.h>
#include <hyp/page.h>
#include <hyp/priv.h>

#include <asm/pte.h>

#define UNMAP_BATCH	32
#define TRACK_FLAGS	(GNTMAP_device_map | GNTMAP_host_map | \
			 GNTMAP_readonly | GNTMAP_contains_pte)
#define MAPS		(GNTMAP_device_map | GNTMAP_host_map)

/* ---- Tracks ---- */

static struct gnttab_track *track_at(const struct domain *d, u32 handle)
{
	if (handle / TRACKS_PER_CHUNK >= d->gnttab.track_chunks)
		return NULL;
	return &d->gnttab.track[handle / TRACKS_PER_CHUNK]
			       [handle % TRACKS_PER_CHUNK];
}

/* Lock: g. */
static bool add_chunk(struct domain_gnttab *t)
{
	struct gnttab_track *c;
	u32 i, first = t->track_chunks * TRACKS_PER_CHUNK;

	if (t->track_chunks >= t->max_maptrack)
		return false;
	c = heap_alloc(TRACKS_PER_CHUNK * sizeof(*c));
	if (!c)
		return false;
	for (i = 0; i < TRACKS_PER_CHUNK; i++)
		c[i].ref = first + i + 1;
	c[TRACKS_PER_CHUNK - 1].ref = t->track_free;
	t->track[t->track_chunks++] = c;
	t->track_free = first;
	return true;
}

/* TRACK_END: none left. */
static u32 track_take(struct domain *d)
{
	struct domain_gnttab *t = &d->gnttab;
	u32 h;

	lock(&t->lock);
	h = t->track_free;
	if (h == TRACK_END && add_chunk(t))
		h = t->track_free;
	if (h != TRACK_END) {
		t->track_free = track_at(d, h)->ref;
		t->maps++;
	}
	unlock(&t->lock);
	return h;
}

/* Nobody looks at a taken track before its flags are there: no lock. */
static void track_set(struct domain *d, u32 h, struct domain *granter,
		      const struct gnttab_map_grant_ref *op, mfn_t m)
{
	struct gnttab_track *t = track_at(d, h);

	t->granter = granter;
	t->mfn = m;
	t->ref = op->ref;
	atomic_store(&t->flags, op->flags & TRACK_FLAGS);
}

/* Lock: g. */
static void track_free_locked(struct domain *d, u32 h)
{
	struct gnttab_track *track = track_at(d, h);

	track->flags = 0;
	track->ref = d->gnttab.track_free;
	d->gnttab.track_free = h;
	d->gnttab.maps--;
}

static void track_free(struct domain *d, u32 h)
{
	lock(&d->gnttab.lock);
	track_free_locked(d, h);
	unlock(&d->gnttab.lock);
}

/* ---- Mapping ---- */

static u64 pte_for(const struct gnttab_map_grant_ref *op, mfn_t m)
{
	u64 pte = pte_make(m, PTE_P | PTE_A | PTE_NX);

	if (!(op->flags & GNTMAP_readonly))
		pte |= PTE_RW | PTE_D;
	if (op->flags & GNTMAP_application_map)
		pte |= PTE_US;
	/* The caller's own marks, in the bits that entries leave to it. */
	pte |= (u64)(op->flags >> _GNTMAP_guest_avail0 & 7) << 9;
	return pte;
}

/* The flags name a mapping that exists and that the caller may have. */
static int check_flags(const struct gnttab_map_grant_ref *op)
{
	if (!(op->flags & MAPS))
		return GNTST_bad_gntref;
	if ((op->flags & GNTMAP_device_map) && !priv_hardware(current_domain()))
		return GNTST_permission_denied;
	return GNTST_okay;
}

static int map_pte(struct domain *granter,
		   const struct gnttab_map_grant_ref *op, mfn_t m)
{
	int rc;

	if (!(op->flags & GNTMAP_host_map))
		return GNTST_okay;
	rc = mmu_grant_set(current_vcpu(), op->host_addr,
			   op->flags & GNTMAP_contains_pte, pte_for(op, m),
			   granter);
	return rc ? GNTST_bad_virt_addr : GNTST_okay;
}

/* On success the track keeps a reference on granter. */
static int map_one(struct domain *granter, struct gnttab_map_grant_ref *op)
{
	struct domain *d = current_domain();
	const bool write = !(op->flags & GNTMAP_readonly);
	u32 handle;
	mfn_t m;
	int rc;

	rc = check_flags(op);
	if (rc)
		return rc;
	handle = track_take(d);
	if (handle == TRACK_END)
		return GNTST_no_space;
	rc = gnttab_use(granter, op->ref, d, write, &m);
	if (rc)
		goto err_track;
	rc = map_pte(granter, op, m);
	if (rc)
		goto err_use;

	domain_get(granter);
	track_set(d, handle, granter, op, m);
	op->handle = handle;
	op->dev_bus_addr = m << PAGE_SHIFT;
	return GNTST_okay;
err_use:
	gnttab_unuse(granter, op->ref, write);
err_track:
	track_free(d, handle);
	return rc;
}

long gnttab_map_batch(u64 uop, u32 count)
{
	struct domain_cache cache = { NULL, 0 };
	struct gnttab_map_grant_ref op;
	struct domain *granter;
	long rc = 0;
	u32 i;

	for (i = 0; i < count; i++, uop += sizeof(op)) {
		if (i && hypercall_should_rest(1))
			break;
		if (copy_from_guest(&op, uop, sizeof(op))) {
			rc = -XEN_EFAULT;
			break;
		}
		granter = domain_cached(&cache, op.dom);
		op.status = granter ? map_one(granter, &op) : GNTST_bad_domain;
		if (copy_to_guest(uop, &op, sizeof(op))) {
			rc = -XEN_EFAULT;
			break;
		}
	}
	domain_cache_drop(&cache);
	return rc ? rc : i;
}

/* ---- Unmapping ---- */

/* A mapping whose page-table entry is gone and whose use is not yet. */
struct unmapped {
	struct gnttab_track track;	/* what it was */
	u32 handle;
	u16 drop;			/* GNTMAP_* maps that end now */
};

/*
 * Takes the maps that op ends out of the track, so that no other vCPU can
 * end them as well.  Lock: g is taken.
 */
static int claim(struct domain *d, const struct gnttab_unmap_grant_ref *op,
		 struct unmapped *u)
{
	struct gnttab_track *t;
	int rc = GNTST_okay;

	lock(&d->gnttab.lock);
	t = track_at(d, op->handle);
	u->handle = op->handle;
	u->drop = (op->host_addr ? GNTMAP_host_map : 0) |
		  (op->dev_bus_addr ? GNTMAP_device_map : 0);
	if (!t || !(t->flags & MAPS)) {
		rc = GNTST_bad_handle;
	} else if (op->dev_bus_addr &&
		   op->dev_bus_addr != t->mfn << PAGE_SHIFT) {
		rc = GNTST_bad_dev_addr;
	} else {
		u->drop &= t->flags;
		u->track = *t;
		t->flags &= ~u->drop;
		/* Keep the handle busy while its last map is being ended. */
	}
	unlock(&d->gnttab.lock);
	return rc;
}

static void unclaim(struct domain *d, const struct unmapped *u)
{
	lock(&d->gnttab.lock);
	track_at(d, u->handle)->flags |= u->drop;
	unlock(&d->gnttab.lock);
}

static int unmap_one(struct domain *d, const struct gnttab_unmap_grant_ref *op,
		     struct unmapped *u)
{
	int rc = claim(d, op, u);

	if (rc || !(u->drop & GNTMAP_host_map))
		return rc;
	if (mmu_grant_clear(current_vcpu(), op->host_addr,
			    u->track.flags & GNTMAP_contains_pte,
			    u->track.mfn, u->track.flags & GNTMAP_readonly,
			    0)) {
		unclaim(d, u);
		return GNTST_general_error;
	}
	return GNTST_okay;
}

/* Was that the mapping's last map? */
static bool is_last(const struct unmapped *u)
{
	return (u->track.flags & MAPS) == (u->drop & MAPS);
}

/* TLBs are clean: ends the uses, and the handles with their last map. */
static void finish(struct domain *d, const struct unmapped *u, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (is_last(&u[i])) {
			gnttab_unuse(u[i].track.granter, u[i].track.ref,
				     !(u[i].track.flags & GNTMAP_readonly));
			domain_put(u[i].track.granter);
		}
	lock(&d->gnttab.lock);
	for (i = 0; i < n; i++)
		if (is_last(&u[i]))
			track_free_locked(d, u[i].handle);
	unlock(&d->gnttab.lock);
}

static void finish_batch(struct domain *d, const struct unmapped *u, u32 n)
{
	if (!n)
		return;
	arch_flush_tlb(&d->dirty, FLUSH_ALL);
	finish(d, u, n);
}

long gnttab_unmap_batch(u64 uop, u32 count)
{
	struct domain *d = current_domain();
	struct unmapped done[UNMAP_BATCH];
	struct gnttab_unmap_grant_ref op;
	u32 i, n = 0;
	long rc = 0;

	for (i = 0; i < count; i++, uop += sizeof(op)) {
		if (n == UNMAP_BATCH) {
			finish_batch(d, done, n);
			n = 0;
			if (hypercall_should_rest(UNMAP_BATCH))
				break;
		}
		if (copy_from_guest(&op, uop, sizeof(op))) {
			rc = -XEN_EFAULT;
			break;
		}
		op.status = unmap_one(d, &op, &done[n]);
		if (op.status == GNTST_okay)
			n++;
		if (copy_to_guest(uop, &op, sizeof(op))) {
			rc = -XEN_EFAULT;
			break;
		}
	}
	finish_batch(d, done, n);
	return rc ? rc : i;
}

/* ---- Teardown ---- */

/*
 * The dying domain runs nowhere.  Its page tables let go of frames on their
 * own; here the uses end.
 */
int gnttab_domain_release(struct domain *d)
{
	struct gnttab_track *t;
	struct unmapped u;
	u32 h;

	for (h = 0; d->gnttab.maps; h++) {
		t = track_at(d, h);
		if (!t)
			break;
		if (!(t->flags & MAPS))
			continue;
		u = (struct unmapped){ *t, h, t->flags & MAPS };
		finish(d, &u, 1);
		if (hypercall_should_rest(1) && d->gnttab.maps)
			return -XEN_ERESTART;
	}
	return 0;
}
