/* SPDX-License-Identifier: MIT */
/* The bytes of a packet; see packet.h. */
#include "packet.h"

#include <stdio.h>
#include <string.h>

#define TYPE_IPV4	0x0800
#define TYPE_IPV6	0x86dd
#define TYPE_VLAN	0x8100
#define TYPE_QINQ	0x88a8
#define PROTO_TCP	6
#define PROTO_UDP	17
/* Less than TCP's smallest segment would make thousands of one packet. */
#define GSO_SIZE_MIN	8
#define IPV6_OPTIONS_MAX	8

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v & 0xff;
}

/* ---- headers ---- */

static void find_l4(const uint8_t *p, size_t n, struct net_headers *h,
		    uint8_t proto)
{
	size_t bytes;

	if (proto == PROTO_TCP && h->l4 + 20u <= n) {
		bytes = (p[h->l4 + 12] >> 4) * 4u;
		if (bytes < 20 || h->l4 + bytes > n)
			return;
		h->csum = h->l4 + 16;
		h->end = h->l4 + bytes;
	} else if (proto == PROTO_UDP && h->l4 + 8u <= n) {
		h->csum = h->l4 + 6;
		h->end = h->l4 + 8;
	} else {
		return;
	}
	h->proto = proto;
}

static void find_ipv4(const uint8_t *p, size_t n, struct net_headers *h)
{
	const uint8_t *ip = p + h->l3;
	size_t bytes;

	if (h->l3 + 20u > n || ip[0] >> 4 != 4)
		return;
	bytes = (ip[0] & 15) * 4u;
	/* A fragment has no checksum of its own. */
	if (bytes < 20 || h->l3 + bytes > n || get16(ip + 6) & 0x3fff)
		return;
	h->l4 = h->l3 + bytes;
	find_l4(p, n, h, ip[9]);
}

static void find_ipv6(const uint8_t *p, size_t n, struct net_headers *h)
{
	size_t at = h->l3 + 40u;
	uint8_t proto;

	if (at > n || p[h->l3] >> 4 != 6)
		return;
	proto = p[h->l3 + 6];
	/* Hop-by-hop, routing and destination options may come between. */
	for (int i = 0; i < IPV6_OPTIONS_MAX; i++) {
		if (proto != 0 && proto != 43 && proto != 60)
			break;
		if (at + 8 > n)
			return;
		proto = p[at];
		at += (p[at + 1] + 1u) * 8;
	}
	if (at > n)
		return;
	h->l4 = at;
	find_l4(p, n, h, proto);
}

bool net_headers_find(const uint8_t *p, size_t n, struct net_headers *h)
{
	size_t at = 12;

	memset(h, 0, sizeof(*h));
	if (n < NET_FRAME_MIN)
		return false;
	if (n > NET_HEAD_MAX)
		n = NET_HEAD_MAX;
	h->type = get16(p + at);
	for (int tags = 0; tags < 2; tags++) {
		if (h->type != TYPE_VLAN && h->type != TYPE_QINQ)
			break;
		at += 4;
		if (at + 2 > n)
			return true;
		h->type = get16(p + at);
	}
	h->l3 = at + 2;
	if (h->type == TYPE_IPV4)
		find_ipv4(p, n, h);
	else if (h->type == TYPE_IPV6)
		find_ipv6(p, n, h);
	return true;
}

/* ---- checksums ---- */

static uint64_t sum(const uint8_t *p, size_t n)
{
	uint64_t s = 0;

	for (; n > 1; n -= 2, p += 2)
		s += get16(p);
	return n ? s + (uint64_t)(p[0] << 8) : s;
}

