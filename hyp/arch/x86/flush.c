/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes across CPUs.
 *
 * One request is under way at a time.  The requester marks the CPUs, sends
 * each an IPI and waits; a marked CPU flushes in the interrupt, or in
 * arch_poll() when it waits for something itself, so two CPUs never wait for
 * each other.
 *
 * The TLB clock ticks at each full flush.  A CPU's epoch is the clock's value
 * at its last full flush, written after the flush was made.  Whoever removed
 * the last mapping of a frame at clock value s knows that a CPU with epoch > s
 * has forgotten it.  Frames keep only the clock's lower half: the last moment
 * that looked like it is taken, which at worst means a flush too many.
 */
#include <asm/machine.h>

u64 arch_tlb_time = 1;
static u32 request_busy;	/* a: one requester at a time */
static u64 request_va;		/* what it wants flushed */

static void flush_this(u64 va)
{
	u64 now;

	if (va != FLUSH_ALL) {
		invlpg(va);
		return;
	}
	now = atomic_add(&arch_tlb_time, 1);
	switch_let_go();
	write_cr3(read_cr3());
	atomic_store(&this_cpu()->arch.flush_epoch, now);
}

void flush_answer(void)
{
	struct arch_cpu *c = &this_cpu()->arch;

	if (atomic_load(&c->flush_pending)) {
		flush_this(atomic_load(&request_va));
		atomic_store(&c->flush_pending, 0);
	}
}

void arch_poll(void)
{
	flush_answer();
	cpu_relax();
}

static void request(const struct cpumask *m, u64 va)
{
	while (atomic_xchg(&request_busy, 1))
		arch_poll();
	atomic_store(&request_va, va);
	for_each_cpu(c) {
		if (!cpumask_test(m, c->id) || !atomic_load(&c->online))
			continue;
		atomic_store(&c->arch.flush_pending, 1);
		apic_send(c->arch.apic_id, VECTOR_FLUSH);
	}
	for_each_cpu(c)
		while (cpumask_test(m, c->id) &&
		       atomic_load(&c->arch.flush_pending))
			arch_poll();
	atomic_store(&request_busy, 0);
}

static bool is_stale(const struct cpu *c, u32 stamp)
{
	const u64 now = atomic_load(&arch_tlb_time);
	const u64 stamped = now - ((u32)now - stamp);

	return atomic_load(&c->arch.flush_epoch) <= stamped;
}

/* Those of m that did not flush since. */
static void flush(const struct cpumask *m, u64 va, u32 stamp)
{
	struct cpumask others = { { 0 } };
	bool any = false;

	for_each_cpu(c) {
		if (!cpumask_test(m, c->id) || !is_stale(c, stamp))
			continue;
		if (c == this_cpu()) {
			flush_this(va);
			continue;
		}
		cpumask_set(&others, c->id);
		any = true;
	}
	if (any)
		request(&others, va);
}

void arch_flush_tlb(const struct cpumask *m, u64 va)
{
	/* What the caller wrote to tables comes first: who flushes later than
	 * the clock says now has forgotten it. */
	memory_barrier();
	flush(m, va, arch_tlb_clock());
}

void arch_flush_tlb_since(const struct cpumask *m, u32 stamp)
{
	memory_barrier();
	flush(m, FLUSH_ALL, stamp);
}
