/* SPDX-License-Identifier: MIT */
/*
 * The console: bytes out, bytes in, through the page that the builder gave us.
 * Whoever reads it may be slow; pv_console_put() takes what fits now.
 */
#ifndef PV_CONSOLE_H
#define PV_CONSOLE_H

#include <pv/evtchn.h>

struct xencons_interface;

struct pv_console {
	struct xencons_interface *ring;
	evtchn_port_t port;
	pv_handler_fn *ready;		/* input came, or room for output */
	void *ctx;
};

/* Take over the console of start_info; pv_start() does that. */
int pv_console_init(struct pv *pv);

/* What to call when there is input to get or room to put.  May be NULL. */
void pv_console_on_ready(struct pv *pv, pv_handler_fn *ready, void *ctx);

/* Give and take what is possible at once; the number of bytes. */
size_t pv_console_put(struct pv *pv, const void *bytes, size_t n);
size_t pv_console_get(struct pv *pv, void *bytes, size_t n);

/* Synchronous: everything is written, or `deadline` has passed (then false). */
bool pv_console_write(struct pv *pv, const void *bytes, size_t n,
		      uint64_t deadline);

#endif
