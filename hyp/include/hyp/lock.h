/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks and the whole lock order on one screen.
 *
 * The hypervisor runs with interrupts off; it takes them only while a guest
 * or the idle loop runs.  So a lock never needs to save the interrupt flag,
 * and an interrupt handler never meets a lock that its own CPU holds.  What
 * may not happen either is that two CPUs wait for each other, one for a lock
 * and one for a TLB flush: while it waits, a CPU answers flush requests
 * (arch_poll()).
 *
 * A CPU takes locks in rising rank.  Two locks of one rank: lower domain id
 * first, through lock_pair().  Debug builds check ranks per CPU and panic.
 */
#pragma once

#include <hyp/atomic.h>

enum lock_rank {
	RANK_NONE,
	RANK_DOMCTL,	/* one control operation at a time             */
	RANK_DOMLIST,	/* the table of domains                        */
	RANK_GNTTAB,	/* one domain's grant table and maptrack       */
	RANK_MMU,	/* one domain's page tables                    */
	RANK_DOMAIN,	/* one domain's memory list, life and limits   */
	RANK_VIRQ,	/* who handles the global virtual interrupts   */
	RANK_EVTCHN,	/* one domain's event channels                 */
	RANK_FIFO,	/* the FIFO event queues of one domain         */
	RANK_MSI,	/* message-signalled interrupts                */
	RANK_IRQ,	/* interrupt routing                           */
	RANK_RUNQ,	/* one CPU's run queue                         */
	RANK_TIMER,	/* one CPU's timer queue                       */
	RANK_HEAP,	/* the small-object allocator                  */
	RANK_FRAMES,	/* the frame allocator                         */
	RANK_CONSOLE,	/* the log ring and the serial port            */
};

struct lock {
	u32 ticket;	/* low half: now served; high half: next to draw */
	u8 rank;	/* enum lock_rank */
	u16 id;		/* second key inside a rank: a domid, a CPU */
};

#define LOCK_INIT(r) { 0, (r), 0 }

/* Prepares a lock; id orders locks of one rank (domid or CPU number). */
void lock_init(struct lock *l, enum lock_rank rank, unsigned id);
#define LOCK_DRAW 0x10000u

/* It was not free: waits for the ticket `mine`. */
void lock_wait(struct lock *l, u16 mine);
#ifdef HYP_DEBUG
/* Ranks rise; within one rank ids do.  Locks may be dropped in any order. */
void lock_note_taken(const struct lock *l);
void lock_note_dropped(const struct lock *l);
#else
static inline void lock_note_taken(const struct lock *l) { }
static inline void lock_note_dropped(const struct lock *l) { }
#endif

static inline void lock(struct lock *l)
{
	const u32 drawn = atomic_fetch_add(&l->ticket, LOCK_DRAW);

	if (unlikely((u16)drawn != drawn >> 16))
		lock_wait(l, drawn >> 16);
	lock_note_taken(l);
}

static inline void unlock(struct lock *l)
{
	u16 *served = (u16 *)&l->ticket;	/* the low half alone: no carry */

	lock_note_dropped(l);
	atomic_store(served, (u16)(*served + 1));
}

static inline struct lock *lock_held(struct lock *l)
{
	lock(l);
	return l;
}

static inline void unlock_held(struct lock **l)
{
	unlock(*l);
}

/* Holds l from here to the end of the block, however that is left. */
#define HOLD(l)	struct lock *held_ \
	__attribute__((cleanup(unlock_held), unused)) = lock_held(l)

/* Takes two locks of one rank in order of their ids; a == b is one lock. */
void lock_pair(struct lock *a, struct lock *b);
void unlock_pair(struct lock *a, struct lock *b);
