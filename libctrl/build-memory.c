/* SPDX-License-Identifier: MIT */
/*
 * Memory of a new guest.  It is claimed as a whole first, which either works
 * or changes nothing; then it comes block by block.
 */
#include "build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <ctrl-config.h>

#define HOLDERS_MAX	1024	/* domains that we look at */
#define HOLDERS_SHOWN	6

/* "768 MiB", or in KiB what is no whole number of those. */
static void put_size(char *to, size_t n, uint64_t kib)
{
	if (kib % 1024)
		snprintf(to, n, "%llu KiB", (unsigned long long)kib);
	else
		snprintf(to, n, "%llu MiB", (unsigned long long)kib / 1024);
}

static int more_first(const void *a, const void *b)
{
	uint64_t x = ((const struct ctrl_domain_info *)a)->memory_kib;
	uint64_t y = ((const struct ctrl_domain_info *)b)->memory_kib;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* "; Domain-0 holds 512 MiB, web 256 MiB, 3 others 96 MiB", those with most
 * first. */
static void put_holders(struct build *b, char *to, size_t n)
{
	struct ctrl_domain_info *d = calloc(HOLDERS_MAX, sizeof(*d));
	int count = d ? ctrl_domain_list(b->c, 0, d, HOLDERS_MAX) : 0;
	unsigned int shown = 0, others = 0;
	char name[GUEST_NAME_MAX + 1], size[32];
	uint64_t rest_kib = 0;
	size_t used = 0;

	if (count > 1)
		qsort(d, (size_t)count, sizeof(*d), more_first);
	for (int i = 0; i < count && used < n; i++) {
		if (d[i].domid == b->domid)
			continue;
		if (shown++ >= HOLDERS_SHOWN) {
			others++;
			rest_kib += d[i].memory_kib;
			continue;
		}
		if (ctrl_guest_name(b->c, d[i].domid, name, sizeof(name)))
			snprintf(name, sizeof(name), "domain %u", d[i].domid);
		put_size(size, sizeof(size), d[i].memory_kib);
		used += (size_t)snprintf(to + used, n - used, "%s %s%s %s",
					 used ? "," : ";", name,
					 used ? "" : " holds", size);
	}
	put_size(size, sizeof(size), rest_kib);
	if (others && used < n)
		snprintf(to + used, n - used, ", %u other%s %s", others,
			 others == 1 ? "" : "s", size);
	free(d);
}

static int not_enough(struct build *b)
{
	char need[32], have[32], holders[400] = "";
	struct ctrl_host h = { 0 };

	ctrl_host(b->c, &h);
	put_size(need, sizeof(need), b->g->current_kib);
	put_size(have, sizeof(have), h.free_kib > h.claimed_kib ?
		 h.free_kib - h.claimed_kib : 0);
	put_holders(b, holders, sizeof(holders));
	return ctrl_fail(b->c, -ENOMEM, "not enough memory: it needs %s and %s are free%s",
			 need, have, holders);
}

int build_memory_check(struct build *b)
{
	struct ctrl_host h;
	int rc = ctrl_host(b->c, &h);

	if (rc)
		return rc;
	return h.free_kib < h.claimed_kib + b->g->current_kib ?
	       not_enough(b) : 0;
}

/* Whole blocks from block `at` on; how many came, less if memory is split. */
static uint64_t take_blocks(struct build *b, uint64_t at, uint64_t nr)
{
	struct frames *f = &b->frames;
	const uint64_t *mfn;
	long got, i;

	if (nr > MEMORY_EXTENTS_MAX)
		nr = MEMORY_EXTENTS_MAX;
	got = memory_populate_extents(b->c, (uint16_t)b->domid, BLOCK_ORDER,
				      at << BLOCK_ORDER, (uint32_t)nr, &mfn);
	for (i = 0; i < got; i++)
		f->block[at + (uint64_t)i].mfn = mfn[i];
	return got > 0 ? (uint64_t)got : 0;
}

/* One block, or the rest of the last one, page by page. */
static bool take_singles(struct build *b, uint64_t at)
{
	struct frames *f = &b->frames;
	uint64_t first = at << BLOCK_ORDER, nr = f->nr - first, i;
	const uint64_t *mfn;

	if (nr > BLOCK_PAGES)
		nr = BLOCK_PAGES;
	f->block[at].single = malloc(BLOCK_PAGES * sizeof(uint64_t));
	if (!f->block[at].single ||
	    memory_populate_extents(b->c, (uint16_t)b->domid, 0, first,
				    (uint32_t)nr, &mfn) != (long)nr)
		return false;
	for (i = 0; i < nr; i++)
		f->block[at].single[i] = mfn[i];
	return true;
}

static int populate(struct build *b)
{
	uint64_t whole = b->frames.nr >> BLOCK_ORDER;
	uint64_t all = (b->frames.nr + BLOCK_PAGES - 1) >> BLOCK_ORDER;
	uint64_t at = 0, got = 1;

	b->frames.block = calloc(all, sizeof(struct block));
	if (!b->frames.block)
		return ctrl_fail(b->c, -ENOMEM, "out of memory");
	while (at < all) {
		got = got && at < whole ? take_blocks(b, at, whole - at) : 0;
		if (!got && !take_singles(b, at))
			return not_enough(b);
		at += got ? got : 1;
	}
	return 0;
}

int build_memory(struct build *b)
{
	int rc;

	b->frames.nr = b->g->current_kib / 4;
	rc = ctrl_memory_claim(b->c, (uint16_t)b->domid, b->frames.nr);
	if (rc == -ENOMEM)
		return not_enough(b);
	if (rc && rc != -ENOSYS)
		return rc;
	return populate(b);
}

void build_memory_forget(struct build *b)
{
	uint64_t all = (b->frames.nr + BLOCK_PAGES - 1) >> BLOCK_ORDER, i;

	for (i = 0; b->frames.block && i < all; i++)
		free(b->frames.block[i].single);
	free(b->frames.block);
	b->frames.block = NULL;
}
