/* SPDX-License-Identifier: MIT */
/* Requests of the control domain, and a suspend with a disk at work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <pv/suspend.h>

#include "fake-blk.h"

CU_ErrorCode test_front_suspend_register(void);

static struct pv_suspend s;
static struct pv_blk disk;
static enum pv_request last;
static unsigned int requests;

static void requested(struct pv_suspend *sp, enum pv_request what)
{
	(void)sp;
	last = what;
	requests++;
}

static void start(void)
{
	fake_start();
	fake_blk_init();
	memset(&s, 0, sizeof(s));
	memset(&disk, 0, sizeof(disk));
	requests = 0;
	s.requested = requested;
	CU_ASSERT_EQUAL_FATAL(pv_suspend_open(&fake.pv, &s), 0);
	fake_settle();
}

static void ask(const char *word)
{
	fake_store_set("control", "shutdown", word);
	fake_settle();
}

static void requests_are_told_and_answered(void)
{
	start();
	CU_ASSERT_STRING_EQUAL(fake_store("control", "feature-suspend"), "1");
	CU_ASSERT_EQUAL(requests, 0);
	ask("poweroff");
	CU_ASSERT_EQUAL(last, PV_POWEROFF);
	CU_ASSERT_STRING_EQUAL(fake_store("control", "shutdown"), "");
	ask("reboot");
	CU_ASSERT_EQUAL(last, PV_REBOOT);
	ask("halt");
	CU_ASSERT_EQUAL(last, PV_POWEROFF);
	ask("suspend");
	CU_ASSERT_EQUAL(last, PV_SUSPEND);
	CU_ASSERT_EQUAL(requests, 4);
	ask("no-such-word");
	CU_ASSERT_EQUAL(requests, 4);
	CU_ASSERT_STRING_EQUAL(fake_store("control", "shutdown"), "");
	fake_end();
}

static void the_p2m_list_is_shown(void)
{
	uint64_t *top, *list;

	start();
	CU_ASSERT_EQUAL(fake.pv.shared->arch.max_pfn, FAKE_PAGES);
	top = pv_os_at(&fake.pv, fake.pv.shared->arch.pfn_to_mfn_frame_list_list);
	CU_ASSERT_PTR_NOT_NULL_FATAL(top);
	list = pv_os_at(&fake.pv, top[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	CU_ASSERT_EQUAL(list[1], pv_os_mfn(&fake.pv,
			(char *)fake.pv.start->mfn_list + PV_PAGE_SIZE));
	CU_ASSERT_EQUAL(list[2], 0);
	fake_end();
}

static void a_disk_at_work_goes_on_after_it(void)
{
	struct pv_blk_req r[5];
	unsigned int i;

	start();
	pv_blk_open(&fake.pv, &disk, 51712);
	CU_ASSERT_EQUAL_FATAL(pv_device_wait_up(&disk.dev, UINT64_MAX), 0);
	fake_blk.stalled = true;
	for (i = 0; i < 5; i++) {
		memset(&r[i], 0, sizeof(r[i]));
		r[i].op = PV_BLK_WRITE;
		r[i].sector = 8 * i;
		r[i].nr_sectors = 8;
		r[i].data = pv_os_pages(&fake.pv, 1);
		memset(r[i].data, 'a' + i, PV_PAGE_SIZE);
		pv_blk_submit(&disk, &r[i]);
	}
	fake_settle();
	CU_ASSERT_EQUAL(fake_blk.seen, 5);

	CU_ASSERT_EQUAL_FATAL(pv_suspend(&fake.pv, &s), 1);
	CU_ASSERT_EQUAL(disk.dev.phase, PV_UP);
	fake_blk_init();
	fake_store_set(FAKE_DISK_BACK, "online", "1");
	fake_store_set(FAKE_DISK, "state", "1");
	pv_device_resume(&disk.dev);
	for (i = 0; i < 5; i++) {
		while (r[i].waiting)
			pv_os_wait(&fake.pv, UINT64_MAX);
		CU_ASSERT_EQUAL(r[i].rc, 0);
		CU_ASSERT_EQUAL(fake_blk.data[8 * 512 * i + 5], 'a' + i);
	}
	CU_ASSERT_EQUAL(disk.dev.phase, PV_UP);
	CU_ASSERT_EQUAL(pv_device_wait_closed(&disk.dev, UINT64_MAX), 0);
	CU_ASSERT_EQUAL(fake.pv.gnttab.nr_used, 0);
	/* And the next request comes through. */
	ask("poweroff");
	CU_ASSERT_EQUAL(last, PV_POWEROFF);
	fake_end();
}

static void one_that_is_called_off_changes_nothing(void)
{
	static uint8_t *page;

	start();
	pv_blk_open(&fake.pv, &disk, 51712);
	CU_ASSERT_EQUAL_FATAL(pv_device_wait_up(&disk.dev, UINT64_MAX), 0);
	fake.call_off = true;
	CU_ASSERT_EQUAL(pv_suspend(&fake.pv, &s), 0);
	page = pv_os_pages(&fake.pv, 1);
	CU_ASSERT_EQUAL(pv_blk_read(&disk, 0, page, 512), 0);
	ask("reboot");
	CU_ASSERT_EQUAL(last, PV_REBOOT);
	fake_end();
}

CU_ErrorCode test_front_suspend_register(void)
{
	CU_pSuite suite = CU_add_suite("front-suspend", NULL, NULL);

#define T(name) CU_add_test(suite, #name, name)
	T(requests_are_told_and_answered);
	T(the_p2m_list_is_shown);
	T(a_disk_at_work_goes_on_after_it);
	T(one_that_is_called_off_changes_nothing);
#undef T
	return CU_get_error();
}
