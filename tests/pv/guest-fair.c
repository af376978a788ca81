/* SPDX-License-Identifier: MIT */
/*
 * The two guests of the boot test "fairness".  Without an attack on its
 * command line it is honest: one transfer after the other, and every few
 * milliseconds "fair: TRANSFERS NANOSECONDS".  With attack=NAME it says
 * "fair: ready", waits for data/go in the store and does from then on what no
 * guest may do, for ever: its device being stopped does not stop it.
 */
#include <pv/blkfront.h>
#include <pv/netfront.h>

#include "tiny.h"

#define SAY_NS		2000000ull
#define SPAN		2048	/* places of 4 KiB that the honest one uses */
#define SECTORS		8
#define WATCHES		100

static struct pv_blk disk;
static struct pv_net card;
static char *page;

static void open_card(void)
{
	pv_net_open(&pv, &card, 0);
	if (pv_device_wait_up(&card.dev, UINT64_MAX)) {
		print("fair: no card: %s\n", card.dev.trouble);
		pv_shutdown(&pv, SHUTDOWN_crash);
	}
}

static void open_disk(void)
{
	page = mm_pages(&pv, 1);
	pv_blk_open(&pv, &disk, pv_blk_number("xvda"));
	if (!page || pv_device_wait_up(&disk.dev, UINT64_MAX)) {
		print("fair: no disk: %s\n", disk.dev.trouble);
		pv_shutdown(&pv, SHUTDOWN_crash);
	}
}

static unsigned int next(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 20;
}

/* ---- The honest one ---- */

static void honest(void)
{
	uint64_t n = 0, now = pv_clock_now(&pv), said = now;

	for (;; n++) {
		uint64_t sector = next() % SPAN * SECTORS;
		int rc = n % 4 == 3 ?
			pv_blk_write(&disk, sector, page, SECTORS * 512) :
			pv_blk_read(&disk, sector, page, SECTORS * 512);

		if (rc) {
			print("fair: error %d\n", rc);
			pv_shutdown(&pv, SHUTDOWN_crash);
		}
		now = pv_clock_now(&pv);
		if (now - said < SAY_NS)
			continue;
		said = now;
		print("fair: %lu %lu\n", n, now);
	}
}

/* ---- The hostile one: its own hands on the ring of a working disk ---- */

static struct blkif_sring *ring;
static uint32_t ref;

/* A request for one page that is all right, as number `at` of the ring. */
static blkif_request_t *good(uint32_t at)
{
	blkif_request_t *q = &ring->ring[at % RING_SIZE(&disk.ring)].req;

	*q = (blkif_request_t){
		.operation = BLKIF_OP_READ, .nr_segments = 1, .id = at,
		.sector_number = 8,
		.seg[0] = { .gref = ref, .first_sect = 0, .last_sect = 7 },
	};
	return q;
}

/* More of them, as many as the ring may hold. */
static void fill(void)
{
	uint32_t at = PV_READ(ring->req_prod);

	while (at - PV_READ(ring->rsp_prod) < RING_SIZE(&disk.ring))
		good(at++);
	xen_wmb();
	PV_WRITE(ring->req_prod, at);
}

static void kick(void)
{
	pv_evtchn_send(&pv, disk.port);
}

/* For comparison. */
static void nothing_at_all(void)
{
	pv_os_wait(&pv, UINT64_MAX);
}

/* The index of requests goes back to where it was long ago. */
static void attack_index(void)
{
	PV_WRITE(ring->req_prod, PV_READ(ring->rsp_prod) - 1000 -
		 next() % 1000000);
	kick();
}

/* It moves on and on, whatever was answered: a ring without an end. */
static void attack_endless(void)
{
	uint32_t at = PV_READ(ring->req_prod);

	good(at);
	xen_wmb();
	PV_WRITE(ring->req_prod, at + 1);
	if (at % 16 == 0)
		kick();
}

/* Requests that were sent become others, before they are read and after. */
static void attack_changed(void)
{
	unsigned int i, j;

	fill();
	kick();
	for (j = 0; j < 50; j++)
		for (i = 0; i < RING_SIZE(&disk.ring); i++) {
			blkif_request_t *q = &ring->ring[i].req;

			PV_WRITE(q->nr_segments, j & 1 ? 1 : 200);
			PV_WRITE(q->sector_number, (uint64_t)next() << 40);
			PV_WRITE(q->seg[0].gref, next());
			PV_WRITE(q->seg[0].last_sect, 255);
		}
}

/* A grant ends while its request is under way, at one time or another. */
static void attack_revoked(void)
{
	int new = pv_grant(&pv, disk.dev.peer_id, page, false);

	if (new < 0)
		return;
	ref = new;
	fill();
	if (next() & 1)
		kick();
	while (pv_grant_end(&pv, ref))
		;
	kick();
}

/* Events that tell of nothing. */
static void attack_events(void)
{
	kick();
}

/* It is another device's state all the time, for whoever watches that. */
static void attack_states(void)
{
	pv_xs_write(&pv, disk.dev.path, "state", next() & 1 ? "3" : "4");
}

