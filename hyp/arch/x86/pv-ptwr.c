/* SPDX-License-Identifier: MIT */
/*
 * Writable page tables: a guest kernel stores into an L1 table that it has
 * mapped read-only.  The store is decoded, and done as mmu_update would do
 * it.  When another CPU or the page walker changed the entry meanwhile, the
 * guest simply executes its instruction again.
 */
#include <hyp/domain.h>

#include <asm/pv-decode.h>
#include <asm/pv.h>

/* The store must be the one that faulted, within one entry. */
static bool store_fits(const struct insn *i, const u64 gpr[16], u64 rip, u64 va)
{
	u64 at = insn_address(i, gpr, rip);

	if (i->op < INSN_FIRST_STORE || !i->memory || i->segment)
		return false;
	/* A bit number in a register reaches beyond the operand. */
	if (i->op >= INSN_BTS && i->op <= INSN_BTC && !i->has_imm) {
		const s64 bit = i->size == 8 ? (s64)gpr[i->reg] :
				i->size == 4 ? (s32)gpr[i->reg] :
					       (s16)gpr[i->reg];

		at += (u64)(bit >> (i->size == 8 ? 6 : i->size == 4 ? 5 : 4)) *
		      i->size;
	}
	return at == va && !(va & (i->size - 1u));
}

bool pv_ptwr(struct vcpu *v, struct regs *r, u64 va)
{
	const u64 gpr[16] = {
		r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
		r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15,
	};
	struct insn_effect e;
	struct insn i;
	u8 bytes[INSN_MAX];
	const struct page *p;
	unsigned shift = 8 * (va & 7);
	u64 pte, old, mask;
	paddr_t at;
	int rc;

	if (in_hypervisor(va) || !mmu_walk(v, va, &pte, &at))
		return false;
	if ((pte & (PTE_P | PTE_RW)) != PTE_P || !mfn_valid(pte_mfn(pte)))
		return false;
	p = page_of(pte_mfn(pte));
	if (READ_ONCE(p->owner) != v->domain ||
	    READ_ONCE(p->type) >> PGT_KIND_SHIFT != PGT_L1)
		return false;
	if (!pv_is_64bit(r) || !insn_decode(&i, bytes, pv_fetch(r->rip, bytes)) ||
	    !store_fits(&i, gpr, r->rip, va))
		return false;

	at = (pte & PTE_ADDR) | (va & 0xff8);
	old = READ_ONCE(*(u64 *)paddr_to_virt(at));
	mask = (i.size == 8 ? ~0ULL : BIT(8 * i.size) - 1) << shift;
	insn_store(&i, old >> shift, gpr, r->rflags, &e);
	if (e.store) {
		rc = mmu_emulated_write(v, at, old,
					(old & ~mask) | e.value << shift);
		if (rc == -XEN_EAGAIN)
			return true;
		if (rc)
			return false;
	}
	if (e.set_reg)
		*pv_gpr(r, e.reg) = e.reg_value;
	r->rflags = e.rflags;
	pv_advance(v, r, i.length);
	return true;
}
