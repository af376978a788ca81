/* SPDX-License-Identifier: MIT */
/*
 * Writable page tables: a guest kernel stores into an L1 table that it has
 * mapped read-only.  The store is decoded, and done as mmu_update would do
 * it.  When another CPU or the page walker changed the entry meanwhile, the
 * guest simply executes its instruction again.
 */
#include <asm/pv-decode.h>
#include <asm/pv.h>

/*
 * A kernel does it with a handful of instructions, so each CPU remembers
 * what the last ones decoded to, by their bytes.
 */
#define MEMORY	8

static struct decoded {
	u64 bytes;		/* the first 8; 0: nothing here */
	struct insn insn;
} decoded[MAX_CPUS][MEMORY];

static const struct insn *decode(const struct regs *r, struct insn *scratch)
{
	struct decoded *known;
	u8 bytes[INSN_MAX];
	u64 first;

	if (copy_from_guest(&first, r->rip, sizeof(first)))
		first = 0;
	known = &decoded[this_cpu()->id][(first ^ first >> 16 ^ first >> 24) % MEMORY];
	if (first && known->bytes == first)
		return &known->insn;
	if (!insn_decode(scratch, bytes, pv_fetch(r->rip, bytes)) ||
	    scratch->op < INSN_FIRST_STORE)
		return NULL;
	if (first && scratch->length <= sizeof(first)) {
		known->insn = *scratch;
		known->bytes = first;
	}
	return scratch;
}

bool pv_ptwr(struct vcpu *v, struct regs *r, u64 va)
{
	const unsigned shift = 8 * (va & 7);
	const struct insn *i;
	struct insn scratch;
	struct insn_effect e;
	const struct page *p;
	u64 pte, old, mask;
	paddr_t at;
	int rc;

	if (in_hypervisor(va) || !mmu_walk(v, va, &pte, &at))
		return false;
	if ((pte & (PTE_P | PTE_RW)) != PTE_P || !mfn_valid(pte_mfn(pte)))
		return false;
	p = page_of(pte_mfn(pte));
	if (READ_ONCE(p->owner) != v->domain ||
	    READ_ONCE(p->type) >> PGT_KIND_SHIFT != PGT_L1 || !pv_is_64bit(r))
		return false;
	i = decode(r, &scratch);
	/* The store must be the one that faulted, within one entry. */
	if (!i || insn_address(i, r) != va || va & (i->size - 1u))
		return false;

	at = (pte & PTE_ADDR) | (va & 0xff8);
	old = READ_ONCE(*(u64 *)paddr_to_virt(at));
	mask = (i->size == 8 ? ~0ULL : BIT(8 * i->size) - 1) << shift;
	insn_store(i, old >> shift, r, &e);
	/* As the processor does, also what stays is written: that tells whether
	 * it was a table of ours that we read. */
	rc = mmu_emulated_write(v, at, old, e.store ?
				(old & ~mask) | e.value << shift : old);
	if (rc)
		return rc == -XEN_EAGAIN;
	if (e.set_reg)
		*insn_reg(r, e.reg) = e.reg_value;
	r->rflags = e.rflags;
	pv_advance(v, r, i->length);
	return true;
}
