/* SPDX-License-Identifier: MIT */
/* The hypervisor's printf against the C library's, and its text helpers. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/lib.h>

CU_ErrorCode test_printf_register(void);

#define SAME(...) do { \
	char a_[256], b_[256]; \
	int na_ = hyp_snprintf(a_, sizeof(a_), __VA_ARGS__); \
	int nb_ = snprintf(b_, sizeof(b_), __VA_ARGS__); \
	CU_ASSERT_EQUAL(na_, nb_); \
	CU_ASSERT_STRING_EQUAL(a_, b_); \
} while (0)

static void numbers_look_as_in_c(void)
{
	SAME("%d %d %u", -5, INT_MIN, UINT_MAX);
	SAME("%5d|%05d", 42, -42);
	SAME("%x %08x", 0xbeefu, 0xbeefu);
	SAME("%ld %lu %lx", LONG_MIN, ULONG_MAX, ULONG_MAX);
	SAME("%lld %llu %012llx", LLONG_MIN, ULLONG_MAX, 0x9fbffULL);
	SAME("%zu %03u", (size_t)77, 996u);
	SAME("%*d|", 6, 12);
}

static void texts_look_as_in_c(void)
{
	SAME("%s|%10s|%.2s", "abc", "abc", "abc");
	SAME("%.*s %%", 3, "abcdef");
	SAME("plain");
}

static void what_does_not_fit_is_cut_and_counted(void)
{
	char b[8];

	memset(b, 'z', sizeof(b));
	CU_ASSERT_EQUAL(hyp_snprintf(b, 4, "%s", "abcdef"), 6);
	CU_ASSERT_STRING_EQUAL(b, "abc");
	CU_ASSERT_EQUAL(b[4], 'z');
	CU_ASSERT_EQUAL(hyp_snprintf(NULL, 0, "%d", 12345), 5);
	str_copy(b, "0123456789", sizeof(b));
	CU_ASSERT_STRING_EQUAL(b, "0123456");
}

static bool number(const char *s, u64 want, const char *rest)
{
	const char *end;
	u64 v;

	return str_to_u64(s, &end, &v) && v == want && !strcmp(end, rest);
}

static void sizes_are_read_exactly(void)
{
	const char *end;
	u64 v;

	CU_ASSERT(number("0", 0, ""));
	CU_ASSERT(number("512M,x", 512ULL << 20, ",x"));
	CU_ASSERT(number("0x10k", 16384, ""));
	CU_ASSERT(number("017", 15, ""));
	CU_ASSERT(number("18446744073709551615", ~0ULL, ""));
	CU_ASSERT(number("0x", 0, "x"));
	CU_ASSERT(number("3T", 3ULL << 40, ""));
	CU_ASSERT_FALSE(str_to_u64("18446744073709551616", &end, &v));
	CU_ASSERT_FALSE(str_to_u64("18446744073709551615K", &end, &v));
	CU_ASSERT_FALSE(str_to_u64("", &end, &v));
	CU_ASSERT_FALSE(str_to_u64("-1", &end, &v));
	CU_ASSERT_FALSE(str_to_u64("M", &end, &v));
}

CU_ErrorCode test_printf_register(void)
{
	CU_TestInfo tests[] = {
		{ "numbers look as in C", numbers_look_as_in_c },
		{ "texts look as in C", texts_look_as_in_c },
		{ "what does not fit is cut and counted",
		  what_does_not_fit_is_cut_and_counted },
		{ "sizes are read exactly", sizes_are_read_exactly },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "printf", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
