/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers, one heap for each CPU.  A timer's function runs on its
 * CPU from cpu_work(), never inside an interrupt, with no lock held.
 */
#ifndef HYP_TIMER_H
#define HYP_TIMER_H

#include <hyp/lock.h>
#include <hyp/types.h>

struct cpu;

struct timer {
	u64 deadline;		/* t: ns since boot */
	u32 slot;		/* t: 1 + place in the heap, 0: not set */
	struct cpu *cpu;	/* whose heap; changes only while not set */
	void (*fn)(void *arg);
	void *arg;
};

struct timer_heap {
	struct lock lock;	/* RANK_TIMER; t */
	struct timer **heap;	/* t: binary heap by deadline */
	u32 count, size;	/* t */
	u64 armed;		/* t: deadline the hardware has, ~0 none */
};

int timer_cpu_init(struct cpu *c);
void timer_init(struct timer *t, void (*fn)(void *arg), void *arg);
/* Reserves room so that timer_set() cannot fail; -XEN_ENOMEM. */
int timer_reserve(void);
/* (Re)arms t on this CPU; a deadline in the past runs soon.  Any context. */
void timer_set(struct timer *t, u64 deadline);
/* After it returns, fn will not start.  Any CPU. */
void timer_cancel(struct timer *t);
/* Runs what has expired on this CPU and arms the hardware; cpu_work(). */
void timer_run(void);

#endif
