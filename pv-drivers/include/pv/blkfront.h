/* SPDX-License-Identifier: MIT */
/*
 * Disks.  Any number of requests may be submitted; those that do not fit into
 * the ring wait in a line.  They end in any order.  Data moves without a copy:
 * while a request is under way, the pages that its data lies in are granted,
 * whole, to the domain of the back-end.
 *
 * Granting costs both sides; a disk with a buffer of its own is granted that
 * once, and the back-end may keep it mapped.  The price is that the other side
 * can read and write it at any time: look at a copy of what must not change.
 *
 * When the back-end goes away and comes back, and after a resume, requests
 * that had no answer are sent again; when it is gone for good, all end with
 * -XEN_ENODEV.
 */
#ifndef PV_BLKFRONT_H
#define PV_BLKFRONT_H

#include <pv/device.h>
#include <xen/io/blkif.h>

#define PV_BLK_SECTOR	512
/* Pages that the data of one request may lie in. */
#define PV_BLK_PAGES	32
/* The most pages of a ring, and requests in it. */
#define PV_BLK_RING_PAGES	4
#define PV_BLK_RING	__CONST_RING_SIZE(blkif, PV_BLK_RING_PAGES * PV_PAGE_SIZE)
/* Requests of more than 11 pages that can be under way at once. */
#define PV_BLK_LISTS	32

struct pv_blk_req {
	/* Yours: what to do, and what to call then. */
	enum { PV_BLK_READ, PV_BLK_WRITE, PV_BLK_FLUSH } op;
	uint64_t sector;
	unsigned int nr_sectors;
	void *data;			/* on a multiple of 512 */
	void (*done)(struct pv_blk_req *r);
	void *ctx;

	/* The answer: 0; -XEN_EIO; -XEN_EINVAL (outside the disk, too long);
	 * -XEN_EROFS; -XEN_EOPNOTSUPP; -XEN_ENODEV.  -XEN_EBUSY: the back-end
	 * holds on to the pages.  They are lost: never use them again.  Where
	 * there is a buffer, -XEN_EINVAL: the data is not in it. */
	int rc;

	/* The library's. */
	struct pv_blk_req *next;
	bool waiting;
	unsigned int nr_refs;
	uint32_t ref[PV_BLK_PAGES];
};

struct pv_blk {
	struct pv_device dev;		/* first; dev.changed, dev.ctx are yours */

	/* Yours, before pv_blk_open(): how many pages the ring may have, 1, 2
	 * or 4 (0: 1).  A page has room for 32 requests; a back-end may know
	 * only one. */
	unsigned int ring_pages;
	/* How many pages of buffer to have (0: none); with one, the data of all
	 * requests has to lie in it. */
	unsigned int buffer_pages;

	/* To read, when dev.phase is PV_UP. */
	uint64_t sectors;		/* of 512 bytes */
	uint32_t sector_size;		/* of the medium: align to it */
	bool read_only, can_flush;
	unsigned int max_sectors;	/* of a request on a page boundary;
					 * another back-end may take fewer */
	uint64_t requests, kicks;	/* so far: sent, and events for them */
	void *buffer;			/* until the disk is closed */

	/* The library's. */
	struct pv_lock lock;
	bool running, refuse;
	struct blkif_front_ring ring;
	unsigned int order, nr_slots;	/* of the ring that there is */
	uint32_t ring_ref[PV_BLK_RING_PAGES];
	evtchn_port_t port;
	unsigned int max_pages;
	uint32_t *buffer_ref;		/* of each page of the buffer */
	bool buffer_lost;		/* a back-end did not let go of it */
	/* Lists of segments, one for each long request that is under way. */
	struct blkif_request_segment *list[PV_BLK_LISTS];
	uint32_t list_ref[PV_BLK_LISTS];
	uint8_t free_list[PV_BLK_LISTS], nr_free_lists;
	struct pv_blk_req *slot[PV_BLK_RING];
	uint8_t list_of[PV_BLK_RING];	/* the slot's list, or PV_BLK_LISTS */
	uint8_t free[PV_BLK_RING];	/* numbers of free slots */
	unsigned int nr_free;
	struct pv_blk_req *first, **last;	/* the line */
};

/* The number of a disk by its name, "xvda" or "xvdb3"; 0 when it is none. */
uint64_t pv_blk_number(const char *name);

/* Begin with a disk; dev.changed() tells when it is up.  `blk` is zeroed but
 * for dev.changed and dev.ctx. */
void pv_blk_open(struct pv *pv, struct pv_blk *blk, uint64_t number);

/* done() is called for every request, sometimes before this returns. */
void pv_blk_submit(struct pv_blk *blk, struct pv_blk_req *r);

/* ---- Synchronous ---- */

int pv_blk_read(struct pv_blk *blk, uint64_t sector, void *to, size_t bytes);
int pv_blk_write(struct pv_blk *blk, uint64_t sector, const void *from,
		 size_t bytes);
int pv_blk_flush(struct pv_blk *blk);

#endif
