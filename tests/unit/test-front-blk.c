/* SPDX-License-Identifier: MIT */
/* The disk front-end against a back-end of every character. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "fake-blk.h"

CU_ErrorCode test_front_blk_register(void);

static struct pv_blk disk;
static unsigned int ended;

static void count(struct pv_blk_req *r)
{
	(void)r;
	ended++;
}

static void boot(void)
{
	fake_start();
	fake_blk_init();
	memset(&disk, 0, sizeof(disk));
	ended = 0;
}

static void boot_with_disk(void)
{
	boot();
	pv_blk_open(&fake.pv, &disk, pv_blk_number("xvda"));
	CU_ASSERT_EQUAL_FATAL(pv_device_wait_up(&disk.dev, UINT64_MAX), 0);
}

/* Nothing of the disk is left: pages, grants, ports. */
static void nothing_left(void)
{
	CU_ASSERT_EQUAL(fake.pages, fake_pages_at_rest());
	CU_ASSERT_EQUAL(fake.pv.gnttab.nr_used, 0);
	CU_ASSERT_EQUAL(fake.ports, 0);
	fake_end();
}

static void close_disk(void)
{
	CU_ASSERT_EQUAL(pv_device_wait_closed(&disk.dev, UINT64_MAX), 0);
	nothing_left();
}

static struct pv_blk_req *submit(int op, uint64_t sector, unsigned int nr)
{
	struct pv_blk_req *r = calloc(1, sizeof(*r));

	r->op = op;
	r->sector = sector;
	r->nr_sectors = nr;
	r->data = pv_os_pages(&fake.pv, (nr + 7) / 8);
	r->done = count;
	pv_blk_submit(&disk, r);
	return r;
}

static void drop(struct pv_blk_req *r)
{
	pv_os_free_pages(&fake.pv, r->data, (r->nr_sectors + 7) / 8);
	free(r);
}

static void comes_up_and_closes(void)
{
	boot_with_disk();
	CU_ASSERT_EQUAL(disk.sectors, FAKE_SECTORS);
	CU_ASSERT_TRUE(disk.can_flush);
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_DISK, "state"), "4");
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_DISK, "protocol"), "x86_64-abi");
	close_disk();
}

static void names_have_the_numbers_of_the_toolstack(void)
{
	CU_ASSERT_EQUAL(pv_blk_number("xvda"), 51712);
	CU_ASSERT_EQUAL(pv_blk_number("xvdb"), 51728);
	CU_ASSERT_EQUAL(pv_blk_number("xvda3"), 51715);
	CU_ASSERT_EQUAL(pv_blk_number("xvdq"), 268439552);
	CU_ASSERT_EQUAL(pv_blk_number("sda"), 0);
	CU_ASSERT_EQUAL(pv_blk_number("xvda16"), 0);
	CU_ASSERT_EQUAL(pv_blk_number("xvd"), 0);
}

static void what_is_written_is_read(void)
{
	uint8_t *a, *b;
	size_t n = 20 * PV_PAGE_SIZE, i;

	boot_with_disk();
	a = pv_os_pages(&fake.pv, 20);
	b = pv_os_pages(&fake.pv, 20);
	for (i = 0; i < n; i++)
		a[i] = (uint8_t)(i * 7 + i / 512);
	CU_ASSERT_EQUAL(pv_blk_write(&disk, 100, a, n), 0);
	CU_ASSERT_EQUAL(pv_blk_flush(&disk), 0);
	CU_ASSERT_EQUAL(memcmp(fake_blk.data + 100 * 512, a, n), 0);
	CU_ASSERT_EQUAL(pv_blk_read(&disk, 101, b + 512, n - 1024), 0);
	CU_ASSERT_EQUAL(memcmp(a + 512, b + 512, n - 1024), 0);
	pv_os_free_pages(&fake.pv, a, 20);
	pv_os_free_pages(&fake.pv, b, 20);
	close_disk();
}

