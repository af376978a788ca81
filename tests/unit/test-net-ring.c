/* SPDX-License-Identifier: MIT */
/* netback's rings, packets from a guest, and what outlives the process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "netback/journal.h"
#include "netback/ring.h"

CU_ErrorCode test_net_ring_register(void);

static netif_tx_sring_t *page;
static netif_rx_sring_t *rx_page;
static struct net_ring ring;
static struct net_tx tx;

static int start(void)
{
	page = calloc(1, NET_PAGE);
	rx_page = calloc(1, NET_PAGE);
	return !page || !rx_page;
}

static int end(void)
{
	free(page);
	free(rx_page);
	return 0;
}

/* A guest's end of a new ring, whose indices start at @at. */
static void fresh(uint32_t at)
{
	memset(page, 0xa5, NET_PAGE);
	page->req_prod = page->rsp_prod = at;
	page->req_event = page->rsp_event = at + 1;
	net_ring_init(&ring, page, sizeof(struct netif_tx_request), at);
}

static struct netif_tx_request *request(uint16_t id, uint16_t size,
					uint16_t flags)
{
	struct netif_tx_request *q =
		&page->ring[page->req_prod++ % NET_RING_SLOTS].req;

	*q = (struct netif_tx_request){
		.gref = 1000u + id, .id = id, .size = size, .flags = flags,
	};
	return q;
}

static void extra(uint8_t type, uint8_t flags, uint16_t size, uint8_t gso)
{
	struct netif_extra_info e = { .type = type, .flags = flags };

	e.u.gso.size = size;
	e.u.gso.type = gso;
	memset(&page->ring[page->req_prod % NET_RING_SLOTS], 0, 12);
	memcpy(&page->ring[page->req_prod++ % NET_RING_SLOTS], &e, sizeof(e));
}

static enum net_verdict take(void)
{
	const int n = net_ring_waiting(&ring);

	CU_ASSERT_FATAL(n > 0);
	return net_tx_take(&ring, n, &tx);
}

static void one_slot_is_a_packet(void)
{
	fresh(UINT32_MAX);	/* and the indices wrap around */
	request(7, 60, NETTXF_csum_blank)->offset = 100;
	CU_ASSERT_EQUAL(take(), NET_TAKE);
	CU_ASSERT_EQUAL(tx.slots, 1);
	CU_ASSERT_EQUAL(tx.len, 60);
	CU_ASSERT_EQUAL(tx.nr_frags, 1);
	CU_ASSERT_EQUAL(tx.frag[0].gref, 1007);
	CU_ASSERT_EQUAL(tx.frag[0].offset, 100);
	CU_ASSERT_EQUAL(tx.frag[0].len, 60);
	CU_ASSERT_TRUE(tx.csum_blank);
	CU_ASSERT_EQUAL(net_ring_waiting(&ring), 0);
	net_tx_answer(&ring, &tx, NETIF_RSP_OKAY);
	CU_ASSERT_TRUE(net_ring_publish(&ring));
	CU_ASSERT_EQUAL(page->rsp_prod, 0);
	CU_ASSERT_EQUAL(page->ring[255].rsp.id, 7);
	CU_ASSERT_EQUAL(page->ring[255].rsp.status, NETIF_RSP_OKAY);
}

static void the_first_part_is_what_the_others_leave(void)
{
	fresh(0);
	request(1, 14 + 4096 + 100, NETTXF_more_data | NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, XEN_NETIF_GSO_TYPE_TCPV4);
	request(2, 4096, NETTXF_more_data);
	request(3, 0, NETTXF_more_data);
	request(4, 100, 0);
	CU_ASSERT_EQUAL(take(), NET_TAKE);
	CU_ASSERT_EQUAL(tx.slots, 5);
	CU_ASSERT_EQUAL(tx.nr_frags, 3);
	CU_ASSERT_EQUAL(tx.frag[0].len, 14);
	CU_ASSERT_EQUAL(tx.frag[1].len, 4096);
	CU_ASSERT_EQUAL(tx.frag[2].gref, 1004);
	CU_ASSERT_EQUAL(tx.gso_size, 1448);
	net_tx_answer(&ring, &tx, NETIF_RSP_OKAY);
	net_ring_publish(&ring);
	CU_ASSERT_EQUAL(page->ring[0].rsp.id, 1);
	/* The extra is answered by nothing, so that slots count right. */
	CU_ASSERT_EQUAL(page->ring[1].rsp.status, NETIF_RSP_NULL);
	CU_ASSERT_EQUAL(page->ring[3].rsp.id, 3);
	CU_ASSERT_EQUAL(page->ring[4].rsp.id, 4);
}

static void a_multicast_change_is_no_packet(void)
{
	fresh(0);
	request(9, 0, NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, 0x0001, 0x5e);
	CU_ASSERT_EQUAL(take(), NET_NOTED);
	CU_ASSERT_EQUAL(tx.slots, 2);
	CU_ASSERT_EQUAL(tx.nr_mcast, 1);
	CU_ASSERT_TRUE(tx.mcast[0].add);
	CU_ASSERT_EQUAL(tx.mcast[0].mac[0], 1);
	CU_ASSERT_EQUAL(tx.mcast[0].mac[2], 0x5e);
}

