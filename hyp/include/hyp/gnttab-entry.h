/* SPDX-License-Identifier: MIT */
/*
 * Inside the grant-table room: entries in use and the tracks of mappings.
 * Only gnttab.c, gnttab-map.c and gnttab-copy.c include this.
 */
#pragma once

#include <hyp/core.h>

#define ENTRIES_PER_FRAME	(PAGE_SIZE / sizeof(struct grant_entry_v1))
#define TRACKS_PER_CHUNK	128	/* a power of two, within a page */
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
	paddr_t at;		/* g: of its page-table entry, with host_map */
};

/* One use of an entry. */
struct gnttab_taken {
	struct grant_entry_v1 *e;
	struct gnttab_active *a;
	struct page *pg;		/* the frame it names */
};

/*
 * Checks entry ref of granter for user, marks it and takes the references, for
 * a use that ends before the lock is given up.  GNTST_*.  Lock: g of granter.
 */
int gnttab_take(struct domain *granter, u32 ref, const struct domain *user,
		bool write, struct gnttab_taken *t);
void gnttab_drop(const struct gnttab_taken *t, bool write);

/* The same for a use that lasts, which is recorded.  Take g of granter. */
int gnttab_use(struct domain *granter, u32 ref, const struct domain *user,
	       bool write, mfn_t *m);
void gnttab_unuse(struct domain *granter, u32 ref, bool write);

/* A mapping whose page-table entry is gone and whose use is not yet. */
struct gnttab_unmapped {
	struct gnttab_track track;	/* what it was */
	u32 handle;
	u16 drop;			/* GNTMAP_* maps that end now */
};

/* What the operations of a batch share. */
struct gnttab_batch {
	struct domain *d;		/* who asks */
	/* Domains looked up once for a run of operations that name them;
	 * with references. */
	struct domain *known[2];
	struct gnttab_unmapped unmapped[64];	/* they wait for a flush */
	u32 nr_unmapped;
};

struct domain *gnttab_batch_find(struct gnttab_batch *b, u32 i, domid_t id);

/* The domain of this id, remembered in slot i; NULL: there is none. */
static inline struct domain *gnttab_batch_domain(struct gnttab_batch *b, u32 i,
						 domid_t id)
{
	if (likely(b->known[i] && b->known[i]->id == id))
		return b->known[i];
	return gnttab_batch_find(b, i, id);
}

/* One operation of a batch each; they say in it how they fared. */
void gnttab_map(struct gnttab_map_grant_ref *op, struct gnttab_batch *b);
void gnttab_unmap(struct gnttab_unmap_grant_ref *op, struct gnttab_batch *b);
void gnttab_copy(struct gnttab_copy *op, struct gnttab_batch *b);
/* Ends what gnttab_unmap() left over. */
void gnttab_unmap_end(struct gnttab_batch *b);
