/* SPDX-License-Identifier: MIT */
/*
 * What the guest does.  The words of its command line choose; without any it
 * says hello and ends.
 */
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

int main(void)
{
	int rc = 0;

	hello();
	if (argument("trap"))
		*(volatile int *)argument_number("trap", 16) = 0;
	if (argument("pages"))
		rc |= fill_pages(argument_number("pages", 1));
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
