/* SPDX-License-Identifier: MIT */
/* What netback says of a packet to the TAP and to the guest. */
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "netback/packet.h"

CU_ErrorCode test_net_packet_register(void);

static uint8_t frame[NET_FRAME_MAX + 1];

static void put(unsigned int at, unsigned int v)
{
	frame[at] = v >> 8;
	frame[at + 1] = v & 0xff;
}

/* A TCP packet over IPv4 behind @tags VLAN tags; where TCP starts. */
static unsigned int tcp4(unsigned int tags)
{
	unsigned int at = 12;

	memset(frame, 0, sizeof(frame));
	memcpy(frame + 6, "\x00\x16\x3e\x00\x00\x02", 6);
	for (; tags; tags--, at += 4)
		put(at, 0x8100);
	put(at, 0x0800);
	at += 2;
	frame[at] = 0x46;	/* with one option */
	frame[at + 9] = 6;
	memcpy(frame + at + 12, "\x0a\0\0\x02\x0a\0\0\x01", 8);
	at += 24;
	frame[at + 12] = 8 << 4;	/* 32 bytes */
	return at;
}

static unsigned int tcp6(void)
{
	memset(frame, 0, sizeof(frame));
	put(12, 0x86dd);
	frame[14] = 0x60;
	frame[20] = 0;		/* hop-by-hop options, then TCP */
	frame[54] = 6;
	frame[55] = 1;		/* 16 bytes */
	frame[70 + 12] = 5 << 4;
	return 70;
}

static struct net_tx packet(uint32_t len, bool blank)
{
	return (struct net_tx){ .len = len, .csum_blank = blank };
}