/* Every write makes a hundred events. */
static void attack_watches(void)
{
	pv_xs_write(&pv, "data/storm", NULL, "x");
}

/* Questions without an end. */
static void attack_questions(void)
{
	static char text[4096];

	pv_xs_list(&pv, disk.dev.path, NULL, text, sizeof(text));
}

/* Events that tell of nothing to the store and to the console. */
static void attack_daemons(void)
{
	pv_evtchn_send(&pv, pv.start->store_evtchn);
	pv_evtchn_send(&pv, pv.start->console.domU.evtchn);
}

/* ---- The same on the ring of a working network card ---- */

static struct netif_tx_sring *tx;
static uint32_t frame;		/* the grant of a page to send */

static void card_kick(void)
{
	pv_evtchn_send(&pv, card.port);
}

/* A frame of a page that may be sent. */
static void frame_good(uint32_t at)
{
	tx->ring[at % PV_NET_TX_RING].req = (struct netif_tx_request){
		.gref = frame, .id = at % PV_NET_TX_RING, .size = 1514,
	};
}

static void frames_fill(void)
{
	uint32_t at = PV_READ(tx->req_prod);

	while (at - PV_READ(tx->rsp_prod) < PV_NET_TX_RING)
		frame_good(at++);
	xen_wmb();
	PV_WRITE(tx->req_prod, at);
}

static void attack_net_endless(void)
{
	uint32_t at = PV_READ(tx->req_prod);

	frame_good(at);
	xen_wmb();
	PV_WRITE(tx->req_prod, at + 1);
	if (at % 16 == 0)
		card_kick();
}

static void attack_net_changed(void)
{
	unsigned int i, j;

	frames_fill();
	card_kick();
	for (j = 0; j < 20; j++)
		for (i = 0; i < PV_NET_TX_RING; i++) {
			struct netif_tx_request *q = &tx->ring[i].req;

			PV_WRITE(q->flags, next());
			PV_WRITE(q->size, next());
			PV_WRITE(q->offset, next());
			PV_WRITE(q->gref, next());
		}
}

static void attack_net_revoked(void)
{
	int new = pv_grant(&pv, card.dev.peer_id, page, false);

	if (new < 0)
		return;
	frame = new;
	frames_fill();
	if (next() & 1)
		card_kick();
	while (pv_grant_end(&pv, frame))
		;
	card_kick();
}

static void attack_net_events(void)
{
	card_kick();
}

static const struct attack {
	const char *name;
	void (*once)(void);
} attacks[] = {
	{ "none", nothing_at_all }, { "index", attack_index }, { "endless", attack_endless },
	{ "changed", attack_changed }, { "revoked", attack_revoked },
	{ "events", attack_events }, { "states", attack_states },
	{ "watches", attack_watches }, { "questions", attack_questions },
	{ "daemons", attack_daemons },
	{ "net-endless", attack_net_endless },
	{ "net-changed", attack_net_changed },
	{ "net-revoked", attack_net_revoked },
	{ "net-events", attack_net_events },
};

static bool is(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strlen(word) >= n && !memcmp(word, name, n) &&
	       (!word[n] || word[n] == ' ');
}

static void nothing(struct pv_xs_watch *w)
{
	(void)w;
}

/* Nobody listens to the card any more but we. */
static void take_card(void)
{
	static const uint8_t to[6] = { 2, 0, 0, 0, 0, 1 };

	open_card();
	tx = card.tx_ring.sring;
	frame = pv_grant(&pv, card.dev.peer_id, page, false);
	memcpy(page, to, 6);
	memcpy(page + 6, card.mac, 6);
	card.running = false;
}

/* Nobody listens to the disk any more but we. */
static void take_over(void)
{
	static struct pv_xs_watch watch[WATCHES];
	unsigned int i;

	ring = disk.ring.sring;
	ref = pv_grant(&pv, disk.dev.peer_id, page, false);
	disk.running = false;
	for (i = 0; argument("watched") && i < WATCHES; i++) {
		watch[i].path = "data/storm";
		watch[i].changed = nothing;
		pv_xs_watch(&pv, &watch[i]);
	}
}

static void hostile(const char *name)
{
	const struct attack *a = attacks;
	char text[8];

	while (a < attacks + sizeof(attacks) / sizeof(*a) && !is(name, a->name))
		a++;
	if (a == attacks + sizeof(attacks) / sizeof(*a)) {
		print("fair: no such attack\n");
		return;
	}
	take_over();
	if (!memcmp(a->name, "net-", 4))
		take_card();
	print("fair: ready\n");
	while (pv_xs_read(&pv, "data/go", NULL, text, sizeof(text)) < 0)
		pv_sleep(&pv, 5000000);
	for (;;) {
		a->once();
		pv_evtchn_run(&pv);
	}
}

int main(void)
{
	const char *attack = argument("attack");

	open_disk();
	if (attack)
		hostile(attack);
	else
		honest();
	return 1;
}
