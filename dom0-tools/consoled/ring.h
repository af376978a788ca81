/* SPDX-License-Identifier: MIT */
/*
 * The console page (io/console.h) seen from our side: "out" is what the guest
 * writes, "in" is what it reads. The guest may change the page at any time;
 * our own indices are kept outside of it. Pure functions.
 */
#ifndef CONSOLED_RING_H
#define CONSOLED_RING_H

#include <stdint.h>
#include <sys/types.h>

#include <xen/io/console.h>

struct console_ring {
	struct xencons_interface *page;
	uint32_t out_cons, in_prod;	/* ours; the page has copies */
};

/* Start on a page, with the indices that stand in it. */
void console_ring_init(struct console_ring *r, struct xencons_interface *page);
/*
 * Copy up to @max bytes that the guest wrote. Returns how many, or -EIO when
 * its index makes no sense: then everything up to that index is skipped. What
 * was looked at is still the guest's until it is passed: a daemon that dies in
 * between leaves it to the next one.
 */
ssize_t console_ring_look(struct console_ring *r, void *to, size_t max);
void console_ring_pass(struct console_ring *r, size_t n);
/* Offer @n bytes; returns how many fit now, or -EIO. */
ssize_t console_ring_put(struct console_ring *r, const void *from, size_t n);

#endif
