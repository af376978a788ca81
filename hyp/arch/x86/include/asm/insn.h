/* SPDX-License-Identifier: MIT */
/* More of the processor's instructions and bits: flags, debug registers, XCR0. */
#pragma once

#include <asm/cpu.h>

#define RFLAGS_FIXED		0x00000002
#define RFLAGS_TF		0x00000100
#define RFLAGS_IF		0x00000200
#define RFLAGS_DF		0x00000400
#define RFLAGS_IOPL		0x00003000
#define RFLAGS_NT		0x00004000
#define RFLAGS_RF		0x00010000
#define RFLAGS_VM		0x00020000
#define RFLAGS_AC		0x00040000
#define RFLAGS_VIF		0x00080000
#define RFLAGS_VIP		0x00100000

/* What a guest may not choose, and what it loses on entry to its kernel. */
#define RFLAGS_NEVER		(RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP)
#define RFLAGS_ENTRY_CLEAR	(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | \
				 RFLAGS_AC)

/* Exceptions with an error code, a bit for each. */
#define TRAPS_WITH_CODE		0x00227d00

#define MSR_SYSENTER_CS		0x174

#ifdef __ASSEMBLY__

	/* A fault at insn continues at label; section .extable, traps.c. */
	.macro FIXUP insn, label
	.pushsection .extable, "a"
	.balign 4
	.long \insn - ., \label - .
	.popsection
	.endm

#else

#include <hyp/types.h>

static inline void xsetbv(u64 v)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)v), "d"((u32)(v >> 32)));
}

static inline void clts(void)
{
	__asm__ volatile("clts");
}

static inline void swapgs(void)
{
	__asm__ volatile("swapgs" : : : "memory");
}

#endif
