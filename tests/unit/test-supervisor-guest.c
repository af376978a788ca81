/* SPDX-License-Identifier: MIT */
/* The supervisor's table, its records, and its reading of the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "supervisor/guest.h"
#include "supervisor/hyplog.h"

CU_ErrorCode test_supervisor_guest_register(void);

static const uint8_t uuid[16] = { 0x0f, 0x1c, 0x6f, 0x0e, 0x5d, 0x0b, 0x4f,
	0x63, 0x9a, 0x40, 0x2b, 0x6d, 0x2f, 0x3c, 0x9a, 0x11 };

static bool reason(const char *log, uint16_t domid, char out[80])
{
	return hyplog_reason(log, strlen(log), domid, out, 80);
}

static void the_log_names_who_was_killed_and_why(void)
{
	static const char log[] =
		"(BH) [    1.000000] d1 started\n"
		"(BH) [    2.000000] d1 killed: it broke a rule\n"
		"(BH) [    3.000000] d11 killed: another rule\n"
		"(XEN) [    4.0] d3v0 Unhandled page fault\n"
		"(XEN) [    4.1] Domain 3 (vcpu#0) crashed on cpu#0:\n"
		"(XEN) [    4.2] xd4 killed: not a name\n"
		"(d5) d6 killed: says domain 5\n"
		"(BH) [    5.0] d5: d6 killed: says domain 5\n"
		"(BH) [    5.0] d7: I was killed\n";
	char out[80];

	CU_ASSERT(reason(log, 1, out));
	CU_ASSERT_STRING_EQUAL(out, "d1 killed: it broke a rule");
	CU_ASSERT(reason(log, 11, out));
	CU_ASSERT_STRING_EQUAL(out, "d11 killed: another rule");
	CU_ASSERT(reason(log, 3, out));
	CU_ASSERT_STRING_EQUAL(out, "Domain 3 (vcpu#0) crashed on cpu#0:");
	CU_ASSERT_FALSE(reason(log, 4, out));
	CU_ASSERT_FALSE(reason(log, 5, out));
	CU_ASSERT_FALSE(reason(log, 6, out));
	CU_ASSERT_FALSE(reason(log, 7, out));
	CU_ASSERT_FALSE(reason(log, 111, out));
	CU_ASSERT_FALSE(reason("", 1, out));
}

static void a_reason_is_one_bounded_printable_line(void)
{
	static const char log[] = "d1 killed: \x1b[31m\xff\n";
	char out[80], tiny[8];

	CU_ASSERT(reason(log, 1, out));
	CU_ASSERT_STRING_EQUAL(out, "d1 killed:  [31m");
	CU_ASSERT(hyplog_reason(log, strlen(log), 1, tiny, sizeof(tiny)));
	CU_ASSERT_STRING_EQUAL(tiny, "d1 kill");
}

static void a_record_is_read_as_it_was_written(void)
{
	struct guest g = { .life = GUEST_KEPT, .domid = 7, .managed = true,
		.name = "we\"b", .file = "a.xml", .xml = "<domain>\n</domain>",
		.on_poweroff = GUEST_ACTION_RESTART,
		.on_crash = GUEST_ACTION_PRESERVE, .started = 5, .ended = 9,
		.born_ns = 123456789012ull, .short_lives = 3, .restarts = 4,
		.reason = "crash", .detail = "because" };
	struct guest h;
	char *text;

	memcpy(g.uuid, uuid, 16);
	text = guest_record_text(&g);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_EQUAL_FATAL(guest_record_parse(text, strlen(text), &h), 0);
	CU_ASSERT_EQUAL(h.life, GUEST_KEPT);
	CU_ASSERT_EQUAL(h.domid, 7);
	CU_ASSERT(h.managed);
	CU_ASSERT_STRING_EQUAL(h.name, g.name);
	CU_ASSERT_STRING_EQUAL(h.xml, g.xml);
	CU_ASSERT_STRING_EQUAL(h.detail, "because");
	CU_ASSERT_EQUAL(h.on_poweroff, GUEST_ACTION_RESTART);
	CU_ASSERT_EQUAL(h.on_crash, GUEST_ACTION_PRESERVE);
	CU_ASSERT_EQUAL(h.born_ns, g.born_ns);
	CU_ASSERT_EQUAL(h.restarts, 4);
	CU_ASSERT_EQUAL(memcmp(h.uuid, uuid, 16), 0);
	guest_fields_free(&h);
	/* Half a record is no record. */
	CU_ASSERT_NOT_EQUAL(guest_record_parse(text, strlen(text) / 2, &h), 0);
	CU_ASSERT_NOT_EQUAL(guest_record_parse("{}", 2, &h), 0);
	free(text);
}

