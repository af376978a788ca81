/* SPDX-License-Identifier: MIT */
/*
 * The work that waits for this CPU, done before every return to a guest.
 * A bit is taken before its work is done, so what is posted meanwhile is
 * not lost but found by the next look.
 */
#include <hyp/arch.h>
#include <hyp/printk.h>
#include <hyp/cpu.h>

void cpu_post_work(struct cpu *c, enum cpu_work_bit bit)
{
	if (atomic_fetch_or(&c->work, (u32)bit) & (u32)bit)
		return;		/* whoever set it made the CPU look */
	if (c != this_cpu())
		arch_kick_cpu(c);
}

u32 cpu_work_once(struct cpu *c)
{
	const u32 work = atomic_xchg(&c->work, 0);

	if (work & WORK_TIMER)
		timer_run();
	if (work & WORK_NMI)
		log_warn("CPU %u: NMI without a known reason", c->id);
	if (work & WORK_CONSOLE)
		console_work();
	return work;
}

void cpu_work(void)
{
	struct cpu *c = this_cpu();

	while (READ_ONCE(c->work))
		if (cpu_work_once(c) & WORK_RESCHED)
			sched_run();
}
