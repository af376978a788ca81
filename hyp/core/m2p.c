/* SPDX-License-Identifier: MIT */
/*
 * The M2P's own frames.  It is mapped with 2 MiB pages at boot; the control
 * domain may map these frames read-only to save a guest.
 */
#include <hyp/memory.h>

#include <hyp/domain.h>

#include <asm/hyp-map.h>

#define PIECE_SHIFT	21
#define PIECE_FRAMES	(1u << (PIECE_SHIFT - PAGE_SHIFT))

mfn_t m2p_piece(unsigned i)
{
	const u64 va = M2P_START + ((u64)i << PIECE_SHIFT);
	u64 *t = hyp_l4, e;

	for (unsigned level = 4; level > 1; level--) {
		e = t[pt_index(va, level)];
		if (!(e & PTE_P))
			return 0;
		t = frame_to_virt(pte_mfn(e));
	}
	return pte_mfn(e) & ~(mfn_t)(PIECE_FRAMES - 1);
}

static void share(mfn_t first)
{
	struct page *p;

	for (unsigned i = 0; i < PIECE_FRAMES; i++) {
		if (!mfn_valid(first + i))
			continue;
		p = page_of(first + i);
		p->owner = &dom_xen;
		p->refs = PGC_SHARED | 1;
	}
}

void m2p_share(void)
{
	const u64 pieces = DIV_UP(page_mfn_end * sizeof(u64),
				  1UL << PIECE_SHIFT);
	mfn_t m;

	for (unsigned i = 0; i < pieces; i++) {
		m = m2p_piece(i);
		if (m)
			share(m);
	}
}
