/* SPDX-License-Identifier: MIT */
/*
 * Where the pieces of a starting PV guest go.
 *
 * A PV kernel wakes up in a map that its builder made: from VIRT_BASE on, its
 * pseudo-physical frames in order, 4 KiB pages, and in them one after the
 * other
 *
 *   kernel | initrd* | p2m list* | start_info | store | console |
 *   page tables | stack | padding
 *
 * (* only for a kernel without MOD_START_PFN or INIT_P2M).  After that, not
 * mapped there: the initrd, and the p2m list with its own page tables, which
 * is mapped at INIT_P2M.  All of this is pure arithmetic; the hypervisor uses
 * it for the control domain and libctrl for guests.
 */
#pragma once

#include <hyp/elf.h>

#define PV_PAGE_SHIFT	12
#define PV_PAGE_SIZE	4096

/* The protection bits that the tables are written with. */
#define PV_L1_RW	UINT64_C(0x23)	/* present, writable, accessed */
#define PV_L1_RO	UINT64_C(0x21)
#define PV_TABLE	UINT64_C(0x67)	/* and user, dirty */

struct pv_range {
	uint64_t pfn;
	uint64_t nr;		/* frames; 0: not there */
};

struct pv_layout_want {
	uint64_t nr_pages;	/* frames that the guest starts with */
	uint64_t initrd_bytes;	/* 0: none */
	uint32_t start_info_pages;
	bool rings;		/* a store and a console page (not for dom0) */
};

/* Page tables of one stretch of addresses, in the order of their frames. */
struct pv_tables {
	uint32_t l3, l2, l1;
};

struct pv_layout {
	uint64_t virt_base;	/* virtual address of pfn 0 */
	uint64_t nr_pages;
	struct pv_range kernel;
	struct pv_range initrd;
	struct pv_range p2m;		/* the list itself */
	struct pv_range p2m_tables;	/* L3, then L2, L1: only at INIT_P2M */
	struct pv_range start_info;
	struct pv_range store;
	struct pv_range console;
	struct pv_range tables;		/* L4, then L3, L2, L1 */
	struct pv_range stack;
	uint64_t mapped_pages;		/* pfns [0, this) are mapped */
	uint64_t used_pages;		/* first pfn that nothing uses */
	uint64_t p2m_va;
	struct pv_tables map;		/* how many of each in `tables` ... */
	struct pv_tables p2m_map;	/* ... and in `p2m_tables` */
	bool p2m_outside;		/* at INIT_P2M */
	bool initrd_unmapped;		/* start_info names it by pfn */
};

static inline uint64_t pv_va(const struct pv_layout *l, uint64_t pfn)
{
	return l->virt_base + (pfn << PV_PAGE_SHIFT);
}

/* The stack grows down from here. */
static inline uint64_t pv_stack_end(const struct pv_layout *l)
{
	return pv_va(l, l->stack.pfn + 1);
}

static inline bool pv_range_has(struct pv_range r, uint64_t pfn)
{
	return pfn - r.pfn < r.nr;
}

/*
 * Plan a guest.  NULL, or the end of a sentence about the kernel.  When the
 * guest has too little memory that is refused too, and *needed is set to the
 * number of frames that would do (else to 0).
 */
const char *pv_layout_plan(const struct elf_image *e,
			   const struct pv_layout_want *want,
			   struct pv_layout *l, uint64_t *needed);

/*
 * Write every page table, each entry once, in the order of the frames.
 * p2m[pfn] is the machine frame of each frame of the guest; page() returns
 * where frame pfn can be written, 4 KiB that are already zero.
 */
typedef uint64_t *pv_page_fn(void *ctx, uint64_t pfn);
void pv_layout_write_tables(const struct pv_layout *l, const uint64_t *p2m,
			    pv_page_fn *page, void *ctx);
