/* SPDX-License-Identifier: MIT */
/*
 * How much one guest may have said about itself in a log that it shares with
 * others: so many lines at once, then one in a while.  Pure.
 */
#ifndef COMMON_LOGRATE_H
#define COMMON_LOGRATE_H

#include <stdbool.h>
#include <stdint.h>

#define LOGRATE_BURST	32
#define LOGRATE_NS	30000000000ull

struct lograte {
	uint64_t paid_until;	/* each line costs LOGRATE_NS */
	unsigned int left_out;	/* since the last line that was not */
};

/* NOW somebody wants to say a line.  True: it may, and *left_out others could
 * not before it. */
static inline bool lograte_allows(struct lograte *r, uint64_t now,
				  unsigned int *left_out)
{
	*left_out = r->left_out;
	if (r->paid_until + LOGRATE_NS > now + LOGRATE_BURST * LOGRATE_NS) {
		r->left_out++;
		return false;
	}
	if (r->paid_until < now)
		r->paid_until = now;
	r->paid_until += LOGRATE_NS;
	r->left_out = 0;
	return true;
}

#endif
