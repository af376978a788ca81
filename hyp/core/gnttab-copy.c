/* SPDX-License-Identifier: MIT */
/*
 * Copying between frames of two domains, each named by a grant or, for the
 * caller's own memory, by its frame number.  Nothing stays mapped.
 */
#include <hyp/gnttab-entry.h>

#include <hyp/core.h>

/* One end of a copy, held until it is released. */
struct end {
	struct domain *d;
	struct page *pg;	/* when named by frame number */
	mfn_t mfn;
	u32 ref;
	bool granted, write;
};

static int hold(struct end *e, const struct gnttab_copy_ptr *p,
		const struct domain *user)
{
	if (!e->d)
		return GNTST_bad_domain;
	e->mfn = p->u.gmfn;
	if (e->granted && e->d == user) {
		e->granted = false;
		e->mfn = gnttab_own(e->d, p->u.ref, e->write);
		if (e->mfn == MFN_NONE)
			return GNTST_bad_gntref;
	}
	if (e->granted) {
		e->ref = p->u.ref;
		return gnttab_use(e->d, e->ref, user, e->write, &e->mfn);
	}
	/* Whole frames are for one's own memory and one's controller's. */
	if (!priv_control(user, e->d))
		return GNTST_permission_denied;
	e->pg = e->write ? page_get_writable(e->mfn, e->d)
			 : page_get(e->mfn, e->d);
	if (!e->pg)
		return GNTST_bad_page;
	return GNTST_okay;
}

static void release(struct end *e)
{
	if (e->granted)
		gnttab_unuse(e->d, e->ref, e->write);
	else if (e->write)
		page_put_writable(e->pg);
	else
		page_put(e->pg);
}

/* Neither end leaves its frame. */
static bool args_ok(const struct gnttab_copy *op)
{
	return op->source.offset <= PAGE_SIZE &&
	       op->len <= PAGE_SIZE - op->source.offset &&
	       op->dest.offset <= PAGE_SIZE &&
	       op->len <= PAGE_SIZE - op->dest.offset;
}

void gnttab_copy(struct gnttab_copy *op, struct gnttab_batch *b)
{
	struct end from = {
		.d = gnttab_batch_domain(b, 0, op->source.domid),
		.granted = op->flags & GNTCOPY_source_gref,
	};
	struct end to = {
		.d = gnttab_batch_domain(b, 1, op->dest.domid),
		.granted = op->flags & GNTCOPY_dest_gref, .write = true,
	};

	op->status = args_ok(op) ? hold(&from, &op->source, b->d) :
				   GNTST_bad_copy_arg;
	if (op->status)
		return;
	op->status = hold(&to, &op->dest, b->d);
	if (!op->status) {
		memmove(frame_to_virt(to.mfn) + op->dest.offset,
			frame_to_virt(from.mfn) + op->source.offset, op->len);
		release(&to);
	}
	release(&from);
}
