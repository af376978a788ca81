/* SPDX-License-Identifier: MIT */
/*
 * Pages for data on its way: a fixed number, given out in runs of consecutive
 * ones, the lowest first, so that a device that does little touches little.
 */
#ifndef BLKBACK_POOL_H
#define BLKBACK_POOL_H

#include <stdint.h>

#define BLK_POOL_PAGES	1024u	/* 4 MiB: the most that one device holds */

struct blk_pool {
	uint8_t *mem;
	uint32_t nr_free;
	uint64_t used[BLK_POOL_PAGES / 64];
};

/* 0 or -ENOMEM. */
int blk_pool_init(struct blk_pool *p);
void blk_pool_free(struct blk_pool *p);
/* The number of the first of @n pages, or -1: not now. */
int32_t blk_pool_take(struct blk_pool *p, uint32_t n);
void blk_pool_put(struct blk_pool *p, uint32_t first, uint32_t n);

static inline void *blk_pool_page(const struct blk_pool *p, uint32_t page)
{
	return p->mem + (uint64_t)page * 4096;
}

#endif
