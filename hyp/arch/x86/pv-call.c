/* SPDX-License-Identifier: MIT */
/* Hypercalls that set what a vCPU's kernel needs of the processor. */
#include <asm/pv.h>

#define FRAME_MAX	128		/* more than the largest bounce frame */

bool pv_stack_ok(u64 sp)
{
	/* The frame is below sp. */
	return is_canonical(sp) && (sp <= HYP_START || sp >= HYP_END + FRAME_MAX);
}

void pv_hot_update(struct vcpu *v)
{
	const struct trap_info *pf = &v->arch.traps[TRAP_PF];

	v->arch.hot_syscall = v->arch.callback[CALLBACKTYPE_syscall] &&
			      (v->arch.callback_masks & BIT(CALLBACKTYPE_syscall));
	v->arch.hot_pf = TI_GET_IF(pf) ? pf->address : 0;
}

/* ---- iret ---- */

/*
 * The slow road of the hottest hypercall, see entry.S.  The value returned
 * goes into rax like any hypercall's.
 */
long do_iret(void)
{
	struct vcpu *v = current_vcpu();
	struct regs *r = guest_regs();
	struct iret_context f;

	if (copy_from_guest(&f, r->rsp, sizeof(f))) {
		domain_crash(v->domain, "vCPU %u: iret: no frame at %lx", v->id,
			     r->rsp);
		return 0;
	}
	if ((f.cs & 3) == 3) {
		if (v->mmu.user == MFN_NONE) {
			domain_crash(v->domain, "vCPU %u: iret to user space without page tables for it",
				     v->id);
			return 0;
		}
		pv_to_user(v);
	}
	r->rip = f.rip;
	r->cs = (u16)f.cs | 3;
	r->rflags = pv_rflags(f.rflags);
	r->rsp = f.rsp;
	r->ss = (u16)f.ss | 3;
	if (f.flags & VGCF_in_syscall) {
		r->rcx = r->rip;
		r->r11 = r->rflags;
		r->cs = SEL_USER_CS64;
		r->ss = SEL_USER_DS;
	} else {
		r->rcx = f.rcx;
		r->r11 = f.r11;
	}
	v->info->evtchn_upcall_mask = !(f.rflags & RFLAGS_IF);
	return (long)f.rax;
}

/* ---- Entry points ---- */

long do_set_trap_table(u64 table)
{
	struct vcpu *v = current_vcpu();
	struct trap_info t;

	if (!table) {
		memset(v->arch.traps, 0, 256 * sizeof(t));
		pv_hot_update(v);
		return 0;
	}
	/* At most one for each vector: a longer list repeats itself. */
	for (unsigned n = 0; n <= 256; n++, table += sizeof(t)) {
		if (copy_from_guest(&t, table, sizeof(t)))
			return -XEN_EFAULT;
		if (!t.address)
			break;
		if (!is_canonical(t.address) || n == 256)
			return -XEN_EINVAL;
		v->arch.traps[t.vector] = t;
	}
	pv_hot_update(v);
	return 0;
}

static long set_callback(struct vcpu *v, unsigned type, u64 entry, bool mask)
{
	struct arch_vcpu *a = &v->arch;

	/* NMIs come by the trap table, 32-bit system calls by INT 0x80. */
	if (type >= ARRAY_SIZE(a->callback))
		return -XEN_ENOSYS;
	if (!is_canonical(entry))
		return -XEN_EINVAL;
	a->callback[type] = entry;
	a->callback_masks &= ~(u32)BIT(type);
	if (mask)
		a->callback_masks |= (u32)BIT(type);
	pv_hot_update(v);
	return 0;
}

long do_callback_op(u64 cmd, u64 arg)
{
	struct callback_register reg;

	if ((int)cmd != CALLBACKOP_register)
		return -XEN_ENOSYS;
	if (copy_from_guest(&reg, arg, sizeof(reg)))
		return -XEN_EFAULT;
	return set_callback(current_vcpu(), reg.type, reg.address,
			    reg.flags & CALLBACKF_mask_events);
}

long do_set_callbacks(u64 event, u64 failsafe, u64 syscall)
{
	struct vcpu *v = current_vcpu();

	if (!is_canonical(event) || !is_canonical(failsafe) ||
	    !is_canonical(syscall))
		return -XEN_EINVAL;
	set_callback(v, CALLBACKTYPE_event, event, true);
	set_callback(v, CALLBACKTYPE_failsafe, failsafe, false);
	return set_callback(v, CALLBACKTYPE_syscall, syscall, false);
}

/* ---- Stack, segments, FPU ---- */

