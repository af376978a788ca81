/* SPDX-License-Identifier: MIT */
/*
 * blksum disk=xvda: the checksum of a disk, as cksum(1) would print it.  Eight
 * reads are under way at any time; they may end in any order, and are summed
 * in the order of the disk.
 */
#include <pv/blkfront.h>

#include "tiny.h"

#define BUFFERS	8
#define BYTES	(PV_BLK_PAGES * PV_PAGE_SIZE)

static struct pv_blk disk;
static struct pv_blk_req req[BUFFERS];

static uint32_t sum_byte(uint32_t sum, uint8_t byte)
{
	int bit;

	sum ^= (uint32_t)byte << 24;
	for (bit = 0; bit < 8; bit++)
		sum = sum << 1 ^ (sum >> 31 ? 0x04c11db7 : 0);
	return sum;
}

/* Ask for the next piece of the disk, if there is one. */
static void read_next(struct pv_blk_req *r, uint64_t *next)
{
	r->nr_sectors = disk.max_sectors;
	if (r->nr_sectors > disk.sectors - *next)
		r->nr_sectors = disk.sectors - *next;
	r->sector = *next;
	*next += r->nr_sectors;
	if (r->nr_sectors)
		pv_blk_submit(&disk, r);
}

int main(void)
{
	const char *name = argument("disk");
	uint64_t next = 0, at, start, ns;
	uint32_t table[256], sum = 0;
	struct pv_blk_req *r;
	unsigned int i, n;

	for (i = 0; i < 256; i++)
		table[i] = sum_byte(0, i);
	pv_blk_open(&pv, &disk, pv_blk_number(name ? name : "xvda"));
	if (pv_device_wait_up(&disk.dev, UINT64_MAX)) {
		print("blksum: no disk: %s\n", disk.dev.trouble);
		return 1;
	}
	start = pv_clock_now(&pv);
	for (i = 0; i < BUFFERS; i++) {
		req[i].data = mm_pages(&pv, PV_BLK_PAGES);
		read_next(&req[i], &next);
	}
	for (at = 0; at < disk.sectors; at += n) {
		r = &req[at / disk.max_sectors % BUFFERS];
		while (PV_READ(r->waiting))
			pv_os_wait(&pv, UINT64_MAX);
		if (r->rc) {
			print("blksum: sector %lu: error %d\n", at, r->rc);
			return 1;
		}
		n = r->nr_sectors;
		for (i = 0; i < n * PV_BLK_SECTOR; i++)
			sum = sum << 8 ^
			      table[sum >> 24 ^ ((uint8_t *)r->data)[i]];
		read_next(r, &next);
	}
	ns = pv_clock_now(&pv) - start;
	for (at = disk.sectors * PV_BLK_SECTOR; at; at >>= 8)
		sum = sum << 8 ^ table[sum >> 24 ^ (at & 255)];
	print("blksum: %u %lu %s\n", ~sum, disk.sectors * PV_BLK_SECTOR,
	      name ? name : "xvda");
	print("blksum: %lu requests, %lu events, %lu us\n", disk.requests,
	      disk.kicks, ns / 1000);
	return pv_device_wait_closed(&disk.dev, UINT64_MAX);
}
