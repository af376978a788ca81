/* SPDX-License-Identifier: MIT */
/* The network front-end, with a wire that is this file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "fake.h"

CU_ErrorCode test_front_net_register(void);

static struct pv_net card;
static struct netif_tx_back_ring tx;
static struct netif_rx_back_ring rx;
static evtchn_port_t port;
static unsigned int calls;

static void state(enum xenbus_state s)
{
	fake_store_set_number(FAKE_CARD_BACK, "state", s);
}

static void ready(struct pv_net *n)
{
	(void)n;
	calls++;
}

static void boot(void)
{
	fake_start();
	memset(&card, 0, sizeof(card));
	card.ready = ready;
	card.tx_pages = 4;
	card.rx_pages = 8;
	fake_store_set_number(FAKE_CARD_BACK, "feature-rx-copy", 1);
	pv_net_open(&fake.pv, &card, 0);
	fake_settle();
}

static void connect(void)
{
	state(XenbusStateInitWait);
	fake_settle();
	BACK_RING_INIT(&tx, (struct netif_tx_sring *)
		fake_granted(fake_store_number(FAKE_CARD, "tx-ring-ref"), NULL),
		PV_PAGE_SIZE);
	BACK_RING_INIT(&rx, (struct netif_rx_sring *)
		fake_granted(fake_store_number(FAKE_CARD, "rx-ring-ref"), NULL),
		PV_PAGE_SIZE);
	port = fake_store_number(FAKE_CARD, "event-channel");
	state(XenbusStateConnected);
	fake_settle();
	CU_ASSERT_EQUAL_FATAL(card.dev.phase, PV_UP);
	calls = 0;
}

static void start(void)
{
	boot();
	connect();
}

static void nothing_left(void)
{
	CU_ASSERT_EQUAL(fake.pages, fake_pages_at_rest());
	CU_ASSERT_EQUAL(fake.pv.gnttab.nr_used, 0);
	CU_ASSERT_EQUAL(fake.ports, 0);
	fake_end();
}

static void end(void)
{
	state(XenbusStateClosing);
	fake_store_set_number(FAKE_CARD_BACK, "online", 0);
	fake_settle();
	state(XenbusStateClosed);
	fake_settle();
	CU_ASSERT_EQUAL(card.dev.phase, PV_CLOSED);
	nothing_left();
}

/* One response of the back-end, with what it wrote into the buffer. */
static struct netif_rx_response *deliver(const char *text, unsigned int offset,
					 unsigned int flags)
{
	struct netif_rx_request q;
	struct netif_rx_response *a;
	uint8_t *page;

	RING_COPY_REQUEST(&rx, rx.req_cons, &q);
	rx.req_cons++;
	page = fake_granted(q.gref, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(page);
	memcpy(page + offset, text, strlen(text));
	a = RING_GET_RESPONSE(&rx, rx.rsp_prod_pvt);
	rx.rsp_prod_pvt++;
	*a = (struct netif_rx_response){ .id = q.id, .offset = offset,
		.flags = flags, .status = strlen(text) };
	return a;
}

static void ring_bell(void)
{
	rx.sring->rsp_prod = rx.rsp_prod_pvt;
	tx.sring->rsp_prod = tx.rsp_prod_pvt;
	fake_kick(port);
	fake_settle();
}

static void comes_up_and_goes(void)
{
	static const uint8_t mac[6] = { 0, 0x16, 0x3e, 1, 2, 15 };

	start();
	CU_ASSERT_EQUAL(memcmp(card.mac, mac, 6), 0);
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "state"), "4");
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "request-rx-copy"), "1");
	CU_ASSERT_EQUAL(rx.sring->req_prod, 8);
	end();
}

