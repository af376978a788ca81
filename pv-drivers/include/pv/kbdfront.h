/* SPDX-License-Identifier: MIT */
/*
 * Keyboard and pointer.  Events are copied out of the ring one by one; key
 * codes are those of Linux (KEY_A is 30), positions go up to the size of the
 * screen.
 */
#ifndef PV_KBDFRONT_H
#define PV_KBDFRONT_H

#include <pv/device.h>
#include <xen/io/kbdif.h>

struct pv_kbd {
	struct pv_device dev;		/* first; dev.changed, dev.ctx are yours */

	/* Yours: what to call when there may be events to get; or NULL. */
	void (*ready)(struct pv_kbd *k);

	/* The library's. */
	bool running;
	struct xenkbd_page *page;
	uint32_t ref;
	evtchn_port_t port;
};

void pv_kbd_open(struct pv *pv, struct pv_kbd *kbd);

/* The next event; false: there is none. */
bool pv_kbd_get(struct pv_kbd *kbd, union xenkbd_in_event *event);

#endif
