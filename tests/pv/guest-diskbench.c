/* SPDX-License-Identifier: MIT */
/*
 * bench/diskbench.c for blkfront: the same transfers in the same order, with
 * the same markers, so that the two stand beside each other.  A transfer that
 * is longer than a request may be goes as several at once.
 */
#include <pv/blkfront.h>

#include "guest-bench.h"

enum { MAX_DEPTH = 32, BUFFER = 1 << 20, SPAN = 32 << 20 };

struct test {
	const char *name;
	size_t total, size;
	unsigned int depth;
	bool write, random;
};

static struct pv_blk disk;
static struct pv_blk_req req[BUFFER / PV_PAGE_SIZE];
static char *buffer;

/* Transfers under way: how many of their requests are, and who is free. */
static unsigned int parts[MAX_DEPTH], back;
static unsigned int free_slot[MAX_DEPTH], nr_free;

static uint64_t next(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void part_done(struct pv_blk_req *r)
{
	unsigned int slot = (unsigned int)(uintptr_t)r->ctx;

	if (r->rc) {
		print("diskbench: error %d: sector %lu + %u of %lu, at %lx\n", r->rc,
		      r->sector, r->nr_sectors, disk.sectors,
		      (uintptr_t)r->data);
		pv_shutdown(&pv, SHUTDOWN_crash);
	}
	if (--parts[slot])
		return;
	free_slot[nr_free++] = slot;
	back++;
}

static void transfer(const struct test *t, unsigned int slot, uint64_t at)
{
	size_t most = disk.max_sectors * PV_BLK_SECTOR, done, n;
	char *data = buffer + slot * t->size;

	parts[slot] = (t->size + most - 1) / most;
	for (done = 0; done < t->size; done += n) {
		struct pv_blk_req *r = &req[(data + done - buffer) / PV_PAGE_SIZE];

		n = t->size - done < most ? t->size - done : most;
		r->op = t->write ? PV_BLK_WRITE : PV_BLK_READ;
		r->sector = (at + done) / PV_BLK_SECTOR;
		r->nr_sectors = n / PV_BLK_SECTOR;
		r->data = data + done;
		r->done = part_done;
		r->ctx = (void *)(uintptr_t)slot;
		pv_blk_submit(&disk, r);
	}
}

static void run(const struct test *t)
{
	size_t n = t->total / t->size, places = SPAN / t->size, sent = 0, at;

	back = 0;
	for (nr_free = 0; nr_free < t->depth; nr_free++)
		free_slot[nr_free] = nr_free;
	while (back < n) {
		while (nr_free && sent < n) {
			at = t->random ? next() % places : sent % places;
			transfer(t, free_slot[--nr_free], at * t->size);
			sent++;
		}
		if (back < n)
			pv_os_wait(&pv, UINT64_MAX);
	}
}

#define TEST(k, ...)                                                         \
	do {                                                                 \
		const struct test t = { __VA_ARGS__ };                       \
		uint64_t own = own_ns(), t0 = pv_clock_now(&pv);             \
		MARK(0x300 + 2 * (k));                                       \
		run(&t);                                                     \
		MARK(0x301 + 2 * (k));                                       \
		t0 = pv_clock_now(&pv) - t0;                                 \
		print("disk %s %lu %lu %lu #%d own %lu\n", t.name, t.total,  \
		      t.total / t.size, t0, k, own_ns() - own);              \
	} while (0)

int main(void)
{
	unsigned int pass;

	/* The words of the command line: "buffer", or a grant for each page. */
	if (argument("buffer"))
		disk.buffer_pages = BUFFER / PV_PAGE_SIZE;
	pv_blk_open(&pv, &disk, pv_blk_number("xvda"));
	if (pv_device_wait_up(&disk.dev, UINT64_MAX)) {
		print("diskbench: no disk\n");
		return 1;
	}
	buffer = disk.buffer ? disk.buffer : mm_pages(&pv, BUFFER / PV_PAGE_SIZE);
	if (!buffer) {
		print("diskbench: no memory\n");
		return 1;
	}
	memset(buffer, 0x5a, BUFFER);
	MARK(0x10000 + 34);
	for (pass = 0; pass < 2; pass++) {
		TEST(0, "write_1M_qd1", SPAN, 1 << 20, 1, 1, 0);
		TEST(1, "read_1M_qd1", SPAN, 1 << 20, 1, 0, 0);
		TEST(2, "read_64k_qd8", SPAN, 65536, 8, 0, 0);
		TEST(3, "read_4k_rand_qd1", 1024 * 4096, 4096, 1, 0, 1);
		TEST(4, "read_4k_rand_qd32", 2048 * 4096, 4096, 32, 0, 1);
		TEST(5, "write_4k_rand_qd1", 1024 * 4096, 4096, 1, 1, 1);
		TEST(6, "write_4k_rand_qd32", 2048 * 4096, 4096, 32, 1, 1);
	}
	MARK(0x10000 + 35);
	print("disk-done\n");
	return 0;
}
