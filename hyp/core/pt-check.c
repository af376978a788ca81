/* SPDX-License-Identifier: MIT */
/* Pure rules about page-table entries; see pt-check.h. */
#include <hyp/pt-check.h>

/* Indices of the PAT that we load: 0 WB 1 WT 2 UC- 3 UC 4 WC 5 WP 6 UC 7 UC. */
static bool pat_is_cached(unsigned index)
{
	return index < 2 || index == 5;
}

bool pt_check_table(unsigned level, u64 entry)
{
	u64 refused = PTE_PWT | PTE_PCD | PTE_PS | PTE_G;

	return level >= 2 && level <= 4 && !(entry & refused);
}

bool pt_check_l1(u64 entry, bool hardware)
{
	return hardware || !(entry & PTE_CACHE);
}

u64 pt_cache_device(u64 e)
{
	unsigned index = (e & PTE_PAT ? 4 : 0) | (e & PTE_PCD ? 2 : 0) |
			 (e & PTE_PWT ? 1 : 0);

	if (pat_is_cached(index))
		e = (e & ~PTE_CACHE) | PTE_PCD | PTE_PWT;
	return e;
}
