/* SPDX-License-Identifier: MIT */
/*
 * A machine for the tests: it stands behind hyp/arch.h in place of
 * hyp/arch/x86.  RAM is an array, a guest's virtual addresses are the test's
 * own pointers, and each thread plays a CPU.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <hyp/arch.h>
#include <hyp/domain.h>
#include <hyp/page.h>

#define MACHINE_FRAMES	8192	/* 32 MiB */
#define MACHINE_CPUS	4

/* Empties RAM and all tables and starts core anew, as if just booted. */
void machine_boot(void);
/* This thread goes on as CPU n, running v (or idle). */
void machine_as(unsigned n, struct vcpu *v);
/* A domain with one vCPU (paused) whose shared_info is in place. */
struct domain *machine_domain(bool is_control);

/* Lets expired timers run, on every CPU. */
void machine_run_timers(void);

/* The n-th byte (from now) that is copied from or to a guest faults; 0: none. */
void machine_guest_fault_at(size_t n);
/* What the clock says; it moves only here. */
extern u64 machine_now_ns;
/* Called where a CPU would halt; NULL: it does not. */
extern void (*machine_idle)(void);
/* What was asked of the machine since the last machine_boot(). */
extern struct machine_log {
	unsigned kicks[MACHINE_CPUS];	/* IPIs */
	unsigned flushes;		/* TLB flush requests */
	unsigned table_loads;
	u64 deadline;
	u64 free_at_clear;	/* free frames while one was cleared */
	unsigned pirq_binds, pirq_unbinds;
	char console[4096];
	size_t console_len;
} machine_log;

/* panic() ends the test program unless a test expects it. */
#define machine_expect_panic(statement) ({ \
	bool panicked_; \
	machine_panic_expected = true; \
	panicked_ = __builtin_setjmp(machine_panic_jmp) != 0; \
	if (!panicked_) { statement; } \
	machine_panic_expected = false; \
	panicked_; })
extern bool machine_panic_expected;
extern void *machine_panic_jmp[5];

/* What the M2P says of frame m. */
static inline pfn_t m2p_get(mfn_t m)
{
	return m2p_table()[m];
}

#endif
