/* SPDX-License-Identifier: MIT */
/* Screen, keyboard and balloon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <pv/balloon.h>
#include <pv/fbfront.h>
#include <pv/kbdfront.h>

#include "fake.h"

CU_ErrorCode test_front_display_register(void);

static struct pv_fb fb;
static struct pv_kbd kbd;
static struct xenfb_page *shown;
static struct xenkbd_page *keys;
static unsigned int calls;

static void make(const char *front, const char *back)
{
	fake_device(front, back);
	fake_store_set_number(back, "state", XenbusStateInitWait);
}

static void go(const char *back, enum xenbus_state s)
{
	fake_store_set_number(back, "state", s);
	fake_settle();
}

static void start_fb(const char *wants)
{
	fake_start();
	memset(&fb, 0, sizeof(fb));
	fb.width = 100;
	fb.height = 50;
	make(FAKE_FB, FAKE_FB_BACK);
	fake_store_set(FAKE_FB_BACK, "request-update", wants);
	CU_ASSERT_EQUAL_FATAL(pv_fb_open(&fake.pv, &fb), 0);
	fake_settle();
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_FB, "state"), "3");
	shown = pv_os_at(&fake.pv, fake_store_number(FAKE_FB, "page-ref"));
	go(FAKE_FB_BACK, XenbusStateConnected);
	CU_ASSERT_EQUAL_FATAL(fb.dev.phase, PV_UP);
}

static void end_fb(void)
{
	fake_store_set(FAKE_FB_BACK, "online", "0");
	go(FAKE_FB_BACK, XenbusStateClosing);
	go(FAKE_FB_BACK, XenbusStateClosed);
	CU_ASSERT_EQUAL(fb.dev.phase, PV_CLOSED);
	pv_fb_free(&fb);
	CU_ASSERT_EQUAL(fake.pages, fake_pages_at_rest());
	CU_ASSERT_EQUAL(fake.ports, 0);
	fake_end();
}

static const struct xenfb_update *last_update(void)
{
	return &XENFB_OUT_RING_REF(shown, shown->out_prod - 1).update;
}

static void the_frames_of_the_pixels_are_named(void)
{
	uint64_t *list;

	start_fb("1");
	CU_ASSERT_EQUAL(shown->width, 100);
	CU_ASSERT_EQUAL(shown->line_length, 400);
	CU_ASSERT_EQUAL(shown->mem_length, 20000);
	CU_ASSERT_EQUAL(shown->depth, 32);
	list = pv_os_at(&fake.pv, shown->pd[0]);
	fb.pixels[4 * 1024 + 3] = 0x123456;
	CU_ASSERT_EQUAL(((uint32_t *)pv_os_at(&fake.pv, list[4]))[3], 0x123456);
	end_fb();
}

static void updates_are_cut_to_the_screen(void)
{
	start_fb("1");
	CU_ASSERT_EQUAL(shown->out_prod, 1);	/* the first: everything */
	CU_ASSERT_EQUAL(last_update()->width, 100);
	pv_fb_update(&fb, 90, 40, 1000, UINT32_MAX);
	CU_ASSERT_EQUAL(last_update()->width, 10);
	CU_ASSERT_EQUAL(last_update()->height, 10);
	pv_fb_update(&fb, 100, 0, 1, 1);
	pv_fb_update(&fb, 0, 50, 1, 1);
	pv_fb_update(&fb, 0, 0, 0, 1);
	CU_ASSERT_EQUAL(shown->out_prod, 2);
	CU_ASSERT_TRUE(fake_kicked(fb.port));
	end_fb();
}

static void a_full_ring_gathers(void)
{
	unsigned int i;

	start_fb("1");
	for (i = 0; i < 60; i++)
		pv_fb_update(&fb, i, 5, 2, 3);
	CU_ASSERT_EQUAL(shown->out_prod, XENFB_OUT_RING_LEN);
	shown->out_cons = shown->out_prod;
	fake_kick(fb.port);
	fake_settle();
	CU_ASSERT_EQUAL(shown->out_prod, XENFB_OUT_RING_LEN + 1);
	CU_ASSERT_EQUAL(last_update()->x, 50);
	CU_ASSERT_EQUAL(last_update()->width, 11);
	CU_ASSERT_EQUAL(last_update()->height, 3);
	/* Nonsense for an index is a full ring. */
	shown->out_cons += 1000;
	pv_fb_update(&fb, 0, 0, 1, 1);
	CU_ASSERT_EQUAL(shown->out_prod, XENFB_OUT_RING_LEN + 1);
	end_fb();
}

static void nobody_who_looks_himself_is_told(void)
{
	start_fb("0");
	pv_fb_update(&fb, 0, 0, 5, 5);
	CU_ASSERT_EQUAL(shown->out_prod, 0);
	end_fb();
}

static void impossible_screens_are_refused(void)
{
	fake_start();
	memset(&fb, 0, sizeof(fb));
	fb.width = 16385;
	fb.height = 1;
	CU_ASSERT_EQUAL(pv_fb_open(&fake.pv, &fb), -XEN_EINVAL);
	fb.width = fb.height = 16384;
	CU_ASSERT_EQUAL(pv_fb_open(&fake.pv, &fb), -XEN_EINVAL);
	fb.width = fb.height = 2000;		/* more than the machine has */
	CU_ASSERT_EQUAL(pv_fb_open(&fake.pv, &fb), -XEN_ENOMEM);
	CU_ASSERT_EQUAL(fake.pages, fake_pages_at_rest());
	fake_end();
}

/* ---- Keyboard ---- */

static void count(struct pv_kbd *k)
{
	(void)k;
	calls++;
}

