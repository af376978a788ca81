/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: a domain's list of frames that others may use.
 *
 * The table's frames are hypervisor memory that the granting domain writes.
 * Beside each entry we keep our own record (struct gnttab_active); from the
 * first use to the last only that record counts, so a guest that rewrites an
 * entry in use confuses nobody but itself.
 *
 * Version 1 only: set_version(2) fails and Linux goes on with version 1.
 * Transfer is not offered: a frame that changes its owner while somebody
 * still holds it has been a source of holes in other hypervisors.
 */
#include <hyp/gnttab-entry.h>

#include <hyp/domain.h>
#include <hyp/frame-alloc.h>
#include <hyp/guest.h>
#include <hyp/hypercall.h>
#include <hyp/page.h>
#include <hyp/priv.h>

static struct grant_entry_v1 *shared_entry(const struct domain *d, u32 ref)
{
	struct grant_entry_v1 *t;

	t = frame_to_virt(page_mfn(d->gnttab.frame[ref / ENTRIES_PER_FRAME]));
	return t + ref % ENTRIES_PER_FRAME;
}

struct gnttab_active *gnttab_active(const struct domain *d, u32 ref)
{
	const u32 frame = ref / ENTRIES_PER_FRAME;

	if (frame >= d->gnttab.frames)
		return NULL;
	return &d->gnttab.active[frame][ref % ENTRIES_PER_FRAME];
}

/* ---- Using an entry ---- */

/*
 * Marks the guest's entry as read (and written).  Flags and domid are one
 * word for the guest too, so a compare-and-swap on both decides.
 */
static int mark_entry(struct grant_entry_v1 *e, const struct domain *user,
		      bool write)
{
	u32 *word = (u32 *)e, old = READ_ONCE(*word), new;
	const u32 set = GTF_reading | (write ? GTF_writing : 0);
	unsigned tries;

	for (tries = 0; tries < 5; tries++) {
		/* The entry permits access, to this user, in this way. */
		if ((old & GTF_type_mask) != GTF_permit_access ||
		    (old >> 16) != user->id)
			return GNTST_bad_gntref;
		if (write && (old & GTF_readonly))
			return GNTST_permission_denied;
		new = old | set;
		if (new == old || atomic_cas(word, &old, new))
			return GNTST_okay;
	}
	return GNTST_general_error;	/* the guest keeps rewriting it */
}

static void unmark_entry(struct grant_entry_v1 *e,
			 const struct gnttab_active *a)
{
	u16 clear = 0;

	if (!a->writers)
		clear |= GTF_writing;
	if (!a->writers && !a->readers)
		clear |= GTF_reading;
	if (clear)
		atomic_fetch_and(&e->flags, (u16)~clear);
}

/* First use: pins the frame that the entry names.  Lock: g. */
static int pin_frame(struct domain *granter, struct gnttab_active *a,
		     const struct grant_entry_v1 *e, const struct domain *user)
{
	struct page *pg = page_get(READ_ONCE(e->frame), granter);

	if (!pg)
		return GNTST_bad_page;
	a->mfn = page_mfn(pg);
	a->domid = user->id;
	return GNTST_okay;
}

/* Lock: g. */
static int use_locked(struct domain *granter, u32 ref,
		      const struct domain *user, bool write)
{
	struct gnttab_active *a = gnttab_active(granter, ref);
	struct grant_entry_v1 *e;
	bool fresh;
	int rc;

	if (granter->life != DOMAIN_ALIVE)
		return GNTST_bad_domain;
	if (!a)
		return GNTST_bad_gntref;
	e = shared_entry(granter, ref);
	fresh = !a->readers && !a->writers;
	if (!fresh && a->domid != user->id)
		return GNTST_bad_gntref;
	if (a->readers == 0xffff || a->writers == 0xffff)
		return GNTST_no_space;
	rc = mark_entry(e, user, write);
	if (rc)
		return rc;

	if (fresh)
		rc = pin_frame(granter, a, e, user);
	if (!rc && write && !a->writers &&
	    page_type_get(page_of(a->mfn), PGT_WRITABLE)) {
		rc = GNTST_general_error;
		if (fresh)
			page_put(page_of(a->mfn));
	}
	if (rc) {
		unmark_entry(e, a);
		return rc;
	}
	if (write)
		a->writers++;
	else
		a->readers++;
	return GNTST_okay;
}

