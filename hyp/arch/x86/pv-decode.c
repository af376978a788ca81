/* SPDX-License-Identifier: MIT */
/*
 * The decoder, and the arithmetic of the stores that it knows.
 *
 * Everything it reads is in one private copy of at most 15 bytes, so the
 * instruction cannot change under it.  What it does not know it refuses, and
 * the guest gets the fault that it would have got anyway.
 */
#include <asm/pv-decode.h>

#define CF 0x0001
#define PF 0x0004
#define AF 0x0010
#define ZF 0x0040
#define SF 0x0080
#define OF 0x0800
#define ARITHMETIC (CF | PF | AF | ZF | SF | OF)

/* What follows an opcode, and what its bits mean. */
#define WIDTH		0x01	/* bit 0: clear for bytes */
#define STORE		0x02	/* ModRM; r/m is memory */
#define GROUP		0x04	/* its reg field is part of the opcode */
#define SYSTEM		0x08	/* ModRM; r/m is a register, whatever mod */
#define THIRD		0x10	/* one more byte of opcode */
#define IMM		0x20	/* an immediate of the operand's size */
#define IMM8		0x40	/* one of a byte */
#define PORT		0x80	/* at most 4 bytes wide */

static const struct pattern {
	u16 opcode;		/* 0x0f..: after a byte 0f */
	u8 form;
	u8 more;		/* GROUP: the reg field; THIRD: the byte */
	u8 op;
} patterns[] = {
	{ 0x08, WIDTH | STORE, 0, INSN_OR },
	{ 0x20, WIDTH | STORE, 0, INSN_AND },
	{ 0x80, WIDTH | STORE | GROUP | IMM, 1, INSN_OR },
	{ 0x80, WIDTH | STORE | GROUP | IMM, 4, INSN_AND },
	{ 0x83, STORE | GROUP | IMM8, 1, INSN_OR },
	{ 0x83, STORE | GROUP | IMM8, 4, INSN_AND },
	{ 0x86, WIDTH | STORE, 0, INSN_XCHG },
	{ 0x88, WIDTH | STORE, 0, INSN_MOV },
	{ 0xc6, WIDTH | STORE | GROUP | IMM, 0, INSN_MOV },
	{ 0x0fb0, WIDTH | STORE, 0, INSN_CMPXCHG },
	{ 0x0fba, STORE | GROUP | IMM8, 5, INSN_BTS },
	{ 0x0fba, STORE | GROUP | IMM8, 6, INSN_BTR },
	{ 0x6c, WIDTH | PORT, 0, INSN_INS },
	{ 0x6e, WIDTH | PORT, 0, INSN_OUTS },
	{ 0xe4, WIDTH | PORT | IMM8, 0, INSN_IN },
	{ 0xe6, WIDTH | PORT | IMM8, 0, INSN_OUT },
	{ 0xec, WIDTH | PORT, 0, INSN_IN },
	{ 0xee, WIDTH | PORT, 0, INSN_OUT },
	{ 0xfa, 0, 0, INSN_CLI },
	{ 0xfb, 0, 0, INSN_STI },
	{ 0x0f01, THIRD, 0xd1, INSN_XSETBV },
	{ 0x0f01, THIRD, 0xf9, INSN_RDTSCP },
	{ 0x0f06, 0, 0, INSN_CLTS },
	{ 0x0f09, 0, 0, INSN_WBINVD },
	{ 0x0f20, SYSTEM, 0, INSN_MOV_FROM_CR },
	{ 0x0f22, SYSTEM, 0, INSN_MOV_TO_CR },
	{ 0x0f30, 0, 0, INSN_WRMSR },
	{ 0x0f31, 0, 0, INSN_RDTSC },
	{ 0x0f32, 0, 0, INSN_RDMSR },
};

struct reader {
	const u8 *p;
	unsigned left;
	bool ok;
	bool size16;
	u8 rex;
};

