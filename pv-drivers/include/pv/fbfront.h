/* SPDX-License-Identifier: MIT */
/*
 * A screen: memory with 32 bits for each pixel (0x00rrggbb), which the control
 * domain shows.  Draw into `pixels`, then say which part changed.  The memory
 * is there as long as the screen is open; it is named to the back-end by
 * frame, not granted, so the back-end must be in a domain that may see ours.
 */
#ifndef PV_FBFRONT_H
#define PV_FBFRONT_H

#include <pv/device.h>
#include <xen/io/fbif.h>

struct pv_fb {
	struct pv_device dev;		/* first; dev.changed, dev.ctx are yours */

	/* Yours, before pv_fb_open(); 0: 800 by 600. */
	unsigned int width, height;

	/* To read, after it. */
	uint32_t *pixels;		/* of pixel (x, y): [y * width + x] */

	/* The library's. */
	struct pv_lock lock;
	bool running, wants_updates;
	struct xenfb_page *page;
	uint64_t *list;			/* the frames of `pixels` */
	unsigned int nr_pages, nr_lists;
	evtchn_port_t port;
	unsigned int x, y, right, bottom;	/* changed, not yet said */
};

/* Begin with the screen; 0, or -XEN_ENOMEM, -XEN_EINVAL (too large).  `fb` is
 * zeroed but for the members that are yours. */
int pv_fb_open(struct pv *pv, struct pv_fb *fb);
/* When it is closed: give its memory back. */
void pv_fb_free(struct pv_fb *fb);

/* This part changed.  What leaves the screen is cut off. */
void pv_fb_update(struct pv_fb *fb, unsigned int x, unsigned int y,
		  unsigned int width, unsigned int height);

#endif
