/* SPDX-License-Identifier: MIT */
/* The machine's part of struct cpu. */
#ifndef ASM_ARCH_CPU_H
#define ASM_ARCH_CPU_H

#include <hyp/types.h>

struct arch_cpu {
	u32 apic_id, acpi_id;
	u32 flush_pending;	/* a: someone waits for this CPU to flush */
	u32 lap_pending;	/* a: the TLB clock went half round: flush */
	u32 flush_epoch;	/* a: value of the TLB clock at its last full flush */
	u64 deadline;		/* o: ns, what arch_set_deadline() was told */
};

#endif
