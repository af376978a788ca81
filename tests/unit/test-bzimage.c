/* SPDX-License-Identifier: MIT */
/* libctrl/bzimage.c: boot images, and how their kernels are packed. */
#include <string.h>

#include <CUnit/CUnit.h>

#include "bzimage.h"

CU_ErrorCode test_bzimage_register(void);

#define FILE_BYTES	100000

static uint8_t head[BZIMAGE_HEAD_BYTES];
static struct bzimage b;

static void put(size_t at, unsigned int n, uint32_t v)
{
	while (n--) {
		head[at++] = (uint8_t)v;
		v >>= 8;
	}
}

static void make(void)
{
	memset(head, 0, sizeof(head));
	head[0x1f1] = 39;
	put(0x1fe, 2, 0xaa55);
	memcpy(head + 0x202, "HdrS", 4);
	put(0x206, 2, 0x20f);
	put(0x248, 4, 0x2cc);
	put(0x24c, 4, 50000);
}

static const char *parse(void)
{
	return bzimage_parse(head, sizeof(head), FILE_BYTES, &b);
}

static void a_good_one_says_where_its_kernel_is(void)
{
	make();
	CU_ASSERT_PTR_NULL(parse());
	CU_ASSERT_EQUAL(b.offset, 40 * 512 + 0x2cc);
	CU_ASSERT_EQUAL(b.length, 50000);
	head[0x1f1] = 0;		/* which means 4 */
	CU_ASSERT_PTR_NULL(parse());
	CU_ASSERT_EQUAL(b.offset, 5 * 512 + 0x2cc);
}

static void others_are_refused(void)
{
	size_t n;

	make();
	for (n = 0; n < 0x250; n++)
		CU_ASSERT_FALSE(bzimage_is(head, n));
	head[0x202] = 'h';
	CU_ASSERT_FALSE(bzimage_is(head, sizeof(head)));
	CU_ASSERT_PTR_NOT_NULL(parse());
	make();
	put(0x206, 2, 0x207);
	CU_ASSERT_PTR_NOT_NULL(parse());
}

static void the_kernel_must_lie_in_the_file(void)
{
	make();
	put(0x24c, 4, FILE_BYTES - 40 * 512 - 0x2cc);
	CU_ASSERT_PTR_NULL(parse());
	put(0x24c, 4, FILE_BYTES - 40 * 512 - 0x2cc + 1);
	CU_ASSERT_PTR_NOT_NULL(parse());
	put(0x24c, 4, 0xffffffff);
	CU_ASSERT_PTR_NOT_NULL(parse());
	put(0x24c, 4, 0);
	CU_ASSERT_PTR_NOT_NULL(parse());
	make();
	put(0x248, 4, 0xffffffff);
	CU_ASSERT_PTR_NOT_NULL(parse());
}

static void packings_are_told_by_their_first_bytes(void)
{
	CU_ASSERT_EQUAL(packing_of("\x1f\x8b", 2), PACKING_GZIP);
	CU_ASSERT_EQUAL(packing_of("\xfd" "7zXZ", 6), PACKING_XZ);
	CU_ASSERT_EQUAL(packing_of("\x28\xb5\x2f\xfd", 4), PACKING_ZSTD);
	CU_ASSERT_EQUAL(packing_of("\x02\x21\x4c\x18", 4), PACKING_LZ4);
	CU_ASSERT_EQUAL(packing_of("\x02\x21\x4c", 3), PACKING_UNKNOWN);
	CU_ASSERT_EQUAL(packing_of("\177ELF", 4), PACKING_UNKNOWN);
	CU_ASSERT_EQUAL(packing_of("", 0), PACKING_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(packing_name(PACKING_LZO), "lzo");
}

CU_ErrorCode test_bzimage_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(a_good_one_says_where_its_kernel_is),
		T(others_are_refused),
		T(the_kernel_must_lie_in_the_file),
		T(packings_are_told_by_their_first_bytes),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "bzimage", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
