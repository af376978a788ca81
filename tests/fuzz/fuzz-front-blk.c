/* SPDX-License-Identifier: MIT */
/*
 * A malicious disk back-end.  Input: bytes that choose what it does between
 * the steps of a guest that reads and writes: answers, indices, states, held
 * grants.  The fake machine ends the program when the front-end frees a page
 * that is granted, ASan when it looks outside of what is its own, and we when
 * a request ends twice or a page that is still theirs is said to be free.
 */
#include <stdlib.h>
#include <string.h>

#include "fake-blk.h"

#define REQUESTS	40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pv_blk disk;
static struct pv_blk_req req[REQUESTS];
static bool busy[REQUESTS], lost[REQUESTS];
static const uint8_t *in;
static size_t left;

static unsigned int byte(void)
{
	return left ? left--, *in++ : 0;
}

static void done(struct pv_blk_req *r)
{
	unsigned int i = r - req, p;

	if (!busy[i])
		abort();
	busy[i] = false;
	lost[i] |= r->rc == -XEN_EBUSY;
	/* What is ours again is granted to nobody. */
	for (p = 0; p < 2 && !lost[i]; p++)
		if (r->nr_refs)
			abort();
}

static void submit(unsigned int how)
{
	struct pv_blk_req *r = &req[how % REQUESTS];

	if (busy[r - req] || lost[r - req])
		return;
	r->op = byte() % 3;
	r->sector = byte();
	r->nr_sectors = byte() % 33;
	r->done = done;
	busy[r - req] = true;
	pv_blk_submit(&disk, r);
}

static void ring(unsigned int how)
{
	uint32_t ref = fake_store_number(FAKE_DISK, "ring-ref");
	struct blkif_sring *s = fake_granted(ref, NULL);

	if (!s)
		return;
	switch (how % 4) {
	case 0:
		s->rsp_prod += byte() % 40;
		break;
	case 1:
		s->rsp_prod = byte() * 0x01010101u;
		break;
	case 2:
		((uint8_t *)s)[byte() << 4 | byte() >> 4] = byte();
		break;
	case 3:
		s->ring[byte() % 32].rsp = (struct blkif_response){
			.id = byte() % 40, .operation = byte() % 4,
			.status = (int8_t)byte(),
		};
	}
	fake_kick(fake_store_number(FAKE_DISK, "event-channel"));
}

static void keys(unsigned int how)
{
	static const char *const names[] = {
		"sectors", "sector-size", "info", "feature-max-indirect-segments",
		"online", "state", "state", "state",
	};
	static const char *const values[] = {
		"", "x", "-1", "18446744073709551616", "18446744073709551615",
		"512", "4096", "99999999",
	};
	const char *name = names[how % 8];

	if (how & 8)
		fake_store_set(FAKE_DISK_BACK, name, values[byte() % 8]);
	else
		fake_store_set_number(FAKE_DISK_BACK, name, byte() % 8);
}

static void step(unsigned int b)
{
	switch (b >> 5) {
	case 0:
	case 1:
		submit(b);
		break;
	case 2:
		ring(b);
		break;
	case 3:
		keys(b);
		break;
	case 4:
		fake_hold(8 + (byte() & 63), b & 1);
		break;
	case 5:
		fake_blk.stalled = b & 1;
		fake_blk.dead = (b & 6) == 6;
		break;
	case 6:
		fake_settle();
		break;
	case 7:
		if ((b & 31) == 31)
			fake_store_remove(FAKE_DISK_BACK);
		else if ((b & 31) == 30)
			pv_device_close(&disk.dev);
		else
			fake_settle();
	}
}

/* Four times what a guest may ever send at once, and the fake may recurse. */
#define LIMIT	600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int i;

	in = data;
	left = size > LIMIT ? LIMIT : size;
	fake_start();
	fake_blk_init();
	memset(&disk, 0, sizeof(disk));
	memset(req, 0, sizeof(req));
	memset(busy, 0, sizeof(busy));
	memset(lost, 0, sizeof(lost));
	for (i = 0; i < REQUESTS; i++)
		req[i].data = pv_os_pages(&fake.pv, 5);
	pv_blk_open(&fake.pv, &disk, 51712);
	fake_settle();
	while (left)
		step(byte());
	fake_settle();
	fake_end();
	return 0;
}
