/* SPDX-License-Identifier: MIT */
/*
 * A card of netback between a socket that plays the TAP and a front-end that
 * is played here: packets of every shape arrive as they were sent, also when
 * the process is another one in the middle.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "fake-backend.h"
#include "netback/vif.h"

CU_ErrorCode test_net_queue_register(void);

#define TX_RING	1u	/* grants of the rings; buffers come behind */
#define RX_RING	2u
#define TX_BUF	16u	/* + slot: where the next slot's data is */
#define RX_BUF	300u

static struct vif vif;
static struct net_journal *journal;
static json_t *front;
static int tap[2] = { -1, -1 };		/* the card's end, the network's */
static netif_tx_sring_t *tx;
static netif_rx_sring_t *rx;
static uint32_t tx_seen, rx_seen;	/* answers that the front-end took */
static uint8_t sent[NET_FRAME_MAX], got[NET_FRAME_MAX + NET_TAP_HDR];

/* ---- the TAP, which takes everything ---- */

int tap_headers(int fd)
{
	return fd < 0;
}

int tap_offload(int fd, const struct net_features *f)
{
	return fd < 0 || !f->csum4;
}

int tap_use(int fd, bool on)
{
	return fd < 0 || !on;
}

int tap_carrier(int fd, bool on)
{
	return fd < 0 && on;
}

/* ---- the front-end ---- */

static void offer(unsigned int buffers)
{
	for (; buffers; buffers--) {
		const uint32_t slot = rx->req_prod % NET_RING_SLOTS;

		rx->ring[slot].req = (struct netif_rx_request){
			.id = slot, .gref = RX_BUF + slot };
		rx->req_prod++;
	}
}

static void front_new(void)
{
	tx = (void *)fake_page[TX_RING];
	rx = (void *)fake_page[RX_RING];
	memset(tx, 0, 4096);
	memset(rx, 0, 4096);
	tx->req_event = tx->rsp_event = 1;
	rx->req_event = rx->rsp_event = 1;
	tx_seen = rx_seen = 0;
	front = json_pack("{ssssssssssssssssss}", "tx-ring-ref", "1",
			  "rx-ring-ref", "2", "event-channel", "5",
			  "request-rx-copy", "1", "feature-rx-notify", "1",
			  "feature-sg", "1", "feature-gso-tcpv4", "1",
			  "feature-gso-tcpv6", "1",
			  "feature-ipv6-csum-offload", "1");
}

/* Put the next slot of a packet onto the ring, with its bytes. */
static struct netif_tx_request *slot_out(const uint8_t *p, uint16_t len,
					 uint16_t offset, uint16_t flags)
{
	const uint32_t slot = tx->req_prod++ % NET_RING_SLOTS;

	memcpy(fake_page[TX_BUF + slot] + offset, p, len);
	tx->ring[slot].req = (struct netif_tx_request){
		.gref = TX_BUF + slot, .offset = offset, .id = slot,
		.size = len, .flags = flags };
	return &tx->ring[slot].req;
}

/* A packet in parts: @cut bytes in the first, @part in each other one. */
static void send_parts(size_t len, size_t cut, size_t part, uint16_t flags,
		       uint16_t gso)
{
	struct netif_tx_request *first;
	struct netif_extra_info e = { .type = XEN_NETIF_EXTRA_TYPE_GSO };
	size_t at, n;

	first = slot_out(sent, cut, (4096 - cut) / 2, flags |
			 (cut < len ? NETTXF_more_data : 0) |
			 (gso ? NETTXF_extra_info : 0));
	first->size = len;
	if (gso) {
		e.u.gso.size = gso;
		e.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
		memcpy(&tx->ring[tx->req_prod++ % NET_RING_SLOTS], &e,
		       sizeof(e));
	}
	for (at = cut; at < len; at += n) {
		n = len - at < part ? len - at : part;
		slot_out(sent + at, n, 4096 - n, at + n < len ?
			 NETTXF_more_data : 0);
	}
}

