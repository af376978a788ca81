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
	struct regs r = { 0 };
	u64 old = 0;
	size_t n = size < INSN_MAX ? size : INSN_MAX;

	if (!insn_decode(&i, data, (unsigned)n))
		return 0;
	PROMISE(i.length > 0 && i.length <= n);
	PROMISE(i.size == 1 || i.size == 2 || i.size == 4 || i.size == 8);
	PROMISE(i.reg < 16 && i.rm < 16 && i.scale < 4);
	data += n;
	size -= n;
	memcpy(&r, data, size < sizeof(r) ? size : sizeof(r));
	old = r.rbx ^ r.rdi;
	(void)insn_address(&i, &r);
	insn_store(&i, old, &r, &e);
	PROMISE(i.op >= INSN_FIRST_STORE || !e.store);
	PROMISE(i.size == 8 || !(e.value >> (8 * i.size)));
	PROMISE(!((e.rflags ^ r.rflags) & ~ARITHMETIC));
	PROMISE(!e.set_reg || e.reg < 16);
	/* Decoding is a function of the bytes that it says it took. */
	data -= n;
	PROMISE(insn_decode(&i, data, i.length));
	return 0;
}