static void long_requests_go_indirect(void)
{
	struct pv_blk_req *r;

	boot();
	fake_store_set_number(FAKE_DISK_BACK, "feature-max-indirect-segments", 64);
	pv_blk_open(&fake.pv, &disk, 51712);
	CU_ASSERT_EQUAL_FATAL(pv_device_wait_up(&disk.dev, UINT64_MAX), 0);
	CU_ASSERT_EQUAL(disk.max_sectors, 256);
	r = submit(PV_BLK_WRITE, 0, 256);
	fake_settle();
	CU_ASSERT_EQUAL(r->rc, 0);
	CU_ASSERT_EQUAL(fake_blk.seen, 1);
	CU_ASSERT_EQUAL(fake_blk.indirect, 1);
	drop(r);
	close_disk();
}

static void more_than_the_ring_holds_wait_in_line(void)
{
	struct pv_blk_req *r[100];
	unsigned int i;

	boot_with_disk();
	for (i = 0; i < 100; i++)
		r[i] = submit(PV_BLK_READ, i, 1);
	CU_ASSERT_EQUAL(disk.requests, 32);
	fake_settle();
	CU_ASSERT_EQUAL(ended, 100);
	for (i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(r[i]->rc, 0);
		drop(r[i]);
	}
	close_disk();
}

/* A ring of four pages, when the back-end has them: 128 at once. */
static void a_large_ring_takes_more_at_once(void)
{
	static const struct {
		unsigned int ours, theirs, slots;
	} way[] = {
		{ 4, 4, 128 }, { 4, 1, 64 }, { 2, 4, 64 }, { 3, 4, 64 },
		{ 9, 4, 128 }, { 1, 4, 32 }, { 0, 4, 32 }, { 4, 0, 32 },
	};
	struct pv_blk_req *r[130];
	unsigned int w, i;

	for (w = 0; w < sizeof(way) / sizeof(way[0]); w++) {
		boot();
		disk.ring_pages = way[w].ours;
		fake_store_set_number(FAKE_DISK_BACK, "max-ring-page-order",
				      way[w].theirs);
		pv_blk_open(&fake.pv, &disk, 51712);
		CU_ASSERT_EQUAL_FATAL(pv_device_wait_up(&disk.dev, UINT64_MAX), 0);
		for (i = 0; i < 130; i++)
			r[i] = submit(PV_BLK_WRITE, i, 1);
		CU_ASSERT_EQUAL(disk.requests, way[w].slots);
		fake_settle();
		CU_ASSERT_EQUAL(ended, 130);
		for (i = 0; i < 130; i++) {
			CU_ASSERT_EQUAL(r[i]->rc, 0);
			drop(r[i]);
		}
		close_disk();
	}
}

/* Long requests wait for a list of segments, also where slots are free. */
static void lists_of_segments_are_shared(void)
{
	struct pv_blk_req *r[PV_BLK_LISTS + 8];
	unsigned int i;

	boot();
	disk.ring_pages = 4;
	fake_store_set_number(FAKE_DISK_BACK, "max-ring-page-order", 4);
	fake_store_set_number(FAKE_DISK_BACK, "feature-max-indirect-segments", 64);
	pv_blk_open(&fake.pv, &disk, 51712);
	CU_ASSERT_EQUAL_FATAL(pv_device_wait_up(&disk.dev, UINT64_MAX), 0);
	for (i = 0; i < PV_BLK_LISTS + 8; i++)
		r[i] = submit(PV_BLK_WRITE, 0, 12 * 8);
	CU_ASSERT_EQUAL(disk.requests, PV_BLK_LISTS);
	fake_settle();
	CU_ASSERT_EQUAL(fake_blk.indirect, PV_BLK_LISTS + 8);
	for (i = 0; i < PV_BLK_LISTS + 8; i++) {
		CU_ASSERT_EQUAL(r[i]->rc, 0);
		drop(r[i]);
	}
	close_disk();
}

