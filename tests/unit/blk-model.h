/* SPDX-License-Identifier: MIT */
/*
 * What surrounds the disk engine, in memory: a guest's front-end with pages
 * that it grants, the hypervisor's grant copy, and a disk whose transfers end
 * when the test says.  Each can misbehave.
 */
#ifndef TESTS_BLK_MODEL_H
#define TESTS_BLK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "blkback/engine.h"

#define MODEL_PAGES	256u	/* grant n is page n */
#define MODEL_DISK	(256u * 1024)
#define MODEL_SLOTS_MAX	64u

struct model {
	struct engine engine;
	uint32_t slots;
	uint8_t ring_mem[2 * 4096] __attribute__((aligned(4096)));
	union {
		struct blk_journal head;
		uint8_t bytes[sizeof(struct blk_journal) +
			      MODEL_SLOTS_MAX * sizeof(struct blk_entry)];
	} journal;

	/* The guest. */
	uint8_t page[MODEL_PAGES][4096];
	bool revoked[MODEL_PAGES];
	uint32_t req_prod, rsp_cons;
	uint32_t events;		/* that it was sent */

	/* The disk. */
	struct image image;
	uint8_t disk[MODEL_DISK];
	struct image_io *under_way[1024];
	uint32_t nr_under_way;
	int fail;			/* what transfers end with */
	bool hold;			/* nothing comes back */
	uint32_t flushes, dsyncs, kicks;
	/*
	 * What the machine's death would leave: what had been written when a
	 * flush was given to the disk, once that flush is done.
	 */
	uint8_t safe[MODEL_DISK], asked[MODEL_DISK];
	uint32_t seed;

	uint64_t now_ns;
	uint32_t copies, maps;		/* grant operations */
	bool persistent;		/* the guest's promise */
	/* Called at whatever a killed process could have done last. */
	void (*step)(struct model *m);
};

void model_init(struct model *m, uint32_t slots);
/* Another process: all of its memory is new. */
void model_reborn(struct model *m);
void model_free(struct model *m);
/* Give the engine the ring: engine_attach(). */
int model_attach(struct model *m, bool resume);
/* What was under way with the disk when its process died happens, or half. */
void model_drain(struct model *m, bool whole);

uint32_t model_random(struct model *m);
blkif_sring_t *model_ring(struct model *m);
/* Put a request into the ring and show it. */
void model_send(struct model *m, const void *req);
/* A transfer of whole pages from @gref on. */
blkif_request_t model_transfer(uint8_t op, uint64_t id, uint64_t sector,
			       uint32_t gref, uint32_t pages);
/* The next response, if there is one. */
bool model_answer(struct model *m, blkif_response_t *rsp);
/* Run the engine until it has nothing to do; its last verdict. */
int model_run(struct model *m);

#endif
