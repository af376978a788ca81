/* SPDX-License-Identifier: MIT */
/*
 * One physical CPU and the work that others ask of it.
 *
 * A CPU looks at its work bits before every return to a guest and in the
 * idle loop.  cpu_post_work() sets a bit and, when the CPU is another one,
 * makes it look now (one IPI).
 */
#pragma once

#include <hyp/atomic.h>
#include <hyp/lock.h>
#include <hyp/sched.h>
#include <hyp/timer.h>

#include <asm/arch-cpu.h>

enum cpu_work_bit {
	WORK_RESCHED = 1,	/* run the scheduler                   */
	WORK_TIMER = 2,		/* timers may have expired             */
	WORK_CONSOLE = 4,	/* bytes wait in the serial input ring */
	WORK_NMI = 8,		/* an NMI came that nobody asked for    */
};

struct cpu {
	/* o: only this CPU; a: atomic; I: set at birth. */
	u32 id;			/* I: 0 .. cpu_count - 1 */
	u32 work;		/* a: enum cpu_work_bit */
	struct vcpu *current;	/* o: who runs, or NULL in the idle loop */
	struct vcpu *loaded;	/* o: whose page tables and segments are loaded */
	bool online;		/* a */

	/* Hypercall in progress (o). */
	bool in_multicall;	/* args of a restart go to the entry */
	u8 restart;		/* the handler asked for a restart: arguments, or 0 */
	u64 restart_args[6];
	u32 rest_budget;	/* units of work left before resting */

	struct runqueue rq;
	struct timer_queue timers;
	u64 idle_ns;		/* o: time spent idle */

	u8 lock_depth;		/* o: debug: ranks held, see lock.c */
	struct { u8 rank; u16 id; } lock_held[16];

	struct arch_cpu arch;
} __aligned(64);

extern u32 cpu_count;			/* I: CPUs that were started */
struct cpu *cpu_get(unsigned id);	/* NULL when there is no such CPU */
#define for_each_cpu(c) \
	for (struct cpu *c = cpu_get(0); c; c = cpu_get(c->id + 1))

/* Asks c to look at bit.  Any CPU, no lock needed. */
void cpu_post_work(struct cpu *c, enum cpu_work_bit bit);
/* On c: does what waits, but for the scheduler; returns the bits there were. */
u32 cpu_work_once(struct cpu *c);

static inline void cpumask_set(struct cpumask *m, unsigned cpu)
{
	atomic_fetch_or(&m->bits[cpu / 64], BIT(cpu % 64));
}

static inline void cpumask_clear(struct cpumask *m, unsigned cpu)
{
	atomic_fetch_and(&m->bits[cpu / 64], ~BIT(cpu % 64));
}

static inline bool cpumask_test(const struct cpumask *m, unsigned cpu)
{
	return bit_test(m->bits, cpu);
}

#include <asm/this-cpu.h>		/* struct cpu *this_cpu(void) */

/* The vCPU on whose behalf we run; NULL in the idle loop. */
static inline struct vcpu *current_vcpu(void)
{
	return this_cpu()->current;
}
