/* SPDX-License-Identifier: MIT */
/*
 * Event channels.  A port is a domain's handle for a source of events: the
 * other end of an inter-domain channel, a virtual interrupt, another vCPU of
 * its own, or a physical interrupt.  Delivery is 2-level or FIFO; a domain
 * starts with 2-level and may change once, by EVTCHNOP_init_control.
 */
#pragma once

#include <hyp/lock.h>

#include <xen/event_channel.h>

struct evtchn;
struct evtchn_fifo;

#define EVTCHN_BUCKET	64	/* ports allocated at once */

struct domain_evtchn {
	struct lock lock;	/* RANK_EVTCHN; e */
	struct evtchn **bucket;	/* e: table of arrays of EVTCHN_BUCKET */
	u32 ports;		/* e: allocated, a multiple of EVTCHN_BUCKET */
	u32 max_port;		/* I: highest port number allowed */
	u32 free_hint;		/* e: no free port below */
	struct evtchn_fifo *fifo;	/* e: NULL while 2-level */
	u32 close_next;		/* DOMCTL: the dying domain's next port to close */
	u32 *pirq_port;		/* e: the hardware domain's port of each pirq, or NULL */
};

struct vcpu_evtchn {
	u32 virq_port[NR_VIRQS];	/* e: 0 none */
	u32 poll_port;		/* o: SCHEDOP_poll waits: one port, ~0 many */
};

int evtchn_domain_init(struct domain *d, u32 max_port);
/* Closes all ports of a dying domain; -XEN_ERESTART: call again. */
int evtchn_domain_close(struct domain *d);
void evtchn_domain_exit(struct domain *d);

/* Raises a per-vCPU virtual interrupt. */
void evtchn_vcpu_virq(struct vcpu *v, unsigned virq);
/* Raises a global one in the domain that handles it (dom0, or set_virq_handler). */
void evtchn_global_virq(unsigned virq);
int evtchn_set_virq_handler(struct domain *d, unsigned virq);
/* Sends on a port of d as d itself would; false when it leads nowhere. */
bool evtchn_notify(struct domain *d, u32 port);
/* Is port pending (for SCHEDOP_poll)?  -XEN_EINVAL: it is none. */
int evtchn_is_pending(struct domain *d, u32 port);
/* A dying domain handles no global virtual interrupt any more. */
void virq_forget_handler(struct domain *d);

#define PIRQ_MAX	256
