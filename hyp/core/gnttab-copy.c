/* SPDX-License-Identifier: MIT */
/*
 * Copying between frames of two domains, each named by a grant or, for the
 * caller's own memory, by its frame number.  Nothing stays mapped.
 */
#include <hyp/gnttab-entry.h>

#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/hypercall.h>
#include <hyp/lib.h>
#include <hyp/page.h>
#include <hyp/priv.h>

/* One end of a copy, held until it is released. */
struct end {
	struct domain *d;
	struct page *pg;	/* when named by frame number */
	mfn_t mfn;
	u32 ref;
	bool granted, write;
};

static int hold_grant(struct end *e, const struct gnttab_copy_ptr *p)
{
	e->ref = p->u.ref;
	return gnttab_use(e->d, e->ref, current_domain(), e->write, &e->mfn);
}

static int hold_frame(struct end *e, const struct gnttab_copy_ptr *p)
{
	/* Whole frames are for one's own memory and one's controller's. */
	if (e->d != current_domain() && !priv_control(current_domain(), e->d))
		return GNTST_permission_denied;
	e->pg = e->write ? page_get_writable(p->u.gmfn, e->d)
			 : page_get(p->u.gmfn, e->d);
	if (!e->pg)
		return GNTST_bad_page;
	e->mfn = page_mfn(e->pg);
	return GNTST_okay;
}

static int hold(struct end *e, const struct gnttab_copy_ptr *p,
		struct domain_cache *cache)
{
	e->d = domain_cached(cache, p->domid);
	if (!e->d)
		return GNTST_bad_domain;
	return e->granted ? hold_grant(e, p) : hold_frame(e, p);
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

static int copy_one(const struct gnttab_copy *op, struct domain_cache cache[2])
{
	struct end from = { .granted = op->flags & GNTCOPY_source_gref };
	struct end to = { .granted = op->flags & GNTCOPY_dest_gref,
			  .write = true };
	int rc;

	/* Neither end leaves its frame. */
	if (op->source.offset > PAGE_SIZE ||
	    op->len > PAGE_SIZE - op->source.offset ||
	    op->dest.offset > PAGE_SIZE ||
	    op->len > PAGE_SIZE - op->dest.offset)
		return GNTST_bad_copy_arg;
	rc = hold(&from, &op->source, &cache[0]);
	if (rc)
		return rc;
	rc = hold(&to, &op->dest, &cache[1]);
	if (!rc) {
		memmove(frame_to_virt(to.mfn) + op->dest.offset,
			frame_to_virt(from.mfn) + op->source.offset, op->len);
		release(&to);
	}
	release(&from);
	return rc;
}

long gnttab_copy_batch(u64 uop, u32 count)
{
	struct domain_cache cache[2] = { { NULL, 0 }, { NULL, 0 } };
	struct gnttab_copy op;
	long rc = 0;
	u32 i;

	for (i = 0; i < count; i++, uop += sizeof(op)) {
		if (i && hypercall_should_rest(1))
			break;
		if (copy_from_guest(&op, uop, sizeof(op))) {
			rc = -XEN_EFAULT;
			break;
		}
		op.status = copy_one(&op, cache);
		if (copy_to_guest(uop, &op, sizeof(op))) {
			rc = -XEN_EFAULT;
			break;
		}
	}
	domain_cache_drop(&cache[0]);
	domain_cache_drop(&cache[1]);
	return rc ? rc : i;
}
