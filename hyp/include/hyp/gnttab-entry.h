/* SPDX-License-Identifier: MIT */
/*
 * Inside the grant-table room: entries in use and the tracks of mappings.
 * Only gnttab.c, gnttab-map.c and gnttab-copy.c include this.
 */
#ifndef HYP_GNTTAB_ENTRY_H
#define HYP_GNTTAB_ENTRY_H

#include <hyp/gnttab.h>

#define ENTRIES_PER_FRAME	(PAGE_SIZE / sizeof(struct grant_entry_v1))
#define TRACKS_PER_CHUNK	(PAGE_SIZE / sizeof(struct gnttab_track))
#define TRACK_END		(~0U)

/*
 * What the hypervisor knows of one entry.  While it is in use (readers or
 * writers > 0) it holds a reference on its frame, and with writers a
 * PGT_WRITABLE one.  The guest's own entry is not looked at again.
 */
struct gnttab_active {
	mfn_t mfn;		/* g */
	domid_t domid;		/* g: who uses it */
	u16 readers, writers;	/* g: uses */
};

/* One mapping that a domain holds; flags 0: the handle is free. */
struct gnttab_track {
	struct domain *granter;	/* g: with a reference */
	mfn_t mfn;		/* g */
	u32 ref;		/* g; of a free handle: the next free one */
	u32 flags;		/* g: GNTMAP_* low bits */
};

/* The entry in use, or NULL when ref is beyond the table.  Lock: g. */
struct gnttab_active *gnttab_active(const struct domain *d, u32 ref);

/*
 * Uses entry ref of granter for user: checks the guest's entry, marks it
 * and takes the references.  GNTST_*.  Takes g of granter.
 */
int gnttab_use(struct domain *granter, u32 ref, const struct domain *user,
	       bool write, mfn_t *m);
void gnttab_unuse(struct domain *granter, u32 ref, bool write);

/* The batches; each returns how many were done and rests when it must. */
long gnttab_map_batch(u64 uop, u32 count);
long gnttab_unmap_batch(u64 uop, u32 count);
long gnttab_copy_batch(u64 uop, u32 count);

/* A domain looked up once for a run of operations that name it. */
struct domain_cache {
	struct domain *d;
	domid_t id;
};

struct domain *domain_cached(struct domain_cache *c, domid_t id);
void domain_cache_drop(struct domain_cache *c);

#endif
