/* SPDX-License-Identifier: MIT */
/* Grants: other domains' pages through /dev/xen/gntdev. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "private.h"

#include <xen/grant_table.h>
#include <xen/sys/gntdev.h>

int grant_table_frame(struct ctrl *c, uint16_t domid, uint64_t *mfn)
{
	gnttab_setup_table_t *s = c->op;
	xen_pfn_t *frame = c->data;
	long rc;

	memset(s, 0, sizeof(*s));
	s->dom = domid;
	s->nr_frames = 1;
	set_xen_guest_handle(s->frame_list, frame);
	rc = privcmd_call(c, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table,
			  (uint64_t)(uintptr_t)s, 1, 0, 0);
	if (rc == 0 && s->status != GNTST_okay)
		rc = -EINVAL;
	if (rc < 0)
		return ctrl_fail_domain(c, (int)rc, domid,
					"find its grant table");
	*mfn = *frame;
	return 0;
}

int ctrl_gntdev_open(void)
{
	int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Tell the device which grants; on success *handle is their offset in it. */
static int map_refs(int fd, uint16_t domid, const uint32_t *refs, size_t n,
		    uint64_t *handle)
{
	struct ioctl_gntdev_map_grant_ref *m;
	size_t i, bytes = sizeof(*m) + n * sizeof(m->refs[0]);
	int rc = 0;

	m = calloc(1, bytes);
	if (!m)
		return -ENOMEM;
	m->count = (uint32_t)n;
	for (i = 0; i < n; i++) {
		m->refs[i].domid = domid;
		m->refs[i].ref = refs[i];
	}
	if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, m) < 0)
		rc = -errno;
	*handle = m->index;
	free(m);
	return rc;
}

static int unmap_refs(int fd, size_t n, uint64_t handle)
{
	struct ioctl_gntdev_unmap_grant_ref u = {
		.index = handle, .count = (uint32_t)n,
	};

	return ioctl(fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u) < 0 ? -errno : 0;
}

void *ctrl_grant_map(int fd, uint16_t domid, const uint32_t *refs, size_t n,
		     int prot, uint64_t *handle)
{
	int rc = map_refs(fd, domid, refs, n, handle);
	void *addr;

	if (rc) {
		errno = -rc;
		return NULL;
	}
	addr = mmap(NULL, n * CTRL_PAGE_SIZE, prot, MAP_SHARED, fd,
		    (off_t)*handle);
	if (addr == MAP_FAILED) {
		rc = errno;
		unmap_refs(fd, n, *handle);
		errno = rc;
		return NULL;
	}
	return addr;
}

int ctrl_grant_unmap(int fd, void *addr, size_t n, uint64_t handle)
{
	munmap(addr, n * CTRL_PAGE_SIZE);
	return unmap_refs(fd, n, handle);
}

int ctrl_grant_notify_unmap(int fd, uint64_t handle, uint32_t offset,
			    int clear_byte, int port)
{
	struct ioctl_gntdev_unmap_notify n = {
		.index = handle + offset,
		.action = (clear_byte ? UNMAP_NOTIFY_CLEAR_BYTE : 0) |
			  (port > 0 ? UNMAP_NOTIFY_SEND_EVENT : 0),
		.event_channel_port = port > 0 ? (uint32_t)port : 0,
	};

	return ioctl(fd, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &n) < 0 ? -errno : 0;
}

static void fill_segment(const struct ctrl_grant_copy *k,
			 struct ioctl_gntdev_grant_copy_segment *s)
{
	memset(s, 0, sizeof(*s));
	s->len = k->bytes;
	if (k->to_grant) {
		s->source.virt = k->memory;
		s->dest.foreign.ref = k->ref;
		s->dest.foreign.offset = k->offset;
		s->dest.foreign.domid = k->domid;
		s->flags = GNTCOPY_dest_gref;
	} else {
		s->dest.virt = k->memory;
		s->source.foreign.ref = k->ref;
		s->source.foreign.offset = k->offset;
		s->source.foreign.domid = k->domid;
		s->flags = GNTCOPY_source_gref;
	}
}

#define COPY_ROUND	64

int ctrl_grant_copy(int fd, struct ctrl_grant_copy *copies, size_t n)
{
	struct ioctl_gntdev_grant_copy_segment seg[COPY_ROUND];
	struct ioctl_gntdev_grant_copy call = { .segments = seg };
	size_t i, now;

	for (; n; n -= now, copies += now) {
		now = n < COPY_ROUND ? n : COPY_ROUND;
		for (i = 0; i < now; i++)
			fill_segment(&copies[i], &seg[i]);
		call.count = (uint32_t)now;
		if (ioctl(fd, IOCTL_GNTDEV_GRANT_COPY, &call) < 0)
			return -errno;
		for (i = 0; i < now; i++)
			copies[i].status = seg[i].status;
	}
	return 0;
}