static void start_kbd(void)
{
	fake_start();
	memset(&kbd, 0, sizeof(kbd));
	calls = 0;
	kbd.ready = count;
	make(FAKE_KBD, FAKE_KBD_BACK);
	fake_store_set(FAKE_KBD_BACK, "feature-abs-pointer", "1");
	pv_kbd_open(&fake.pv, &kbd);
	fake_settle();
	keys = fake_granted(fake_store_number(FAKE_KBD, "page-gref"), NULL);
	CU_ASSERT_STRING_EQUAL(fake_store(FAKE_KBD, "request-abs-pointer"), "1");
	go(FAKE_KBD_BACK, XenbusStateConnected);
	CU_ASSERT_EQUAL_FATAL(kbd.dev.phase, PV_UP);
}

static void press(uint32_t code)
{
	XENKBD_IN_RING_REF(keys, keys->in_prod).key = (struct xenkbd_key){
		.type = XENKBD_TYPE_KEY, .pressed = 1, .keycode = code,
	};
	keys->in_prod++;
}

static void keys_arrive(void)
{
	union xenkbd_in_event e;
	unsigned int i, n;

	start_kbd();
	CU_ASSERT_FALSE(pv_kbd_get(&kbd, &e));
	for (n = 0; n < 3; n++) {
		for (i = 0; i < XENKBD_IN_RING_LEN; i++)
			press(i);
		fake_kick(kbd.port);
		fake_settle();
		for (i = 0; i < XENKBD_IN_RING_LEN; i++) {
			CU_ASSERT_TRUE_FATAL(pv_kbd_get(&kbd, &e));
			CU_ASSERT_EQUAL(e.key.keycode, i);
		}
		CU_ASSERT_FALSE(pv_kbd_get(&kbd, &e));
	}
	CU_ASSERT_EQUAL(calls, 4);
	fake_store_set(FAKE_KBD_BACK, "online", "0");
	go(FAKE_KBD_BACK, XenbusStateClosing);
	go(FAKE_KBD_BACK, XenbusStateClosed);
	CU_ASSERT_EQUAL(fake.pages, fake_pages_at_rest());
	CU_ASSERT_EQUAL(fake.pv.gnttab.nr_used, 0);
	fake_end();
}

static void too_many_keys_break_it(void)
{
	union xenkbd_in_event e;

	start_kbd();
	keys->in_prod += XENKBD_IN_RING_LEN + 1;
	CU_ASSERT_FALSE(pv_kbd_get(&kbd, &e));
	fake_settle();
	CU_ASSERT_EQUAL(kbd.dev.phase, PV_BROKEN);
	CU_ASSERT_EQUAL(fake.pages, fake_pages_at_rest());
	fake_end();
}

/* ---- Balloon ---- */

static void a_wish_is_done_and_undone(void)
{
	struct pv_balloon b = { .ctx = NULL };
	unsigned int before;

	fake_start();
	pv_balloon_open(&fake.pv, &b);
	fake_settle();
	CU_ASSERT_EQUAL(b.target, FAKE_PAGES);
	CU_ASSERT_EQUAL(pv_balloon_run(&b, 1000), 0);
	before = fake.pages;
	fake_store_set_number("memory", "target", (FAKE_PAGES - 300) * 4);
	fake_settle();
	CU_ASSERT_EQUAL(pv_balloon_run(&b, 100), 100);
	CU_ASSERT_EQUAL(pv_balloon_run(&b, 1000), 200);
	CU_ASSERT_EQUAL(b.lent, 300);
	CU_ASSERT_EQUAL(fake.lent, 300);
	fake_store_set_number("memory", "target", FAKE_PAGES * 4);
	fake_settle();
	CU_ASSERT_EQUAL(pv_balloon_run(&b, 1000), 300);
	CU_ASSERT_EQUAL(fake.lent, 0);
	CU_ASSERT_TRUE(fake.pages <= before + 1);
	fake_end();
}

static void a_machine_without_memory_gives_none(void)
{
	struct pv_balloon b = { .ctx = NULL };

	fake_start();
	pv_balloon_open(&fake.pv, &b);
	fake_store_set_number("memory", "target", (FAKE_PAGES - 10) * 4);
	fake_settle();
	CU_ASSERT_EQUAL(pv_balloon_run(&b, 1000), 10);
	fake.machine_full = true;
	fake_store_set_number("memory", "target", FAKE_PAGES * 4);
	fake_settle();
	CU_ASSERT_EQUAL(pv_balloon_run(&b, 1000), 0);
	CU_ASSERT_EQUAL(b.lent, 10);
	fake.machine_full = false;
	CU_ASSERT_EQUAL(pv_balloon_run(&b, 1000), 10);
	fake_end();
}

static void a_guest_without_memory_lends_what_it_has(void)
{
	struct pv_balloon b = { .ctx = NULL };

	fake_start();
	pv_balloon_open(&fake.pv, &b);
	fake_store_set_number("memory", "target", 4);
	fake.pages_short = fake.pages + 21;
	fake_settle();
	CU_ASSERT_EQUAL(pv_balloon_run(&b, 1000), 20);
	fake_end();
}

CU_ErrorCode test_front_display_register(void)
{
	CU_pSuite s = CU_add_suite("front-display", NULL, NULL);

#define T(name) CU_add_test(s, #name, name)
	T(the_frames_of_the_pixels_are_named);
	T(updates_are_cut_to_the_screen);
	T(a_full_ring_gathers);
	T(nobody_who_looks_himself_is_told);
	T(impossible_screens_are_refused);
	T(keys_arrive);
	T(too_many_keys_break_it);
	T(a_wish_is_done_and_undone);
	T(a_machine_without_memory_gives_none);
	T(a_guest_without_memory_lends_what_it_has);
#undef T
	return CU_get_error();
}
