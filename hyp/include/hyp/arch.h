/* SPDX-License-Identifier: MIT */
/*
 * THE BOUNDARY: what core asks of the machine, and what the machine tells
 * core.  hyp/arch/x86 stands behind it in the hypervisor, tests/machine in
 * the tests.
 */
#pragma once

#include <hyp/cpu.h>

/* ---- What core asks of the machine ---- */

void arch_kick_cpu(struct cpu *c);	/* one IPI: look at your work bits  */
void arch_idle(void);			/* halt until an interrupt; takes it */
void arch_take_interrupts(void);	/* lets waiting interrupts in, once   */
void arch_poll(void);			/* in every busy wait: answer flush requests */
u64 arch_now(void);			/* ns since boot, never goes back   */
u64 arch_wallclock(void);		/* RTC: seconds since 1970          */
void arch_set_deadline(u64 ns);		/* one timer interrupt on this CPU; ~0 none */
extern u64 tsc_khz;
/* The clock of this CPU as its guests read it; all fields but the version. */
void arch_pvclock(struct vcpu_time_info *t);

/*
 * Flushes va (or everything, with FLUSH_ALL) from the TLBs of the CPUs in m,
 * this one included if it is in m.  Returns when all have.
 */
#define FLUSH_ALL (~0ULL)
void arch_flush_tlb(const struct cpumask *m, u64 va);
/* A clock that ticks at each full flush, and whether CPUs of m flushed since stamp. */
extern u64 arch_tlb_time;
static inline u32 arch_tlb_clock(void)
{
	return (u32)atomic_load(&arch_tlb_time);
}

void arch_flush_tlb_since(const struct cpumask *m, u32 stamp);

/* Saves prev (if any) and loads next's registers, segments, FPU and tables. */
void arch_switch_vcpu(struct vcpu *prev, struct vcpu *next);
/* v->mmu changed and v is current: load what its mode needs. */
void arch_load_tables(struct vcpu *v);

int arch_copy_from_guest(void *to, u64 gva, size_t n);	/* 0 or -XEN_EFAULT */
int arch_copy_to_guest(u64 gva, const void *from, size_t n);

int arch_vcpu_init(struct vcpu *v);
void arch_vcpu_exit(struct vcpu *v);	/* drops GDT and LDT references too */
/* Checks and loads registers, traps, GDT, LDT, bases and tables of a vCPU
 * that does not run.  -XEN_EINVAL, -XEN_EOPNOTSUPP (see toolstack.md 1.6). */
int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c);
void arch_vcpu_get_context(const struct vcpu *v, struct vcpu_guest_context *c);

/* CPUID as v sees it; NULL: what a tool is told that every guest sees. */
struct cpuid_regs {
	u32 a, b, c, d;
};
void arch_cpuid(const struct vcpu *v, u32 leaf, u32 sub, struct cpuid_regs *out);
/* Writes the hypercall page of a kernel that asked for one in frame m. */
int arch_hypercall_page(struct domain *d, mfn_t m);

void arch_clear_page(void *p);
void arch_console_write(const char *s, size_t n);
void arch_halt(void) __noreturn;
void arch_reboot(void) __noreturn;
void arch_power_off(void) __noreturn;	/* also after ACPI S5 from dom0 */

/*
 * Enters ACPI state S5 with the SLP_TYP values that the control domain found
 * in its tables.  -XEN_EOPNOTSUPP: another state; -XEN_ENODEV, -XEN_EIO: the
 * machine has no such registers, or goes on running.
 */
int arch_acpi_sleep(u32 state, u16 val_a, u16 val_b);

/* Interrupt lines for the control domain (core/physdev.c, evtchn.c). */
int arch_pirq_bind(u32 pirq, bool share);	/* unmasks the line */
void arch_pirq_unbind(u32 pirq);
void arch_pirq_eoi(u32 pirq);
bool arch_pirq_needs_eoi(u32 pirq);

/* True when m is device memory or firmware that dom0 may map. */
bool arch_iomem_ok(mfn_t m);
/* Such memory that may only be read (MSI-X tables, IOAPIC). */
bool arch_iomem_readonly(mfn_t m);

/* The boot modules' memory is free now, the screen is the control domain's. */
void arch_boot_done(void);
/* Lets the other CPUs run guests, and this one; never returns. */
void arch_run(void) __noreturn;

/* ---- What the machine tells core ---- */

struct boot_module {
	paddr_t start, end;
	const char *cmdline;	/* NUL-terminated, never NULL */
};

struct boot_range {
	u64 start, size;
	u32 type;		/* E820 numbers: 1 RAM, 2 reserved, 3 ACPI ... */
};

#define BOOT_MODULES_MAX 8
#define BOOT_RANGES_MAX 128

/* From the EFI system table; zero on a BIOS. */
struct efi_info {
	u32 revision, runtime_revision;
	u64 tables;		/* physical address of the configuration tables */
	u32 table_count;
};

struct boot_info {
	const char *cmdline;
	struct boot_module module[BOOT_MODULES_MAX];	/* 0 kernel, 1 initrd */
	u32 module_count;
	struct boot_range range[BOOT_RANGES_MAX];	/* sorted, disjoint */
	u32 range_count;
	const u8 *rsdp;		/* a copy of it, 20 or 36 bytes; NULL: not told */
	u32 loader_size;	/* bytes of what the boot loader told */
	bool efi;
	paddr_t efi_system_table;
	struct efi_info efi_info;
	struct dom0_vga_console_info screen;	/* text mode unless told */
};

extern struct boot_info boot_info;

void hyp_main(void) __noreturn;		/* BSP, all CPUs up, heap ready */
void cpu_work(void);			/* before every return to a guest */
void console_input(char c);
void guest_irq(u32 pirq);		/* a bound line fired (masked or not) */
