/* SPDX-License-Identifier: MIT */
/*
 * The decoder of the emulator, and its arithmetic.  The model for the stores
 * is the best there is: the processor that runs this test executes the same
 * bytes on the same operands.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <CUnit/CUnit.h>

#include <asm/pv-decode.h>

CU_ErrorCode test_pv_emul_register(void);

#define CF 0x001
#define ARITHMETIC 0x8d5
#define NO_AF (ARITHMETIC & ~0x10)
#define REG_RDI 7
#define ROUNDS 400

struct context {
	u64 gpr[16], rflags;
};

/* ctx in rdi: load rax rcx rdx rbx rdi and the flags, run, store them back. */
static const u8 before[] = {
	0x53, 0x41, 0x54, 0x49, 0x89, 0xfc,	/* push rbx, r12; mov rdi, r12 */
	0x49, 0x8b, 0x04, 0x24,			/* mov (r12), rax */
	0x49, 0x8b, 0x4c, 0x24, 0x08, 0x49, 0x8b, 0x54, 0x24, 0x10,
	0x49, 0x8b, 0x5c, 0x24, 0x18, 0x49, 0x8b, 0x7c, 0x24, 0x38,
	0x41, 0xff, 0xb4, 0x24, 0x80, 0, 0, 0,	/* push 128(r12) */
	0x9d,					/* popf */
};
static const u8 after[] = {
	0x9c, 0x41, 0x8f, 0x84, 0x24, 0x80, 0, 0, 0,	/* pushf; pop 128(r12) */
	0x49, 0x89, 0x04, 0x24, 0x49, 0x89, 0x4c, 0x24, 0x08,
	0x49, 0x89, 0x54, 0x24, 0x10, 0x49, 0x89, 0x5c, 0x24, 0x18,
	0x41, 0x5c, 0x5b, 0xc3,
};

static u8 *code;

static void run_native(const u8 *insn, unsigned n, struct context *c)
{
	memcpy(code + sizeof(before), insn, n);
	memcpy(code + sizeof(before) + n, after, sizeof(after));
	((void (*)(struct context *))(void *)code)(c);
}

static u64 random64(void)
{
	static u64 s = 0x9e3779b97f4a7c15;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	/* Small and extreme numbers find the edges. */
	switch (s >> 61) {
	case 0:
		return s & 3;
	case 1:
		return -(s & 3);
	case 2:
		return 1ULL << (s & 63);
	default:
		return s;
	}
}

static struct regs regs_of(const struct context *c, u64 rip)
{
	struct regs r = { .rip = rip, .rflags = c->rflags };
	unsigned i;

	for (i = 0; i < 16; i++)
		*insn_reg(&r, i) = c->gpr[i];
	return r;
}

static void compare(const u8 *bytes, unsigned n, u64 flags)
{
	struct context start, native;
	struct insn_effect e;
	struct regs regs;
	struct insn i;
	u64 memory, old, mask;
	unsigned r;

	CU_ASSERT_TRUE_FATAL(insn_decode(&i, bytes, n));
	CU_ASSERT_EQUAL(i.length, n);
	CU_ASSERT_TRUE(i.op >= INSN_FIRST_STORE);
	mask = i.size == 8 ? ~0ULL : BIT(8 * i.size) - 1;
	for (r = 0; r < ROUNDS; r++) {
		for (unsigned g = 0; g < 16; g++)
			start.gpr[g] = random64();
		old = memory = random64();
		if (r & 1 && i.op == INSN_CMPXCHG)
			start.gpr[0] = old;
		start.gpr[REG_RDI] = (u64)&memory;
		start.rflags = (random64() & ARITHMETIC) | 0x202;
		native = start;
		run_native(bytes, n, &native);

		regs = regs_of(&start, 0);
		CU_ASSERT_EQUAL(insn_address(&i, &regs), (u64)&memory);
		insn_store(&i, old, &regs, &e);
		if (e.store)
			old = (old & ~mask) | e.value;
		if (e.set_reg)
			start.gpr[e.reg] = e.reg_value;
		CU_ASSERT_EQUAL(old, memory);
		CU_ASSERT_EQUAL(e.rflags & flags, native.rflags & flags);
		for (unsigned g = 0; g < 4; g++)
			CU_ASSERT_EQUAL(start.gpr[g], native.gpr[g]);
	}
}

