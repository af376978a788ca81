/* SPDX-License-Identifier: MIT */
/*
 * libctrl/unpack.c and hash.c: what a packer packed comes out again, damaged
 * and oversized input does not, and holes stand for zeroes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "hash.h"
#include "unpack.h"

CU_ErrorCode test_unpack_register(void);

#define N	(300 * 1024 + 17)

static uint8_t plain[N], packed[N + 65536], back[N];
static size_t packed_n;

static int suite_init(void)
{
	uint32_t x = 1;
	size_t i;

	/* Text-like, with a page-aligned gap of zeroes inside. */
	for (i = 0; i < N; i++) {
		x = x * 1664525 + 1013904223;
		plain[i] = i > 40960 && i < 122880 ? 0 : 'a' + (x >> 28);
	}
	return 0;
}

static enum unpack_verdict run(enum packing p, size_t n, uint64_t max)
{
	int in = memfd_create("in", 0), out = memfd_create("out", 0);
	struct unpack u = {
		.in = in, .length = n, .packing = p, .out = out, .max = max,
	};
	enum unpack_verdict v = UNPACK_UNREADABLE;

	if (write(in, packed, n) == (ssize_t)n)
		v = unpack(&u);
	memset(back, 0, sizeof(back));
	if (v == UNPACK_FINE &&
	    pread(out, back, sizeof(back), 0) != (ssize_t)u.size)
		v = UNPACK_UNWRITABLE;
	close(in);
	close(out);
	return v;
}

static size_t pack_zstd(void)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t n;

	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(z, packed, sizeof(packed), plain, N);
	ZSTD_freeCCtx(z);
	return n;
}

static void pack(enum packing p)
{
	size_t at = 0;
	uLongf n = sizeof(packed);
	z_stream z = { 0 };

	switch (p) {
	case PACKING_XZ:
		lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, plain, N,
					packed, &at, sizeof(packed));
		packed_n = at;
		break;
	case PACKING_ZSTD:
		packed_n = pack_zstd();
		break;
	default:
		deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
		z.next_in = plain;
		z.avail_in = N;
		z.next_out = packed;
		z.avail_out = (unsigned int)n;
		deflate(&z, Z_FINISH);
		packed_n = z.total_out;
		deflateEnd(&z);
	}
}

static const enum packing all[] = { PACKING_GZIP, PACKING_XZ, PACKING_ZSTD };

static void what_was_packed_comes_out_again(void)
{
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		pack(all[i]);
		CU_ASSERT_EQUAL(run(all[i], packed_n, N), UNPACK_FINE);
		CU_ASSERT_EQUAL(memcmp(plain, back, N), 0);
	}
}

static enum unpack_verdict run_sandboxed(size_t n, unsigned int ms)
{
	int in = memfd_create("in", 0), out = memfd_create("out", 0);
	struct unpack u = {
		.in = in, .length = n, .packing = PACKING_GZIP, .out = out,
		.max = UNPACK_MAX_BYTES, .patience_ms = ms,
	};
	enum unpack_verdict v = UNPACK_UNREADABLE;

	if (write(in, packed, n) == (ssize_t)n)
		v = unpack_sandboxed(&u);
	memset(back, 0, sizeof(back));
	CU_ASSERT(pread(out, back, sizeof(back), 0) >= 0);
	close(in);
	close(out);
	return v;
}

static void a_child_unpacks(void)
{
	pack(PACKING_GZIP);
	CU_ASSERT_EQUAL(run_sandboxed(packed_n, 0), UNPACK_FINE);
	CU_ASSERT_EQUAL(memcmp(plain, back, N), 0);
	CU_ASSERT_EQUAL(run_sandboxed(packed_n / 2, 0), UNPACK_DAMAGED);
}

