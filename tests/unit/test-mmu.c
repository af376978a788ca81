/* SPDX-License-Identifier: MIT */
/*
 * Page-table requests as a guest makes them: what is allowed across domains
 * and to devices, what `done` says, and that nothing is left behind.  The
 * rules of types themselves are in test-page-type.c.
 */
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/gnttab.h>
#include <hyp/hypercall.h>
#include <hyp/mmu.h>
#include <hyp/page.h>

#include <asm/pte.h>

#include "machine.h"

CU_ErrorCode test_mmu_register(void);

#define RO (PTE_P | PTE_US | PTE_A)
#define RW (RO | PTE_RW)
#define VA 0x1000000000ULL	/* L4 0, L3 64, L2 0, L1 0 */
#define DEVICE MACHINE_FRAMES

static struct domain *ctl, *d, *e;
static mfn_t l4, l3, l2, l1, page, theirs;

static u64 *words(mfn_t m)
{
	return frame_to_virt(m);
}

static u32 refs(mfn_t m)
{
	return page_of(m)->refs & PGC_COUNT_MASK;
}

static u32 uses(mfn_t m, enum page_kind kind)
{
	const u64 t = page_of(m)->type;

	return type_kind(t) == kind ? type_count(t) : 0;
}

/* A tree with one empty L1 table, loaded and not pinned. */
static void tree(struct domain *of)
{
	l4 = memory_alloc(of, 0, 0);
	l3 = memory_alloc(of, 0, 0);
	l2 = memory_alloc(of, 0, 0);
	l1 = memory_alloc(of, 0, 0);
	page = memory_alloc(of, 0, 0);
	words(l4)[0] = pte_make(l3, RW);
	words(l3)[64] = pte_make(l2, RW);
	words(l2)[0] = pte_make(l1, RW);
	CU_ASSERT_EQUAL(mmu_vcpu_set_bases(of->vcpu[0], l4, MFN_NONE), 0);
}

static void setup(bool control)
{
	machine_boot();
	ctl = machine_domain(true);
	d = machine_domain(false);
	e = machine_domain(false);
	machine_as(0, NULL);
	theirs = memory_alloc(e, 0, 0);
	tree(control ? ctl : d);
	machine_as(0, (control ? ctl : d)->vcpu[0]);
}

static long update(u64 ptr, u64 val, u32 fd)
{
	mmu_update_t r = { .ptr = ptr, .val = val };

	return do_mmu_update((u64)&r, 1, 0, fd);
}

static u64 at(mfn_t table, unsigned slot)
{
	return (table << PAGE_SHIFT) + slot * 8;
}

static void an_entry_holds_what_it_maps(void)
{
	setup(false);
	CU_ASSERT_EQUAL(do_update_va_mapping(VA, pte_make(page, RW), 0), 0);
	CU_ASSERT_EQUAL(refs(page), 2);
	CU_ASSERT_EQUAL(uses(page, PGT_WRITABLE), 1);
	/* Fork: read-only now, writable again later. */
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(page, RO), DOMID_SELF), 0);
	CU_ASSERT_EQUAL(refs(page), 2);
	CU_ASSERT_EQUAL(uses(page, PGT_WRITABLE), 0);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(page, RW), DOMID_SELF), 0);
	CU_ASSERT_EQUAL(uses(page, PGT_WRITABLE), 1);
	CU_ASSERT_EQUAL(mmu_emulated_write(d->vcpu[0], at(l1, 0),
					   words(l1)[0] ^ PTE_D, 0),
			-XEN_EAGAIN);
	CU_ASSERT_EQUAL(mmu_emulated_write(d->vcpu[0], at(l1, 0),
					   words(l1)[0], 0), 0);
	CU_ASSERT_EQUAL(refs(page), 1);
	CU_ASSERT_EQUAL(uses(page, PGT_WRITABLE), 0);
	CU_ASSERT_EQUAL(do_update_va_mapping(VA + (1ULL << 21), 0, 0),
			-XEN_EINVAL);
	CU_ASSERT_EQUAL(do_update_va_mapping(HYP_START, 0, 0), -XEN_EINVAL);
}

