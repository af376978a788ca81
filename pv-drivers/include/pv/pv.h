/* SPDX-License-Identifier: MIT */
/*
 * One paravirtual guest.  The structure is yours (a static one, or zeroed);
 * the library has no memory of its own.  pv_start() fills it, everything else
 * takes it.
 *
 *	struct pv pv;
 *	pv_start(&pv, start_info);		what the kernel got in rsi
 *	pv_xs_read(&pv, "name", NULL, text, sizeof(text));
 *
 * Rules.  Callbacks and handlers run inside pv_evtchn_run(), which runs on one
 * processor at a time; they may call anything that is not marked synchronous.
 */
#ifndef PV_PV_H
#define PV_PV_H

#include <pv/clock.h>
#include <pv/console.h>
#include <pv/evtchn.h>
#include <pv/gnttab.h>
#include <pv/hypercall.h>
#include <pv/os.h>
#include <pv/page.h>
#include <pv/xenbus.h>

struct pv {
	struct start_info *start;
	struct shared_info *shared;
	struct pv_evtchn evtchn;
	struct pv_gnttab gnttab;
	struct pv_console console;
	struct pv_xenbus xenbus;
	void *os;			/* yours */
};

/*
 * Start of day: shared_info, event channels, grant table, console, store.  A
 * guest without console or store works, as long as it does not use them.
 */
int pv_start(struct pv *pv, struct start_info *start);

/* Used by pv_suspend().  After a resume: what start_info names now; after one
 * that was called off: what it named, with so many frames of grants. */
int pv_resume(struct pv *pv);
int pv_stay(struct pv *pv, unsigned int grant_frames);

/* The end.  The reason is SHUTDOWN_poweroff, _reboot or _crash. */
void pv_shutdown(struct pv *pv, unsigned int reason) __attribute__((noreturn));

#endif