/* All requests were answered by @status, each with its id. */
static void all_answered(int status)
{
	CU_ASSERT_EQUAL(tx->rsp_prod, tx->req_prod);
	for (; tx_seen != tx->rsp_prod; tx_seen++) {
		const struct netif_tx_response *r =
			&tx->ring[tx_seen % NET_RING_SLOTS].rsp;

		if (r->status == NETIF_RSP_NULL)
			continue;
		CU_ASSERT_EQUAL(r->id, tx_seen % NET_RING_SLOTS);
		CU_ASSERT_EQUAL(r->status, status);
	}
}

/* ---- the card ---- */

static void rounds(void)
{
	while (vif_round(&vif))
		;
}

/* As a process starts: @resume another one's rings. */
static int card(bool resume)
{
	json_t *nodes = json_object();
	int rc;

	memset(&vif, 0, sizeof(vif));
	vif.be = &fake_backend;
	vif.journal = journal;
	vif.taps = 1;
	vif.link = true;
	vif.mtu = 1500;
	net_mac_parse("00:16:3e:00:00:02", vif.filter.mac);
	queue_init(&vif.queue[0], &vif, 0, tap[0]);
	rc = vif_connect(&vif, front, resume, nodes);
	json_decref(nodes);
	return rc;
}

static int start(void)
{
	journal = calloc(1, sizeof(*journal));
	if (!journal || queue_memory())
		return 1;
	return 0;
}

static int end(void)
{
	free(journal);
	return 0;
}

static void fresh(void)
{
	fake_backend_start();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, tap))
		abort();
	memset(journal, 0, sizeof(*journal));
	front_new();
	CU_ASSERT_EQUAL_FATAL(card(false), 0);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = i * 7 + i / 256;
	memcpy(sent, "\xff\xff\xff\xff\xff\xff\x00\x16\x3e\x00\x00\x02\x08\x00"
	       "\x45\0\0\0\0\0\0\0\x40\x06\0\0\x0a\0\0\x02\x0a\0\0\x01", 34);
	sent[46] = 5 << 4;
}

static void done(void)
{
	vif_release(&vif);
	close(tap[0]);
	close(tap[1]);
	json_decref(front);
	fake_backend_end();
}

static ssize_t network_gets(struct virtio_net_hdr *v)
{
	ssize_t n = read(tap[1], got, sizeof(got));

	if (n < (ssize_t)NET_TAP_HDR)
		return -1;
	memcpy(v, got, sizeof(*v));
	return n - NET_TAP_HDR;
}

static void network_sends(size_t len, uint8_t gso, uint16_t size)
{
	struct virtio_net_hdr v = { .gso_type = gso, .gso_size = size };

	memset(got, 0, NET_TAP_HDR);
	memcpy(got, &v, sizeof(v));
	memcpy(got + NET_TAP_HDR, sent, len);
	CU_ASSERT_EQUAL(write(tap[1], got, len + NET_TAP_HDR),
			(ssize_t)(len + NET_TAP_HDR));
	vif.queue[0].tap_ready = true;
}

/* The next frame that the guest got, into got[]; its length. */
static size_t guest_gets(struct netif_extra_info *e)
{
	struct netif_rx_response r;
	size_t len = 0;
	bool first = true, more = true;

	memset(e, 0, sizeof(*e));
	while (more && rx_seen != rx->rsp_prod) {
		const uint32_t slot = rx_seen++ % NET_RING_SLOTS;

		r = rx->ring[slot].rsp;
		/* In the slot of its request: that is its identity. */
		CU_ASSERT_EQUAL(r.id, slot);
		memcpy(got + len, fake_page[RX_BUF + slot] + r.offset,
		       r.status);
		len += r.status;
		more = r.flags & NETRXF_more_data;
		if (first && r.flags & NETRXF_extra_info)
			memcpy(e, &rx->ring[rx_seen++ % NET_RING_SLOTS],
			       sizeof(*e));
		first = false;
	}
	return len;
}

/* ---- questions ---- */