static void tables_are_never_writable(void)
{
	setup(false);
	CU_ASSERT(update(at(l1, 1), pte_make(l1, RW), DOMID_SELF) < 0);
	CU_ASSERT(update(at(l1, 1), pte_make(l4, RW), DOMID_SELF) < 0);
	CU_ASSERT_EQUAL(update(at(l1, 1), pte_make(l4, RO), DOMID_SELF), 0);
	/* Read-only to writable is a new question. */
	CU_ASSERT(update(at(l1, 1), pte_make(l4, RW), DOMID_SELF) < 0);
	CU_ASSERT_EQUAL(words(l1)[1] & PTE_RW, 0);
	/* No linear tables, no large pages, no slot of ours. */
	CU_ASSERT(update(at(l4, 1), pte_make(l4, RW), DOMID_SELF) < 0);
	CU_ASSERT(update(at(l2, 1), pte_make(page, RW | PTE_PS), DOMID_SELF) < 0);
	CU_ASSERT(update(at(l4, 256), pte_make(l3, RW), DOMID_SELF) < 0);
	CU_ASSERT(update(at(l4, 271), 0, DOMID_SELF) < 0);
	CU_ASSERT_EQUAL(update(at(l4, 272), pte_make(l3, RW), DOMID_SELF), 0);
	CU_ASSERT_EQUAL(uses(l3, PGT_L3), 2);
}

static void foreign_frames_need_privilege(void)
{
	setup(false);
	CU_ASSERT(update(at(l1, 0), pte_make(theirs, RO), DOMID_SELF) < 0);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(theirs, RO), e->id),
			-XEN_EPERM);
	setup(true);
	CU_ASSERT(update(at(l1, 0), pte_make(theirs, RW), DOMID_SELF) < 0);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(theirs, RW), e->id), 0);
	CU_ASSERT_EQUAL(uses(theirs, PGT_WRITABLE), 1);
	/* Flags change without a word about the owner; RW may go, not come. */
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(theirs, RW | PTE_NX),
			       DOMID_SELF), 0);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(theirs, RO), DOMID_SELF), 0);
	CU_ASSERT(update(at(l1, 0), pte_make(theirs, RW), DOMID_SELF) < 0);
	CU_ASSERT_EQUAL(refs(theirs), 2);
	CU_ASSERT((page_of(theirs)->type & PGT_FOREIGN) != 0);
	/* Nobody's domain. */
	CU_ASSERT_EQUAL(update(at(l1, 1), pte_make(theirs, RO), 999),
			-XEN_ESRCH);
}

static void a_foreign_mapping_outlives_its_domain(void)
{
	setup(true);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(theirs, RW), e->id), 0);
	CU_ASSERT_EQUAL(domain_kill(e), 0);
	CU_ASSERT_PTR_EQUAL(page_of(theirs)->owner, e);
	CU_ASSERT_EQUAL(e->mem.tot_pages, 1);
	CU_ASSERT(update(at(l1, 1), pte_make(theirs, RO), e->id) < 0);
	CU_ASSERT_EQUAL(update(at(l1, 0), 0, DOMID_SELF), 0);
	CU_ASSERT_PTR_NULL(page_of(theirs)->owner);
	domain_put(e);
	machine_run_timers();
}

static void devices_are_for_those_who_have_them(void)
{
	setup(false);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(DEVICE, RW), DOMID_SELF),
			-XEN_EPERM);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(DEVICE, RW), DOMID_IO),
			-XEN_EPERM);
	setup(true);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(DEVICE, RW), DOMID_SELF), 0);
	CU_ASSERT_EQUAL(words(l1)[0] & PTE_CACHE, PTE_PCD | PTE_PWT);
	CU_ASSERT_EQUAL(update(at(l1, 1), pte_make(DEVICE + 15, RW), DOMID_IO),
			0);
	CU_ASSERT_EQUAL(words(l1)[1] & PTE_RW, 0);
	CU_ASSERT_EQUAL(update(at(l1, 2), pte_make(DEVICE + 99, RW), DOMID_IO),
			-XEN_EPERM);
	CU_ASSERT_EQUAL(update(at(l1, 2), pte_make(page, RW), DOMID_IO),
			-XEN_EINVAL);
	/* RAM is write-back, whatever one asks for. */
	CU_ASSERT_EQUAL(update(at(l1, 2), pte_make(page, RW | PTE_PCD),
			       DOMID_SELF), 0);
	CU_ASSERT_EQUAL(words(l1)[2] & PTE_CACHE, 0);
	/* The hypervisor's own memory is nobody's. */
	CU_ASSERT(update(at(l1, 3), pte_make(1, RO), DOMID_SELF) < 0);
}

