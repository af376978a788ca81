/* SPDX-License-Identifier: MIT */
/* From the first C function to main(), and after it. */
#include "tiny.h"

#define MARK(id) \
	__asm__ volatile("nopl %c0(%%rax,%%rax,1)" : : "i" (0x5e000000 | (id)))

struct pv pv;

void tiny_start(struct start_info *start)
{
	int rc;

	pv.start = start;
	mm_init(&pv);
	trap_init();
	rc = pv_start(&pv, start);
	MARK(MARK_MAIN);
	if (!rc)
		rc = main();
	pv_shutdown(&pv, rc ? SHUTDOWN_crash : SHUTDOWN_poweroff);
}
