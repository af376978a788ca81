/* SPDX-License-Identifier: MIT */
/* See brake.h. */
#include "brake.h"

uint64_t brake_pause(struct brake *b, uint64_t lived_ns, bool by_itself)
{
	uint64_t pause = BRAKE_FIRST_NS;

	/* Who kills one after the other gets one after the other. */
	if (!by_itself)
		return lived_ns < BRAKE_FIRST_NS ? BRAKE_FIRST_NS : 0;
	if (lived_ns >= BRAKE_CALM_NS)
		b->deaths = 0;
	b->deaths++;
	if (b->deaths <= BRAKE_FREE_DEATHS)
		return 0;
	for (unsigned int n = BRAKE_FREE_DEATHS + 1; n < b->deaths &&
	     pause < BRAKE_MOST_NS; n++)
		pause *= 2;
	return pause < BRAKE_MOST_NS ? pause : BRAKE_MOST_NS;
}
