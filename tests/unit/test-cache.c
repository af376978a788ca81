/* SPDX-License-Identifier: MIT */
/* libctrl/cache.c: what is kept is found, nothing else is, and not for ever. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "kernel.h"

CU_ErrorCode test_cache_register(void);

static char dir[64], cache[96];

static int suite_init(void)
{
	strcpy(dir, "/tmp/test-cache-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	/* Nothing of it is there: /var/cache itself may be missing. */
	snprintf(cache, sizeof(cache), "%s/cache/bulkhead/kernels", dir);
	return 0;
}

static int suite_exit(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) != 0;
}

/* Can files appear here as a whole?  Not on every file system. */
static bool can_keep(void)
{
	int fd = open(dir, O_TMPFILE | O_RDWR, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void keep(const char *name, const char *text)
{
	int fd = cache_new(cache);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cache_keep(cache, fd, name);
	close(fd);
}

static int find(const char *name, uint64_t size)
{
	uint64_t got = 0;
	int fd = cache_find(cache, name, size, &got);

	if (fd >= 0) {
		CU_ASSERT_TRUE(!size || got == size);
		close(fd);
	}
	return fd < 0 ? fd : 0;
}

static void what_is_kept_is_found(void)
{
	CU_ASSERT_EQUAL(find("a", 0), -ENOENT);
	if (!can_keep())
		return;
	keep("a", "kernel");
	CU_ASSERT_EQUAL(find("a", 6), 0);
	CU_ASSERT_EQUAL(find("a", 0), 0);
	CU_ASSERT_EQUAL(find("a", 7), -ENOENT);
	CU_ASSERT_EQUAL(find("b", 0), -ENOENT);
	/* A second one of the same name changes nothing. */
	keep("a", "other");
	CU_ASSERT_EQUAL(find("a", 6), 0);
}

static void what_others_could_change_is_not_believed(void)
{
	char path[128];

	if (!can_keep())
		return;
	keep("c", "kernel");
	snprintf(path, sizeof(path), "%s/c", cache);
	CU_ASSERT_EQUAL(chmod(path, 0622), 0);
	CU_ASSERT_EQUAL(find("c", 0), -ENOENT);
	CU_ASSERT_EQUAL(chmod(path, 0600), 0);
	CU_ASSERT_EQUAL(find("c", 0), 0);
	CU_ASSERT_EQUAL(chmod(cache, 0777), 0);
	CU_ASSERT_EQUAL(find("c", 0), -EPERM);
	CU_ASSERT_EQUAL(chmod(cache, 0700), 0);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
	CU_ASSERT_TRUE(find("c", 0) < 0);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

static int count(void)
{
	DIR *d = opendir(cache);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

/* Pretend that it was of use last at this second. */
static void used_at(const char *name, time_t second)
{
	const struct timespec t[2] = { { second, 0 }, { second, 0 } };
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", cache, name);
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void the_oldest_make_room(void)
{
	char name[16];
	int i;

	if (!can_keep())
		return;
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		keep(name, "x");
		used_at(name, i + 1);
	}
	CU_ASSERT_TRUE(count() <= 16);
	CU_ASSERT_EQUAL(find("k0", 0), -ENOENT);
	CU_ASSERT_EQUAL(find("k23", 0), -ENOENT);
	CU_ASSERT_EQUAL(find("k39", 0), 0);
}

static void without_a_directory_memory_does(void)
{
	int fd = cache_new("");

	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
	fd = cache_new("/proc/no/such/place");
	CU_ASSERT_TRUE(fd >= 0);
	cache_keep("/proc/no/such/place", fd, "a");
	close(fd);
}

CU_ErrorCode test_cache_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(what_is_kept_is_found),
		T(what_others_could_change_is_not_believed),
		T(the_oldest_make_room),
		T(without_a_directory_memory_does),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "cache", suite_init, suite_exit, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