static void packets_of_every_shape_arrive(void)
{
	static const size_t lens[] = { 14, 60, 1514, 4084, 4085, 4096, 9014,
				       30000, 65535 };
	struct virtio_net_hdr v;

	fresh();
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		for (size_t cut = 14; cut <= 4096; cut = cut * 3 + 1) {
			const size_t len = lens[i];

			if (cut > len || len - cut > 17 * 4096)
				continue;
			send_parts(len, cut, 4096, 0, 0);
			vif.queue[0].tx_ready = true;
			rounds();
			CU_ASSERT_EQUAL(network_gets(&v), (ssize_t)len);
			CU_ASSERT_EQUAL(memcmp(got + NET_TAP_HDR, sent, len),
					0);
			all_answered(NETIF_RSP_OKAY);
		}
	}
	done();
}

static void many_packets_are_one_copy(void)
{
	struct virtio_net_hdr v;

	fresh();
	for (int i = 0; i < 20; i++)
		send_parts(4000, 60, 1500 + i * 130, 0, 0);
	vif.queue[0].tx_ready = true;
	fake_copies = fake_notified = 0;
	rounds();
	CU_ASSERT_EQUAL(fake_copies, 1);
	CU_ASSERT_EQUAL(fake_notified, 1);
	for (int i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(network_gets(&v), 4000);
		CU_ASSERT_EQUAL(memcmp(got + NET_TAP_HDR, sent, 4000), 0);
	}
	all_answered(NETIF_RSP_OKAY);
	done();
}

