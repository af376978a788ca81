/* SPDX-License-Identifier: MIT */
/*
 * How long a keeper waits before it starts a dead daemon again.  Pure.
 *
 * Somebody who kills a daemon is obeyed by starting another at once.  One that
 * ends by itself will often do so again as soon as it sees what it saw: the
 * first few times it is started at once all the same, then after pauses that
 * double, up to a limit.  A long life makes up for all deaths before it.
 */
#ifndef COMMON_BRAKE_H
#define COMMON_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#define BRAKE_FREE_DEATHS	5
#define BRAKE_FIRST_NS		100000000ull
#define BRAKE_MOST_NS		10000000000ull
#define BRAKE_CALM_NS		30000000000ull	/* so long is a long life */

struct brake {
	unsigned int deaths;	/* by itself, without a long life between */
};

/* A daemon died after LIVED_NS; how long to wait before the next. */
uint64_t brake_pause(struct brake *b, uint64_t lived_ns, bool by_itself);

#endif
