/* SPDX-License-Identifier: MIT */
/*
 * The one place that makes hypercalls.  /dev/xen/privcmd passes one on, with
 * its register arguments as they are; what those point to must stay mapped
 * while the hypervisor looks, so it lives in pages of /dev/xen/hypercall.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "private.h"

#include <xen/sys/privcmd.h>

#define BUFFER_BYTES	(PRIVCMD_OP_BYTES + PRIVCMD_DATA_BYTES)

static int open_device(struct ctrl *c)
{
	int rc;

	c->privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (c->privcmd >= 0)
		return 0;
	rc = -errno;
	if (rc == -ENOENT || rc == -ENXIO || rc == -ENODEV)
		return ctrl_fail(c, rc, "/dev/xen/privcmd is missing: this is not the control domain, or the module xen-privcmd is not loaded");
	return ctrl_fail(c, rc, "/dev/xen/privcmd: %s", ctrl_cause(rc));
}

/* Kernel pages if there are any, else our own, locked and populated. */
static int map_buffers(struct ctrl *c)
{
	int fd = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	int flags = MAP_SHARED;
	int rc;

	if (fd < 0)
		flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED |
			MAP_POPULATE;
	c->op = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);
	rc = -errno;
	if (fd >= 0)
		close(fd);
	if (c->op == MAP_FAILED) {
		c->op = NULL;
		return ctrl_fail(c, rc, "no memory for hypercall buffers: %s",
				 ctrl_cause(rc));
	}
	if (fd < 0)
		madvise(c->op, BUFFER_BYTES, MADV_DONTFORK);
	c->data = (char *)c->op + PRIVCMD_OP_BYTES;
	return 0;
}

int privcmd_open(struct ctrl *c)
{
	int rc = open_device(c);

	return rc ? rc : map_buffers(c);
}

void privcmd_close(struct ctrl *c)
{
	if (c->op)
		munmap(c->op, BUFFER_BYTES);
	if (c->privcmd >= 0)
		close(c->privcmd);
}

long privcmd_call(struct ctrl *c, unsigned int nr, uint64_t a0, uint64_t a1,
		  uint64_t a2, uint64_t a3, uint64_t a4)
{
	privcmd_hypercall_t call = {
		.op = nr, .arg = { a0, a1, a2, a3, a4 },
	};
	int r = ioctl(c->privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);

	return r < 0 ? -errno : r;
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

struct xen_domctl *privcmd_domctl_new(struct ctrl *c, uint32_t cmd,
				      uint16_t domid)
{
	struct xen_domctl *op = c->op;

	memset(op, 0, sizeof(*op));
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = domid;
	return op;
}

int privcmd_domctl(struct ctrl *c)
{
	return (int)privcmd_call(c, __HYPERVISOR_domctl, address(c->op),
				 0, 0, 0, 0);
}

struct xen_sysctl *privcmd_sysctl_new(struct ctrl *c, uint32_t cmd)
{
	struct xen_sysctl *op = c->op;

	memset(op, 0, sizeof(*op));
	op->cmd = cmd;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return op;
}

int privcmd_sysctl(struct ctrl *c)
{
	return (int)privcmd_call(c, __HYPERVISOR_sysctl, address(c->op),
				 0, 0, 0, 0);
}

void *privcmd_memory_new(struct ctrl *c, size_t n)
{
	return memset(c->op, 0, n);
}

long privcmd_memory(struct ctrl *c, unsigned int cmd)
{
	return privcmd_call(c, __HYPERVISOR_memory_op, cmd, address(c->op),
			    0, 0, 0);
}