/* An opcode with operand (rdi) in all sizes and with each of rax to rbx. */
static void all_forms(const u8 *opcode, unsigned n, bool byte, bool lock,
		      u8 modrm_reg, const u8 *imm, unsigned imm_bytes, u64 flags)
{
	static const u8 prefix[3][1] = { { 0x66 }, { 0 }, { 0x48 } };
	u8 b[16];
	unsigned reg, p, at, n_imm;

	for (reg = 0; reg < (modrm_reg == 0xff ? 4u : 1u); reg++) {
		for (p = byte ? 1 : 0; p < (byte ? 2u : 3u); p++) {
			at = 0;
			if (lock)
				b[at++] = 0xf0;
			if (prefix[p][0])
				b[at++] = prefix[p][0];
			memcpy(b + at, opcode, n);
			at += n;
			b[at++] = (u8)((modrm_reg == 0xff ? reg : modrm_reg) << 3 | 7);
			/* A word immediate has two bytes. */
			n_imm = p == 0 && imm_bytes == 4 ? 2 : imm_bytes;
			if (n_imm)
				memcpy(b + at, imm, n_imm);
			at += n_imm;
			compare(b, at, flags);
		}
	}
}

static void register_stores_are_the_processors(void)
{
	static const u8 op[] = { 0x08, 0x20 };
	unsigned i;
	u8 o;

	for (i = 0; i < sizeof(op); i++) {
		o = op[i];
		all_forms(&o, 1, true, i & 1, 0xff, NULL, 0, NO_AF);
		o = op[i] | 1;
		all_forms(&o, 1, false, i & 1, 0xff, NULL, 0, NO_AF);
	}
	for (o = 0x86; o <= 0x89; o++)
		all_forms(&o, 1, !(o & 1), false, 0xff, NULL, 0, ARITHMETIC);
}

static void immediate_stores_are_the_processors(void)
{
	static const u8 imm[][4] = {
		{ 0xfd, 0xff, 0xff, 0xff }, { 0x7f, 0x12, 0, 0x80 }, { 1, 0, 0, 0 },
	};
	static const u8 group[] = { 1, 4 };
	unsigned i, g;
	u8 o;

	for (i = 0; i < 3; i++) {
		for (g = 0; g < sizeof(group); g++) {
			o = 0x80;
			all_forms(&o, 1, true, false, group[g], imm[i], 1, NO_AF);
			o = 0x81;
			all_forms(&o, 1, false, false, group[g], imm[i], 4, NO_AF);
			o = 0x83;
			all_forms(&o, 1, false, true, group[g], imm[i], 1, NO_AF);
		}
		o = 0xc6;
		all_forms(&o, 1, true, false, 0, imm[i], 1, ARITHMETIC);
		o = 0xc7;
		all_forms(&o, 1, false, false, 0, imm[i], 4, ARITHMETIC);
	}
}

static void bit_stores_are_the_processors(void)
{
	static const u8 imm[][1] = { { 0 }, { 5 }, { 63 } };
	const u8 o[2] = { 0x0f, 0xba };
	unsigned i, g;

	for (i = 0; i < 3; i++)
		for (g = 5; g < 7; g++)
			all_forms(o, 2, false, true, (u8)g, imm[i], 1, CF);
}

static void exchanges_are_the_processors(void)
{
	static const u8 op[] = { 0xb0, 0xb1 };
	u8 o[2] = { 0x0f };
	unsigned i;

	for (i = 0; i < 2; i++) {
		o[1] = op[i];
		all_forms(o, 2, !(op[i] & 1), true, 0xff, NULL, 0, ARITHMETIC);
	}
}

static void addresses_are_computed(void)
{
	static const struct {
		u8 b[12];
		unsigned n;
		u64 at;
	} f[] = {
		{ { 0x48, 0x89, 0x03 }, 3, 0x3000 },
		{ { 0x48, 0x89, 0x43, 0xf8 }, 4, 0x2ff8 },
		{ { 0x48, 0x89, 0x83, 0, 0x10, 0, 0 }, 7, 0x4000 },
		{ { 0x48, 0x89, 0x04, 0x8b }, 4, 0x3000 + 4 * 0x1000 },
		{ { 0x4b, 0x89, 0x04, 0xe0 }, 4, 0x8000 + 8 * 0xc000 },
		{ { 0x48, 0x89, 0x04, 0x24 }, 4, 0x4000 },
		{ { 0x48, 0x89, 0x04, 0x25, 0, 0, 0, 0x80 }, 8, 0xffffffff80000000 },
		{ { 0x48, 0x89, 0x05, 0x10, 0, 0, 0 }, 7, 0x100000 + 7 + 0x10 },
	};
	struct context c = { .rflags = 0 };
	struct regs r;
	struct insn i;
	unsigned k;

	for (k = 0; k < 16; k++)
		c.gpr[k] = k * 0x1000;
	r = regs_of(&c, 0x100000);
	for (k = 0; k < ARRAY_SIZE(f); k++) {
		CU_ASSERT_TRUE(insn_decode(&i, f[k].b, f[k].n));
		CU_ASSERT_EQUAL(i.length, f[k].n);
		CU_ASSERT_EQUAL(insn_address(&i, &r), f[k].at);
	}
}

