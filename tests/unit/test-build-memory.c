/* SPDX-License-Identifier: MIT */
/*
 * libctrl/build-memory.c over a made-up machine: memory is claimed first, and
 * when there is not enough a person reads what is needed, what is free and who
 * holds the rest.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#define ctrl_fail		memory_fail
#define ctrl_host		memory_host
#define ctrl_domain_list	memory_domain_list
#define ctrl_guest_name		memory_guest_name
#define ctrl_memory_claim	memory_claim
#define memory_populate_extents	memory_extents
#define build_memory		made_memory
#define build_memory_forget	made_memory_forget
#define build_memory_check	made_memory_check

#include "libctrl/build-memory.c"

CU_ErrorCode test_build_memory_register(void);

static struct {
	uint64_t free_kib, claimed_kib;
	uint64_t blocks;		/* of 2 MiB that are whole */
	uint64_t given, claimed;	/* pages */
	int domains;
} w;
static char said[600];

int memory_fail(struct ctrl *c, int rc, const char *format, ...)
{
	va_list ap;

	(void)c;
	va_start(ap, format);
	vsnprintf(said, sizeof(said), format, ap);
	va_end(ap);
	return rc;
}

int memory_host(struct ctrl *c, struct ctrl_host *out)
{
	(void)c;
	out->free_kib = w.free_kib;
	out->claimed_kib = w.claimed_kib;
	return 0;
}

/* Domain-0 with 512 MiB, then guests with 10, 20, 30 ... MiB. */
int memory_domain_list(struct ctrl *c, uint16_t first,
		       struct ctrl_domain_info *out, unsigned int max)
{
	(void)c;
	(void)first;
	memset(out, 0, max * sizeof(*out));
	for (int i = 0; i < w.domains; i++) {
		out[i].domid = (uint16_t)i;
		out[i].memory_kib = i ? (uint64_t)i * 10240 : 512 * 1024;
	}
	return w.domains;
}

int memory_guest_name(struct ctrl *c, uint16_t domid, char *name, size_t n)
{
	(void)c;
	if (domid == 2)
		return -ENOENT;
	snprintf(name, n, domid ? "guest-%u" : "Domain-0", domid);
	return 0;
}

int memory_claim(struct ctrl *c, uint16_t domid, uint64_t nr)
{
	(void)c;
	(void)domid;
	if (nr * 4 + w.claimed_kib > w.free_kib)
		return -ENOMEM;
	w.claimed = nr;
	return 0;
}

long memory_extents(struct ctrl *c, uint16_t domid, unsigned int order,
		    uint64_t first, uint32_t nr, const uint64_t **mfn)
{
	static uint64_t frames[MEMORY_EXTENTS_MAX];
	uint32_t i;

	(void)c;
	(void)domid;
	CU_ASSERT_EQUAL(first, w.given);
	for (i = 0; i < nr; i++) {
		if (order && !w.blocks)
			break;
		w.blocks -= order != 0;
		frames[i] = 5000 + w.given;
		w.given += UINT64_C(1) << order;
	}
	*mfn = frames;
	return i;
}

static struct guest_config config;
static struct build b;

static void start(uint64_t mib)
{
	memset(&w, 0, sizeof(w));
	memset(&b, 0, sizeof(b));
	said[0] = '\0';
	config.current_kib = mib << 10;
	b.g = &config;
	b.domid = 9;
	w.free_kib = 64 << 10;
	w.domains = 1;
}

static void too_little_says_who_has_it(void)
{
	start(100);
	w.claimed_kib = 512;
	w.domains = 4;
	CU_ASSERT_EQUAL(build_memory_check(&b), -ENOMEM);
	CU_ASSERT_STRING_EQUAL(said, "not enough memory: it needs 100 MiB and 65024 KiB are free; Domain-0 holds 512 MiB, guest-3 30 MiB, domain 2 20 MiB, guest-1 10 MiB");
	/* The same words when somebody else was faster. */
	said[0] = '\0';
	CU_ASSERT_EQUAL(build_memory(&b), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "it needs 100 MiB"));
	CU_ASSERT_EQUAL(w.given, 0);
	build_memory_forget(&b);
}

static void of_many_the_largest_are_named(void)
{
	start(100);
	w.domains = 12;
	/* The guest in the making holds nothing of others. */
	CU_ASSERT_EQUAL(build_memory_check(&b), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "guest-11 110 MiB"));
	CU_ASSERT_PTR_NULL(strstr(said, "guest-9"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, ", 5 others 150 MiB"));
	w.domains = 8;
	CU_ASSERT_EQUAL(build_memory_check(&b), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "; Domain-0 holds 512 MiB, guest-7 70 MiB"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, ", 2 others 30 MiB"));
}

static void memory_comes_in_blocks_as_far_as_there_are(void)
{
	start(9);
	CU_ASSERT_EQUAL(build_memory_check(&b), 0);
	w.blocks = 2;
	CU_ASSERT_EQUAL_FATAL(build_memory(&b), 0);
	CU_ASSERT_EQUAL(w.claimed, 9 * 256);
	CU_ASSERT_EQUAL(w.given, 9 * 256);
	for (uint64_t i = 0; i < b.frames.nr; i++)
		CU_ASSERT_EQUAL(frames_mfn(&b.frames, i), 5000 + i);
	CU_ASSERT_PTR_NULL(b.frames.block[1].single);
	CU_ASSERT_PTR_NOT_NULL(b.frames.block[2].single);
	build_memory_forget(&b);
}

CU_ErrorCode test_build_memory_register(void)
{
#define T(f) { #f, f }
	static CU_TestInfo tests[] = {
		T(too_little_says_who_has_it),
		T(of_many_the_largest_are_named),
		T(memory_comes_in_blocks_as_far_as_there_are),
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "build-memory", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
