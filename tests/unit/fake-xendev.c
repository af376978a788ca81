/* SPDX-License-Identifier: MIT */
/* A made-up machine; see fake-xendev.h. */
#include "fake-xendev.h"

#include <errno.h>
#include <string.h>

struct fake_xen fake_xen;

int xen_evtchn_notify(int fd, uint32_t port)
{
	(void)fd;
	(void)port;
	fake_xen.kicks++;
	return 0;
}

int xen_evtchn_bind(int fd, uint32_t domid, uint32_t remote_port)
{
	(void)fd;
	(void)domid;
	if (remote_port == FAKE_BAD_PORT)
		return -EINVAL;
	fake_xen.binds++;
	return FAKE_PORT(remote_port);
}

int xen_evtchn_unbind(int fd, uint32_t port)
{
	(void)fd;
	(void)port;
	fake_xen.binds--;
	return 0;
}

void xen_evtchn_unmask(int fd, const uint32_t *ports, unsigned int nr)
{
	(void)fd;
	for (unsigned int i = 0; i < nr; i++)
		fake_xen.unmasked[ports[i] % 1024]++;
}

static int map(uint32_t domid, struct xen_page *p)
{
	*p = (struct xen_page){ NULL, -1 };
	if (domid >= FAKE_DOMAINS || !fake_xen.page[domid])
		return -ENOENT;
	p->va = fake_xen.page[domid];
	fake_xen.maps++;
	return 0;
}

int xen_page_map_grant(int fd, uint32_t domid, uint32_t gref,
		       struct xen_page *p)
{
	(void)fd;
	fake_xen.gref = gref;
	*p = (struct xen_page){ NULL, -1 };
	return fake_xen.no_grants ? -EINVAL : map(domid, p);
}

int xen_page_map_frame(int fd, uint32_t domid, uint64_t mfn,
		       struct xen_page *p)
{
	(void)fd;
	(void)mfn;
	return map(domid, p);
}

void xen_page_unmap(int fd, struct xen_page *p)
{
	(void)fd;
	if (p->va)
		fake_xen.maps--;
	*p = (struct xen_page){ NULL, -1 };
}

uint32_t xen_ctl_fit(const struct xen_ctl *c)
{
	(void)c;
	return 3;
}

int xen_ctl_domains(struct xen_ctl *c, uint32_t first, uint32_t max,
		    const xen_domctl_getdomaininfo_t **list)
{
	static xen_domctl_getdomaininfo_t info[3];
	uint32_t n = 0;

	(void)c;
	fake_xen.scans++;
	memset(info, 0, sizeof(info));
	for (; first < FAKE_DOMAINS && n < max && n < 3; first++)
		if (fake_xen.exists[first])
			info[n++].domain = first;
	*list = info;
	return n;
}
