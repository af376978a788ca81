/* SPDX-License-Identifier: MIT */
/*
 * The two rings of a network queue (io/netif.h) seen from our side.
 *
 * A ring is one page of the guest.  It may change under our hands at any
 * time, so our own indices live outside of it, a request is copied out once,
 * and only the copy is looked at.  Requests are answered strictly in the
 * order in which they stand; that is what lets a new process take the ring
 * over (see journal.h).  Pure functions.
 */
#ifndef NETBACK_RING_H
#define NETBACK_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/io/netif.h>

#define NET_RING_SLOTS	256u	/* both rings, one page each */
#define NET_PAGE	4096u

struct net_ring {
	uint8_t *page;
	uint32_t slot_bytes;	/* 12 from the guest, 8 to it */
	uint32_t req_cons;	/* ours: requests taken */
	uint32_t rsp_prod;	/* ours: answers written */
	uint32_t published;	/* ours: answers that the guest was told of */
};

/* Take over @page, whose answers go on at index @at (0 when it is new). */
void net_ring_init(struct net_ring *r, void *page, uint32_t slot_bytes,
		   uint32_t at);
/* The guest's count of published answers; it can have changed it. */
uint32_t net_ring_shown(const void *page);
/* How many requests wait, at most NET_RING_SLOTS; -EPROTO: nonsense. */
int net_ring_waiting(const struct net_ring *r);
/* The slots start at byte 64. */
static inline uint8_t *net_ring_slot(const struct net_ring *r, uint32_t at)
{
	return r->page + 64 + (at % NET_RING_SLOTS) * r->slot_bytes;
}

/*
 * Copy @bytes, all that it has, of request @ahead of the next one; it must be
 * one that waits.
 */
static inline void net_ring_peek(const struct net_ring *r, uint32_t ahead,
				 void *to, size_t bytes)
{
	memcpy(to, net_ring_slot(r, r->req_cons + ahead), bytes);
	/* What is decided from here on is decided by the copy. */
	atomic_signal_fence(memory_order_seq_cst);
}

/* One answer, of 4 or 8 bytes: lengths that the compiler knows are a move. */
static inline void net_answer_copy(uint8_t *to, const void *rsp, size_t bytes)
{
	if (bytes == sizeof(struct netif_tx_response))
		memcpy(to, rsp, sizeof(struct netif_tx_response));
	else
		memcpy(to, rsp, sizeof(struct netif_rx_response));
}

/*
 * Write the next answer: @bytes (4 or 8) of @rsp, the rest of the slot stays.
 */
static inline void net_ring_answer(struct net_ring *r, const void *rsp,
				   size_t bytes)
{
	net_answer_copy(net_ring_slot(r, r->rsp_prod++), rsp, bytes);
}

/* Show the answers to the guest. True: it wants to be told. */
bool net_ring_publish(struct net_ring *r);
/* There are answers which the guest wants to be told of, and has not seen. */
bool net_ring_unseen(const struct net_ring *r);
/*
 * Ask to be told of the @nth request from here on (1: the next one). False:
 * so many are there already, go on.
 */
bool net_ring_sleep(struct net_ring *r, uint32_t nth);

/* ---- packets from the guest ---- */

/* So many slots a packet may have; a few more are dropped politely. */
#define NET_TX_SLOTS		XEN_NETIF_NR_SLOTS_MIN
#define NET_TX_SLOTS_FATAL	20
#define NET_TX_EXTRAS		(XEN_NETIF_EXTRA_TYPE_MAX - 1)

enum net_verdict {
	NET_TAKE,	/* send it */
	NET_DROP,	/* answer it with an error */
	NET_NOTED,	/* no packet: a change of the multicast list */
	NET_BREACH,	/* the guest broke the protocol: why says how */
};

struct net_frag {
	uint32_t gref;
	uint16_t offset, len;
};

struct net_mcast {
	bool add;
	uint8_t mac[6];
};

/* One packet's slots: the first request, its extras, the other requests. */
struct net_tx {
	unsigned int slots;	/* in all */
	unsigned int extras;
	uint32_t len;		/* bytes of the packet */
	unsigned int nr_frags;	/* none of them empty, save the first */
	struct net_frag frag[NET_TX_SLOTS];
	bool csum_blank, validated;
	uint8_t gso_type;	/* XEN_NETIF_GSO_TYPE_* */
	uint16_t gso_size;
	unsigned int nr_mcast;
	struct net_mcast mcast[NET_TX_EXTRAS];
	const char *why;	/* a breach, for "the guest ..." */
	uint32_t why_value;	/* stands for its %u */
	uint16_t id[32];		/* of each slot; extras have none */
};

/* What a guest may use of what the ABI has. */
struct net_features {
	bool sg, gso4, gso6;
	bool csum4, csum6;	/* takes packets whose checksum is blank */
	bool multicast;		/* wants its multicast filtered */
};

/*
 * Take the next packet of @waiting requests off the ring into @tx. The slots
 * count as taken also for a NET_DROP; tx->slots answers are owed.
 */
enum net_verdict net_tx_take(struct net_ring *r, unsigned int waiting,
			     struct net_tx *tx);
/* The answers of a packet that net_tx_take() gave. */
void net_tx_answer(struct net_ring *r, const struct net_tx *tx, int status);
/* The answer of slot @n of a packet. */
struct netif_tx_response net_tx_response(const struct net_tx *tx,
					 unsigned int n, int status);

#endif
