/* SPDX-License-Identifier: MIT */
/*
 * A guest that writes what it likes into the rings of its network card, also
 * between our steps.  Input: pairs of bytes, what happens and where, followed
 * by what is written.
 */
#include <stdlib.h>
#include <string.h>

#include "netback/journal.h"
#include "netback/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static void bytes(struct input *in, void *to, size_t n)
{
	memset(to, 0, n);
	if (n > in->left)
		n = in->left;
	memcpy(to, in->at, n);
	in->at += n;
	in->left -= n;
}

static void check_tx(const struct net_tx *tx)
{
	uint32_t sum = 0;

	if (!tx->slots || tx->slots > 32 || !tx->nr_frags ||
	    tx->nr_frags > NET_TX_SLOTS)
		abort();
	for (unsigned int i = 0; i < tx->nr_frags; i++) {
		sum += tx->frag[i].len;
		if (tx->frag[i].offset + tx->frag[i].len > (int)NET_PAGE)
			abort();
	}
	if (sum != tx->len || tx->len < NET_FRAME_MIN)
		abort();
}

/* Both halves have bytes, and no more than the whole. */
static void halve(const struct net_tx *tx, uint8_t *head, size_t n,
		  const struct virtio_net_hdr *v)
{
	struct net_headers h;
	uint8_t *second;
	uint32_t first;

	net_headers_find(head, n, &h);
	second = malloc(h.end);
	if (!second)
		return;
	first = net_tx_halve(head, second, &h, tx->len, v->gso_size);
	if (first && (first % v->gso_size || h.end + first >= tx->len))
		abort();
	free(second);
}

/* Headers that the guest made up, in memory of just that size. */
static void describe(struct input *in, const struct net_tx *tx)
{
	const size_t n = tx->len < NET_HEAD_MAX ? tx->len : NET_HEAD_MAX;
	uint8_t *head = malloc(n);
	struct virtio_net_hdr v;

	if (!head)
		return;
	bytes(in, head, n);
	if (net_tx_describe(tx, head, n, &v)) {
		free(head);
		return;
	}
	if (v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    (v.csum_start + v.csum_offset + 2u > tx->len ||
	     v.hdr_len > tx->len))
		abort();
	if (v.gso_type)
		halve(tx, head, n, &v);
	free(head);
}

static void from_guest(struct input *in, struct net_ring *r,
		       struct net_batch *b)
{
	const int waiting = net_ring_waiting(r);
	struct netif_tx_response rsp;
	struct net_tx tx;
	enum net_verdict v;

	if (waiting <= 0)
		return;
	v = net_tx_take(r, waiting, &tx);
	if (v == NET_BREACH) {
		if (!tx.why)
			abort();
		return;
	}
	if (tx.slots > (unsigned int)waiting)
		abort();
	if (v == NET_TAKE) {
		check_tx(&tx);
		describe(in, &tx);
	}
	net_batch_start(b, r->rsp_prod);
	for (unsigned int i = 0; i < tx.slots; i++) {
		rsp = net_tx_response(&tx, i, 0);
		net_batch_note(b, i, &rsp, sizeof(rsp));
	}
	net_batch_close(b, tx.slots);
	net_batch_answer(b, r, sizeof(rsp));
	net_ring_publish(r);
}

static void to_guest(struct input *in, struct net_ring *r)
{
	const struct net_features f = {
		.sg = true, .gso4 = true, .csum4 = byte(in) & 1,
	};
	const size_t len = 1 + byte(in) * 257u;
	uint8_t *frame = calloc(1, len);
	struct netif_rx_response rsp;
	struct netif_rx_request req;
	struct virtio_net_hdr v;
	struct net_rx_plan plan;
	uint32_t at, n, sum = 0;

	if (!frame)
		return;
	bytes(in, &v, sizeof(v));
	bytes(in, frame, len < 64 ? len : 64);
	if (net_rx_describe(&v, frame, len, &f, &plan) ||
	    net_ring_waiting(r) < (int)plan.slots) {
		free(frame);
		return;
	}
	for (unsigned int i = 0; i < plan.slots; i++) {
		net_ring_peek(r, i, &req, sizeof(req));
		if (net_rx_part(&plan, len, i, &at, &n)) {
			sum += n;
			if (at + n > len || n > NET_PAGE)
				abort();
		}
		net_rx_slot(&plan, len, i, req.id, &rsp);
		net_ring_answer(r, &rsp, sizeof(rsp));
	}
	if (sum != len)
		abort();
	r->req_cons += plan.slots;
	net_ring_publish(r);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t *page = calloc(2, NET_PAGE);
	struct net_batch *batch = calloc(1, sizeof(*batch));
	struct net_ring tx, rx;

	if (!page || !batch)
		abort();
	net_ring_init(&tx, page, 12, 0);
	net_ring_init(&rx, page + NET_PAGE, 8, 0);
	while (in.left) {
		const uint8_t what = byte(&in);
		uint8_t *p = page + (what & 1 ? NET_PAGE : 0);

		switch (what >> 1 & 7) {
		case 0:		/* an index */
			bytes(&in, p + (what >> 4 & 3) * 4, 4);
			break;
		case 1:		/* more requests */
			*(uint32_t *)p += byte(&in);
			break;
		case 2:		/* a request */
			bytes(&in, p + 64 + byte(&in) * 12, 12);
			break;
		case 3:
			from_guest(&in, &tx, batch);
			break;
		case 4:
			to_guest(&in, &rx);
			break;
		case 5:		/* we die, and come again */
			net_ring_init(&tx, page, 12, net_ring_shown(page));
			net_batch_redo(batch, &tx, 4);
			net_ring_publish(&tx);
			break;
		default:
			net_ring_sleep(&tx, 1);
			net_ring_sleep(&rx, 18);
		}
	}
	free(page);
	free(batch);
	return 0;
}
