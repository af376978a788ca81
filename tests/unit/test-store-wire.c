/* SPDX-License-Identifier: MIT */
/* libctrl/store-wire.c: the store's messages as bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "store-wire.h"

CU_ErrorCode test_store_wire_register(void);

static char bytes[STORE_MESSAGE_MAX];
static struct store_message m;

static size_t make(uint32_t type, const char *payload, size_t len)
{
	store_head(bytes, type, 7, 9, len);
	memcpy(bytes + 16, payload, len);
	return 16 + len;
}

static void what_is_written_is_read(void)
{
	size_t n = make(2, "value", 5);

	CU_ASSERT_EQUAL(store_parse(bytes, n, &m), (int)n);
	CU_ASSERT_EQUAL(m.type, 2);
	CU_ASSERT_EQUAL(m.req_id, 7);
	CU_ASSERT_EQUAL(m.tx_id, 9);
	CU_ASSERT_EQUAL(m.len, 5);
	CU_ASSERT_EQUAL(memcmp(m.payload, "value", 5), 0);
}

static void parts_wait_for_the_rest(void)
{
	size_t n = make(2, "value", 5), i;

	for (i = 0; i < n; i++)
		CU_ASSERT_EQUAL(store_parse(bytes, i, &m), 0);
}

static void too_long_ones_end_the_connection(void)
{
	store_head(bytes, 2, 1, 0, STORE_PAYLOAD_MAX + 1);
	CU_ASSERT_EQUAL(store_parse(bytes, 16, &m), -EPROTO);
	store_head(bytes, 2, 1, 0, 0xffffffff);
	CU_ASSERT_EQUAL(store_parse(bytes, 16, &m), -EPROTO);
}

static bool splits(const char *payload, size_t len, const char **token)
{
	store_parse(bytes, make(15, payload, len), &m);
	return store_split_event(&m, token);
}

static void events_have_a_path_and_a_token(void)
{
	const char *token;

	CU_ASSERT_TRUE_FATAL(splits("/a\0tok", 7, &token));
	CU_ASSERT_STRING_EQUAL(token, "tok");
	CU_ASSERT_TRUE(splits("/a\0", 4, &token));
	CU_ASSERT_FALSE(splits("/a\0tok", 6, &token));
	CU_ASSERT_FALSE(splits("/a", 3, &token));
	CU_ASSERT_FALSE(splits("/a", 2, &token));
	CU_ASSERT_FALSE(splits("", 0, &token));
}

static int error_of(const char *text, size_t len)
{
	store_parse(bytes, make(16, text, len), &m);
	return store_errno(&m);
}

static void errors_have_names(void)
{
	CU_ASSERT_EQUAL(error_of("ENOENT", 7), -ENOENT);
	CU_ASSERT_EQUAL(error_of("E2BIG", 6), -E2BIG);
	CU_ASSERT_EQUAL(error_of("ENOENT", 6), -EINVAL);
	CU_ASSERT_EQUAL(error_of("EWHAT", 6), -EINVAL);
	CU_ASSERT_EQUAL(error_of("", 0), -EINVAL);
}

static void numbers_are_decimal_and_fit(void)
{
	uint32_t n = 1;

	store_parse(bytes, make(6, "4294967295", 11), &m);
	CU_ASSERT_TRUE(store_number(&m, &n));
	CU_ASSERT_EQUAL(n, 4294967295u);
	store_parse(bytes, make(6, "4294967296", 11), &m);
	CU_ASSERT_FALSE(store_number(&m, &n));
	store_parse(bytes, make(6, "12a", 4), &m);
	CU_ASSERT_FALSE(store_number(&m, &n));
	store_parse(bytes, make(6, "", 0), &m);
	CU_ASSERT_FALSE(store_number(&m, &n));
}

static int part(struct store_list *l, const char *payload, size_t len)
{
	store_parse(bytes, make(6, payload, len), &m);
	return store_list_part(l, &m);
}

/* Also between a name's end and the next one's first letter. */
static void a_long_list_comes_in_parts_cut_anywhere(void)
{
	static const char whole[] = "7\0a\0bcd\0e\0";
	const size_t head = 2, len = sizeof(whole) - head;
	char payload[sizeof(whole)] = "7";

	for (size_t cut = 1; cut < len; cut++) {
		struct store_list l = { 0 };

		CU_ASSERT_EQUAL(part(&l, whole, head + cut), 1);
		CU_ASSERT_EQUAL(l.len, cut);
		memcpy(payload + head, whole + head + cut, len - cut);
		CU_ASSERT_EQUAL(part(&l, payload, head + len - cut), 0);
		CU_ASSERT_EQUAL(l.len, len - 1);
		CU_ASSERT_EQUAL(memcmp(l.names, whole + head, len), 0);
		free(l.names);
	}
}

static void a_list_that_changed_begins_anew(void)
{
	struct store_list l = { 0 };

	CU_ASSERT_EQUAL(part(&l, "7\0a", 3), 1);
	CU_ASSERT_EQUAL(part(&l, "8\0b\0\0", 5), 1);
	CU_ASSERT_EQUAL(l.len, 0);
	CU_ASSERT_EQUAL(part(&l, "8\0b\0\0", 5), 0);
	CU_ASSERT_EQUAL(l.len, 2);
	CU_ASSERT_STRING_EQUAL(l.names, "b");
	CU_ASSERT_EQUAL(part(&l, "8\0", 2), -EPROTO);
	CU_ASSERT_EQUAL(part(&l, "8", 1), -EPROTO);
	CU_ASSERT_EQUAL(part(&l, "", 0), -EPROTO);
	CU_ASSERT_EQUAL(part(&l, "123456789012345678901234567890123\0a", 35),
			-EPROTO);
	free(l.names);
}

CU_ErrorCode test_store_wire_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(what_is_written_is_read),
		T(parts_wait_for_the_rest),
		T(too_long_ones_end_the_connection),
		T(events_have_a_path_and_a_token),
		T(errors_have_names),
		T(numbers_are_decimal_and_fit),
		T(a_long_list_comes_in_parts_cut_anywhere),
		T(a_list_that_changed_begins_anew),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "store-wire", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
