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

struct reader {
	const u8 *p;
	unsigned left;
	bool ok;
};

static u64 take(struct reader *r, unsigned n)
{
	u64 v = 0;
	unsigned i;

	if (n > r->left) {
		r->ok = false;
		return 0;
	}
	for (i = 0; i < n; i++)
		v |= (u64)r->p[i] << (8 * i);
	r->p += n;
	r->left -= n;
	return v;
}

static u64 sign_extend(u64 v, unsigned bytes)
{
	const unsigned shift = 64 - 8 * bytes;

	return (u64)((s64)(v << shift) >> shift);
}

struct prefixes {
	u8 rex;
	bool size16;
};

static bool take_prefixes(struct reader *r, struct insn *i, struct prefixes *x)
{
	for (;;) {
		if (!r->left)
			return false;
		switch (*r->p) {
		case 0x66:
			x->size16 = true;
			break;
		case 0x67:
			i->address32 = true;
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
		case 0x64: case 0x65:
			i->segment = true;
			break;
		case 0x40 ... 0x4f:
			/* Must be the last one. */
			x->rex = *r->p;
			take(r, 1);
			return r->left && (*r->p & 0xf0) != 0x40;
		default:
			return true;
		}
		take(r, 1);
	}
}

/* ModRM, SIB and displacement. */
static u8 take_modrm(struct reader *r, struct insn *i, u8 rex)
{
	const u8 modrm = (u8)take(r, 1), mod = modrm >> 6;
	u8 low = modrm & 7;

	i->reg = (modrm >> 3 & 7) | (rex & 4) << 1;
	i->rm = low | (rex & 1) << 3;
	i->memory = mod != 3;
	i->base = i->index = INSN_NO_REG;
	if (!i->memory)
		return modrm;
	if (low == 4) {
		const u8 sib = (u8)take(r, 1);

		low = sib & 7;
		i->scale = sib >> 6;
		i->index = (sib >> 3 & 7) | (rex & 2) << 2;
		if (i->index == 4)
			i->index = INSN_NO_REG;
		i->base = low | (rex & 1) << 3;
		if (low == 5 && mod == 0) {
			i->base = INSN_NO_REG;
			i->disp = (s64)sign_extend(take(r, 4), 4);
		}
	} else if (low == 5 && mod == 0) {
		i->base = INSN_RIP;
		i->disp = (s64)sign_extend(take(r, 4), 4);
	} else {
		i->base = i->rm;
	}
	if (mod == 1)
		i->disp = (s64)sign_extend(take(r, 1), 1);
	if (mod == 2)
		i->disp = (s64)sign_extend(take(r, 4), 4);
	return modrm;
}

static void take_imm(struct reader *r, struct insn *i, unsigned bytes)
{
	i->has_imm = true;
	i->imm = sign_extend(take(r, bytes), bytes);
}

/* The eight operations that opcodes 00-3f and 80-83 share; 7 is cmp. */
static bool arithmetic(struct insn *i, unsigned n)
{
	static const u8 op[7] = {
		INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB,
		INSN_XOR,
	};

	if (n >= 7)
		return false;
	i->op = (enum insn_op)op[n];
	return true;
}

/* Bit operations take the bit from reg or imm; the operand is one word. */
static bool bit_operation(struct insn *i, unsigned n)
{
	static const u8 op[3] = { INSN_BTS, INSN_BTR, INSN_BTC };

	if (n < 5 || n > 7)
		return false;
	i->op = (enum insn_op)op[n - 5];
	return true;
}

static bool decode_one(struct reader *r, struct insn *i, u8 opcode,
		       const struct prefixes *x)
{
	u8 modrm;

	switch (opcode) {
	case 0x00 ... 0x3f:
		if (opcode & 6)
			return false;
		take_modrm(r, i, x->rex);
		return arithmetic(i, opcode >> 3);
	case 0x80: case 0x81: case 0x83:
		modrm = take_modrm(r, i, x->rex);
		take_imm(r, i, opcode == 0x81 ? MIN(i->size, 4) : 1);
		return arithmetic(i, modrm >> 3 & 7);
	case 0x86: case 0x87:
		take_modrm(r, i, x->rex);
		i->op = INSN_XCHG;
		return true;
	case 0x88: case 0x89:
		take_modrm(r, i, x->rex);
		i->op = INSN_MOV;
		return true;
	case 0xc6: case 0xc7:
		modrm = take_modrm(r, i, x->rex);
		take_imm(r, i, MIN(i->size, 4));
		i->op = INSN_MOV;
		return !(modrm & 0x38);
	case 0xa2: case 0xa3:
		i->memory = true;
		i->base = i->index = INSN_NO_REG;
		i->disp = (s64)take(r, i->address32 ? 4 : 8);
		i->op = INSN_MOV;
		return true;
	case 0xf6: case 0xf7:
		modrm = take_modrm(r, i, x->rex) >> 3 & 7;
		i->op = modrm == 2 ? INSN_NOT : INSN_NEG;
		return modrm == 2 || modrm == 3;
	case 0xfe: case 0xff:
		modrm = take_modrm(r, i, x->rex) >> 3 & 7;
		i->op = modrm ? INSN_DEC : INSN_INC;
		return modrm <= 1;
	case 0x6c: case 0x6d:
		i->op = INSN_INS;
		break;
	case 0x6e: case 0x6f:
		i->op = INSN_OUTS;
		break;
	case 0xe4: case 0xe5:
	case 0xe6: case 0xe7:
		i->op = opcode & 2 ? INSN_OUT : INSN_IN;
		i->has_imm = true;
		i->imm = take(r, 1);
		break;
	case 0xec: case 0xed:
	case 0xee: case 0xef:
		i->op = opcode & 2 ? INSN_OUT : INSN_IN;
		break;
	case 0xfa:
		i->op = INSN_CLI;
		return true;
	case 0xfb:
		i->op = INSN_STI;
		return true;
	default:
		return false;
	}
	/* Ports are at most 4 bytes wide. */
	i->size = MIN(i->size, 4);
	return true;
}

