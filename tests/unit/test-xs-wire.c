/* SPDX-License-Identifier: MIT */
/* The store protocol's bytes: paths, strings, numbers. */
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "xenstored/wire.h"

CU_ErrorCode test_xs_wire_register(void);

static struct path p;

static bool parse(const char *text, const char *base, bool special)
{
	return path_parse(&p, text, strlen(text), base, special, 99);
}

static void paths_are_cut_into_levels(void)
{
	uint64_t a, ab;
	size_t len;

	CU_ASSERT(parse("/", NULL, false));
	CU_ASSERT_EQUAL(p.depth, 0);
	CU_ASSERT(parse("/a", NULL, false));
	a = p.hash[1];
	CU_ASSERT(parse("/a/b", NULL, false));
	CU_ASSERT_EQUAL(p.depth, 2);
	CU_ASSERT_EQUAL(p.hash[1], a);
	ab = p.hash[2];
	CU_ASSERT(!strncmp(path_name(&p, 2, &len), "b", 1));
	CU_ASSERT_EQUAL(len, 1);
	CU_ASSERT_EQUAL(path_len(&p, 0), 1);
	CU_ASSERT_EQUAL(path_len(&p, 1), 2);
	CU_ASSERT_EQUAL(path_hash_step(a, "b", 1, 99), ab);
	CU_ASSERT(parse("b", "/a", false));
	CU_ASSERT_STRING_EQUAL(p.s, "/a/b");
	CU_ASSERT_EQUAL(p.hash[2], ab);
	/* "/ab" and "/a/b" are not the same text. */
	CU_ASSERT(parse("/ab", NULL, false));
	CU_ASSERT_NOT_EQUAL(p.hash[1], ab);
}

static void malformed_paths_are_refused(void)
{
	static const char *const bad[] = {
		"", "//", "/a/", "/a//b", "/a b", "a", "/\xc3\xa4", "/a.b",
		"/a:b", "@x", "/a\n",
	};
	char all[2] = "/";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT(!parse(bad[i], NULL, false));
	CU_ASSERT(parse("@releaseDomain", NULL, true));
	CU_ASSERT(p.special);
	CU_ASSERT(!parse("@re lease", NULL, true));
	CU_ASSERT(!path_parse(&p, "/a\0b", 4, NULL, false, 1));
	for (int c = 1; c < 256; c++) {
		const bool ok = strchr("abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-_@", c) != NULL;

		all[1] = c;
		CU_ASSERT_EQUAL(path_parse(&p, all, 2, NULL, false, 1), ok);
	}
}

static void the_length_limit_is_on_the_whole_path(void)
{
	char text[4000];

	memset(text, 'x', sizeof(text));
	text[0] = '/';
	CU_ASSERT(path_parse(&p, text, 2048, NULL, false, 1));
	CU_ASSERT(!path_parse(&p, text, 2049, NULL, false, 1));
	CU_ASSERT(!path_parse(&p, text, 3999, NULL, false, 1));
	memcpy(text, "/local/domain/77/", 17);
	CU_ASSERT(path_parse(&p, text, 2048 + 17, NULL, false, 1));
	CU_ASSERT(!path_parse(&p, text, 2048 + 18, NULL, false, 1));
	CU_ASSERT(path_parse(&p, text + 20, 2048, "/local/domain/77", false, 1));
	CU_ASSERT(!path_parse(&p, text + 20, 2049, "/local/domain/77", false,
			      1));
	/* As deep as it can be. */
	for (int i = 0; i < 2048; i += 2)
		memcpy(text + i, "/a", 2);
	CU_ASSERT(path_parse(&p, text, 2048, NULL, false, 1));
	CU_ASSERT_EQUAL(p.depth, 1024);
}

static void strings_need_their_ends(void)
{
	const char *s[2];

	CU_ASSERT_EQUAL(wire_strings("a\0b\0", 4, s, 2), 2);
	CU_ASSERT_STRING_EQUAL(s[1], "b");
	CU_ASSERT_EQUAL(wire_strings("a\0b", 3, s, 2), -1);
	CU_ASSERT_EQUAL(wire_strings("\0\0\0", 3, s, 2), 3);
	CU_ASSERT_EQUAL(wire_strings("", 0, s, 2), 0);
}

static void numbers_do_not_wrap(void)
{
	uint64_t v;

	CU_ASSERT(wire_number("18446744073709551615", 20, UINT64_MAX, &v));
	CU_ASSERT_EQUAL(v, UINT64_MAX);
	CU_ASSERT(!wire_number("18446744073709551616", 20, UINT64_MAX, &v));
	CU_ASSERT(wire_number("7", 1, 7, &v));
	CU_ASSERT(!wire_number("8", 1, 7, &v));
	CU_ASSERT(!wire_number("-1", 2, 7, &v));
	CU_ASSERT(!wire_number("", 0, 7, &v));
	CU_ASSERT(!wire_number("1x", 2, 70, &v));
	CU_ASSERT_STRING_EQUAL(wire_error_name(EAGAIN), "EAGAIN");
	CU_ASSERT_STRING_EQUAL(wire_error_name(12345), "EINVAL");
}

CU_ErrorCode test_xs_wire_register(void)
{
	static CU_TestInfo tests[] = {
		{ "paths_are_cut_into_levels", paths_are_cut_into_levels },
		{ "malformed_paths_are_refused", malformed_paths_are_refused },
		{ "the_length_limit_is_on_the_whole_path",
		  the_length_limit_is_on_the_whole_path },
		{ "strings_need_their_ends", strings_need_their_ends },
		{ "numbers_do_not_wrap", numbers_do_not_wrap },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "xs-wire", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
