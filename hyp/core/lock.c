/* SPDX-License-Identifier: MIT */
/*
 * Ticket locks: who draws first is served first.  The low half of the word
 * is the ticket now served, the high half the next one to draw.
 */
#include <hyp/lock.h>

#include <hyp/arch.h>
#include <hyp/printk.h>

void lock_init(struct lock *l, enum lock_rank rank, unsigned id)
{
	*l = (struct lock){ .rank = rank, .id = id };
}

#ifdef HYP_DEBUG
void lock_note_taken(const struct lock *l)
{
	struct cpu *c = this_cpu();
	unsigned n = c->lock_depth;

	if (n && l->rank &&
	    (l->rank < c->lock_held[n - 1].rank ||
	     (l->rank == c->lock_held[n - 1].rank &&
	      l->id <= c->lock_held[n - 1].id)))
		panic("lock of rank %u id %u taken after rank %u id %u",
		      l->rank, l->id, c->lock_held[n - 1].rank,
		      c->lock_held[n - 1].id);
	BUG_ON(n == ARRAY_SIZE(c->lock_held));
	c->lock_held[n].rank = l->rank;
	c->lock_held[n].id = l->id;
	c->lock_depth++;
}

void lock_note_dropped(const struct lock *l)
{
	struct cpu *c = this_cpu();
	unsigned n;

	for (n = c->lock_depth; n--; )
		if (c->lock_held[n].rank == l->rank &&
		    c->lock_held[n].id == l->id)
			break;
	BUG_ON(n >= c->lock_depth);
	for (; n + 1 < c->lock_depth; n++)
		c->lock_held[n] = c->lock_held[n + 1];
	c->lock_depth--;
}
#endif

void lock_wait(struct lock *l, u16 mine)
{
	/* Someone may hold it and wait for us to flush: keep answering. */
	while ((u16)atomic_load(&l->ticket) != mine)
		arch_poll();
}

void lock_pair(struct lock *a, struct lock *b)
{
	if (a->id > b->id) {
		lock(b);
		lock(a);
		return;
	}
	lock(a);
	if (a != b)
		lock(b);
}

void unlock_pair(struct lock *a, struct lock *b)
{
	unlock(a);
	if (a != b)
		unlock(b);
}
