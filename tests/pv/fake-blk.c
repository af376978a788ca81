/* SPDX-License-Identifier: MIT */
#include "fake-blk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_blk fake_blk;

void fake_blk_state(enum xenbus_state s)
{
	fake_store_set_number(FAKE_DISK_BACK, "state", s);
}

void fake_blk_init(void)
{
	memset((char *)&fake_blk + sizeof(fake_blk.data), 0,
	       sizeof(fake_blk) - sizeof(fake_blk.data));
	fake.backend = fake_blk_run;
	fake_store_set_number(FAKE_DISK_BACK, "sectors", FAKE_SECTORS);
	fake_store_set_number(FAKE_DISK_BACK, "sector-size", 512);
	fake_store_set_number(FAKE_DISK_BACK, "feature-flush-cache", 1);
	fake_blk_state(XenbusStateInitWait);
}

/* One segment; true: it was ours to touch. */
static bool transfer(bool write, uint64_t sector,
		     const struct blkif_request_segment *s)
{
	size_t n = (s->last_sect - s->first_sect + 1) * 512;
	uint8_t *page = fake_granted(s->gref, NULL);
	bool read_only = true;

	fake_granted(s->gref, &read_only);
	if (!page || s->last_sect < s->first_sect || s->last_sect > 7 ||
	    sector > FAKE_SECTORS || n / 512 > FAKE_SECTORS - sector ||
	    (!write && read_only))
		return false;
	page += s->first_sect * 512;
	if (write)
		memcpy(fake_blk.data + sector * 512, page, n);
	else
		memcpy(page, fake_blk.data + sector * 512, n);
	return true;
}

static void serve(struct blkif_request *q)
{
	struct blkif_request_indirect *in = (void *)q;
	struct blkif_request_segment *seg = q->seg;
	struct blkif_response a = { .operation = q->operation,
				    .status = BLKIF_RSP_OKAY };
	unsigned int nr = q->nr_segments, i;
	uint64_t sector = q->sector_number;

	a.id = q->id;
	if (q->operation == BLKIF_OP_INDIRECT) {
		a.operation = in->indirect_op;
		a.id = in->id;
		nr = in->nr_segments;
		sector = in->sector_number;
		seg = fake_granted(in->indirect_grefs[0], NULL);
		fake_blk.indirect++;
	}
	for (i = 0; i < nr; i++) {
		if (!transfer(a.operation == BLKIF_OP_WRITE, sector, &seg[i]))
			a.status = BLKIF_RSP_ERROR;
		sector += seg[i].last_sect - seg[i].first_sect + 1;
	}
	if (fake_blk.spoil && !fake_blk.spoil(&a))
		return;
	*RING_GET_RESPONSE(&fake_blk.ring, fake_blk.ring.rsp_prod_pvt) = a;
	fake_blk.ring.rsp_prod_pvt++;
}

static bool serve_all(void)
{
	struct blkif_request q;
	bool any = false;
	int notify;

	while (RING_HAS_UNCONSUMED_REQUESTS(&fake_blk.ring)) {
		RING_COPY_REQUEST(&fake_blk.ring, fake_blk.ring.req_cons, &q);
		fake_blk.ring.req_cons++;
		fake_blk.seen++;
		any = true;
		if (!fake_blk.stalled)
			serve(&q);
	}
	fake_blk.ring.sring->req_event = fake_blk.ring.req_cons + 1;
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&fake_blk.ring, notify);
	if (notify)
		fake_kick(fake_blk.port);
	return any;
}

static bool connect(void)
{
	unsigned int order = fake_store_number(FAKE_DISK, "ring-page-order") & 3;
	struct blkif_sring *ring = NULL;
	char name[20] = "ring-ref";
	unsigned int i;
	uint8_t *page;

	for (i = 0; i < 1u << order; i++) {
		if (order)
			snprintf(name, sizeof(name), "ring-ref%u", i);
		fake_blk.held[i] = fake_store_number(FAKE_DISK, name);
		page = fake_granted(fake_blk.held[i], NULL);
		if (!i)
			ring = (void *)page;
		/* A back-end maps them side by side; there they lie so. */
		if (!page || page != (uint8_t *)ring + i * PV_PAGE_SIZE)
			return false;
	}
	fake_blk.nr_held = i;
	BACK_RING_INIT(&fake_blk.ring, ring, PV_PAGE_SIZE << order);
	fake_blk.port = fake_store_number(FAKE_DISK, "event-channel");
	for (i = 0; i < fake_blk.nr_held; i++)
		fake_hold(fake_blk.held[i], true);
	fake_blk.connected = true;
	fake_blk_state(XenbusStateConnected);
	return true;
}

static bool follow(unsigned int front, unsigned int back)
{
	switch (front) {
	case XenbusStateInitialising:
		if (back != XenbusStateClosed)
			return false;
		fake_blk_state(XenbusStateInitWait);
		return true;
	case XenbusStateInitialised:
		return back == XenbusStateInitWait && connect();
	case XenbusStateClosed:
		if (fake_blk.connected) {
			while (fake_blk.nr_held)
				fake_hold(fake_blk.held[--fake_blk.nr_held], false);
			fake_blk.connected = false;
		} else if (back == XenbusStateClosed) {
			return false;
		}
		fake_blk_state(XenbusStateClosed);
		return true;
	}
	return false;
}

bool fake_blk_run(void)
{
	bool any = false;

	if (fake_blk.dead)
		return false;
	if (fake_store(FAKE_DISK, "state")[0])
		any = follow(fake_store_number(FAKE_DISK, "state"),
			     fake_store_number(FAKE_DISK_BACK, "state"));
	if (fake_blk.connected && fake_kicked(fake_blk.port))
		any |= serve_all();
	return any;
}
