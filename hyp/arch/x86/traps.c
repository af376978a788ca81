/* SPDX-License-Identifier: MIT */
/*
 * Exceptions.  A guest's exception is first looked at for what the
 * hypervisor itself must do (a privileged instruction, a write to a page
 * table) and then bounced to its kernel.  One
 * of the hypervisor's own must be at an instruction that has a fix-up;
 * anything else is the end.
 */

#include <asm/machine.h>
#include <asm/pv.h>

#define PF_PRESENT	1
#define PF_WRITE	2
#define PF_FETCH	16

#define ERROR_IDT	2		/* bit of a selector error code */

struct fixup {
	s32 insn, target;		/* relative to themselves */
};

extern const struct fixup _extable_start[], _extable_end[];
u8 smap_enabled;
bool nmi_stops_cpu;

static bool fix_up(struct regs *r)
{
	const struct fixup *f;

	for (f = _extable_start; f < _extable_end; f++) {
		if ((u64)&f->insn + f->insn != r->rip)
			continue;
		r->rip = (u64)&f->target + f->target;
		return true;
	}
	return false;
}

/*
 * IRETQ refused what the guest wants to return to.  The frame that it tried
 * becomes the interrupted context, and the guest kernel gets the exception.
 */
static void __noreturn iret_fault(const struct regs *r)
{
	const u64 *frame = (const u64 *)r->rsp;
	struct vcpu *v = stack_top()->vcpu;
	struct regs wanted = *r;

	wanted.rip = frame[0];
	wanted.cs = (u16)frame[1];
	wanted.rflags = frame[2];
	wanted.rsp = frame[3];
	wanted.ss = (u16)frame[4];
	*guest_regs() = wanted;
	pv_inject(v, guest_regs(), wanted.vector, wanted.error_code);
	__asm__ volatile("jmp exit_to_guest");
	__builtin_unreachable();
}

void trap_hypervisor(struct regs *r)
{
	/* These two may have interrupted anything, guests too. */
	if (r->vector == TRAP_MC || r->vector == TRAP_DF)
		panic_at(r, r->vector == TRAP_MC ? "machine check" :
						   "double fault");
	if (r->rip == (u64)iret_insn)
		iret_fault(r);
	if (fix_up(r))
		return;
	panic_at(r, "exception %u in the hypervisor", r->vector);
}

/*
 * On a small stack of its own.  A guest's goes on like any exception, on the
 * main stack.  One of ours is a guest's watchpoint that a copy touched, or a
 * breakpoint that MOV SS carried into a stub: nothing of ours.
 */
void trap_debug(struct regs *r)
{
	if (r->cs & 3) {
		*guest_regs() = *r;
		__asm__ volatile("jmp debug_of_guest" : : : "memory");
	}
	write_dr6(0);
}

/* It may have interrupted whoever holds the log's lock: say it later. */
void trap_nmi(struct regs *r)
{
	if (nmi_stops_cpu)
		arch_halt();
	atomic_fetch_or(&this_cpu()->work, WORK_NMI);
}

/* ---- A guest's ---- */

/* Do the guest kernel's tables permit what just faulted?  Then a TLB was stale. */
static bool access_permitted(const struct vcpu *v, u64 va, u32 error)
{
	mfn_t table = v->mmu.kernel;
	u64 all = ~0ULL, any = 0, e;

	if (in_hypervisor(va) || !is_canonical(va))
		return false;
	for (unsigned level = 4; level > 0; level--) {
		e = READ_ONCE(((u64 *)frame_to_virt(table))[pt_index(va, level)]);
		if (!(e & PTE_P))
			return false;
		all &= e;
		any |= e;
		table = pte_mfn(e);
	}
	if ((error & PF_WRITE) && !(all & PTE_RW))
		return false;
	if ((error & PF_FETCH) && (any & PTE_NX))
		return false;
	return all & PTE_US;
}

static void page_fault(struct vcpu *v, struct regs *r)
{
	const u64 va = read_cr2();
	const u32 error = r->error_code;

	if (v->arch.kernel_mode) {
		if ((error & (PF_PRESENT | PF_WRITE)) ==
		    (PF_PRESENT | PF_WRITE) && pv_ptwr(v, r, va))
			return;
		if ((error & PF_PRESENT) && access_permitted(v, va, error)) {
			invlpg(va);
			return;
		}
	}
	pv_inject_page_fault(v, r, va, error);
}

/*
 * INT n whose gate is not open in hardware; the trap table decides.  The
 * instruction says which, because some emulators get the error code wrong.
 */
static bool software_interrupt(struct vcpu *v, struct regs *r)
{
	const struct trap_info *t;
	u8 insn[2];

	if (copy_from_guest(insn, r->rip, sizeof(insn)) || insn[0] != 0xcd)
		return false;
	t = &v->arch.traps[insn[1]];
	if (TI_GET_DPL(t) < (v->arch.kernel_mode ? 1 : 3) || !t->address)
		return false;
	r->rip += sizeof(insn);
	pv_inject(v, r, insn[1], 0);
	return true;
}

static void general_protection(struct vcpu *v, struct regs *r)
{
	if (r->error_code & ERROR_IDT) {
		if (software_interrupt(v, r))
			return;
	} else if (!r->error_code && pv_emulate(v, r)) {
		return;
	}
	pv_inject(v, r, TRAP_GP, r->error_code);
}

static void debug(struct vcpu *v, struct regs *r)
{
	v->arch.dr[6] = read_dr6();
	write_dr6(0xffff0ff0);
	pv_inject(v, r, TRAP_DB, 0);
}

void trap_guest(struct regs *r)
{
	struct vcpu *v = stack_top()->vcpu;

	switch (r->vector) {
	case TRAP_PF:
		page_fault(v, r);
		return;
	case TRAP_GP:
		general_protection(v, r);
		return;
	case TRAP_UD:
		if (pv_emulate_cpuid(v, r))
			return;
		break;
	case TRAP_NM:
		/* The kernel need not clear TS itself. */
		fpu_set_ts(v, false);
		break;
	case TRAP_DB:
		debug(v, r);
		return;
	case TRAP_INT80:
		/* Open in hardware for every guest; this one may not want it. */
		if (TI_GET_DPL(&v->arch.traps[TRAP_INT80]) == 3)
			break;
		r->rip -= 2;
		pv_inject(v, r, TRAP_GP, TRAP_INT80 << 3 | ERROR_IDT);
		return;
	}
	pv_inject(v, r, r->vector, r->error_code);
}
