/* SPDX-License-Identifier: MIT */
/*
 * From one vCPU to the next.  There is one stack per CPU, so a switch copies
 * the guest's registers out of the end of the stack and those of the next
 * one in, and loads what is not in that frame: tables, segments, FPU.
 *
 * A CPU that idles keeps the last vCPU loaded (cpu->loaded), but for its
 * tables when there are other CPUs.  All of that vCPU was saved, so another
 * CPU may take it; arch.loaded_on tells who has it now.  When it comes back
 * to a CPU that still has it, only the frame is copied.
 */
#include <asm/hyp-map.h>
#include <asm/pv.h>

static bool armed(const struct vcpu *v)
{
	return v->arch.dr[7] & 0xff;
}

void switch_load_cr4(const struct vcpu *v)
{
	const u64 cr4 = cpu_cr4 | v->arch.cr4;

	if (read_cr4() != cr4)
		write_cr4(cr4);
}

/* ---- Segments ---- */

static void save_segments(struct arch_vcpu *a)
{
	const u64 active = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);

	__asm__ volatile("mov %%ds, %0" : "=rm"(a->ds));
	__asm__ volatile("mov %%es, %0" : "=rm"(a->es));
	__asm__ volatile("mov %%fs, %0" : "=rm"(a->fs));
	__asm__ volatile("mov %%gs, %0" : "=rm"(a->gs));
	a->fs_base = rdmsr(MSR_FS_BASE);
	a->gs_base_kernel = a->kernel_mode ? active : other;
	a->gs_base_user = a->kernel_mode ? other : active;
}

static void load_segments(struct vcpu *v)
{
	struct arch_vcpu *a = &v->arch;
	const u16 wanted[4] = { a->ds, a->es, a->fs, a->gs };
	bool ok;

	/* All of them are loaded, whichever fails. */
	ok = load_ds(a->ds);
	ok &= load_es(a->es);
	ok &= load_fs(a->fs);
	ok &= load_gs(a->gs);
	/* Loading a selector changed the bases; these are the true ones. */
	wrmsr(MSR_FS_BASE, a->fs_base);
	wrmsr(MSR_GS_BASE, a->kernel_mode ? a->gs_base_kernel : a->gs_base_user);
	wrmsr(MSR_KERNEL_GS_BASE,
	      a->kernel_mode ? a->gs_base_user : a->gs_base_kernel);
	if (!ok)
		pv_failsafe(v, guest_regs(), wanted);
}

/* ---- Tables ---- */

static mfn_t wanted_table(const struct vcpu *v)
{
	return v->arch.kernel_mode ? v->mmu.kernel : v->mmu.user;
}

void arch_load_tables(struct vcpu *v)
{
	write_cr3(wanted_table(v) << PAGE_SHIFT);
}

static void load(struct cpu *c, struct vcpu *v)
{
	struct vcpu *old = c->loaded;
	struct domain *d = v->domain;

	/* First seen, then used: a flush between the two reaches us. */
	if (!cpumask_test(&d->dirty, c->id))
		cpumask_set(&d->dirty, c->id);
	desc_load_windows(v);
	c->loaded = v;
	stack_top()->vcpu = v;
	v->arch.loaded_on = c->id;
	*guest_regs() = v->arch.regs;
	write_cr3(wanted_table(v) << PAGE_SHIFT);
	if (old && old->domain != d)
		cpumask_clear(&old->domain->dirty, c->id);
	desc_load_ldt(v);
	switch_load_cr4(v);
	if (armed(v) || (old && armed(old)))
		pv_load_debug(v);
	if (cpu_features.rdtscp && (!old || old->arch.tsc_aux != v->arch.tsc_aux))
		wrmsr(MSR_TSC_AUX, v->arch.tsc_aux);
	fpu_load(v);
	load_segments(v);
}

/*
 * Another CPU may take the vCPU that is loaded here and give up its tables
 * while we idle, so we do not idle on them; nor need we answer its flushes.
 */
static void idle_tables(struct cpu *c, struct domain *d)
{
	if (cpu_count == 1)
		return;
	write_cr3(hyp_l4_mfn << PAGE_SHIFT);
	cpumask_clear(&d->dirty, c->id);
}

void arch_switch_vcpu(struct vcpu *prev, struct vcpu *next)
{
	struct cpu *c = this_cpu();

	if (prev) {
		prev->arch.regs = *guest_regs();
		save_segments(&prev->arch);
		fpu_save(prev);
	}
	if (!next) {
		if (prev)
			idle_tables(c, prev->domain);
		return;
	}
	if (c->loaded == next && next->arch.loaded_on == c->id) {
		*guest_regs() = next->arch.regs;
		if (cpu_count > 1) {
			cpumask_set(&next->domain->dirty, c->id);
			write_cr3(wanted_table(next) << PAGE_SHIFT);
		}
	} else {
		load(c, next);
	}
}

void switch_let_go(void)
{
	struct cpu *c = this_cpu();
	struct vcpu *v = c->loaded;

	if (!v || c->current || v->domain->life == DOMAIN_ALIVE)
		return;
	if (armed(v))
		write_dr7(0x400);
	__asm__ volatile("lldt %w0" : : "r"(0));
	load_ds(0);
	load_es(0);
	load_fs(0);
	load_gs(0);
	write_cr3(hyp_l4_mfn << PAGE_SHIFT);
	c->loaded = NULL;
	stack_top()->vcpu = NULL;
	cpumask_clear(&v->domain->dirty, c->id);
}