int gnttab_use(struct domain *granter, u32 ref, const struct domain *user,
	       bool write, mfn_t *m)
{
	int rc;

	lock(&granter->gnttab.lock);
	rc = use_locked(granter, ref, user, write);
	if (!rc)
		*m = gnttab_active(granter, ref)->mfn;
	unlock(&granter->gnttab.lock);
	return rc;
}

void gnttab_unuse(struct domain *granter, u32 ref, bool write)
{
	struct gnttab_active *a;
	struct page *pg;
	bool drop_type, drop_page;

	lock(&granter->gnttab.lock);
	a = gnttab_active(granter, ref);
	pg = page_of(a->mfn);
	if (write)
		a->writers--;
	else
		a->readers--;
	drop_type = write && !a->writers;
	drop_page = !a->writers && !a->readers;
	if (drop_type || drop_page)
		unmark_entry(shared_entry(granter, ref), a);
	unlock(&granter->gnttab.lock);

	if (drop_type)
		page_type_put(pg);
	if (drop_page)
		page_put(pg);
}

/* ---- The table's size ---- */

/* Lock: g. */
static int grow(struct domain *d, u32 frames)
{
	struct gnttab_active *a;
	struct page *pg;

	if (frames > d->gnttab.max_frames)
		return -XEN_EINVAL;
	while (d->gnttab.frames < frames) {
		a = heap_alloc(ENTRIES_PER_FRAME * sizeof(*a));
		pg = a ? page_alloc_shared(d) : NULL;
		if (!pg) {
			heap_free(a);
			return -XEN_ENOMEM;
		}
		d->gnttab.active[d->gnttab.frames] = a;
		d->gnttab.frame[d->gnttab.frames] = pg;
		d->gnttab.frames++;
	}
	return 0;
}

int gnttab_frame(struct domain *d, u32 idx, mfn_t *m)
{
	int rc;

	if (idx >= d->gnttab.max_frames)
		return -XEN_EINVAL;
	lock(&d->gnttab.lock);
	/* A dying domain's table is on its way out. */
	rc = d->life == DOMAIN_ALIVE ? grow(d, idx + 1) : -XEN_EINVAL;
	if (!rc)
		*m = page_mfn(d->gnttab.frame[idx]);
	unlock(&d->gnttab.lock);
	return rc;
}

/* ---- The small operations ---- */

/* SELF, or a domain the caller controls; GNTST_*. */
static int find_table(domid_t id, struct domain **d)
{
	const int rc = domain_find_controlled(id, d);

	if (rc == -XEN_EPERM)
		return GNTST_permission_denied;
	return rc ? GNTST_bad_domain : GNTST_okay;
}

static int list_frames(struct domain *d, const struct gnttab_setup_table *op)
{
	const u64 to = (u64)op->frame_list.p;
	u64 mfn;
	u32 i;

	if (op->nr_frames > d->gnttab.max_frames)
		return GNTST_general_error;
	for (i = 0; i < op->nr_frames; i++) {
		if (gnttab_frame(d, i, &mfn))
			return GNTST_general_error;
		if (copy_to_guest(to + i * sizeof(mfn), &mfn, sizeof(mfn)))
			return GNTST_bad_virt_addr;
	}
	return GNTST_okay;
}

static long op_setup_table(u64 uop)
{
	struct gnttab_setup_table op;
	struct domain *d;

	if (copy_from_guest(&op, uop, sizeof(op)))
		return -XEN_EFAULT;
	op.status = find_table(op.dom, &d);
	if (!op.status) {
		op.status = list_frames(d, &op);
		domain_put(d);
	}
	return copy_to_guest(uop, &op, sizeof(op));
}

static long op_query_size(u64 uop)
{
	struct gnttab_query_size op;
	struct domain *d;

	if (copy_from_guest(&op, uop, sizeof(op)))
		return -XEN_EFAULT;
	op.status = find_table(op.dom, &d);
	if (!op.status) {
		op.nr_frames = READ_ONCE(d->gnttab.frames);
		op.max_nr_frames = d->gnttab.max_frames;
		domain_put(d);
	}
	return copy_to_guest(uop, &op, sizeof(op));
}

