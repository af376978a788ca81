/* SPDX-License-Identifier: MIT */
/*
 * The CPUID policy, on whatever processor the test runs: what must never be
 * seen, what must always, and that nothing is shown that is not there.
 */
#include <string.h>

#include <CUnit/CUnit.h>

#include <asm/pv.h>

#include "machine.h"

CU_ErrorCode test_cpuid_register(void);

static struct vcpu *v;

static void setup(void)
{
	machine_boot();
	v = machine_domain(false)->vcpu[0];
	machine_as(0, v);
	fpu_xcr0_mask = 7;
	v->arch.xcr0 = 3;
	v->arch.cr4 = 0;
	cpu_features.fsgsbase = true;
	cpu_features.amd = false;
	cpu_features.phys_bits = 46;
}

static struct cpuid_regs seen(u32 leaf, u32 sub)
{
	struct cpuid_regs o;

	arch_cpuid(v, leaf, sub, &o);
	return o;
}

static void the_xen_leaves_say_xen(void)
{
	struct cpuid_regs o;
	char name[13] = "";

	setup();
	o = seen(0x40000000, 0);
	memcpy(name, &o.b, 4);
	memcpy(name + 4, &o.c, 4);
	memcpy(name + 8, &o.d, 4);
	CU_ASSERT_STRING_EQUAL(name, "XenVMMXenVMM");
	CU_ASSERT(o.a >= 0x40000002);
	CU_ASSERT_EQUAL(seen(0x40000001, 0).a, 0x40011);
	CU_ASSERT_EQUAL(seen(0x40000002, 0).a, 1);
	CU_ASSERT_EQUAL(seen(0x40000002, 0).b, 0x40000000);
	CU_ASSERT_EQUAL(seen(0x40000005, 0).b, 46);
	CU_ASSERT_EQUAL(seen(0x40000100, 0).b, 0);
}

static void what_a_pv_kernel_would_misuse_is_hidden(void)
{
	/* VME PSE PGE MTRR PSE36 DS TM; MONITOR VMX EIST PCID x2APIC. */
	const u32 d1 = 1 << 1 | 1 << 3 | 1 << 12 | 1 << 13 | 1 << 17 | 1 << 21 |
		       1 << 29;
	const u32 c1 = 1 << 3 | 1 << 5 | 1 << 7 | 1 << 17 | 1 << 21 | 1 << 24;
	struct cpuid_regs o;

	setup();
	o = seen(1, 0);
	CU_ASSERT_EQUAL(o.d & d1, 0);
	CU_ASSERT_EQUAL(o.c & c1, 0);
	CU_ASSERT_TRUE(o.c >> 31);
	o = seen(7, 0);
	CU_ASSERT_EQUAL(o.a, 0);
	/* SMEP INVPCID SMAP SGX PT; UMIP PKU CET LA57; IBRS and friends. */
	CU_ASSERT_EQUAL(o.b & (1 << 7 | 1 << 10 | 1 << 20 | 1 << 2 | 1 << 25), 0);
	CU_ASSERT_EQUAL(o.c & (1 << 2 | 1 << 3 | 1 << 7 | 1 << 16), 0);
	CU_ASSERT_EQUAL(o.d & 0xfc100000, 0);
	CU_ASSERT_EQUAL(seen(0xa, 0).a, 0);
	CU_ASSERT_EQUAL(seen(0xb, 0).b, 0);
	CU_ASSERT_EQUAL(seen(6, 0).c, 0);
	CU_ASSERT_EQUAL(seen(0x80000001, 0).d & (1 << 26), 0);
	CU_ASSERT_EQUAL(seen(0x80000001, 0).c & (1 << 2), 0);
	CU_ASSERT_EQUAL(seen(0x8000001f, 0).a, 0);
}

