/* SPDX-License-Identifier: MIT */
/*
 * Copying between frames of two domains, each named by a grant or, for the
 * caller's own memory, by its frame number.  Nothing stays mapped.
 */
#include <hyp/gnttab-entry.h>

/* One end of a copy.  Of a frame named by number, use has the page alone. */
struct end {
	struct domain *d;
	struct gnttab_taken use;
	bool granted, write;
};

static int hold(struct end *e, const struct gnttab_copy_ptr *p,
		const struct domain *user)
{
	if (e->granted)
		return gnttab_take(e->d, p->u.ref, user, e->write, &e->use);
	/* Whole frames are for one's own memory and one's controller's. */
	if (!priv_control(user, e->d))
		return GNTST_permission_denied;
	e->use.pg = e->write ? page_get_writable(p->u.gmfn, e->d)
			     : page_get(p->u.gmfn, e->d);
	return e->use.pg ? GNTST_okay : GNTST_bad_page;
}

static void release(struct end *e)
{
	if (e->granted)
		gnttab_drop(&e->use, e->write);
	else if (e->write)
		page_put_writable(e->use.pg);
	else
		page_put(e->use.pg);
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

	op->status = !args_ok(op) ? GNTST_bad_copy_arg :
		     !from.d || !to.d ? GNTST_bad_domain : GNTST_okay;
	if (op->status)
		return;
	lock_pair(&from.d->gnttab.lock, &to.d->gnttab.lock);
	op->status = hold(&from, &op->source, b->d);
	if (!op->status) {
		op->status = hold(&to, &op->dest, b->d);
		if (!op->status) {
			memmove(frame_to_virt(page_mfn(to.use.pg)) +
				op->dest.offset,
				frame_to_virt(page_mfn(from.use.pg)) +
				op->source.offset, op->len);
			release(&to);
		}
		release(&from);
	}
	unlock_pair(&from.d->gnttab.lock, &to.d->gnttab.lock);
}
