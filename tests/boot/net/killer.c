/* SPDX-License-Identifier: MIT */
/*
 * killer NAME HOW_MANY TIMES: kill the oldest process of that name, TIMES
 * times, at moments that follow no beat.  There are HOW_MANY of them; one may
 * be missing when the next is killed, and in the end none is.  Who waits for
 * one for half a minute has lost: "killer: only N of HOW_MANY after K deaths".
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS	30000
#define DEATHS_MAX	10000

static pid_t dead[DEATHS_MAX];
static unsigned int deaths;

/* Does it run under this name, and is it not one that we killed? */
static bool runs(pid_t pid, const char *name)
{
	char path[64], text[128] = "", *end;
	FILE *f;

	for (unsigned int i = 0; i < deaths; i++)
		if (dead[i] == pid)
			return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	/* "12 (netback) S ..." */
	end = strrchr(text, ')');
	if (!end || end[1] != ' ' || end[2] == 'Z' || end[2] == 'X')
		return false;
	*end = 0;
	return !strcmp(strchr(text, '(') + 1, name);
}

/* How many there are, and the oldest. */
static int count(const char *name, pid_t *oldest)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0, pid;

	*oldest = 0;
	while (d && (e = readdir(d))) {
		pid = atoi(e->d_name);
		if (pid <= 0 || !runs(pid, name))
			continue;
		if (!n++ || pid < *oldest)
			*oldest = pid;
	}
	if (d)
		closedir(d);
	return n;
}

static void pause_ms(unsigned int ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

static bool wait_for(const char *name, int least, pid_t *oldest)
{
	struct timespec from, now;
	int n;

	clock_gettime(CLOCK_MONOTONIC, &from);
	while ((n = count(name, oldest)) < least) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - from.tv_sec) * 1000 > PATIENCE_MS) {
			printf("killer: only %d of %d after %u deaths\n", n,
			       least, deaths);
			return false;
		}
		pause_ms(10);
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned int times;
	int all;
	pid_t p;

	if (argc != 4)
		return 2;
	all = atoi(argv[2]);
	times = atoi(argv[3]);
	while (deaths < times && deaths < DEATHS_MAX) {
		if (!wait_for(argv[1], all - 1, &p))
			return 1;
		if (kill(p, SIGKILL))
			return 1;
		dead[deaths++] = p;
		pause_ms(deaths * 7919 % 100);
	}
	return !wait_for(argv[1], all, &p);
}
