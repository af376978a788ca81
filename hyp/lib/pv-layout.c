/* SPDX-License-Identifier: MIT */
/*
 * The plan of a starting PV guest.  The page tables map themselves, so their
 * number depends on itself; it is found by counting until it stops growing.
 * Every length is bounded by the guest's memory before it is added up.
 */
#include <hyp/pv-layout.h>

#include <xen/elfnote.h>

#define MAX_PAGES	(UINT64_C(1) << 28)	/* 1 TiB */
#define SPARE_PAGES	128			/* 512 KiB after the stack */
#define PAD_PAGES	1024			/* to a 4 MiB boundary */
#define ENTRIES		512

static uint64_t pages(uint64_t bytes)
{
	return (bytes >> PV_PAGE_SHIFT) + !!(bytes & (PV_PAGE_SIZE - 1));
}

/* How many tables whose entries span 2^shift bytes cover [va, last]? */
static uint32_t tables_for(uint64_t va, uint64_t last, unsigned int shift)
{
	return (uint32_t)((last >> shift) - (va >> shift) + 1);
}

/* The tables of nr frames from va on, without the L4. */
static struct pv_tables count_tables(uint64_t va, uint64_t nr)
{
	const uint64_t last = va + (nr << PV_PAGE_SHIFT) - 1;

	return (struct pv_tables){ tables_for(va, last, 39),
				   tables_for(va, last, 30),
				   tables_for(va, last, 21) };
}

static uint64_t all_tables(struct pv_tables t)
{
	return (uint64_t)t.l3 + t.l2 + t.l1;
}

static struct pv_range take(uint64_t *next, uint64_t nr)
{
	struct pv_range r = { .pfn = *next, .nr = nr };

	*next += nr;
	return r;
}

/* The end of the boot map when the stack ends at pfn `end`. */
static uint64_t padded(const struct pv_layout *l, uint64_t end)
{
	uint64_t base = l->virt_base >> PV_PAGE_SHIFT;
	uint64_t stop = base + end + SPARE_PAGES + PAD_PAGES - 1;

	return (stop & ~(uint64_t)(PAD_PAGES - 1)) - base;
}

/* The boot map must end before the address space or the hypervisor begins. */
static bool fits_addresses(const struct pv_layout *l)
{
	uint64_t end = l->virt_base + (l->mapped_pages << PV_PAGE_SHIFT);

	if (l->virt_base < UINT64_C(1) << 47)
		return end <= UINT64_C(1) << 47;
	return end == 0 || end > l->virt_base;
}

/*
 * Page tables, stack and padding from pfn *next on: the fixed point.  False
 * if that does not fit into the address space.
 */
static bool plan_tables(struct pv_layout *l, uint64_t *next)
{
	uint64_t start = *next, nr = 0, want = 4;

	while (nr != want) {
		nr = want;
		l->mapped_pages = padded(l, start + nr + 1);
		if (!fits_addresses(l))
			return false;
		l->map = count_tables(l->virt_base, l->mapped_pages);
		want = 1 + all_tables(l->map);
	}
	l->tables = take(next, nr);
	l->stack = take(next, 1);
	*next = l->mapped_pages;
	return true;
}

/* The p2m list of a kernel with INIT_P2M, and the tables that map it. */
static void plan_p2m_outside(struct pv_layout *l, uint64_t *next)
{
	uint64_t nr = pages(l->nr_pages * sizeof(uint64_t));

	l->p2m = take(next, nr);
	l->p2m_map = count_tables(l->p2m_va, nr);
	l->p2m_tables = take(next, all_tables(l->p2m_map));
}

/*
 * INIT_P2M counts when it is a page address below VIRT_BASE.  Then it has to
 * lie in other slots of the L4 than the boot map, whose tables we own alone.
 */
static const char *choose_p2m(const struct elf_image *e, struct pv_layout *l)
{
	uint64_t va = e->notes.init_p2m;
	uint64_t bytes = l->nr_pages * sizeof(uint64_t) + PV_PAGE_SIZE;

	l->p2m_outside = elf_has_note(e, XEN_ELFNOTE_INIT_P2M) &&
			 va < l->virt_base && !(va & (PV_PAGE_SIZE - 1));
	if (!l->p2m_outside)
		return NULL;
	l->p2m_va = va;
	if (va >= UINT64_C(1) << 47 || bytes > (UINT64_C(1) << 47) - va)
		return "wants its p2m list at an address that it cannot have";
	if ((va + bytes) >> 39 >= l->virt_base >> 39)
		return "wants its p2m list too close to itself";
	return NULL;
}

