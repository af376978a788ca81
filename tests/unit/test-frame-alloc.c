/* SPDX-License-Identifier: MIT */
/* The allocators: frames in buddies, and small objects. */
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/frame-alloc.h>

#include "machine.h"

CU_ErrorCode test_frame_alloc_register(void);

static void blocks_are_aligned_and_come_back(void)
{
	const u64 before = (machine_boot(), frame_free_count());
	mfn_t m[FRAME_ORDER_MAX];
	unsigned o;

	for (o = 0; o < 11; o++) {
		m[o] = frame_alloc(o, 0, 0);
		CU_ASSERT_FATAL(m[o] != MFN_NONE);
		CU_ASSERT_EQUAL(m[o] & ((1ULL << o) - 1), 0);
	}
	CU_ASSERT_EQUAL(frame_free_count(), before - 2047);
	for (o = 0; o < 11; o++)
		frame_free(m[o], o);
	CU_ASSERT_EQUAL(frame_free_count(), before);
}

static void what_was_freed_in_pieces_joins_again(void)
{
	static mfn_t m[MACHINE_FRAMES];
	unsigned n = 0;

	machine_boot();
	while ((m[n] = frame_alloc(0, 0, 0)) != MFN_NONE)
		n++;
	CU_ASSERT_EQUAL(frame_free_count(), 0);
	while (n--)
		frame_free(m[n], 0);
	m[0] = frame_alloc(11, 0, 0);
	CU_ASSERT(m[0] != MFN_NONE);
	frame_free(m[0], 11);
}

/* A guest chooses the limit, and can make the lists long. */
static void a_search_below_a_limit_ends(void)
{
	bool taken[MACHINE_FRAMES] = { false };
	mfn_t m, low = 0;

	machine_boot();
	while ((m = frame_alloc(0, 0, 0)) != MFN_NONE)
		taken[m] = true;
	/* Every second one, so that none join; the lowest is the last in the list. */
	for (m = 0; m < MACHINE_FRAMES; m += 2)
		if (taken[m]) {
			low = low ? low : m;
			frame_free(m, 0);
		}
	CU_ASSERT(frame_free_count() > 2000);
	CU_ASSERT_EQUAL(frame_alloc(0, low < 1024 ? 22 : 24, 0), MFN_NONE);
	/* Who has no limit, or one that the first ones meet, gets what he wants. */
	m = frame_alloc(0, 32, 0);
	CU_ASSERT(m != MFN_NONE);
	frame_free(m, 0);
	for (m = 1; m < MACHINE_FRAMES; m += 2)
		if (taken[m])
			frame_free(m, 0);
}

static void clean_and_dirty_join_when_it_is_needed(void)
{
	mfn_t a[64], big;
	unsigned i;

	machine_boot();
	while (frame_scrub_some())
		;
	/* Dirty every second frame of some. */
	for (i = 0; i < 64; i++)
		a[i] = frame_alloc(0, 0, 0);
	for (i = 0; i < 64; i++)
		frame_free(a[i], 0);
	big = frame_alloc(12, 0, FRAME_ZERO);
	CU_ASSERT(big != MFN_NONE);
	frame_free(big, 12);
}

static bool is_zero(mfn_t m)
{
	const u8 *p = frame_to_virt(m);
	unsigned i;

	for (i = 0; i < PAGE_SIZE; i++)
		if (p[i])
			return false;
	return true;
}

/* Two creations at once are told the same, whoever scrubs meanwhile. */
static void what_is_being_scrubbed_is_free(void)
{
	mfn_t m;
	u64 free;

	machine_boot();
	m = frame_alloc(3, 0, 0);
	memset(frame_to_virt(m), 1, PAGE_SIZE << 3);
	frame_free(m, 3);
	free = frame_free_count();
	machine_log.free_at_clear = 0;
	while (frame_scrub_some())
		;
	CU_ASSERT_EQUAL(machine_log.free_at_clear, free);
	CU_ASSERT_EQUAL(frame_free_count(), free);
}

