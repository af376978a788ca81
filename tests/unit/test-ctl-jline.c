/* SPDX-License-Identifier: MIT */
/* ctl's little JSON. */
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "ctl/jline.h"

CU_ErrorCode test_ctl_jline_register(void);

static char *member(const char *text, const char *key)
{
	return jline_member_string(text, strlen(text), key);
}

static void check_member(const char *text, const char *key, const char *wanted)
{
	char *s = member(text, key);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_STRING_EQUAL(s, wanted);
	free(s);
}

static void what_is_written_can_be_read(void)
{
	static const char odd[] = "a\"b\\c\n\t\x01 \xc3\xa4 {[,:]}";
	struct jline_out o;

	jline_begin(&o);
	jline_add_string(&o, "x", odd);
	jline_add_bool(&o, "yes", true);
	jline_add_bool(&o, "no", false);
	jline_add_number(&o, "n", 18446744073709551ull);
	CU_ASSERT(jline_end(&o));
	CU_ASSERT_EQUAL(o.text[o.len - 1], '\n');
	CU_ASSERT_PTR_EQUAL(memchr(o.text, '\n', o.len), o.text + o.len - 1);
	o.text[o.len - 1] = '\0';
	check_member(o.text, "x", odd);
	CU_ASSERT(jline_member_true(o.text, o.len - 1, "yes"));
	CU_ASSERT_FALSE(jline_member_true(o.text, o.len - 1, "no"));
	CU_ASSERT_FALSE(jline_member_true(o.text, o.len - 1, "maybe"));
	CU_ASSERT_EQUAL(jline_member_number(o.text, o.len - 1, "n"),
			18446744073709551ull);
	free(o.text);
}

static void members_are_found_past_nested_values(void)
{
	static const char text[] =
		" { \"a\" : [1,{\"b\":\"}\"},\"]\"] , \"b\":\"right\",\"c\":{}}";
	const char *raw;
	size_t n;

	check_member(text, "b", "right");
	raw = jline_member(text, strlen(text), "c", &n);
	CU_ASSERT(raw && n == 2 && !memcmp(raw, "{}", 2));
	CU_ASSERT_PTR_NULL(jline_member(text, strlen(text), "d", &n));
}

static void escapes_become_characters(void)
{
	check_member("{\"a\":\"\\u00e4\\u20ac\\ud83d\\ude00\\/\"}", "a",
		     "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80/");
	CU_ASSERT_PTR_NULL(member("{\"a\":\"\\ud83d\"}", "a"));
	CU_ASSERT_PTR_NULL(member("{\"a\":\"\\u0000\"}", "a"));
	CU_ASSERT_PTR_NULL(member("{\"a\":\"\\x\"}", "a"));
}

static void rubbish_has_no_members(void)
{
	CU_ASSERT_PTR_NULL(member("", "a"));
	CU_ASSERT_PTR_NULL(member("[\"a\"]", "a"));
	CU_ASSERT_PTR_NULL(member("{\"a\"", "a"));
	CU_ASSERT_PTR_NULL(member("{\"a\":", "a"));
	CU_ASSERT_PTR_NULL(member("{\"a\":\"", "a"));
	CU_ASSERT_PTR_NULL(member("{\"a\":\"\\\"", "a"));
	CU_ASSERT_PTR_NULL(member("{\"a\":[[[", "a"));
	CU_ASSERT_PTR_NULL(member("{\"a\":1}", "a"));
}

static void text_is_utf8_without_zeros(void)
{
	CU_ASSERT(jline_text_valid("a\xc3\xa4\xf0\x9f\x98\x80", 7));
	CU_ASSERT_FALSE(jline_text_valid("a\0b", 3));
	CU_ASSERT_FALSE(jline_text_valid("\xff", 1));
	CU_ASSERT_FALSE(jline_text_valid("\xc3", 1));
	CU_ASSERT_FALSE(jline_text_valid("\xc0\x80", 2));
	CU_ASSERT_FALSE(jline_text_valid("\xed\xa0\x80", 3));
}

CU_ErrorCode test_ctl_jline_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(what_is_written_can_be_read),
		T(members_are_found_past_nested_values),
		T(escapes_become_characters),
		T(rubbish_has_no_members),
		T(text_is_utf8_without_zeros),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "ctl-jline", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