static void headers_in_pieces_are_found(void)
{
	struct virtio_net_hdr v;

	fresh();
	send_parts(20000, 20, 4096, NETTXF_csum_blank, 1448);
	/* The headers are in two parts, the checksum is filled in. */
	send_parts(3000, 18, 17 * 11, 0, 1448);
	vif.queue[0].tx_ready = true;
	rounds();
	CU_ASSERT_EQUAL(network_gets(&v), 20000);
	CU_ASSERT_EQUAL(v.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	CU_ASSERT_EQUAL(v.gso_size, 1448);
	CU_ASSERT_EQUAL(v.csum_start, 34);
	CU_ASSERT_EQUAL(v.hdr_len, 54);
	CU_ASSERT_EQUAL(network_gets(&v), 3000);
	CU_ASSERT_EQUAL(v.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	CU_ASSERT_EQUAL(got[NET_TAP_HDR + 50] << 8 | got[NET_TAP_HDR + 51],
			0x1400 + 3 + 6 + 3000 - 34);
	all_answered(NETIF_RSP_OKAY);
	done();
}

/* More than a TAP takes: two packets that together are the one. */
static void the_longest_are_sent_in_halves(void)
{
	static const size_t first = 1448 * 22, len = 65535;
	struct virtio_net_hdr v;
	const uint8_t *f = got + NET_TAP_HDR;

	fresh();
	for (size_t cut = 20; cut < 2048; cut = cut * 5) {
		sent[34 + 7] = 200;	/* its sequence number */
		sent[34 + 13] = 0x80 | 0x10 | 0x08 | 0x01;
		send_parts(len, cut, 4096, NETTXF_csum_blank, 1448);
		vif.queue[0].tx_ready = true;
		rounds();
		CU_ASSERT_EQUAL(network_gets(&v), (ssize_t)(54 + first));
		CU_ASSERT_EQUAL(v.gso_size, 1448);
		CU_ASSERT_EQUAL(f[16] << 8 | f[17], 40 + first);
		CU_ASSERT_EQUAL(f[34 + 13], 0x90);
		CU_ASSERT(!memcmp(f + 54, sent + 54, first));
		CU_ASSERT_EQUAL(network_gets(&v), (ssize_t)(len - first));
		CU_ASSERT_EQUAL(v.gso_size, 1448);
		CU_ASSERT_EQUAL(f[16] << 8 | f[17], len - first - 14);
		CU_ASSERT_EQUAL(f[34 + 13], 0x19);
		CU_ASSERT_EQUAL(f[40] << 8 | f[41],
				((sent[40] << 8 | sent[41]) + first) % 65536);
		CU_ASSERT(!memcmp(f + 54, sent + 54 + first,
				  len - 54 - first));
		/* 10.0.0.2, 10.0.0.1, protocol 6, length */
		CU_ASSERT_EQUAL(f[50] << 8 | f[51],
				(0x1400 + 3 + 6 + len - first - 34) % 65535);
		all_answered(NETIF_RSP_OKAY);
	}
	done();
}

static void what_is_not_its_own_is_not_sent(void)
{
	struct virtio_net_hdr v;

	fresh();
	sent[11] = 3;
	send_parts(60, 60, 0, 0, 0);
	vif.queue[0].tx_ready = true;
	rounds();
	CU_ASSERT_EQUAL(network_gets(&v), -1);
	all_answered(NETIF_RSP_ERROR);
	CU_ASSERT_EQUAL(vif.tx.dropped, 1);
	CU_ASSERT_STRING_EQUAL(fake_reason, "");
	done();
}

static void a_revoked_grant_stops_the_card(void)
{
	fresh();
	send_parts(60, 60, 0, 0, 0);
	free(fake_page[TX_BUF]);
	fake_page[TX_BUF] = NULL;
	vif.queue[0].tx_ready = true;
	rounds();
	CU_ASSERT_STRING_NOT_EQUAL(fake_reason, "");
	CU_ASSERT_FALSE(vif.connected);
	CU_ASSERT_FALSE(vif.queue[0].live);
	done();

	fresh();
	offer(32);
	free(fake_page[RX_BUF]);
	fake_page[RX_BUF] = NULL;
	network_sends(60, 0, 0);
	rounds();
	CU_ASSERT_STRING_NOT_EQUAL(fake_reason, "");
	CU_ASSERT_FALSE(vif.connected);
	done();
}

static void one_small_packet_is_told_of_later(void)
{
	struct queue *q = &vif.queue[0];
	struct virtio_net_hdr v;
	struct epoll_event ev;

	fresh();
	fake_notified = 0;
	/* As long as the guest sees the last answer before the next packet. */
	for (int i = 0; i < 10; i++) {
		send_parts(60, 60, 0, 0, 0);
		tx->rsp_event = tx->rsp_prod + 1;
		q->tx_ready = true;
		rounds();
		CU_ASSERT_EQUAL(network_gets(&v), 60);
		all_answered(NETIF_RSP_OKAY);
	}
	CU_ASSERT_EQUAL(fake_notified, 0);
	CU_ASSERT(q->tx_untold);
	/* A second one that it has to be told of, or one that counts. */
	send_parts(60, 60, 0, 0, 0);
	q->tx_ready = true;
	rounds();
	CU_ASSERT_EQUAL(fake_notified, 1);
	CU_ASSERT_FALSE(q->tx_untold);
	send_parts(600, 600, 0, 0, 0);
	tx->rsp_event = tx->rsp_prod + 1;
	q->tx_ready = true;
	rounds();
	CU_ASSERT_EQUAL(fake_notified, 2);
	/* In the end it is told in any case. */
	send_parts(60, 60, 0, 0, 0);
	tx->rsp_event = tx->rsp_prod + 1;
	q->tx_ready = true;
	rounds();
	CU_ASSERT_EQUAL(fake_notified, 2);
	for (int i = 0; i < 100 && vif.later; i++) {
		CU_ASSERT_EQUAL_FATAL(epoll_wait(fake_backend.loop.epfd, &ev,
						 1, 1000), 1);
		if (ev.data.ptr == &vif.later_src)
			vif.later_src.fn(vif.later_src.arg, EPOLLIN);
		else
			network_gets(&v);
	}
	CU_ASSERT_EQUAL(fake_notified, 3);
	CU_ASSERT_FALSE(vif.later);
	done();
}

/* An event as the guest sends them; is the next one heard at once? */
static bool rings(void)
{
	const uint32_t port = vif.queue[0].tx_port;

	vif_events(&vif, &port, 1);
	rounds();
	return vif.connected && !vif.queue[0].tx_masked;
}

static void floods_of_events_are_slowed_and_stopped(void)
{
	struct queue *q = &vif.queue[0];
	struct virtio_net_hdr v;
	unsigned int n = 0;

	fresh();
	/* Those that bring a packet are never one. */
	for (int i = 0; i < 200; i++) {
		send_parts(60, 60, 0, 0, 0);
		CU_ASSERT(rings());
		CU_ASSERT_EQUAL(network_gets(&v), 60);
	}
	for (int i = 0; i < 100; i++) {
		if (i % 50 == 0)
			offer(1);
		CU_ASSERT(rings());
	}
	/* Indices that go to and fro bring nothing. */
	while (n < 900 && rings()) {
		rx->req_prod ^= 1;
		n++;
	}
	CU_ASSERT(n > 10 && n < 100);
	CU_ASSERT(loop_timer_armed(&q->flood_timer));
	CU_ASSERT_STRING_EQUAL(fake_reason, "");
	while (vif.connected && n < 2000) {
		loop_timer_cancel(&q->flood_timer);
		q->flood_timer.fn(q->flood_timer.arg);
		rounds();
		CU_ASSERT(!q->tx_masked);
		rings();
		n++;
	}
	CU_ASSERT(n > 900 && n < 1100);
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_reason, "events in a row without a request"));
	done();
}