static bool decode_two(struct reader *r, struct insn *i, u8 opcode,
		       const struct prefixes *x)
{
	u8 modrm;

	switch (opcode) {
	case 0x01:
		modrm = (u8)take(r, 1);
		i->op = modrm == 0xd1 ? INSN_XSETBV : INSN_RDTSCP;
		return modrm == 0xd1 || modrm == 0xf9;
	case 0x06:
		i->op = INSN_CLTS;
		return true;
	case 0x09:
		i->op = INSN_WBINVD;
		return true;
	case 0x20 ... 0x23:
		i->op = (enum insn_op)(INSN_MOV_FROM_CR +
				       (opcode & 1) * 2 + (opcode >> 1 & 1));
		/* The mod bits mean nothing here. */
		modrm = (u8)take(r, 1);
		i->reg = (modrm >> 3 & 7) | (x->rex & 4) << 1;
		i->rm = (modrm & 7) | (x->rex & 1) << 3;
		return true;
	case 0x30:
		i->op = INSN_WRMSR;
		return true;
	case 0x31:
		i->op = INSN_RDTSC;
		return true;
	case 0x32:
		i->op = INSN_RDMSR;
		return true;
	case 0x34:
		i->op = INSN_SYSENTER;
		return true;
	case 0xa2:
		i->op = INSN_CPUID;
		return true;
	case 0xab: case 0xb3: case 0xbb:
		take_modrm(r, i, x->rex);
		return bit_operation(i, opcode >> 3 & 7);
	case 0xba:
		modrm = take_modrm(r, i, x->rex);
		take_imm(r, i, 1);
		return bit_operation(i, modrm >> 3 & 7);
	case 0xb0: case 0xb1:
		take_modrm(r, i, x->rex);
		i->op = INSN_CMPXCHG;
		return true;
	case 0xc0: case 0xc1:
		take_modrm(r, i, x->rex);
		i->op = INSN_XADD;
		return true;
	default:
		return false;
	}
}

/* Two-byte opcodes whose operand is a byte when bit 0 is clear. */
static bool byte_form(bool two, u8 opcode)
{
	if (two)
		return opcode == 0xb0 || opcode == 0xc0;
	return !(opcode & 1);
}

bool insn_decode(struct insn *i, const u8 *bytes, unsigned n)
{
	struct reader r = { bytes, MIN(n, INSN_MAX), true };
	const unsigned all = r.left;
	struct prefixes x = { 0 };
	bool two, known;
	u8 opcode;

	*i = (struct insn){ .base = INSN_NO_REG, .index = INSN_NO_REG };
	if (!take_prefixes(&r, i, &x))
		return false;
	opcode = (u8)take(&r, 1);
	two = opcode == 0x0f;
	if (two)
		opcode = (u8)take(&r, 1);
	i->size = x.rex & 8 ? 8 : x.size16 ? 2 : 4;
	if (byte_form(two, opcode)) {
		i->size = 1;
		i->high_byte = !x.rex;
	}
	known = two ? decode_two(&r, i, opcode, &x) :
		      decode_one(&r, i, opcode, &x);
	i->length = (u8)(all - r.left);
	return known && r.ok;
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
	return i->address32 ? (u32)a : a;
}

u64 insn_merge(u64 reg, u64 v, unsigned size, bool high_byte)
{
	switch (size) {
	case 1:
		return high_byte ? (reg & ~0xff00ULL) | (v & 0xff) << 8 :
				   (reg & ~0xffULL) | (v & 0xff);
	case 2:
		return (reg & ~0xffffULL) | (v & 0xffff);
	case 4:
		return (u32)v;
	default:
		return v;
	}
}

/* ---- Arithmetic ---- */

static u64 size_mask(unsigned size)
{
	return size == 8 ? ~0ULL : BIT(8 * size) - 1;
}

