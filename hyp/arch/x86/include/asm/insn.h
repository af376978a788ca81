/* SPDX-License-Identifier: MIT */
/* Instructions that C has no words for, and the numbers of MSRs. */
#ifndef ASM_INSN_H
#define ASM_INSN_H

#include <hyp/types.h>

#define MSR_APIC_BASE		0x0000001b
#define MSR_SYSENTER_CS		0x00000174
#define MSR_MISC_ENABLE		0x000001a0
#define MSR_PAT			0x00000277
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

#define EFER_SCE		BIT(0)
#define EFER_LME		BIT(8)
#define EFER_LMA		BIT(10)
#define EFER_NX			BIT(11)

#define CR0_MP			BIT(1)
#define CR0_EM			BIT(2)
#define CR0_TS			BIT(3)
#define CR0_WP			BIT(16)
#define CR4_TSD			BIT(2)
#define CR4_DE			BIT(3)
#define CR4_PAE			BIT(5)
#define CR4_MCE			BIT(6)
#define CR4_PGE			BIT(7)
#define CR4_OSFXSR		BIT(9)
#define CR4_OSXMMEXCPT		BIT(10)
#define CR4_UMIP		BIT(11)
#define CR4_FSGSBASE		BIT(16)
#define CR4_OSXSAVE		BIT(18)
#define CR4_SMEP		BIT(20)
#define CR4_SMAP		BIT(21)

#define RFLAGS_FIXED		BIT(1)
#define RFLAGS_TF		BIT(8)
#define RFLAGS_IF		BIT(9)
#define RFLAGS_DF		BIT(10)
#define RFLAGS_IOPL		(3ULL << 12)
#define RFLAGS_NT		BIT(14)
#define RFLAGS_RF		BIT(16)
#define RFLAGS_VM		BIT(17)
#define RFLAGS_AC		BIT(18)
#define RFLAGS_VIF		BIT(19)
#define RFLAGS_VIP		BIT(20)

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" :: "c"(msr), "a"((u32)value),
			 "d"((u32)(value >> 32)) : "memory");
}

/* The same where the MSR may not exist: false after a #GP. */
bool rdmsr_safe(u32 msr, u64 *value);
bool wrmsr_safe(u32 msr, u64 value);

struct cpuid_regs {
	u32 a, b, c, d;
};

static inline struct cpuid_regs cpuid_count(u32 leaf, u32 sub)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(sub));
	return r;
}

static inline struct cpuid_regs cpuid(u32 leaf)
{
	return cpuid_count(leaf, 0);
}

#define DEFINE_REG_ACCESS(reg) \
static inline u64 read_##reg(void) \
{ \
	u64 v; \
 \
	__asm__ volatile("mov %%" #reg ", %0" : "=r"(v)); \
	return v; \
} \
 \
static inline void write_##reg(u64 v) \
{ \
	__asm__ volatile("mov %0, %%" #reg :: "r"(v) : "memory"); \
}

DEFINE_REG_ACCESS(cr0)
DEFINE_REG_ACCESS(cr2)
DEFINE_REG_ACCESS(cr3)
DEFINE_REG_ACCESS(cr4)
DEFINE_REG_ACCESS(dr0)
DEFINE_REG_ACCESS(dr1)
DEFINE_REG_ACCESS(dr2)
DEFINE_REG_ACCESS(dr3)
DEFINE_REG_ACCESS(dr6)
DEFINE_REG_ACCESS(dr7)

static inline void invlpg(u64 va)
{
	__asm__ volatile("invlpg (%0)" :: "r"(va) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

static inline void xsetbv(u64 v)
{
	__asm__ volatile("xsetbv" :: "c"(0), "a"((u32)v), "d"((u32)(v >> 32)));
}

#define DEFINE_PORT_ACCESS(suffix, type) \
static inline type in##suffix(u16 port) \
{ \
	type v; \
 \
	__asm__ volatile("in" #suffix " %w1, %0" : "=a"(v) : "Nd"(port)); \
	return v; \
} \
 \
static inline void out##suffix(u16 port, type v) \
{ \
	__asm__ volatile("out" #suffix " %0, %w1" :: "a"(v), "Nd"(port)); \
}

DEFINE_PORT_ACCESS(b, u8)
DEFINE_PORT_ACCESS(w, u16)
DEFINE_PORT_ACCESS(l, u32)

#endif