/* A buffer is granted once, for all requests and all back-ends. */
static void a_buffer_stays_granted(void)
{
	struct pv_blk_req r = { .op = PV_BLK_WRITE, .nr_sectors = 8, .done = count };
	unsigned int used, i;
	char outside[1024];

	boot();
	disk.buffer_pages = 16;
	pv_blk_open(&fake.pv, &disk, 51712);
	CU_ASSERT_EQUAL_FATAL(pv_device_wait_up(&disk.dev, UINT64_MAX), 0);
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_DISK, "feature-persistent"), "1");
	used = fake.pv.gnttab.nr_used;
	CU_ASSERT_PTR_NOT_NULL_FATAL(disk.buffer);
	for (i = 0; i < 3; i++) {
		memset(disk.buffer, 'a' + i, 16 * 4096);
		CU_ASSERT_EQUAL(pv_blk_write(&disk, 8, disk.buffer, 16 * 4096), 0);
		memset(disk.buffer, 0, 16 * 4096);
		CU_ASSERT_EQUAL(pv_blk_read(&disk, 8, (char *)disk.buffer + 512, 15 * 4096), 0);
		CU_ASSERT_EQUAL(((char *)disk.buffer)[512 + 9999], 'a' + (int)i);
		CU_ASSERT_EQUAL(fake.pv.gnttab.nr_used, used);
		fake_blk_state(XenbusStateClosing);
		fake_settle();
		CU_ASSERT_EQUAL(disk.dev.phase, PV_UP);
		CU_ASSERT_EQUAL(fake.pv.gnttab.nr_used, used);
	}
	/* What does not lie in it is refused. */
	CU_ASSERT_EQUAL(pv_blk_read(&disk, 0, (char *)(((uintptr_t)outside + 511) & ~511ul), 512), -XEN_EINVAL);
	r.data = (char *)disk.buffer + 16 * 4096 - 512;
	pv_blk_submit(&disk, &r);
	CU_ASSERT_EQUAL(r.rc, -XEN_EINVAL);
	r.data = (char *)disk.buffer - 4096;
	pv_blk_submit(&disk, &r);
	CU_ASSERT_EQUAL(r.rc, -XEN_EINVAL);
	close_disk();
}

/* A buffer that they hold on to is never used, or freed, again. */
static void a_buffer_they_keep_is_lost(void)
{
	uint32_t ref;

	boot();
	disk.buffer_pages = 2;
	pv_blk_open(&fake.pv, &disk, 51712);
	CU_ASSERT_EQUAL_FATAL(pv_device_wait_up(&disk.dev, UINT64_MAX), 0);
	ref = disk.buffer_ref[1];
	fake_hold(ref, true);
	CU_ASSERT_EQUAL(pv_device_wait_closed(&disk.dev, UINT64_MAX), 0);
	CU_ASSERT_EQUAL(fake.pages, fake_pages_at_rest() + 2);
	CU_ASSERT_EQUAL(fake.pv.gnttab.nr_used, 1);
	fake_hold(ref, false);
	fake_end();
}

static void requests_before_the_disk_is_there_wait(void)
{
	struct pv_blk_req *r;

	boot();
	pv_blk_open(&fake.pv, &disk, 51712);
	r = submit(PV_BLK_READ, 0, 1);
	CU_ASSERT_EQUAL(ended, 0);
	fake_settle();
	CU_ASSERT_EQUAL(ended, 1);
	CU_ASSERT_EQUAL(r->rc, 0);
	drop(r);
	close_disk();
}

static void what_the_disk_cannot_do_is_refused(void)
{
	uint8_t *page;

	boot_with_disk();
	page = pv_os_pages(&fake.pv, 1);
	CU_ASSERT_EQUAL(pv_blk_read(&disk, FAKE_SECTORS, page, 512), -XEN_EINVAL);
	CU_ASSERT_EQUAL(pv_blk_read(&disk, FAKE_SECTORS - 1, page, 1024), -XEN_EINVAL);
	CU_ASSERT_EQUAL(pv_blk_read(&disk, UINT64_MAX, page, 1024), -XEN_EINVAL);
	CU_ASSERT_EQUAL(pv_blk_read(&disk, 0, page + 7, 512), -XEN_EINVAL);
	CU_ASSERT_EQUAL(pv_blk_read(&disk, 0, page, 100), -XEN_EINVAL);
	fake_store_set_number(FAKE_DISK_BACK, "info", VDISK_READONLY);
	fake_blk_state(XenbusStateConnected);
	fake_settle();
	CU_ASSERT_EQUAL(pv_blk_write(&disk, 0, page, 512), -XEN_EROFS);
	CU_ASSERT_EQUAL(fake_blk.seen, 0);
	pv_os_free_pages(&fake.pv, page, 1);
	close_disk();
}

