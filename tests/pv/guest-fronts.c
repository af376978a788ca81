/* SPDX-License-Identifier: MIT */
/*
 * A guest that tries the front-ends: each word of the command line is a test,
 * each says "fronts: NAME: ok" or what is wrong.  ring=N is the number of pages
 * that the disk's ring may have.
 */
#include <pv/balloon.h>
#include <pv/blkfront.h>
#include <pv/fbfront.h>
#include <pv/kbdfront.h>
#include <pv/netfront.h>
#include <pv/suspend.h>

#include "tiny.h"

static int failed;

static void verdict(const char *name, const char *wrong)
{
	print("fronts: %s: %s\n", name, wrong ? wrong : "ok");
	failed |= wrong != NULL;
}

/* ---- Disks ---- */

#define REQUESTS	64
#define PIECE		24	/* sectors of each, at odd places in its pages */

static struct pv_blk disk;
static struct pv_blk_req req[REQUESTS];
static unsigned int done;

static void count(struct pv_blk_req *r)
{
	(void)r;
	done++;
}

static uint64_t pattern(uint64_t sector, unsigned int word)
{
	return (sector * 64 + word) * 0x9e3779b97f4a7c15;
}

/* More requests than the ring holds, each over several pages, all at once. */
static void submit_many(unsigned int op)
{
	unsigned int i, w;

	done = 0;
	for (i = 0; i < REQUESTS; i++) {
		struct pv_blk_req *r = &req[i];
		uint64_t *word;

		r->op = op;
		r->sector = 3 + i * PIECE;
		r->nr_sectors = PIECE;
		r->done = count;
		if (!r->data)
			r->data = (char *)mm_pages(&pv, 5) + 512 * (i % 8);
		word = r->data;
		for (w = 0; w < PIECE * 64; w++)
			word[w] = op == PV_BLK_WRITE ? pattern(r->sector, w) : 0;
		pv_blk_submit(&disk, r);
	}
}

static const char *wait_many(void)
{
	unsigned int i, w;

	while (PV_READ(done) < REQUESTS)
		pv_os_wait(&pv, UINT64_MAX);
	for (i = 0; i < REQUESTS; i++) {
		uint64_t *word = req[i].data;

		if (req[i].rc)
			return "a request of many failed";
		for (w = 0; w < PIECE * 64; w++)
			if (word[w] != pattern(req[i].sector, w))
				return "data is not what was written";
	}
	return NULL;
}

static const char *many(unsigned int op)
{
	submit_many(op);
	return wait_many();
}

static const char *refusals(void)
{
	void *page = mm_pages(&pv, 1);

	if (pv_blk_read(&disk, disk.sectors, page, 512) != -XEN_EINVAL)
		return "a sector behind the end is not refused";
	if (pv_blk_read(&disk, disk.sectors - 1, page, 1024) != -XEN_EINVAL)
		return "sectors across the end are not refused";
	if (pv_blk_read(&disk, UINT64_MAX, page, 512) != -XEN_EINVAL)
		return "a sector at the end of numbers is not refused";
	if (pv_blk_read(&disk, 0, (char *)page + 1, 512) != -XEN_EINVAL)
		return "odd data is not refused";
	return NULL;
}

static const char *large(void)
{
	size_t bytes = 1 << 20, i;
	uint64_t *a = mm_pages(&pv, bytes >> 12), *b = mm_pages(&pv, bytes >> 12);

	if (!a || !b)
		return "no memory";
	for (i = 0; i < bytes / 8; i++)
		a[i] = pattern(i, 5);
	if (pv_blk_write(&disk, 2048, a, bytes) || pv_blk_flush(&disk) ||
	    pv_blk_read(&disk, 2048, b, bytes))
		return "a large transfer failed";
	return memcmp(a, b, bytes) ? "a large transfer lost data" : NULL;
}

static void blk(void)
{
	disk.ring_pages = argument_number("ring", 1);
	pv_blk_open(&pv, &disk, pv_blk_number("xvda"));
	if (pv_device_wait_up(&disk.dev, UINT64_MAX)) {
		verdict("blk-up", disk.dev.trouble);
		return;
	}
	print("fronts: disk of %lu sectors, %u in a request, ring of %u, %s\n",
	      disk.sectors, disk.max_sectors, disk.nr_slots,
	      disk.can_flush ? "flushes" : "does not flush");
	verdict("blk-up", NULL);
	verdict("blk-write", many(PV_BLK_WRITE));
	verdict("blk-read", many(PV_BLK_READ));
	verdict("blk-refuse", refusals());
	verdict("blk-large", large());
	verdict("blk-close", pv_device_wait_closed(&disk.dev, UINT64_MAX)
			     ? "the disk does not close" : NULL);
	verdict("blk-grants", pv.gnttab.nr_used ? "grants are left" : NULL);
}

