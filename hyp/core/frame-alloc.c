/* SPDX-License-Identifier: MIT */
/*
 * Buddies.  A free block is 2^order frames, aligned to its size; its first
 * frame's struct page says so (PGT_FREE, the order, dirty or clean) and links
 * it into the list of its zone, state and order.  A freed block joins its
 * buddy when that is free, in the same state, too.
 *
 * States: a dirty block still holds what its last owner wrote, and TLBs may
 * still map it: its stamp is the newest TLB time of its frames.  Before
 * somebody gets it, or it is scrubbed, the CPUs that did not flush since are
 * made to.  A clean block is zero and in no TLB.
 *
 * Zones: memory below 4 GiB is kept for those who need it; others get it
 * last.
 */
#include <hyp/core.h>

#define ORDERS		(FRAME_ORDER_MAX + 1)
#define ZONE_SHIFT	(32 - PAGE_SHIFT)
#define SCRUB_ORDER	6
#define LOOKS		256		/* blocks of one size, for an odd limit */

enum { CLEAN, DIRTY };
enum { ZONE_LOW, ZONE_HIGH, ZONES };

/* In the type word of a free block's first frame. */
#define FREE_DIRTY	BIT(8)

static struct lock frames_lock = LOCK_INIT(RANK_FRAMES);
/* All FRAMES: protected by frames_lock. */
static u32 free_list[ZONES][2][ORDERS];		/* mfn, 0: empty */
static u64 free_frames, total_frames, claimed_frames;
static u64 scrubbing;	/* free, but in the hands of an idle CPU */

static u64 free_type(unsigned order, unsigned state)
{
	return type_make(PGT_FREE, order | (state == DIRTY ? FREE_DIRTY : 0));
}

static unsigned zone_of(mfn_t m)
{
	return m >> ZONE_SHIFT ? ZONE_HIGH : ZONE_LOW;
}

static void block_link(mfn_t m, unsigned order, unsigned state, u32 stamp)
{
	u32 *head = &free_list[zone_of(m)][state][order];
	struct page *p = page_of(m);

	p->type = free_type(order, state);
	p->stamp = stamp;
	p->prev = 0;
	p->next = *head;
	if (*head)
		page_of(*head)->prev = m;
	*head = m;
}

static void block_unlink(mfn_t m, unsigned order, unsigned state)
{
	struct page *p = page_of(m);

	if (p->next)
		page_of(p->next)->prev = p->prev;
	if (p->prev)
		page_of(p->prev)->next = p->next;
	else
		free_list[zone_of(m)][state][order] = p->next;
	p->type = 0;
	p->next = p->prev = 0;
}

/* Puts a block into the lists, joined with its buddies. */
static void block_insert(mfn_t m, unsigned order, unsigned state, u32 stamp)
{
	struct page *b;
	mfn_t buddy;

	free_frames += 1ULL << order;
	for (; order < FRAME_ORDER_MAX; order++) {
		buddy = m ^ (1ULL << order);
		if (!mfn_valid(buddy))
			break;
		b = page_of(buddy);
		if (b->type != free_type(order, state))
			break;
		if ((s32)(b->stamp - stamp) > 0)
			stamp = b->stamp;
		block_unlink(buddy, order, state);
		m &= buddy;
	}
	block_link(m, order, state, stamp);
}

/* Cuts an unlinked block down to `want`, keeping its lower end. */
static void block_cut(mfn_t m, unsigned order, unsigned want, unsigned state,
		      u32 stamp)
{
	while (order > want) {
		order--;
		block_link(m + (1ULL << order), order, state, stamp);
	}
}

/* A block of at least `want` whose lower end lies below limit; 0: none, or
 * none among the first ones: a guest may choose the limit and make long lists. */
static mfn_t block_find(unsigned zone, unsigned state, unsigned want,
			mfn_t limit, unsigned *order)
{
	for (*order = want; *order <= FRAME_ORDER_MAX; ++*order) {
		mfn_t m = free_list[zone][state][*order];

		for (unsigned n = 0; m && n < LOOKS; n++, m = page_of(m)->next)
			if (m + (1ULL << want) <= limit)
				return m;
	}
	return 0;
}

static mfn_t take_from(unsigned zone, unsigned state, unsigned want,
		       mfn_t limit, u32 *stamp)
{
	unsigned order;
	mfn_t m = block_find(zone, state, want, limit, &order);

	if (!m)
		return 0;
	*stamp = page_of(m)->stamp;
	block_unlink(m, order, state);
	block_cut(m, order, want, state, *stamp);
	free_frames -= 1ULL << want;
	return m;
}

/* Takes a block: high memory first, of the state that suits the caller. */
static mfn_t take_block(unsigned want, mfn_t limit, bool zero,
			unsigned *state, u32 *stamp)
{
	unsigned zone = limit >> ZONE_SHIFT > 1 ? ZONES : 1, i;
	mfn_t m;

	while (zone-- > 0) {
		for (i = 0; i < 2; i++) {
			*state = zero ? i : !i;
			m = take_from(zone, *state, want, limit, stamp);
			if (m)
				return m;
		}
	}
	return 0;
}

void flush_everywhere(u32 stamp)
{
	arch_flush_tlb_since(&CPUMASK_ALL, stamp);
}

