/* SPDX-License-Identifier: MIT */
/* netback: the back half of one network card of one guest; see vif.h. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/if_tun.h>

#include "vif.h"

static struct vif vif;

static int prepare(struct backend *b)
{
	const int rc = queue_memory();

	vif.be = b;
	return rc ? backend_why(b, rc, "memory for packets: %s",
				strerror(-rc)) : 0;
}

static int start(struct backend *b, const json_t *msg, int *fds, int nr_fds,
		 json_t *nodes)
{
	return vif_start(b->arg, msg, fds, nr_fds, nodes);
}

static int guest_came(struct backend *b, const json_t *front, bool resume,
		      json_t *nodes)
{
	return vif_connect(b->arg, front, resume, nodes);
}

static void guest_goes(struct backend *b)
{
	vif_release(b->arg);
	backend_disconnected(b);
}

static int set(struct backend *b, const json_t *msg, json_t *nodes)
{
	return vif_set(b->arg, msg, nodes);
}

static void stats(struct backend *b, json_t *out)
{
	vif_stats(b->arg, out);
}

static void events(struct backend *b, const uint32_t *ports, unsigned int n)
{
	vif_events(b->arg, ports, n);
}

static bool after(struct backend *b)
{
	return vif_round(b->arg);
}

/* Beyond the frame's: packets, the journal, and what a TAP is told. */
static const int syscalls[] = {
	SYS_readv, SYS_writev, SYS_ftruncate, SYS_timerfd_settime, -1,
};

static const unsigned long ioctls[] = {
	TUNSETVNETHDRSZ, TUNSETOFFLOAD, TUNSETQUEUE, TUNSETCARRIER, 0,
};

static const struct backend_ops ops = {
	.program = "netback",
	.kind = "vif",
	.syscalls = syscalls,
	.ioctls = ioctls,
	.prepare = prepare,
	.start = start,
	.connect = guest_came,
	.disconnect = guest_goes,
	.set = set,
	.stats = stats,
	.events = events,
	.after = after,
};

int main(int argc, char **argv)
{
	return backend_main(argc, argv, &ops, &vif);
}
