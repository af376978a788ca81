/* SPDX-License-Identifier: MIT */
/*
 * The world around the core: descriptors, rings, time. One struct daemon, and
 * the two kinds of connections that carry bytes to the core.
 */
#ifndef XS_SHELL_H
#define XS_SHELL_H

#include "../common/loop.h"
#include "../common/xendev.h"
#include "conn.h"
#include "xs.h"

struct ring;

struct daemon {
	struct xs xs;
	struct loop loop;
	bool no_xen;		/* sockets only, for tests on any machine */
	struct xen_ctl ctl;
	int evtchn, gntdev;
	struct loop_source evtchn_src, listen_src;
	uint32_t virq_port;
	uint32_t ports[256];	/* that had events in this round */
	uint32_t nr_ports;
	struct ring **by_port;	/* event channel port -> ring */
	uint32_t by_port_len;
	uint32_t nr_sockets;
	struct loop_timer credit_timer, stall_timer;
	struct journal journal;
	int journal_fd[2];
	size_t journal_size[2];
};

/* ---- conn-socket.c ---- */

/* Accept clients from @fd. Says why and exits if that cannot be. */
void socket_listen(struct daemon *d, int fd);

/* ---- conn-ring.c ---- */

/* For struct xs_shell: (re)connect and disconnect a guest's ring. */
int ring_introduce(struct daemon *d, struct domain *dom, uint32_t port);
void ring_release(struct daemon *d, struct domain *dom);
/* Domain 0's own ring, which its kernel offers in /proc/xen. 0 or -errno. */
int ring_connect_dom0(struct daemon *d);
/* For struct journal_reader. */
struct conn *ring_revive_conn(void *arg, struct domain *dom);
void ring_revive(void *arg, struct domain *dom,
		 const struct journal_revival *v);
/* An event came in on @port. */
void ring_event(struct daemon *d, uint32_t port);
/* The ring has to wait: its port is to stay masked. */
bool ring_hold(struct daemon *d, uint32_t port);
/* The port that was held, or 0: the ring @c has waited. */
uint32_t ring_unhold(struct conn *c);

/* Output did not go out whole: look again later. */
void shell_stalled(struct daemon *d, struct conn *c);

#endif
