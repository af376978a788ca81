/* SPDX-License-Identifier: MIT */
/*
 * Between entry.S and C.  entry.S saves the registers of what was
 * interrupted, calls one of these, and goes back.
 */
#pragma once

#include <asm/regs.h>

struct cpu;

/* Exceptions, by vector. */
enum trap_vector {
	TRAP_DE, TRAP_DB, TRAP_NMI, TRAP_BP, TRAP_OF, TRAP_BR, TRAP_UD,
	TRAP_NM, TRAP_DF, TRAP_CSO, TRAP_TS, TRAP_NP, TRAP_SS, TRAP_GP,
	TRAP_PF, TRAP_SPURIOUS, TRAP_MF, TRAP_AC, TRAP_MC, TRAP_XM,
	TRAP_VE, TRAP_CP,
	TRAP_INT80 = 0x80,	/* the guest's; an interrupt of ours may not use it */
};

/*
 * Leaves the boot path for good: runs the scheduler and enters the guest
 * that it picked.  Called once on each CPU when it is ready.
 */
void enter_guest(void) __noreturn;

/* irq.c: an interrupt came (a guest or the idle loop was interrupted). */
void interrupt_handle(struct regs *r);

/* traps.c. */
void trap_guest(struct regs *r);	/* an exception of a guest */
void trap_hypervisor(struct regs *r);	/* one of ours, #DF, #MC: fix-up or panic */
void trap_debug(struct regs *r);
void trap_nmi(struct regs *r);
/*
 * The way back to a guest that asks for the slow road: pending work, an
 * event, a bad stack.  Returns when the guest of this CPU may run.
 */
void pv_return(void);

/* Loads this CPU's GDT, TSS, IDT and the MSRs of syscall.  Any allocator is up. */
void desc_cpu_init(struct cpu *c);

/* Reads the processor's features; before the first vCPU and any desc_cpu_init(). */
void fpu_init(void);
/* Turns XSAVE on, on this CPU; called by desc_cpu_init(). */
void fpu_cpu_init(void);

/*
 * True while CR4.SMAP is on: entry.S then lifts it around guest accesses.
 * cpu.c sets it before the first guest runs.
 */
extern u8 smap_enabled;

/* Machine's NMI hook: set at panic, so that other CPUs stop. */
extern bool nmi_stops_cpu;

/*
 * An idle CPU that still has a dying domain's vCPU loaded forgets it and loads
 * the empty tables.  A part of each full TLB flush.
 */
void switch_let_go(void);
