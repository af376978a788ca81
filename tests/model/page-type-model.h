/* SPDX-License-Identifier: MIT */
/*
 * The page-type rules, slow and obvious: the state is the contents of all
 * frames, the pins and the two address spaces, and everything else is
 * counted anew from these each time.  A change is allowed when the state is
 * sound while both the old and the new use are in place.
 */
#ifndef PAGE_TYPE_MODEL_H
#define PAGE_TYPE_MODEL_H

#include <hyp/page.h>

#include <asm/pte.h>

#define PTM_FRAMES	24
#define PTM_SLOTS	5
#define PTM_NONE	(-1)

extern const unsigned ptm_slot[PTM_SLOTS];	/* which entries are used */

struct ptm {
	mfn_t mfn[PTM_FRAMES];
	u64 word[PTM_FRAMES][PTM_SLOTS];
	int pin[PTM_FRAMES];		/* kind, or 0 */
	int kernel, user;		/* frames, or PTM_NONE */
};

/* What the references of a state come to. */
struct ptm_count {
	u32 refs[PTM_FRAMES];		/* the owner's own included */
	u32 uses[PTM_FRAMES][PGT_WRITABLE + 1];
	bool sound;
};

void ptm_count(const struct ptm *m, struct ptm_count *c);
/* The kind a frame has in c, or PGT_NONE. */
enum page_kind ptm_kind(const struct ptm_count *c, int f);
int ptm_frame(const struct ptm *m, mfn_t mfn);

/* Each tells whether the change is allowed and, if it is, makes it. */
bool ptm_pin(struct ptm *m, int f, enum page_kind kind);
bool ptm_unpin(struct ptm *m, int f);
bool ptm_kernel(struct ptm *m, int f);
bool ptm_user(struct ptm *m, int f);
bool ptm_write(struct ptm *m, int f, int slot, u64 value, bool keep_ad);

#endif