static void frames_are_sent(void)
{
	struct netif_tx_request q;
	unsigned int i;
	bool ro;

	start();
	for (i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(pv_net_put(&card, "a frame of ours", 15), 0);
	CU_ASSERT_EQUAL(pv_net_put(&card, "a frame of ours", 15), -XEN_EAGAIN);
	CU_ASSERT_TRUE(fake_kicked(port));
	CU_ASSERT_EQUAL(tx.sring->req_prod, 4);
	CU_ASSERT_EQUAL(pv_net_sending(&card), 4);
	RING_COPY_REQUEST(&tx, 2, &q);
	CU_ASSERT_EQUAL(q.size, 15);
	CU_ASSERT_EQUAL(memcmp(fake_granted(q.gref, &ro), "a frame of ours", 15), 0);
	CU_ASSERT_TRUE(ro);
	for (i = 0; i < 4; i++) {
		RING_COPY_REQUEST(&tx, i, &q);
		*RING_GET_RESPONSE(&tx, i) = (struct netif_tx_response){ q.id, 0 };
	}
	tx.rsp_prod_pvt = 4;
	ring_bell();
	CU_ASSERT_EQUAL(calls, 1);
	CU_ASSERT_EQUAL(pv_net_sending(&card), 0);
	CU_ASSERT_EQUAL(pv_net_put(&card, "a frame of ours", 15), 0);
	CU_ASSERT_EQUAL(card.sent, 5);
	end();
}

static void bad_lengths_are_refused(void)
{
	static uint8_t big[4097];

	start();
	CU_ASSERT_EQUAL(pv_net_put(&card, big, 13), -XEN_EINVAL);
	CU_ASSERT_EQUAL(pv_net_put(&card, big, 4097), -XEN_EINVAL);
	CU_ASSERT_EQUAL(pv_net_put(&card, big, 4096), 0);
	end();
}

static void frames_are_received(void)
{
	char text[64];
	unsigned int i;

	start();
	CU_ASSERT_EQUAL(pv_net_get(&card, text, sizeof(text)), 0);
	for (i = 0; i < 100; i++) {
		deliver("hello there", 2, 0);
		ring_bell();
		memset(text, 0, sizeof(text));
		CU_ASSERT_EQUAL_FATAL(pv_net_get(&card, text, sizeof(text)), 11);
		CU_ASSERT_STRING_EQUAL(text, "hello there");
		CU_ASSERT_EQUAL(pv_net_get(&card, text, sizeof(text)), 0);
	}
	CU_ASSERT_EQUAL(calls, 100);
	CU_ASSERT_EQUAL(card.received, 100);
	/* All buffers are out there again. */
	CU_ASSERT_EQUAL(rx.sring->req_prod - rx.req_cons, 8);
	end();
}

static void a_frame_in_pieces_is_put_together(void)
{
	char text[64] = "";

	start();
	deliver("first, ", 0, NETRXF_more_data);
	deliver("second, ", 100, NETRXF_more_data);
	deliver("third", 4091, 0);
	deliver("next", 0, 0);
	ring_bell();
	CU_ASSERT_EQUAL(pv_net_get(&card, text, sizeof(text)), 20);
	CU_ASSERT_EQUAL(memcmp(text, "first, second, third", 20), 0);
	CU_ASSERT_EQUAL(pv_net_get(&card, text, sizeof(text)), 4);
	end();
}

static void a_frame_that_is_too_long_is_dropped(void)
{
	char text[8];

	start();
	deliver("longer than eight", 0, 0);
	deliver("123456", 0, NETRXF_more_data);
	deliver("789", 0, 0);
	deliver("short", 0, 0);
	ring_bell();
	CU_ASSERT_EQUAL(pv_net_get(&card, text, sizeof(text)), 5);
	CU_ASSERT_EQUAL(card.dropped, 2);
	end();
}

static void a_backend_that_comes_back_is_met_again(void)
{
	char text[64];

	start();
	state(XenbusStateClosing);
	fake_settle();
	CU_ASSERT_EQUAL(pv_net_put(&card, "a frame of ours", 15), -XEN_ENODEV);
	CU_ASSERT_EQUAL(pv_net_get(&card, text, sizeof(text)), -XEN_ENODEV);
	state(XenbusStateClosed);
	fake_settle();
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "state"), "1");
	connect();
	deliver("hello again", 0, 0);
	ring_bell();
	CU_ASSERT_EQUAL(pv_net_get(&card, text, sizeof(text)), 11);
	end();
}

/* ---- Work left to others ---- */

static void start_offload(void)
{
	static const char *const has[] = {
		"feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6",
	};
	unsigned int i;

	boot();
	card.offload = true;
	for (i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		fake_store_set_number(FAKE_CARD_BACK, has[i], 1);
	connect();
}

static void without_offload_nothing_is_left(void)
{
	static uint8_t frame[5000];
	const struct pv_net_offload blank = { .csum_blank = true };

	start();
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "feature-no-csum-offload"), "1");
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "feature-sg"), "");
	CU_ASSERT_EQUAL(pv_net_put_offload(&card, frame, 60, &blank), -XEN_EINVAL);
	CU_ASSERT_EQUAL(pv_net_put_offload(&card, frame, 5000, NULL), -XEN_EINVAL);
	end();
}

