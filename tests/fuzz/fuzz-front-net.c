/* SPDX-License-Identifier: MIT */
/*
 * A malicious network back-end, as fuzz-front-blk.c: input chooses what it
 * does between the steps of a guest that sends and receives.
 */
#include <stdlib.h>
#include <string.h>

#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pv_net card;
static const uint8_t *in;
static size_t left;

static unsigned int byte(void)
{
	return left ? left--, *in++ : 0;
}

static void get(unsigned int how)
{
	/* Exactly sized memory: a step outside is seen. */
	size_t size = how & 1 ? 1500 : byte();
	uint8_t *frame = malloc(size + 1);
	struct pv_net_offload o;
	int rc = pv_net_get_offload(&card, frame, size, &o);

	if (rc > (int)size)
		abort();
	free(frame);
}

static void put(void)
{
	const unsigned int how = byte();
	const size_t size = how * (card.offload ? 70 : 17);
	const struct pv_net_offload o = {
		.csum_blank = card.offload && (how & 1),
		.gso_size = card.offload && (how & 2) ? 1448 : 0,
	};
	uint8_t *frame = calloc(1, size + 1);

	pv_net_put_offload(&card, frame, size, &o);
	free(frame);
}

static void ring(unsigned int how)
{
	bool receive = how & 1;
	struct netif_rx_sring *rx = fake_granted(
		fake_store_number(FAKE_CARD, "rx-ring-ref"), NULL);
	struct netif_tx_sring *tx = fake_granted(
		fake_store_number(FAKE_CARD, "tx-ring-ref"), NULL);

	if (!rx || !tx)
		return;
	switch (how >> 1 & 3) {
	case 0:
		if (receive)
			rx->rsp_prod += byte() % 10;
		else
			tx->rsp_prod += byte() % 10;
		break;
	case 1:
		if (receive)
			rx->rsp_prod = byte() * 0x01010101u;
		else
			tx->rsp_prod = byte() * 0x01010101u;
		break;
	case 2:
		rx->ring[byte()].rsp = (struct netif_rx_response){
			.id = byte() % 12, .offset = byte() * 17,
			.flags = byte() % 64, .status = (int8_t)byte() * 40,
		};
		break;
	case 3:
		tx->ring[byte()].rsp = (struct netif_tx_response){
			.id = byte() % 12, .status = (int8_t)byte() % 3,
		};
	}
	fake_kick(fake_store_number(FAKE_CARD, "event-channel"));
}

static void keys(unsigned int how)
{
	static const char *const names[] = {
		"feature-rx-copy", "mac", "online", "state",
	};
	static const char *const values[] = { "", "1", "00:16:3e:00:00:01", "x" };

	if (how & 8)
		fake_store_set(FAKE_CARD_BACK, names[how & 3],
			       values[byte() & 3]);
	else
		fake_store_set_number(FAKE_CARD_BACK, names[how & 3 ? 3 : 2],
				      byte() % 8);
}

static void step(unsigned int b)
{
	switch (b >> 5) {
	case 0:
	case 1:
		put();
		break;
	case 2:
		get(b);
		break;
	case 3:
	case 4:
		ring(b);
		break;
	case 5:
		keys(b);
		break;
	case 6:
		fake_hold(8 + (b & 31), byte() & 1);
		break;
	case 7:
		if ((b & 31) == 31)
			fake_store_remove(FAKE_CARD_BACK);
		else if ((b & 31) == 30)
			pv_device_close(&card.dev);
		else
			fake_settle();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	in = data;
	left = size > 600 ? 600 : size;
	/* Half of the inputs, by their length, agree on offloads. */
	fake_start();
	memset(&card, 0, sizeof(card));
	card.tx_pages = 4;
	card.rx_pages = 8;
	card.offload = size & 1;
	fake_store_set_number(FAKE_CARD_BACK, "feature-sg", 1);
	fake_store_set_number(FAKE_CARD_BACK, "feature-gso-tcpv4", 1);
	fake_store_set_number(FAKE_CARD_BACK, "feature-rx-copy", 1);
	fake_store_set_number(FAKE_CARD_BACK, "state", XenbusStateInitWait);
	pv_net_open(&fake.pv, &card, 0);
	fake_settle();
	fake_store_set_number(FAKE_CARD_BACK, "state", XenbusStateConnected);
	fake_settle();
	while (left)
		step(byte());
	fake_settle();
	fake_end();
	return 0;
}