static void blank_checksums_are_found(void)
{
	struct net_tx tx = packet(200, true);
	struct virtio_net_hdr v;
	unsigned int at;

	for (unsigned int tags = 0; tags < 3; tags++) {
		at = tcp4(tags);
		CU_ASSERT_PTR_NULL(net_tx_describe(&tx, frame, 200, &v));
		CU_ASSERT_EQUAL(v.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		CU_ASSERT_EQUAL(v.csum_start, at);
		CU_ASSERT_EQUAL(v.csum_offset, 16);
		CU_ASSERT_EQUAL(v.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	}
	at = tcp6();
	CU_ASSERT_PTR_NULL(net_tx_describe(&tx, frame, 200, &v));
	CU_ASSERT_EQUAL(v.csum_start, at);
}

static void a_blank_checksum_of_nothing_is_dropped(void)
{
	struct net_tx tx = packet(200, true);
	struct virtio_net_hdr v;
	unsigned int at = tcp4(0);

	frame[23] = 1;		/* ICMP */
	CU_ASSERT_PTR_NOT_NULL(net_tx_describe(&tx, frame, 200, &v));
	tcp4(0);
	put(20, 0x2000);	/* a fragment */
	CU_ASSERT_PTR_NOT_NULL(net_tx_describe(&tx, frame, 200, &v));
	tcp4(0);
	frame[14] = 0x41;	/* a header of 4 bytes */
	CU_ASSERT_PTR_NOT_NULL(net_tx_describe(&tx, frame, 200, &v));
	/* Every length that is too short for the headers. */
	for (tx.len = 14; tx.len <= at + 32; tx.len++) {
		tcp4(0);
		CU_ASSERT_EQUAL(!net_tx_describe(&tx, frame, tx.len, &v),
				tx.len == at + 32);
	}
}

static void segments_are_told_to_the_tap(void)
{
	struct net_tx tx = packet(30000, true);
	struct virtio_net_hdr v;
	unsigned int at = tcp4(0);

	tx.gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
	tx.gso_size = 1448;
	CU_ASSERT_PTR_NULL(net_tx_describe(&tx, frame, 256, &v));
	CU_ASSERT_EQUAL(v.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	CU_ASSERT_EQUAL(v.gso_size, 1448);
	CU_ASSERT_EQUAL(v.hdr_len, at + 32);
	/* What fits into one segment is one packet. */
	tx.len = at + 32 + 1448;
	CU_ASSERT_PTR_NULL(net_tx_describe(&tx, frame, 256, &v));
	CU_ASSERT_EQUAL(v.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	/* It is not what it says it is. */
	tx.gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
	CU_ASSERT_PTR_NOT_NULL(net_tx_describe(&tx, frame, 256, &v));
	tx.gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
	tx.gso_size = 1;
	CU_ASSERT_PTR_NOT_NULL(net_tx_describe(&tx, frame, 256, &v));
}

static void segments_get_a_blank_checksum(void)
{
	struct net_tx tx = packet(3000, false);
	struct virtio_net_hdr v;
	unsigned int at = tcp4(0);

	put(at + 16, 0x1234);
	tx.gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
	tx.gso_size = 1000;
	CU_ASSERT_PTR_NULL(net_tx_describe(&tx, frame, 256, &v));
	CU_ASSERT_EQUAL(v.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	/* 0a00 0002 0a00 0001, protocol 6, length */
	CU_ASSERT_EQUAL(frame[at + 16] << 8 | frame[at + 17],
			0x1400 + 3 + 6 + 3000 - at);
}

static void validated_stays_validated(void)
{
	struct net_tx tx = packet(200, false);
	struct virtio_net_hdr v;

	tx.validated = true;
	CU_ASSERT_PTR_NULL(net_tx_describe(&tx, frame, 200, &v));
	CU_ASSERT_EQUAL(v.flags, VIRTIO_NET_HDR_F_DATA_VALID);
}

/* ---- to the guest ---- */

static const struct net_features all = {
	.sg = true, .gso4 = true, .gso6 = true, .csum4 = true, .csum6 = true,
};

static void a_large_frame_goes_into_pages(void)
{
	struct virtio_net_hdr v = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448,
		.csum_start = 34, .csum_offset = 16,
	};
	struct net_rx_plan plan;
	struct netif_rx_response rsp;
	struct netif_extra_info e;
	const size_t len = 2 * 4096 + 10;
	uint32_t at, bytes;

	tcp4(0);
	CU_ASSERT_PTR_NULL(net_rx_describe(&v, frame, len, &all, &plan));
	CU_ASSERT_EQUAL(plan.slots, 4);
	net_rx_slot(&plan, len, 0, 77, &rsp);
	CU_ASSERT_EQUAL(rsp.id, 77);
	CU_ASSERT_EQUAL(rsp.status, 4096);
	CU_ASSERT_EQUAL(rsp.flags, NETRXF_csum_blank | NETRXF_data_validated |
				   NETRXF_extra_info | NETRXF_more_data);
	/* The extra takes the second slot, whose buffer stays empty. */
	CU_ASSERT_FALSE(net_rx_part(&plan, len, 1, &at, &bytes));
	net_rx_slot(&plan, len, 1, 78, &rsp);
	memcpy(&e, &rsp, sizeof(e));
	CU_ASSERT_EQUAL(e.type, XEN_NETIF_EXTRA_TYPE_GSO);
	CU_ASSERT_EQUAL(e.flags, 0);
	CU_ASSERT_EQUAL(e.u.gso.type, XEN_NETIF_GSO_TYPE_TCPV4);
	CU_ASSERT_EQUAL(e.u.gso.size, 1448);
	net_rx_slot(&plan, len, 2, 79, &rsp);
	CU_ASSERT_EQUAL(rsp.flags, NETRXF_more_data);
	CU_ASSERT_TRUE(net_rx_part(&plan, len, 3, &at, &bytes));
	CU_ASSERT_EQUAL(at, 8192);
	CU_ASSERT_EQUAL(bytes, 10);
	net_rx_slot(&plan, len, 3, 80, &rsp);
	CU_ASSERT_EQUAL(rsp.status, 10);
	CU_ASSERT_EQUAL(rsp.flags, 0);
}

static void what_a_guest_cannot_take_it_does_not_get(void)
{
	struct virtio_net_hdr v = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
				    .gso_size = 1000 };
	struct net_features f = all;
	struct net_rx_plan plan;

	tcp6();
	CU_ASSERT_PTR_NULL(net_rx_describe(&v, frame, 9000, &f, &plan));
	f.gso6 = false;
	CU_ASSERT_PTR_NOT_NULL(net_rx_describe(&v, frame, 9000, &f, &plan));
	v.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	CU_ASSERT_PTR_NULL(net_rx_describe(&v, frame, 9000, &f, &plan));
	f.sg = false;
	CU_ASSERT_PTR_NOT_NULL(net_rx_describe(&v, frame, 4097, &f, &plan));
	CU_ASSERT_PTR_NULL(net_rx_describe(&v, frame, 4096, &f, &plan));
	CU_ASSERT_PTR_NOT_NULL(net_rx_describe(&v, frame, 13, &f, &plan));
	v.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	CU_ASSERT_PTR_NOT_NULL(net_rx_describe(&v, frame, 100, &all, &plan));
}

/* As the guest would check it: everything together makes ffff. */
static unsigned int sum(unsigned int from, unsigned int to)
{
	uint64_t s = 0;

	for (unsigned int i = from; i < to; i++)
		s += (i - from) & 1 ? frame[i] : frame[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void a_checksum_is_completed_for_those_who_cannot(void)
{
	struct virtio_net_hdr v = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	struct net_features f = all;
	struct net_rx_plan plan;
	const unsigned int len = 301;	/* odd */

	v.csum_start = tcp6();
	v.csum_offset = 16;
	for (unsigned int i = 90; i < len; i++)
		frame[i] = i * 7;
	put(v.csum_start + 16, 0x4321);		/* of the pseudo header */
	f.csum6 = false;
	CU_ASSERT_PTR_NULL(net_rx_describe(&v, frame, len, &f, &plan));
	CU_ASSERT_EQUAL(plan.flags, 0);
	/* Completed: what was there, and the rest, sum up to its inverse. */
	put(0, frame[v.csum_start + 16] << 8 | frame[v.csum_start + 17]);
	put(v.csum_start + 16, 0x4321);
	CU_ASSERT_EQUAL((uint16_t)~sum(v.csum_start, len),
			frame[0] << 8 | frame[1]);
	/* A header that points behind the frame. */
	v.csum_start = 300;
	CU_ASSERT_PTR_NOT_NULL(net_rx_describe(&v, frame, len, &f, &plan));
	v.csum_start = v.csum_offset = 65535;
	CU_ASSERT_PTR_NOT_NULL(net_rx_describe(&v, frame, len, &f, &plan));
}

static void the_largest_frame_fits_what_is_waited_for(void)
{
	struct virtio_net_hdr v = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				    .gso_size = 1448 };
	struct net_features f = all;
	struct net_rx_plan plan;

	tcp4(0);
	CU_ASSERT_PTR_NULL(net_rx_describe(&v, frame, NET_FRAME_MAX, &f,
					   &plan));
	CU_ASSERT_EQUAL(plan.slots, net_rx_slots_max(&f, 1500));
	CU_ASSERT_PTR_NOT_NULL(net_rx_describe(&v, frame, NET_FRAME_MAX + 1,
					       &f, &plan));
	f.gso4 = f.gso6 = false;
	CU_ASSERT_EQUAL(net_rx_slots_max(&f, 1500), 1);
	CU_ASSERT_EQUAL(net_rx_slots_max(&f, 9000), 3);
	f.sg = false;
	CU_ASSERT_EQUAL(net_rx_slots_max(&f, 9000), 1);
}

/* ---- who, and how much ---- */

static void only_its_own_mac_may_send(void)
{
	struct net_filter f = { 0 };

	CU_ASSERT_TRUE(net_mac_parse("00:16:3e:00:00:02", f.mac));
	tcp4(0);
	CU_ASSERT_PTR_NULL(net_may_send(&f, frame, 60));
	frame[11] = 3;
	CU_ASSERT_PTR_NOT_NULL(net_may_send(&f, frame, 60));
	f.mac_any = true;
	CU_ASSERT_PTR_NULL(net_may_send(&f, frame, 60));
	CU_ASSERT_PTR_NOT_NULL(net_may_send(&f, frame, 13));
	CU_ASSERT_FALSE(net_mac_parse("00:16:3e:00:00", f.mac));
	CU_ASSERT_FALSE(net_mac_parse("00:16:3e:00:00:0g", f.mac));
	CU_ASSERT_FALSE(net_mac_parse("00:16:3e:00:00:022", f.mac));
	CU_ASSERT_FALSE(net_mac_parse("00163e00000000000", f.mac));
}

static void multicast_is_what_was_asked_for(void)
{
	struct net_filter f = { 0 };
	struct net_mcast m = { true, { 1, 0, 0x5e, 0, 0, 1 } };

	memset(frame, 0, 14);
	CU_ASSERT_TRUE(net_wants(&f, frame));
	memset(frame, 255, 6);
	CU_ASSERT_TRUE(net_wants(&f, frame));
	memcpy(frame, m.mac, 6);
	CU_ASSERT_FALSE(net_wants(&f, frame));
	CU_ASSERT_TRUE(net_mcast_change(&f, &m));
	CU_ASSERT_TRUE(net_mcast_change(&f, &m));
	CU_ASSERT_EQUAL(f.nr_mcast, 1);
	CU_ASSERT_TRUE(net_wants(&f, frame));
	m.add = false;
	CU_ASSERT_TRUE(net_mcast_change(&f, &m));
	CU_ASSERT_TRUE(net_mcast_change(&f, &m));
	CU_ASSERT_FALSE(net_wants(&f, frame));
	m.add = true;
	for (unsigned int i = 0; i < NET_MCAST_MAX; i++) {
		m.mac[5] = i;
		CU_ASSERT_TRUE(net_mcast_change(&f, &m));
	}
	m.mac[5] = NET_MCAST_MAX;
	CU_ASSERT_FALSE(net_mcast_change(&f, &m));
}

static void a_bucket_gives_its_rate(void)
{
	struct net_bucket b;
	uint64_t now = 1000000, sent = 0, ms = 0;

	net_bucket_init(&b, 1000000, 0, now);
	for (; now < 11000000; now += 500) {
		if (!net_bucket_open(&b, now, &ms))
			continue;
		net_bucket_take(&b, 65535);
		sent += 65535;
	}
	/* Ten seconds, and the full bucket at the start. */
	CU_ASSERT_TRUE(sent >= 10000000);
	CU_ASSERT_TRUE(sent <= 10000000 + 131072 + 65535);
	/* When it is shut, the time it names is when it opens. */
	net_bucket_take(&b, 65535);
	net_bucket_take(&b, 65535);
	CU_ASSERT_FALSE(net_bucket_open(&b, now, &ms));
	CU_ASSERT_TRUE(net_bucket_open(&b, now + ms * 1000, &ms));
	/* A clock far ahead, and no rate at all. */
	CU_ASSERT_TRUE(net_bucket_open(&b, UINT64_MAX / 2, &ms));
	CU_ASSERT_TRUE(b.level <= (int64_t)b.size);
	net_bucket_init(&b, 0, 0, now);
	net_bucket_take(&b, 65535);
	CU_ASSERT_TRUE(net_bucket_open(&b, now, &ms));
}

CU_ErrorCode test_net_packet_register(void)
{
	static CU_TestInfo tests[] = {
		{ "blank_checksums_are_found", blank_checksums_are_found },
		{ "a_blank_checksum_of_nothing_is_dropped",
		  a_blank_checksum_of_nothing_is_dropped },
		{ "segments_are_told_to_the_tap",
		  segments_are_told_to_the_tap },
		{ "segments_get_a_blank_checksum",
		  segments_get_a_blank_checksum },
		{ "validated_stays_validated", validated_stays_validated },
		{ "a_large_frame_goes_into_pages",
		  a_large_frame_goes_into_pages },
		{ "what_a_guest_cannot_take_it_does_not_get",
		  what_a_guest_cannot_take_it_does_not_get },
		{ "a_checksum_is_completed_for_those_who_cannot",
		  a_checksum_is_completed_for_those_who_cannot },
		{ "the_largest_frame_fits_what_is_waited_for",
		  the_largest_frame_fits_what_is_waited_for },
		{ "only_its_own_mac_may_send", only_its_own_mac_may_send },
		{ "multicast_is_what_was_asked_for",
		  multicast_is_what_was_asked_for },
		{ "a_bucket_gives_its_rate", a_bucket_gives_its_rate },
		CU_TEST_INFO_NULL,
	};
	static CU_SuiteInfo suites[] = {
		{ "net_packet", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
