/* SPDX-License-Identifier: MIT */
/* Which descriptors a guest may have. */
#include <CUnit/CUnit.h>

#include <hyp/desc.h>

CU_ErrorCode test_desc_register(void);

#define P	(1ULL << 47)
#define S	(1ULL << 44)
#define DPL3	(3ULL << 45)
#define TYPE(n)	((u64)(n) << 40)
#define CODE64	0x00af9b000000ffffULL
#define DATA	0x00cf93000000ffffULL

static bool fixed(u64 d, u64 *out)
{
	*out = d;
	return desc_fix(out);
}

static void absent_ones_hold_anything(void)
{
	unsigned i;
	u64 d;

	for (i = 0; i < 32; i++) {
		CU_ASSERT_TRUE(fixed(TYPE(i) | 0x1234, &d));
		CU_ASSERT_EQUAL(d, (TYPE(i) | 0x1234));
	}
}

static void segments_get_privilege_level_3(void)
{
	unsigned dpl, type;
	u64 d;

	for (dpl = 0; dpl < 4; dpl++) {
		for (type = 0; type < 16; type++) {
			const u64 in = P | S | (u64)dpl << 45 | TYPE(type) | 0xffff;

			CU_ASSERT_TRUE(fixed(in, &d));
			CU_ASSERT_EQUAL(d, in | DPL3);
		}
	}
	CU_ASSERT_TRUE(fixed(CODE64, &d));
	CU_ASSERT_EQUAL(d, CODE64 | DPL3);
	CU_ASSERT_TRUE(fixed(DATA | DPL3, &d));
	CU_ASSERT_EQUAL(d, DATA | DPL3);
}

static void system_segments_and_gates_are_refused(void)
{
	unsigned dpl, type;
	u64 d;

	for (dpl = 0; dpl < 4; dpl++)
		for (type = 1; type < 16; type++)
			CU_ASSERT_FALSE(fixed(P | (u64)dpl << 45 | TYPE(type), &d));
	/* What the upper half of a long descriptor looks like. */
	CU_ASSERT_TRUE(fixed(P | DPL3, &d));
}

static void one_bad_slot_spoils_a_page(void)
{
	static u64 page[512];
	unsigned i;

	for (i = 0; i < 512; i++)
		page[i] = i & 1 ? DATA : 0;
	CU_ASSERT_TRUE(desc_page_fix(page));
	CU_ASSERT_EQUAL(page[511], DATA | DPL3);
	for (i = 0; i < 512; i += 73) {
		const u64 old = page[i];

		page[i] = P | TYPE(12);
		CU_ASSERT_FALSE(desc_page_fix(page));
		page[i] = old;
	}
}

CU_ErrorCode test_desc_register(void)
{
	CU_pSuite s = CU_add_suite("desc", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(absent_ones_hold_anything);
	ADD(segments_get_privilege_level_3);
	ADD(system_segments_and_gates_are_refused);
	ADD(one_bad_slot_spoils_a_page);
	return s ? CU_get_error() : CUE_NOSUITE;
}