static void a_grown_disk_is_noticed(void)
{
	boot_with_disk();
	fake_store_set_number(FAKE_DISK_BACK, "sectors", 400);
	fake_blk_state(XenbusStateConnected);
	fake_settle();
	CU_ASSERT_EQUAL(disk.sectors, 400);
	CU_ASSERT_EQUAL(disk.dev.phase, PV_UP);
	close_disk();
}

/* ---- Coming and going ---- */

static void a_restarted_backend_gets_the_requests_again(void)
{
	struct pv_blk_req *r[3];
	unsigned int i;

	boot_with_disk();
	fake_blk.stalled = true;
	for (i = 0; i < 3; i++)
		r[i] = submit(PV_BLK_READ, i, 8);
	fake_settle();
	CU_ASSERT_EQUAL(fake_blk.seen, 3);
	fake_blk.stalled = false;
	fake_blk_state(XenbusStateClosing);
	fake_settle();
	CU_ASSERT_EQUAL(disk.dev.phase, PV_UP);
	CU_ASSERT_EQUAL(fake_blk.seen, 6);
	CU_ASSERT_EQUAL(ended, 3);
	for (i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(r[i]->rc, 0);
		drop(r[i]);
	}
	close_disk();
}

static void a_detach_ends_all_requests(void)
{
	struct pv_blk_req *r[50];
	unsigned int i;

	boot_with_disk();
	fake_blk.stalled = true;
	for (i = 0; i < 50; i++)
		r[i] = submit(PV_BLK_READ, i, 8);
	fake_settle();
	fake_store_set_number(FAKE_DISK_BACK, "online", 0);
	fake_blk_state(XenbusStateClosing);
	fake_settle();
	CU_ASSERT_EQUAL(ended, 50);
	CU_ASSERT_EQUAL(disk.dev.phase, PV_CLOSED);
	for (i = 0; i < 50; i++) {
		CU_ASSERT_EQUAL(r[i]->rc, -XEN_ENODEV);
		drop(r[i]);
	}
	CU_ASSERT_EQUAL(pv_blk_read(&disk, 0, fake.pv.shared, 512), -XEN_ENODEV);
	nothing_left();
}

static void a_backend_that_vanishes_ends_all_requests(void)
{
	struct pv_blk_req *r;

	boot_with_disk();
	fake_blk.stalled = true;
	r = submit(PV_BLK_READ, 0, 8);
	fake_settle();
	fake_hold(fake_blk.held[0], false);
	fake_blk.dead = true;
	fake_store_remove(FAKE_DISK_BACK);
	fake_settle();
	CU_ASSERT_EQUAL(r->rc, -XEN_ENODEV);
	CU_ASSERT_EQUAL(disk.dev.phase, PV_CLOSED);
	drop(r);
	nothing_left();
}

static void no_disk_is_said(void)
{
	boot();
	pv_blk_open(&fake.pv, &disk, 51728);
	CU_ASSERT_EQUAL(pv_device_wait_up(&disk.dev, UINT64_MAX), -XEN_ENODEV);
	CU_ASSERT_STRING_EQUAL(disk.dev.trouble, "there is no such device");
	nothing_left();
}

static void short_memory_is_no_disk(void)
{
	boot();
	fake.pages_short = fake.pages;
	pv_blk_open(&fake.pv, &disk, 51712);
	CU_ASSERT_EQUAL(pv_device_wait_up(&disk.dev, UINT64_MAX), -XEN_ENODEV);
	fake_settle();
	CU_ASSERT_EQUAL(disk.dev.phase, PV_BROKEN);
	nothing_left();
}

/* ---- Malice ---- */

static bool wrong_id(struct blkif_response *a)
{
	a->id = 31;
	return true;
}