static char folder[] = "/tmp/test-guests-XXXXXX";

static bool exists(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return !access(path, F_OK);
}

static void a_guest_leaves_an_epitaph(void)
{
	struct guest *g;
	const struct guest *e;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	guest_records_load(folder);
	pthread_mutex_lock(&guests_lock);
	g = guest_add("web", uuid);
	CU_ASSERT_PTR_NOT_NULL_FATAL(g);
	g->managed = true;
	CU_ASSERT_PTR_NULL(guest_find("0"));
	CU_ASSERT_EQUAL(guest_record_starting(g), 0);
	CU_ASSERT(exists("0f1c6f0e-5d0b-4f63-9a40-2b6d2f3c9a11.starting"));
	g->domid = 3;
	g->life = GUEST_LIVE;
	CU_ASSERT_EQUAL(guest_record_started(g), 0);
	CU_ASSERT(exists("3.json"));
	CU_ASSERT_FALSE(
		exists("0f1c6f0e-5d0b-4f63-9a40-2b6d2f3c9a11.starting"));
	CU_ASSERT_PTR_EQUAL(guest_find("3"), g);
	CU_ASSERT_PTR_EQUAL(guest_find("web"), g);
	CU_ASSERT_PTR_EQUAL(guest_by_uuid(uuid), g);
	guest_bury(g, "crash", "d3 killed: a reason");
	CU_ASSERT_FALSE(exists("3.json"));
	CU_ASSERT_PTR_NULL(guest_find("web"));
	e = guest_epitaph("web");
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	CU_ASSERT_PTR_EQUAL(guest_epitaph("3"), e);
	CU_ASSERT_STRING_EQUAL(e->detail, "d3 killed: a reason");
	CU_ASSERT_PTR_NULL(guest_epitaph("4"));
	pthread_mutex_unlock(&guests_lock);
}

static void only_so_many_epitaphs_stay(void)
{
	char name[32];

	pthread_mutex_lock(&guests_lock);
	for (unsigned int i = 0; i < EPITAPHS_MAX; i++) {
		struct guest *g;

		snprintf(name, sizeof(name), "g%u", i);
		g = guest_add(name, uuid);
		CU_ASSERT_PTR_NOT_NULL_FATAL(g);
		g->life = GUEST_LIVE;
		g->domid = (uint16_t)(i + 10);
		guest_bury(g, "poweroff", NULL);
	}
	CU_ASSERT_PTR_NULL(guest_epitaph("web"));
	CU_ASSERT_PTR_NOT_NULL(guest_epitaph("g0"));
	CU_ASSERT_PTR_NOT_NULL(guest_epitaph(name));
	pthread_mutex_unlock(&guests_lock);
	snprintf(name, sizeof(name), "ended-%02u.json", EPITAPHS_MAX);
	CU_ASSERT_FALSE(exists(name));
}

static int suite_exit(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

CU_ErrorCode test_supervisor_guest_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(the_log_names_who_was_killed_and_why),
		T(a_reason_is_one_bounded_printable_line),
		T(a_record_is_read_as_it_was_written),
		T(a_guest_leaves_an_epitaph),
		T(only_so_many_epitaphs_stay),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "supervisor-guest", NULL, suite_exit, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
