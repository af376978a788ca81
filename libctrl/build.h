/* SPDX-License-Identifier: MIT */
/* A guest in the making: what the steps of build.c hand to each other. */
#ifndef CTRL_BUILD_H
#define CTRL_BUILD_H

#include <hyp/pv-layout.h>

#include "kernel.h"

struct guest_config;

/*
 * The machine frames of a guest.  Memory comes in blocks of 2 MiB as far as
 * the hypervisor has them; such a block needs one number.
 */
#define BLOCK_ORDER	9
#define BLOCK_PAGES	(UINT64_C(1) << BLOCK_ORDER)

struct block {
	uint64_t mfn;		/* of its first page, unless... */
	uint64_t *single;	/* ...each page has a frame of its own */
};

struct frames {
	uint64_t nr;		/* pages */
	struct block *block;
};

struct build {
	struct ctrl *c;
	const struct guest_config *g;
	const struct ctrl_create_options *o;
	const char *cache;
	uint8_t uuid[16];
	struct kernel kernel;
	int initrd;			/* descriptor, -1: none */
	uint64_t initrd_bytes;
	struct pv_layout layout;
	int domid;			/* -1: no domain yet */
	struct frames frames;
	uint64_t shared_info_mfn;
	int store_port, console_port;
	bool in_store;			/* nodes may be there */
};

static inline uint64_t frames_mfn(const struct frames *f, uint64_t pfn)
{
	const struct block *b = &f->block[pfn >> BLOCK_ORDER];
	uint64_t i = pfn & (BLOCK_PAGES - 1);

	return b->single ? b->single[i] : b->mfn + i;
}

/* build-memory.c */
int build_memory(struct build *b);
void build_memory_forget(struct build *b);
/* Refuse early what cannot fit; the sentence says who holds what. */
int build_memory_check(struct build *b);

/* build-image.c: fill the guest's memory and set its first processor. */
int build_image(struct build *b);

/* build-devices.c: what the store knows of a guest. */
int build_store(struct build *b);
/* Remove all nodes of a guest; it does not matter which are there. */
int build_store_forget(struct ctrl *c, uint16_t domid,
		       const uint8_t uuid[16]);

#endif
