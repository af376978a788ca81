/* SPDX-License-Identifier: MIT */
/*
 * MSRs that a PV kernel may read or write.  All others are a #GP, which its
 * accessors survive.
 */
#include <asm/pv.h>

#define MSR_TSC			0x10
#define MSR_MICROCODE		0x8b
#define MSR_MCG_CAP		0x179
#define MSR_MCG_STATUS		0x17a
#define MSR_HYPERCALL_PAGE	0x40000000

#define APIC_ENABLED		BIT(11)
#define APIC_BSP		BIT(8)
#define APIC_ADDRESS		0xfee00000

bool pv_rdmsr(struct vcpu *v, u32 msr, u64 *value)
{
	*value = 0;
	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		*value = rdmsr(msr);
		return true;
	case MSR_EFER:
		*value = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
		return true;
	case MSR_APIC_BASE:
		*value = APIC_ADDRESS | APIC_ENABLED | (v->id ? 0 : APIC_BSP);
		return true;
	case MSR_PAT:
		*value = PAT_VALUE;
		return true;
	case MSR_TSC:
		*value = rdtsc();
		return true;
	case MSR_TSC_AUX:
		*value = v->arch.tsc_aux;
		return cpu_features.rdtscp;
	case MSR_MISC_ENABLE:
		*value = cpu_features.intel ? rdmsr(msr) : 0;
		return cpu_features.intel;
	case MSR_MICROCODE:
	case MSR_MCG_CAP:
	case MSR_MCG_STATUS:
	case MSR_HYPERCALL_PAGE:
		return true;
	default:
		return false;
	}
}

bool pv_wrmsr(struct vcpu *v, u32 msr, u64 value)
{
	u64 old;

	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		if (!is_canonical(value))
			return false;
		break;
	case MSR_TSC_AUX:
		if (!cpu_features.rdtscp || value >> 32)
			return false;
		v->arch.tsc_aux = (u32)value;
		break;
	case MSR_HYPERCALL_PAGE:
		return !arch_hypercall_page(v->domain, value >> PAGE_SHIFT);
	default:
		/* The others keep what they are seen to hold. */
		return pv_rdmsr(v, msr, &old) && value == old;
	}
	wrmsr(msr, value);
	return true;
}
