/* SPDX-License-Identifier: MIT */
/*
 * Ownership of frames: the frame table at boot, pages that the hypervisor
 * shares with a guest, and what happens when the last reference goes.
 */
#include <hyp/page.h>

#include <hyp/core.h>

mfn_t page_mfn_end;

/* What one 2 MiB page of the frame table describes. */
#define PIECE_FRAMES (0x200000 / sizeof(struct page))

/* Frames [first, end) are not RAM: device memory, as far as they are known. */
static void mark_hole(mfn_t first, mfn_t end)
{
	while (first < end) {
		/* All pieces without RAM are one. */
		if (!(first % PIECE_FRAMES) && end - first >= PIECE_FRAMES &&
		    page_of(first)->owner)
			first += PIECE_FRAMES;
		else
			page_of(first++)->owner = &dom_io;
	}
}

void boot_ram_each(void (*f)(paddr_t start, paddr_t end))
{
	const struct boot_range *r = boot_info.range;
	paddr_t start, end;

	for (; r < boot_info.range + boot_info.range_count; r++) {
		start = ALIGN_UP(r->start, PAGE_SIZE);
		end = ALIGN_DOWN(MIN(r->start + r->size, HYP_END - DIRECT_START),
				 PAGE_SIZE);
		if (r->type == 1 && start < end)
			f(start, end);
	}
}

static void add_ram(paddr_t start, paddr_t end)
{
	mark_hole(page_mfn_end, start >> PAGE_SHIFT);
	page_mfn_end = end >> PAGE_SHIFT;
}

void page_init(void)
{
	boot_ram_each(add_ram);
	m2p_share();
}

void page_free(struct page *p)
{
	if (p->refs & PGC_HYP) {
		p->refs = 0;
		p->owner = NULL;
		p->type = 0;
	} else {
		memory_forget(p->owner, p);
	}
	frame_free(page_mfn(p), 0);
}

struct page *page_get_writable(mfn_t m, const struct domain *owner)
{
	struct page *p = page_get(m, owner);

	if (!p)
		return NULL;
	if (page_writable_get(p))
		return p;
	page_put(p);
	return NULL;
}

/* Without knowing who used it: who is not current may be foreign. */
void page_put_writable(struct page *p)
{
	const struct vcpu *v = current_vcpu();

	page_writable_put(p, !v || v->domain != p->owner);
	page_put(p);
}

/*
 * Shared pages hold no reference on their domain: it owns them, and gives
 * them up when it ends.  A mapping that is left keeps the frame alone.
 */
struct page *page_alloc_shared(struct domain *d)
{
	mfn_t m = frame_alloc(0, 0, FRAME_ZERO);
	struct page *p;

	if (m == MFN_NONE)
		return NULL;
	p = page_of(m);
	p->type = 0;
	p->stamp = 0;
	p->owner = d;
	atomic_store(&p->refs, PGC_SHARED | PGC_HYP | 1);
	return p;
}

void page_free_shared(struct page *p)
{
	if (!p)
		return;
	/* From here on nobody gets a new reference. */
	atomic_fetch_and(&p->refs, ~PGC_SHARED);
	WRITE_ONCE(p->owner, &dom_xen);
	page_put(p);
}