static uint16_t fold(uint64_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* The pseudo header of a packet whose TCP or UDP part has @len bytes. */
static uint16_t pseudo(const uint8_t *p, const struct net_headers *h,
		       uint32_t len)
{
	const uint8_t *ip = p + h->l3;
	uint64_t s = (uint64_t)h->proto + len;

	s += h->type == TYPE_IPV4 ? sum(ip + 12, 8) : sum(ip + 8, 32);
	return fold(s);
}

static const char *complete(const struct virtio_net_hdr *v, uint8_t *frame,
			    size_t len)
{
	const size_t at = (size_t)v->csum_start + v->csum_offset;
	uint16_t c;

	if (at + 2 > len)
		return "its checksum would be behind its end";
	c = (uint16_t)~fold(sum(frame + v->csum_start, len - v->csum_start));
	put16(frame + at, c ? c : 0xffff);
	return NULL;
}

/* ---- from the guest ---- */

static const char *describe_gso(const struct net_tx *tx, uint8_t *head,
				const struct net_headers *h,
				struct virtio_net_hdr *v)
{
	const bool v4 = tx->gso_type == XEN_NETIF_GSO_TYPE_TCPV4;

	if (h->proto != PROTO_TCP || h->type != (v4 ? TYPE_IPV4 : TYPE_IPV6))
		return "it is not the kind of TCP that it says";
	if (tx->gso_size < GSO_SIZE_MIN)
		return "its segments would be too small";
	/* Segments need a blank checksum; an old guest may have filled it. */
	if (!tx->csum_blank)
		put16(head + h->csum, pseudo(head, h, tx->len - h->l4));
	v->hdr_len = h->end;
	if (tx->len - h->end <= tx->gso_size)
		return NULL;	/* one segment: nothing to cut */
	v->gso_type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	v->gso_size = tx->gso_size;
	return NULL;
}

const char *net_tx_describe(const struct net_tx *tx, uint8_t *head, size_t n,
			    struct virtio_net_hdr *v)
{
	const bool gso = tx->gso_type != XEN_NETIF_GSO_TYPE_NONE;
	struct net_headers h;
	const char *why;

	memset(v, 0, sizeof(*v));
	if (!gso && !tx->csum_blank) {
		v->flags = tx->validated ? VIRTIO_NET_HDR_F_DATA_VALID : 0;
		return NULL;
	}
	if (!net_headers_find(head, n, &h) || !h.proto || h.end > tx->len)
		return "its headers cannot be found";
	if (gso) {
		why = describe_gso(tx, head, &h, v);
		if (why)
			return why;
	}
	v->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	v->csum_start = h.l4;
	v->csum_offset = h.csum - h.l4;
	return NULL;
}

#define TCP_FIN		0x01
#define TCP_PSH		0x08
#define TCP_CWR		0x80

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* Headers of a frame that has @len bytes now. */
static void set_length(uint8_t *head, const struct net_headers *h,
		       uint32_t len)
{
	uint8_t *ip = head + h->l3;

	if (h->type == TYPE_IPV4) {
		put16(ip + 2, len - h->l3);
		put16(ip + 10, 0);
		put16(ip + 10, ~fold(sum(ip, h->l4 - h->l3)));
	} else {
		put16(ip + 4, len - h->l3 - 40);
	}
	put16(head + h->csum, pseudo(head, h, len - h->l4));
}

uint32_t net_tx_halve(uint8_t *head, uint8_t *second,
		      const struct net_headers *h, uint32_t len,
		      uint16_t gso_size)
{
	uint32_t bytes;

	if (h->proto != PROTO_TCP || len < h->end)
		return 0;
	bytes = (len - h->end) / 2 / gso_size * gso_size;
	if (!bytes)
		return 0;
	memcpy(second, head, h->end);
	if (h->type == TYPE_IPV4)
		put16(second + h->l3 + 4,
		      get16(second + h->l3 + 4) + bytes / gso_size);
	set_length(head, h, h->end + bytes);
	set_length(second, h, len - bytes);
	/* As the kernel has it when it makes segments. */
	head[h->l4 + 13] &= ~(TCP_FIN | TCP_PSH);
	second[h->l4 + 13] &= ~TCP_CWR;
	put32(second + h->l4 + 4, get32(second + h->l4 + 4) + bytes);
	return bytes;
}

/* ---- to the guest ---- */

static const char *describe_csum(const struct virtio_net_hdr *v,
				 uint8_t *frame, size_t len,
				 const struct net_features *f,
				 struct net_rx_plan *plan)
{
	struct net_headers h;

	if (v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		net_headers_find(frame, len, &h);
		if (h.type == TYPE_IPV6 ? !f->csum6 : !f->csum4)
			return complete(v, frame, len);
		plan->flags = NETRXF_csum_blank | NETRXF_data_validated;
	} else if (v->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		plan->flags = NETRXF_data_validated;
	}
	return NULL;
}

static const char *describe_segments(const struct virtio_net_hdr *v,
				     const struct net_features *f,
				     struct net_rx_plan *plan)
{
	const uint8_t type = v->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return NULL;
	if (type == VIRTIO_NET_HDR_GSO_TCPV4 && f->gso4)
		plan->gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
	else if (type == VIRTIO_NET_HDR_GSO_TCPV6 && f->gso6)
		plan->gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
	else
		return "the guest cannot cut it into segments";
	plan->gso_size = v->gso_size;
	plan->flags |= NETRXF_extra_info;
	return NULL;
}

const char *net_rx_describe(const struct virtio_net_hdr *v, uint8_t *frame,
			    size_t len, const struct net_features *f,
			    struct net_rx_plan *plan)
{
	const char *why;

	memset(plan, 0, sizeof(*plan));
	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX)
		return "it is too short or too long";
	if (len > NET_PAGE && !f->sg)
		return "the guest takes one page for a packet";
	why = describe_csum(v, frame, len, f, plan);
	if (!why)
		why = describe_segments(v, f, plan);
	if (why)
		return why;
	plan->slots = (len + NET_PAGE - 1) / NET_PAGE +
		      (plan->gso_type != XEN_NETIF_GSO_TYPE_NONE);
	return NULL;
}

