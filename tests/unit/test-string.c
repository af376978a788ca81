/* SPDX-License-Identifier: MIT */
/* The hypervisor's own memory and string functions, under other names. */
#include <string.h>

#include <CUnit/CUnit.h>

#define memcpy own_memcpy
#define memmove own_memmove
#define memset own_memset
#define memcmp own_memcmp
#define strlen own_strlen
#define strnlen own_strnlen
#define strncmp own_strncmp
#define strchr own_strchr
#include "hyp/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strncmp
#undef strchr

CU_ErrorCode test_string_register(void);

static u8 a[300], b[300], want[300];

static void fill(void)
{
	unsigned i;

	for (i = 0; i < sizeof(a); i++) {
		a[i] = i * 7;
		b[i] = want[i] = i * 3;
	}
}

static void copies_touch_their_bytes_only(void)
{
	unsigned n, at;

	for (n = 0; n < 40; n++) {
		for (at = 0; at < 9; at++) {
			fill();
			own_memcpy(b + at, a + 3, n);
			memcpy(want + at, a + 3, n);
			CU_ASSERT(!memcmp(b, want, sizeof(b)));
			own_memset(b + at, 0x5a, n);
			memset(want + at, 0x5a, n);
			CU_ASSERT(!memcmp(b, want, sizeof(b)));
		}
	}
}

static void moves_may_overlap(void)
{
	unsigned n, to;

	for (n = 0; n < 60; n++) {
		for (to = 0; to < 60; to++) {
			fill();
			own_memmove(b + to, b + 30, n);
			memmove(want + to, want + 30, n);
			CU_ASSERT(!memcmp(b, want, sizeof(b)));
		}
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void comparisons_are_of_unsigned_bytes(void)
{
	static const char *const s[] = { "", "a", "ab", "abc", "\xff", "b" };
	unsigned i, j;

	for (i = 0; i < 6; i++) {
		CU_ASSERT_EQUAL(own_strlen(s[i]), strlen(s[i]));
		CU_ASSERT_EQUAL(own_strnlen(s[i], 2), strnlen(s[i], 2));
		CU_ASSERT_PTR_EQUAL(own_strchr(s[i], 'b'), strchr(s[i], 'b'));
		CU_ASSERT_PTR_EQUAL(own_strchr(s[i], 0), strchr(s[i], 0));
		for (j = 0; j < 6; j++) {
			CU_ASSERT_EQUAL(sign(own_strncmp(s[i], s[j], 1)),
					sign(strncmp(s[i], s[j], 1)));
			CU_ASSERT_EQUAL(sign(own_memcmp(s[i], s[j], 1)),
					sign(memcmp(s[i], s[j], 1)));
		}
	}
}

CU_ErrorCode test_string_register(void)
{
	CU_TestInfo tests[] = {
		{ "copies touch their bytes only",
		  copies_touch_their_bytes_only },
		{ "moves may overlap", moves_may_overlap },
		{ "comparisons are of unsigned bytes",
		  comparisons_are_of_unsigned_bytes },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "string", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