static void mad_indices_stop_the_card(void)
{
	fresh();
	tx->req_prod = 1000;
	vif.queue[0].tx_ready = true;
	rounds();
	CU_ASSERT_STRING_NOT_EQUAL(fake_reason, "");
	done();
	fresh();
	rx->req_prod = 257;
	network_sends(60, 0, 0);
	rounds();
	CU_ASSERT_STRING_NOT_EQUAL(fake_reason, "");
	done();
}

static void frames_of_every_size_reach_the_guest(void)
{
	static const size_t lens[] = { 14, 60, 1514, 4096, 4097, 9014, 65535,
				       NET_FRAME_MAX };
	struct netif_extra_info e;

	fresh();
	offer(256);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		const bool gso = lens[i] > 9014;

		network_sends(lens[i], gso ? VIRTIO_NET_HDR_GSO_TCPV4 : 0,
			      1448);
		rounds();
		CU_ASSERT_EQUAL(guest_gets(&e), lens[i]);
		CU_ASSERT_EQUAL(memcmp(got, sent, lens[i]), 0);
		CU_ASSERT_EQUAL(e.u.gso.size, gso ? 1448 : 0);
		offer(rx_seen + 256 - rx->req_prod);
	}
	done();
}

static void packets_wait_for_buffers(void)
{
	struct netif_extra_info e;

	fresh();
	offer(10);	/* fewer than a packet may need */
	network_sends(600, 0, 0);
	rounds();
	CU_ASSERT_EQUAL(rx->rsp_prod, 0);
	CU_ASSERT_TRUE(vif.queue[0].rx_starved);
	/* It asks to be told as soon as there are enough. */
	CU_ASSERT_EQUAL(rx->req_event, vif.rx_need);
	offer(10);
	vif.queue[0].rx_masked = true;
	rounds();
	CU_ASSERT_FALSE(vif.queue[0].rx_starved);
	CU_ASSERT_EQUAL(guest_gets(&e), 600);
	done();
}

/* Somebody made the link's frames longer than the card was told. */
static void a_frame_beyond_the_mtu_takes_no_more_than_is_offered(void)
{
	struct netif_extra_info e;

	fresh();
	vif_release(&vif);
	json_object_del(front, "feature-gso-tcpv4");
	json_object_del(front, "feature-gso-tcpv6");
	CU_ASSERT_EQUAL_FATAL(card(false), 0);
	CU_ASSERT_EQUAL(vif.rx_need, 1);
	offer(1);
	network_sends(9014, 0, 0);
	rounds();
	CU_ASSERT_EQUAL(rx->rsp_prod, 0);
	CU_ASSERT_EQUAL(vif.rx.dropped, 1);
	network_sends(1514, 0, 0);
	rounds();
	CU_ASSERT_EQUAL(guest_gets(&e), 1514);
	CU_ASSERT_STRING_EQUAL(fake_reason, "");
	done();
}

