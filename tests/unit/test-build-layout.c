/* SPDX-License-Identifier: MIT */
/*
 * hyp/lib/pv-layout.c: the plan has no overlaps, and the page tables that are
 * written say what the ABI wants, found by walking them as a processor does.
 */
#include <stdlib.h>

#include <CUnit/CUnit.h>

#include <hyp/pv-layout.h>

#include "elf-maker.h"

CU_ErrorCode test_build_layout_register(void);

#define GUEST_PAGES	32768
#define FRAME(pfn)	((pfn) + 0x50000)	/* a machine frame for each */

static struct elf_image e;
static struct pv_layout l;
static uint64_t needed;
static uint64_t *memory;		/* GUEST_PAGES pages */
static uint64_t *p2m;

static int suite_init(void)
{
	uint64_t i;

	memory = calloc(GUEST_PAGES, PV_PAGE_SIZE);
	p2m = calloc(GUEST_PAGES, sizeof(*p2m));
	for (i = 0; p2m && i < GUEST_PAGES; i++)
		p2m[i] = FRAME(i);
	return !memory || !p2m;
}

static int suite_exit(void)
{
	free(memory);
	free(p2m);
	return 0;
}

/* A kernel like Debian's, 58 MiB from 16 MiB on. */
static void like_linux(void)
{
	static uint8_t f[MADE_ELF_BYTES];

	make_elf(f);
	made_put(f, MADE_PHDR + 40, 8, 0x3a00000);
	CU_ASSERT_PTR_NULL_FATAL(elf_parse(f, sizeof(f), &e));
}

/* One like tests/boot/tiny: no base, INIT_P2M of 0. */
static void like_tiny(void)
{
	memset(&e, 0, sizeof(e));
	e.notes.seen = 1 << 15 | 1 << 1;
	e.notes.entry = 0x100000;
	e.start = 0x100000;
	e.end = 0x1030a4;
	e.nr_segments = 1;
}

static const char *plan(uint64_t nr_pages, uint64_t initrd)
{
	const struct pv_layout_want want = {
		.nr_pages = nr_pages, .initrd_bytes = initrd,
		.start_info_pages = 1, .rings = true,
	};

	return pv_layout_plan(&e, &want, &l, &needed);
}

static void linux_gets_the_known_layout(void)
{
	like_linux();
	CU_ASSERT_PTR_NULL_FATAL(plan(GUEST_PAGES, 0x1d5000));
	/* These are what Xen's own builder makes of the same kernel. */
	CU_ASSERT_EQUAL(l.kernel.pfn, 0x1000);
	CU_ASSERT_EQUAL(l.kernel.nr, 0x3a00);
	CU_ASSERT_EQUAL(l.start_info.pfn, 0x4a00);
	CU_ASSERT_EQUAL(l.store.pfn, 0x4a01);
	CU_ASSERT_EQUAL(l.console.pfn, 0x4a02);
	CU_ASSERT_EQUAL(l.tables.pfn, 0x4a03);
	CU_ASSERT_EQUAL(l.tables.nr, 0x29);
	CU_ASSERT_EQUAL(l.stack.pfn, 0x4a2c);
	CU_ASSERT_EQUAL(l.mapped_pages, 0x4c00);
	CU_ASSERT_EQUAL(l.initrd.pfn, 0x4c00);
	CU_ASSERT_TRUE(l.p2m_outside);
	CU_ASSERT_TRUE(l.initrd_unmapped);
	CU_ASSERT_EQUAL(l.p2m_va, UINT64_C(0x8000000000));
	CU_ASSERT_EQUAL(l.p2m.nr, GUEST_PAGES * 8 / 4096);
	CU_ASSERT_EQUAL(l.p2m_tables.nr, 3);
}

static void tiny_keeps_its_p2m_in_the_boot_map(void)
{
	like_tiny();
	CU_ASSERT_PTR_NULL_FATAL(plan(4096, 0));
	CU_ASSERT_FALSE(l.p2m_outside);
	CU_ASSERT_EQUAL(l.p2m.pfn, 0x104);
	CU_ASSERT_EQUAL(l.p2m.nr, 8);
	CU_ASSERT_EQUAL(l.p2m_va, 0x104000);
	CU_ASSERT_EQUAL(l.mapped_pages, 1024);
	CU_ASSERT_EQUAL(l.tables.nr, 5);
}

