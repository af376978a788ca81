/* SPDX-License-Identifier: MIT */
/* The two kinds of memory that netback copies to and from. */
#include <stdint.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <xen/grant_table.h>

#include "netback/pages.h"

CU_ErrorCode test_net_pages_register(void);

static uint8_t memory[4 * NET_PAGE] __attribute__((aligned(4096)));
static struct pages pages = { .at = memory, .gref = { 40, 41, 42, 43 } };
static struct ioctl_gntdev_grant_copy_segment s;

static void granted_pages_go_by_their_grants(void)
{
	const struct net_frag f = { .gref = 7, .offset = 100, .len = 60 };

	pages.granted = true;
	pages_fetch(&pages, &s, 5, &f, memory + 2 * NET_PAGE + 12);
	CU_ASSERT_EQUAL(s.flags, GNTCOPY_source_gref | GNTCOPY_dest_gref);
	CU_ASSERT_EQUAL(s.source.foreign.ref, 7);
	CU_ASSERT_EQUAL(s.source.foreign.offset, 100);
	CU_ASSERT_EQUAL(s.source.foreign.domid, 5);
	CU_ASSERT_EQUAL(s.dest.foreign.ref, 42);
	CU_ASSERT_EQUAL(s.dest.foreign.domid, 0);
	CU_ASSERT_EQUAL(s.dest.foreign.offset, 12);
	CU_ASSERT_EQUAL(s.len, 60);
	CU_ASSERT_EQUAL(pages_theirs(&s, true), 7);

	pages_put(&pages, &s, 5, 9, memory + 3 * NET_PAGE, 4096);
	CU_ASSERT_EQUAL(s.source.foreign.ref, 43);
	CU_ASSERT_EQUAL(s.source.foreign.domid, 0);
	CU_ASSERT_EQUAL(s.dest.foreign.ref, 9);
	CU_ASSERT_EQUAL(s.dest.foreign.offset, 0);
	CU_ASSERT_EQUAL(s.dest.foreign.domid, 5);
	CU_ASSERT_EQUAL(pages_theirs(&s, false), 9);
}

static void plain_memory_goes_by_its_address(void)
{
	const struct net_frag f = { .gref = 7, .offset = 100, .len = 60 };

	pages.granted = false;
	pages_fetch(&pages, &s, 5, &f, memory + 12);
	CU_ASSERT_EQUAL(s.flags, GNTCOPY_source_gref);
	CU_ASSERT_PTR_EQUAL(s.dest.virt, memory + 12);
	pages_put(&pages, &s, 5, 9, memory, 60);
	CU_ASSERT_EQUAL(s.flags, GNTCOPY_dest_gref);
	CU_ASSERT_PTR_EQUAL(s.source.virt, memory);
	CU_ASSERT_EQUAL(s.dest.foreign.ref, 9);
}

CU_ErrorCode test_net_pages_register(void)
{
	static CU_TestInfo tests[] = {
		{ "granted_pages_go_by_their_grants",
		  granted_pages_go_by_their_grants },
		{ "plain_memory_goes_by_its_address",
		  plain_memory_goes_by_its_address },
		CU_TEST_INFO_NULL,
	};
	static CU_SuiteInfo suites[] = {
		{ "net_pages", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
