/* SPDX-License-Identifier: MIT */
/*
 * The references that an L1 entry holds, taken and dropped:
 *
 *   own or foreign frame, RW	a general one and PGT_WRITABLE
 *   own or foreign frame, RO	a general one
 *   device memory		none; only the right to it is checked
 *
 * An entry that stands in a table tells by itself which of these it holds.
 */
#pragma once

#include <hyp/domain.h>
#include <hyp/page.h>
#include <hyp/pt-check.h>

/* The page behind a present entry, or NULL for device memory. */
static inline struct page *pt_entry_page(u64 e)
{
	mfn_t m = pte_mfn(e);

	if (unlikely(!mfn_valid(m)) ||
	    unlikely(page_of(m)->owner == &dom_io))
		return NULL;
	return page_of(m);
}

/* Device memory: who has the right, and how it may be mapped. */
int pt_device_get(const struct domain *d, const struct domain *fd, u64 *e);

/*
 * Takes what the present L1 entry *e will hold in a table of d, and adjusts
 * *e to what must be written.  The frame must belong to fd (d itself, a
 * domain that the caller controls, dom_io or dom_xen).
 */
static inline int pt_l1_get(const struct domain *d, const struct domain *fd,
			    u64 *e)
{
	u64 new = pt_adjust_l1(*e);
	struct page *p = pt_entry_page(new);

	if (unlikely(!p)) {
		*e = new;
		return pt_device_get(d, fd, e);
	}
	if (unlikely(new & PTE_CACHE)) {
		/* Cache bits are for who has devices. */
		if (!priv_hardware(d))
			return -XEN_EINVAL;
		new = pt_cache_ram(new);
	}
	if (unlikely(!page_ref(p, fd)))
		return -XEN_EINVAL;
	if (new & PTE_RW) {
		if (unlikely(fd == &dom_xen) ||
		    unlikely(!page_writable_get(p))) {
			page_put(p);
			return -XEN_EINVAL;
		}
	}
	*e = new;
	return 0;
}

/* Drops what the present L1 entry e held in a table of d. */
static inline void pt_l1_put(const struct domain *d, u64 e)
{
	struct page *p = pt_entry_page(e);

	if (unlikely(!p))
		return;
	if (e & PTE_RW)
		page_writable_put(p, p->owner != d);
	page_put(p);
}
