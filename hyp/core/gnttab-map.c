/* SPDX-License-Identifier: MIT */
/*
 * Mapping and unmapping grants.
 *
 * A mapping is: a use of the granter's entry (which holds the frame), a page
 * table entry of the mapper (which holds the frame too), and a track, whose
 * number is the handle.  Locks are taken one after another, never together:
 * use the entry, write the page-table entry, and undo the use if that fails.
 *
 * The track remembers where its page-table entry is, and that one is cleared,
 * whatever address comes with the handle: else a mapper could end a mapping
 * and keep its entry.  If the mapper's kernel overwrote it, or gave up the
 * whole table, there is nothing to clear, and the mapping ends all the same.
 *
 * Unmapping clears page-table entries first, flushes TLBs once for the
 * batch, and only then lets go of the entries: no CPU can reach a frame
 * through a stale translation after the granter was told that it is free.
 */
#include <hyp/gnttab-entry.h>

#include <asm/pte.h>

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
	HOLD(&t->lock);

	if (t->track_free == TRACK_END && !add_chunk(t))
		return TRACK_END;
	h = t->track_free;
	t->track_free = track_at(d, h)->ref;
	t->maps++;
	return h;
}

/* Lock: g. */
static void track_free(struct domain *d, u32 h)
{
	struct gnttab_track *track = track_at(d, h);

	track->flags = 0;
	track->ref = d->gnttab.track_free;
	d->gnttab.track_free = h;
	d->gnttab.maps--;
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
		   const struct gnttab_map_grant_ref *op,
		   struct gnttab_track *t)
{
	struct vcpu *v = current_vcpu();
	u64 old;

	if (!(op->flags & GNTMAP_host_map))
		return GNTST_okay;
	t->at = op->host_addr;
	if ((!(op->flags & GNTMAP_contains_pte) &&
	     !mmu_walk(v, op->host_addr, &old, &t->at)) ||
	    mmu_grant_set(v, t->at, pte_for(op, t->mfn), granter))
		return GNTST_bad_virt_addr;
	return GNTST_okay;
}

/*
 * Fills track t, which is taken; it keeps a reference on granter.  Nobody
 * looks at it before its flags are there, so it needs no lock.
 */
static int map_track(struct domain *d, struct domain *granter,
		     struct gnttab_map_grant_ref *op, struct gnttab_track *t)
{
	const bool write = !(op->flags & GNTMAP_readonly);
	int rc = gnttab_use(granter, op->ref, d, write, &t->mfn);

	if (rc)
		return rc;
	rc = map_pte(granter, op, t);
	if (rc) {
		gnttab_unuse(granter, op->ref, write);
		return rc;
	}
	domain_get(granter);
	t->granter = granter;
	t->ref = op->ref;
	atomic_store(&t->flags, op->flags & (MAPS | GNTMAP_readonly));
	op->dev_bus_addr = t->mfn << PAGE_SHIFT;
	return GNTST_okay;
}

void gnttab_map(struct gnttab_map_grant_ref *op, struct gnttab_batch *b)
{
	struct domain *granter = gnttab_batch_domain(b, 0, op->dom);
	u32 h;

	op->status = granter ? check_flags(op) : GNTST_bad_domain;
	if (op->status)
		return;
	h = track_take(b->d);
	op->status = h == TRACK_END ? GNTST_no_space :
		     map_track(b->d, granter, op, track_at(b->d, h));
	if (!op->status) {
		op->handle = h;
	} else if (h != TRACK_END) {
		HOLD(&b->d->gnttab.lock);
		track_free(b->d, h);
	}
}

/* ---- Unmapping ---- */

/*
 * Takes the maps that op ends out of the track, so that no other vCPU can
 * end them as well.
 */
static int claim(struct domain *d, const struct gnttab_unmap_grant_ref *op,
		 struct gnttab_unmapped *u)
{
	struct gnttab_track *t;
	HOLD(&d->gnttab.lock);

	t = track_at(d, op->handle);
	u->handle = op->handle;
	u->drop = (op->host_addr ? GNTMAP_host_map : 0) |
		  (op->dev_bus_addr ? GNTMAP_device_map : 0);
	if (!t || !(t->flags & MAPS))
		return GNTST_bad_handle;
	if (op->dev_bus_addr && op->dev_bus_addr != t->mfn << PAGE_SHIFT)
		return GNTST_bad_dev_addr;
	u->drop &= t->flags;
	u->track = *t;
	/* Keep the handle busy while its last map is being ended. */
	t->flags &= ~u->drop;
	return GNTST_okay;
}

/* Was that the mapping's last map? */
static bool is_last(const struct gnttab_unmapped *u)
{
	return (u->track.flags & MAPS) == (u->drop & MAPS);
}

/* TLBs are clean: ends the uses, and the handles with their last map. */
static void finish(struct domain *d, const struct gnttab_unmapped *u, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (is_last(&u[i])) {
			gnttab_unuse(u[i].track.granter, u[i].track.ref,
				     !(u[i].track.flags & GNTMAP_readonly));
			domain_put(u[i].track.granter);
		}
	lock(&d->gnttab.lock);
	for (u32 i = 0; i < n; i++)
		if (is_last(&u[i]))
			track_free(d, u[i].handle);
	unlock(&d->gnttab.lock);
}

void gnttab_unmap_end(struct gnttab_batch *b)
{
	if (!b->nr_unmapped)
		return;
	arch_flush_tlb(&b->d->dirty, FLUSH_ALL);
	finish(b->d, b->unmapped, b->nr_unmapped);
	b->nr_unmapped = 0;
}

void gnttab_unmap(struct gnttab_unmap_grant_ref *op, struct gnttab_batch *b)
{
	struct gnttab_unmapped *u;

	if (b->nr_unmapped == ARRAY_SIZE(b->unmapped))
		gnttab_unmap_end(b);
	u = &b->unmapped[b->nr_unmapped];
	op->status = claim(b->d, op, u);
	if (op->status)
		return;
	b->nr_unmapped++;
	if (u->drop & GNTMAP_host_map)
		mmu_grant_clear(current_vcpu(), u->track.at, u->track.mfn);
}

/* ---- Teardown ---- */

/*
 * The dying domain runs nowhere.  Its page tables let go of frames on their
 * own; here the uses end.
 */
int gnttab_domain_release(struct domain *d)
{
	struct gnttab_track *t;
	struct gnttab_unmapped u;

	for (u32 h = 0; d->gnttab.maps; h++) {
		t = track_at(d, h);
		if (!t)
			break;
		if (!(t->flags & MAPS))
			continue;
		u = (struct gnttab_unmapped){ *t, h, t->flags & MAPS };
		finish(d, &u, 1);
		if (hypercall_should_rest(1) && d->gnttab.maps)
			return -XEN_ERESTART;
	}
	return 0;
}
