/* SPDX-License-Identifier: MIT */
/*
 * One queue of a disk: the ring that is shared with the guest, and the journal
 * that lets another process go on where this one is killed.
 *
 * The journal is memory of a file that outlives us.  Each request that was
 * taken from the ring has an entry there until the guest has its answer:
 *
 *   FREE -> LIVE      the request is copied; it counts once req_cons, in the
 *                     journal too, has passed its index
 *   LIVE -> ANSWERED  its status and the index of its response are written;
 *                     the response slot is written after that
 *   ANSWERED -> FREE  the ring's rsp_prod has passed the response
 *
 * rsp_next is written before the ring's rsp_prod and rsp_done after it, so a
 * successor knows the only two values that rsp_prod may have; whatever else
 * stands there, the guest wrote.  Stores are made in program order: a process
 * that is killed stops between two instructions, and its memory stays.
 *
 * Pure: no descriptors, no system calls.  The ring's memory belongs to a
 * hostile party: indices are read once, requests are copied once.
 */
#ifndef BLKBACK_RING_H
#define BLKBACK_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/blkif.h>

#define BLK_RING_ORDER_MAX	4u
#define BLK_RING_PAGE_SLOTS	32u
#define BLK_RING_MAX		(BLK_RING_PAGE_SLOTS << BLK_RING_ORDER_MAX)

enum blk_entry_state {
	BLK_ENTRY_FREE = 0,
	BLK_ENTRY_LIVE = 1,
	BLK_ENTRY_ANSWERED = 2,
};

struct blk_entry {
	uint32_t state;
	uint32_t index;		/* of the request, in the ring's counting */
	uint32_t answer;	/* of the response, likewise */
	int16_t status;
	uint8_t operation;	/* what the response says */
	uint8_t pad;
	blkif_request_t req;	/* our copy: what is checked and done */
};

struct blk_journal {
	uint64_t magic;		/* 0 until the rest is true */
	uint32_t slots;
	uint32_t req_cons, rsp_done, rsp_next;
	uint32_t pad[10];
	struct blk_entry entry[];	/* [slots] */
};

struct blk_ring {
	blkif_sring_t *shared;
	struct blk_journal *journal;
	uint32_t slots;
	uint32_t req_cons;
	uint32_t rsp_prod;	/* the next response's index */
	uint32_t pushed;	/* what the ring's rsp_prod is */
	uint32_t seen;		/* the ring's req_prod when it was last read */
	uint32_t nr_free;
	uint16_t free[BLK_RING_MAX];	/* entries, the last one first */
	uint16_t order[BLK_RING_MAX];	/* entry of the response at index % slots */
	/* For tests: called wherever being killed could matter. */
	void (*point)(struct blk_ring *r);
};

/*
 * A new connection: the journal, which is zero, becomes that of this ring.
 * Returns 0, or -EPROTO when the ring's indices make no sense.
 */
int blk_ring_init(struct blk_ring *r, void *shared, uint32_t slots,
		  struct blk_journal *j);
/*
 * Go on with a ring that a dead process served.  Its answers that the guest
 * has not seen are published by the next blk_ring_push().  @live gets the
 * entries to do again, oldest first, @nr how many.  0; -ESTALE: the journal is
 * not of this ring; -EPROTO: the guest changed the ring's rsp_prod.
 */
int blk_ring_resume(struct blk_ring *r, void *shared, uint32_t slots,
		    struct blk_journal *j, uint16_t *live, uint32_t *nr);

/*
 * Take up to @max requests: their entries' numbers go to @taken.  Returns how
 * many, or -EPROTO: the guest's index, in seen, is out of range.
 */
int blk_ring_take(struct blk_ring *r, uint16_t *taken, uint32_t max);
/* The request's answer; the guest sees it with the next push. */
void blk_ring_answer(struct blk_ring *r, uint16_t entry, uint8_t operation,
		     int16_t status);
/* Publish what was answered; true: the guest wants an event. */
bool blk_ring_push(struct blk_ring *r);
/* Ask for an event at the next request; true: there is one already. */
bool blk_ring_more(struct blk_ring *r);
/* Requests taken and not answered. */
static inline uint32_t blk_ring_busy(const struct blk_ring *r)
{
	return r->req_cons - r->rsp_prod;
}

#endif