static void zero_means_zero(void)
{
	mfn_t m[256];
	unsigned i, round;

	machine_boot();
	for (round = 0; round < 4; round++) {
		for (i = 0; i < 256; i++) {
			m[i] = frame_alloc(0, 0, FRAME_ZERO);
			CU_ASSERT(is_zero(m[i]));
			memset(frame_to_virt(m[i]), 0xa5, PAGE_SIZE);
		}
		for (i = 0; i < 256; i++)
			frame_free(m[i], 0);
		if (round & 1)
			while (frame_scrub_some())
				;
	}
}

static void an_address_limit_is_kept(void)
{
	mfn_t m;

	machine_boot();
	CU_ASSERT_EQUAL(frame_alloc(0, 12, 0), MFN_NONE);
	CU_ASSERT_EQUAL(frame_alloc(6, 18, 0), MFN_NONE);
	m = frame_alloc(6, 20, 0);
	CU_ASSERT(m != MFN_NONE && m + 64 <= 256);
	frame_free(m, 6);
	CU_ASSERT_EQUAL(frame_alloc(FRAME_ORDER_MAX + 1, 0, 0), MFN_NONE);
}

static void a_claim_keeps_others_away(void)
{
	struct domain *d, *e;
	mfn_t m;
	u64 n;

	machine_boot();
	d = machine_domain(false);
	e = machine_domain(false);
	n = frame_free_count();
	CU_ASSERT_EQUAL(frame_claim(d, n + 1), -XEN_ENOMEM);
	CU_ASSERT_EQUAL(frame_claim(d, n), 0);
	CU_ASSERT_EQUAL(frame_claim(e, 1), -XEN_ENOMEM);
	CU_ASSERT_EQUAL(memory_alloc(e, 0, 0), MFN_NONE);
	m = memory_alloc(d, 9, 0);
	CU_ASSERT(m != MFN_NONE);
	CU_ASSERT_EQUAL(d->mem.claim, n - 512);
	CU_ASSERT_EQUAL(frame_claimed_count(), n - 512);
	CU_ASSERT_EQUAL(frame_claim(d, 0), 0);
	CU_ASSERT(memory_alloc(e, 0, 0) != MFN_NONE);
}

static void objects_are_zero_and_apart(void)
{
	static u8 *p[600];
	const u64 before = (machine_boot(), frame_free_count());
	size_t size, at;
	unsigned i;

	for (i = 0; i < 600; i++) {
		size = 1 + i * 13;
		p[i] = heap_alloc(size);
		CU_ASSERT_FATAL(p[i] != NULL);
		if (size >= 64)
			CU_ASSERT_EQUAL((uintptr_t)p[i] % 64, 0);
		for (at = 0; at < size; at++)
			CU_ASSERT_FATAL(p[i][at] == 0);
		memset(p[i], i, size);
	}
	for (i = 0; i < 600; i++)
		for (at = 0; at < 1 + i * 13; at++)
			CU_ASSERT_FATAL(p[i][at] == (u8)i);
	for (i = 0; i < 600; i++)
		heap_free(p[i]);
	heap_free(NULL);
	CU_ASSERT_EQUAL(frame_free_count(), before);
}

CU_ErrorCode test_frame_alloc_register(void)
{
	CU_TestInfo tests[] = {
		{ "blocks are aligned and come back",
		  blocks_are_aligned_and_come_back },
		{ "what was freed in pieces joins again",
		  what_was_freed_in_pieces_joins_again },
		{ "a search below a limit ends", a_search_below_a_limit_ends },
		{ "clean and dirty join when it is needed",
		  clean_and_dirty_join_when_it_is_needed },
		{ "what is being scrubbed is free",
		  what_is_being_scrubbed_is_free },
		{ "zero means zero", zero_means_zero },
		{ "an address limit is kept", an_address_limit_is_kept },
		{ "a claim keeps others away", a_claim_keeps_others_away },
		{ "objects are zero and apart", objects_are_zero_and_apart },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "frame-alloc", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
