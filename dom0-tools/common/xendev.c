/* SPDX-License-Identifier: MIT */
/* The Xen device files; see xendev.h. */
#include "xendev.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/event_channel.h>
#include <xen/sysctl.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>
#include <xen/sys/privcmd.h>

#define PAGE	4096u

int xen_evtchn_open(void)
{
	int fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int evtchn_ioctl(int fd, unsigned long op, void *arg)
{
	int r = ioctl(fd, op, arg);

	return r < 0 ? -errno : r;
}

int xen_evtchn_bind(int fd, uint32_t domid, uint32_t remote_port)
{
	struct ioctl_evtchn_bind_interdomain a = { domid, remote_port };

	return evtchn_ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &a);
}

int xen_evtchn_bind_virq(int fd, uint32_t virq)
{
	struct ioctl_evtchn_bind_virq a = { virq };

	return evtchn_ioctl(fd, IOCTL_EVTCHN_BIND_VIRQ, &a);
}

int xen_evtchn_unbind(int fd, uint32_t port)
{
	struct ioctl_evtchn_unbind a = { port };

	return evtchn_ioctl(fd, IOCTL_EVTCHN_UNBIND, &a);
}

int xen_evtchn_notify(int fd, uint32_t port)
{
	struct ioctl_evtchn_notify a = { port };

	return evtchn_ioctl(fd, IOCTL_EVTCHN_NOTIFY, &a);
}

int xen_evtchn_pending(int fd, uint32_t *ports, unsigned int max)
{
	ssize_t r = read(fd, ports, max * sizeof(*ports));

	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return r / sizeof(*ports);
}

void xen_evtchn_unmask(int fd, const uint32_t *ports, unsigned int nr)
{
	/* A port that was unbound meanwhile is skipped by the kernel. */
	if (nr && write(fd, ports, nr * sizeof(*ports)) < 0)
		return;
}

int xen_gntdev_open(void)
{
	int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void gntdev_forget(int gntdev, uint64_t index)
{
	struct ioctl_gntdev_unmap_grant_ref u = { .index = index, .count = 1 };

	ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u);
}

int xen_page_map_grant(int gntdev, uint32_t domid, uint32_t gref,
		       struct xen_page *page)
{
	struct ioctl_gntdev_map_grant_ref m = {
		.count = 1, .refs = { { domid, gref } },
	};
	void *va;
	int rc;

	*page = (struct xen_page){ NULL, -1 };
	if (ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &m))
		return -errno;
	va = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev,
		  m.index);
	if (va == MAP_FAILED) {
		rc = -errno;
		gntdev_forget(gntdev, m.index);
		return rc;
	}
	*page = (struct xen_page){ va, (int64_t)m.index };
	return 0;
}

int xen_page_map_frame(int privcmd, uint32_t domid, uint64_t mfn,
		       struct xen_page *page)
{
	xen_pfn_t frame = mfn;
	int err = 0, rc;
	privcmd_mmapbatch_v2_t m = {
		.num = 1, .dom = domid, .arr = &frame, .err = &err,
	};
	void *va;

	*page = (struct xen_page){ NULL, -1 };
	va = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, privcmd, 0);
	if (va == MAP_FAILED)
		return -errno;
	m.addr = (uintptr_t)va;
	rc = ioctl(privcmd, IOCTL_PRIVCMD_MMAPBATCH_V2, &m) ? -errno : err;
	if (rc) {
		munmap(va, PAGE);
		return rc;
	}
	page->va = va;
	return 0;
}

void xen_page_unmap(int gntdev, struct xen_page *page)
{
	if (!page->va)
		return;
	munmap(page->va, PAGE);
	if (page->grant >= 0)
		gntdev_forget(gntdev, page->grant);
	*page = (struct xen_page){ NULL, -1 };
}

/*
 * Hypercall arguments live in pages of /dev/xen/hypercall, which the kernel
 * never moves; a kernel without it gets locked pages and a retry.
 */
int xen_ctl_open(struct xen_ctl *c, size_t mem_len)
{
	int fd, rc;

	c->mem_len = mem_len;
	c->fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		return -errno;
	fd = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		c->mem = mmap(NULL, mem_len, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
		close(fd);
	} else {
		c->mem = mmap(NULL, mem_len, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	}
	if (c->mem == MAP_FAILED) {
		rc = -errno;
		close(c->fd);
		return rc;
	}
	return 0;
}

static int ctl_sysctl(struct xen_ctl *c)
{
	struct xen_sysctl *op = (void *)c->mem;
	privcmd_hypercall_t h = {
		.op = __HYPERVISOR_sysctl, .arg = { (uintptr_t)op },
	};
	int r;

	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	for (int tries = 0; tries < 8; tries++) {
		r = ioctl(c->fd, IOCTL_PRIVCMD_HYPERCALL, &h);
		if (r >= 0 || errno != EFAULT)
			break;
	}
	return r < 0 ? -errno : r;
}

#define CTL_DATA	256	/* where the data starts, after the op */

uint32_t xen_ctl_fit(const struct xen_ctl *c)
{
	return (c->mem_len - CTL_DATA) / sizeof(xen_domctl_getdomaininfo_t);
}

int xen_ctl_domains(struct xen_ctl *c, uint32_t first, uint32_t max,
		    const xen_domctl_getdomaininfo_t **list)
{
	struct xen_sysctl *op = (void *)c->mem;
	xen_domctl_getdomaininfo_t *info = (void *)(c->mem + CTL_DATA);
	const uint32_t fit = xen_ctl_fit(c);
	int rc;

	memset(op, 0, sizeof(*op));
	op->cmd = XEN_SYSCTL_getdomaininfolist;
	op->u.getdomaininfolist.first_domain = first;
	op->u.getdomaininfolist.max_domains = max < fit ? max : fit;
	set_xen_guest_handle(op->u.getdomaininfolist.buffer, info);
	rc = ctl_sysctl(c);
	if (rc < 0)
		return rc;
	*list = info;
	return op->u.getdomaininfolist.num_domains;
}

int xen_ctl_console(struct xen_ctl *c, uint32_t *index, const char **text)
{
	struct xen_sysctl *op = (void *)c->mem;
	int rc;

	memset(op, 0, sizeof(*op));
	op->cmd = XEN_SYSCTL_readconsole;
	op->u.readconsole.incremental = index != NULL;
	op->u.readconsole.index = index ? *index : 0;
	op->u.readconsole.count = c->mem_len - CTL_DATA;
	set_xen_guest_handle(op->u.readconsole.buffer,
			     (char *)c->mem + CTL_DATA);
	rc = ctl_sysctl(c);
	if (rc < 0)
		return rc;
	if (index)
		*index = op->u.readconsole.index;
	*text = (char *)c->mem + CTL_DATA;
	return op->u.readconsole.count;
}
