/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions that a PV kernel still executes.  They arrive as
 * #GP (CPUID with its prefix as #UD).  What we do not know, or may not be
 * done, stays the exception that it was.
 */

#include <asm/pv-decode.h>
#include <asm/pv.h>

#define REP_BATCH	64	/* string elements for one trap */

unsigned pv_fetch(u64 rip, u8 bytes[15])
{
	const unsigned here = (unsigned)MIN(15, PAGE_SIZE - (rip & ~PAGE_MASK));

	if (copy_from_guest(bytes, rip, here))
		return 0;
	if (here < 15 && !copy_from_guest(bytes + here, rip + here, 15 - here))
		return 15;
	return here;
}

bool pv_is_64bit(const struct regs *r)
{
	return r->cs == SEL_USER_CS64 || (segment_rights(r->cs) & BIT(21));
}

void pv_advance(struct vcpu *v, struct regs *r, unsigned length)
{
	r->rip += length;
	r->rflags &= ~(u64)RFLAGS_RF;
	if (r->rflags & RFLAGS_TF) {
		v->arch.dr[6] |= BIT(14);	/* single step */
		pv_inject(v, r, TRAP_DB, 0);
	}
}

bool pv_emulate_cpuid(struct vcpu *v, struct regs *r)
{
	static const u8 prefixed[7] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
	struct cpuid_regs out;
	u8 bytes[sizeof(prefixed)];

	if (copy_from_guest(bytes, r->rip, sizeof(bytes)) ||
	    memcmp(bytes, prefixed, sizeof(bytes)))
		return false;
	arch_cpuid(v, (u32)r->rax, (u32)r->rcx, &out);
	r->rax = out.a;
	r->rbx = out.b;
	r->rcx = out.c;
	r->rdx = out.d;
	pv_advance(v, r, sizeof(prefixed));
	return true;
}

/* ---- Ports ---- */

static bool port_io(struct vcpu *v, struct regs *r, const struct insn *i)
{
	const u16 port = i->has_imm ? (u8)i->imm : (u16)r->rdx;

	if (!pv_io_permitted(v, port, i->size))
		return false;
	if (i->op == INSN_IN)
		r->rax = insn_merge(r->rax, pv_port_read(v, port, i->size),
				    i->size);
	else
		pv_port_write(v, port, i->size,
			      (u32)insn_merge(0, r->rax, i->size));
	pv_advance(v, r, i->length);
	return true;
}

static bool string_io(struct vcpu *v, struct regs *r, const struct insn *i)
{
	const u64 step = r->rflags & RFLAGS_DF ? -(u64)i->size : i->size;
	const bool out = i->op == INSN_OUTS;
	u64 *at = out ? &r->rsi : &r->rdi;
	u32 value = 0;

	if (!pv_io_permitted(v, (u16)r->rdx, i->size))
		return false;
	for (unsigned n = 0; n < REP_BATCH && (!i->rep || r->rcx); n++) {
		/* For INS: is it writable?  The port may not be read in vain. */
		if (out ? copy_from_guest(&value, *at, i->size) :
			  copy_to_guest(*at, &value, i->size)) {
			pv_inject_page_fault(v, r, *at, out ? 0 : 2);
			return true;
		}
		if (out) {
			pv_port_write(v, (u16)r->rdx, i->size, value);
		} else {
			value = pv_port_read(v, (u16)r->rdx, i->size);
			if (copy_to_guest(*at, &value, i->size))
				return true;
		}
		*at += step;
		if (!i->rep)
			break;
		r->rcx--;
	}
	/* More to do: the guest executes it again. */
	if (!i->rep || !r->rcx)
		pv_advance(v, r, i->length);
	return true;
}

/* ---- Registers of the processor ---- */

static bool read_cr(struct vcpu *v, struct regs *r, const struct insn *i)
{
	const u64 cr[5] = {
		[0] = (read_cr0() & ~(u64)CR0_TS) | (v->arch.ts ? CR0_TS : 0),
		[2] = v->info->arch.cr2,
		[3] = v->mmu.kernel << PAGE_SHIFT,
		[4] = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT |
		      v->arch.cr4,
	};

	if (i->reg >= ARRAY_SIZE(cr) || i->reg == 1)
		return false;
	*insn_reg(r, i->rm) = cr[i->reg];
	return true;
}

static bool write_cr(struct vcpu *v, const struct insn *i, u64 value)
{
	switch (i->reg) {
	case 0:
		/* Only TS is the guest's. */
		if ((value ^ read_cr0()) & ~(u64)CR0_TS & 0xffffffff)
			return false;
		fpu_set_ts(v, value & CR0_TS);
		return true;
	case 2:
		v->info->arch.cr2 = value;
		return true;
	case 4:
		v->arch.cr4 = value & pv_cr4_allowed(v);
		switch_load_cr4(v);
		return true;
	default:
		return false;
	}
}

/* In the guest kernel only; true: done, and rip may go on. */
static bool privileged(struct vcpu *v, struct regs *r, const struct insn *i)
{
	u64 value = (u32)r->rax | r->rdx << 32;

	switch (i->op) {
	case INSN_CLI:
	case INSN_STI:
		/* The real flag stays on; a PV kernel masks events instead. */
		return v->arch.iopl >= 1;
	case INSN_CLTS:
		fpu_set_ts(v, false);
		return true;
	case INSN_WBINVD:
		if (priv_hardware(v->domain))
			__asm__ volatile("wbinvd" : : : "memory");
		return true;
	case INSN_MOV_FROM_CR:
		return read_cr(v, r, i);
	case INSN_MOV_TO_CR:
		return write_cr(v, i, *insn_reg(r, i->rm));
	case INSN_RDMSR:
		if (!pv_rdmsr(v, (u32)r->rcx, &value))
			return false;
		break;
	case INSN_WRMSR:
		return pv_wrmsr(v, (u32)r->rcx, value);
	case INSN_XSETBV:
		if ((u32)r->rcx || !(v->arch.cr4 & CR4_OSXSAVE) ||
		    !fpu_xcr0_ok(value))
			return false;
		v->arch.xcr0 = value;
		xsetbv(value);
		return true;
	case INSN_RDTSC:
	case INSN_RDTSCP:
		/* CR4.TSD is for its user space. */
		value = rdtsc();
		if (i->op == INSN_RDTSCP)
			r->rcx = v->arch.tsc_aux;
		break;
	default:
		return false;
	}
	/* Those that read something into edx:eax. */
	r->rax = (u32)value;
	r->rdx = value >> 32;
	return true;
}

bool pv_emulate(struct vcpu *v, struct regs *r)
{
	struct insn i;
	u8 bytes[INSN_MAX];

	if (!insn_decode(&i, bytes, pv_fetch(r->rip, bytes)) || i.lock)
		return false;
	if (!pv_is_64bit(r))
		return false;
	if (i.op == INSN_IN || i.op == INSN_OUT)
		return port_io(v, r, &i);
	if (i.op == INSN_INS || i.op == INSN_OUTS)
		return string_io(v, r, &i);
	if (!v->arch.kernel_mode || !privileged(v, r, &i))
		return false;
	pv_advance(v, r, i.length);
	return true;
}
