/* SPDX-License-Identifier: MIT */
/* Where frames and their struct page are mapped; the host tests have their own. */
#pragma once

#include <hyp/types.h>

#include <asm/layout.h>

static inline struct page *frame_table(void)
{
	return (struct page *)FRAMES_START;
}

static inline u64 *m2p_table(void)
{
	return (u64 *)M2P_START;
}

/* Frame of RAM to its address in the direct map, and back. */
static inline void *frame_to_virt(mfn_t m)
{
	return (void *)(DIRECT_START + (m << PAGE_SHIFT));
}

static inline mfn_t virt_to_frame(const void *p)
{
	return ((u64)p - DIRECT_START) >> PAGE_SHIFT;
}

static inline void *paddr_to_virt(paddr_t a)
{
	return (void *)(DIRECT_START + a);
}
