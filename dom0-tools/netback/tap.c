/* SPDX-License-Identifier: MIT */
/* A TAP device's queue; see tap.h. */
#include "tap.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_tun.h>

int tap_headers(int fd)
{
	int bytes = NET_TAP_HDR;

	return ioctl(fd, TUNSETVNETHDRSZ, &bytes) ? -errno : 0;
}

int tap_offload(int fd, const struct net_features *f)
{
	const unsigned long offload = (f->csum4 ? TUN_F_CSUM : 0) |
				      (f->gso4 ? TUN_F_TSO4 : 0) |
				      (f->gso6 ? TUN_F_TSO6 : 0);

	return ioctl(fd, TUNSETOFFLOAD, offload) ? -errno : 0;
}

int tap_use(int fd, bool on)
{
	struct ifreq r = {
		.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE,
	};

	/* -EINVAL: it is what it should be. */
	return ioctl(fd, TUNSETQUEUE, &r) && errno != EINVAL ? -errno : 0;
}

int tap_carrier(int fd, bool on)
{
	int value = on;

	return ioctl(fd, TUNSETCARRIER, &value) ? -errno : 0;
}