static void done_counts_up_to_the_first_error(void)
{
	mmu_update_t r[100];
	u32 done = 77, i;

	setup(false);
	for (i = 0; i < 100; i++) {
		r[i].ptr = at(l1, i);
		r[i].val = pte_make(i == 70 ? theirs : page, RW);
	}
	CU_ASSERT(do_mmu_update((u64)r, 100, (u64)&done, DOMID_SELF) < 0);
	CU_ASSERT_EQUAL(done, 70);
	CU_ASSERT_EQUAL(refs(page), 71);
	CU_ASSERT_EQUAL(do_mmu_update((u64)(r + 71), 29, (u64)&done,
				      DOMID_SELF), 0);
	CU_ASSERT_EQUAL(done, 29);
	CU_ASSERT_EQUAL(do_mmu_update((u64)r, 0, (u64)&done, DOMID_SELF), 0);
	CU_ASSERT_EQUAL(done, 0);
	/* An unreadable request changes nothing. */
	machine_guest_fault_at(10);
	CU_ASSERT_EQUAL(do_mmu_update((u64)r, 5, 0, DOMID_SELF), -XEN_EFAULT);
	CU_ASSERT_EQUAL(refs(page), 100);
	CU_ASSERT_EQUAL(do_mmu_update(HYP_START, 5, 0, DOMID_SELF),
			-XEN_EFAULT);
}

static void accessed_and_dirty_survive_if_asked(void)
{
	setup(false);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(page, RW | PTE_D),
			       DOMID_SELF), 0);
	CU_ASSERT_EQUAL(update(at(l1, 0) | MMU_PT_UPDATE_PRESERVE_AD,
			       pte_make(page, RO & ~PTE_A), DOMID_SELF), 0);
	CU_ASSERT_EQUAL(words(l1)[0], pte_make(page, RO | PTE_D));
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(page, RO & ~PTE_A),
			       DOMID_SELF), 0);
	CU_ASSERT_EQUAL(words(l1)[0], pte_make(page, RO & ~PTE_A));
	CU_ASSERT_EQUAL(update(at(l1, 0) | 4, 0, DOMID_SELF), -XEN_EINVAL);
}

