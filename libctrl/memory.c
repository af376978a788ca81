/* SPDX-License-Identifier: MIT */
/* Memory of domains: promises, frames, the map they are told, pinning. */
#include <errno.h>
#include <string.h>

#include "private.h"

#define BIG_ORDER	9	/* 2 MiB, the best that PV memory can use */
#define BIG_PAGES	(UINT64_C(1) << BIG_ORDER)

int ctrl_memory_claim(struct ctrl *c, uint16_t domid, uint64_t nr)
{
	struct xen_memory_reservation *r = privcmd_memory_new(c, sizeof(*r));
	int rc;

	r->nr_extents = nr;
	r->domid = domid;
	rc = (int)privcmd_memory(c, XENMEM_claim_pages);
	return rc < 0 ? ctrl_fail_domain(c, rc, domid, "claim its memory") : 0;
}

long memory_populate_extents(struct ctrl *c, uint16_t domid,
			     unsigned int order, uint64_t first_pfn,
			     uint32_t nr, const uint64_t **mfns)
{
	struct xen_memory_reservation *r = privcmd_memory_new(c, sizeof(*r));
	xen_pfn_t *extent = c->data;
	uint32_t i;

	for (i = 0; i < nr; i++)
		extent[i] = first_pfn + ((uint64_t)i << order);
	set_xen_guest_handle(r->extent_start, extent);
	r->nr_extents = nr;
	r->extent_order = order;
	r->domid = domid;
	*mfns = extent;
	return privcmd_memory(c, XENMEM_populate_physmap);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Give up to nr pages in extents of one order; how many pages it were. */
static uint64_t populate_some(struct ctrl *c, uint16_t domid,
			      unsigned int order, uint64_t first, uint64_t nr,
			      uint64_t *mfn)
{
	uint32_t want = (uint32_t)smaller(nr >> order, MEMORY_EXTENTS_MAX);
	const uint64_t *got;
	long n, i;
	uint64_t k;

	n = memory_populate_extents(c, domid, order, first, want, &got);
	for (i = 0; i < n; i++)
		for (k = 0; k < UINT64_C(1) << order; k++)
			*mfn++ = got[i] + k;
	return n < 0 ? 0 : (uint64_t)n << order;
}

int ctrl_memory_populate(struct ctrl *c, uint16_t domid, uint64_t first,
			 uint64_t nr, uint64_t *mfn)
{
	while (nr) {
		uint64_t n = 0;

		if (nr >= BIG_PAGES)
			n = populate_some(c, domid, BIG_ORDER, first, nr, mfn);
		if (!n)
			n = populate_some(c, domid, 0, first,
					  smaller(nr, BIG_PAGES), mfn);
		if (!n)
			return ctrl_fail_domain(c, -ENOMEM, domid,
						"get its memory");
		first += n;
		mfn += n;
		nr -= n;
	}
	return 0;
}

/* One entry of a PC memory map, as the ABI lays it out. */
struct e820_entry {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

int ctrl_memory_set_map(struct ctrl *c, uint16_t domid, uint64_t kib)
{
	struct xen_foreign_memory_map *m = privcmd_memory_new(c, sizeof(*m));
	struct e820_entry *ram = c->data;
	int rc;

	*ram = (struct e820_entry){ .addr = 0, .size = kib << 10, .type = 1 };
	m->domid = domid;
	m->map.nr_entries = 1;
	set_xen_guest_handle(m->map.buffer, (void *)ram);
	rc = (int)privcmd_memory(c, XENMEM_set_memory_map);
	return rc < 0 ? ctrl_fail_domain(c, rc, domid,
					 "set its memory map") : 0;
}

int ctrl_memory_pin_l4(struct ctrl *c, uint16_t domid, uint64_t mfn)
{
	struct mmuext_op *op = c->op;
	int rc;

	memset(op, 0, sizeof(*op));
	op->cmd = MMUEXT_PIN_L4_TABLE;
	op->arg1.mfn = mfn;
	rc = (int)privcmd_call(c, __HYPERVISOR_mmuext_op,
			       (uint64_t)(uintptr_t)op, 1, 0, domid, 0);
	return rc < 0 ? ctrl_fail_domain(c, rc, domid,
					 "pin its page tables") : 0;
}
