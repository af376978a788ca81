/* SPDX-License-Identifier: MIT */
/* The processor's own instructions, registers and features. */
#pragma once

/* CR0, CR4 and EFER bits, Intel SDM vol. 3, 2.5 and 2.2.1. */
#define CR0_PE		0x00000001
#define CR0_MP		0x00000002
#define CR0_TS		0x00000008
#define CR0_ET		0x00000010
#define CR0_NE		0x00000020
#define CR0_WP		0x00010000
#define CR0_AM		0x00040000
#define CR0_PG		0x80000000

#define CR4_TSD		0x00000004
#define CR4_DE		0x00000008
#define CR4_PAE		0x00000020
#define CR4_MCE		0x00000040
#define CR4_PGE		0x00000080
#define CR4_OSFXSR	0x00000200
#define CR4_OSXMMEXCPT	0x00000400
#define CR4_UMIP	0x00000800
#define CR4_FSGSBASE	0x00010000
#define CR4_OSXSAVE	0x00040000
#define CR4_SMEP	0x00100000
#define CR4_SMAP	0x00200000

#define EFER_SCE	0x001
#define EFER_LME	0x100
#define EFER_LMA	0x400
#define EFER_NXE	0x800

#define MSR_APIC_BASE		0x1b
#define MSR_ARCH_CAPABILITIES	0x10a
#define ARCH_CAP_RDCL_NO	BIT(0)
#define MSR_PAT			0x277
#define MSR_MISC_ENABLE		0x1a0
#define MSR_X2APIC		0x800
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

/* 0 WB, 1 WT, 2 UC-, 3 UC, 4 WC, 5 WP, 6 UC, 7 UC: what PV guests expect. */
#define PAT_VALUE		0x050100070406ULL

#ifndef __ASSEMBLY__

#include <hyp/types.h>

/* What the processors can do; found once by cpu_features_init(). */
struct cpu_features {
	bool intel, amd, x2apic, fsgsbase, rdtscp;
	u8 phys_bits;
};

extern struct cpu_features cpu_features;
/* The CR4 that every CPU runs with. */
extern u64 cpu_cr4;

/* Fills cpu_features and cpu_cr4; after param_parse(). */
void cpu_features_init(void);
/* Loads CR0, CR4, EFER and PAT on this CPU. */
void cpu_init_this(void);

static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d)
			 : "a"(leaf), "c"(sub));
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v),
			 "d"((u32)(v >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

/* read_cr0(), write_cr0() and so on. */
#define REGISTER_ACCESS(name) \
static inline u64 read_##name(void) \
{ \
	u64 v; \
 \
	__asm__ volatile("mov %%" #name ", %0" : "=r"(v)); \
	return v; \
} \
static inline void write_##name(u64 v) \
{ \
	__asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory"); \
}
REGISTER_ACCESS(cr0)
REGISTER_ACCESS(cr2)
REGISTER_ACCESS(cr3)
REGISTER_ACCESS(cr4)
REGISTER_ACCESS(dr0)
REGISTER_ACCESS(dr1)
REGISTER_ACCESS(dr2)
REGISTER_ACCESS(dr3)
REGISTER_ACCESS(dr6)
REGISTER_ACCESS(dr7)
#undef REGISTER_ACCESS

static inline void invlpg(u64 va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void irq_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

#define PORT_ACCESS(suffix, type) \
static inline type in##suffix(u16 port) \
{ \
	type v; \
 \
	__asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port)); \
	return v; \
} \
static inline void out##suffix(u16 port, type v) \
{ \
	__asm__ volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port)); \
}
PORT_ACCESS(b, u8)
PORT_ACCESS(w, u16)
PORT_ACCESS(l, u32)
#undef PORT_ACCESS

/* size: 1, 2 or 4. */
static inline u32 port_read(u16 port, unsigned size)
{
	return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

static inline void port_write(u16 port, unsigned size, u32 v)
{
	if (size == 1)
		outb(port, (u8)v);
	else if (size == 2)
		outw(port, (u16)v);
	else
		outl(port, v);
}

#endif