/* The next n bytes as a signed number; 0, and ok is off, if there are fewer. */
static u64 take(struct reader *r, unsigned n)
{
	const unsigned shift = 64 - 8 * n;
	u64 v = 0;

	if (n > r->left) {
		r->ok = false;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		v |= (u64)r->p[i] << (8 * i);
	r->p += n;
	r->left -= n;
	return (u64)((s64)(v << shift) >> shift);
}

/* FS, GS and 32-bit addresses no kernel uses here: they are no prefixes. */
static void take_prefixes(struct reader *r, struct insn *i)
{
	for (; r->left; take(r, 1)) {
		switch (*r->p) {
		case 0x66:
			r->size16 = true;
			break;
		case 0xf0:
			i->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			i->rep = true;
			break;
		case 0x2e: case 0x36: case 0x3e: case 0x26:
			break;		/* mean nothing in 64-bit code */
		case 0x40 ... 0x4f:
			/* Must be the last one. */
			r->rex = (u8)take(r, 1);
			return;
		default:
			return;
		}
	}
}

/* ModRM, SIB and displacement of a memory operand; false: a register. */
static bool take_memory(struct reader *r, struct insn *i, u8 modrm)
{
	const u8 mod = modrm >> 6;
	u8 low = modrm & 7, sib;

	if (mod == 3)
		return false;
	i->base = low | (r->rex & 1) << 3;
	if (low == 4) {
		sib = (u8)take(r, 1);
		low = sib & 7;
		i->base = low | (r->rex & 1) << 3;
		i->scale = sib >> 6;
		i->index = (sib >> 3 & 7) | (r->rex & 2) << 2;
		if (i->index == 4)
			i->index = INSN_NO_REG;
		if (low == 5 && mod == 0)
			i->base = INSN_NO_REG;
	} else if (low == 5 && mod == 0) {
		i->base = INSN_RIP;
	}
	if (mod == 1)
		i->disp = (s64)take(r, 1);
	else if (mod == 2 || low == 5)
		i->disp = (s64)take(r, 4);
	return true;
}

static bool decode_as(struct reader *r, struct insn *i, const struct pattern *p,
		      bool byte)
{
	const u8 form = p->form;
	u8 modrm;

	i->op = (enum insn_op)p->op;
	i->size = byte ? 1 : r->rex & 8 ? 8 : r->size16 ? 2 : 4;
	if (form & PORT)
		i->size = MIN(i->size, 4);
	if (form & THIRD)
		take(r, 1);
	if (form & (STORE | SYSTEM)) {
		modrm = (u8)take(r, 1);
		i->reg = (modrm >> 3 & 7) | (r->rex & 4) << 1;
		i->rm = (modrm & 7) | (r->rex & 1) << 3;
		if (form & STORE && !take_memory(r, i, modrm))
			return false;
	}
	/* Without REX, 4 to 7 would be ah to bh. */
	if (byte && form & STORE && !(form & IMM) && !r->rex && i->reg > 3)
		return false;
	i->has_imm = form & (IMM | IMM8);
	if (i->has_imm)
		i->imm = take(r, form & IMM ? MIN(i->size, 4) : 1);
	return r->ok;
}

static bool matches(const struct pattern *p, const struct reader *r, u16 opcode)
{
	if ((p->form & WIDTH ? opcode & ~1 : opcode) != p->opcode)
		return false;
	if (!(p->form & (GROUP | THIRD)))
		return true;
	return r->left && p->more == (p->form & THIRD ? *r->p : *r->p >> 3 & 7);
}

bool insn_decode(struct insn *i, const u8 *bytes, unsigned n)
{
	struct reader r = { .p = bytes, .left = MIN(n, INSN_MAX), .ok = true };
	const unsigned all = r.left;
	const struct pattern *p;
	u16 opcode;
	bool known;

	*i = (struct insn){ .base = INSN_NO_REG, .index = INSN_NO_REG };
	take_prefixes(&r, i);
	opcode = (u8)take(&r, 1);
	if (opcode == 0x0f)
		opcode = 0x0f00 | (u8)take(&r, 1);
	for (p = patterns; r.ok && p < patterns + ARRAY_SIZE(patterns); p++) {
		if (!matches(p, &r, opcode))
			continue;
		known = decode_as(&r, i, p, p->form & WIDTH && !(opcode & 1));
		i->length = (u8)(all - r.left);
		return known;
	}
	return false;
}

u64 insn_address(const struct insn *i, const struct regs *r)
{
	u64 a = (u64)i->disp;

	if (i->base == INSN_RIP)
		a += r->rip + i->length;
	else if (i->base != INSN_NO_REG)
		a += *insn_reg(r, i->base);
	if (i->index != INSN_NO_REG)
		a += *insn_reg(r, i->index) << i->scale;
	return a;
}

/* ---- Arithmetic ---- */

static u64 size_mask(unsigned size)
{
	return size == 8 ? ~0ULL : BIT(8 * size) - 1;
}

u64 insn_merge(u64 reg, u64 v, unsigned size)
{
	/* A write of 4 bytes clears the others. */
	const u64 mask = size == 4 ? ~0ULL : size_mask(size);

	return (reg & ~mask) | (v & size_mask(size));
}

static u64 result_flags(u64 v, unsigned size)
{
	u64 f = v ? 0 : ZF;

	if (v >> (8 * size - 1))
		f |= SF;
	if (!(__builtin_popcount((u8)v) & 1))
		f |= PF;
	return f;
}

/* As CMP a, b sets them. */
static u64 compare_flags(u64 a, u64 b, unsigned size)
{
	const u64 d = (a - b) & size_mask(size);
	u64 f = result_flags(d, size) | ((a ^ b ^ d) & AF);

	if (a < b)
		f |= CF;
	if ((a ^ b) & (a ^ d) & BIT(8 * size - 1))
		f |= OF;
	return f;
}

static void set_register(const struct insn *i, const struct regs *r, u8 reg,
			 u64 v, struct insn_effect *e)
{
	e->set_reg = true;
	e->reg = reg;
	e->reg_value = insn_merge(*insn_reg(r, reg), v, i->size);
}

void insn_store(const struct insn *i, u64 old, const struct regs *r,
		struct insn_effect *e)
{
	const u64 mask = size_mask(i->size), acc = r->rax & mask;
	const u64 src = (i->has_imm ? i->imm : *insn_reg(r, i->reg)) & mask;
	const u64 bit = BIT(i->imm % (8 * i->size));
	u64 touched = 0, f = 0;

	old &= mask;
	*e = (struct insn_effect){ .store = true, .value = src };
	switch (i->op) {
	case INSN_MOV:
		break;
	case INSN_XCHG:
		set_register(i, r, i->reg, old, e);
		break;
	case INSN_OR:
	case INSN_AND:
		e->value = i->op == INSN_OR ? old | src : old & src;
		f = result_flags(e->value, i->size);
		touched = ARITHMETIC;
		break;
	case INSN_BTS:
	case INSN_BTR:
		e->value = i->op == INSN_BTS ? old | bit : old & ~bit;
		f = old & bit ? CF : 0;
		touched = CF;
		break;
	case INSN_CMPXCHG:
		f = compare_flags(acc, old, i->size);
		touched = ARITHMETIC;
		e->store = acc == old;
		if (!e->store)
			set_register(i, r, 0, old, e);
		break;
	default:
		e->store = false;
		break;
	}
	e->rflags = (r->rflags & ~touched) | f;
}
