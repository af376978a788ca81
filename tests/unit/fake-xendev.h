/* SPDX-License-Identifier: MIT */
/*
 * A made-up machine behind common/xendev.h: pages are ordinary memory, event
 * channels are counted, and the list of domains is what the test says.
 */
#ifndef FAKE_XENDEV_H
#define FAKE_XENDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "common/xendev.h"

#define FAKE_DOMAINS	16
#define FAKE_BAD_PORT	666	/* cannot be bound */

struct fake_xen {
	unsigned int kicks, binds, maps, scans;
	bool exists[FAKE_DOMAINS], no_grants;
	/* What grant and frame maps of a domain show; NULL: cannot be. */
	void *page[FAKE_DOMAINS];
	uint32_t gref;			/* the last one that was mapped */
	uint32_t unmasked[1024];	/* how often, by local port */
};

extern struct fake_xen fake_xen;

/* The local port that a bind of @remote_port gives. */
#define FAKE_PORT(remote_port)	(300 + (remote_port))

#endif
