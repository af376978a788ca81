/* SPDX-License-Identifier: MIT */
/*
 * Network cards.  Frames are Ethernet, whole, of at most one page.  The pages
 * that the other side sees belong to the card and are never used for anything
 * else; a frame is copied once on its way, so what the other side does to it
 * afterwards is nothing to us.
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

	/* To read, when dev.phase is PV_UP. */
	uint8_t mac[6];
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
	unsigned int nr_tx_free;
	char mac_text[20];
};

/* Begin with a card, counted from 0; dev.changed() tells when it is up.  `net`
 * is zeroed but for the members that are yours. */
void pv_net_open(struct pv *pv, struct pv_net *net, unsigned int number);

/* Send a frame.  0; -XEN_EAGAIN: no room now; -XEN_EINVAL: not 14 to 4096
 * bytes; -XEN_ENODEV: the card is not up. */
int pv_net_put(struct pv_net *net, const void *frame, size_t bytes);

/* The next frame, its length; 0: none; -XEN_ENODEV: the card is not up.  One
 * that is longer than `size` is dropped. */
int pv_net_get(struct pv_net *net, void *frame, size_t size);

/* ---- Synchronous: the same, with patience (then -XEN_EAGAIN) ---- */

int pv_net_send(struct pv_net *net, const void *frame, size_t bytes,
		uint64_t deadline);
int pv_net_receive(struct pv_net *net, void *frame, size_t size,
		   uint64_t deadline);

#endif
