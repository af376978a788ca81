/* SPDX-License-Identifier: MIT */
/* hyp/lib/elf.c: kernel images are read right, and bad ones refused. */
#include <CUnit/CUnit.h>

#include <hyp/elf.h>

#include "elf-maker.h"

CU_ErrorCode test_elf_image_register(void);

static uint8_t f[MADE_ELF_BYTES];
static struct elf_image e;

/* The sentence after one number in a good file was spoilt. */
static const char *spoil(size_t at, unsigned int n, uint64_t v)
{
	make_elf(f);
	made_put(f, at, n, v);
	return elf_parse(f, sizeof(f), &e);
}

static void a_good_image_is_taken_as_it_is(void)
{
	make_elf(f);
	CU_ASSERT_PTR_NULL_FATAL(elf_parse(f, sizeof(f), &e));
	CU_ASSERT_EQUAL(e.nr_segments, 1);
	CU_ASSERT_EQUAL(e.segment[0].offset, MADE_DATA);
	CU_ASSERT_EQUAL(e.segment[0].filesz, 0x200);
	CU_ASSERT_EQUAL(e.start, MADE_PADDR);
	CU_ASSERT_EQUAL(e.end, MADE_PADDR + MADE_MEMSZ);
	CU_ASSERT_EQUAL(e.notes.entry, MADE_BASE + MADE_PADDR + 0x10);
	CU_ASSERT_EQUAL(e.notes.virt_base, MADE_BASE);
	CU_ASSERT_EQUAL(e.notes.init_p2m, UINT64_C(0x8000000000));
	CU_ASSERT_EQUAL(e.notes.mod_start_pfn, 1);
	CU_ASSERT_EQUAL(e.notes.supported_features, 0x8801);
	CU_ASSERT_STRING_EQUAL(e.notes.guest_os, "linux");
	CU_ASSERT_TRUE(elf_has_note(&e, 15));
	CU_ASSERT_FALSE(elf_has_note(&e, 2));
}

static void pieces_give_the_same_as_the_whole(void)
{
	struct elf_image p;
	const struct elf_range *r = &p.note_range[0];

	make_elf(f);
	CU_ASSERT_PTR_NULL(elf_parse(f, sizeof(f), &e));
	CU_ASSERT_PTR_NULL(elf_parse_headers(f, 512, sizeof(f), &p));
	CU_ASSERT_EQUAL_FATAL(p.nr_note_ranges, 1);
	CU_ASSERT_PTR_NULL(elf_parse_notes(f + r->offset, r->size, r->align,
					   &p));
	CU_ASSERT_PTR_NULL(elf_finish(&p));
	CU_ASSERT_EQUAL(memcmp(&p.notes, &e.notes, sizeof(p.notes)), 0);
	CU_ASSERT_EQUAL(p.end, e.end);
}

static void what_is_not_such_an_elf_file_is_refused(void)
{
	CU_ASSERT_PTR_NOT_NULL(spoil(0, 1, 0));
	CU_ASSERT_PTR_NOT_NULL(spoil(4, 1, 1));		/* 32-bit */
	CU_ASSERT_PTR_NOT_NULL(spoil(5, 1, 2));		/* big-endian */
	CU_ASSERT_PTR_NOT_NULL(spoil(16, 2, 1));	/* an object file */
	CU_ASSERT_PTR_NOT_NULL(spoil(18, 2, 183));	/* for ARM */
	CU_ASSERT_PTR_NOT_NULL(spoil(54, 2, 32));
	CU_ASSERT_PTR_NOT_NULL(spoil(56, 2, 0));
	CU_ASSERT_PTR_NOT_NULL(spoil(56, 2, 65535));
	CU_ASSERT_PTR_NOT_NULL(spoil(32, 8, UINT64_MAX));
}

static void a_file_may_end_anywhere(void)
{
	size_t n;

	make_elf(f);
	for (n = 0; n < MADE_DATA + 0x200; n++)
		CU_ASSERT_PTR_NOT_NULL(elf_parse(f, n, &e));
}

static void segments_stay_inside_file_and_guest(void)
{
	const size_t p = MADE_PHDR;

	CU_ASSERT_PTR_NOT_NULL(spoil(p + 8, 8, UINT64_MAX - 4));
	CU_ASSERT_PTR_NOT_NULL(spoil(p + 32, 8, 0x201));
	CU_ASSERT_PTR_NOT_NULL(spoil(p + 32, 8, UINT64_MAX));
	CU_ASSERT_PTR_NOT_NULL(spoil(p + 40, 8, 0x1ff));
	CU_ASSERT_PTR_NOT_NULL(spoil(p + 40, 8, UINT64_MAX));
	CU_ASSERT_PTR_NOT_NULL(spoil(p + 24, 8, UINT64_MAX));
	CU_ASSERT_PTR_NOT_NULL(spoil(p + 24, 8, UINT64_C(1) << 50));
	CU_ASSERT_PTR_NOT_NULL(spoil(p + 24, 8, UINT64_C(0x80000000)));
	CU_ASSERT_PTR_NOT_NULL(spoil(p, 4, 7));	/* nothing to load */
}

static void segments_do_not_lie_on_each_other(void)
{
	const size_t p = MADE_PHDR;

	make_elf(f);
	/* Both headers load, and the notes are gone. */
	memcpy(f + p + 56, f + p, 56);
	CU_ASSERT_PTR_NOT_NULL(elf_parse(f, sizeof(f), &e));
}

static void notes_that_lie_about_their_size_are_refused(void)
{
	CU_ASSERT_PTR_NOT_NULL(spoil(MADE_NOTES + 4, 4, 0xffffffff));
	CU_ASSERT_PTR_NOT_NULL(spoil(MADE_NOTES, 4, 0xffffffff));
	CU_ASSERT_PTR_NOT_NULL(spoil(MADE_NOTES + 4, 4, 3));
	CU_ASSERT_PTR_NOT_NULL(spoil(MADE_PHDR + 56 + 32, 8, UINT64_MAX));
	CU_ASSERT_PTR_NOT_NULL(spoil(MADE_PHDR + 56 + 8, 8, UINT64_MAX));
}

static void a_kernel_for_something_else_is_refused(void)
{
	const char *why = spoil(MADE_PHDR + 56, 4, 0);	/* no notes */

	CU_ASSERT_PTR_NOT_NULL_FATAL(why);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "no Xen notes"));
	make_elf(f);
	memcpy(f + MADE_NOTES + 2 * 24 + 16, "xen-4.0", 8);
	CU_ASSERT_PTR_NOT_NULL(elf_parse(f, sizeof(f), &e));
	/* An entry point that is not in the kernel. */
	CU_ASSERT_PTR_NOT_NULL(spoil(MADE_NOTES + 16, 8, 0x1000));
	/* A base in the hypervisor's hole. */
	CU_ASSERT_PTR_NOT_NULL(spoil(MADE_NOTES + 24 + 16, 8,
				     UINT64_C(0xffff800000000000)));
}

CU_ErrorCode test_elf_image_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(a_good_image_is_taken_as_it_is),
		T(pieces_give_the_same_as_the_whole),
		T(what_is_not_such_an_elf_file_is_refused),
		T(a_file_may_end_anywhere),
		T(segments_stay_inside_file_and_guest),
		T(segments_do_not_lie_on_each_other),
		T(notes_that_lie_about_their_size_are_refused),
		T(a_kernel_for_something_else_is_refused),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "elf-image", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
