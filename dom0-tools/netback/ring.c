/* SPDX-License-Identifier: MIT */
/* The rings of a network queue; see ring.h. */
#include "ring.h"

#include <errno.h>

/* The indices at the head of the page. */
enum { REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT };

_Static_assert(sizeof(struct netif_tx_request) == 12, "ABI");
_Static_assert(sizeof(struct netif_rx_request) == 8, "ABI");
_Static_assert(sizeof(struct netif_rx_response) == 8, "ABI");
_Static_assert(sizeof(struct netif_extra_info) == 8, "ABI");

static volatile uint32_t *index_of(const void *page, unsigned int which)
{
	return (volatile uint32_t *)page + which;
}

void net_ring_init(struct net_ring *r, void *page, uint32_t slot_bytes,
		   uint32_t at)
{
	*r = (struct net_ring){
		.page = page, .slot_bytes = slot_bytes,
		.req_cons = at, .rsp_prod = at, .published = at,
	};
}

uint32_t net_ring_shown(const void *page)
{
	return *index_of(page, RSP_PROD);
}

int net_ring_waiting(const struct net_ring *r)
{
	const uint32_t prod = *index_of(r->page, REQ_PROD);

	/* More requests than slots, counting those not yet answered. */
	if (prod - r->rsp_prod > NET_RING_SLOTS ||
	    prod - r->rsp_prod < r->req_cons - r->rsp_prod)
		return -EPROTO;
	/* The requests are read after the index that announced them. */
	atomic_thread_fence(memory_order_acquire);
	return prod - r->req_cons;
}

bool net_ring_publish(struct net_ring *r)
{
	const uint32_t from = r->published, to = r->rsp_prod;

	if (from == to)
		return false;
	/* The answers are there before the index says so... */
	atomic_thread_fence(memory_order_release);
	*index_of(r->page, RSP_PROD) = to;
	r->published = to;
	/* ... and the guest may see them before we ask whether it sleeps. */
	atomic_thread_fence(memory_order_seq_cst);
	return to - *index_of(r->page, RSP_EVENT) < to - from;
}

bool net_ring_unseen(const struct net_ring *r)
{
	return r->published - *index_of(r->page, RSP_EVENT) <= NET_RING_SLOTS;
}

bool net_ring_sleep(struct net_ring *r, uint32_t nth)
{
	uint32_t waiting = *index_of(r->page, REQ_PROD) - r->req_cons;

	if (waiting >= nth)
		return false;
	*index_of(r->page, REQ_EVENT) = r->req_cons + nth;
	/* The guest sees our wish before we look for the last time. */
	atomic_thread_fence(memory_order_seq_cst);
	waiting = *index_of(r->page, REQ_PROD) - r->req_cons;
	return waiting < nth;
}

/* ---- packets from the guest ---- */

static enum net_verdict breach(struct net_tx *tx, const char *why,
			       uint32_t value)
{
	tx->why = why;
	tx->why_value = value;
	return NET_BREACH;
}

static enum net_verdict take_gso(struct net_tx *tx,
				 const struct netif_extra_info *e)
{
	if (e->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
	    e->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6)
		return breach(tx, "asked for segments of the unknown type %u",
			      e->u.gso.type);
	if (!e->u.gso.size)
		return breach(tx, "asked for segments of %u bytes", 0);
	tx->gso_type = e->u.gso.type;
	tx->gso_size = e->u.gso.size;
	return NET_TAKE;
}

static enum net_verdict take_extra(struct net_tx *tx,
				   const struct netif_extra_info *e)
{
	struct net_mcast *m = &tx->mcast[tx->nr_mcast];

	switch (e->type) {
	case XEN_NETIF_EXTRA_TYPE_GSO:
		return take_gso(tx, e);
	case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
	case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
		m->add = e->type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
		memcpy(m->mac, e->u.mcast.addr, sizeof(m->mac));
		tx->nr_mcast++;
		return NET_TAKE;
	case XEN_NETIF_EXTRA_TYPE_HASH:
		return NET_TAKE;	/* a hint that we do not use */
	default:
		return breach(tx, "put an extra of the unknown type %u into its packet", e->type);
	}
}

static enum net_verdict take_extras(struct net_ring *r, unsigned int waiting,
				    struct net_tx *tx)
{
	struct netif_extra_info e;
	uint8_t slot[sizeof(struct netif_tx_request)];
	enum net_verdict v;

