/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers, one queue for each CPU.  A timer's function runs on its
 * CPU from cpu_work(), never inside an interrupt, with no lock held.
 * Their links live in them, so setting one needs no memory and cannot fail.
 */
#pragma once

#include <hyp/lock.h>

struct timer {
	u64 deadline;		/* t: ns since boot */
	struct timer *up, *left, *right;	/* t: in its heap */
	bool set;		/* t */
	struct cpu *cpu;	/* whose queue; changes only while not set */
	void (*fn)(void *arg);	/* I */
	void *arg;		/* I */
};

struct timer_queue {
	struct lock lock;	/* RANK_TIMER; t */
	struct timer *top;	/* t: the earliest */
	struct timer *running;	/* a: whose function runs now */
	u64 armed;		/* t: deadline the hardware has, ~0 none */
};

void timer_cpu_init(struct cpu *c);
void timer_init(struct timer *t, void (*fn)(void *arg), void *arg);
/* (Re)arms t on this CPU; a deadline in the past runs soon.  Any context. */
void timer_set(struct timer *t, u64 deadline);
/* After it returns, fn runs nowhere and will not start.  Any CPU; no lock
 * that fn may take.  Inside fn itself it only undoes a new timer_set(). */
void timer_cancel(struct timer *t);
/* Moves a timer that is set to this CPU's queue. */
void timer_migrate(struct timer *t);
/* Runs what has expired on this CPU and arms the hardware; cpu_work(). */
void timer_run(void);
