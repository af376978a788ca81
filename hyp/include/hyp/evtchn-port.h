/* SPDX-License-Identifier: MIT */
/*
 * Inside the event-channel room: one port, and the two ways to make it
 * pending.  Only evtchn.c, evtchn-fifo.c and virq.c include this.
 */
#pragma once

#include <hyp/evtchn.h>

enum evtchn_kind {
	PORT_FREE,
	PORT_UNBOUND,		/* waits for remote_id to bind */
	PORT_INTERDOMAIN,	/* paired with remote_port of remote */
	PORT_VIRQ,
	PORT_IPI,
	PORT_PIRQ,
};

struct evtchn {
	u8 kind;		/* e: enum evtchn_kind */
	u8 priority;		/* e: FIFO */
	u8 last_priority;	/* f: FIFO queue it was linked to last */
	bool pending_early;	/* e: raised before its event word existed */
	u32 vcpu;		/* e, read anywhere: who is told */
	u32 last_vcpu;		/* f */
	u32 source;		/* e: virq, pirq, or the remote port */
	union {
		domid_t remote_id;	/* e: PORT_UNBOUND */
		struct domain *remote;	/* e of both ends: PORT_INTERDOMAIN */
	};
};

/* The port, or NULL when it is out of range.  Lock: e. */
struct evtchn *evtchn_at(const struct domain *d, u32 port);

/* Makes port pending and tells its vCPU unless it is masked.  Lock: e of d,
 * or of the other end. */
void evtchn_set_pending(struct domain *d, u32 port);

/* Flags v's upcall and wakes it, if it was not flagged already. */
void evtchn_upcall(struct vcpu *v);

static inline bool virq_is_global(u32 virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG &&
	       virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* The FIFO flavour; lock: e of d or of the other end. */
bool fifo_set_pending(struct domain *d, struct evtchn *ec, u32 port);
void fifo_clear_pending(struct domain *d, struct evtchn *ec, u32 port);
bool fifo_is_pending(const struct domain *d, u32 port);
void fifo_unmask(struct domain *d, struct evtchn *ec, u32 port);
long fifo_init_control(struct evtchn_init_control *op);
long fifo_expand_array(const struct evtchn_expand_array *op);
/* Lets go of its pages.  No port is open any more, so nobody looks at them. */
void fifo_domain_exit(struct domain *d);
