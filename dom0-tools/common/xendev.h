/* SPDX-License-Identifier: MIT */
/*
 * The few things that the store and console daemons ask of the kernel's Xen devices: event
 * channels, single granted or foreign pages, the list of domains, and the
 * hypervisor's log. Every function returns a negative errno on failure.
 */
#ifndef COMMON_XENDEV_H
#define COMMON_XENDEV_H

#include <stdint.h>
#include <stddef.h>

#include <xen/xen.h>
#include <xen/domctl.h>

/* ---- event channels: one descriptor carries any number of ports ---- */
int xen_evtchn_open(void);
/* Both return the local port. */
int xen_evtchn_bind(int fd, uint32_t domid, uint32_t remote_port);
int xen_evtchn_bind_virq(int fd, uint32_t virq);
int xen_evtchn_unbind(int fd, uint32_t port);
int xen_evtchn_notify(int fd, uint32_t port);
/* Pending ports, at most @max; they stay masked until unmasked. */
int xen_evtchn_pending(int fd, uint32_t *ports, unsigned int max);
void xen_evtchn_unmask(int fd, const uint32_t *ports, unsigned int nr);

/* ---- one page of another domain ---- */
struct xen_page {
	void *va;		/* NULL: nothing mapped */
	int64_t grant;		/* gntdev index, or -1: mapped by frame number */
};

int xen_gntdev_open(void);
int xen_page_map_grant(int gntdev, uint32_t domid, uint32_t gref,
		       struct xen_page *page);
int xen_page_map_frame(int privcmd, uint32_t domid, uint64_t mfn,
		       struct xen_page *page);
void xen_page_unmap(int gntdev, struct xen_page *page);

/* ---- hypercalls ---- */
struct xen_ctl {
	int fd;			/* /dev/xen/privcmd */
	uint8_t *mem;		/* memory that never moves, for arguments */
	size_t mem_len;
};

int xen_ctl_open(struct xen_ctl *c, size_t mem_len);
/*
 * Up to @max domains with id >= @first, by id: points *@list into c->mem
 * (until the next call) and returns how many. Fewer than both @max and
 * xen_ctl_fit() means that there are no more.
 */
uint32_t xen_ctl_fit(const struct xen_ctl *c);
int xen_ctl_domains(struct xen_ctl *c, uint32_t first, uint32_t max,
		    const xen_domctl_getdomaininfo_t **list);
/*
 * The hypervisor's log from *@index on: points *@text into c->mem, returns its
 * length and moves *@index. @index NULL: all of it.
 */
int xen_ctl_console(struct xen_ctl *c, uint32_t *index, const char **text);

#endif
