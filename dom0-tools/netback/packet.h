/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a packet, and the two ways to describe what is unfinished
 * about it: flags and an extra slot on the guest's side (io/netif.h), a
 * virtio_net_hdr on the TAP's.  "Blank" is a checksum that holds only the
 * sum of the pseudo header: whoever sends the packet out completes it.
 *
 * Everything here works on private copies and reads nothing beyond the
 * lengths it is given.  Pure functions.
 */
#ifndef NETBACK_PACKET_H
#define NETBACK_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "ring.h"

#define NET_FRAME_MIN	14u	/* an Ethernet header */
#define NET_FRAME_MAX	65549u	/* with 65,535 bytes behind it */
#define NET_HEAD_MAX	256u	/* enough for all headers we look at */
/* What a TAP takes at once, if it makes pages of pieces. */
#define NET_WRITE_MAX	65471u
#define NET_MCAST_MAX	64u

/* Where the headers of a TCP or UDP packet are. */
struct net_headers {
	uint16_t type;		/* behind VLAN tags: 0x0800, 0x86dd, ... */
	uint16_t l3, l4, end;	/* end: behind the TCP or UDP header */
	uint8_t proto;		/* 6, 17, or 0: cannot be told */
	uint16_t csum;		/* where in the packet its checksum is */
};

/* Find the headers in the first @n bytes; false: not even Ethernet. */
bool net_headers_find(const uint8_t *p, size_t n, struct net_headers *h);

/*
 * Say to the TAP what the guest said of @tx, whose first @n bytes are @head
 * (which may be changed). NULL, or why the packet must be dropped.
 */
const char *net_tx_describe(const struct net_tx *tx, uint8_t *head, size_t n,
			    struct virtio_net_hdr *v);

/*
 * Make of a frame of @len bytes that is to be cut into segments of @gso_size
 * two: @head, its headers, becomes those of the first, @second gets those of
 * the other one (room for @h->end bytes). How many bytes after the headers
 * are the first one's; 0: it cannot be.
 */
uint32_t net_tx_halve(uint8_t *head, uint8_t *second,
		      const struct net_headers *h, uint32_t len,
		      uint16_t gso_size);

/* How a frame from the TAP goes into the guest's slots. */
struct net_rx_plan {
	unsigned int slots;	/* with the extra */
	uint16_t flags;		/* of the first response, NETRXF_* */
	uint8_t gso_type;	/* XEN_NETIF_GSO_TYPE_NONE: no extra */
	uint16_t gso_size;
};

/*
 * Say to the guest what the TAP said of @frame; completes the checksum if the
 * guest cannot. NULL, or why the frame must be dropped.
 */
const char *net_rx_describe(const struct virtio_net_hdr *v, uint8_t *frame,
			    size_t len, const struct net_features *f,
			    struct net_rx_plan *plan);
/* The most slots that one frame can need. */
unsigned int net_rx_slots_max(const struct net_features *f, unsigned int mtu);
/* Where slot @n's bytes are in the frame; false: it is the extra. */
static inline bool net_rx_part(const struct net_rx_plan *plan, size_t len,
			       unsigned int n, uint32_t *at, uint32_t *bytes)
{
	const bool gso = plan->gso_type != XEN_NETIF_GSO_TYPE_NONE;
	const unsigned int part = gso && n ? n - 1 : n;

	if (gso && n == 1)
		return false;
	*at = part * NET_PAGE;
	*bytes = len - *at < NET_PAGE ? len - *at : NET_PAGE;
	return true;
}

/* Slot @n of a planned frame of @len bytes: a response or an extra. */
static inline void net_rx_slot(const struct net_rx_plan *plan, size_t len,
			       unsigned int n, uint16_t id,
			       struct netif_rx_response *rsp)
{
	struct netif_extra_info e = { .type = XEN_NETIF_EXTRA_TYPE_GSO };
	uint32_t at, bytes;

	if (!net_rx_part(plan, len, n, &at, &bytes)) {
		e.u.gso.type = plan->gso_type;
		e.u.gso.size = plan->gso_size;
		memcpy(rsp, &e, sizeof(e));
		return;
	}
	*rsp = (struct netif_rx_response){
		.id = id, .flags = n ? 0 : plan->flags, .status = bytes,
	};
	if (at + bytes < len)
		rsp->flags |= NETRXF_more_data;
}

/* ---- who may send what, and who wants to hear what ---- */

struct net_filter {
	uint8_t mac[6];
	bool mac_any;		/* may send with every address */
	unsigned int nr_mcast;
	uint8_t mcast[NET_MCAST_MAX][6];
};

/* NULL, or why the guest may not send a packet that starts like this. */
const char *net_may_send(const struct net_filter *f, const uint8_t *head,
			 size_t n);
/* Does the guest want this frame, if it filters its multicast? */
bool net_wants(const struct net_filter *f, const uint8_t *frame);
/* Change the list; false: full. */
bool net_mcast_change(struct net_filter *f, const struct net_mcast *m);
/* "52:54:00:12:34:56"; false: not one. */
bool net_mac_parse(const char *text, uint8_t *mac);

/* ---- how much ---- */

/* A bucket that fills with @rate bytes a second up to @size. */
struct net_bucket {
	uint64_t rate, size;	/* rate 0: no limit */
	int64_t level;		/* below zero: the last packet's debt */
	uint64_t at_us;
};

void net_bucket_init(struct net_bucket *b, uint64_t rate, uint64_t size,
		     uint64_t now_us);
/* May a packet go now? If not, *@wait_ms says when to ask again. */
bool net_bucket_open(struct net_bucket *b, uint64_t now_us, uint64_t *wait_ms);
static inline void net_bucket_take(struct net_bucket *b, uint32_t bytes)
{
	if (b->rate)
		b->level -= bytes;
}

#endif