/* 1 GiB of nothing. */
static void a_child_has_so_much_time(void)
{
	static uint8_t zeroes[1 << 16];
	z_stream z = { .next_out = packed, .avail_out = sizeof(packed) };
	int r = Z_OK;

	deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	while (r == Z_OK && z.avail_out > 1000) {
		z.next_in = zeroes;
		z.avail_in = sizeof(zeroes);
		r = deflate(&z, Z_NO_FLUSH);
	}
	CU_ASSERT_EQUAL(r, Z_OK);
	deflateEnd(&z);
	CU_ASSERT_EQUAL(run_sandboxed(sizeof(packed) - z.avail_out, 1),
			UNPACK_TOO_SLOW);
}

static bool can_have(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		munmap(p, n);
	return p != MAP_FAILED;
}

static void a_child_has_so_much_memory(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(!sandbox_limit_memory() ||
		      !can_have(SANDBOX_MEMORY * 3 / 4) ||
		      can_have(SANDBOX_MEMORY * 5 / 4));
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
}

static void nothing_grows_beyond_its_bound(void)
{
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		pack(all[i]);
		CU_ASSERT_EQUAL(run(all[i], packed_n, N - 1),
				UNPACK_TOO_LARGE);
	}
}

static void cut_and_changed_input_is_noticed(void)
{
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		pack(all[i]);
		CU_ASSERT_NOT_EQUAL(run(all[i], packed_n / 2, N), UNPACK_FINE);
		CU_ASSERT_NOT_EQUAL(run(all[i], 0, N), UNPACK_FINE);
		memset(packed + 100, 0x5a, 64);
		CU_ASSERT_NOT_EQUAL(run(all[i], packed_n, N), UNPACK_FINE);
	}
	CU_ASSERT_EQUAL(run(PACKING_BZIP2, 10, N), UNPACK_UNSUPPORTED);
}

static void every_verdict_has_a_sentence(void)
{
	int v;

	CU_ASSERT_PTR_NULL(unpack_sentence(UNPACK_FINE));
	for (v = UNPACK_DAMAGED; v <= UNPACK_KILLED; v++)
		CU_ASSERT_PTR_NOT_NULL(unpack_sentence(v));
	CU_ASSERT_PTR_NOT_NULL(unpack_sentence(12345));
}

static bool hash_is(const char *text, size_t n, size_t step, const char *hex)
{
	uint8_t sum[HASH_BYTES];
	char got[2 * HASH_BYTES + 1];
	struct hash h;
	size_t i;

	hash_init(&h);
	for (i = 0; i < n; i += step)
		hash_add(&h, text + i, n - i < step ? n - i : step);
	hash_end(&h, sum);
	for (i = 0; i < sizeof(sum); i++)
		snprintf(got + 2 * i, 3, "%02x", sum[i]);
	return !strcmp(got, hex);
}

/* The expected values are b2sum -l 256's. */
static void hashes_are_blake2b(void)
{
	static char a[1000];

	memset(a, 'a', sizeof(a));
	CU_ASSERT_TRUE(hash_is("", 0, 1, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"));
	CU_ASSERT_TRUE(hash_is("abc", 3, 3, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"));
	CU_ASSERT_TRUE(hash_is(a, 128, 128, "ae2aa48507885c4c950fb809b2076f959cde9f8ea6da260d9a3587df33dac450"));
	CU_ASSERT_TRUE(hash_is(a, 129, 1, "2f64744a6de0d2c0b56e64cf6e29a5aaa255010d415d51c75ccc82f73dccd865"));
	CU_ASSERT_TRUE(hash_is(a, 1000, 1000, "e00b0ddbf1e2cdaf5c898e1a5e8826ea3a2c339bcf2a478da2e5fca9ff126672"));
	CU_ASSERT_TRUE(hash_is(a, 1000, 7, "e00b0ddbf1e2cdaf5c898e1a5e8826ea3a2c339bcf2a478da2e5fca9ff126672"));
}

CU_ErrorCode test_unpack_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(what_was_packed_comes_out_again),
		T(a_child_unpacks),
		T(a_child_has_so_much_time),
		T(a_child_has_so_much_memory),
		T(nothing_grows_beyond_its_bound),
		T(cut_and_changed_input_is_noticed),
		T(every_verdict_has_a_sentence),
		T(hashes_are_blake2b),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "unpack", suite_init, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
