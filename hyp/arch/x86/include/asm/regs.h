/* SPDX-License-Identifier: MIT */
/*
 * The frame that entry.S makes on the stack, low address first.  The last
 * five words are the processor's own.
 */
#pragma once

#include <hyp/types.h>

struct regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	u64 rax, rcx, rdx, rsi, rdi;
	u32 error_code, vector;	/* vector: the exception, or a TRAP_* below */
	u64 rip;
	u16 cs, pad0[3];
	u64 rflags;
	u64 rsp;
	u16 ss, pad1[3];
};