static void nothing_is_shown_that_is_not_there(void)
{
	static const u32 leaf[] = { 1, 7, 0x80000001 };
	struct cpuid_regs o, real;
	unsigned i;

	setup();
	for (i = 0; i < ARRAY_SIZE(leaf); i++) {
		o = seen(leaf[i], 0);
		cpuid(leaf[i], 0, &real.a, &real.b, &real.c, &real.d);
		CU_ASSERT_EQUAL(o.d & ~real.d, 0);
		CU_ASSERT_EQUAL(o.c & ~real.c & (leaf[i] == 1 ? 0x7fffffff : ~0u), 0);
		if (leaf[i] == 7)
			CU_ASSERT_EQUAL(o.b & ~real.b, 0);
	}
	CU_ASSERT(seen(0, 0).a <= 0xd);
	CU_ASSERT(seen(0x80000000, 0).a <= 0x80000008);
}

static void what_must_be_there_is(void)
{
	struct cpuid_regs o;

	setup();
	o = seen(1, 0);
	/* FPU TSC MSR PAE CX8 APIC SEP CMOV FXSR SSE SSE2. */
	CU_ASSERT_EQUAL(~o.d & (1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9 |
				1 << 11 | 1 << 15 | 7 << 24), 0);
	/* SYSCALL NX LM. */
	CU_ASSERT_EQUAL(~seen(0x80000001, 0).d & (1 << 11 | 1 << 20 | 1 << 29), 0);
}

static void xsave_follows_the_vcpu(void)
{
	setup();
	CU_ASSERT_FALSE(seen(1, 0).c & 1 << 27);
	v->arch.cr4 = CR4_OSXSAVE;
	CU_ASSERT_TRUE(seen(1, 0).c & 1 << 27);
	CU_ASSERT_EQUAL(seen(0xd, 0).a, 7);
	CU_ASSERT_EQUAL(seen(0xd, 0).b, 576);
	CU_ASSERT_EQUAL(seen(0xd, 0).c, 832);
	CU_ASSERT_EQUAL(seen(0xd, 9).a, 0);
	CU_ASSERT_EQUAL(seen(0xd, 1).a & ~1u, 0);
	/* Without XSAVE there is no AVX either. */
	fpu_xcr0_mask = 0;
	CU_ASSERT_FALSE(seen(1, 0).c & (1 << 26 | 1 << 28));
	CU_ASSERT_FALSE(seen(7, 0).b & 1 << 5);
	CU_ASSERT_EQUAL(seen(0xd, 0).a, 0);
}

static void each_vcpu_has_its_own_apic_id(void)
{
	setup();
	CU_ASSERT_EQUAL(seen(1, 0).b >> 24, 0);
	v->id = 3;
	CU_ASSERT_EQUAL(seen(1, 0).b >> 24, 6);
	v->id = 0;
}

/* Linux 6.12 takes the logarithm of the count, with HTT. */
static void a_package_has_a_thread(void)
{
	setup();
	CU_ASSERT(seen(1, 0).b >> 16 & 0xff);
}

static void cr4_offers_what_works(void)
{
	setup();
	CU_ASSERT_EQUAL(pv_cr4_allowed(v),
			CR4_TSD | CR4_DE | CR4_FSGSBASE | CR4_OSXSAVE);
	fpu_xcr0_mask = 0;
	cpu_features.fsgsbase = false;
	CU_ASSERT_EQUAL(pv_cr4_allowed(v), CR4_TSD | CR4_DE);
}

CU_ErrorCode test_cpuid_register(void)
{
	CU_pSuite s = CU_add_suite("cpuid", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(the_xen_leaves_say_xen);
	ADD(what_a_pv_kernel_would_misuse_is_hidden);
	ADD(nothing_is_shown_that_is_not_there);
	ADD(what_must_be_there_is);
	ADD(xsave_follows_the_vcpu);
	ADD(each_vcpu_has_its_own_apic_id);
	ADD(cr4_offers_what_works);
	ADD(a_package_has_a_thread);
	return s ? CU_get_error() : CUE_NOSUITE;
}