unsigned int net_rx_slots_max(const struct net_features *f, unsigned int mtu)
{
	if (!f->sg)
		return 1;
	if (f->gso4 || f->gso6)
		return (NET_FRAME_MAX + NET_PAGE - 1) / NET_PAGE + 1;
	return (mtu + 22 + NET_PAGE - 1) / NET_PAGE;
}

/* ---- who may send what ---- */

const char *net_may_send(const struct net_filter *f, const uint8_t *head,
			 size_t n)
{
	if (n < NET_FRAME_MIN)
		return "it is shorter than a header";
	if (!f->mac_any && memcmp(head + 6, f->mac, 6))
		return "its source MAC is not the guest's";
	return NULL;
}

bool net_wants(const struct net_filter *f, const uint8_t *frame)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

	if (!(frame[0] & 1) || !memcmp(frame, all, 6))
		return true;
	for (unsigned int i = 0; i < f->nr_mcast; i++)
		if (!memcmp(f->mcast[i], frame, 6))
			return true;
	return false;
}

bool net_mcast_change(struct net_filter *f, const struct net_mcast *m)
{
	unsigned int i = 0;

	while (i < f->nr_mcast && memcmp(f->mcast[i], m->mac, 6))
		i++;
	if (m->add && i == f->nr_mcast) {
		if (i == NET_MCAST_MAX)
			return false;
		memcpy(f->mcast[f->nr_mcast++], m->mac, 6);
	} else if (!m->add && i < f->nr_mcast) {
		memcpy(f->mcast[i], f->mcast[--f->nr_mcast], 6);
	}
	return true;
}

bool net_mac_parse(const char *text, uint8_t *mac)
{
	int end = -1;

	if (strlen(text) != 17)
		return false;
	sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
	       &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end);
	return end == 17;
}

/* ---- how much ---- */

/* The largest packet always passes a full bucket. */
#define BUCKET_MIN	131072u

void net_bucket_init(struct net_bucket *b, uint64_t rate, uint64_t size,
		     uint64_t now_us)
{
	b->rate = rate;
	b->size = size > BUCKET_MIN ? size : BUCKET_MIN;
	b->level = (int64_t)b->size;
	b->at_us = now_us;
}

bool net_bucket_open(struct net_bucket *b, uint64_t now_us, uint64_t *wait_ms)
{
	uint64_t passed = now_us - b->at_us;
	unsigned __int128 grown;

	if (!b->rate)
		return true;
	if (passed >= 1000) {
		grown = (unsigned __int128)passed * b->rate / 1000000;
		b->at_us = now_us;
		if (grown > b->size || b->level + (int64_t)grown >
				       (int64_t)b->size)
			b->level = (int64_t)b->size;
		else
			b->level += (int64_t)grown;
	}
	if (b->level > 0)
		return true;
	*wait_ms = (uint64_t)(-b->level) * 1000 / b->rate + 2;
	return false;
}
