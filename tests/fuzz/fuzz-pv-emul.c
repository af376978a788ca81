/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an instruction, any registers.  What must hold of one that is
 * taken: it lies within the bytes, a store changes only its operand's bits,
 * and only the arithmetic flags change.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <asm/pv-decode.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x)	do { if (!(x)) abort(); } while (0)
#define ARITHMETIC	0x8d5ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct insn_effect e;
	struct insn i;
	u64 gpr[16] = { 0 }, old = 0, rflags = 0;
	size_t n = size < INSN_MAX ? size : INSN_MAX;

	if (!insn_decode(&i, data, (unsigned)n))
		return 0;
	PROMISE(i.length > 0 && i.length <= n);
	PROMISE(i.size == 1 || i.size == 2 || i.size == 4 || i.size == 8);
	PROMISE(i.reg < 16 && i.rm < 16 && i.scale < 4);
	data += n;
	size -= n;
	memcpy(gpr, data, size < sizeof(gpr) ? size : sizeof(gpr));
	old = gpr[3] ^ gpr[7];
	rflags = gpr[5];
	(void)insn_address(&i, gpr, gpr[9]);
	insn_store(&i, old, gpr, rflags, &e);
	PROMISE(i.op >= INSN_FIRST_STORE || !e.store);
	PROMISE(i.size == 8 || !(e.value >> (8 * i.size)));
	PROMISE(!((e.rflags ^ rflags) & ~ARITHMETIC));
	PROMISE(!e.set_reg || e.reg < 16);
	/* Decoding is a function of the bytes that it says it took. */
	data -= n;
	PROMISE(insn_decode(&i, data, i.length));
	return 0;
}
