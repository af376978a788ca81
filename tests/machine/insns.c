/* SPDX-License-Identifier: MIT */
/* What stands behind the guest's ways in and out: the log of instructions. */
#include <asm/insn.h>
#include <asm/pv.h>

struct machine_insns machine_insns;
__thread struct stack_top machine_top;

bool load_gs(u16 sel)
{
	machine_insns.gs = sel;
	return true;
}

void fpu_set_ts(struct vcpu *v, bool set)
{
	v->arch.ts = machine_insns.ts = set;
}

u64 fpu_xcr0_mask;
struct cpu_features cpu_features;

/* The standard layout: legacy area and header, then AVX. */
u32 fpu_size(u64 xcr0)
{
	return xcr0 & 4 ? 832 : 576;
}
