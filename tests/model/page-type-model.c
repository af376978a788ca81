/* SPDX-License-Identifier: MIT */
/* The slow model of the page-type machine; see page-type-model.h. */
#include "page-type-model.h"

#include <string.h>

const unsigned ptm_slot[PTM_SLOTS] = { 0, 1, 255, 300, 511 };

#define FLAGS_L1	(PTE_NX | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_G | PTE_D | \
			 PTE_A | PTE_US)
#define FLAGS_TABLE	(FLAGS_L1 & ~PTE_G)

int ptm_frame(const struct ptm *m, mfn_t mfn)
{
	int f;

	for (f = 0; f < PTM_FRAMES; f++)
		if (m->mfn[f] == mfn)
			return f;
	return PTM_NONE;
}

static u64 refused(int level)
{
	return level == 1 ? PTE_CACHE : PTE_PS | PTE_PWT | PTE_PCD | PTE_G;
}

static void use(const struct ptm *m, struct ptm_count *c, int f, int kind);

static void use_entry(const struct ptm *m, struct ptm_count *c, int level,
		      u64 e)
{
	int f = ptm_frame(m, pte_mfn(e));

	if (!(e & PTE_P))
		return;
	if (f == PTM_NONE || e & refused(level)) {
		c->sound = false;
		return;
	}
	c->refs[f]++;
	if (level > 1)
		use(m, c, f, level - 1);
	else if (e & PTE_RW)
		use(m, c, f, PGT_WRITABLE);
}

static void use(const struct ptm *m, struct ptm_count *c, int f, int kind)
{
	int s;

	if (c->uses[f][kind]++ || kind == PGT_WRITABLE)
		return;
	for (s = 0; s < PTM_SLOTS; s++)
		use_entry(m, c, kind, m->word[f][s]);
}

static void root(const struct ptm *m, struct ptm_count *c, int f, int kind)
{
	if (f == PTM_NONE || !kind)
		return;
	c->refs[f]++;
	use(m, c, f, kind);
}

static void judge(struct ptm_count *c)
{
	int f, k, kinds;

	for (f = 0; f < PTM_FRAMES; f++) {
		for (k = kinds = 0; k <= PGT_WRITABLE; k++)
			kinds += c->uses[f][k] != 0;
		c->sound &= kinds <= 1;
	}
}

static void count_roots(const struct ptm *m, struct ptm_count *c)
{
	int f;

	memset(c, 0, sizeof(*c));
	c->sound = true;
	for (f = 0; f < PTM_FRAMES; f++) {
		c->refs[f]++;
		root(m, c, f, m->pin[f]);
	}
	root(m, c, m->kernel, PGT_L4);
	root(m, c, m->user, PGT_L4);
}

void ptm_count(const struct ptm *m, struct ptm_count *c)
{
	count_roots(m, c);
	judge(c);
}

enum page_kind ptm_kind(const struct ptm_count *c, int f)
{
	int k;

	for (k = 1; k <= PGT_WRITABLE; k++)
		if (c->uses[f][k])
			return k;
	return PGT_NONE;
}

/* Is the state sound with one more use of f? */
static bool sound_with(const struct ptm *m, int f, int kind)
{
	struct ptm_count c;

	if (f == PTM_NONE)
		return false;
	count_roots(m, &c);
	root(m, &c, f, kind);
	judge(&c);
	return c.sound;
}

bool ptm_pin(struct ptm *m, int f, enum page_kind kind)
{
	if (m->pin[f] || !sound_with(m, f, kind))
		return false;
	m->pin[f] = kind;
	return true;
}

bool ptm_unpin(struct ptm *m, int f)
{
	if (!m->pin[f])
		return false;
	m->pin[f] = 0;
	return true;
}

bool ptm_kernel(struct ptm *m, int f)
{
	if (f != m->kernel && !sound_with(m, f, PGT_L4))
		return false;
	m->kernel = f;
	return true;
}

bool ptm_user(struct ptm *m, int f)
{
	if (f != PTM_NONE && f != m->user && !sound_with(m, f, PGT_L4))
		return false;
	m->user = f;
	return true;
}

static bool may_write(const struct ptm *m, int level, u64 old, u64 new)
{
	const u64 diff = old ^ new, flags = level == 1 ? FLAGS_L1 : FLAGS_TABLE;
	int to = ptm_frame(m, pte_mfn(new));

	if (!(new & PTE_P))
		return true;
	if (new & refused(level))
		return false;
	if (old & PTE_P && !(diff & ~flags))
		return true;
	if (level > 1)
		return sound_with(m, to, level - 1);
	if (new & PTE_RW)
		return sound_with(m, to, PGT_WRITABLE);
	return to != PTM_NONE;
}

bool ptm_write(struct ptm *m, int f, int slot, u64 value, bool keep_ad)
{
	u64 *word = &m->word[f][slot];
	struct ptm_count c;
	enum page_kind kind;

	ptm_count(m, &c);
	kind = ptm_kind(&c, f);
	if (kind >= PGT_L1 && kind <= PGT_L4) {
		if (!may_write(m, kind, *word, value))
			return false;
		if (keep_ad)
			value |= *word & (PTE_A | PTE_D);
	}
	*word = value;
	return true;
}
