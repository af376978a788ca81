/* SPDX-License-Identifier: MIT */
/*
 * Network cards.  Frames are Ethernet and whole.  The pages that the other side
 * sees belong to the card and are never used for anything else; a frame is
 * copied once on its way, so what the other side does to it afterwards is
 * nothing to us.
 *
 * A frame has at most a page, and its checksums are right, unless `offload` is
 * asked for.  Then both sides may leave work to whoever comes behind them: the
 * checksum of TCP and UDP, and the cutting of up to 64 KiB of TCP into
 * segments.  Between guests of one machine nobody does it.
 *
 * A frame that was put is sent or lost, as networks are.  Frames in the rings
 * are lost when the back-end goes.  What nobody gets stays in the ring, and
 * when that is full, the network drops what comes.
 */
#ifndef PV_NETFRONT_H
#define PV_NETFRONT_H

#include <pv/device.h>
#include <xen/io/netif.h>

#define PV_NET_TX_RING	__CONST_RING_SIZE(netif_tx, PV_PAGE_SIZE)
#define PV_NET_RX_RING	__CONST_RING_SIZE(netif_rx, PV_PAGE_SIZE)

/* The longest frame that there can be. */
#define PV_NET_MOST	65535

/* What is left to do for a frame; all zero: nothing. */
struct pv_net_offload {
	/* Where the TCP or UDP checksum belongs is only that of the pseudo
	 * header; received: it is not known to be wrong. */
	bool csum_blank;
	/* It is TCP, to be cut into segments of so many bytes of data each. */
	uint16_t gso_size;
	bool ipv6;			/* with gso_size: over IPv6 */
};

/* One direction's pages; `ref` is 0 where there is no page. */
struct pv_net_buffers {
	unsigned int nr;
	void *page[PV_NET_TX_RING];
	uint32_t ref[PV_NET_TX_RING];
	bool theirs[PV_NET_TX_RING];	/* in the ring */
};

struct pv_net {
	struct pv_device dev;		/* first; dev.changed, dev.ctx are yours */

	/* Yours, before pv_net_open(): what to call when there may be frames
	 * to get or room to put (NULL: nothing); how many pages to have for
	 * each direction (0: 32 to send, 64 to receive). */
	void (*ready)(struct pv_net *n);
	unsigned int tx_pages, rx_pages;
	/* Frames with work left come and go; the functions that know of
	 * pv_net_offload are to be used. */
	bool offload;

	/* To read, when dev.phase is PV_UP. */
	uint8_t mac[6];
	/* What may be put: frames of more than a page, blank checksums (over
	 * IPv6 as well), gso_size over IPv4 and IPv6. */
	bool can_long, can_csum, can_csum6, can_gso4, can_gso6;
	uint64_t sent, received, dropped, kicks;

	/* The library's. */
	struct pv_lock lock;
	bool running;
	struct netif_tx_front_ring tx_ring;
	struct netif_rx_front_ring rx_ring;
	uint32_t tx_ref, rx_ref;
	evtchn_port_t port;
	struct pv_net_buffers tx, rx;
	uint8_t tx_free[PV_NET_TX_RING];
	unsigned int nr_tx_free, tx_extras;	/* extras: slots without page */
	uint8_t rx_id[PV_NET_RX_RING];		/* by the place in the ring */
	char mac_text[20];
};

/* Begin with a card, counted from 0; dev.changed() tells when it is up.  `net`
 * is zeroed but for the members that are yours. */
void pv_net_open(struct pv *pv, struct pv_net *net, unsigned int number);

/* Send a frame.  0; -XEN_EAGAIN: no room now; -XEN_EINVAL: not 14 to 4096
 * bytes; -XEN_ENODEV: the card is not up. */
int pv_net_put(struct pv_net *net, const void *frame, size_t bytes);

/* Pages of frames that are still on their way out: wait for 0 before a card is
 * closed, where the last frame matters. */
unsigned int pv_net_sending(const struct pv_net *net);

/* The next frame, its length; 0: none; -XEN_ENODEV: the card is not up.  One
 * that is longer than `size` is dropped. */
int pv_net_get(struct pv_net *net, void *frame, size_t size);

/* The same for frames with work left (NULL: none is).  -XEN_EINVAL as well: the
 * other side does not do that, or the frame is longer than the pages to send. */
int pv_net_put_offload(struct pv_net *net, const void *frame, size_t bytes,
		       const struct pv_net_offload *o);
int pv_net_get_offload(struct pv_net *net, void *frame, size_t size,
		       struct pv_net_offload *o);

/* ---- Synchronous: the same, with patience (then -XEN_EAGAIN) ---- */

int pv_net_send(struct pv_net *net, const void *frame, size_t bytes,
		uint64_t deadline);
int pv_net_receive(struct pv_net *net, void *frame, size_t size,
		   uint64_t deadline);

#endif
