/* SPDX-License-Identifier: MIT */
/*
 * A ring of 32 slots, or of 64 or 128 when the user wants more pages and the
 * back-end knows how.  A request in the ring has a slot number of ours, which
 * is its id on the ring; what the back-end answers is copied once, and counts
 * only if it names a slot that is in use and the operation that is in it.
 *
 * A request of up to 11 pages carries its list of segments itself.  A back-end
 * that takes indirect requests gets the longer ones that way: the list is in a
 * page of ours that it may read.  There are 32 of these pages, however large
 * the ring is; a request that finds none waits in the line.
 *
 * The grants of a buffer are made when the halves meet and ended when they have
 * parted; a request in it has none of its own.
 */
#include <pv/blkfront.h>
#include <pv/pv.h>

#include "text.h"

#define DIRECT		BLKIF_MAX_SEGMENTS_PER_REQUEST
#define PAGE_SECTORS	(PV_PAGE_SIZE / PV_BLK_SECTOR)

static struct pv_blk *of(struct pv_device *d)
{
	return (struct pv_blk *)d;
}

/* ---- Requests ---- */

static void finish(struct pv_blk_req *r, int rc)
{
	r->rc = rc;
	PV_WRITE(r->waiting, false);
	if (r->done)
		r->done(r);
}

static unsigned int offset(const struct pv_blk_req *r)
{
	return ((uintptr_t)r->data & (PV_PAGE_SIZE - 1)) / PV_BLK_SECTOR;
}

static unsigned int pages_of(const struct pv_blk_req *r)
{
	if (r->op == PV_BLK_FLUSH)
		return 0;
	return (offset(r) + r->nr_sectors + PAGE_SECTORS - 1) / PAGE_SECTORS;
}

/* What cannot go to the back-end at all; 0: it can. */
static int check(const struct pv_blk *b, const struct pv_blk_req *r)
{
	if (b->refuse)
		return -XEN_ENODEV;
	if (r->op == PV_BLK_FLUSH)
		return 0;
	if (r->op > PV_BLK_FLUSH || !r->nr_sectors || ((uintptr_t)r->data & (PV_BLK_SECTOR - 1)) ||
	    pages_of(r) > PV_BLK_PAGES)
		return -XEN_EINVAL;
	return 0;
}

/* With a buffer, does the data lie in it? */
static bool in_buffer(const struct pv_blk *b, const struct pv_blk_req *r)
{
	uintptr_t at = (uintptr_t)r->data - (uintptr_t)b->buffer;
	uint64_t size = (uint64_t)b->buffer_pages * PV_PAGE_SIZE;

	return !b->buffer_pages || r->op == PV_BLK_FLUSH ||
	       (at < size && r->nr_sectors * PV_BLK_SECTOR <= size - at);
}

/* The same, for what one knows only of a disk that is there. */
static int check_disk(const struct pv_blk *b, const struct pv_blk_req *r)
{
	if (r->op == PV_BLK_FLUSH)
		return b->can_flush ? 0 : -XEN_EOPNOTSUPP;
	if (r->sector >= b->sectors || r->nr_sectors > b->sectors - r->sector ||
	    pages_of(r) > b->max_pages || !in_buffer(b, r))
		return -XEN_EINVAL;
	return r->op == PV_BLK_WRITE && b->read_only ? -XEN_EROFS : 0;
}

/* 0, or -XEN_EBUSY when the back-end holds a page. */
static int end_grants(struct pv_blk *b, struct pv_blk_req *r)
{
	int rc = 0;

	while (r->nr_refs)
		if (pv_grant_end(b->dev.pv, r->ref[--r->nr_refs]))
			rc = -XEN_EBUSY;
	return rc;
}

