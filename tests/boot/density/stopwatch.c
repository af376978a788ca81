/* SPDX-License-Identifier: MIT */
/*
 * stopwatch [-f FILE] COMMAND [ARG]...
 *
 * Prints how many nanoseconds COMMAND takes; with -f, until FILE has grown as
 * well.  In a machine of one CPU whose clock counts instructions (QEMU's
 * -icount shift=0) that is how many instructions everybody executed, and
 * what time was slept.  Waits by inotify, since looking would be counted.
 */
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_size;
}

/* Hears of every change in the folder of this file. */
static int listen_beside(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int fd = inotify_init1(IN_CLOEXEC);

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	if (fd < 0 || inotify_add_watch(fd, dir, IN_CREATE | IN_MODIFY) < 0) {
		perror(dir);
		exit(125);
	}
	return fd;
}

int main(int argc, char **argv)
{
	const char *file = NULL;
	char events[4096];
	int status, rc, ear = -1;
	long long start;
	off_t was = 0;
	pid_t pid;

	if (argc > 2 && !strcmp(argv[1], "-f")) {
		file = argv[2];
		argv += 2;
		ear = listen_beside(file);
		was = size_of(file);
	}
	if (!argv[1])
		return 125;
	alarm(60);
	start = now();
	rc = posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ);
	if (rc) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(rc));
		return 127;
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
	while (file && size_of(file) <= was)
		if (read(ear, events, sizeof(events)) <= 0)
			return 125;
	printf("%lld\n", now() - start);
	return 0;
}
