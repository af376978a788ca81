/* SPDX-License-Identifier: MIT */
/*
 * console=vga: the 80x25 text screen, for machines without a serial port.
 * It is ours until the control domain starts, and again at a panic.
 */
#include <asm/machine.h>

#define COLUMNS	80
#define ROWS	25
#define BLANK	0x0720		/* grey on black */

static u16 *screen;
static unsigned column;
static bool given_away;

void vga_init(void)
{
	unsigned i;

	if (!params.console_vga ||
	    boot_info.fb.type != XEN_VGATYPE_TEXT_MODE_3)
		return;
	screen = iomap(0xb8000, COLUMNS * ROWS * 2, HYP_DEVICE);
	for (i = 0; screen && i < COLUMNS * ROWS; i++)
		screen[i] = BLANK;
}

void vga_give_away(bool to_guest)
{
	given_away = to_guest;
}

/* Everything happens on the last row. */
static void scroll(void)
{
	unsigned i;

	memmove(screen, screen + COLUMNS, COLUMNS * (ROWS - 1) * 2);
	for (i = 0; i < COLUMNS; i++)
		screen[COLUMNS * (ROWS - 1) + i] = BLANK;
	column = 0;
}

void vga_write(const char *s, size_t n)
{
	if (!screen || given_away)
		return;
	for (; n--; s++) {
		if (*s == '\r')
			continue;
		if (*s == '\n' || column == COLUMNS)
			scroll();
		if (*s >= ' ')
			screen[COLUMNS * (ROWS - 1) + column++] =
				0x0700 | (u8)*s;
	}
}
