/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, slow and obvious: lists of who maps what, searched from end
 * to end.  tests/unit/test-gnttab.c does the same steps on this and on the
 * real one and compares every answer and every count.
 */
#ifndef GNTTAB_MODEL_H
#define GNTTAB_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_REFS	24
#define MODEL_MAPS	512

struct gnttab_model {
	/* What the granter wrote into each entry. */
	struct { bool permit, readonly; unsigned user, frame; } entry[MODEL_REFS];
	/* Every mapping that exists. */
	struct { bool live, write; unsigned ref, frame; } map[MODEL_MAPS];
};

/* Answers like GNTTABOP_map_grant_ref; *slot names the mapping. */
int model_map(struct gnttab_model *m, unsigned user, unsigned ref, bool write,
	      unsigned *slot);
/* -4 when there is no such mapping. */
int model_unmap(struct gnttab_model *m, unsigned slot);
/* How many mappings of an entry exist, all or those that write. */
unsigned model_maps(const struct gnttab_model *m, unsigned ref, bool write);
/* The frame that an entry in use is bound to; it may differ from entry[]. */
unsigned model_frame(const struct gnttab_model *m, unsigned ref);
/* How many mappings hold frame (writably). */
bool model_frame_in_use(const struct gnttab_model *m, unsigned frame, bool write);

#endif
