/* SPDX-License-Identifier: MIT */
/*
 * Frames and page tables, as a paravirtual guest sees them.  Its own numbering
 * of its memory is the pfn; the machine's is the mfn.  The p2m list leads from
 * the first to the second, and the hypervisor's table, which everybody may
 * read, back.  Page-table entries hold mfns, tables are read-only to us, and
 * each change of an entry is asked for.
 */
#ifndef PV_PAGE_H
#define PV_PAGE_H

#include <pv/hypercall.h>
#include <pv/os.h>

#define PV_PTE_PRESENT	UINT64_C(0x001)
#define PV_PTE_WRITE	UINT64_C(0x002)
#define PV_PTE_USER	UINT64_C(0x004)
#define PV_PTE_ACCESSED	UINT64_C(0x020)
#define PV_PTE_DIRTY	UINT64_C(0x040)
#define PV_PTE_NX	(UINT64_C(1) << 63)
#define PV_PTE_FRAME	UINT64_C(0x000ffffffffff000)

/* A read-only page, a writable one, an entry that names a table. */
#define PV_PTE_RO	(PV_PTE_PRESENT | PV_PTE_USER | PV_PTE_ACCESSED)
#define PV_PTE_RW	(PV_PTE_RO | PV_PTE_WRITE | PV_PTE_DIRTY)
#define PV_PTE_TABLE	(PV_PTE_RW)

static inline uint64_t pv_pte(uint64_t mfn, uint64_t bits)
{
	return mfn << PV_PAGE_SHIFT | bits;
}

/* The pfn of a frame; for a frame that is not ours, any number at all. */
uint64_t pv_pfn(uint64_t mfn);

/* Change what one address shows.  Its last-level table must exist. */
int pv_map(const void *at, uint64_t pte);

/* Write one entry, at this machine address, of a table of any level. */
int pv_table_set(uint64_t machine, uint64_t pte);

/*
 * The entry of `level` (4 to 1) that an address goes through in the tables of
 * start_info; 0 where an upper level is empty.  *machine, when not NULL, is
 * where that entry lies, for pv_table_set().
 */
uint64_t pv_table_get(struct pv *pv, const void *at, int level,
		      uint64_t *machine);

#endif
