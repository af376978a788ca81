/* SPDX-License-Identifier: MIT */
/*
 * Which segment descriptors a guest may have.  None that it can load opens
 * ring 0: code and data segments get privilege level 3, gates and system
 * segments are refused.  Pure.
 */
#include <hyp/desc.h>

#define SLOTS		512		/* of a page */

#define DESC_P		BIT(47)
#define DESC_DPL	(3ULL << 45)
#define DESC_S		BIT(44)
#define DESC_TYPE	(15ULL << 40)

bool desc_fix(u64 *slot)
{
	const u64 d = READ_ONCE(*slot);

	if (!(d & DESC_P))
		return true;
	if (!(d & DESC_S))
		/* Type 0 is how the upper half of a long one looks. */
		return !(d & DESC_TYPE);
	if ((d & DESC_DPL) != DESC_DPL)
		WRITE_ONCE(*slot, d | DESC_DPL);
	return true;
}

bool desc_page_fix(u64 *slots)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (!desc_fix(&slots[i]))
			return false;
	return true;
}
