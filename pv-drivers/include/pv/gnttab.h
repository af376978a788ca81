/* SPDX-License-Identifier: MIT */
/*
 * Grants: leave for one other domain to use one page of ours, until we end it.
 * A page that is granted shows all of its 4096 bytes, and one whose grant
 * cannot be ended (the other side still has it mapped) is not ours to use
 * again.
 */
#ifndef PV_GNTTAB_H
#define PV_GNTTAB_H

#include <pv/os.h>
#include <xen/grant_table.h>

#define PV_GRANT_FRAMES	8		/* of 512 entries each, as needed */

struct pv_gnttab {
	struct pv_lock lock;
	struct grant_entry_v1 *frame[PV_GRANT_FRAMES];
	unsigned int nr_frames, max_frames;
	uint32_t free;			/* first of a list; 0: empty */
	unsigned int nr_used;
};

/*
 * Let domain `peer` use the page at `at`, or only read it.  The reference for
 * it, or -XEN_ENOSPC when the table is full.
 */
int pv_grant(struct pv *pv, domid_t peer, const void *at, bool read_only);
int pv_grant_mfn(struct pv *pv, domid_t peer, uint64_t mfn, bool read_only);

/*
 * End a grant.  -XEN_EBUSY: the other domain holds it; then nothing changed,
 * and the page must be kept from any other use until a later try succeeds.
 */
int pv_grant_end(struct pv *pv, uint32_t ref);

/* Used by pv_start() and pv_resume(); by pv_stay(). */
int pv_gnttab_init(struct pv *pv);
int pv_gnttab_show(struct pv *pv, unsigned int frames);

#endif
