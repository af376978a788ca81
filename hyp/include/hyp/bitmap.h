/* SPDX-License-Identifier: MIT */
/* The ABI's bitmaps in guest memory, of CPUs and of nodes. */
#ifndef HYP_BITMAP_H
#define HYP_BITMAP_H

#include <hyp/types.h>

/* Reads at most `bits` bits (a multiple of 64); what is missing is 0. */
int bitmap_read(const struct xenctl_bitmap *from, u64 *to, u32 bits);
/* Writes the first `bits` bits, as far as there is room; the rest gets 0. */
int bitmap_write(const struct xenctl_bitmap *to, const u64 *from, u32 bits);

#endif