/* The grant of a page of data, new or the buffer's; -XEN_ENOSPC. */
static int grant_of(struct pv_blk *b, struct pv_blk_req *r, char *page)
{
	int ref;

	if (b->buffer)
		return b->buffer_ref[(page - (char *)b->buffer) / PV_PAGE_SIZE];
	ref = pv_grant(b->dev.pv, b->dev.peer_id, page,
		       r->op == PV_BLK_WRITE);
	if (ref >= 0)
		r->ref[r->nr_refs++] = ref;
	return ref;
}

/* Grant each page of the data and name its sectors; false: table is full. */
static bool grant(struct pv_blk *b, struct pv_blk_req *r,
		  struct blkif_request_segment *seg)
{
	unsigned int nr = pages_of(r), first = offset(r), i;
	unsigned int left = r->nr_sectors;
	char *page = (char *)r->data - first * PV_BLK_SECTOR;
	int ref;

	for (i = 0; i < nr; i++) {
		unsigned int n = PAGE_SECTORS - first;

		if (n > left)
			n = left;
		ref = grant_of(b, r, page + i * PV_PAGE_SIZE);
		if (ref < 0) {
			end_grants(b, r);
			return false;
		}
		seg[i] = (struct blkif_request_segment){
			.gref = ref,
			.first_sect = first,
			.last_sect = first + n - 1,
		};
		left -= n;
		first = 0;
	}
	return true;
}

/* Fill the next request of the ring; false when grants or lists are short. */
static bool fill(struct pv_blk *b, struct pv_blk_req *r, unsigned int id)
{
	static const uint8_t ops[] = {
		[PV_BLK_READ] = BLKIF_OP_READ,
		[PV_BLK_WRITE] = BLKIF_OP_WRITE,
		[PV_BLK_FLUSH] = BLKIF_OP_FLUSH_DISKCACHE,
	};
	struct blkif_request *q = RING_GET_REQUEST(&b->ring,
						   b->ring.req_prod_pvt);
	struct blkif_request_indirect *in = (void *)q;
	unsigned int nr = pages_of(r);
	bool direct = nr <= DIRECT;
	unsigned int list = PV_BLK_LISTS;

	if (!direct && !b->nr_free_lists)
		return false;
	if (!direct)
		list = b->free_list[b->nr_free_lists - 1];
	if (!grant(b, r, direct ? q->seg : b->list[list]))
		return false;
	b->list_of[id] = list;
	if (direct) {
		q->operation = ops[r->op];
		q->nr_segments = nr;
		q->handle = 0;
		q->id = id;
		q->sector_number = r->op == PV_BLK_FLUSH ? 0 : r->sector;
	} else {
		b->nr_free_lists--;
		in->operation = BLKIF_OP_INDIRECT;
		in->indirect_op = ops[r->op];
		in->nr_segments = nr;
		in->id = id;
		in->sector_number = r->sector;
		in->handle = 0;
		in->indirect_grefs[0] = b->list_ref[list];
	}
	b->ring.req_prod_pvt++;
	return true;
}

/*
 * Move requests from the line into the ring while there are slots.  Those
 * that the disk cannot do are left in *bad, for the caller to finish without
 * the lock.  True: tell the back-end.
 */
static bool push(struct pv_blk *b, struct pv_blk_req **bad)
{
	struct pv_blk_req *r;
	unsigned int id;
	int notify;

	while (b->running && b->nr_free && (r = b->first)) {
		r->rc = check_disk(b, r);
		id = b->free[b->nr_free - 1];
		if (!r->rc && !fill(b, r, id)) {
			if (b->nr_free < b->nr_slots)
				break;		/* when one ends, again */
			r->rc = -XEN_ENOSPC;
		}
		b->first = r->next;
		if (!b->first)
			b->last = &b->first;
		if (r->rc) {
			r->next = *bad;
			*bad = r;
			continue;
		}
		b->nr_free--;
		b->slot[id] = r;
		b->requests++;
	}
	if (!b->running)
		return false;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&b->ring, notify);
	b->kicks += notify;
	return notify;
}