/* Three pages and what is to be done with them: four slots in the ring. */
static void long_frames_are_sent(void)
{
	const struct pv_net_offload o = { .csum_blank = true, .gso_size = 1448 };
	const struct pv_net_offload v6 = { .csum_blank = true, .gso_size = 1428, .ipv6 = true };
	static uint8_t frame[5 * 4096];
	struct netif_extra_info x;
	struct netif_tx_request q;
	unsigned int i;

	start_offload();
	for (i = 0; i < sizeof(frame); i++)
		frame[i] = i >> 5;
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "feature-sg"), "1");
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "feature-gso-tcpv4"), "1");
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "feature-no-csum-offload"), "");
	/* IPv6 checksums are not theirs, so neither are its segments. */
	CU_ASSERT_EQUAL(pv_net_put_offload(&card, frame, 9000, &v6), -XEN_EINVAL);
	CU_ASSERT_EQUAL(pv_net_put_offload(&card, frame, 4 * 4096 + 1, &o), -XEN_EINVAL);
	CU_ASSERT_EQUAL_FATAL(pv_net_put_offload(&card, frame, 9000, &o), 0);
	CU_ASSERT_EQUAL(tx.sring->req_prod, 4);
	RING_COPY_REQUEST(&tx, 0, &q);
	CU_ASSERT_EQUAL(q.size, 9000);
	CU_ASSERT_EQUAL(q.flags, NETTXF_csum_blank | NETTXF_data_validated |
			NETTXF_more_data | NETTXF_extra_info);
	CU_ASSERT_EQUAL(memcmp(fake_granted(q.gref, NULL), frame, 4096), 0);
	memcpy(&x, RING_GET_REQUEST(&tx, 1), sizeof(x));
	CU_ASSERT_EQUAL(x.type, XEN_NETIF_EXTRA_TYPE_GSO);
	CU_ASSERT_EQUAL(x.flags, 0);
	CU_ASSERT_EQUAL(x.u.gso.size, 1448);
	CU_ASSERT_EQUAL(x.u.gso.type, XEN_NETIF_GSO_TYPE_TCPV4);
	RING_COPY_REQUEST(&tx, 2, &q);
	CU_ASSERT_EQUAL(q.size, 4096);
	CU_ASSERT_EQUAL(q.flags, NETTXF_more_data);
	CU_ASSERT_EQUAL(memcmp(fake_granted(q.gref, NULL), frame + 4096, 4096), 0);
	RING_COPY_REQUEST(&tx, 3, &q);
	CU_ASSERT_EQUAL(q.size, 9000 - 8192);
	CU_ASSERT_EQUAL(q.flags, 0);
	CU_ASSERT_EQUAL(memcmp(fake_granted(q.gref, NULL), frame + 8192, 9000 - 8192), 0);
	/* One page is left, and that is no room for two. */
	CU_ASSERT_EQUAL(pv_net_put_offload(&card, frame, 5000, NULL), -XEN_EAGAIN);
	for (i = 0; i < 4; i++) {
		RING_COPY_REQUEST(&tx, i, &q);
		*RING_GET_RESPONSE(&tx, i) = i == 1 ?
			(struct netif_tx_response){ 0xffff, NETIF_RSP_NULL } :
			(struct netif_tx_response){ q.id, NETIF_RSP_OKAY };
	}
	tx.rsp_prod_pvt = 4;
	ring_bell();
	CU_ASSERT_EQUAL(pv_net_put_offload(&card, frame, 4 * 4096, NULL), 0);
	CU_ASSERT_EQUAL(card.sent, 2);
	end();
}

/* The slot that says what to do, in the place of the next request. */
static struct netif_extra_info *deliver_extra(unsigned int flags)
{
	struct netif_extra_info *x = (void *)
		RING_GET_RESPONSE(&rx, rx.rsp_prod_pvt);

	rx.req_cons++;
	rx.rsp_prod_pvt++;
	*x = (struct netif_extra_info){ .type = XEN_NETIF_EXTRA_TYPE_GSO,
					.flags = flags };
	x->u.gso.size = 1448;
	x->u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
	return x;
}

static void long_frames_are_received(void)
{
	struct pv_net_offload o;
	char text[64] = "";
	unsigned int i;

	start_offload();
	for (i = 0; i < 100; i++) {
		deliver("first, ", 0, NETRXF_csum_blank | NETRXF_data_validated |
			NETRXF_more_data | NETRXF_extra_info);
		deliver_extra(0);
		deliver("second", 100, 0);
		deliver("plain", 0, 0);
		ring_bell();
		CU_ASSERT_EQUAL_FATAL(pv_net_get_offload(&card, text, sizeof(text), &o), 13);
		CU_ASSERT_EQUAL(memcmp(text, "first, second", 13), 0);
		CU_ASSERT_TRUE(o.csum_blank && o.gso_size == 1448 && !o.ipv6);
		CU_ASSERT_EQUAL(pv_net_get_offload(&card, text, sizeof(text), &o), 5);
		CU_ASSERT_TRUE(!o.csum_blank && !o.gso_size);
		CU_ASSERT_EQUAL(pv_net_get_offload(&card, text, sizeof(text), &o), 0);
	}
	/* All buffers are out there again. */
	CU_ASSERT_EQUAL(rx.sring->req_prod - rx.req_cons, 8);
	end();
}

