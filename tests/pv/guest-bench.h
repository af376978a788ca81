/* SPDX-License-Identifier: MIT */
/* What bench/marker.h is to programs, for a tiny guest; and its own part. */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "tiny.h"

#define MARK(id) \
	__asm__ volatile("nopl %c0(%%rax,%%rax,1)" : : "i" (0x5e000000 | (id)) \
			 : "memory")

/* How long our processor has run, by the hypervisor's account; under -icount a
 * nanosecond is an instruction. */
static inline uint64_t own_ns(void)
{
	struct vcpu_runstate_info r = { .state = 0 };

	if (pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0,
			 (unsigned long)&r, 0))
		return 0;
	return r.time[RUNSTATE_running];
}

#endif
