/* SPDX-License-Identifier: MIT */
/*
 * consoled's state: one struct, and one record per guest. An event on a port
 * finds its guest by a table, so what a guest costs does not depend on how
 * many there are.
 */
#ifndef CONSOLED_CON_H
#define CONSOLED_CON_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/buf.h"
#include "../common/list.h"
#include "../common/loop.h"
#include "../common/outlog.h"
#include "../common/xendev.h"
#include "consoled.h"
#include "ring.h"
#include "storec.h"

#define DOMIDS		0x7ff0u
#define WD_BUCKETS	256u

struct guest {
	uint16_t domid;
	bool live;		/* the ring is connected */
	bool watched;		/* its console nodes are watched */
	bool complained;	/* about a console that cannot be connected */
	bool alive;		/* scratch of con_scan_gone */
	uint64_t serial;	/* tells it from others of the same domid */
	struct link link;	/* in con.guests */
	struct link waiting;	/* in con.waiting until it is live */
	/* What the store said; 0: nothing yet. */
	uint64_t frame;
	uint32_t remote_port;
	char name[64];
	/* The ring. */
	struct console_ring ring;
	struct xen_page map;
	uint32_t port;
	struct buf in;		/* typed, and not yet taken by the guest */
	/* Rate limit: what it did in the running period. */
	uint64_t period_ms;
	uint32_t events, bytes;
	uint32_t idle;		/* events since one brought something */
	struct link throttled;	/* in con.throttled or .idling: its port is shut */
	/* Where its output goes. */
	struct outlog log;
	uint8_t *replay;	/* the last CONSOLED_REPLAY bytes, circular */
	uint64_t replay_total;
	struct link viewers;
	/* pty.c */
	int pty;
	int pty_wd;		/* inotify: who opens it */
	unsigned int pty_opens;
	bool pty_polled;
	struct loop_source pty_src;
	struct link pty_hash;
};

struct con {
	struct loop loop;
	struct storec store;
	struct xen_ctl ctl;
	int evtchn, gntdev, inotify;
	struct loop_source evtchn_src, inotify_src, listen_src;
	uint32_t virq_port;	/* the hypervisor's log; 0: none */
	uint32_t hyp_index;
	struct outlog hyp_log;
	struct guest **by_domid;	/* DOMIDS entries */
	struct guest **by_port;
	uint32_t by_port_len;
	struct link guests, waiting, throttled, idling;
	uint64_t serials;
	uint32_t highest;	/* domid that was seen last by a scan */
	struct loop_timer throttle_timer, idle_timer;
	uint32_t unmask[256];
	uint32_t nr_unmask;
	struct link idle_viewers;	/* not attached to a guest */
	uint32_t nr_viewers;
	struct link pty_hash[WD_BUCKETS];
	const char *log_dir;
	uint64_t log_limit;
};

/* ---- guest.c ---- */

struct guest *con_find(struct con *c, uint32_t domid);
/* There may be new domains: look, and connect their consoles. */
void con_scan_new(struct con *c);
/* There may be fewer domains: let go of those that are gone. */
void con_scan_gone(struct con *c);
/* The store daemon was started anew. */
void con_store_again(struct con *c);
/* The watch on a guest's console nodes fired. */
void con_nodes_changed(struct con *c, uint32_t domid);
/* An event came in on @port. */
void con_event(struct con *c, uint32_t port);
/* Somebody typed. */
void con_input(struct con *c, struct guest *g, const void *data, size_t n);
/* May somebody type more? Whoever may not is told by *_poll when he may. */
bool con_wants_input(const struct guest *g);
/* The replay in order: two pieces, the older first. */
void con_replay(const struct guest *g, const uint8_t *piece[2],
		  size_t len[2]);
/* For the throttle timer, and for the one of those whose events bring nothing. */
void con_unthrottle(void *arg);
void con_unidle(void *arg);

/* ---- pty.c ---- */

/* Once, at start. */
void pty_setup(struct con *c);
/* Make @g's pty and tell the store its name. */
void pty_open(struct con *c, struct guest *g);
void pty_close(struct con *c, struct guest *g);
void pty_output(struct guest *g, const void *data, size_t n);
/* The guest takes input again, or no longer. */
void pty_poll(struct con *c, struct guest *g);

/* ---- viewer.c ---- */

void viewers_listen(struct con *c, int fd);
/* @g became live: whoever waited for it is attached. */
void viewers_attach(struct con *c, struct guest *g);
void viewers_output(struct con *c, struct guest *g, const void *data,
		    size_t n);
void viewers_poll(struct con *c, struct guest *g);
/* @g is gone: they get the rest and are closed. */
void viewers_end(struct con *c, struct guest *g);

#endif