static void breach_after(void (*what)(void))
{
	fresh(0);
	what();
	CU_ASSERT_EQUAL(take(), NET_BREACH);
	CU_ASSERT_PTR_NOT_NULL(tx.why);
}

static void part_missing(void) { request(1, 200, NETTXF_more_data); }
static void extra_missing(void) { request(1, 200, NETTXF_extra_info); }
static void first_crosses(void) { request(1, 200, 0)->offset = 4000; }

static void rest_crosses(void)
{
	request(1, 200, NETTXF_more_data);
	request(2, 100, 0)->offset = 4000;
}

static void rest_wraps(void)
{
	request(1, 65535, NETTXF_more_data);
	request(2, 65535, 0)->offset = 65535;
}

static void unknown_extra(void)
{
	request(1, 200, NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_MAX, 0, 0, 0);
}

static void extras_without_end(void)
{
	request(1, 200, NETTXF_extra_info);
	for (int i = 0; i < 255; i++)
		extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE,
		      0, 0);
}

static void gso_of_nothing(void)
{
	request(1, 200, NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 0, XEN_NETIF_GSO_TYPE_TCPV4);
}

static void gso_unknown(void)
{
	request(1, 200, NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, 3);
}

static void far_too_many_slots(void)
{
	request(1, 60000, NETTXF_more_data);
	for (int i = 0; i < 40; i++)
		request(2, 10, NETTXF_more_data);
	request(3, 10, 0);
}

static void what_breaks_the_protocol_is_told(void)
{
	breach_after(part_missing);
	breach_after(extra_missing);
	breach_after(first_crosses);
	breach_after(rest_crosses);
	breach_after(rest_wraps);
	breach_after(unknown_extra);
	breach_after(extras_without_end);
	breach_after(gso_of_nothing);
	breach_after(gso_unknown);
	breach_after(far_too_many_slots);
}

static void drop_after(unsigned int slots)
{
	CU_ASSERT_EQUAL(take(), NET_DROP);
	CU_ASSERT_EQUAL(tx.slots, slots);
	net_tx_answer(&ring, &tx, NETIF_RSP_ERROR);
	net_ring_publish(&ring);
	CU_ASSERT_EQUAL(page->rsp_prod, page->req_prod);
	CU_ASSERT_EQUAL(page->ring[slots - 1].rsp.status, NETIF_RSP_ERROR);
}

static void what_is_merely_wrong_is_dropped(void)
{
	fresh(0);
	request(1, 13, 0);	/* less than a header */
	drop_after(1);
	fresh(0);
	request(1, 100, NETTXF_more_data);
	request(2, 101, 0);	/* more than the whole */
	drop_after(2);
	fresh(0);
	request(1, 2000, NETTXF_more_data);
	for (int i = 2; i < 19; i++)
		request(i, 10, NETTXF_more_data);
	request(19, 10, 0);	/* the 19th slot */
	drop_after(19);
}

static void eighteen_slots_are_a_packet(void)
{
	fresh(0);
	request(1, 65535, NETTXF_more_data);
	for (int i = 2; i < 18; i++)
		request(i, 3900, NETTXF_more_data);
	request(18, 10, 0);
	CU_ASSERT_EQUAL(take(), NET_TAKE);
	CU_ASSERT_EQUAL(tx.slots, 18);
	CU_ASSERT_EQUAL(tx.frag[0].len, 65535 - 16 * 3900 - 10);
}

static void indices_that_make_no_sense_are_seen(void)
{
	fresh(10);
	page->req_prod = 10 + 256;
	CU_ASSERT_EQUAL(net_ring_waiting(&ring), 256);
	page->req_prod = 10 + 257;
	CU_ASSERT_EQUAL(net_ring_waiting(&ring), -EPROTO);
	page->req_prod = 9;
	CU_ASSERT_EQUAL(net_ring_waiting(&ring), -EPROTO);
	/* Back behind what was taken, though not behind what was answered. */
	ring.req_cons = 20;
	page->req_prod = 15;
	CU_ASSERT_EQUAL(net_ring_waiting(&ring), -EPROTO);
}

static void nobody_is_woken_who_did_not_ask(void)
{
	struct netif_tx_response rsp = { 0 };

	fresh(0);
	page->rsp_event = 3;
	CU_ASSERT_FALSE(net_ring_publish(&ring));
	for (int i = 0; i < 2; i++)
		net_ring_answer(&ring, &rsp, sizeof(rsp));
	CU_ASSERT_FALSE(net_ring_publish(&ring));
	net_ring_answer(&ring, &rsp, sizeof(rsp));
	CU_ASSERT_TRUE(net_ring_publish(&ring));
	net_ring_answer(&ring, &rsp, sizeof(rsp));
	CU_ASSERT_FALSE(net_ring_publish(&ring));
}