static void push_and_finish(struct pv_blk *b)
{
	struct pv_blk_req *bad = NULL, *r;
	bool notify;

	pv_os_lock(&b->lock);
	notify = push(b, &bad);
	pv_os_unlock(&b->lock);
	if (notify)
		pv_evtchn_send(b->dev.pv, b->port);
	while ((r = bad)) {
		bad = r->next;
		finish(r, r->rc);
	}
}

void pv_blk_submit(struct pv_blk *b, struct pv_blk_req *r)
{
	int rc = check(b, r);

	r->waiting = true;
	r->nr_refs = 0;
	r->next = NULL;
	if (rc) {
		finish(r, rc);
		return;
	}
	pv_os_lock(&b->lock);
	*b->last = r;
	b->last = &r->next;
	pv_os_unlock(&b->lock);
	push_and_finish(b);
}

/* ---- Answers ---- */

static int status(int16_t s)
{
	return s == BLKIF_RSP_OKAY ? 0 :
	       s == BLKIF_RSP_EOPNOTSUPP ? -XEN_EOPNOTSUPP : -XEN_EIO;
}

/* The request that an answer is for; NULL: there is none like that. */
static struct pv_blk_req *match(struct pv_blk *b,
				const struct blkif_response *a)
{
	static const uint8_t ops[] = {
		BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_FLUSH_DISKCACHE,
	};
	struct pv_blk_req *r;

	if (a->id >= b->nr_slots)
		return NULL;
	r = b->slot[a->id];
	return r && a->operation == ops[r->op] ? r : NULL;
}

/* Take one answer from the ring.  False: the back-end lost its mind. */
static bool answer(struct pv_blk *b)
{
	struct blkif_response a;
	struct pv_blk_req *r;
	int rc;

	RING_COPY_RESPONSE(&b->ring, b->ring.rsp_cons, &a);
	b->ring.rsp_cons++;
	r = match(b, &a);
	if (!r)
		return false;
	pv_os_lock(&b->lock);
	b->slot[a.id] = NULL;
	b->free[b->nr_free++] = a.id;
	if (b->list_of[a.id] < PV_BLK_LISTS)
		b->free_list[b->nr_free_lists++] = b->list_of[a.id];
	pv_os_unlock(&b->lock);
	rc = end_grants(b, r);
	finish(r, rc ? rc : status(a.status));
	return !rc;
}

static void event(void *ctx)
{
	struct pv_blk *b = ctx;
	uint32_t prod;
	int more;

	if (!b->running)
		return;
	do {
		prod = PV_READ(b->ring.sring->rsp_prod);
		xen_rmb();
		if (RING_RESPONSE_PROD_OVERFLOW(&b->ring, prod)) {
			pv_device_break(&b->dev, "the back-end answered more than it was asked");
			return;
		}
		while (b->running && b->ring.rsp_cons != prod)
			if (!answer(b)) {
				pv_device_break(&b->dev, "the back-end answered what was not asked, or holds a page");
				return;
			}
		if (!b->running)
			return;
		RING_FINAL_CHECK_FOR_RESPONSES(&b->ring, more);
	} while (more);
	push_and_finish(b);
}

/* ---- Coming and going ---- */

enum { MAX_INDIRECT, MAX_ORDER, NR_ASKED };

static unsigned int ask(struct pv_device *d, struct pv_key *key)
{
	(void)d;
	key[MAX_INDIRECT] = (struct pv_key){
		.name = "feature-max-indirect-segments",
		.what = PV_READ_NUMBER,
	};
	key[MAX_ORDER] = (struct pv_key){ .name = "max-ring-page-order",
					  .what = PV_READ_NUMBER };
	return NR_ASKED;
}

/* The lists of segments, for requests of more than 11 pages. */
static void make_lists(struct pv_blk *b)
{
	struct pv *pv = b->dev.pv;
	unsigned int i;
	int ref;

	for (i = 0; i < PV_BLK_LISTS; i++) {
		b->list[i] = pv_os_pages(pv, 1);
		if (!b->list[i])
			return;
		ref = pv_grant(pv, b->dev.peer_id, b->list[i], true);
		if (ref < 0)
			return;
		b->list_ref[i] = ref;
		b->free_list[i] = i;
	}
	b->nr_free_lists = PV_BLK_LISTS;
	b->max_pages = PV_BLK_PAGES;
}