static void privileged_ones_are_known(void)
{
	static const struct {
		u8 b[4];
		unsigned n;
		enum insn_op op;
		u8 size, reg, rm;
	} f[] = {
		{ { 0xe4, 0x80 }, 2, INSN_IN, 1, 0, 0 },
		{ { 0x66, 0xef }, 2, INSN_OUT, 2, 0, 0 },
		{ { 0xed }, 1, INSN_IN, 4, 0, 0 },
		{ { 0x48, 0xed }, 2, INSN_IN, 4, 0, 0 },
		{ { 0xf3, 0x6d }, 2, INSN_INS, 4, 0, 0 },
		{ { 0x6e }, 1, INSN_OUTS, 1, 0, 0 },
		{ { 0xfa }, 1, INSN_CLI, 1, 0, 0 },
		{ { 0x0f, 0x20, 0xd1 }, 3, INSN_MOV_FROM_CR, 4, 2, 1 },
		{ { 0x0f, 0x22, 0xe0 }, 3, INSN_MOV_TO_CR, 4, 4, 0 },
		{ { 0x41, 0x0f, 0x20, 0xe0 }, 4, INSN_MOV_FROM_CR, 4, 4, 8 },
		{ { 0x0f, 0x30 }, 2, INSN_WRMSR, 4, 0, 0 },
		{ { 0x0f, 0x32 }, 2, INSN_RDMSR, 4, 0, 0 },
		{ { 0x0f, 0x01, 0xd1 }, 3, INSN_XSETBV, 4, 0, 0 },
	};
	struct insn i;
	unsigned k;

	for (k = 0; k < ARRAY_SIZE(f); k++) {
		CU_ASSERT_TRUE(insn_decode(&i, f[k].b, f[k].n));
		CU_ASSERT_EQUAL(i.op, f[k].op);
		CU_ASSERT_EQUAL(i.length, f[k].n);
		if (f[k].op <= INSN_OUTS)
			CU_ASSERT_EQUAL(i.size, f[k].size);
		if (f[k].reg)
			CU_ASSERT_EQUAL(i.reg, f[k].reg);
		CU_ASSERT_EQUAL(i.rm, f[k].rm);
		/* One byte less is not enough. */
		CU_ASSERT_FALSE(insn_decode(&i, f[k].b, f[k].n - 1));
	}
}

static void others_are_refused(void)
{
	static const u8 f[][INSN_MAX] = {
		{ 0x8b, 0x03 },			/* a load */
		{ 0x38, 0x03 },			/* cmp */
		{ 0x0f, 0xa3, 0x03 },		/* bt */
		{ 0x0f, 0xba, 0x23, 0x01 },	/* bt imm */
		{ 0xff, 0x13 },			/* call */
		{ 0xc7, 0x0b },			/* undefined group member */
		{ 0x0f, 0xc7, 0x0b },		/* cmpxchg8b */
		{ 0x88, 0x23 },			/* ah */
		{ 0x01, 0x03 },			/* add */
		{ 0x0f, 0xab, 0x03 },		/* a bit number in a register */
		{ 0x48, 0x89, 0xd8 },		/* not to memory */
		{ 0x67, 0x48, 0x89, 0x43, 0x01 },
		{ 0x65, 0x48, 0x89, 0x03 },
		{ 0xf4 }, { 0x0f, 0x01, 0xc1 }, { 0xc5, 0xf8 }, { 0x62 },
		{ 0x48, 0x48, 0x89, 0x03 },	/* two REX */
		{ 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		  0x66, 0x66, 0x66, 0x66, 0x66 },
	};
	struct insn i;
	unsigned k;

	for (k = 0; k < ARRAY_SIZE(f); k++)
		CU_ASSERT_FALSE(insn_decode(&i, f[k], INSN_MAX));
}

static int setup(void)
{
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED)
		return -1;
	memcpy(code, before, sizeof(before));
	return 0;
}

static int teardown(void)
{
	return munmap(code, 4096);
}

CU_ErrorCode test_pv_emul_register(void)
{
	CU_pSuite s = CU_add_suite("pv-emul", setup, teardown);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(register_stores_are_the_processors);
	ADD(immediate_stores_are_the_processors);
	ADD(bit_stores_are_the_processors);
	ADD(exchanges_are_the_processors);
	ADD(addresses_are_computed);
	ADD(privileged_ones_are_known);
	ADD(others_are_refused);
	return s ? CU_get_error() : CUE_NOSUITE;
}