static void sleep_asks_for_the_nth_request(void)
{
	fresh(0);
	CU_ASSERT_TRUE(net_ring_sleep(&ring, 1));
	CU_ASSERT_EQUAL(page->req_event, 1);
	request(1, 60, 0);
	CU_ASSERT_FALSE(net_ring_sleep(&ring, 1));
	CU_ASSERT_TRUE(net_ring_sleep(&ring, 18));
	CU_ASSERT_EQUAL(page->req_event, 18);
}

/* ---- death ---- */

static struct net_batch batch;

/* Three requests; the process notes answers for two of them, and then dies. */
static void two_of_three(void)
{
	struct netif_tx_response rsp = { .status = NETIF_RSP_OKAY };

	memset(&batch, 0, sizeof(batch));
	fresh(100);
	batch.from = batch.to = 100;
	for (int i = 0; i < 3; i++)
		request(i, 60, 0);
	net_batch_start(&batch, ring.rsp_prod);
	for (int i = 0; i < 2; i++) {
		rsp.id = i;
		net_batch_note(&batch, i, &rsp, sizeof(rsp));
	}
}

static void reborn(unsigned int redone)
{
	net_ring_init(&ring, page, 12, net_ring_shown(page));
	CU_ASSERT_EQUAL(net_batch_redo(&batch, &ring, 4), redone);
	net_ring_publish(&ring);
}

static void an_answer_half_written_is_written_again(void)
{
	two_of_three();
	net_batch_close(&batch, 2);
	/* Answers over both requests, and then the end. */
	page->ring[100].req.gref = page->ring[101].req.gref = 0xdeadbeef;
	reborn(2);
	CU_ASSERT_EQUAL(page->rsp_prod, 102);
	CU_ASSERT_EQUAL(page->ring[100].rsp.id, 0);
	CU_ASSERT_EQUAL(page->ring[101].rsp.id, 1);
	CU_ASSERT_EQUAL(take(), NET_TAKE);
	CU_ASSERT_EQUAL(tx.frag[0].gref, 1002);
}

static void what_was_not_noted_is_done_again(void)
{
	two_of_three();
	reborn(0);
	CU_ASSERT_EQUAL(page->rsp_prod, 100);
	CU_ASSERT_EQUAL(take(), NET_TAKE);
	CU_ASSERT_EQUAL(tx.frag[0].gref, 1000);
}

static void what_was_published_is_not_answered_twice(void)
{
	two_of_three();
	net_batch_close(&batch, 2);
	ring.req_cons += 2;
	net_batch_answer(&batch, &ring, 4);
	net_ring_publish(&ring);
	reborn(0);
	CU_ASSERT_EQUAL(page->rsp_prod, 102);
	/* The next batch starts, and dies before it is closed. */
	net_batch_start(&batch, ring.rsp_prod);
	reborn(0);
	CU_ASSERT_EQUAL(page->rsp_prod, 102);
}

static void a_journal_is_of_this_version(void)
{
	struct net_journal *j = calloc(1, sizeof(*j));

	CU_ASSERT_PTR_NOT_NULL_FATAL(j);
	CU_ASSERT_TRUE(net_journal_check(j));
	CU_ASSERT_TRUE(net_journal_check(j));
	j->magic[3]++;
	CU_ASSERT_FALSE(net_journal_check(j));
	free(j);
}

CU_ErrorCode test_net_ring_register(void)
{
	static CU_TestInfo tests[] = {
		{ "one_slot_is_a_packet", one_slot_is_a_packet },
		{ "the_first_part_is_what_the_others_leave",
		  the_first_part_is_what_the_others_leave },
		{ "a_multicast_change_is_no_packet",
		  a_multicast_change_is_no_packet },
		{ "what_breaks_the_protocol_is_told",
		  what_breaks_the_protocol_is_told },
		{ "what_is_merely_wrong_is_dropped",
		  what_is_merely_wrong_is_dropped },
		{ "eighteen_slots_are_a_packet", eighteen_slots_are_a_packet },
		{ "indices_that_make_no_sense_are_seen",
		  indices_that_make_no_sense_are_seen },
		{ "nobody_is_woken_who_did_not_ask",
		  nobody_is_woken_who_did_not_ask },
		{ "sleep_asks_for_the_nth_request",
		  sleep_asks_for_the_nth_request },
		{ "an_answer_half_written_is_written_again",
		  an_answer_half_written_is_written_again },
		{ "what_was_not_noted_is_done_again",
		  what_was_not_noted_is_done_again },
		{ "what_was_published_is_not_answered_twice",
		  what_was_published_is_not_answered_twice },
		{ "a_journal_is_of_this_version",
		  a_journal_is_of_this_version },
		CU_TEST_INFO_NULL,
	};
	static CU_SuiteInfo suites[] = {
		{ "net_ring", start, end, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
