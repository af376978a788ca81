/* SPDX-License-Identifier: MIT */
/*
 * The balloon: memory that the guest lends to the hypervisor.  The control
 * domain writes how much the guest shall have; pages are taken from, and given
 * back to, pv_os_pages() and pv_os_free_pages().  The frames behind the pages
 * that are lent exist no more: the p2m list of start_info says so.
 */
#ifndef PV_BALLOON_H
#define PV_BALLOON_H

#include <pv/device.h>

struct pv_balloon {
	/* Yours: called when the wish changed; or NULL. */
	void (*wished)(struct pv_balloon *b);
	void *ctx;

	/* To read. */
	uint64_t target;		/* pages that the guest shall have */
	uint64_t lent;			/* pages that it lent */

	/* The library's. */
	struct pv *pv;
	struct pv_xs_watch watch;
	struct pv_keys keys;
	struct pv_key key;
	bool busy, again;
	struct pv_balloon_list *list;
};

/* Listen to the control domain's wishes. */
void pv_balloon_open(struct pv *pv, struct pv_balloon *b);

/*
 * Do what is wished, for at most so many pages; how many were moved.  Less
 * than asked: done, or there is no memory (here, or in the machine) for more
 * now.  Not in a handler: it asks for pages.
 */
unsigned int pv_balloon_run(struct pv_balloon *b, unsigned int pages);

#endif