/* Another process may find a link in its place. */
static void a_link_that_goes_ends_the_process(void)
{
	struct epoll_event ev[4];
	int n;

	fresh();
	close(tap[1]);
	fake_backend.exit_code = BACKEND_EXIT_QUIT;
	n = epoll_wait(fake_backend.loop.epfd, ev, 4, 0);
	for (int i = 0; i < n; i++)
		if (ev[i].data.ptr == &vif.queue[0].tap_src)
			vif.queue[0].tap_src.fn(vif.queue[0].tap_src.arg,
						ev[i].events);
	CU_ASSERT_EQUAL(fake_backend.exit_code, BACKEND_EXIT_INTERNAL);
	CU_ASSERT_STRING_EQUAL(fake_reason, "");
	tap[1] = open("/dev/null", O_RDONLY);
	done();
}

static void a_limit_holds_packets_back(void)
{
	struct virtio_net_hdr v;
	unsigned int n = 0;

	fresh();
	net_bucket_init(&vif.from_guest, 1000, 0, vif_now_us());
	for (int i = 0; i < 5; i++)
		send_parts(60000, 60, 4096, 0, 0);
	vif.queue[0].tx_ready = true;
	rounds();
	while (network_gets(&v) > 0)
		n++;
	CU_ASSERT_EQUAL(n, 3);		/* 131,072 bytes, and the last one */
	CU_ASSERT_TRUE(loop_timer_armed(&vif.queue[0].tx_timer));
	CU_ASSERT_NOT_EQUAL(tx->rsp_prod, tx->req_prod);
	done();
}

/* Packets in both directions, with another process after each round. */
static void streams_go_on_across_deaths(void)
{
	struct virtio_net_hdr v;
	struct netif_extra_info e;

	fresh();
	offer(256);
	for (int i = 0; i < 200; i++) {
		sent[60] = i;
		send_parts(9000, 60, 4096, 0, 0);
		network_sends(5000, 0, 0);
		if (i % 3 == 0) {
			vif.queue[0].tx_ready = true;
			rounds();
		}
		/* It is gone: nothing of it is left but rings and journal. */
		loop_close(&fake_backend.loop);
		CU_ASSERT_EQUAL_FATAL(loop_init(&fake_backend.loop), 0);
		CU_ASSERT_EQUAL_FATAL(card(true), 0);
		rounds();
		CU_ASSERT_EQUAL(network_gets(&v), 9000);
		CU_ASSERT_EQUAL(got[NET_TAP_HDR + 60], i & 0xff);
		CU_ASSERT_EQUAL(network_gets(&v), -1);
		all_answered(NETIF_RSP_OKAY);
		CU_ASSERT_EQUAL(guest_gets(&e), 5000);
		CU_ASSERT_EQUAL(got[60], i & 0xff);
		offer(rx_seen + 256 - rx->req_prod);
	}
	done();
}

CU_ErrorCode test_net_queue_register(void)
{
	static CU_TestInfo tests[] = {
		{ "packets_of_every_shape_arrive",
		  packets_of_every_shape_arrive },
		{ "many_packets_are_one_copy", many_packets_are_one_copy },
		{ "headers_in_pieces_are_found", headers_in_pieces_are_found },
		{ "the_longest_are_sent_in_halves",
		  the_longest_are_sent_in_halves },
		{ "what_is_not_its_own_is_not_sent",
		  what_is_not_its_own_is_not_sent },
		{ "a_revoked_grant_stops_the_card",
		  a_revoked_grant_stops_the_card },
		{ "one_small_packet_is_told_of_later",
		  one_small_packet_is_told_of_later },
		{ "floods_of_events_are_slowed_and_stopped",
		  floods_of_events_are_slowed_and_stopped },
		{ "mad_indices_stop_the_card", mad_indices_stop_the_card },
		{ "frames_of_every_size_reach_the_guest",
		  frames_of_every_size_reach_the_guest },
		{ "packets_wait_for_buffers", packets_wait_for_buffers },
		{ "a_frame_beyond_the_mtu_takes_no_more_than_is_offered",
		  a_frame_beyond_the_mtu_takes_no_more_than_is_offered },
		{ "a_link_that_goes_ends_the_process",
		  a_link_that_goes_ends_the_process },
		{ "a_limit_holds_packets_back", a_limit_holds_packets_back },
		{ "streams_go_on_across_deaths", streams_go_on_across_deaths },
		CU_TEST_INFO_NULL,
	};
	static CU_SuiteInfo suites[] = {
		{ "net_queue", start, end, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