static unsigned int ref_pages(const struct pv_blk *b)
{
	return (b->buffer_pages * sizeof(*b->buffer_ref) + PV_PAGE_SIZE - 1) /
	       PV_PAGE_SIZE;
}

/* The buffer, and a grant of each of its pages. */
static int make_buffer(struct pv_blk *b)
{
	struct pv *pv = b->dev.pv;
	unsigned int i;
	int ref;

	if (!b->buffer_pages)
		return 0;
	if (b->buffer_lost)
		return -XEN_EBUSY;
	if (!b->buffer)
		b->buffer = pv_os_pages(pv, b->buffer_pages);
	if (b->buffer && !b->buffer_ref)
		b->buffer_ref = pv_os_pages(pv, ref_pages(b));
	if (!b->buffer_ref)
		return -XEN_ENOMEM;
	for (i = 0; i < b->buffer_pages; i++) {
		ref = pv_grant(pv, b->dev.peer_id,
			       (char *)b->buffer + i * PV_PAGE_SIZE, false);
		if (ref < 0)
			return ref;
		b->buffer_ref[i] = ref;
	}
	return 0;
}

static int make_ring(struct pv_blk *b, uint64_t max_order)
{
	struct pv *pv = b->dev.pv;
	struct blkif_sring *ring;
	unsigned int i;
	int rc;

	b->order = 0;
	while (b->order < max_order && 2u << b->order <= b->ring_pages &&
	       2u << b->order <= PV_BLK_RING_PAGES)
		b->order++;
	ring = pv_os_pages(pv, 1u << b->order);
	if (!ring)
		return -XEN_ENOMEM;
	SHARED_RING_INIT(ring);
	FRONT_RING_INIT(&b->ring, ring, PV_PAGE_SIZE << b->order);
	for (i = 0; i < 1u << b->order; i++) {
		rc = pv_grant(pv, b->dev.peer_id,
			      (char *)ring + i * PV_PAGE_SIZE, false);
		if (rc < 0)
			return rc;
		b->ring_ref[i] = rc;
	}
	b->nr_slots = b->nr_free = RING_SIZE(&b->ring);
	for (i = 0; i < b->nr_slots; i++)
		b->free[i] = b->nr_slots - 1 - i;
	return 0;
}

static void write_key(struct pv_key *key, const char *name, uint64_t number)
{
	*key = (struct pv_key){ .name = name, .number = number,
				.what = PV_WRITE_NUMBER };
}

/* A ring of one page is announced as it was before there were others. */
static unsigned int ring_keys(const struct pv_blk *b, struct pv_key *key)
{
	static const char names[PV_BLK_RING_PAGES][10] = {
		"ring-ref0", "ring-ref1", "ring-ref2", "ring-ref3",
	};
	unsigned int i;

	if (!b->order) {
		write_key(&key[0], "ring-ref", b->ring_ref[0]);
		return 1;
	}
	write_key(&key[0], "ring-page-order", b->order);
	for (i = 0; i < 1u << b->order; i++)
		write_key(&key[1 + i], names[i], b->ring_ref[i]);
	return 1 + i;
}

static int prepare(struct pv_device *d, struct pv_key *key, unsigned int *nr)
{
	struct pv_blk *b = of(d);
	bool indirect = key[MAX_INDIRECT].number >= PV_BLK_PAGES;
	int rc = make_ring(b, key[MAX_ORDER].number);

	if (!rc)
		rc = make_buffer(b);
	if (rc < 0)
		return rc;
	rc = pv_evtchn_listen(d->pv, d->peer_id, event, b);
	if (rc < 0)
		return rc;
	b->port = rc;
	b->max_pages = DIRECT;
	if (indirect)
		make_lists(b);
	b->max_sectors = b->max_pages * PAGE_SECTORS;

	*nr = ring_keys(b, key);
	write_key(&key[(*nr)++], "event-channel", b->port);
	write_key(&key[(*nr)++], "feature-persistent", b->buffer != NULL);
	key[(*nr)++] = (struct pv_key){ .name = "protocol",
					.text = "x86_64-abi",
					.what = PV_WRITE_TEXT };
	return 0;
}

