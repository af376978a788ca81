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

static struct grant_entry_v1 *shared_entry(const struct domain *d, u32 ref)
{
	struct grant_entry_v1 *t;

	t = frame_to_virt(page_mfn(d->gnttab.frame[ref / ENTRIES_PER_FRAME]));
	return t + ref % ENTRIES_PER_FRAME;
}

/* The entry in use, or NULL when ref is beyond the table.  Lock: g. */
static struct gnttab_active *active_entry(const struct domain *d, u32 ref)
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

	for (unsigned tries = 0; tries < 5; tries++) {
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

int gnttab_take(struct domain *granter, u32 ref, const struct domain *user,
		bool write, struct gnttab_taken *t)
{
	struct gnttab_active *a = active_entry(granter, ref);
	struct grant_entry_v1 *e;
	struct page *pg;
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

	/* The first use holds the frame that the entry names. */
	pg = fresh ? page_get(READ_ONCE(e->frame), granter) : page_of(a->mfn);
	if (!pg)
		rc = GNTST_bad_page;
	else if (write && !a->writers && !page_writable_get(pg))
		rc = GNTST_general_error;
	*t = (struct gnttab_taken){ e, a, pg };
	if (rc) {
		if (fresh && pg)
			page_put(pg);
		unmark_entry(e, a);
	}
	return rc;
}

/* The guest sees the marks until nothing holds its frame. */
void gnttab_drop(const struct gnttab_taken *t, bool write)
{
	if (write && !t->a->writers)
		page_writable_put(t->pg, true);
	if (!t->a->writers && !t->a->readers)
		page_put(t->pg);
	unmark_entry(t->e, t->a);
}

int gnttab_use(struct domain *granter, u32 ref, const struct domain *user,
	       bool write, mfn_t *m)
{
	struct gnttab_taken t;
	int rc;
	HOLD(&granter->gnttab.lock);

	rc = gnttab_take(granter, ref, user, write, &t);
	if (rc)
		return rc;
	*m = t.a->mfn = page_mfn(t.pg);
	t.a->domid = user->id;
	t.a->writers += write;
	t.a->readers += !write;
	return GNTST_okay;
}

void gnttab_unuse(struct domain *granter, u32 ref, bool write)
{
	struct gnttab_taken t;
	HOLD(&granter->gnttab.lock);

	t.a = active_entry(granter, ref);
	t.e = shared_entry(granter, ref);
	t.pg = page_of(t.a->mfn);
	t.a->writers -= write;
	t.a->readers -= !write;
	gnttab_drop(&t, write);
}

/* ---- The table's size ---- */

/* Lock: g, but at the domain's birth. */
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

	HOLD(&d->gnttab.lock);

	/* A dying domain's table is on its way out. */
	if (idx >= d->gnttab.max_frames || d->life != DOMAIN_ALIVE)
		return -XEN_EINVAL;
	rc = grow(d, idx + 1);
	if (!rc)
		*m = page_mfn(d->gnttab.frame[idx]);
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
	mfn_t mfn;

	if (op->nr_frames > d->gnttab.max_frames)
		return GNTST_general_error;
	for (u32 i = 0; i < op->nr_frames; i++) {
		if (gnttab_frame(d, i, &mfn))
			return GNTST_general_error;
		if (copy_item_to_guest(op->frame_list, i, &mfn))
			return GNTST_bad_virt_addr;
	}
	return GNTST_okay;
}

static long op_setup_table(struct gnttab_setup_table *op)
{
	struct domain *d;

	op->status = find_table(op->dom, &d);
	if (!op->status) {
		op->status = list_frames(d, op);
		domain_put(d);
	}
	return 0;
}

static long op_query_size(struct gnttab_query_size *op)
{
	struct domain *d;

	op->status = find_table(op->dom, &d);
	if (!op->status) {
		op->nr_frames = READ_ONCE(d->gnttab.frames);
		op->max_nr_frames = d->gnttab.max_frames;
		domain_put(d);
	}
	return 0;
}

/* The version that stays is told to those who are refused, too. */
static long op_set_version(const struct gnttab_set_version *op,
			   void *who, u64 gva)
{
	const struct gnttab_set_version answer = { .version = 1 };

	if (copy_to_guest(gva, &answer, sizeof(answer)))
		return -XEN_EFAULT;
	return op->version == 1 ? 0 : op->version == 2 ? -XEN_ENOSYS :
							 -XEN_EINVAL;
}