static long op_set_version(u64 uop)
{
	struct gnttab_set_version op;
	long rc;

	if (copy_from_guest(&op, uop, sizeof(op)))
		return -XEN_EFAULT;
	rc = op.version == 1 ? 0 : op.version == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
	op.version = 1;
	return copy_to_guest(uop, &op, sizeof(op)) ? -XEN_EFAULT : rc;
}

static long op_get_version(u64 uop)
{
	struct gnttab_get_version op;
	struct domain *d;

	if (copy_from_guest(&op, uop, sizeof(op)))
		return -XEN_EFAULT;
	if (find_table(op.dom, &d))
		return -XEN_ESRCH;
	domain_put(d);
	op.version = 1;
	return copy_to_guest(uop, &op, sizeof(op));
}

struct domain *domain_cached(struct domain_cache *c, domid_t id)
{
	if (!c->d || c->id != id) {
		domain_cache_drop(c);
		c->d = domain_find(id);
		c->id = id;
	}
	return c->d;
}

void domain_cache_drop(struct domain_cache *c)
{
	if (c->d)
		domain_put(c->d);
	c->d = NULL;
}

/* Goes on with the rest of a batch after a rest, or ends it. */
static long batch_result(u64 cmd, u64 uop, u32 count, long done, size_t size)
{
	if (done < 0)
		return done;
	if (done == count)
		return 0;
	return hypercall_restart(__HYPERVISOR_grant_table_op, 3, cmd,
				 uop + done * size, (u64)(count - done));
}

long do_grant_table_op(u64 cmd, u64 uop, u64 n)
{
	const u32 count = n;

	switch ((u32)cmd) {
	case GNTTABOP_map_grant_ref:
		return batch_result(cmd, uop, count,
				    gnttab_map_batch(uop, count),
				    sizeof(struct gnttab_map_grant_ref));
	case GNTTABOP_unmap_grant_ref:
		return batch_result(cmd, uop, count,
				    gnttab_unmap_batch(uop, count),
				    sizeof(struct gnttab_unmap_grant_ref));
	case GNTTABOP_copy:
		return batch_result(cmd, uop, count,
				    gnttab_copy_batch(uop, count),
				    sizeof(struct gnttab_copy));
	case GNTTABOP_setup_table:
		return count == 1 ? op_setup_table(uop) : -XEN_EINVAL;
	case GNTTABOP_query_size:
		return count == 1 ? op_query_size(uop) : -XEN_EINVAL;
	case GNTTABOP_set_version:
		return count == 1 ? op_set_version(uop) : -XEN_EINVAL;
	case GNTTABOP_get_version:
		return count == 1 ? op_get_version(uop) : -XEN_EINVAL;
	default:
		return -XEN_ENOSYS;
	}
}

/* ---- Life ---- */

int gnttab_domain_init(struct domain *d, u32 max_frames, u32 max_maptrack)
{
	struct domain_gnttab *t = &d->gnttab;
	int rc;

	lock_init(&t->lock, RANK_GNTTAB, d->id);
	t->max_frames = max_frames;
	t->max_maptrack = max_maptrack;
	t->track_free = TRACK_END;
	t->frame = heap_alloc(max_frames * sizeof(*t->frame));
	t->active = heap_alloc(max_frames * sizeof(*t->active));
	t->track = heap_alloc(max_maptrack * sizeof(*t->track));
	if ((max_frames && (!t->frame || !t->active)) ||
	    (max_maptrack && !t->track)) {
		gnttab_domain_exit(d);
		return -XEN_ENOMEM;
	}
	lock(&t->lock);
	rc = max_frames ? grow(d, 1) : 0;
	unlock(&t->lock);
	if (rc)
		gnttab_domain_exit(d);
	return rc;
}

void gnttab_domain_exit(struct domain *d)
{
	struct domain_gnttab *t = &d->gnttab;
	u32 i;

	for (i = 0; i < t->frames; i++) {
		page_free_shared(t->frame[i]);
		heap_free(t->active[i]);
	}
	for (i = 0; i < t->track_chunks; i++)
		heap_free(t->track[i]);
	heap_free(t->frame);
	heap_free(t->active);
	heap_free(t->track);
	t->frame = NULL;
	t->active = NULL;
	t->track = NULL;
	t->frames = t->track_chunks = 0;
}
