/* SPDX-License-Identifier: MIT */
/*
 * What the processors can do, and how each is set up: the same control
 * registers everywhere.
 */
#include <asm/cpu.h>

#include <hyp/core.h>
#include <hyp/param.h>

#include <asm/entry.h>

struct cpu_features cpu_features;
u64 cpu_cr4;

/* A leaf, or zeros when the processor does not have it. */
static struct cpuid_regs leaf(u32 number)
{
	struct cpuid_regs l, max;

	cpuid(number & 0x80000000, 0, &max.a, &max.b, &max.c, &max.d);
	if (number > max.a)
		return (struct cpuid_regs){ 0 };
	cpuid(number, 0, &l.a, &l.b, &l.c, &l.d);
	return l;
}

/*
 * QEMU's TCG (7.2 at least) reads the frame of a ring-3 IRET as if the
 * hypervisor did, so that with SMAP on no guest could execute one.
 */
static bool iret_breaks_smap(void)
{
	u32 a, b, c, d;

	cpuid(0x40000000, 0, &a, &b, &c, &d);
	return b == 0x54474354 && c == 0x43544743;	/* "TCGTCGTCGTCG" */
}

/*
 * Meltdown: an Intel processor that does not say RDCL_NO lets programs read
 * what their page tables map for us, and all of RAM is mapped.
 */
static bool leaks_our_memory(void)
{
	const bool told = leaf(7).d & BIT(29);

	return cpu_features.intel &&
	       !(told && rdmsr(MSR_ARCH_CAPABILITIES) & ARCH_CAP_RDCL_NO);
}

void cpu_features_init(void)
{
	const struct cpuid_regs vendor = leaf(0), basic = leaf(1);
	const struct cpuid_regs more = leaf(7), ext = leaf(0x80000001);
	const u8 phys_bits = leaf(0x80000008).a & 0xff;
	struct cpu_features *f = &cpu_features;

	f->intel = vendor.b == 0x756e6547;		/* "Genu" */
	f->amd = vendor.b == 0x68747541 ||		/* "Auth" */
		 vendor.b == 0x6f677948;		/* "Hygo" */
	f->x2apic = basic.c & BIT(21) && params.x2apic;
	f->fsgsbase = more.b & BIT(0);
	f->rdtscp = ext.d & BIT(27);
	f->phys_bits = phys_bits ? phys_bits : 36;
	/* Without NX there is no W^X, and Linux guests want it as well. */
	if (!(ext.d & BIT(20)))
		panic("this processor cannot mark pages no-execute (NX); switch it on in the firmware");
	smap_enabled = more.b & BIT(20) && params.smap;
	if (smap_enabled && iret_breaks_smap()) {
		log_info("SMAP is not used: this is QEMU's TCG, which would fault each IRET of a guest");
		smap_enabled = false;
	}
	cpu_cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE |
		  (basic.d & BIT(7) ? CR4_MCE : 0) |
		  (basic.c & BIT(26) ? CR4_OSXSAVE : 0) |
		  (more.b & BIT(7) && params.smep ? CR4_SMEP : 0) |
		  (more.c & BIT(2) && params.umip ? CR4_UMIP : 0) |
		  (smap_enabled ? CR4_SMAP : 0);
	if (leaks_our_memory())
		log_warn("this processor lets programs of a guest read all memory (Meltdown): run no guests here that you do not trust");
}

void cpu_init_this(void)
{
	write_cr0(CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP |
		  CR0_PE);
	write_cr4(cpu_cr4);
	wrmsr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	wrmsr(MSR_PAT, PAT_VALUE);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}
