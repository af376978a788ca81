/* SPDX-License-Identifier: MIT */
/* The machine's part of struct cpu. */
#pragma once

#include <hyp/types.h>

struct arch_cpu {
	/* desc.c: L1 entries of the GDT and LDT windows. */
	u64 *gdt_window, *ldt_window;	/* I */
	u64 gdt_empty;			/* I: entry that shows a page of zeros */
	bool ldt_shown;			/* o: some of ldt_window is not 0 */
	u32 apic_id, acpi_id;
	u32 flush_pending;	/* a: someone waits for this CPU to flush */
	u64 flush_epoch;	/* a: value of the TLB clock at its last full flush */
	u64 deadline;		/* o: ns, what arch_set_deadline() was told */
};