static void too_little_memory_says_how_much_would_do(void)
{
	like_linux();
	CU_ASSERT_PTR_NOT_NULL(plan(0x4000, 0));
	CU_ASSERT_TRUE(needed > 0x4a00);
	CU_ASSERT_PTR_NULL(plan(needed, 0));
	CU_ASSERT_EQUAL(needed, 0);
	CU_ASSERT_PTR_NOT_NULL(plan(GUEST_PAGES, UINT64_MAX));
	CU_ASSERT_PTR_NOT_NULL(plan(UINT64_MAX, 0));
}

static void what_cannot_be_mapped_is_refused(void)
{
	like_linux();
	e.end = UINT64_C(0x7fff0000);	/* no room below the top for tables */
	CU_ASSERT_PTR_NOT_NULL(plan(1 << 20, 0));
	CU_ASSERT_EQUAL(needed, 0);
	like_linux();
	e.notes.init_p2m = UINT64_C(0x7fffffffe000);
	CU_ASSERT_PTR_NOT_NULL(plan(GUEST_PAGES, 0));
}

/* ---- Walking ------------------------------------------------------------- */

static uint64_t *page(void *ctx, uint64_t pfn)
{
	(void)ctx;
	CU_ASSERT_TRUE_FATAL(pv_range_has(l.tables, pfn) ||
			     pv_range_has(l.p2m_tables, pfn));
	return memory + pfn * 512;
}

/* The leaf entry for va; 0 if a level is missing. */
static uint64_t walk(uint64_t va)
{
	uint64_t pfn = l.tables.pfn, entry = 0;
	int level;

	for (level = 3; level >= 0; level--) {
		entry = memory[pfn * 512 + (va >> (12 + 9 * level) & 511)];
		if (!(entry & 1))
			return 0;
		pfn = (entry >> 12) - FRAME(0);
	}
	return entry;
}

static void write_all(void)
{
	memset(memory, 0, (size_t)GUEST_PAGES * PV_PAGE_SIZE);
	pv_layout_write_tables(&l, p2m, page, NULL);
}

static void check_boot_map(void)
{
	uint64_t pfn, wrong = 0;

	for (pfn = 0; pfn < l.mapped_pages; pfn++)
		wrong += walk(pv_va(&l, pfn)) !=
			 (FRAME(pfn) << 12 | (pv_range_has(l.tables, pfn) ?
					      PV_L1_RO : PV_L1_RW));
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(walk(pv_va(&l, l.mapped_pages)), 0);
}

static void every_page_is_mapped_and_tables_read_only(void)
{
	like_linux();
	CU_ASSERT_PTR_NULL_FATAL(plan(GUEST_PAGES, 0));
	write_all();
	check_boot_map();
	like_tiny();
	CU_ASSERT_PTR_NULL_FATAL(plan(4096, 0));
	write_all();
	check_boot_map();
	/* A base in the middle of a 2 MiB page, and low. */
	e.notes.seen = 1 << 1;
	e.notes.virt_base = 0x7ff000;
	CU_ASSERT_PTR_NULL_FATAL(plan(4096, 0));
	write_all();
	check_boot_map();
}

static void the_p2m_list_is_mapped_where_it_was_wanted(void)
{
	uint64_t i, wrong = 0;

	like_linux();
	e.notes.init_p2m = UINT64_C(0x80401ff000);	/* across tables */
	CU_ASSERT_PTR_NULL_FATAL(plan(GUEST_PAGES, 0));
	write_all();
	for (i = 0; i < l.p2m.nr; i++)
		wrong += walk(l.p2m_va + i * PV_PAGE_SIZE) !=
			 (FRAME(l.p2m.pfn + i) << 12 | PV_L1_RW);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(walk(l.p2m_va + l.p2m.nr * PV_PAGE_SIZE), 0);
	check_boot_map();
}

CU_ErrorCode test_build_layout_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(linux_gets_the_known_layout),
		T(tiny_keeps_its_p2m_in_the_boot_map),
		T(too_little_memory_says_how_much_would_do),
		T(what_cannot_be_mapped_is_refused),
		T(every_page_is_mapped_and_tables_read_only),
		T(the_p2m_list_is_mapped_where_it_was_wanted),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "build-layout", suite_init, suite_exit, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
