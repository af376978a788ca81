/* SPDX-License-Identifier: MIT */
/* The fake machine behind hyp/arch.h; see machine.h. */
#include "machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <hyp/frame-alloc.h>
#include <hyp/hypercall.h>

u8 *machine_ram;
struct page *machine_frames;
u64 *machine_m2p;
__thread struct cpu *machine_cpu;
__thread struct regs machine_regs;
u64 machine_now_ns;
struct machine_log machine_log;
bool machine_panic_expected;
void *machine_panic_jmp[5];
struct boot_info boot_info;

static struct cpu cpus[MACHINE_CPUS];
static size_t fault_at;

/* ---- Guests ---- */

static bool faults(size_t n)
{
	if (!fault_at)
		return false;
	if (fault_at <= n) {
		fault_at = 0;
		return true;
	}
	fault_at -= n;
	return false;
}

void machine_guest_fault_at(size_t n)
{
	fault_at = n;
}

int arch_copy_from_guest(void *to, u64 gva, size_t n)
{
	if (faults(n) || gva < PAGE_SIZE)
		return n ? -XEN_EFAULT : 0;
	memcpy(to, (const void *)gva, n);
	return 0;
}

int arch_copy_to_guest(u64 gva, const void *from, size_t n)
{
	if (faults(n) || gva < PAGE_SIZE)
		return n ? -XEN_EFAULT : 0;
	memcpy((void *)gva, from, n);
	return 0;
}

/* ---- CPUs and time ---- */

struct cpu *cpu_get(unsigned id)
{
	return id < cpu_count ? &cpus[id] : NULL;
}

void machine_as(unsigned n, struct vcpu *v)
{
	machine_cpu = &cpus[n];
	machine_cpu->current = v;
	machine_cpu->rest_budget = 1000000;
	if (v) {
		v->sched.running = true;
		v->sched.cpu = machine_cpu;
	}
}

void arch_kick_cpu(struct cpu *c)
{
	machine_log.kicks[c->id]++;
}

void (*machine_idle)(void);

void arch_idle(void)
{
	if (machine_idle)
		machine_idle();
}

void arch_take_interrupts(void)
{
}

/* Whom we wait for may wait for our processor. */
void arch_poll(void)
{
	sched_yield();
}

u64 arch_now(void)
{
	return machine_now_ns;
}

u64 arch_wallclock(void)
{
	return 1700000000;
}

void arch_set_deadline(u64 ns)
{
	machine_log.deadline = ns;
}

u64 tsc_khz = 1000000;

void arch_pvclock(struct vcpu_time_info *t)
{
	t->tsc_timestamp = t->system_time = machine_now_ns;
	t->tsc_to_system_mul = 0x80000000;
	t->tsc_shift = 1;
	t->flags = XEN_PVCLOCK_TSC_STABLE_BIT;
}

/* ---- TLB and switching ---- */

u64 arch_tlb_time = 1;

void arch_flush_tlb(const struct cpumask *m, u64 va)
{
	(void)m;
	(void)va;
	machine_log.flushes++;
	arch_tlb_time++;
}

void arch_flush_tlb_since(const struct cpumask *m, u32 stamp)
{
	if (stamp == arch_tlb_time)
		arch_flush_tlb(m, FLUSH_ALL);
}

void arch_switch_vcpu(struct vcpu *prev, struct vcpu *next)
{
	(void)prev;
	(void)next;
}

void arch_load_tables(struct vcpu *v)
{
	(void)v;
	machine_log.table_loads++;
}

/* ---- Domains ---- */

int arch_vcpu_init(struct vcpu *v)
{
	v->arch.kernel_mode = true;
	return 0;
}

void arch_vcpu_exit(struct vcpu *v)
{
	(void)v;
}

int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	return mmu_vcpu_set_bases(v, c->ctrlreg[3] >> PAGE_SHIFT, MFN_NONE);
}

void arch_vcpu_get_context(const struct vcpu *v, struct vcpu_guest_context *c)
{
	memset(c, 0, sizeof(*c));
	c->ctrlreg[3] = v->mmu.kernel << PAGE_SHIFT;
}

/* ---- Devices ---- */

void arch_clear_page(void *p)
{
	machine_log.free_at_clear = frame_free_count();
	memset(p, 0, PAGE_SIZE);
}

void arch_console_write(const char *s, size_t n)
{
	size_t room = sizeof(machine_log.console) - machine_log.console_len;

	n = n < room ? n : room;
	memcpy(machine_log.console + machine_log.console_len, s, n);
	machine_log.console_len += n;
}

int arch_pirq_bind(u32 pirq, bool share)
{
	(void)share;
	machine_log.pirq_binds++;
	return pirq == 13 ? -XEN_EBUSY : 0;
}

void arch_pirq_unbind(u32 pirq)
{
	(void)pirq;
	machine_log.pirq_unbinds++;
}

void arch_pirq_eoi(u32 pirq)
{
	(void)pirq;
}

bool arch_pirq_needs_eoi(u32 pirq)
{
	(void)pirq;
	return true;
}

/* Device memory: sixteen frames right above RAM; the last one is read-only. */
bool arch_iomem_ok(mfn_t m)
{
	return m >= MACHINE_FRAMES && m < MACHINE_FRAMES + 16;
}

bool arch_iomem_readonly(mfn_t m)
{
	return m == MACHINE_FRAMES + 15;
}

void arch_halt(void)
{
	abort();
}

void arch_reboot(void)
{
	abort();
}

void arch_power_off(void)
{
	abort();
}
