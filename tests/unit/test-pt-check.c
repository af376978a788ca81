/* SPDX-License-Identifier: MIT */
/* The pure rules about bits of page-table entries. */
#include <CUnit/CUnit.h>

#include <hyp/pt-check.h>

CU_ErrorCode test_pt_check_register(void);

#define E (PTE_P | PTE_RW | PTE_US | PTE_A | 0x12345000ULL)

static void upper_tables_refuse_large_pages(void)
{
	unsigned level;

	for (level = 2; level <= 4; level++) {
		CU_ASSERT(pt_check_table(level, E | PTE_D | PTE_NX | BIT(9) |
					 BIT(58)));
		CU_ASSERT_FALSE(pt_check_table(level, E | PTE_PS));
		CU_ASSERT_FALSE(pt_check_table(level, E | PTE_PWT));
		CU_ASSERT_FALSE(pt_check_table(level, E | PTE_PCD));
		CU_ASSERT_FALSE(pt_check_table(level, E | PTE_G));
	}
	CU_ASSERT_FALSE(pt_check_table(1, E));
	CU_ASSERT_FALSE(pt_check_table(5, E));
}

static void adjusting_twice_changes_nothing_more(void)
{
	u64 e;
	unsigned i;

	for (i = 0; i < 4096; i++) {
		e = (u64)i << 52 | (i & 0xfff) | PTE_P | 0x7000;
		CU_ASSERT_EQUAL(pt_adjust_l1(pt_adjust_l1(e)),
				pt_adjust_l1(e));
		CU_ASSERT(pt_adjust_l1(e) & PTE_US);
		CU_ASSERT_FALSE(pt_adjust_l1(e) & PTE_G);
		CU_ASSERT_EQUAL(pt_adjust_table(4, pt_adjust_table(4, e)),
				pt_adjust_table(4, e));
	}
	/* Who said "kernel" can be told from who said "user". */
	CU_ASSERT((pt_adjust_l1(PTE_P) & PTE_KERNEL) != 0);
	CU_ASSERT((pt_adjust_l1(PTE_P | PTE_US) & PTE_KERNEL) == 0);
}

static void device_memory_is_never_cached(void)
{
	unsigned i, index;
	u64 e;

	for (i = 0; i < 8; i++) {
		e = PTE_P | (i & 4 ? PTE_PAT : 0) | (i & 2 ? PTE_PCD : 0) |
		    (i & 1 ? PTE_PWT : 0);
		e = pt_cache_device(e);
		index = (e & PTE_PAT ? 4 : 0) | (e & PTE_PCD ? 2 : 0) |
			(e & PTE_PWT ? 1 : 0);
		CU_ASSERT(index != 0 && index != 1 && index != 5);
		if (i != 0 && i != 1 && i != 5)
			CU_ASSERT_EQUAL(index, i);
	}
	CU_ASSERT_EQUAL(pt_cache_ram(E | PTE_CACHE), E);
}

static void the_hypervisors_slots_are_sixteen(void)
{
	unsigned slot, n = 0;

	for (slot = 0; slot < 512; slot++) {
		n += pt_slot_reserved(4, slot);
		CU_ASSERT_FALSE(pt_slot_reserved(3, slot));
	}
	CU_ASSERT_EQUAL(n, 16);
	CU_ASSERT(pt_slot_reserved(4, 256) && pt_slot_reserved(4, 271));
}

CU_ErrorCode test_pt_check_register(void)
{
	CU_TestInfo tests[] = {
		{ "upper tables refuse large pages",
		  upper_tables_refuse_large_pages },
		{ "adjusting twice changes nothing more",
		  adjusting_twice_changes_nothing_more },
		{ "device memory is never cached",
		  device_memory_is_never_cached },
		{ "the hypervisor's slots are sixteen",
		  the_hypervisors_slots_are_sixteen },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "pt-check", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
