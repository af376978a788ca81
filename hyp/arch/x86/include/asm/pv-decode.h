/* SPDX-License-Identifier: MIT */
/*
 * A decoder for the instructions that a PV kernel is helped with: privileged
 * ones, and the stores with which kernels change page tables: plain ones,
 * exchanges, and the locked forms that set and clear bits.  Pure: bytes in,
 * struct out.
 */
#pragma once

#include <hyp/types.h>

#include <asm/regs.h>

#define INSN_MAX	15
#define INSN_NO_REG	0xff
#define INSN_RIP	16	/* base of rip-relative addresses */

enum insn_op {
	INSN_IN, INSN_OUT, INSN_INS, INSN_OUTS, INSN_CLI, INSN_STI,
	INSN_CLTS, INSN_WBINVD, INSN_MOV_FROM_CR, INSN_MOV_TO_CR,
	INSN_RDMSR, INSN_WRMSR,
	INSN_RDTSC, INSN_RDTSCP, INSN_XSETBV,
	/* Those that write memory. */
	INSN_MOV, INSN_XCHG, INSN_OR, INSN_AND, INSN_BTS, INSN_BTR,
	INSN_CMPXCHG,
};

#define INSN_FIRST_STORE INSN_MOV

struct insn {
	enum insn_op op;
	u8 length;
	u8 size;		/* operand: 1, 2, 4, 8 */
	u8 reg;			/* register operand, or CR number */
	u8 rm;			/* register in r/m, if not memory */
	bool has_imm;		/* the source is imm, not reg */
	bool rep, lock;
	u8 base, index, scale;	/* of a store; scale: shift count */
	s64 disp;
	u64 imm;		/* sign-extended */
};

/* Decodes 64-bit code; false: not one of ours, or longer than n bytes. */
bool insn_decode(struct insn *i, const u8 *bytes, unsigned n);

/* Where struct regs keeps the register that the processor calls number. */
static inline u64 *insn_reg(const struct regs *r, unsigned number)
{
#define AT(reg) offsetof(struct regs, reg)
	static const u8 at[16] = {
		AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi),
		AT(rdi), AT(r8), AT(r9), AT(r10), AT(r11), AT(r12), AT(r13),
		AT(r14), AT(r15),
	};
#undef AT

	return (u64 *)((u64)r + at[number & 15]);
}

/* Address of the memory operand of the instruction at r->rip. */
u64 insn_address(const struct insn *i, const struct regs *r);

/* What a store does: to memory, to a register, to the arithmetic flags. */
struct insn_effect {
	u64 value;		/* new contents of memory, i->size bytes */
	bool store;		/* false: memory stays */
	bool set_reg;		/* register number reg gets reg_value */
	u8 reg;
	u64 reg_value;
	u64 rflags;
};

/* Computes a store whose memory operand holds old.  Pure. */
void insn_store(const struct insn *i, u64 old, const struct regs *r,
		struct insn_effect *e);

/* Register value after writing size bytes of v into it. */
u64 insn_merge(u64 reg, u64 v, unsigned size);