	do {
		/* Each type once is all that there can be. */
		if (tx->extras == NET_TX_EXTRAS)
			return breach(tx, "put more than %u extras into a packet", NET_TX_EXTRAS);
		if (tx->slots == waiting)
			return breach(tx, "announced an extra that is not in the ring (slot %u)", tx->slots);
		net_ring_peek(r, tx->slots, slot, sizeof(slot));
		memcpy(&e, slot, sizeof(e));
		tx->slots++;
		tx->extras++;
		v = take_extra(tx, &e);
		if (v != NET_TAKE)
			return v;
	} while (e.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return NET_TAKE;
}

static bool in_page(uint32_t offset, uint32_t len)
{
	return offset + len <= NET_PAGE;
}

/* The requests behind the first; those beyond NET_TX_SLOTS are only counted. */
static enum net_verdict take_rest(struct net_ring *r, unsigned int waiting,
				  struct net_tx *tx, uint32_t *left)
{
	enum net_verdict v = NET_TAKE;
	struct netif_tx_request q;
	unsigned int nr = 1;

	do {
		if (nr >= NET_TX_SLOTS_FATAL)
			return breach(tx, "sent a packet of more than %u slots", NET_TX_SLOTS_FATAL);
		if (tx->slots == waiting)
			return breach(tx, "announced a part of a packet that is not in the ring (slot %u)", tx->slots);
		net_ring_peek(r, tx->slots, &q, sizeof(q));
		if (!in_page(q.offset, q.size))
			return breach(tx, "sent a part that crosses the end of its page (by %u bytes)", q.offset + q.size - NET_PAGE);
		tx->id[tx->slots++] = q.id;
		if (q.size > *left || ++nr > NET_TX_SLOTS)
			v = NET_DROP;
		if (v == NET_TAKE) {
			*left -= q.size;
			/* An empty part is allowed, and needs no copy. */
			if (q.size)
				tx->frag[tx->nr_frags++] = (struct net_frag){
					q.gref, q.offset, q.size };
		}
	} while (q.flags & NETTXF_more_data);
	return v;
}

enum net_verdict net_tx_take(struct net_ring *r, unsigned int waiting,
			     struct net_tx *tx)
{
	struct netif_tx_request q;
	enum net_verdict v = NET_TAKE;
	uint32_t left;

	tx->slots = 1;
	tx->extras = tx->nr_mcast = 0;
	tx->gso_type = XEN_NETIF_GSO_TYPE_NONE;
	tx->gso_size = 0;
	tx->nr_frags = 1;
	net_ring_peek(r, 0, &q, sizeof(q));
	tx->id[0] = q.id;
	tx->len = left = q.size;
	tx->csum_blank = q.flags & NETTXF_csum_blank;
	tx->validated = q.flags & NETTXF_data_validated;
	if (q.flags & NETTXF_extra_info)
		v = take_extras(r, waiting, tx);
	/* A request that changes the multicast list carries no packet. */
	if (v == NET_TAKE && tx->nr_mcast)
		v = NET_NOTED;
	else if (v == NET_TAKE && q.flags & NETTXF_more_data)
		v = take_rest(r, waiting, tx, &left);
	if (v == NET_BREACH)
		return v;
	/* The first part is what the others leave. */
	if (v == NET_TAKE && !in_page(q.offset, left))
		return breach(tx, "sent a part that crosses the end of its page (by %u bytes)", q.offset + left - NET_PAGE);
	tx->frag[0] = (struct net_frag){ q.gref, q.offset, left };
	r->req_cons += tx->slots;
	/* An Ethernet header in the first part is what the ABI asks for. */
	return v == NET_TAKE && left < 14 ? NET_DROP : v;
}

struct netif_tx_response net_tx_response(const struct net_tx *tx,
					 unsigned int n, int status)
{
	const bool extra = n && n <= tx->extras;

	return (struct netif_tx_response){
		.id = extra ? 0 : tx->id[n],
		.status = extra ? NETIF_RSP_NULL : status,
	};
}

void net_tx_answer(struct net_ring *r, const struct net_tx *tx, int status)
{
	struct netif_tx_response rsp;

	for (unsigned int n = 0; n < tx->slots; n++) {
		rsp = net_tx_response(tx, n, status);
		net_ring_answer(r, &rsp, sizeof(rsp));
	}
}