static void the_m2p_is_set_for_own_frames_only(void)
{
	setup(false);
	CU_ASSERT_EQUAL(update((page << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE,
			       1234, DOMID_SELF), 0);
	CU_ASSERT_EQUAL(m2p_get(page), 1234);
	CU_ASSERT(update((theirs << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, 1,
			 DOMID_SELF) < 0);
	CU_ASSERT_EQUAL(refs(page), 1);
}

static void a_frame_that_was_writable_is_flushed_first(void)
{
	unsigned before;

	setup(false);
	CU_ASSERT_EQUAL(update(at(l1, 0), pte_make(page, RW), DOMID_SELF), 0);
	CU_ASSERT_EQUAL(update(at(l1, 0), 0, DOMID_SELF), 0);
	before = machine_log.flushes;
	CU_ASSERT_EQUAL(update(at(l2, 1), pte_make(page, RW), DOMID_SELF), 0);
	CU_ASSERT(machine_log.flushes > before);
	CU_ASSERT_EQUAL(uses(page, PGT_L1), 1);
	/* And a table is flushed out before it is let go. */
	before = machine_log.flushes;
	CU_ASSERT_EQUAL(update(at(l2, 1), 0, DOMID_SELF), 0);
	CU_ASSERT(machine_log.flushes > before);
	CU_ASSERT_EQUAL(uses(page, PGT_L1), 0);
}

static void grants_go_through_the_same_rules(void)
{
	struct vcpu *v;

	setup(false);
	v = d->vcpu[0];
	CU_ASSERT_EQUAL(mmu_grant_set(v, at(l1, 0), pte_make(theirs, RW), e),
			0);
	CU_ASSERT_EQUAL(refs(theirs), 2);
	mmu_grant_clear(v, at(l1, 0), page);
	CU_ASSERT_EQUAL(refs(theirs), 2);
	mmu_grant_clear(v, at(l1, 0), theirs);
	CU_ASSERT_EQUAL(refs(theirs), 1);
	CU_ASSERT_EQUAL(mmu_grant_set(v, at(l1, 3), pte_make(theirs, RO), e),
			0);
	CU_ASSERT(mmu_grant_set(v, at(l2, 3), pte_make(theirs, RO), e) < 0);
	CU_ASSERT(mmu_grant_set(v, at(l1, 3) + 4, pte_make(theirs, RO), e) < 0);
	CU_ASSERT(mmu_grant_set(v, at(l1, 0), pte_make(l1, RW), d) < 0);
	/* The guest itself may not make more of it. */
	CU_ASSERT(update(at(l1, 3), pte_make(theirs, RW), DOMID_SELF) < 0);
}

static void a_vcpus_tables_must_be_in_use_already(void)
{
	mfn_t m;

	setup(false);
	m = memory_alloc(d, 0, 0);
	CU_ASSERT_EQUAL(mmu_vcpu_set_bases(d->vcpu[0], m, MFN_NONE),
			-XEN_EINVAL);
	CU_ASSERT_EQUAL(mmu_vcpu_set_bases(d->vcpu[0], l3, MFN_NONE),
			-XEN_EINVAL);
	CU_ASSERT_EQUAL(mmu_vcpu_drop_bases(d->vcpu[0]), 0);
	CU_ASSERT_EQUAL(uses(l4, PGT_L4), 0);
	CU_ASSERT_EQUAL(refs(l1), 1);
}

static void own_operations_name_no_other_domain(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE };
	mfn_t m;

	setup(true);
	m = theirs;
	op.arg1.mfn = m;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op, 1, 0, e->id), 0);
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op, 1, 0, e->id), -XEN_EINVAL);
	op.cmd = MMUEXT_NEW_BASEPTR;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op, 1, 0, e->id), -XEN_EPERM);
	op.cmd = MMUEXT_UNPIN_TABLE;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op, 1, 0, e->id), 0);
	op.cmd = MMUEXT_MARK_SUPER;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op, 1, 0, DOMID_SELF),
			-XEN_EOPNOTSUPP);
	op.cmd = 77;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op, 1, 0, DOMID_SELF),
			-XEN_ENOSYS);
	op.cmd = MMUEXT_CLEAR_PAGE;
	op.arg1.mfn = l1;
	CU_ASSERT(do_mmuext_op((u64)&op, 1, 0, DOMID_SELF) < 0);
	op.arg1.mfn = page;
	words(page)[5] = 5;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)&op, 1, 0, DOMID_SELF), 0);
	CU_ASSERT_EQUAL(words(page)[5], 0);
}

CU_ErrorCode test_mmu_register(void)
{
	CU_TestInfo tests[] = {
		{ "an entry holds what it maps", an_entry_holds_what_it_maps },
		{ "tables are never writable", tables_are_never_writable },
		{ "foreign frames need privilege",
		  foreign_frames_need_privilege },
		{ "a foreign mapping outlives its domain",
		  a_foreign_mapping_outlives_its_domain },
		{ "devices are for those who have them",
		  devices_are_for_those_who_have_them },
		{ "done counts up to the first error",
		  done_counts_up_to_the_first_error },
		{ "accessed and dirty survive if asked",
		  accessed_and_dirty_survive_if_asked },
		{ "the M2P is set for own frames only",
		  the_m2p_is_set_for_own_frames_only },
		{ "a frame that was writable is flushed first",
		  a_frame_that_was_writable_is_flushed_first },
		{ "grants go through the same rules",
		  grants_go_through_the_same_rules },
		{ "a vCPU's tables must be in use already",
		  a_vcpus_tables_must_be_in_use_already },
		{ "own operations name no other domain",
		  own_operations_name_no_other_domain },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "mmu", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
