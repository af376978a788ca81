/* SPDX-License-Identifier: MIT */
/* The fake machine's RAM: one array on the host; see tests/machine/machine.h. */
#ifndef ASM_PAGE_H
#define ASM_PAGE_H

#include <hyp/types.h>

#include <asm/layout.h>

struct page;

extern u8 *machine_ram;
extern struct page *machine_frames;
extern u64 *machine_m2p;

static inline struct page *frame_table(void)
{
	return machine_frames;
}

static inline u64 *m2p_table(void)
{
	return machine_m2p;
}

static inline void *frame_to_virt(mfn_t m)
{
	return machine_ram + (m << PAGE_SHIFT);
}

static inline mfn_t virt_to_frame(const void *p)
{
	return (u64)((const u8 *)p - machine_ram) >> PAGE_SHIFT;
}

static inline void *paddr_to_virt(paddr_t a)
{
	return machine_ram + a;
}

#endif
