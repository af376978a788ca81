/* SPDX-License-Identifier: MIT */
/*
 * What the processors can do, and how each is set up: the same control
 * registers everywhere.
 */
#include <asm/cpu.h>

#include <hyp/lib.h>
#include <hyp/param.h>
#include <hyp/printk.h>

#include <asm/entry.h>

struct cpu_features cpu_features;
u64 cpu_cr4;

static void find_vendor(struct cpu_features *f)
{
	u32 a, b, c, d;

	cpuid(0, 0, &a, &b, &c, &d);
	f->max_leaf = a;
	f->intel = b == 0x756e6547;	/* "Genu" */
	f->amd = b == 0x68747541 || b == 0x6f677948;	/* "Auth", "Hygo" */
	cpuid(0x80000000, 0, &f->max_ext_leaf, &b, &c, &d);
}

static void find_features(struct cpu_features *f)
{
	u32 a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	f->pcid = c & BIT(17);
	f->x2apic = c & BIT(21);
	f->tsc_deadline = c & BIT(24);
	f->xsave = c & BIT(26);
	f->mce = d & BIT(7);
	if (f->max_leaf >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		f->fsgsbase = b & BIT(0);
		f->smep = b & BIT(7);
		f->smap = b & BIT(20);
		f->umip = c & BIT(2);
	}
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	f->nx = d & BIT(20);
	f->page1g = d & BIT(26);
	f->rdtscp = d & BIT(27);
	if (f->max_ext_leaf >= 0x80000007) {
		cpuid(0x80000007, 0, &a, &b, &c, &d);
		f->invariant_tsc = d & BIT(8);
	}
	f->phys_bits = 36;
	if (f->max_ext_leaf >= 0x80000008) {
		cpuid(0x80000008, 0, &a, &b, &c, &d);
		f->phys_bits = a & 0xff;
	}
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
static bool leaks_our_memory(const struct cpu_features *f)
{
	u32 a, b, c, d = 0;
	u64 caps = 0;

	if (!f->intel)
		return false;
	if (f->max_leaf >= 7)
		cpuid(7, 0, &a, &b, &c, &d);
	if (d & BIT(29))
		caps = rdmsr(MSR_ARCH_CAPABILITIES);
	return !(caps & ARCH_CAP_RDCL_NO);
}

void cpu_features_init(void)
{
	struct cpu_features *f = &cpu_features;

	find_vendor(f);
	find_features(f);
	/* Without NX there is no W^X, and Linux guests want it as well. */
	if (!f->nx)
		panic("this processor cannot mark pages no-execute (NX); switch it on in the firmware");
	f->smep &= !params.no_smep;
	if (f->smap && !params.no_smap && iret_breaks_smap()) {
		log_info("SMAP is not used: this is QEMU's TCG, which would fault each IRET of a guest");
		f->smap = false;
	}
	f->smap &= !params.no_smap;
	f->umip &= !params.no_umip;
	f->x2apic &= !params.no_x2apic;
	cpu_cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE;
	if (f->mce)
		cpu_cr4 |= CR4_MCE;
	if (f->xsave)
		cpu_cr4 |= CR4_OSXSAVE;
	if (f->smep)
		cpu_cr4 |= CR4_SMEP;
	if (f->smap)
		cpu_cr4 |= CR4_SMAP;
	smap_enabled = f->smap;
	if (f->umip)
		cpu_cr4 |= CR4_UMIP;
	if (leaks_our_memory(f))
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