static u64 result_flags(u64 v, unsigned size)
{
	u64 f = 0;

	v &= size_mask(size);
	if (!v)
		f |= ZF;
	if (v >> (8 * size - 1))
		f |= SF;
	if (!(__builtin_popcount((u8)v) & 1))
		f |= PF;
	return f;
}

static u64 add_flags(u64 a, u64 b, unsigned carry, unsigned size, u64 *sum)
{
	const u64 mask = size_mask(size), top = BIT(8 * size - 1);
	const u64 s = (a + b + carry) & mask;
	u64 f = result_flags(s, size);

	a &= mask;
	b &= mask;
	if (((a & b) | ((a | b) & ~s)) & top)
		f |= CF;
	if (~(a ^ b) & (a ^ s) & top)
		f |= OF;
	f |= (a ^ b ^ s) & AF;
	*sum = s;
	return f;
}

static u64 sub_flags(u64 a, u64 b, unsigned borrow, unsigned size, u64 *diff)
{
	const u64 mask = size_mask(size), top = BIT(8 * size - 1);
	const u64 s = (a - b - borrow) & mask;
	u64 f = result_flags(s, size);

	a &= mask;
	b &= mask;
	if (((~a & b) | ((~a | b) & s)) & top)
		f |= CF;
	if ((a ^ b) & (a ^ s) & top)
		f |= OF;
	f |= (a ^ b ^ s) & AF;
	*diff = s;
	return f;
}

static u64 register_value(const struct insn *i, const struct regs *r, u8 reg)
{
	if (i->high_byte && reg >= 4 && reg < 8)
		return *insn_reg(r, reg - 4u) >> 8 & 0xff;
	return *insn_reg(r, reg) & size_mask(i->size);
}

static void set_register(const struct insn *i, const struct regs *r, u8 reg,
			 u64 v, struct insn_effect *e)
{
	const bool high = i->high_byte && reg >= 4 && reg < 8;

	e->set_reg = true;
	e->reg = high ? reg - 4 : reg;
	e->reg_value = insn_merge(*insn_reg(r, e->reg), v, i->size, high);
}

void insn_store(const struct insn *i, u64 old, const struct regs *r,
		struct insn_effect *e)
{
	const u64 all = CF | PF | AF | ZF | SF | OF;
	const u64 mask = size_mask(i->size);
	const u64 src = i->has_imm ? i->imm & mask :
				     register_value(i, r, i->reg);
	const u64 rflags = r->rflags;
	const unsigned carry = rflags & CF;
	u64 bit, f = 0, touched = all, acc, ignored;

	old &= mask;
	*e = (struct insn_effect){ .store = true };
	switch (i->op) {
	case INSN_MOV:
		e->value = src;
		touched = 0;
		break;
	case INSN_XCHG:
		e->value = src;
		set_register(i, r, i->reg, old, e);
		touched = 0;
		break;
	case INSN_ADD:
	case INSN_XADD:
		f = add_flags(old, src, 0, i->size, &e->value);
		if (i->op == INSN_XADD)
			set_register(i, r, i->reg, old, e);
		break;
	case INSN_ADC:
		f = add_flags(old, src, carry, i->size, &e->value);
		break;
	case INSN_SUB:
		f = sub_flags(old, src, 0, i->size, &e->value);
		break;
	case INSN_SBB:
		f = sub_flags(old, src, carry, i->size, &e->value);
		break;
	case INSN_INC:
		f = add_flags(old, 1, 0, i->size, &e->value);
		touched = all & ~(u64)CF;
		break;
	case INSN_DEC:
		f = sub_flags(old, 1, 0, i->size, &e->value);
		touched = all & ~(u64)CF;
		break;
	case INSN_NEG:
		f = sub_flags(0, old, 0, i->size, &e->value);
		break;
	case INSN_NOT:
		e->value = ~old;
		touched = 0;
		break;
	case INSN_OR:
		e->value = old | src;
		f = result_flags(e->value, i->size);
		break;
	case INSN_AND:
		e->value = old & src;
		f = result_flags(e->value, i->size);
		break;
	case INSN_XOR:
		e->value = old ^ src;
		f = result_flags(e->value, i->size);
		break;
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		bit = BIT(src % (8 * i->size));
		e->value = i->op == INSN_BTS ? old | bit :
			   i->op == INSN_BTR ? old & ~bit : old ^ bit;
		f = old & bit ? CF : 0;
		touched = CF;
		break;
	case INSN_CMPXCHG:
		acc = r->rax & mask;
		f = sub_flags(acc, old, 0, i->size, &ignored);
		e->value = src;
		if (acc != old) {
			e->store = false;
			e->set_reg = true;
			e->reg_value = insn_merge(r->rax, old, i->size, false);
		}
		break;
	default:
		e->store = false;
		touched = 0;
		break;
	}
	e->value &= mask;
	e->rflags = (rflags & ~touched) | (f & touched);
}
