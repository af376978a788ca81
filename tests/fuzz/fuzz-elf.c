/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a kernel image.  What must hold of one that is taken: its
 * segments lie in the file, and when a guest is planned with it, the pieces
 * do not overlap and its page tables can be written.
 */
#include <stdint.h>
#include <stdlib.h>

#include <hyp/elf.h>
#include <hyp/pv-layout.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x)	do { if (!(x)) abort(); } while (0)
#define GUEST_PAGES	8192

static const struct pv_layout *planned;
static uint64_t scratch[512];

static uint64_t *page(void *ctx, uint64_t pfn)
{
	(void)ctx;
	PROMISE(pv_range_has(planned->tables, pfn) ||
		pv_range_has(planned->p2m_tables, pfn));
	return scratch;
}

static void check_ranges(const struct pv_layout *l)
{
	const struct pv_range all[] = {
		l->kernel, l->initrd, l->p2m, l->p2m_tables, l->start_info,
		l->store, l->console, l->tables, l->stack,
	};
	const size_t n = sizeof(all) / sizeof(all[0]);
	size_t i, k;

	for (i = 0; i < n; i++) {
		PROMISE(!all[i].nr || all[i].pfn + all[i].nr <= GUEST_PAGES);
		for (k = 0; k < i; k++)
			PROMISE(!all[i].nr || !all[k].nr ||
				all[i].pfn >= all[k].pfn + all[k].nr ||
				all[k].pfn >= all[i].pfn + all[i].nr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pv_layout_want want = {
		.nr_pages = GUEST_PAGES, .initrd_bytes = 70000,
		.start_info_pages = 1, .rings = true,
	};
	static uint64_t p2m[GUEST_PAGES];
	struct pv_layout l;
	struct elf_image e;
	uint64_t needed;
	uint32_t i;

	if (elf_parse(data, size, &e))
		return 0;
	for (i = 0; i < e.nr_segments; i++)
		PROMISE(e.segment[i].offset <= size &&
			e.segment[i].filesz <= size - e.segment[i].offset);
	if (pv_layout_plan(&e, &want, &l, &needed))
		return 0;
	check_ranges(&l);
	planned = &l;
	pv_layout_write_tables(&l, p2m, page, NULL);
	return 0;
}
