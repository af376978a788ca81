/* SPDX-License-Identifier: MIT */
/*
 * What the files pv-*.c, traps.c, desc.c, switch.c and fpu.c tell each other,
 * with the headers that they all need.
 */
#pragma once

#include <hyp/core.h>

#include <xen/callback.h>

#include <asm/entry.h>
#include <asm/insn.h>
#include <asm/pte.h>

/* ---- pv-trap.c: into the guest kernel ---- */

/* Makes v's user space the active mode: GS and tables. */
void pv_to_user(struct vcpu *v);

/* Bounces exception vector to the current guest's handler; crash if it has none. */
void pv_inject(struct vcpu *v, struct regs *r, unsigned vector, u32 error);
void pv_inject_page_fault(struct vcpu *v, struct regs *r, u64 va, u32 error);
/* Selectors could not be loaded; tells the guest kernel. */
void pv_failsafe(struct vcpu *v, struct regs *r, const u16 sel[4]);

/* From entry.S. */
void pv_syscall(struct regs *r);
void pv_bad_stack(void);
extern char exit_to_guest[], iret_insn[];

static inline bool is_canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

/* Flags as a guest runs with them, when it asked for these. */
static inline u64 pv_rflags(u64 wanted)
{
	return (wanted & ~(u64)RFLAGS_NEVER & 0xffffffff) | RFLAGS_IF |
	       RFLAGS_FIXED;
}

static inline bool in_hypervisor(u64 va)
{
	return va >= HYP_START && va < HYP_END;
}

/* ---- pv-emul.c, pv-ptwr.c, pv-io.c, pv-cpuid.c, pv-msr.c ---- */

/* Tries the privileged instruction at r->rip; false: not ours, deliver #GP. */
bool pv_emulate(struct vcpu *v, struct regs *r);
/* The prefix "ud2; xen" and CPUID; false: deliver #UD. */
bool pv_emulate_cpuid(struct vcpu *v, struct regs *r);
/* A write to a page table that is mapped read-only; false: deliver #PF. */
bool pv_ptwr(struct vcpu *v, struct regs *r, u64 va);
/* Copies the bytes at rip, 1 to 15 of them; 0: cannot. */
unsigned pv_fetch(u64 rip, u8 bytes[15]);
/* The code segment is a 64-bit one. */
bool pv_is_64bit(const struct regs *r);
/* Ends an emulated instruction. */
void pv_advance(struct vcpu *v, struct regs *r, unsigned length);

bool pv_io_permitted(struct vcpu *v, u16 port, unsigned size);
u32 pv_port_read(struct vcpu *v, u16 port, unsigned size);
void pv_port_write(struct vcpu *v, u16 port, unsigned size, u32 value);

/* CR4 bits that v may set. */
u64 pv_cr4_allowed(const struct vcpu *v);

bool pv_rdmsr(struct vcpu *v, u32 msr, u64 *value);
bool pv_wrmsr(struct vcpu *v, u32 msr, u64 value);

/* ---- pv-call.c ---- */

/* Refreshes the copies that entry.S looks at. */
void pv_hot_update(struct vcpu *v);
/* A kernel stack pointer that bounce frames may be written below. */
bool pv_stack_ok(u64 sp);
/* Loads v's breakpoints, or none, into this CPU. */
void pv_load_debug(const struct vcpu *v);
int pv_check_dr7(u64 value, u64 *fixed);
int pv_check_breakpoint(u64 va);

/* ---- pv-desc.c, desc.c ---- */

/* Takes references on a new GDT, then drops the old one. */
int pv_gdt_set(struct vcpu *v, const u64 *frames, u32 entries);
/* Drops the frames of GDT and LDT. */
void pv_desc_drop(struct vcpu *v);

/* This CPU's windows show v's GDT and LDT; the caller flushes the TLB. */
void desc_load_windows(const struct vcpu *v);
void desc_load_ldt(const struct vcpu *v);

/* ---- fpu.c ---- */

extern u64 fpu_xcr0_mask;	/* components that a guest may turn on; 0: no XSAVE */
void fpu_init_area(void *area);
void fpu_import(void *area, const void *fxsave);
void fpu_save(struct vcpu *v);
void fpu_load(struct vcpu *v);
bool fpu_xcr0_ok(u64 value);
/* Size of the XSAVE area for these components. */
u32 fpu_size(u64 xcr0);
/* Virtual CR0.TS of the current vCPU. */
void fpu_set_ts(struct vcpu *v, bool set);

/* ---- switch.c ---- */

/* CR4 as it must be while v runs. */
void switch_load_cr4(const struct vcpu *v);

/* ---- uaccess.S ---- */

/* Access rights of a descriptor as LAR gives them; 0: none. */
u32 segment_rights(u16 sel);
bool load_ds(u16 sel);
bool load_es(u16 sel);
bool load_fs(u16 sel);
bool load_gs(u16 sel);
