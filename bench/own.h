/* SPDX-License-Identifier: MIT */
/*
 * own_ns(): how long this guest's processor has run so far, by the
 * hypervisor's own account.  Under -icount a nanosecond is an instruction, so
 * two of these tell what the guest itself executed, with what the hypervisor
 * did in its name.  0 where there is no hypervisor to ask.
 */
#pragma once
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <xen/xen.h>
#include <xen/vcpu.h>
#include <xen/sys/privcmd.h>

static inline uint64_t own_ns(void)
{
	static int fd = -2;
	struct vcpu_runstate_info r = { .state = 0 };
	struct privcmd_hypercall h = {
		.op = __HYPERVISOR_vcpu_op,
		.arg = { VCPUOP_get_runstate_info, 0, (uintptr_t)&r },
	};

	if (fd == -2)
		fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &h))
		return 0;
	return r.time[RUNSTATE_running];
}
