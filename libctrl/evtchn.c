/* SPDX-License-Identifier: MIT */
/* Event channels: those of other domains, and those of this process. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "private.h"

#include <xen/event_channel.h>
#include <xen/sys/evtchn.h>

int ctrl_evtchn_alloc_unbound(struct ctrl *c, uint16_t domid, uint16_t remote)
{
	evtchn_alloc_unbound_t *a = c->op;
	int rc;

	memset(a, 0, sizeof(*a));
	a->dom = domid;
	a->remote_dom = remote;
	rc = (int)privcmd_call(c, __HYPERVISOR_event_channel_op,
			       EVTCHNOP_alloc_unbound, (uint64_t)(uintptr_t)a,
			       0, 0, 0);
	if (rc < 0)
		return ctrl_fail_domain(c, rc, domid,
					"get it an event channel");
	return (int)a->port;
}

static int call(int fd, unsigned long nr, void *arg)
{
	int r = ioctl(fd, nr, arg);

	return r < 0 ? -errno : r;
}

int ctrl_evtchn_open(void)
{
	int fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int ctrl_evtchn_bind_interdomain(int fd, uint16_t domid, uint32_t remote)
{
	struct ioctl_evtchn_bind_interdomain b = {
		.remote_domain = domid, .remote_port = remote,
	};

	return call(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &b);
}

int ctrl_evtchn_bind_unbound(int fd, uint16_t domid)
{
	struct ioctl_evtchn_bind_unbound_port b = { .remote_domain = domid };

	return call(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &b);
}

int ctrl_evtchn_bind_virq(int fd, uint32_t virq)
{
	struct ioctl_evtchn_bind_virq b = { .virq = virq };

	return call(fd, IOCTL_EVTCHN_BIND_VIRQ, &b);
}

int ctrl_evtchn_unbind(int fd, uint32_t port)
{
	struct ioctl_evtchn_unbind u = { .port = port };

	return call(fd, IOCTL_EVTCHN_UNBIND, &u);
}

int ctrl_evtchn_notify(int fd, uint32_t port)
{
	struct ioctl_evtchn_notify n = { .port = port };

	return call(fd, IOCTL_EVTCHN_NOTIFY, &n);
}

int ctrl_evtchn_pending(int fd, uint32_t *ports, size_t max)
{
	ssize_t r = read(fd, ports, max * sizeof(*ports));

	if (r >= 0)
		return (int)((size_t)r / sizeof(*ports));
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int ctrl_evtchn_unmask(int fd, uint32_t port)
{
	ssize_t r;

	do
		r = write(fd, &port, sizeof(port));
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}
