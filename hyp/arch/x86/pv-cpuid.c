/* SPDX-License-Identifier: MIT */
/*
 * What CPUID tells a guest kernel: the machine's features that are known to
 * work in a PV guest, and the leaves of the Xen ABI.  A feature is shown by
 * being listed here; a new one of some processor stays hidden.
 */
#include <xen/arch-x86/cpuid.h>

#include <asm/pv.h>

#define LEAF_MAX	0xd
#define EXT_LEAF_MAX	0x80000008

/* CPUID.1.ECX: SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES
 * XSAVE AVX F16C RDRAND. */
#define SHOW_1C		0x76d83203
#define F1C_XSAVE	BIT(26)
#define F1C_OSXSAVE	BIT(27)
#define F1C_AVX_FAMILY	(BIT(12) | BIT(28) | BIT(29))
#define F1C_HYPERVISOR	BIT(31)
/* CPUID.1.EDX: FPU DE TSC MSR PAE MCE CX8 APIC SEP MCA CMOV PAT CLFLUSH ACPI
 * MMX FXSR SSE SSE2 HTT. */
#define SHOW_1D		0x17c9cbf5
/* CPUID.7.0.EBX: FSGSBASE BMI1 AVX2 BMI2 ERMS AVX512F AVX512DQ RDSEED ADX
 * AVX512IFMA CLFLUSHOPT CLWB AVX512CD SHA AVX512BW AVX512VL. */
#define SHOW_7B		0xf1af0329
#define F7B_AVX2	BIT(5)
#define F7B_AVX512	0xd0230000
/* CPUID.7.0.ECX: VBMI VBMI2 GFNI VAES VPCLMUL VNNI BITALG VPOPCNTDQ RDPID. */
#define SHOW_7C		0x00405f42
#define F7C_VECTOR	0x00005f42
/* CPUID.7.0.EDX: 4VNNIW 4FMAPS FSRM. */
#define SHOW_7D		0x0000001c
/* CPUID.80000001.ECX: LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH. */
#define SHOW_E1C	0x000001e1
/* CPUID.80000001.EDX: SYSCALL NX MMXEXT RDTSCP LM, and on AMD the copies of
 * leaf 1. */
#define SHOW_E1D	0x28500800
#define SHOW_E1D_AMD	0x01c1c3f5

u64 pv_cr4_allowed(const struct vcpu *v)
{
	u64 bits = CR4_TSD | CR4_DE;

	if (cpu_features.fsgsbase)
		bits |= CR4_FSGSBASE;
	if (fpu_xcr0_mask)
		bits |= CR4_OSXSAVE;
	return bits;
}

static void hide_vectors(u32 leaf, struct cpuid_regs *o)
{
	const bool avx = fpu_xcr0_mask & BIT(2), avx512 = fpu_xcr0_mask & BIT(5);

	if (leaf == 1 && !fpu_xcr0_mask)
		o->c &= ~(u32)F1C_XSAVE;
	if (leaf == 1 && !avx)
		o->c &= ~(u32)F1C_AVX_FAMILY;
	if (leaf == 7 && !avx) {
		o->b &= ~(u32)F7B_AVX2;
		o->c &= ~(u32)F7C_VECTOR;
	}
	if (leaf == 7 && !avx512)
		o->b &= ~(u32)F7B_AVX512;
}

static void xen_leaf(u32 index, struct cpuid_regs *o)
{
	*o = (struct cpuid_regs){ 0 };
	switch (index) {
	case 0:
		o->a = XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES);
		o->b = XEN_CPUID_SIGNATURE_EBX;
		o->c = XEN_CPUID_SIGNATURE_ECX;
		o->d = XEN_CPUID_SIGNATURE_EDX;
		break;
	case 1:
		o->a = 4 << 16 | 17;
		break;
	case 2:
		o->a = 1;
		o->b = 0x40000000;	/* MSR of the hypercall page */
		o->c = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
		break;
	case 5:
		o->b = cpu_features.phys_bits;
		break;
	}
}

