/* SPDX-License-Identifier: MIT */
/*
 * A guest that plays with its page tables.  The input is a list of actions
 * of eight bytes; afterwards the domain is destroyed, and every frame must
 * be back.  All pointers are ours: the bytes choose frames and values.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hyp/hypercall.h>
#include <hyp/memory.h>
#include <hyp/mmu.h>
#include <hyp/page.h>

#include <asm/pte.h>

#include "machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAMES 16

struct action {
	u8 what, frame, slot, target, bits, rest, vcpu, spare;
};

static struct domain *d, *other;
static mfn_t frame[FRAMES + 4];

static void setup(void)
{
	unsigned i;

	machine_boot();
	d = machine_domain(false);
	other = machine_domain(false);
	if (vcpu_create(d, 1))
		abort();
	for (i = 0; i < FRAMES; i++)
		frame[i] = memory_alloc(d, 0, 0);
	frame[FRAMES] = memory_alloc(other, 0, 0);
	frame[FRAMES + 1] = page_mfn(d->shared_page);
	frame[FRAMES + 2] = MACHINE_FRAMES + 3;
	frame[FRAMES + 3] = 1;
}

static mfn_t pick(u8 n)
{
	return frame[n % (FRAMES + 4)];
}

static u64 word(const struct action *a)
{
	static const u64 extra[] = { 0, PTE_NX, PTE_PCD, PTE_PS, PTE_G, BIT(9),
				     PTE_KERNEL, 1ULL << 48 };

	return pte_make(pick(a->target), a->bits & 0x67) |
	       extra[a->bits >> 7 | (a->spare & 3) << 1];
}

static unsigned slot(const struct action *a)
{
	static const u16 slots[] = { 0, 1, 255, 256, 271, 272, 300, 511 };

	return slots[a->slot % 8];
}

/* Calls until the guest would go on, or, when cut, leaves it resting. */
static void call(unsigned nr, u64 arg, const struct action *a)
{
	struct regs *r = guest_regs();
	unsigned left = a->rest & 0x80 ? 1 : 1000;

	r->rdi = arg;
	r->rsi = 1;
	r->rdx = 0;
	r->r10 = a->spare & 0x40 ? other->id : DOMID_SELF;
	do {
		r->rip = 100;
		this_cpu()->rest_budget = 1 + (a->rest & 0x7f) * 40;
		if (nr == __HYPERVISOR_mmu_update)
			do_mmu_update(r->rdi, r->rsi, r->rdx, r->r10);
		else
			do_mmuext_op(r->rdi, r->rsi, r->rdx, r->r10);
	} while (r->rip != 100 && --left);
}

static void ext(unsigned cmd, const struct action *a)
{
	struct mmuext_op op = { .cmd = cmd };

	op.arg1.mfn = a->frame == 255 ? 0 : pick(a->frame);
	op.arg2.src_mfn = pick(a->target);
	call(__HYPERVISOR_mmuext_op, (u64)&op, a);
}

static void update(unsigned cmd, u64 val, const struct action *a)
{
	mmu_update_t u = {
		.ptr = (pick(a->frame) << PAGE_SHIFT) + slot(a) * 8 + cmd,
		.val = val };

	call(__HYPERVISOR_mmu_update, (u64)&u, a);
}

/* A store of the guest's own: only where it could have a writable mapping. */
static void store(const struct action *a)
{
	struct page *p = page_get_writable(pick(a->frame), d);

	if (!p)
		return;
	((u64 *)frame_to_virt(page_mfn(p)))[slot(a)] = word(a);
	page_put_writable(p);
}

static void emulated(const struct action *a)
{
	const paddr_t at = (pick(a->frame) << PAGE_SHIFT) + slot(a) * 8;
	u64 old = 0;

	if (page_of(pick(a->frame))->owner == d)
		old = *(u64 *)frame_to_virt(pick(a->frame) & 0xffffff);
	mmu_emulated_write(d->vcpu[0], at, a->spare & 1 ? old : 0, word(a));
}

static void give_up(const struct action *a)
{
	const u8 n = a->frame % FRAMES;

	if (!memory_steal(d, frame[n]))
		return;
	page_free(page_of(frame[n]));
	frame[n] = memory_alloc(d, 0, 0);
}

static void act(const struct action *a)
{
	struct vcpu *v = d->vcpu[a->vcpu & 1];
	const u64 va = (u64)slot(a) << 39 | (u64)(a->target & 1) << 21;

	machine_as(a->vcpu & 1, v);
	switch (a->what % 12) {
	case 0:
	case 1:
		store(a);
		break;
	case 2:
		update(MMU_NORMAL_PT_UPDATE, word(a), a);
		break;
	case 3:
		update(MMU_PT_UPDATE_PRESERVE_AD, word(a), a);
		break;
	case 4:
		update(a->spare & 7, word(a), a);
		break;
	case 5:
		ext(MMUEXT_PIN_L1_TABLE + a->target % 4, a);
		break;
	case 6:
		ext(MMUEXT_UNPIN_TABLE, a);
		break;
	case 7:
		ext(MMUEXT_NEW_BASEPTR, a);
		break;
	case 8:
		ext(MMUEXT_NEW_USER_BASEPTR, a);
		break;
	case 9:
		emulated(a);
		break;
	case 10:
		do_update_va_mapping(va, word(a), a->spare & 2);
		break;
	case 11:
		if (a->spare & 1)
			give_up(a);
		else
			ext(MMUEXT_CLEAR_PAGE + (a->spare >> 1 & 1), a);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct action a;
	size_t n;

	setup();
	for (n = 0; size >= sizeof(a) && n < 400; n++) {
		memcpy(&a, data, sizeof(a));
		data += sizeof(a);
		size -= sizeof(a);
		act(&a);
	}
	/* machine_boot() destroys the domains and misses no frame. */
	machine_boot();
	return 0;
}
