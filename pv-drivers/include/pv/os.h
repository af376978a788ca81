/* SPDX-License-Identifier: MIT */
/*
 * What the drivers need of the system around them, and all they need.  You
 * write these functions; pv-drivers/tiny/os.c is one way to do it in a page
 * of C, and tests/pv/fake.c another, for an ordinary program.
 *
 * Beside them the compiler itself asks for memcpy(), memmove(), memset() and
 * memcmp(), as of every freestanding program.
 */
#ifndef PV_OS_H
#define PV_OS_H

#include <pv/abi.h>

struct pv;

/*
 * Memory comes in whole pages.  They are zeroed, lie side by side in virtual
 * memory, and stay where they are.  NULL when there are none.  Never called
 * with a lock held.
 */
void *pv_os_pages(struct pv *pv, unsigned int nr);
void pv_os_free_pages(struct pv *pv, void *at, unsigned int nr);

/* The machine frame below an address of a page of ours. */
uint64_t pv_os_mfn(struct pv *pv, const void *at);

/* The address of a frame that the builder gave us (a ring page). */
void *pv_os_at(struct pv *pv, uint64_t mfn);

/*
 * Make frames that are not our memory (shared_info, the grant table) visible,
 * side by side, writable; NULL when that does not work.  `at` is NULL, or
 * where they were before a resume and shall be again.
 */
void *pv_os_map(struct pv *pv, void *at, const uint64_t *mfn, unsigned int nr);

/*
 * Mutual exclusion between the code that calls the drivers and the event
 * handlers.  A lock is held for a few dozen instructions and never while a
 * callback runs.  One processor: mask events.  Several: a spinlock as well.
 * Zero is an open lock; both words are yours.
 */
struct pv_lock {
	uint32_t held, saved;
};
void pv_os_lock(struct pv_lock *lock);
void pv_os_unlock(struct pv_lock *lock);

/*
 * The synchronous layer waits here until the clock (pv_clock_now()) reaches
 * `deadline`, or anything at all has happened: it looks and comes back.  A
 * system with threads sleeps on what its event upcall wakes; a system without
 * calls pv_evtchn_wait().
 */
void pv_os_wait(struct pv *pv, uint64_t deadline);

/* A line for whoever looks after this guest: what it is about, and a sentence. */
void pv_os_log(struct pv *pv, const char *who, const char *what);

#endif
