/* SPDX-License-Identifier: MIT */
/* common/daemon.c, common/brake.c: daemons that die are started again, and one
 * that dies all the time does not take the machine. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "common/brake.h"
#include "common/daemon.h"
#include "common/log.h"

CU_ErrorCode test_daemon_register(void);

static char dir[64], pid_file[80], log_file[80], told_file[80], lives_file[80];

static int suite_init(void)
{
	strcpy(dir, "/tmp/test-daemon-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(pid_file, sizeof(pid_file), "%s/d.pid", dir);
	snprintf(told_file, sizeof(told_file), "%s/d.deaths", dir);
	snprintf(log_file, sizeof(log_file), "%s/d.log", dir);
	snprintf(lives_file, sizeof(lives_file), "%s/lives", dir);
	return 0;
}

static int suite_exit(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) != 0;
}

static void own_deaths_cost_longer_and_longer_pauses(void)
{
	struct brake b = { 0 };
	uint64_t pause, before = 0;

	for (int i = 0; i < BRAKE_FREE_DEATHS; i++)
		CU_ASSERT_EQUAL(brake_pause(&b, 1000, true), 0);
	CU_ASSERT_EQUAL(brake_pause(&b, 1000, true), BRAKE_FIRST_NS);
	CU_ASSERT_EQUAL(brake_pause(&b, BRAKE_CALM_NS - 1, true),
			2 * BRAKE_FIRST_NS);
	for (int i = 0; i < 1000; i++) {
		pause = brake_pause(&b, 1000, true);
		CU_ASSERT(pause >= before && pause <= BRAKE_MOST_NS);
		before = pause;
	}
	CU_ASSERT_EQUAL(before, BRAKE_MOST_NS);
	/* Not made up for by somebody's kill, but by a long life. */
	brake_pause(&b, 1000, false);
	CU_ASSERT_EQUAL(brake_pause(&b, 1000, true), BRAKE_MOST_NS);
	CU_ASSERT_EQUAL(brake_pause(&b, BRAKE_CALM_NS, true), 0);
}

static void kills_cost_next_to_nothing(void)
{
	struct brake b = { 0 };

	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(brake_pause(&b, BRAKE_FIRST_NS, false), 0);
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(brake_pause(&b, 0, false), BRAKE_FIRST_NS);
	CU_ASSERT_EQUAL(b.deaths, 0);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_size;
}

static void rest(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

#define LIFE	10

/* A kept daemon that says ready, and then ends by itself unless all is WELL.
 * Each life is a line of so many bytes: its keeper. */
static void live(bool well)
{
	const struct daemon_options o = {
		.kept = true, .pid_file = pid_file, .log = log_file,
	};
	int fd;

	log_init("test");
	daemon_start(&o);
	fd = open(lives_file, O_WRONLY | O_APPEND | O_CREAT, 0600);
	daemon_ready(&o);
	if (fd < 0 || dprintf(fd, "%9d\n", (int)getppid()) != LIFE)
		_exit(0);
	if (!well)
		_exit(3);
	for (;;)
		pause();
}

/* Starts it as a shell would. */
static void start(bool well)
{
	int status = -1;
	pid_t pid;

	unlink(lives_file);
	unlink(log_file);
	unlink(pid_file);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		live(well);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
}

static off_t lives(void)
{
	return size_of(lives_file) / LIFE;
}

static bool lives_at_last(off_t n)
{
	for (int i = 0; i < 2000 && lives() < n; i++)
		rest(10);
	return lives() >= n;
}

static long number_in(const char *path, const char *format)
{
	FILE *f = fopen(path, "re");
	char line[200];
	long n = 0;

	while (f && fgets(line, sizeof(line), f) && sscanf(line, format, &n) != 1)
		;
	if (f)
		fclose(f);
	return n;
}

static bool is_gone(pid_t pid)
{
	char path[64], state = 'R';
	FILE *f;

	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		f = fopen(path, "re");
		if (!f)
			return true;
		if (fscanf(f, "%*d %*s %c", &state) != 1)
			state = 'R';
		fclose(f);
		if (state == 'Z')
			return true;
		rest(10);
	}
	return false;
}

static void who_dies_all_the_time_is_started_now_and_then(void)
{
	pid_t keeper;
	off_t n;

	start(false);
	/* Six at once, then after 0.1 s, 0.2 s, 0.4 s. */
	CU_ASSERT_TRUE(lives_at_last(8));
	rest(100);
	n = lives();
	CU_ASSERT(n < 12);
	CU_ASSERT_EQUAL(number_in(told_file, "it ended with code %ld, "), 3);
	keeper = (pid_t)number_in(lives_file, "%ld");
	CU_ASSERT_TRUE_FATAL(keeper > 1);
	/* Told to end while it waits, it does. */
	kill(keeper, SIGTERM);
	CU_ASSERT_TRUE(is_gone(keeper));
	n = lives();
	rest(500);
	CU_ASSERT_EQUAL(lives(), n);
}

static void who_is_killed_is_there_again_at_once(void)
{
	pid_t keeper;

	start(true);
	CU_ASSERT_TRUE(lives_at_last(1));
	keeper = (pid_t)number_in(lives_file, "%ld");
	CU_ASSERT_TRUE_FATAL(keeper > 1);
	for (int i = 2; i < 12; i++) {
		kill((pid_t)number_in(pid_file, "%ld"), SIGKILL);
		CU_ASSERT_TRUE(lives_at_last(i));
	}
	/* One that was started again can be told to end, too. */
	kill((pid_t)number_in(pid_file, "%ld"), SIGTERM);
	CU_ASSERT_TRUE(is_gone(keeper));
	/* Nobody is told of deaths that somebody wanted. */
	CU_ASSERT_EQUAL(size_of(told_file), 0);
}

CU_ErrorCode test_daemon_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(own_deaths_cost_longer_and_longer_pauses),
		T(kills_cost_next_to_nothing),
		T(who_dies_all_the_time_is_started_now_and_then),
		T(who_is_killed_is_there_again_at_once),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "daemon", suite_init, suite_exit, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
