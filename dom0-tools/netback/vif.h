/* SPDX-License-Identifier: MIT */
/*
 * A network card: a TAP device on one side, a guest's queues on the other.
 *
 *   main.c   the program, what it may do, messages into calls of vif_*
 *   vif.c    the card: features, connection, limits, carrier
 *   queue.c  one queue: its rings, its TAP descriptor, the way of a packet
 *   tap.c    what a TAP is told
 *   pages.c  the pages that packets pass through
 *   ring.c packet.c journal.c   what is pure
 *
 * One process serves one card with one thread.  The work of a round is done
 * in backend's after(): first what the guest sent, then what is for it.
 */
#ifndef NETBACK_VIF_H
#define NETBACK_VIF_H

#include "../common/backend.h"
#include "journal.h"
#include "tap.h"

struct net_counts {
	uint64_t packets, bytes, dropped;
};

struct queue {
	struct vif *vif;
	unsigned int nr;
	int tap;
	bool live;		/* rings mapped, ports bound */

	struct loop_source tap_src;
	struct backend_map tx_map, rx_map;
	struct net_ring tx, rx;
	struct net_batch *tx_note, *rx_note;
	int tx_port, rx_port;	/* the same when they are not split */
	bool tx_masked, rx_masked;	/* an event came: unmask when idle */
	bool event;		/* one that was not looked at yet */
	uint32_t tx_seen, rx_seen;	/* the rings at the last event */
	uint32_t idle_events;	/* in a row, that brought nothing */
	bool tx_ready;		/* look at the ring */
	bool tx_untold;		/* an answer was shown without an event */
	bool tap_ready;		/* the TAP may have a packet */
	bool rx_starved;	/* the guest has too few buffers */
	bool rx_held;		/* no more to the guest within its limit */
	bool rx_drop;		/* starved for so long that packets are old */
	unsigned int rx_burst;	/* packets to ask the TAP for */
	struct loop_timer tx_timer, rx_timer, flood_timer;
};

struct vif {
	struct backend *be;
	struct net_journal *journal;
	struct net_filter filter;
	struct net_features features;
	unsigned int mtu;
	bool link;		/* the carrier is on */
	bool connected, rx_notify;
	unsigned int taps;	/* queues that the TAP has */
	unsigned int queues;	/* queues that the guest has */
	unsigned int rx_need;	/* slots that a packet can need */
	struct queue queue[NET_QUEUES_MAX];
	struct net_bucket from_guest, to_guest;
	struct loop_source later_src;	/* when tx_untold must be told */
	bool later;		/* that time is set */
	struct net_counts tx, rx;	/* from the guest, to it */
	uint64_t told_ms;	/* when a dropped packet was last logged */
};

/* ---- vif.c ---- */
int vif_start(struct vif *v, const json_t *msg, int *fds, int nr_fds,
	      json_t *nodes);
int vif_connect(struct vif *v, const json_t *front, bool resume,
		json_t *nodes);
/* Let go of the guest's half, if there. */
void vif_release(struct vif *v);
int vif_set(struct vif *v, const json_t *msg, json_t *nodes);
void vif_stats(const struct vif *v, json_t *out);
void vif_events(struct vif *v, const uint32_t *ports, unsigned int n);
/* True: there is more to do. */
bool vif_round(struct vif *v);
/* The guest broke the protocol: stop the card, and say what it did. */
void vif_breach(struct vif *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A packet was dropped; every minute one is worth a line. */
void vif_dropped(struct vif *v, struct net_counts *c, const char *whose,
		 const char *why);
uint64_t vif_now_us(void);

/* ---- queue.c ---- */
int queue_memory(void);		/* once, before any packet */
void queue_init(struct queue *q, struct vif *v, unsigned int nr, int tap);
int queue_connect(struct queue *q, const json_t *front, bool resume);
void queue_release(struct queue *q);
/* The timer of what is told later, which serves a connected card. */
int queue_later_open(struct vif *v);
void queue_later_close(struct vif *v);
/* Work of one round; true: there is more. */
bool queue_round(struct queue *q);

#endif