/* ---- A disk under load until it is taken away ---- */

static uint64_t hammered;
static int hammer_error;

static void hammer_again(struct pv_blk_req *r)
{
	uint64_t *word = r->data;
	unsigned int w;

	if (r->rc) {
		hammer_error = r->rc;
		done++;
		return;
	}
	for (w = 0; r->op == PV_BLK_READ && w < PIECE * 64; w++)
		if (word[w] != pattern(r->sector, w))
			hammer_error = 1;
	/* What was read is written again, what was written is read. */
	if (r->op == PV_BLK_WRITE)
		memset(word, 0, PIECE * 512);
	r->op = r->op == PV_BLK_READ ? PV_BLK_WRITE : PV_BLK_READ;
	if (++hammered % 2000 == 0)
		print("fronts: %lu requests\n", hammered);
	pv_blk_submit(&disk, r);
}

static void hammer(void)
{
	unsigned int i;

	disk.ring_pages = argument_number("ring", 1);
	pv_blk_open(&pv, &disk, pv_blk_number("xvda"));
	if (pv_device_wait_up(&disk.dev, UINT64_MAX) || many(PV_BLK_WRITE)) {
		verdict("hammer-begin", "the disk does not work");
		return;
	}
	done = 0;
	for (i = 0; i < REQUESTS; i++) {
		req[i].op = PV_BLK_READ;
		req[i].done = hammer_again;
		pv_blk_submit(&disk, &req[i]);
	}
	while (PV_READ(done) < REQUESTS)
		pv_os_wait(&pv, UINT64_MAX);
	verdict("hammer-end", hammer_error == -XEN_ENODEV ? NULL :
		hammer_error == 1 ? "data is not what was written" :
				    "requests ended with another error");
	while (disk.dev.phase != PV_CLOSED)
		pv_os_wait(&pv, UINT64_MAX);
	verdict("hammer-grants", pv.gnttab.nr_used ? "grants are left" : NULL);
}

/* ---- Balloon ---- */

static struct pv_balloon balloon;

static long reservation(void)
{
	domid_t self = DOMID_SELF;

	return pv_memory_op(XENMEM_current_reservation, &self);
}

static const char *inflate(void)
{
	long before = reservation();
	unsigned long pages = mm_free_pages();

	balloon.target = pv.start->nr_pages - 200;
	if (pv_balloon_run(&balloon, 1000) != 200)
		return "pages are not lent";
	if (reservation() != before - 200)
		return "the hypervisor did not get them";
	balloon.target = pv.start->nr_pages;
	if (pv_balloon_run(&balloon, 1000) != 200)
		return "pages do not come back";
	if (reservation() != before)
		return "the hypervisor kept some";
	/* One page is the list's, which may be kept for the next time. */
	return mm_free_pages() + 1 < pages ? "memory is lost" : NULL;
}

/* All memory there is can be written, what came back as well. */
static const char *fill(void)
{
	uint64_t *list = NULL, *page;
	unsigned long n = 0;

	while ((page = mm_pages(&pv, 1))) {
		page[0] = (uintptr_t)list;
		page[511] = n++;
		list = page;
	}
	for (; list; list = (uint64_t *)list[0])
		if (list[511] != --n)
			return "a page does not hold what was written";
	return n ? "pages are lost" : NULL;
}

static void try_balloon(void)
{
	pv_balloon_open(&pv, &balloon);
	while (!balloon.key.name)
		pv_os_wait(&pv, UINT64_MAX);
	while (balloon.busy)
		pv_os_wait(&pv, UINT64_MAX);
	verdict("balloon-target", balloon.target == pv.start->nr_pages ?
				  NULL : "the wish is not what was given");
	verdict("balloon", inflate());
	verdict("balloon-again", inflate());
	verdict("balloon-memory", fill());
}

/* Have what the control domain wishes: less, and then everything again. */
static void follow_wishes(void)
{
	uint64_t all = pv.start->nr_pages;
	bool less = false;

	pv_balloon_open(&pv, &balloon);
	print("fronts: follows wishes\n");
	while (!less || balloon.lent || balloon.target != all) {
		pv_os_wait(&pv, UINT64_MAX);
		less |= balloon.target < all;
		if (pv_balloon_run(&balloon, 10000))
			print("fronts: has %lu pages\n", all - balloon.lent);
	}
	verdict("wish", fill());
}