/* Nobody's TLB maps these frames any more; make them zero if asked. */
static void block_prepare(mfn_t m, unsigned order, unsigned state, u32 stamp,
			  bool zero)
{
	if (state == CLEAN)
		return;
	flush_everywhere(stamp);
	for (u64 i = 0; zero && i < 1ULL << order; i++)
		arch_clear_page(frame_to_virt(m + i));
}

static mfn_t alloc_block(struct domain *d, unsigned order, mfn_t limit,
			   enum frame_flags f)
{
	u64 n = 1ULL << order, mine = d ? d->mem.claim : 0, eaten;
	unsigned state;
	u32 stamp;
	mfn_t m = 0;

	lock(&frames_lock);
	if (free_frames >= n &&
	    (!(f & FRAME_UNCLAIMED) ||
	     free_frames + scrubbing - n + mine >= claimed_frames))
		m = take_block(order, limit, f & FRAME_ZERO, &state, &stamp);
	if (m && d) {
		eaten = MIN(n, d->mem.claim);
		d->mem.claim -= eaten;
		claimed_frames -= eaten;
	}
	unlock(&frames_lock);
	if (!m)
		return MFN_NONE;
	block_prepare(m, order, state, stamp, f & FRAME_ZERO);
	return m;
}

mfn_t frame_alloc_for(struct domain *d, unsigned order, unsigned address_bits,
		      enum frame_flags f)
{
	mfn_t limit = MFN_NONE, m;

	if (order > FRAME_ORDER_MAX)
		return MFN_NONE;
	if (address_bits && address_bits < 64)
		limit = address_bits < PAGE_SHIFT ? 0 :
			1ULL << (address_bits - PAGE_SHIFT);
	m = alloc_block(d, order, limit, f);
	/* The last ones may be in the hands of an idle CPU; and clean and dirty
	 * neighbours do not join.  So make all clean, while that may help. */
	while (m == MFN_NONE && limit == MFN_NONE &&
	       frame_free_count() + (d ? d->mem.claim : 0) >=
	       frame_claimed_count() + (1ULL << order) &&
	       (frame_scrub_some() || READ_ONCE(scrubbing))) {
		arch_poll();
		m = alloc_block(d, order, limit, f);
	}
	return m;
}

mfn_t frame_alloc(unsigned order, unsigned address_bits, enum frame_flags f)
{
	return frame_alloc_for(NULL, order, address_bits, f);
}

/* The largest aligned block that starts at m and is at most n frames. */
static unsigned run_order(mfn_t m, u64 n)
{
	unsigned size = 63 - __builtin_clzll(n);
	unsigned align = m ? __builtin_ctzll(m) : FRAME_ORDER_MAX;

	return MIN(MIN(size, align), (unsigned)FRAME_ORDER_MAX);
}

void frame_free_run(mfn_t m, u64 n)
{
	const u32 stamp = arch_tlb_clock();
	unsigned order;
	HOLD(&frames_lock);

	for (; n; m += 1ULL << order, n -= 1ULL << order) {
		order = run_order(m, n);
		block_insert(m, order, DIRTY, stamp);
	}
}

void frame_free(mfn_t m, unsigned order)
{
	frame_free_run(m, 1ULL << order);
}

void frame_alloc_add(mfn_t first, mfn_t end)
{
	first = MAX(first, (mfn_t)1);	/* 0 is the end of every list */
	if (first >= end)
		return;
	lock(&frames_lock);
	total_frames += end - first;
	unlock(&frames_lock);
	frame_free_run(first, end - first);
}

u64 frame_free_count(void)
{
	return READ_ONCE(free_frames) + READ_ONCE(scrubbing);
}

u64 frame_total_count(void)
{
	return READ_ONCE(total_frames);
}

u64 frame_claimed_count(void)
{
	return READ_ONCE(claimed_frames);
}

int frame_claim(struct domain *d, u64 n)
{
	u64 others, free;
	HOLD(&frames_lock);

	others = claimed_frames - d->mem.claim;
	free = free_frames + scrubbing;
	/* Giving up a claim always works. */
	if (n > d->mem.claim && (free < others || n > free - others))
		return -XEN_ENOMEM;
	claimed_frames = others + n;
	d->mem.claim = n;
	return 0;
}

/* Unlinks the smallest dirty block, cut to what one go may clear. */
static mfn_t take_dirty(unsigned *want, u32 *stamp)
{
	unsigned zone, order;
	mfn_t m;

	for (order = 0; order <= FRAME_ORDER_MAX; order++) {
		for (zone = 0; zone < ZONES; zone++) {
			if (!free_list[zone][DIRTY][order])
				continue;
			*want = MIN(order, (unsigned)SCRUB_ORDER);
			m = take_from(zone, DIRTY, *want, MFN_NONE, stamp);
			return m;
		}
	}
	return 0;
}

bool frame_scrub_some(void)
{
	unsigned order;
	u32 stamp;
	mfn_t m;

	lock(&frames_lock);
	m = take_dirty(&order, &stamp);
	if (m)
		scrubbing += 1ULL << order;
	unlock(&frames_lock);
	if (!m)
		return false;
	block_prepare(m, order, DIRTY, stamp, true);
	lock(&frames_lock);
	block_insert(m, order, CLEAN, 0);
	scrubbing -= 1ULL << order;
	unlock(&frames_lock);
	return true;
}
