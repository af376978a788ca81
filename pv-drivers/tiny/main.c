/* SPDX-License-Identifier: MIT */
/*
 * What the guest does.  The words of its command line choose; without any it
 * says hello and ends.  Each driver is at work here once, in its shortest way;
 * for more see the examples.
 */
#include <pv/blkfront.h>
#include <pv/fbfront.h>
#include <pv/netfront.h>

#include "tiny.h"

static void hello(void)
{
	char name[64];

	if (pv_xs_read(&pv, "name", NULL, name, sizeof(name)) < 0)
		name[0] = 0;
	print("tiny: this is \"%s\", %lu KiB of memory, %lu pages free\n",
	      name, pv.start->nr_pages * 4, mm_free_pages());
}

/* What comes in goes out again, until a Control-D. */
static void echo(void)
{
	char text[64];
	size_t n, i;

	print("tiny: echo\n");
	for (;;) {
		n = pv_console_get(&pv, text, sizeof(text));
		pv_console_write(&pv, text, n, UINT64_MAX);
		for (i = 0; i < n; i++)
			if (text[i] == 4)
				return;
		if (!n)
			pv_os_wait(&pv, UINT64_MAX);
	}
}

/* Write into that many pages, which reaches beyond what the builder mapped. */
static int fill_pages(unsigned long n)
{
	uint64_t *list = NULL, *page;
	unsigned long i;

	for (i = 0; i < n; i++) {
		page = mm_pages(&pv, 1);
		if (!page) {
			print("tiny: no page after %lu\n", i);
			return 1;
		}
		page[0] = (uintptr_t)list;
		page[511] = i;
		list = page;
	}
	while (i--) {
		page = list;
		if (page[511] != i) {
			print("tiny: page %lu does not hold what was written\n", i);
			return 1;
		}
		list = (uint64_t *)page[0];
		mm_free(page, 1);
	}
	print("tiny: %lu pages hold what was written\n", n);
	return 0;
}

static void sleep_for(unsigned long ms)
{
	uint64_t start = pv_clock_now(&pv);

	pv_sleep(&pv, ms * 1000000);
	print("tiny: slept %lu ms\n", (pv_clock_now(&pv) - start) / 1000000);
}

/* Whether a device works; if not, say why. */
static bool is_up(struct pv_device *d)
{
	if (!pv_device_wait_up(d, UINT64_MAX))
		return true;
	print("tiny: %s: %s\n", d->path, d->trouble);
	return false;
}

/* The first block of the first disk. */
static int read_block(void)
{
	static struct pv_blk disk;
	uint8_t *block = mm_pages(&pv, 1);
	int rc;

	pv_blk_open(&pv, &disk, pv_blk_number("xvda"));
	if (!is_up(&disk.dev))
		return 1;
	rc = pv_blk_read(&disk, 0, block, PV_BLK_SECTOR);
	print("tiny: a disk of %lu sectors begins with %02x %02x %02x %02x\n",
	      disk.sectors, block[0], block[1], block[2], block[3]);
	return rc | pv_device_wait_closed(&disk.dev, UINT64_MAX);
}

/* A frame to everybody, of a type that is free for experiments. */
static int send_packet(void)
{
	static struct pv_net card;
	uint8_t frame[60] = { 255, 255, 255, 255, 255, 255,
			      [12] = 0x88, 0xb5, 't', 'i', 'n', 'y' };
	int rc;

	pv_net_open(&pv, &card, 0);
	if (!is_up(&card.dev))
		return 1;
	memcpy(frame + 6, card.mac, 6);
	rc = pv_net_send(&card, frame, sizeof(frame), UINT64_MAX);
	while (pv_net_sending(&card))
		pv_os_wait(&pv, UINT64_MAX);
	rc |= card.dropped != 0;
	print("tiny: a packet is %s\n", rc ? "lost" : "sent");
	return rc | pv_device_wait_closed(&card.dev, UINT64_MAX);
}

static int draw_rectangle(void)
{
	static struct pv_fb fb = { .width = 160, .height = 100 };
	unsigned int x, y;

	if (pv_fb_open(&pv, &fb) || !is_up(&fb.dev))
		return 1;
	for (y = 20; y < 60; y++)
		for (x = 40; x < 120; x++)
			fb.pixels[y * fb.width + x] = 0xffcc00;
	pv_fb_update(&fb, 40, 20, 80, 40);
	print("tiny: a rectangle is drawn\n");
	return 0;
}

int main(void)
{
	int rc = 0;

	hello();
	if (argument("trap"))
		*(volatile int *)argument_number("trap", 16) = 0;
	if (argument("pages"))
		rc |= fill_pages(argument_number("pages", 1));
	if (argument("block"))
		rc |= read_block();
	if (argument("packet"))
		rc |= send_packet();
	if (argument("draw"))
		rc |= draw_rectangle();
	if (argument("sleep"))
		sleep_for(argument_number("sleep", 1));
	if (argument("echo"))
		echo();
	if (argument("stay"))
		for (;;)
			pv_os_wait(&pv, UINT64_MAX);
	print("tiny: done\n");
	return rc;
}