/* ---- Suspend: with a disk at work, and with card=IP and screen those too ---- */

static struct pv_suspend suspend;
static enum pv_request request;
static struct pv_net card;
static struct pv_fb fb = { .width = 320, .height = 240 };
static struct pv_kbd kbd;

static void requested(struct pv_suspend *s, enum pv_request what)
{
	(void)s;
	request = what;
}

static void wait_for(enum pv_request what)
{
	while (PV_READ(request) != what)
		pv_os_wait(&pv, UINT64_MAX);
	request = PV_NO_REQUEST;
}

static void parse_ip(const char *s, uint8_t *ip)
{
	int i;

	for (i = 0; i < 4; i++, s++)
		for (; *s >= '0' && *s <= '9'; s++)
			ip[i] = ip[i] * 10 + *s - '0';
}

/* Ask who has the address card=, as its neighbour 99; somebody answers. */
static const char *ask_around(void)
{
	static uint8_t q[42] = { 255, 255, 255, 255, 255, 255, [12] = 8, 6,
				 0, 1, 8, 0, 6, 4, 0, 1 }, a[2048];
	unsigned int i;

	if (pv_device_wait_up(&card.dev, UINT64_MAX))
		return card.dev.trouble;
	memset(q + 38, 0, 4);
	parse_ip(argument("card"), q + 38);
	memcpy(q + 6, card.mac, 6);
	memcpy(q + 22, card.mac, 6);
	memcpy(q + 28, q + 38, 3);
	q[31] = 99;
	for (i = 0; i < 20; i++) {
		uint64_t until = pv_clock_now(&pv) + 500000000;

		pv_net_send(&card, q, sizeof(q), until);
		while (pv_net_receive(&card, a, sizeof(a), until) >= 42)
			if (a[13] == 6 && a[21] == 2 &&
			    !memcmp(a + 28, q + 38, 4))
				return NULL;
	}
	return "nobody answers";
}

/* Whether the devices work: what was named is up, and of use. */
static void look_around(void)
{
	verdict("suspend-read", many(PV_BLK_READ));
	if (argument("card"))
		verdict("suspend-card", ask_around());
	if (argument("screen"))
		verdict("suspend-screen",
			pv_device_wait_up(&fb.dev, UINT64_MAX) ? fb.dev.trouble :
			pv_device_wait_up(&kbd.dev, UINT64_MAX) ?
			kbd.dev.trouble : NULL);
}

static void resume_all(void)
{
	pv_device_resume(&disk.dev);
	if (argument("card"))
		pv_device_resume(&card.dev);
	if (argument("screen")) {
		pv_device_resume(&fb.dev);
		pv_device_resume(&kbd.dev);
	}
}

static void be_suspended(void)
{
	int rc;

	suspend.requested = requested;
	verdict("suspend-open", pv_suspend_open(&pv, &suspend) ?
				"no memory for it" : NULL);
	disk.ring_pages = argument_number("ring", 1);
	pv_blk_open(&pv, &disk, pv_blk_number("xvda"));
	if (argument("card"))
		pv_net_open(&pv, &card, 0);
	if (argument("screen")) {
		pv_fb_open(&pv, &fb);
		pv_kbd_open(&pv, &kbd);
	}
	if (pv_device_wait_up(&disk.dev, UINT64_MAX)) {
		verdict("suspend-disk", disk.dev.trouble);
		return;
	}
	verdict("suspend-write", many(PV_BLK_WRITE));
	look_around();
	print("fronts: waits for a suspend\n");
	wait_for(PV_SUSPEND);
	submit_many(PV_BLK_WRITE);	/* all of them under way */
	rc = pv_suspend(&pv, &suspend);
	if (rc == 1)
		resume_all();
	print("fronts: suspend: %s\n", rc == 1 ? "resumed" :
	      rc ? "is not possible" : "called off");
	verdict("suspend-under-way", wait_many());
	look_around();
	print("fronts: waits for the end\n");
	wait_for(PV_POWEROFF);
	verdict("suspend-poweroff", NULL);
}

int main(void)
{
	if (argument("blk"))
		blk();
	if (argument("hammer"))
		hammer();
	if (argument("balloon"))
		try_balloon();
	if (argument("wish"))
		follow_wishes();
	if (argument("suspend"))
		be_suspended();
	print("fronts: end\n");
	return failed;
}
