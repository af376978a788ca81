/* SPDX-License-Identifier: MIT */
/* The machine is up: start the control domain. */

#include <hyp/core.h>

void hyp_main(void)
{
	log_info("%lu MiB of memory, %lu free", frame_total_count() >> 8,
		 frame_free_count() >> 8);
	domain_init();
	vtime_set_wallclock(arch_wallclock() * 1000000000ULL - arch_now());
	dom0_build();
	arch_boot_done();
	arch_run();
}
