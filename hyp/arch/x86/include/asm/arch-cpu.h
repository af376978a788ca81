/* SPDX-License-Identifier: MIT */
/* The machine's part of struct cpu. */
#pragma once

#include <hyp/types.h>

struct arch_cpu {
	u64 *window;		/* I: desc.c: L1 entries of GDT and LDT */
	u32 gdt_shown;		/* o: pages of the GDT's that may not be empty */
	bool ldt_shown;		/* o: some of those of the LDT are not 0 */
	u32 apic_id, acpi_id;
	u32 flush_pending;	/* a: someone waits for this CPU to flush */
	u64 flush_epoch;	/* a: value of the TLB clock at its last full flush */
	u64 deadline;		/* o: ns, what arch_set_deadline() was told */
};