static bool huge_id(struct blkif_response *a)
{
	a->id = UINT64_MAX;
	return true;
}

static bool wrong_operation(struct blkif_response *a)
{
	a->operation = BLKIF_OP_DISCARD;
	return true;
}

static void broken_by(bool (*spoil)(struct blkif_response *a))
{
	struct pv_blk_req *r;

	boot_with_disk();
	fake_blk.spoil = spoil;
	r = submit(PV_BLK_READ, 0, 8);
	fake_settle();
	CU_ASSERT_EQUAL(disk.dev.phase, PV_BROKEN);
	CU_ASSERT_EQUAL(ended, 1);
	CU_ASSERT_EQUAL(r->rc, -XEN_ENODEV);
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_DISK, "state"), "6");
	CU_ASSERT_PTR_NOT_NULL(strstr(fake.log, "device/vbd/51712"));
	drop(r);
	fake_end();
}

static void answers_that_were_not_asked_for_break_it(void)
{
	broken_by(wrong_id);
	broken_by(huge_id);
	broken_by(wrong_operation);
}

static void too_many_answers_break_it(void)
{
	boot_with_disk();
	fake_blk.ring.sring->rsp_prod += RING_SIZE(&fake_blk.ring) + 1;
	fake_kick(fake_blk.port);
	fake_settle();
	CU_ASSERT_EQUAL(disk.dev.phase, PV_BROKEN);
	fake_end();
}

static struct pv_blk_req *held_request;

static bool hold_data(struct blkif_response *a)
{
	(void)a;
	fake_hold(held_request->ref[0], true);
	return true;
}

static void a_page_they_keep_is_not_given_back(void)
{
	struct pv_blk_req r = { .op = PV_BLK_READ, .nr_sectors = 8 };

	boot_with_disk();
	r.data = pv_os_pages(&fake.pv, 1);
	held_request = &r;
	fake_blk.spoil = hold_data;
	pv_blk_submit(&disk, &r);
	fake_settle();
	CU_ASSERT_EQUAL(r.rc, -XEN_EBUSY);
	CU_ASSERT_EQUAL(disk.dev.phase, PV_BROKEN);
	fake_end();
}

static void impossible_sizes_break_it(void)
{
	static const char *const sizes[] = { "0", "511", "3000", "8192" };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		boot();
		fake_store_set(FAKE_DISK_BACK, "sector-size", sizes[i]);
		pv_blk_open(&fake.pv, &disk, 51712);
		fake_settle();
		CU_ASSERT_EQUAL(disk.dev.phase, PV_BROKEN);
		fake_end();
	}
	boot();
	fake_store_set(FAKE_DISK_BACK, "sectors", "18446744073709551615");
	pv_blk_open(&fake.pv, &disk, 51712);
	fake_settle();
	CU_ASSERT_EQUAL(disk.dev.phase, PV_BROKEN);
	fake_end();
}

CU_ErrorCode test_front_blk_register(void)
{
	CU_pSuite s = CU_add_suite("front-blk", NULL, NULL);

#define T(name) CU_add_test(s, #name, name)
	T(comes_up_and_closes);
	T(names_have_the_numbers_of_the_toolstack);
	T(what_is_written_is_read);
	T(long_requests_go_indirect);
	T(more_than_the_ring_holds_wait_in_line);
	T(a_buffer_stays_granted);
	T(a_buffer_they_keep_is_lost);
	T(a_large_ring_takes_more_at_once);
	T(lists_of_segments_are_shared);
	T(requests_before_the_disk_is_there_wait);
	T(what_the_disk_cannot_do_is_refused);
	T(a_grown_disk_is_noticed);
	T(a_restarted_backend_gets_the_requests_again);
	T(a_detach_ends_all_requests);
	T(a_backend_that_vanishes_ends_all_requests);
	T(no_disk_is_said);
	T(short_memory_is_no_disk);
	T(answers_that_were_not_asked_for_break_it);
	T(too_many_answers_break_it);
	T(a_page_they_keep_is_not_given_back);
	T(impossible_sizes_break_it);
#undef T
	return CU_get_error();
}
