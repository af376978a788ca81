/* SPDX-License-Identifier: MIT */
/*
 * draw: a square on a screen, moved by the arrow keys; Escape ends it.  With
 * frames=N on the command line it moves by itself, N times.
 */
#include <pv/fbfront.h>
#include <pv/kbdfront.h>

#include "tiny.h"

#define SIDE	40
#define STEP	10

enum { KEY_ESC = 1, KEY_UP = 103, KEY_LEFT = 105, KEY_RIGHT = 106, KEY_DOWN = 108 };

static struct pv_fb fb = { .width = 320, .height = 240 };
static struct pv_kbd kbd;

static void square(unsigned int x, unsigned int y, uint32_t colour)
{
	unsigned int i, j;

	for (j = y; j < y + SIDE && j < fb.height; j++)
		for (i = x; i < x + SIDE && i < fb.width; i++)
			fb.pixels[j * fb.width + i] = colour;
	pv_fb_update(&fb, x, y, SIDE, SIDE);
}

/* Where a key moves it; false: away. */
static bool move(uint32_t key, unsigned int *x, unsigned int *y)
{
	if (key == KEY_LEFT && *x >= STEP)
		*x -= STEP;
	if (key == KEY_RIGHT && *x + SIDE + STEP <= fb.width)
		*x += STEP;
	if (key == KEY_UP && *y >= STEP)
		*y -= STEP;
	if (key == KEY_DOWN && *y + SIDE + STEP <= fb.height)
		*y += STEP;
	return key != KEY_ESC;
}

int main(void)
{
	unsigned long frames = argument_number("frames", 0), n;
	unsigned int x = 0, y = 0;
	union xenkbd_in_event e;
	bool on = true;

	if (pv_fb_open(&pv, &fb) ||
	    pv_device_wait_up(&fb.dev, UINT64_MAX)) {
		print("draw: no screen: %s\n", fb.dev.trouble);
		return 1;
	}
	pv_kbd_open(&pv, &kbd);
	for (n = 0; on && (!frames || n < frames); n++) {
		square(x, y, 0xffcc00);
		if (frames)
			pv_sleep(&pv, 20000000);
		else
			pv_os_wait(&pv, UINT64_MAX);
		square(x, y, 0);
		if (frames)
			move(KEY_RIGHT, &x, &y);
		while (on && pv_kbd_get(&kbd, &e))
			if (e.type == XENKBD_TYPE_KEY && e.key.pressed)
				on = move(e.key.keycode, &x, &y);
	}
	print("draw: ended at %u, %u\n", x, y);
	return 0;
}
