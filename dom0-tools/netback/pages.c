/* SPDX-License-Identifier: MIT */
/* The pages that packets pass through; see pages.h. */
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/grant_table.h>
#include <xen/sys/gntalloc.h>

/* The control domain's number, to which its pages are granted. */
#define OURSELVES	0

static int granted(struct pages *p, unsigned int n)
{
	struct {
		struct ioctl_gntalloc_alloc_gref a;
		uint32_t more[NET_PAGES_MAX - 1];
	} want = { .a = { .domid = OURSELVES, .count = n,
			  .flags = GNTALLOC_FLAG_WRITABLE } };
	int fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
	void *at;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, &want)) {
		close(fd);
		return -errno;
	}
	at = mmap(NULL, (size_t)n * NET_PAGE, PROT_READ | PROT_WRITE,
		  MAP_SHARED, fd, want.a.index);
	/* The mapping keeps the pages and their grants. */
	close(fd);
	if (at == MAP_FAILED)
		return -ENOMEM;
	p->at = at;
	memcpy(p->gref, want.a.gref_ids, n * sizeof(p->gref[0]));
	p->granted = true;
	return 0;
}

int pages_open(struct pages *p, unsigned int n)
{
	memset(p, 0, sizeof(*p));
	if (n > NET_PAGES_MAX)
		return -E2BIG;
	if (!granted(p, n))
		return 0;
	p->at = mmap(NULL, (size_t)n * NET_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p->at == MAP_FAILED ? -errno : 0;
}

static uint32_t gref_of(const struct pages *p, const uint8_t *at)
{
	return p->gref[(at - p->at) / NET_PAGE];
}

void pages_fetch(const struct pages *p,
		 struct ioctl_gntdev_grant_copy_segment *s, uint16_t domid,
		 const struct net_frag *f, uint8_t *to)
{
	s->flags = GNTCOPY_source_gref;
	s->len = f->len;
	s->source.foreign.ref = f->gref;
	s->source.foreign.offset = f->offset;
	s->source.foreign.domid = domid;
	if (!p->granted) {
		s->dest.virt = to;
		return;
	}
	s->flags |= GNTCOPY_dest_gref;
	s->dest.foreign.ref = gref_of(p, to);
	s->dest.foreign.offset = (uintptr_t)to % NET_PAGE;
	s->dest.foreign.domid = OURSELVES;
}

void pages_put(const struct pages *p, struct ioctl_gntdev_grant_copy_segment *s,
	       uint16_t domid, uint32_t gref, uint8_t *from, uint32_t bytes)
{
	s->flags = GNTCOPY_dest_gref;
	s->len = bytes;
	s->dest.foreign.ref = gref;
	s->dest.foreign.offset = 0;
	s->dest.foreign.domid = domid;
	if (!p->granted) {
		s->source.virt = from;
		return;
	}
	s->flags |= GNTCOPY_source_gref;
	s->source.foreign.ref = gref_of(p, from);
	s->source.foreign.offset = (uintptr_t)from % NET_PAGE;
	s->source.foreign.domid = OURSELVES;
}

uint32_t pages_theirs(const struct ioctl_gntdev_grant_copy_segment *s,
		      bool fetch)
{
	return fetch ? s->source.foreign.ref : s->dest.foreign.ref;
}
