/* SPDX-License-Identifier: MIT */
/*
 * Who runs next.  Each CPU has a queue of runnable vCPUs ordered by virtual
 * run time (run time divided by weight); an idle CPU steals.
 *
 * A vCPU is runnable when it is online, not blocked and not paused.  It is
 * running when it is some CPU's current.
 */
#pragma once

#include <hyp/list.h>
#include <hyp/lock.h>


#define MAX_CPUS 128
#define SCHED_WEIGHT_DEFAULT 256

struct cpumask {
	u64 bits[MAX_CPUS / 64];
};

#define CPUMASK_ALL	((struct cpumask){ { ~0ULL, ~0ULL } })

struct runqueue {
	struct lock lock;	/* RANK_RUNQ */
	struct list queue;	/* s: runnable, not running; by vruntime */
	u32 count;		/* s */
	bool idle;		/* s: the CPU waits for work */
	/* s, read without it by other CPUs that look for work: */
	u64 head_vruntime;	/* of the first in the queue; ~0: empty */
	u64 curr_vruntime;	/* of the current vCPU at curr_started; ~0: none */
	u64 curr_started;
	u32 curr_weight;
};

/* In struct vcpu; s: run-queue lock of cpu. */
struct vcpu_sched {
	struct list link;	/* s: in a queue, or empty */
	struct cpu *cpu;	/* s: where it runs or ran last */
	u64 vruntime;		/* s */
	/* s: ns up to which it was charged; when it must, when it may let others
	 * run. */
	u64 started, slice_end, moment_end;
	u32 weight;		/* s */
	bool running;		/* s, read anywhere */
	bool yielded;		/* o */
	bool pinned;		/* s: affinity counts */
	struct cpumask affinity; /* s: the CPUs it may run on */
	struct cpumask soft;	/* DOMCTL: those it would like: remembered */
};

/* The boot CPU first. */
void sched_cpu_init(struct cpu *c);
void sched_vcpu_init(struct vcpu *v);

/* v may have become runnable: queue it and make a CPU look.  Any CPU. */
void sched_wake(struct vcpu *v);
/* v may have become not runnable: if it runs, make its CPU look.  Any CPU. */
void sched_sleep(struct vcpu *v);

/* Where v may run.  -XEN_EINVAL: on no CPU of ours. */
int sched_set_affinity(struct vcpu *v, const struct cpumask *m);
void sched_set_weight(struct vcpu *v, u32 weight);

/* Picks and switches; called with WORK_RESCHED from cpu_work().  Returns with
 * a runnable vCPU current; idles inside (scrubbing, halting) until then. */
void sched_run(void);
