/* SPDX-License-Identifier: MIT */
/*
 * Event channels: numbered ports, each with a pending bit in shared_info.
 * A bound port has a handler.  pv_evtchn_run() calls the handlers of all that
 * are pending; call it from the event upcall, or, in a system that takes no
 * upcalls, let pv_evtchn_wait() sleep until there is something to run.
 *
 * A handler may do anything but wait.
 */
#ifndef PV_EVTCHN_H
#define PV_EVTCHN_H

#include <pv/os.h>
#include <xen/event_channel.h>

/* Guests get the lowest free number, so few ports mean small numbers. */
#define PV_PORTS	128

typedef void pv_handler_fn(void *ctx);

struct pv_evtchn {
	struct {
		pv_handler_fn *fn;
		void *ctx;
	} handler[PV_PORTS];
	evtchn_port_t bound[PV_PORTS];	/* for SCHEDOP_poll */
	unsigned int nr_bound;
};

/*
 * Ports.  All return the port, or: -XEN_ENOSPC when its number is PV_PORTS or
 * more, else what the hypervisor says.
 */

/* Give a port that exists (start_info names two) its handler. */
int pv_evtchn_bind(struct pv *pv, evtchn_port_t port, pv_handler_fn *fn,
		   void *ctx);
/* A new port that domain `peer` may bind to. */
int pv_evtchn_listen(struct pv *pv, domid_t peer, pv_handler_fn *fn,
		     void *ctx);
/* The port of a virtual interrupt (VIRQ_TIMER...) of this processor. */
int pv_evtchn_virq(struct pv *pv, unsigned int virq, pv_handler_fn *fn,
		   void *ctx);
/* Close a port; its handler is not called again.  Port 0 is none. */
void pv_evtchn_close(struct pv *pv, evtchn_port_t port);

/* Wake the other side. */
void pv_evtchn_send(struct pv *pv, evtchn_port_t port);

/* Handle what is pending; true if there was anything. */
bool pv_evtchn_run(struct pv *pv);
/* Sleep until something is pending or the clock reaches `deadline`
 * (UINT64_MAX: no matter when), and handle it. */
void pv_evtchn_wait(struct pv *pv, uint64_t deadline);

/* Used by pv_start() and pv_resume(). */
void pv_evtchn_init(struct pv *pv);

#endif
