/* SPDX-License-Identifier: MIT */
/* Changes and look-ups of page-table entries. */
#include <pv/pv.h>

uint64_t pv_pfn(uint64_t mfn)
{
	return ((const volatile uint64_t *)__HYPERVISOR_VIRT_START)[mfn];
}

int pv_map(const void *at, uint64_t pte)
{
	return (int)pv_hypercall(__HYPERVISOR_update_va_mapping,
				 (unsigned long)at, pte, UVMF_INVLPG, 0);
}

int pv_table_set(uint64_t machine, uint64_t pte)
{
	struct mmu_update u = { .ptr = machine | MMU_NORMAL_PT_UPDATE,
				.val = pte };

	return (int)pv_hypercall(__HYPERVISOR_mmu_update, (unsigned long)&u,
				 1, 0, DOMID_SELF);
}

uint64_t pv_table_get(struct pv *pv, const void *at, int level,
		      uint64_t *machine)
{
	uint64_t *table = (uint64_t *)pv->start->pt_base;
	uint64_t *entry;
	int l = 4;

	for (;;) {
		entry = &table[(uintptr_t)at >> (3 + 9 * l) & 511];
		if (l-- == level)
			break;
		if (!(*entry & PV_PTE_PRESENT))
			return 0;
		table = pv_os_at(pv, (*entry & PV_PTE_FRAME) >> PV_PAGE_SHIFT);
	}
	if (machine)
		*machine = (pv_os_mfn(pv, entry) << PV_PAGE_SHIFT) +
			   ((uintptr_t)entry & (PV_PAGE_SIZE - 1));
	return *entry;
}