long do_stack_switch(u64 ss, u64 sp)
{
	struct vcpu *v = current_vcpu();

	if (!pv_stack_ok(sp))
		return -XEN_EINVAL;
	v->arch.kernel_ss = (u16)ss | 3;
	v->arch.kernel_sp = sp & ~15ULL;
	return 0;
}

long do_set_segment_base(u64 which, u64 base)
{
	if ((u32)which != SEGBASE_GS_USER_SEL && !is_canonical(base))
		return -XEN_EINVAL;
	switch ((u32)which) {
	case SEGBASE_FS:
		wrmsr(MSR_FS_BASE, base);
		return 0;
	case SEGBASE_GS_USER:
		wrmsr(MSR_KERNEL_GS_BASE, base);
		return 0;
	case SEGBASE_GS_KERNEL:
		wrmsr(MSR_GS_BASE, base);
		return 0;
	case SEGBASE_GS_USER_SEL:
		/* A bad one becomes 0. */
		swapgs();
		load_gs((u16)base);
		swapgs();
		return 0;
	default:
		return -XEN_EINVAL;
	}
}

long do_fpu_taskswitch(u64 set)
{
	fpu_set_ts(current_vcpu(), (u32)set);
	return 0;
}

/* ---- Debug registers ---- */

#define DR6_FIXED	0xffff0ff0ULL
#define DR7_FIXED	0x400ULL
#define DR7_ZERO	0xd800ULL
#define DR7_GD		BIT(13)

int pv_check_breakpoint(u64 va)
{
	/* Eight bytes may be watched from va on. */
	if (!is_canonical(va) || (va + 7 >= HYP_START && va < HYP_END))
		return -XEN_EPERM;
	return 0;
}

int pv_check_dr7(u64 value, u64 *fixed)
{
	if (value >> 32)
		return -XEN_EINVAL;
	if (value & DR7_GD)
		return -XEN_EPERM;
	/* Ports trap anyway, so no breakpoint on them works. */
	for (unsigned i = 0; i < 4; i++)
		if ((value >> (2 * i) & 3) && (value >> (16 + 4 * i) & 3) == 2)
			return -XEN_EPERM;
	*fixed = (value | DR7_FIXED) & ~DR7_ZERO;
	return 0;
}

void pv_load_debug(const struct vcpu *v)
{
	const u64 *dr = v->arch.dr;

	write_dr7(DR7_FIXED);
	if (!(dr[7] & 0xff))
		return;
	write_dr0(dr[0]);
	write_dr1(dr[1]);
	write_dr2(dr[2]);
	write_dr3(dr[3]);
	write_dr7(dr[7]);
}

/* 4 and 5 are old names of 6 and 7. */
static u32 debug_register(u64 number)
{
	const u32 reg = (u32)number;

	return reg == 4 || reg == 5 ? reg + 2 : reg;
}

long do_set_debugreg(u64 number, u64 value)
{
	u64 *dr = current_vcpu()->arch.dr;
	const u32 reg = debug_register(number);
	const u64 old = dr[7];
	int rc = 0;

	if (reg > 7)
		return -XEN_EINVAL;
	if (reg < 4)
		rc = pv_check_breakpoint(value);
	else if (reg == 6)
		value = (value & 0xffffefff) | DR6_FIXED;
	else
		rc = pv_check_dr7(value, &value);
	if (rc)
		return rc;
	dr[reg] = value;
	if (reg != 6 && (old | dr[7]) & 0xff)
		pv_load_debug(current_vcpu());
	return 0;
}

long do_get_debugreg(u64 number)
{
	const u32 reg = debug_register(number);

	return reg > 7 ? -XEN_ENODEV : (long)current_vcpu()->arch.dr[reg];
}

/* ---- The hypercall page of kernels that want one ---- */

int arch_hypercall_page(struct domain *d, mfn_t m)
{
	/* push %rcx; push %r11; mov $n, %eax; syscall; pop %r11; pop %rcx; ret */
	static const u8 plain[] = {
		0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b,
		0x59, 0xc3,
	};
	/* push %rcx; push %r11; push %rax; mov $23, %eax; syscall */
	static const u8 iret[] = {
		0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0,
		0x0f, 0x05, 0xcc, 0xcc, 0xcc,
	};
	struct page *p = page_get_writable(m, d);
	u8 *slot;

	_Static_assert(sizeof(iret) == sizeof(plain), "one overwrites the other");
	if (!p)
		return -XEN_EACCES;
	slot = memset(frame_to_virt(m), 0xcc, PAGE_SIZE);
	for (unsigned n = 0; n < PAGE_SIZE / 32; n++, slot += 32) {
		memcpy(slot, plain, sizeof(plain));
		slot[4] = (u8)n;
		if (n == __HYPERVISOR_iret)
			memcpy(slot, iret, sizeof(iret));
	}
	page_put_writable(p);
	return 0;
}
