/* SPDX-License-Identifier: MIT */
/*
 * Pages.  The unused ones are of three kinds: a list of freed ones, then a
 * line of mapped ones, then a line of unmapped ones.  Pages are taken from the
 * first that has some, and the third is drawn into the second 2 MiB at a time:
 * the last page of each mapped stretch becomes the page table of the next.
 * Nothing is touched before it is used, so the start costs the same whether
 * the guest has 1 MiB or 1 GiB.
 */
#include "tiny.h"

#define TABLE_PAGES	512

static struct free_page {
	struct free_page *next;
} *freed;
static unsigned long nr_freed;
static unsigned long next_pfn, mapped_end, memory_end;

static void *pfn_at(unsigned long pfn)
{
	return (void *)(VIRT_BASE + (pfn << PV_PAGE_SHIFT));
}

static unsigned long at_pfn(const void *at)
{
	return ((unsigned long)at - VIRT_BASE) >> PV_PAGE_SHIFT;
}

static uint64_t pfn_mfn(unsigned long pfn)
{
	return ((const uint64_t *)pv.start->mfn_list)[pfn];
}

/*
 * Behind the page tables lies the builder's stack, and behind it what is
 * mapped but unused, up to the end of the last table or of the memory.
 */
void mm_init(struct pv *pv)
{
	unsigned long end = VIRT_BASE, limit;

	next_pfn = at_pfn((void *)pv->start->pt_base) +
		   pv->start->nr_pt_frames + 1;
	memory_end = pv->start->nr_pages;
	limit = at_pfn((void *)VIRT_END);
	if (memory_end > limit)
		memory_end = limit;
	end = (unsigned long)pfn_at(next_pfn) + (512 << 10);
	end = (end + (4 << 20) - 1) & -(unsigned long)(4 << 20);
	mapped_end = at_pfn((void *)end);
	if (mapped_end > memory_end)
		mapped_end = memory_end;
}

/* Map the next stretch; its table is a page from the line of mapped ones. */
static bool map_more(struct pv *pv)
{
	uint64_t *table = pfn_at(next_pfn), where;
	unsigned long n = memory_end - mapped_end, i;
	void *at = pfn_at(mapped_end);

	if (!n || next_pfn == mapped_end)
		return false;
	if (n > TABLE_PAGES)
		n = TABLE_PAGES;
	for (i = 0; i < TABLE_PAGES; i++)
		table[i] = i < n ? pv_pte(pfn_mfn(mapped_end + i), PV_PTE_RW)
				 : 0;
	pv_table_get(pv, at, 2, &where);
	if (pv_map(table, pv_pte(pfn_mfn(next_pfn), PV_PTE_RO)) ||
	    pv_table_set(where, pv_pte(pfn_mfn(next_pfn), PV_PTE_TABLE)))
		return false;
	next_pfn++;
	mapped_end += n;
	return true;
}

/* Pages side by side come from the line; the last one is kept for a table. */
static void *from_line(struct pv *pv, unsigned int nr)
{
	void *at;

	while (mapped_end < memory_end ? mapped_end - next_pfn <= nr
				       : mapped_end - next_pfn < nr)
		if (!map_more(pv))
			return NULL;
	at = pfn_at(next_pfn);
	next_pfn += nr;
	return at;
}

void *mm_pages(struct pv *pv, unsigned int nr)
{
	void *at = freed;

	if (nr == 1 && at) {
		freed = freed->next;
		nr_freed--;
	} else {
		at = from_line(pv, nr);
	}
	return at ? memset(at, 0, nr * PV_PAGE_SIZE) : NULL;
}

void mm_free(void *at, unsigned int nr)
{
	struct free_page *page;

	while (nr--) {
		page = (void *)((char *)at + nr * PV_PAGE_SIZE);
		page->next = freed;
		freed = page;
		nr_freed++;
	}
}

unsigned long mm_free_pages(void)
{
	return nr_freed + memory_end - next_pfn;
}

/* ---- What the drivers ask for: pv/os.h ---- */

void *pv_os_pages(struct pv *pv, unsigned int nr)
{
	return mm_pages(pv, nr);
}

void pv_os_free_pages(struct pv *pv, void *at, unsigned int nr)
{
	(void)pv;
	mm_free(at, nr);
}

uint64_t pv_os_mfn(struct pv *pv, const void *at)
{
	(void)pv;
	return pfn_mfn(at_pfn(at));
}

void *pv_os_at(struct pv *pv, uint64_t mfn)
{
	(void)pv;
	return pfn_at(pv_pfn(mfn));
}

/* Foreign frames are shown in the place of pages of ours. */
void *pv_os_map(struct pv *pv, void *at, const uint64_t *mfn, unsigned int nr)
{
	unsigned int i;

	if (!at)
		at = mm_pages(pv, nr);
	for (i = 0; at && i < nr; i++)
		if (pv_map((char *)at + i * PV_PAGE_SIZE,
			   pv_pte(mfn[i], PV_PTE_RW)))
			return NULL;
	return at;
}
