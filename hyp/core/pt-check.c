/* SPDX-License-Identifier: MIT */
/* Pure rules about page-table entries; see pt-check.h. */
#include <hyp/pt-check.h>

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

	/* The PAT that we load: WB WT UC- UC WC WP UC UC; three are cached. */
	if (index < 2 || index == 5)
		e = (e & ~PTE_CACHE) | PTE_PCD | PTE_PWT;
	return e;
}
