/* SPDX-License-Identifier: MIT */
/*
 * A malicious screen and keyboard, as fuzz-front-blk.c: input chooses what the
 * other side does between the steps of a guest that draws and reads keys.
 */
#include <stdlib.h>
#include <string.h>

#include <pv/fbfront.h>
#include <pv/kbdfront.h>

#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pv_fb fb;
static struct pv_kbd kbd;
static const uint8_t *in;
static size_t left;

static unsigned int byte(void)
{
	return left ? left--, *in++ : 0;
}

static void update(void)
{
	unsigned int x = byte(), y = byte(), w = byte(), h = byte();

	if (w == 255)
		w = UINT32_MAX;
	if (h == 255)
		h = UINT32_MAX - 5;
	pv_fb_update(&fb, x, y, w, h);
}

static void screen(unsigned int how)
{
	struct xenfb_page *p = fb.page;
	volatile uint32_t *index;
	unsigned int i;

	if (!p)
		return;
	index = how & 1 ? how & 2 ? &p->in_prod : &p->in_cons
			: how & 2 ? &p->out_prod : &p->out_cons;
	switch (how >> 2 & 3) {
	case 0:
		*index += byte() % 4;
		break;
	case 1:
		*index = byte() * 0x01010101u;
		break;
	case 2:		/* all of it was read */
		p->out_cons = p->out_prod;
		break;
	case 3:		/* what the screen is, is said once and for all */
		for (i = 0; i < 32; i++)
			((volatile uint8_t *)p)[i] = byte();
	}
	fake_kick(fake_store_number(FAKE_FB, "event-channel"));
}

static void keyboard(unsigned int how)
{
	struct xenkbd_page *p =
		fake_granted(fake_store_number(FAKE_KBD, "page-gref"), NULL);

	if (!p)
		return;
	XENKBD_IN_RING_REF(p, p->in_prod).type = byte();
	if (how & 1)
		p->in_prod += byte() % 4;
	else if (how & 2)
		p->in_prod = byte() * 0x01010101u;
	else if (how & 4)
		p->in_cons = byte() * 0x01010101u;
	fake_kick(fake_store_number(FAKE_KBD, "event-channel"));
}

static void keys(unsigned int how)
{
	const char *back = how & 16 ? FAKE_FB_BACK : FAKE_KBD_BACK;

	switch (how & 3) {
	case 0:
		fake_store_set(back, how & 4 ? "request-update"
					     : "feature-abs-pointer",
			       how & 8 ? "x" : "1");
		break;
	case 1:
		fake_store_set_number(back, "online", byte() % 3);
		break;
	default:
		fake_store_set_number(back, "state", byte() % 8);
	}
}

static void step(unsigned int b)
{
	union xenkbd_in_event *e;

	switch (b >> 5) {
	case 0:
	case 1:
		update();
		break;
	case 2:		/* exactly sized memory: a step outside is seen */
		e = malloc(sizeof(*e));
		pv_kbd_get(&kbd, e);
		free(e);
		break;
	case 3:
		screen(b);
		break;
	case 4:
		keyboard(b);
		break;
	case 5:
		keys(b);
		break;
	case 6:
		fake_hold(8 + (b & 7), byte() & 1);
		break;
	case 7:
		if ((b & 31) == 31)
			fake_store_remove(byte() & 1 ? FAKE_FB_BACK : FAKE_KBD_BACK);
		else if ((b & 31) == 30)
			pv_device_close(&fb.dev);
		else if ((b & 31) == 29)
			pv_device_close(&kbd.dev);
		else
			fake_settle();
	}
}

static void make(const char *front, const char *back)
{
	fake_device(front, back);
	fake_store_set_number(back, "state", XenbusStateInitWait);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	in = data;
	left = size > 600 ? 600 : size;
	fake_start();
	memset(&fb, 0, sizeof(fb));
	memset(&kbd, 0, sizeof(kbd));
	fb.width = 100;
	fb.height = 50;
	make(FAKE_FB, FAKE_FB_BACK);
	make(FAKE_KBD, FAKE_KBD_BACK);
	fake_store_set(FAKE_FB_BACK, "request-update", "1");
	fake_store_set(FAKE_KBD_BACK, "feature-abs-pointer", "1");
	if (pv_fb_open(&fake.pv, &fb))
		abort();
	pv_kbd_open(&fake.pv, &kbd);
	fake_settle();
	fake_store_set_number(FAKE_FB_BACK, "state", XenbusStateConnected);
	fake_store_set_number(FAKE_KBD_BACK, "state", XenbusStateConnected);
	fake_settle();
	while (left)
		step(byte());
	fake_settle();
	/* The machine would know if the pixels were gone or written beyond. */
	fb.pixels[fb.width * fb.height - 1] = 1;
	if (fb.dev.phase == PV_CLOSED || fb.dev.phase == PV_BROKEN)
		pv_fb_free(&fb);
	fake_end();
	return 0;
}