enum { SECTORS, SECTOR_SIZE, INFO, FLUSH, NR_INFO };

static unsigned int info(struct pv_device *d, struct pv_key *key)
{
	static const char names[NR_INFO][20] = {
		[SECTORS] = "sectors", [SECTOR_SIZE] = "sector-size",
		[INFO] = "info", [FLUSH] = "feature-flush-cache",
	};
	unsigned int i;

	(void)d;
	for (i = 0; i < NR_INFO; i++)
		key[i] = (struct pv_key){ .name = names[i],
					  .what = PV_READ_NUMBER };
	key[SECTORS].needed = true;
	key[SECTOR_SIZE].number = PV_BLK_SECTOR;
	return NR_INFO;
}

static void up(struct pv_device *d, const struct pv_key *key)
{
	struct pv_blk *b = of(d);
	uint64_t size = key[SECTOR_SIZE].number;

	if (size < PV_BLK_SECTOR || size > PV_PAGE_SIZE || (size & (size - 1)) ||
	    key[SECTORS].number > UINT64_MAX / PV_BLK_SECTOR) {
		pv_device_break(d, "the back-end's disk has an impossible size");
		return;
	}
	b->sectors = key[SECTORS].number;
	b->sector_size = (uint32_t)size;
	b->read_only = key[INFO].number & VDISK_READONLY;
	b->can_flush = key[FLUSH].number;
	b->running = true;
	push_and_finish(b);
}

static void stop(struct pv_device *d)
{
	struct pv_blk *b = of(d);

	b->running = false;
	pv_evtchn_close(d->pv, b->port);
	b->port = 0;
}

/* Pages that they do not give back are left to them. */
static void give_back(struct pv_blk *b, void *page, unsigned int nr,
		      uint32_t *ref, bool resumed)
{
	bool held = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (ref[i] && !resumed && pv_grant_end(b->dev.pv, ref[i]))
			held = true;
		ref[i] = 0;
	}
	if (held)
		pv_os_log(b->dev.pv, b->dev.path, "a page is lost: the back-end keeps it");
	else if (page)
		pv_os_free_pages(b->dev.pv, page, nr);
}

/* The buffer's grants end; it goes with them unless there is a next time. */
static void release_buffer(struct pv_blk *b, bool again, bool resumed)
{
	struct pv *pv = b->dev.pv;
	unsigned int i;

	for (i = 0; b->buffer_ref && i < b->buffer_pages; i++) {
		if (b->buffer_ref[i] && !resumed &&
		    pv_grant_end(pv, b->buffer_ref[i]))
			b->buffer_lost = true;
		b->buffer_ref[i] = 0;
	}
	if (again)
		return;
	if (b->buffer_lost)
		pv_os_log(pv, b->dev.path, "the buffer is lost: the back-end keeps it");
	else if (b->buffer)
		pv_os_free_pages(pv, b->buffer, b->buffer_pages);
	if (b->buffer_ref)
		pv_os_free_pages(pv, b->buffer_ref, ref_pages(b));
	b->buffer = NULL;
	b->buffer_ref = NULL;
}

/*
 * What was in the ring goes in front of the line when there is a next time, in
 * the order of slots: the order of requests is nobody's promise.
 */
static void take_out(struct pv_blk *b, bool resumed)
{
	struct pv_blk_req *r;
	unsigned int i;

	for (i = 0; i < PV_BLK_RING; i++) {
		r = b->slot[i];
		b->slot[i] = NULL;
		if (!r)
			continue;
		if (resumed)
			r->nr_refs = 0;
		if (end_grants(b, r)) {
			finish(r, -XEN_EBUSY);
			continue;
		}
		r->next = b->first;
		if (!b->first)
			b->last = &r->next;
		b->first = r;
	}
}

