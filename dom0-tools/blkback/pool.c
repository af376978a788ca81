/* SPDX-License-Identifier: MIT */
/* Pages for data; see pool.h. */
#include "pool.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

int blk_pool_init(struct blk_pool *p)
{
	memset(p->used, 0, sizeof(p->used));
	p->nr_free = BLK_POOL_PAGES;
	p->mem = mmap(NULL, BLK_POOL_PAGES * 4096ul, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p->mem == MAP_FAILED ? -ENOMEM : 0;
}

void blk_pool_free(struct blk_pool *p)
{
	munmap(p->mem, BLK_POOL_PAGES * 4096ul);
	p->mem = NULL;
}

/* The next page from @at on that is (not) @used. */
static uint32_t next(const struct blk_pool *p, uint32_t at, bool used)
{
	uint64_t w;

	while (at < BLK_POOL_PAGES) {
		w = p->used[at / 64];
		if (!used)
			w = ~w;
		w &= ~0ull << (at % 64);
		if (w)
			return (at & ~63u) + __builtin_ctzll(w);
		at = (at & ~63u) + 64;
	}
	return BLK_POOL_PAGES;
}

static void mark(struct blk_pool *p, uint32_t first, uint32_t n, bool used)
{
	for (uint32_t at = first, end = first + n; at < end;) {
		const uint32_t bit = at % 64;
		const uint32_t len = end - at < 64 - bit ? end - at : 64 - bit;
		const uint64_t mask = (~0ull >> (64 - len)) << bit;

		if (used)
			p->used[at / 64] |= mask;
		else
			p->used[at / 64] &= ~mask;
		at += len;
	}
}

int32_t blk_pool_take(struct blk_pool *p, uint32_t n)
{
	uint32_t first = 0, end;

	if (!n || n > p->nr_free)
		return -1;
	for (;;) {
		first = next(p, first, false);
		if (first + n > BLK_POOL_PAGES)
			return -1;
		end = next(p, first, true);
		if (end - first >= n)
			break;
		first = end;
	}
	mark(p, first, n, true);
	p->nr_free -= n;
	return first;
}

void blk_pool_put(struct blk_pool *p, uint32_t first, uint32_t n)
{
	mark(p, first, n, false);
	p->nr_free += n;
}