/* ---- Malice ---- */

static void broken(void)
{
	char text[64];

	CU_ASSERT_EQUAL(pv_net_get(&card, text, sizeof(text)), -XEN_ENODEV);
	fake_settle();
	CU_ASSERT_EQUAL(card.dev.phase, PV_BROKEN);
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_CARD, "state"), "6");
	nothing_left();
}

static void a_length_that_leaves_the_page_breaks_it(void)
{
	start();
	deliver("x", 0, 0)->status = 4097;
	ring_bell();
	broken();
	start();
	deliver("x", 0, 0)->offset = 4096;
	ring_bell();
	broken();
	start();
	deliver("x", 0, 0)->offset = 65535;
	ring_bell();
	broken();
}

static void a_buffer_that_is_not_theirs_breaks_it(void)
{
	start();
	deliver("x", 0, 0)->id = 8;
	ring_bell();
	broken();
	start();
	deliver("x", 0, 0)->id = 65535;
	ring_bell();
	broken();
}

static void extras_that_were_not_agreed_break_it(void)
{
	start();
	deliver("x", 0, NETRXF_extra_info);
	ring_bell();
	broken();
}

static void bad_extras_break_it(void)
{
	start_offload();		/* announced, and not there */
	deliver("x", 0, NETRXF_extra_info);
	ring_bell();
	broken();
	start_offload();		/* without an end */
	deliver("x", 0, NETRXF_extra_info);
	deliver_extra(XEN_NETIF_EXTRA_FLAG_MORE);
	ring_bell();
	broken();
	start_offload();		/* not behind the first piece */
	deliver("x", 0, NETRXF_more_data);
	deliver("x", 0, NETRXF_extra_info);
	deliver_extra(0);
	ring_bell();
	broken();
	start_offload();
	deliver("x", 0, NETRXF_extra_info);
	deliver_extra(0)->u.gso.size = 0;
	ring_bell();
	broken();
	start_offload();
	deliver("x", 0, NETRXF_extra_info);
	deliver_extra(0)->u.gso.type = 3;
	ring_bell();
	broken();
}

static void a_null_for_a_page_breaks_it(void)
{
	start_offload();
	CU_ASSERT_EQUAL(pv_net_put(&card, "a frame of ours", 15), 0);
	*RING_GET_RESPONSE(&tx, 0) = (struct netif_tx_response){ 99, NETIF_RSP_NULL };
	tx.rsp_prod_pvt = 1;
	ring_bell();
	broken();
}

static void a_frame_without_an_end_breaks_it(void)
{
	start();
	deliver("x", 0, NETRXF_more_data);
	ring_bell();
	broken();
}

static void too_many_answers_break_it(void)
{
	start();
	rx.rsp_prod_pvt = 300;
	ring_bell();
	broken();
	start();
	tx.rsp_prod_pvt = 1;
	ring_bell();
	broken();
	start();
	tx.rsp_prod_pvt = 257;
	ring_bell();
	broken();
}

static void a_backend_without_copy_is_refused(void)
{
	boot();
	fake_store_set_number(FAKE_CARD_BACK, "feature-rx-copy", 0);
	state(XenbusStateInitWait);
	fake_settle();
	broken();
}

static void a_bad_address_is_refused(void)
{
	static const char *const bad[] = {
		"", "00:16:3e:01:02", "00:16:3e:01:02:0g", "00:16:3e:01:02:03:",
		"00-16-3e-01-02-03", "00:16:3e:01:02:03:04:05:06:07",
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		boot();
		fake_store_set(FAKE_CARD_BACK, "mac", bad[i]);
		state(XenbusStateInitWait);
		fake_settle();
		broken();
	}
}

CU_ErrorCode test_front_net_register(void)
{
	CU_pSuite s = CU_add_suite("front-net", NULL, NULL);

#define T(name) CU_add_test(s, #name, name)
	T(comes_up_and_goes);
	T(frames_are_sent);
	T(bad_lengths_are_refused);
	T(frames_are_received);
	T(a_frame_in_pieces_is_put_together);
	T(a_frame_that_is_too_long_is_dropped);
	T(a_backend_that_comes_back_is_met_again);
	T(a_length_that_leaves_the_page_breaks_it);
	T(a_buffer_that_is_not_theirs_breaks_it);
	T(extras_that_were_not_agreed_break_it);
	T(without_offload_nothing_is_left);
	T(long_frames_are_sent);
	T(long_frames_are_received);
	T(bad_extras_break_it);
	T(a_null_for_a_page_breaks_it);
	T(a_frame_without_an_end_breaks_it);
	T(too_many_answers_break_it);
	T(a_backend_without_copy_is_refused);
	T(a_bad_address_is_refused);
#undef T
	return CU_get_error();
}