static void fail_line(struct pv_blk *b)
{
	struct pv_blk_req *r;

	b->refuse = true;
	while ((r = b->first)) {
		b->first = r->next;
		finish(r, -XEN_ENODEV);
	}
	b->last = &b->first;
}

static void release(struct pv_device *d, bool again, bool resumed)
{
	struct pv_blk *b = of(d);
	unsigned int i;

	b->running = false;
	if (resumed)
		b->port = 0;
	take_out(b, resumed);
	give_back(b, b->ring.sring, 1u << b->order, b->ring_ref, resumed);
	b->ring.sring = NULL;
	for (i = 0; i < PV_BLK_LISTS; i++) {
		give_back(b, b->list[i], 1, &b->list_ref[i], resumed);
		b->list[i] = NULL;
	}
	b->nr_free_lists = 0;
	release_buffer(b, again, resumed);
	if (!again)
		fail_line(b);
}

static const struct pv_class blk_class = {
	.type = "vbd",
	.offered = XenbusStateInitialised,
	.ask = ask,
	.prepare = prepare,
	.info = info,
	.up = up,
	.stop = stop,
	.release = release,
};

void pv_blk_open(struct pv *pv, struct pv_blk *b, uint64_t number)
{
	b->last = &b->first;
	b->max_sectors = DIRECT * PAGE_SECTORS;
	pv_device_open(pv, &b->dev, &blk_class, number);
}

/* xvdX and xvdXN; the numbers of toolstack conventions. */
uint64_t pv_blk_number(const char *name)
{
	uint64_t disk, part = 0;

	if (name[0] != 'x' || name[1] != 'v' || name[2] != 'd' ||
	    name[3] < 'a' || name[3] > 'z')
		return 0;
	disk = name[3] - 'a';
	if (name[4] && (!text_to_number(name + 4, &part) || part > 15))
		return 0;
	return disk < 16 ? 202 << 8 | disk << 4 | part
			 : 1 << 28 | disk << 8 | part;
}

/* ---- Synchronous ---- */

static int run(struct pv_blk *b, int op, uint64_t sector, char *data,
	       unsigned int nr_sectors)
{
	struct pv_blk_req r = {
		.op = op,
		.sector = sector,
		.nr_sectors = nr_sectors,
		.data = data,
	};

	pv_blk_submit(b, &r);
	while (PV_READ(r.waiting))
		pv_os_wait(b->dev.pv, UINT64_MAX);
	return r.rc;
}

/* In pieces that end at page boundaries and that any back-end takes. */
static int transfer(struct pv_blk *b, int op, uint64_t sector, char *data,
		    size_t bytes)
{
	int rc = 0;

	if (bytes % PV_BLK_SECTOR)
		return -XEN_EINVAL;
	while (bytes && !rc) {
		size_t n = b->max_sectors * PV_BLK_SECTOR -
			   ((uintptr_t)data & (PV_PAGE_SIZE - 1));

		if (n > bytes)
			n = bytes;
		rc = run(b, op, sector, data, n / PV_BLK_SECTOR);
		data += n;
		bytes -= n;
		sector += n / PV_BLK_SECTOR;
	}
	return rc;
}

int pv_blk_read(struct pv_blk *b, uint64_t sector, void *to, size_t bytes)
{
	return transfer(b, PV_BLK_READ, sector, to, bytes);
}

int pv_blk_write(struct pv_blk *b, uint64_t sector, const void *from,
		 size_t bytes)
{
	return transfer(b, PV_BLK_WRITE, sector, (void *)from, bytes);
}

int pv_blk_flush(struct pv_blk *b)
{
	return b->can_flush ? run(b, PV_BLK_FLUSH, 0, NULL, 0) : 0;
}