static void xsave_leaf(const struct vcpu *v, u32 sub, struct cpuid_regs *o)
{
	if (!fpu_xcr0_mask || (sub > 1 && !(fpu_xcr0_mask >> sub & 1)) ||
	    sub > 62) {
		*o = (struct cpuid_regs){ 0 };
		return;
	}
	if (sub == 0) {
		o->a = (u32)fpu_xcr0_mask;
		o->b = fpu_size(v ? v->arch.xcr0 : fpu_xcr0_mask);
		o->c = fpu_size(fpu_xcr0_mask);
		o->d = (u32)(fpu_xcr0_mask >> 32);
	} else if (sub == 1) {
		o->a &= BIT(0);		/* XSAVEOPT */
		o->b = o->c = o->d = 0;
	}
}

/* The leaves that are there, and what of the processor's answer is shown. */
static const struct {
	u32 first, last;
	struct cpuid_regs mask;
} shown[] = {
	{ 0, 0, { ~0u, ~0u, ~0u, ~0u } },
	{ 1, 1, { ~0u, 0xffff, SHOW_1C, SHOW_1D } },
	{ 2, 2, { ~0u, ~0u, ~0u, ~0u } },
	{ 4, 4, { 0x3ff, ~0u, ~0u, ~0u } },	/* but for who shares a cache */
	{ 7, 7, { 0, SHOW_7B, SHOW_7C, SHOW_7D } },
	{ 0xd, 0xd, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000000, 0x80000000, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000001, 0x80000001, { ~0u, ~0u, SHOW_E1C, SHOW_E1D | SHOW_E1D_AMD } },
	{ 0x80000002, 0x80000006, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000007, 0x80000007, { 0, 0, 0, BIT(8) } },	/* invariant TSC */
	{ 0x80000008, 0x80000008, { ~0u, 0, 0, 0 } },
};

/* What the processor says, as far as it is shown; else zeros. */
static void masked_leaf(u32 leaf, u32 sub, struct cpuid_regs *o)
{
	const struct cpuid_regs *m;

	*o = (struct cpuid_regs){ 0 };
	for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
		m = &shown[i].mask;
		if (leaf < shown[i].first || leaf > shown[i].last)
			continue;
		cpuid(leaf, sub, &o->a, &o->b, &o->c, &o->d);
		o->a &= m->a;
		o->b &= m->b;
		o->c &= m->c;
		o->d &= m->d;
	}
}

void arch_cpuid(const struct vcpu *v, u32 leaf, u32 sub, struct cpuid_regs *o)
{
	if (leaf >= XEN_CPUID_FIRST_LEAF && leaf < XEN_CPUID_FIRST_LEAF + 0x100) {
		xen_leaf(leaf - XEN_CPUID_FIRST_LEAF, o);
		return;
	}
	masked_leaf(leaf, sub, o);
	switch (leaf) {
	case 0:
		o->a = MIN(o->a, LEAF_MAX);
		break;
	case 0x80000000:
		o->a = MIN(o->a, EXT_LEAF_MAX);
		break;
	case 1:
		/* One thread: HTT with none makes Linux 6.12 shift by -1. */
		o->b |= BIT(16) | (v ? v->id * 2 << 24 : 0);
		hide_vectors(1, o);
		o->c |= F1C_HYPERVISOR;
		if (v && v->arch.cr4 & CR4_OSXSAVE)
			o->c |= F1C_OSXSAVE;
		break;
	case 7:
		hide_vectors(7, o);
		if (sub)
			*o = (struct cpuid_regs){ 0 };
		break;
	case 0xd:
		xsave_leaf(v, sub, o);
		break;
	case 0x80000001:
		if (!cpu_features.amd)
			o->d &= SHOW_E1D;
		break;
	}
}
