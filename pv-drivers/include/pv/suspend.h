/* SPDX-License-Identifier: MIT */
/*
 * What the control domain asks of the whole guest: to end, to start anew, or
 * to be suspended, which is to say saved, and some day resumed, perhaps on
 * another machine.
 *
 * A request arrives in requested().  It is only told there; when the guest is
 * ready it calls pv_shutdown(), or for a suspend pv_suspend().  That one comes
 * back when the guest runs again.  Then call pv_device_resume() for each
 * device if it returned 1; when it returned 0 the suspend was called off and
 * everything is as before.
 */
#ifndef PV_SUSPEND_H
#define PV_SUSPEND_H

#include <pv/device.h>

enum pv_request { PV_NO_REQUEST, PV_POWEROFF, PV_REBOOT, PV_SUSPEND };

struct pv_suspend {
	/* Yours. */
	void (*requested)(struct pv_suspend *s, enum pv_request what);
	void *ctx;

	/* The library's. */
	struct pv *pv;
	struct pv_xs_watch watch;
	struct pv_keys keys;
	struct pv_key key[3];
	char word[16];
	bool busy, again;
	uint64_t *list_list, *list;	/* where the p2m list is, for who saves */
	unsigned int nr_lists;
};

/* Listen for requests, and say in the store which we understand.  For a guest
 * that can be suspended, this takes two pages and one more for each GiB. */
int pv_suspend_open(struct pv *pv, struct pv_suspend *s);

/*
 * Synchronous, with no requests of the store or of devices being made
 * meanwhile.  1: resumed; 0: called off; -XEN_E...: not possible.
 */
int pv_suspend(struct pv *pv, struct pv_suspend *s);

#endif
