/* SPDX-License-Identifier: MIT */
/* The log ring and the console that the control domain shares. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/printk.h>
#include <hyp/param.h>

#include "machine.h"

CU_ErrorCode test_printk_register(void);

static char text[70000];

static int boot(void)
{
	machine_boot();
	return 0;
}

static void fresh(void)
{
	memset(&machine_log, 0, sizeof(machine_log));
	console_write_line("", 0);
	memset(&machine_log, 0, sizeof(machine_log));
}

static size_t read_from(u32 *index)
{
	size_t n = log_read(text, sizeof(text) - 1, index, false);

	text[n] = 0;
	return n;
}

static void levels_are_obeyed(void)
{
	u32 index = 0;

	read_from(&index);
	params.loglvl = LOG_WARN;
	log_info("not me");
	log_warn("me");
	read_from(&index);
	CU_ASSERT_STRING_EQUAL(text, "(hyp) warning: me\n");
	params.loglvl = LOG_INFO;
}

static void the_ring_keeps_the_newest(void)
{
	u32 index = 0;
	unsigned i;

	for (i = 0; i < 5000; i++)
		log_warn("line %u", i);
	CU_ASSERT_EQUAL(read_from(&index), 32768);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "line 4999\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "line 1\n"));
	/* Reading on finds nothing twice. */
	CU_ASSERT_EQUAL(read_from(&index), 0);
}

static void a_cleared_log_is_empty(void)
{
	u32 index = 0;

	log_warn("old");
	log_read(text, sizeof(text), &index, true);
	index = 0;
	CU_ASSERT_EQUAL(read_from(&index), 0);
	log_warn("new");
	CU_ASSERT_TRUE(read_from(&index) > 0);
	CU_ASSERT_PTR_NULL(strstr(text, "old"));
}

static void returns_are_added_once(void)
{
	fresh();
	console_write("a\nb\r\nc", 6);
	CU_ASSERT_STRING_EQUAL(machine_log.console, "a\r\nb\r\nc");
	/* Our own line does not go into the middle of a guest's. */
	console_write_line("ours\n", 5);
	CU_ASSERT_STRING_EQUAL(machine_log.console,
			       "a\r\nb\r\nc\r\nours\r\n");
}

static void input_waits_and_its_excess_is_lost(void)
{
	char buf[2048];
	unsigned i;

	machine_as(0, NULL);
	for (i = 0; i < 1500; i++)
		console_input('a' + i % 26);
	CU_ASSERT_EQUAL(console_read(buf, 3), 3);
	CU_ASSERT_EQUAL(memcmp(buf, "abc", 3), 0);
	CU_ASSERT_EQUAL(console_read(buf, sizeof(buf)), 1021);
	CU_ASSERT_EQUAL(console_read(buf, sizeof(buf)), 0);
}

static void a_guest_that_floods_silences_only_itself(void)
{
	struct domain *a, *b;
	char left_out[128];
	u32 index = 0;
	unsigned i;

	machine_boot();
	a = machine_domain(false);
	b = machine_domain(false);
	for (i = 0; i < 200; i++)
		log_guest(LOG_WARN, a, "flood %u", i);
	log_guest(LOG_WARN, b, "heard");
	read_from(&index);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "flood 49\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "flood 60\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "heard\n"));
	/* Later it is heard again, and how much was not is said once. */
	machine_now_ns += 1000000000;
	log_guest(LOG_WARN, b, "b again");
	log_guest(LOG_WARN, a, "a again");
	log_guest(LOG_WARN, a, "and again");
	read_from(&index);
	snprintf(left_out, sizeof(left_out),
		 "(hyp) warning: d%u: b again\n", b->id);
	CU_ASSERT_PTR_EQUAL(strstr(text, left_out), text);
	snprintf(left_out, sizeof(left_out),
		 "d%u: 150 lines left out\n(hyp) warning: d%u: a again\n"
		 "(hyp) warning: d%u: and again\n", a->id, a->id, a->id);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, left_out));
}

CU_ErrorCode test_printk_register(void)
{
	CU_pSuite s = CU_add_suite("printk", boot, NULL);

	CU_ADD_TEST(s, levels_are_obeyed);
	CU_ADD_TEST(s, the_ring_keeps_the_newest);
	CU_ADD_TEST(s, a_cleared_log_is_empty);
	CU_ADD_TEST(s, returns_are_added_once);
	CU_ADD_TEST(s, input_waits_and_its_excess_is_lost);
	CU_ADD_TEST(s, a_guest_that_floods_silences_only_itself);
	return CU_get_error();
}
