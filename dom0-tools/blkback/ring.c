/* SPDX-License-Identifier: MIT */
/* The ring and its journal; see ring.h. */
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLK_JOURNAL_MAGIC	0x316c6e6a6b6c62ull	/* "blkjnl1" */

_Static_assert(sizeof(struct blk_entry) == 128, "two cache lines");
_Static_assert(sizeof(struct blk_journal) == 64, "one cache line");
_Static_assert(sizeof(union blkif_sring_entry) == 112, "the 64-bit ABI");

/* Stores before this stay before it: whoever is killed here left them. */
static void point(struct blk_ring *r)
{
	__asm__ volatile("" ::: "memory");
	if (__builtin_expect(r->point != NULL, 0))
		r->point(r);
}

static uint32_t read_index(const RING_IDX *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static union blkif_sring_entry *slot(struct blk_ring *r, uint32_t index)
{
	return &r->shared->ring[index & (r->slots - 1)];
}

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static void begin(struct blk_ring *r, void *shared, uint32_t slots,
		  struct blk_journal *j)
{
	r->shared = shared;
	r->slots = slots;
	r->journal = j;
	r->nr_free = 0;
}

int blk_ring_init(struct blk_ring *r, void *shared, uint32_t slots,
		  struct blk_journal *j)
{
	uint32_t rsp, req;

	begin(r, shared, slots, j);
	/* A ring that somebody used before us goes on where it stands. */
	rsp = read_index(&r->shared->rsp_prod);
	req = read_index(&r->shared->req_prod);
	if (req - rsp > slots)
		return -EPROTO;
	r->req_cons = r->rsp_prod = r->pushed = rsp;
	j->slots = slots;
	j->req_cons = j->rsp_done = j->rsp_next = rsp;
	for (uint32_t i = slots; i > 0; i--)
		r->free[r->nr_free++] = i - 1;
	point(r);
	j->magic = BLK_JOURNAL_MAGIC;
	point(r);
	return 0;
}

static struct blk_journal *sorting;

static int by_index(const void *a, const void *b)
{
	const struct blk_entry *e = sorting->entry;
	uint32_t x = e[*(const uint16_t *)a].index;
	uint32_t y = e[*(const uint16_t *)b].index;

	return x == y ? 0 : before(x, y) ? -1 : 1;
}

static void put_response(struct blk_ring *r, uint32_t index,
			 const struct blk_entry *e)
{
	blkif_response_t rsp;

	/* Padding and all: nothing of ours goes along. */
	memset(&rsp, 0, sizeof(rsp));
	rsp.id = e->req.id;
	rsp.operation = e->operation;
	rsp.status = e->status;
	memcpy(&slot(r, index)->rsp, &rsp, sizeof(rsp));
}

/* Answers from @rsp on that were made and not published: put them again. */
static int put_again(struct blk_ring *r, uint32_t rsp, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (r->order[(rsp + i) & (r->slots - 1)] == UINT16_MAX)
			return -ESTALE;
	for (uint32_t i = 0; i < nr; i++)
		put_response(r, rsp + i, &r->journal->entry[
			     r->order[(rsp + i) & (r->slots - 1)]]);
	r->rsp_prod = rsp + nr;
	return 0;
}

int blk_ring_resume(struct blk_ring *r, void *shared, uint32_t slots,
		    struct blk_journal *j, uint16_t *live, uint32_t *nr)
{
	uint32_t rsp, answered = 0;
	struct blk_entry *e;

	*nr = 0;
	/* Nothing is taken from a ring before the journal is whole. */
	if (!j->magic)
		return blk_ring_init(r, shared, slots, j);
	begin(r, shared, slots, j);
	if (j->magic != BLK_JOURNAL_MAGIC || j->slots != slots)
		return -ESTALE;
	rsp = read_index(&r->shared->rsp_prod);
	if (rsp != j->rsp_done && rsp != j->rsp_next)
		return -EPROTO;
	memset(r->order, 0xff, sizeof(r->order));
	for (uint32_t i = slots; i > 0; i--) {
		e = &j->entry[i - 1];
		if (e->state == BLK_ENTRY_LIVE &&
		    before(e->index, j->req_cons)) {
			live[(*nr)++] = i - 1;
		} else if (e->state == BLK_ENTRY_ANSWERED &&
			   !before(e->answer, rsp)) {
			if (e->answer - rsp >= slots)
				return -ESTALE;
			r->order[e->answer & (slots - 1)] = i - 1;
			answered++;
		} else {
			e->state = BLK_ENTRY_FREE;
			r->free[r->nr_free++] = i - 1;
		}
	}
	/* Whatever was taken is either to be done or to be told. */
	if (j->req_cons - rsp != *nr + answered)
		return -ESTALE;
	r->req_cons = j->req_cons;
	r->pushed = rsp;
	j->rsp_done = rsp;
	sorting = j;
	qsort(live, *nr, sizeof(*live), by_index);
	return put_again(r, rsp, answered);
}

int blk_ring_take(struct blk_ring *r, uint16_t *taken, uint32_t max)
{
	const uint32_t prod = read_index(&r->shared->req_prod);
	uint32_t n = prod - r->req_cons;
	struct blk_entry *e;

	r->seen = prod;
	/*
	 * No more requests than slots may be without an answer that the guest
	 * could have seen; and what was sent cannot be taken back.
	 */
	if (prod - r->pushed > r->slots ||
	    prod - r->pushed < r->req_cons - r->pushed)
		return -EPROTO;
	/* An answer that is not pushed yet still has its entry. */
	if (n > r->nr_free)
		n = r->nr_free;
	if (n > max)
		n = max;
	for (uint32_t i = 0; i < n; i++) {
		taken[i] = r->free[--r->nr_free];
		e = &r->journal->entry[taken[i]];
		e->index = r->req_cons + i;
		memcpy(&e->req, &slot(r, r->req_cons + i)->req, sizeof(e->req));
		point(r);
		e->state = BLK_ENTRY_LIVE;
		point(r);
	}
	if (n) {
		r->req_cons += n;
		r->journal->req_cons = r->req_cons;
		point(r);
	}
	return n;
}

void blk_ring_answer(struct blk_ring *r, uint16_t entry, uint8_t operation,
		     int16_t status)
{
	struct blk_entry *e = &r->journal->entry[entry];

	e->status = status;
	e->operation = operation;
	e->answer = r->rsp_prod;
	point(r);
	e->state = BLK_ENTRY_ANSWERED;
	/* From here on this slot's request is only in the journal. */
	point(r);
	put_response(r, r->rsp_prod, e);
	r->order[r->rsp_prod & (r->slots - 1)] = entry;
	r->rsp_prod++;
	point(r);
}

bool blk_ring_push(struct blk_ring *r)
{
	const uint32_t old = r->pushed, new = r->rsp_prod;
	uint16_t entry;

	if (old == new)
		return false;
	r->journal->rsp_next = new;
	point(r);
	__atomic_store_n(&r->shared->rsp_prod, new, __ATOMIC_RELEASE);
	point(r);
	r->journal->rsp_done = new;
	point(r);
	for (uint32_t i = old; i != new; i++) {
		entry = r->order[i & (r->slots - 1)];
		r->journal->entry[entry].state = BLK_ENTRY_FREE;
		r->free[r->nr_free++] = entry;
		point(r);
	}
	r->pushed = new;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return new - read_index(&r->shared->rsp_event) < new - old;
}

bool blk_ring_more(struct blk_ring *r)
{
	if (read_index(&r->shared->req_prod) != r->req_cons)
		return true;
	__atomic_store_n(&r->shared->req_event, r->req_cons + 1,
			 __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return read_index(&r->shared->req_prod) != r->req_cons;
}
