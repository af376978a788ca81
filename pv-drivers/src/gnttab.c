/* SPDX-License-Identifier: MIT */
/*
 * Version 1 of the table: eight bytes an entry.  A free entry has flags 0, and
 * its frame field, which then means nothing to the hypervisor, holds the
 * number of the next free one.  Nobody but us and the hypervisor sees the
 * table, and the hypervisor only sets the two bits that say "in use".
 */
#include <pv/pv.h>

#define PER_FRAME	(PV_PAGE_SIZE / sizeof(struct grant_entry_v1))
#define IN_USE		(GTF_reading | GTF_writing)

static struct grant_entry_v1 *entry(struct pv_gnttab *t, uint32_t ref)
{
	return &t->frame[ref / PER_FRAME][ref % PER_FRAME];
}

/* The frames of the table, up to `nr` of them, from the hypervisor. */
static int setup(unsigned int nr, uint64_t *mfn)
{
	struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = nr };
	int rc;

	set_xen_guest_handle(op.frame_list, mfn);
	rc = (int)pv_grant_op(GNTTABOP_setup_table, &op, 1);
	if (!rc && op.status)
		rc = -XEN_ENOSPC;
	return rc;
}

/* One more frame of entries; they become the free list, which was empty. */
static int grow(struct pv *pv)
{
	struct pv_gnttab *t = &pv->gnttab;
	xen_pfn_t mfn[PV_GRANT_FRAMES];
	unsigned int n = t->nr_frames;
	uint32_t first = n * PER_FRAME, ref;

	if (n == t->max_frames || setup(n + 1, mfn))
		return -XEN_ENOSPC;
	t->frame[n] = pv_os_map(pv, t->frame[n], &mfn[n], 1);
	if (!t->frame[n])
		return -XEN_ENOMEM;
	t->nr_frames++;
	if (!first)
		first = GNTTAB_NR_RESERVED_ENTRIES;
	for (ref = first; ref < t->nr_frames * PER_FRAME; ref++)
		entry(t, ref)->frame = ref + 1;
	entry(t, ref - 1)->frame = 0;
	t->free = first;
	return 0;
}

int pv_gnttab_init(struct pv *pv)
{
	struct gnttab_query_size op = { .dom = DOMID_SELF };
	struct pv_gnttab *t = &pv->gnttab;

	t->nr_frames = t->nr_used = 0;
	t->free = 0;
	t->max_frames = 4;
	if (!pv_grant_op(GNTTABOP_query_size, &op, 1) && !op.status)
		t->max_frames = op.max_nr_frames;
	if (t->max_frames > PV_GRANT_FRAMES)
		t->max_frames = PV_GRANT_FRAMES;
	return grow(pv);
}

/* The same frames, where they were. */
int pv_gnttab_show(struct pv *pv, unsigned int frames)
{
	xen_pfn_t mfn[PV_GRANT_FRAMES];
	unsigned int i;

	if (setup(frames, mfn))
		return -XEN_ENOSPC;
	for (i = 0; i < frames; i++)
		if (!pv_os_map(pv, pv->gnttab.frame[i], &mfn[i], 1))
			return -XEN_ENOMEM;
	return 0;
}

static uint32_t take(struct pv_gnttab *t)
{
	uint32_t ref;

	pv_os_lock(&t->lock);
	ref = t->free;
	if (ref) {
		t->free = entry(t, ref)->frame;
		t->nr_used++;
	}
	pv_os_unlock(&t->lock);
	return ref;
}

int pv_grant_mfn(struct pv *pv, domid_t peer, uint64_t mfn, bool read_only)
{
	uint32_t ref = take(&pv->gnttab);
	struct grant_entry_v1 *e;

	if (!ref && !grow(pv))
		ref = take(&pv->gnttab);
	if (!ref)
		return -XEN_ENOSPC;
	e = entry(&pv->gnttab, ref);
	e->frame = (uint32_t)mfn;
	e->domid = peer;
	xen_wmb();		/* flags last: they open the door */
	PV_WRITE(e->flags, GTF_permit_access | (read_only ? GTF_readonly : 0));
	return (int)ref;
}

int pv_grant(struct pv *pv, domid_t peer, const void *at, bool read_only)
{
	return pv_grant_mfn(pv, peer, pv_os_mfn(pv, at), read_only);
}

int pv_grant_end(struct pv *pv, uint32_t ref)
{
	struct pv_gnttab *t = &pv->gnttab;
	struct grant_entry_v1 *e = entry(t, ref);
	uint16_t flags = PV_READ(e->flags);

	/* The hypervisor may set an in-use bit between the look and the store. */
	do {
		if (flags & IN_USE)
			return -XEN_EBUSY;
	} while (!__atomic_compare_exchange_n(&e->flags, &flags, 0, false,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	pv_os_lock(&t->lock);
	e->frame = t->free;
	t->free = ref;
	t->nr_used--;
	pv_os_unlock(&t->lock);
	return 0;
}
