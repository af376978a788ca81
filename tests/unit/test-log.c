/* SPDX-License-Identifier: MIT */
/* common/log.c, common/outlog.c: a log is bounded, and loses no line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "common/log.h"
#include "common/lograte.h"
#include "common/outlog.h"

CU_ErrorCode test_log_register(void);

static char dir[64], path[80], old[96], away[80];

static int suite_init(void)
{
	strcpy(dir, "/tmp/test-log-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/d.log", dir);
	snprintf(old, sizeof(old), "%s.1", path);
	snprintf(away, sizeof(away), "%s.away", dir);
	log_init("test");
	return 0;
}

static int suite_exit(void)
{
	char command[128];

	log_to(NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) != 0;
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -1 : st.st_size;
}

/* The numbers in a file of lines, each the one after the last. */
static long count_on(const char *name, long n)
{
	char line[1100];
	FILE *f = fopen(name, "re");
	long got;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof(line), f)) {
		if (n < 0 && sscanf(line, "test: line %ld ", &got) == 1)
			n = got;
		CU_ASSERT_EQUAL(sscanf(line, "test: line %ld ", &got), 1);
		CU_ASSERT_EQUAL(got, n);
		n++;
	}
	fclose(f);
	return n;
}

static void a_daemon_s_log_has_an_end(void)
{
	const long lines = 5 * (long)LOG_FILE_MAX / 2 / 1000;
	char text[980];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CU_ASSERT_EQUAL_FATAL(log_to(path), 0);
	for (long i = 0; i < lines; i++)
		log_msg("line %ld %s", i, text);
	CU_ASSERT(size_of(path) > 0 && size_of(path) <= LOG_FILE_MAX);
	CU_ASSERT(size_of(old) > LOG_FILE_MAX / 2 &&
		  size_of(old) <= LOG_FILE_MAX);
	CU_ASSERT_EQUAL(count_on(path, count_on(old, -1)), lines);
}

static void who_moves_a_log_away_finds_a_new_one(void)
{
	CU_ASSERT_EQUAL_FATAL(log_to(path), 0);
	log_msg("line 1");
	CU_ASSERT_EQUAL(rename(path, old), 0);
	log_msg("line 2");
	CU_ASSERT_EQUAL(count_on(path, 2), 3);
	CU_ASSERT_EQUAL(unlink(path), 0);
	log_msg("line 3");
	CU_ASSERT_EQUAL(count_on(path, 3), 4);
	/* With its folder, and for a while. */
	CU_ASSERT_EQUAL(rename(dir, away), 0);
	log_msg("line 4");
	CU_ASSERT_EQUAL(rename(away, dir), 0);
	CU_ASSERT_EQUAL(unlink(path), 0);
	log_msg("line 5");
	CU_ASSERT_EQUAL(count_on(path, 5), 6);
}

static void what_is_no_file_is_not_moved(void)
{
	char fifo[80], text[100];
	struct outlog log;
	struct stat st;
	int fd;

	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(outlog_open(&log, fifo, 150), 0);
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(outlog_write(&log, text, sizeof(text)), 0);
		CU_ASSERT_EQUAL(read(fd, text, sizeof(text)), sizeof(text));
	}
	CU_ASSERT_EQUAL(stat(fifo, &st), 0);
	CU_ASSERT_TRUE(S_ISFIFO(st.st_mode));
	outlog_close(&log);
	close(fd);
}

static void a_log_that_cannot_be_says_so_once(void)
{
	struct outlog log;

	CU_ASSERT_EQUAL(outlog_init(&log, "/no/such", "g", 100), 0);
	CU_ASSERT_EQUAL(outlog_write(&log, "x", 1), -ENOENT);
	CU_ASSERT_EQUAL(outlog_write(&log, "x", 1), 0);
	outlog_close(&log);
	CU_ASSERT_EQUAL(log_to("/no/such/log"), -ENOENT);
}

static void a_guest_says_so_much_and_no_more(void)
{
	struct lograte r = { 0 }, other = { 0 };
	unsigned int left_out, said = 0;
	uint64_t now = 1000000000;

	for (int i = 0; i < 1000; i++)
		said += lograte_allows(&r, now += 1000000, &left_out);
	CU_ASSERT_EQUAL(said, LOGRATE_BURST);
	CU_ASSERT_TRUE(lograte_allows(&other, now, &left_out));
	CU_ASSERT_EQUAL(left_out, 0);
	now += LOGRATE_NS;
	CU_ASSERT_TRUE(lograte_allows(&r, now, &left_out));
	CU_ASSERT_EQUAL(left_out, 1000 - LOGRATE_BURST);
	CU_ASSERT_FALSE(lograte_allows(&r, now, &left_out));
	/* Silence for a while, and it is as new. */
	now += LOGRATE_BURST * LOGRATE_NS * 2;
	for (said = 0; lograte_allows(&r, now, &left_out);)
		said++;
	CU_ASSERT_EQUAL(said, LOGRATE_BURST);
}

CU_ErrorCode test_log_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(a_daemon_s_log_has_an_end),
		T(who_moves_a_log_away_finds_a_new_one),
		T(what_is_no_file_is_not_moved),
		T(a_log_that_cannot_be_says_so_once),
		T(a_guest_says_so_much_and_no_more),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "log", suite_init, suite_exit, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
