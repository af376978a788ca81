/* SPDX-License-Identifier: MIT */
/* Grant tables, version 1. */
#pragma once

#include <hyp/lock.h>

#include <xen/grant_table.h>

struct gnttab_active;
struct gnttab_track;

#define GNTTAB_FRAMES_DEFAULT	64
#define MAPTRACK_FRAMES_DEFAULT	1024

struct domain_gnttab {
	struct lock lock;		/* RANK_GNTTAB; g */
	u32 max_frames, max_maptrack;	/* I */
	u32 frames;			/* g: frames in use */
	struct page **frame;		/* g: max_frames pointers */
	struct gnttab_active **active;	/* g: per frame, entries in use */
	struct gnttab_track **track;	/* g: per maptrack chunk */
	u32 track_chunks, track_free;	/* g: free list of handles, ~0 end */
	u32 maps;			/* g: grants this domain has mapped */
};

int gnttab_domain_init(struct domain *d, u32 max_frames, u32 max_maptrack);
/* Unmaps everything a dying domain holds; -XEN_ERESTART: call again. */
int gnttab_domain_release(struct domain *d);
void gnttab_domain_exit(struct domain *d);
/* Frame number idx of d's table, grown as needed (acquire_resource, setup). */
int gnttab_frame(struct domain *d, u32 idx, mfn_t *m);
