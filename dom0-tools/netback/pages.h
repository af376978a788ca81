/* SPDX-License-Identifier: MIT */
/*
 * The pages that packets pass through.
 *
 * A grant copy between a guest's page and memory of ours makes the kernel look
 * up and hold our page, each time; that costs more than the copy. So our pages
 * are granted, once, by the control domain to itself (/dev/xen/gntalloc), and
 * a copy goes from grant to grant. Where that cannot be had, for the kernel
 * has a limit, it is plain memory.
 */
#ifndef NETBACK_PAGES_H
#define NETBACK_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/sys/gntdev.h>

#include "ring.h"

#define NET_PAGES_MAX	512u

struct pages {
	uint8_t *at;
	bool granted;
	uint32_t gref[NET_PAGES_MAX];
};

/* @n pages; 0 or -errno. Before rights are given up. */
int pages_open(struct pages *p, unsigned int n);
/* Make @s a copy of @bytes from a guest's grant to @to, which is in @p... */
void pages_fetch(const struct pages *p,
		 struct ioctl_gntdev_grant_copy_segment *s, uint16_t domid,
		 const struct net_frag *f, uint8_t *to);
/* ... or from @from, in @p, to the start of a guest's grant. */
void pages_put(const struct pages *p, struct ioctl_gntdev_grant_copy_segment *s,
	       uint16_t domid, uint32_t gref, uint8_t *from, uint32_t bytes);
/* The guest's grant in a copy made by one of these. */
uint32_t pages_theirs(const struct ioctl_gntdev_grant_copy_segment *s,
		      bool fetch);

#endif