/* Place everything; sizes are known to be sane.  False: no room for it. */
static bool place(const struct elf_image *e,
		      const struct pv_layout_want *want, struct pv_layout *l)
{
	uint64_t first = e->start >> PV_PAGE_SHIFT;
	uint64_t next = pages(e->end);
	uint64_t initrd = pages(want->initrd_bytes);

	l->kernel = (struct pv_range){ .pfn = first, .nr = next - first };
	l->initrd_unmapped = e->notes.mod_start_pfn != 0;
	if (!l->initrd_unmapped)
		l->initrd = take(&next, initrd);
	if (!l->p2m_outside) {
		l->p2m = take(&next, pages(l->nr_pages * sizeof(uint64_t)));
		l->p2m_va = pv_va(l, l->p2m.pfn);
	}
	l->start_info = take(&next, want->start_info_pages);
	if (want->rings) {
		l->store = take(&next, 1);
		l->console = take(&next, 1);
	}
	if (!plan_tables(l, &next))
		return false;
	if (l->initrd_unmapped)
		l->initrd = take(&next, initrd);
	if (l->p2m_outside)
		plan_p2m_outside(l, &next);
	l->used_pages = next;
	return true;
}

const char *pv_layout_plan(const struct elf_image *e,
			   const struct pv_layout_want *want,
			   struct pv_layout *l, uint64_t *needed)
{
	const char *bad;

	*needed = 0;
	*l = (struct pv_layout){
		.virt_base = e->notes.virt_base, .nr_pages = want->nr_pages,
	};
	if (want->nr_pages > MAX_PAGES || want->start_info_pages > 256)
		return "would get more memory than 1 TiB";
	bad = choose_p2m(e, l);
	if (bad)
		return bad;

	/* Bounded terms, so that the sums below cannot wrap. */
	if (pages(e->end) > MAX_PAGES || pages(want->initrd_bytes) > MAX_PAGES)
		return "is larger than any guest";
	if (!place(e, want, l))
		return "does not fit below the end of the address space";
	if (l->used_pages <= want->nr_pages)
		return NULL;
	/* The p2m list of more memory is longer. */
	while (l->nr_pages < l->used_pages) {
		l->nr_pages = l->used_pages;
		if (!place(e, want, l))
			return "does not fit below the end of the address space";
	}
	*needed = l->used_pages;
	return "does not fit into the memory of the guest";
}

struct writer {
	const struct pv_layout *l;
	const uint64_t *p2m;
	pv_page_fn *page;
	void *ctx;
};

/*
 * One level of a block of tables: each entry from that of `va` on names the
 * next frame from `pfn` on.  shift is log2 of the bytes under one entry.
 * Frames that hold page tables themselves are mapped read-only.
 */
static void write_level(const struct writer *w, uint64_t first_table,
			uint64_t va, unsigned int shift, uint64_t pfn,
			uint64_t nr, uint64_t bits)
{
	uint64_t slot = va >> shift & (ENTRIES - 1);
	uint64_t *table = w->page(w->ctx, first_table);
	bool is_l1 = bits == PV_L1_RW;

	for (; nr; nr--, pfn++) {
		if (slot == ENTRIES) {
			table = w->page(w->ctx, ++first_table);
			slot = 0;
		}
		if (is_l1)
			bits = pv_range_has(w->l->tables, pfn) ? PV_L1_RO :
								 PV_L1_RW;
		table[slot++] = w->p2m[pfn] << PV_PAGE_SHIFT | bits;
	}
}

/* The L4's entries for nr frames from pfn on, seen at va, and the tables
 * below, which begin at frame l3. */
static void write_map(const struct writer *w, uint64_t va, uint64_t l3,
		      struct pv_tables t, uint64_t pfn, uint64_t nr)
{
	const uint64_t l2 = l3 + t.l3, l1 = l2 + t.l2;

	write_level(w, w->l->tables.pfn, va, 39, l3, t.l3, PV_TABLE);
	write_level(w, l3, va, 30, l2, t.l2, PV_TABLE);
	write_level(w, l2, va, 21, l1, t.l1, PV_TABLE);
	write_level(w, l1, va, 12, pfn, nr, PV_L1_RW);
}

void pv_layout_write_tables(const struct pv_layout *l, const uint64_t *p2m,
			    pv_page_fn *page, void *ctx)
{
	const struct writer w = { .l = l, .p2m = p2m, .page = page,
				  .ctx = ctx };

	write_map(&w, l->virt_base, l->tables.pfn + 1, l->map, 0,
		  l->mapped_pages);
	if (l->p2m_outside)
		write_map(&w, l->p2m_va, l->p2m_tables.pfn, l->p2m_map,
			  l->p2m.pfn, l->p2m.nr);
}
