/* SPDX-License-Identifier: MIT */
/*
 * diskverify DEV MIB SECONDS - a write load that knows what it wrote.
 * Four processes, each with a quarter of the disk, write and read blocks of
 * random size; every sector carries its number and a generation.  At the end
 * or after SIGUSR1, each reads its whole quarter.  Last line: "verify: N writes, M reads, E errors".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 4, SECTOR = 512, MAX = 256 };	/* sectors of one transfer */

struct total { uint64_t writes, reads, errors, slowest_ms; };

static uint64_t seed;
static volatile sig_atomic_t enough;

static void on_usr1(int sig)
{
	(void)sig;
	enough = 1;
}

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed >> 33;
}

static uint64_t ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void fill(uint64_t *s, uint64_t sector, uint64_t generation)
{
	for (int i = 0; i < SECTOR / 16; i++) {
		s[2 * i] = sector;
		s[2 * i + 1] = generation;
	}
}

static int wrong(const uint64_t *s, uint64_t sector, uint64_t generation)
{
	for (int i = 0; i < SECTOR / 16; i++)
		if (s[2 * i] != (generation ? sector : 0) ||
		    s[2 * i + 1] != generation)
			return 1;
	return 0;
}

static void check(struct total *t, const char *buf, uint64_t at, uint32_t n,
		  const uint32_t *gen, uint64_t base)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t *s = (const void *)(buf + i * SECTOR);

		if (!wrong(s, at + i, gen[at + i - base]))
			continue;
		if (t->errors++ < 5)
			printf("verify: sector %llu: %llu/%llu instead of generation %u\n",
			       (unsigned long long)(at + i),
			       (unsigned long long)s[0],
			       (unsigned long long)s[1], gen[at + i - base]);
	}
}

static void work(const char *dev, uint64_t base, uint64_t len, int seconds,
		 struct total *t)
{
	const int fd = open(dev, O_RDWR | O_DIRECT);
	uint32_t *gen = calloc(len, sizeof(*gen)), next = 1;
	char *buf = mmap(NULL, MAX * SECTOR, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t end = ms() + seconds * 1000ull;
	uint64_t t0, at;
	uint32_t n;
	ssize_t r;

	if (fd < 0 || !gen) {
		t->errors++;
		return;
	}
	while (!enough && ms() < end) {
		n = 8 * (1 + rnd() % (rnd() % 4 ? 4 : MAX / 8));
		at = base + rnd() % (len - n);
		at -= at % 8;
		t0 = ms();
		if (rnd() % 3) {
			for (uint32_t i = 0; i < n; i++) {
				fill((void *)(buf + i * SECTOR), at + i, next);
				gen[at + i - base] = next;
			}
			next++;
			r = pwrite(fd, buf, n * SECTOR, at * SECTOR);
			t->writes++;
		} else {
			r = pread(fd, buf, n * SECTOR, at * SECTOR);
			if (r == n * SECTOR)
				check(t, buf, at, n, gen, base);
			t->reads++;
		}
		if (r != n * SECTOR && t->errors++ < 5)
			printf("verify: %s at %llu: %s\n", dev,
			       (unsigned long long)at, strerror(errno));
		if (rnd() % 64 == 0 && fdatasync(fd))
			t->errors++;
		if (ms() - t0 > t->slowest_ms)
			t->slowest_ms = ms() - t0;
	}
	for (at = base; at < base + len; at += n) {
		n = base + len - at < MAX ? base + len - at : MAX;
		r = pread(fd, buf, n * SECTOR, at * SECTOR);
		if (r != n * SECTOR)
			t->errors++;
		else
			check(t, buf, at, n, gen, base);
	}
}

int main(int argc, char **argv)
{
	const uint64_t sectors = argc > 2 ? atoi(argv[2]) * 2048ull : 0;
	struct total *t = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0), sum = { 0 };

	if (argc < 4 || !sectors)
		return 2;
	signal(SIGUSR1, on_usr1);
	for (int i = 0; i < WORKERS; i++) {
		if (fork())
			continue;
		seed = i + 1;
		work(argv[1], sectors / WORKERS * i, sectors / WORKERS,
		     atoi(argv[3]), &t[i]);
		fflush(stdout);
		_exit(0);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
	for (int i = 0; i < WORKERS; i++) {
		sum.writes += t[i].writes;
		sum.reads += t[i].reads;
		sum.errors += t[i].errors;
		if (t[i].slowest_ms > sum.slowest_ms)
			sum.slowest_ms = t[i].slowest_ms;
	}
	printf("verify: %llu writes, %llu reads, slowest %llu ms, %llu errors\n",
	       (unsigned long long)sum.writes, (unsigned long long)sum.reads,
	       (unsigned long long)sum.slowest_ms,
	       (unsigned long long)sum.errors);
	return sum.errors != 0;
}
