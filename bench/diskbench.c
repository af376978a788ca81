/* SPDX-License-Identifier: MIT */
/*
 * diskbench DEV [MiB] - direct I/O cost per byte and per request.
 * Prints "disk NAME BYTES REQUESTS TICKS #K"; each test stands between
 * MARK(0x300+2K) and MARK(0x301+2K).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include "marker.h"

enum { MAX_DEPTH = 32 };

struct test {
	const char *name;
	size_t total, size;
	int depth, write, random;
};

/* Kept: destroying one waits for a grace period. */
static aio_context_t ctx;
static char *buf;
static size_t span;
static int fd;

static uint64_t next(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* Transfer t->total bytes in requests of t->size, t->depth of them under way. */
static void run(const struct test *t)
{
	static struct iocb cb[MAX_DEPTH];
	struct io_event done[MAX_DEPTH];
	struct iocb *ready[MAX_DEPTH];
	const size_t n = t->total / t->size, places = span / t->size;
	size_t sent = 0, back = 0;
	int nr_ready = 0, k, got;

	for (int i = 0; i < t->depth; i++)
		ready[nr_ready++] = &cb[i];
	while (back < n) {
		for (k = 0; k < nr_ready && sent + k < n; k++) {
			size_t at = t->random ? next() % places :
						(sent + k) % places;

			*ready[k] = (struct iocb){
				.aio_fildes = fd,
				.aio_lio_opcode = t->write ? IOCB_CMD_PWRITE :
							     IOCB_CMD_PREAD,
				.aio_buf = (uintptr_t)(buf +
						       (ready[k] - cb) * t->size),
				.aio_nbytes = t->size,
				.aio_offset = at * t->size,
			};
		}
		if (k && syscall(SYS_io_submit, ctx, k, ready) != k)
			exit(2);
		sent += k;
		nr_ready = 0;
		got = syscall(SYS_io_getevents, ctx, 1, MAX_DEPTH, done, NULL);
		if (got < 1)
			exit(3);
		for (int i = 0; i < got; i++) {
			if (done[i].res != (int64_t)t->size)
				exit(4);
			ready[nr_ready++] = (struct iocb *)(uintptr_t)done[i].obj;
		}
		back += got;
	}
}

/* The markers' numbers are constants of the code. */
#define TEST(k, ...)                                                         \
	do {                                                                 \
		const struct test t = { __VA_ARGS__ };                       \
		uint64_t t0 = __rdtsc();                                     \
		MARK(0x300 + 2 * (k));                                       \
		run(&t);                                                     \
		MARK(0x301 + 2 * (k));                                       \
		printf("disk %s %zu %zu %llu #%d\n", t.name, t.total,        \
		       t.total / t.size,                                     \
		       (unsigned long long)(__rdtsc() - t0), k);             \
	} while (0)

int main(int argc, char **argv)
{
	static char out[4096];

	if (argc < 2)
		return 2;
	span = (argc > 2 ? atoi(argv[2]) : 32) * 1048576ul;
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0 || syscall(SYS_io_setup, MAX_DEPTH, &ctx)) {
		perror(argv[1]);
		return 1;
	}
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	buf = mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	memset(buf, 0x5a, 32 << 20);
	/* The first pass warms everything up. */
	for (int pass = 0; pass < 2; pass++) {
		TEST(0, "write_1M_qd1", span, 1 << 20, 1, 1, 0);
		TEST(1, "read_1M_qd1", span, 1 << 20, 1, 0, 0);
		TEST(2, "read_64k_qd8", span, 65536, 8, 0, 0);
		TEST(3, "read_4k_rand_qd1", 1024 * 4096, 4096, 1, 0, 1);
		TEST(4, "read_4k_rand_qd32", 2048 * 4096, 4096, 32, 0, 1);
		TEST(5, "write_4k_rand_qd1", 1024 * 4096, 4096, 1, 1, 1);
		TEST(6, "write_4k_rand_qd32", 2048 * 4096, 4096, 32, 1, 1);
		TEST(7, "write_64k_qd1", span, 65536, 1, 1, 0);
		TEST(8, "read_64k_qd1", span, 65536, 1, 0, 0);
		TEST(9, "write_64k_qd32", span, 65536, 32, 1, 0);
		TEST(10, "read_64k_qd32", span, 65536, 32, 0, 0);
		TEST(11, "write_1M_qd32", span, 1 << 20, 32, 1, 0);
		TEST(12, "read_1M_qd32", span, 1 << 20, 32, 0, 0);
	}
	puts("disk-done");
	return 0;
}