static const struct guest_op ops[] = {
	OP(GNTTABOP_setup_table, op_setup_table, struct gnttab_setup_table,
	   ANSWERS),
	OP(GNTTABOP_query_size, op_query_size, struct gnttab_query_size,
	   ANSWERS),
	OP(GNTTABOP_set_version, op_set_version, struct gnttab_set_version),
};

/* ---- Batches ---- */

struct domain *gnttab_batch_find(struct gnttab_batch *b, u32 i, domid_t id)
{
	if (b->known[i])
		domain_put(b->known[i]);
	b->known[i] = domain_find(id);
	return b->known[i];
}

/* The operations that come in batches: each says itself how it fared. */
static const struct batch_op {
	void (*run)(void *op, struct gnttab_batch *b);
	u8 size;
} batch_ops[] = {
#define BATCH(name, fn) \
	[GNTTABOP_##name] = { (void (*)(void *, struct gnttab_batch *))(void *)(fn), \
			      sizeof(struct gnttab_##name) }
	BATCH(map_grant_ref, gnttab_map),
	BATCH(unmap_grant_ref, gnttab_unmap),
	BATCH(copy, gnttab_copy),
#undef BATCH
};

/* One that failed does not end the batch. */
static long run_batch(const struct batch_op *o, u32 cmd, u64 uop, u32 count)
{
	u64 op[sizeof(struct gnttab_copy) / sizeof(u64)];
	struct gnttab_batch b;
	long rc = 0;
	u32 i;

	/* Once for all of them: what follows is copied without a look. */
	if (!guest_range_ok(uop, count, o->size))
		return -XEN_EFAULT;
	b.d = current_domain();
	b.known[0] = b.known[1] = NULL;
	b.nr_unmapped = 0;
	for (i = 0; i < count && !rc; i++, uop += o->size) {
		/* To look at each of them costs more than it wins. */
		if (i % 16 == 15 && hypercall_should_rest(16)) {
			rc = -XEN_ERESTART;
			break;
		}
		rc = arch_copy_from_guest(op, uop, o->size);
		if (rc)
			break;
		o->run(op, &b);
		rc = arch_copy_to_guest(uop, op, o->size);
	}
	gnttab_unmap_end(&b);
	if (b.known[0])
		domain_put(b.known[0]);
	if (b.known[1])
		domain_put(b.known[1]);
	return rc != -XEN_ERESTART ? rc :
	       hypercall_restart(__HYPERVISOR_grant_table_op, 3, (u64)cmd, uop,
				 (u64)(count - i));
}

long do_grant_table_op(u64 ucmd, u64 uop, u64 count)
{
	const u32 cmd = ucmd;

	if (cmd < ARRAY_SIZE(batch_ops) && batch_ops[cmd].run)
		return run_batch(&batch_ops[cmd], cmd, uop, count);
	if ((u32)count != 1 && cmd < ARRAY_SIZE(ops) && ops[cmd].run)
		return -XEN_EINVAL;
	return guest_op_run(ops, ARRAY_SIZE(ops), cmd, uop, NULL);
}

/* ---- Life ---- */

int gnttab_domain_init(struct domain *d, u32 max_frames, u32 max_maptrack)
{
	struct domain_gnttab *t = &d->gnttab;

	lock_init(&t->lock, RANK_GNTTAB, d->id);
	t->max_frames = max_frames;
	t->max_maptrack = max_maptrack;
	t->track_free = TRACK_END;
	t->frame = heap_alloc(max_frames * sizeof(*t->frame));
	t->active = heap_alloc(max_frames * sizeof(*t->active));
	t->track = heap_alloc(max_maptrack * sizeof(*t->track));
	/* If it fails gnttab_domain_exit() comes all the same. */
	if ((max_frames && (!t->frame || !t->active)) ||
	    (max_maptrack && !t->track))
		return -XEN_ENOMEM;
	return max_frames ? grow(d, 1) : 0;
}

void gnttab_domain_exit(struct domain *d)
{
	struct domain_gnttab *t = &d->gnttab;

	for (u32 i = 0; i < t->frames; i++) {
		page_free_shared(t->frame[i]);
		heap_free(t->active[i]);
	}
	for (u32 i = 0; i < t->track_chunks; i++)
		heap_free(t->track[i]);
	heap_free(t->frame);
	heap_free(t->active);
	heap_free(t->track);
}
