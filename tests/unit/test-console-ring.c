/* SPDX-License-Identifier: MIT */
/* The console page, and the log files that do not grow without end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "consoled/attach.h"
#include "common/outlog.h"
#include "consoled/ring.h"

CU_ErrorCode test_console_ring_register(void);

static struct xencons_interface page;
static struct console_ring ring;

/* What a guest does to write. */
static void guest_writes(const char *text)
{
	for (; *text; text++)
		page.out[page.out_prod++ & (sizeof(page.out) - 1)] = *text;
}

static void start(uint32_t index)
{
	memset(&page, 0, sizeof(page));
	page.out_cons = page.out_prod = index;
	page.in_cons = page.in_prod = index;
	console_ring_init(&ring, &page);
}

/* What consoled does to read. */
static ssize_t take(void *to, size_t max)
{
	ssize_t n = console_ring_look(&ring, to, max);

	if (n > 0)
		console_ring_pass(&ring, (size_t)n);
	return n;
}

static void output_comes_in_order_across_the_edge(void)
{
	char data[4096];
	char want[1500];

	/* Also where the indices wrap around. */
	start(UINT32_MAX - 1000);
	for (int i = 0; i < 10; i++) {
		memset(want, 'a' + i, sizeof(want));
		want[sizeof(want) - 1] = 0;
		guest_writes(want);
		CU_ASSERT_EQUAL(take(data, 1000), 1000);
		CU_ASSERT_EQUAL(take(data + 1000, 4096 - 1000), 499);
		CU_ASSERT_EQUAL(memcmp(data, want, 1499), 0);
		CU_ASSERT_EQUAL(page.out_cons, page.out_prod);
	}
	CU_ASSERT_EQUAL(take(data, sizeof(data)), 0);
}

static void a_full_ring_is_taken_whole(void)
{
	char data[4096];

	start(5);
	page.out_prod += sizeof(page.out);
	CU_ASSERT_EQUAL(take(data, sizeof(data)), 2048);
}

static void a_mad_output_index_is_skipped(void)
{
	char data[4096];

	start(0);
	page.out_prod = 2049;
	CU_ASSERT_EQUAL(take(data, sizeof(data)), -EIO);
	CU_ASSERT_EQUAL(page.out_cons, 2049);
	guest_writes("ok");
	CU_ASSERT_EQUAL(take(data, sizeof(data)), 2);
	/* The guest cannot move our own index. */
	page.out_cons = 77;
	guest_writes("x");
	CU_ASSERT_EQUAL(take(data, sizeof(data)), 1);
}

static void input_stops_when_full(void)
{
	char data[2000];

	memset(data, 'i', sizeof(data));
	start(UINT32_MAX - 10);
	CU_ASSERT_EQUAL(console_ring_put(&ring, data, 2000), 1024);
	CU_ASSERT_EQUAL(console_ring_put(&ring, data, 1), 0);
	page.in_cons += 24;
	CU_ASSERT_EQUAL(console_ring_put(&ring, data, 100), 24);
	page.in_cons = page.in_prod + 1;
	CU_ASSERT_EQUAL(console_ring_put(&ring, data, 1), -EIO);
}

static void a_log_keeps_one_old_file(void)
{
	char dir[] = "/tmp/bulkhead-test-XXXXXX", path[64], old[64];
	char data[1000];
	struct outlog log;
	struct stat st;

	memset(data, 'l', sizeof(data));
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/g.log", dir);
	snprintf(old, sizeof(old), "%s/g.log.1", dir);
	CU_ASSERT_EQUAL(outlog_init(&log, dir, "g", 10000), 0);
	CU_ASSERT_EQUAL(stat(path, &st), -1);
	for (int i = 0; i < 57; i++) {
		outlog_write(&log, data, sizeof(data));
		CU_ASSERT_EQUAL(stat(path, &st), 0);
		CU_ASSERT(st.st_size <= 10000);
	}
	CU_ASSERT_EQUAL(st.st_size, 7000);
	CU_ASSERT_EQUAL(stat(old, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 10000);
	outlog_close(&log);
	/* An existing file counts. */
	outlog_init(&log, dir, "g", 10000);
	outlog_write(&log, data, sizeof(data));
	CU_ASSERT_EQUAL(log.size, 8000);
	outlog_close(&log);
	unlink(path);
	unlink(old);
	/* A link that somebody put there is not followed. */
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
	outlog_init(&log, dir, "g", 10000);
	outlog_write(&log, data, sizeof(data));
	CU_ASSERT(log.failed);
	outlog_close(&log);
	unlink(path);
	rmdir(dir);
}

static void a_name_stays_in_its_folder(void)
{
	char out[16];

	outlog_safe_name(out, sizeof(out), "../etc/x");
	CU_ASSERT_STRING_EQUAL(out, "_._etc_x");
	outlog_safe_name(out, sizeof(out), "web-1.example");
	CU_ASSERT_STRING_EQUAL(out, "web-1.example");
	outlog_safe_name(out, sizeof(out), "a-name-that-is-too-long");
	CU_ASSERT_EQUAL(strlen(out), 15);
}

static void a_viewer_asks_in_one_way_only(void)
{
	static const char *const bad[] = {
		"", "attach", "attach ", "attach x", "attach -1", "attach 1x",
		"attach 1 2", "attach 1 wait ", "attach 1  wait",
		"attach 32752", "attach 99999999999999999999", "detach 1",
	};
	uint32_t domid = 0;
	bool wait = true;

	CU_ASSERT(attach_parse("attach 7", &domid, &wait));
	CU_ASSERT(domid == 7 && !wait);
	CU_ASSERT(attach_parse("attach 32751 wait", &domid, &wait));
	CU_ASSERT(domid == 32751 && wait);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT(!attach_parse(bad[i], &domid, &wait));
}

CU_ErrorCode test_console_ring_register(void)
{
	static CU_TestInfo tests[] = {
		{ "output_comes_in_order_across_the_edge",
		  output_comes_in_order_across_the_edge },
		{ "a_full_ring_is_taken_whole", a_full_ring_is_taken_whole },
		{ "a_mad_output_index_is_skipped",
		  a_mad_output_index_is_skipped },
		{ "input_stops_when_full", input_stops_when_full },
		{ "a_log_keeps_one_old_file", a_log_keeps_one_old_file },
		{ "a_name_stays_in_its_folder", a_name_stays_in_its_folder },
		{ "a_viewer_asks_in_one_way_only",
		  a_viewer_asks_in_one_way_only },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "console-ring", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
