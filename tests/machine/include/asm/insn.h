/* SPDX-License-Identifier: MIT */
/* The real header; instructions that need ring 0 become notes in a log. */
#ifndef MACHINE_ASM_INSN_H
#define MACHINE_ASM_INSN_H

#define wrmsr real_wrmsr
#define write_cr3 real_write_cr3
#define write_cr4 real_write_cr4
#define swapgs real_swapgs
#define write_dr0 real_write_dr0
#define write_dr1 real_write_dr1
#define write_dr2 real_write_dr2
#define write_dr3 real_write_dr3
#define write_dr7 real_write_dr7
#include_next <asm/insn.h>
#undef wrmsr
#undef write_cr3
#undef write_cr4
#undef swapgs
#undef write_dr0
#undef write_dr1
#undef write_dr2
#undef write_dr3
#undef write_dr7

/* What the code under test did to "the processor". */
extern struct machine_insns {
	u64 cr3, dr[8];
	bool gs_swapped;
	u32 msr;
	u64 msr_value;
	u16 gs;
	bool ts;
} machine_insns;

static inline void wrmsr(u32 msr, u64 value)
{
	machine_insns.msr = msr;
	machine_insns.msr_value = value;
}

static inline void write_cr3(u64 value)
{
	machine_insns.cr3 = value;
}

static inline void swapgs(void)
{
	machine_insns.gs_swapped = !machine_insns.gs_swapped;
}

#define MACHINE_DR(n) \
static inline void write_dr##n(u64 value) \
{ \
	machine_insns.dr[n] = value; \
}
MACHINE_DR(0)
MACHINE_DR(1)
MACHINE_DR(2)
MACHINE_DR(3)
MACHINE_DR(7)

#endif
