/* SPDX-License-Identifier: MIT */
/*
 * Small objects of the hypervisor.  A frame with a header is cut into
 * objects of one size; the sizes are chosen so that little is left over, and
 * an object of 64 bytes or more is aligned to 64.  What does not fit goes
 * into whole frames, whose struct page remembers how many.
 */
#include <hyp/core.h>

#include <hyp/list.h>

#define SLAB_HEADER 64

struct slab {
	struct list link;	/* in its class's list, when an object is free */
	void *free;		/* objects linked through their first word */
	u32 used;
	u32 class;
};

static const u16 sizes[] = { 32, 64, 128, 256, 448, 640, 960, 1344, 1984,
			     4032 };
static struct lock heap_lock = LOCK_INIT(RANK_HEAP);
static struct list classes[ARRAY_SIZE(sizes)];	/* HEAP */

/* In the type word of the first frame of an object: its order, or this. */
#define HEAP_SLAB 255

static struct slab *slab_make(unsigned class)
{
	mfn_t m = frame_alloc(0, 0, 0);
	struct slab *s;

	if (m == MFN_NONE)
		return NULL;
	page_of(m)->type = type_make(PGT_HEAP, HEAP_SLAB);
	s = frame_to_virt(m);
	s->used = 0;
	s->class = class;
	s->free = NULL;
	for (unsigned at = SLAB_HEADER; at + sizes[class] <= PAGE_SIZE;
	     at += sizes[class]) {
		*(void **)((char *)s + at) = s->free;
		s->free = (char *)s + at;
	}
	list_add(&classes[class], &s->link);
	return s;
}

static void *slab_alloc(unsigned class)
{
	struct list *l = &classes[class];
	struct slab *s;
	void *p = NULL;

	lock(&heap_lock);
	if (!l->next)
		list_init(l);
	s = list_empty(l) ? slab_make(class) : list_first(l, struct slab, link);
	if (s) {
		p = s->free;
		s->free = *(void **)p;
		s->used++;
		if (!s->free)
			list_del(&s->link);
	}
	unlock(&heap_lock);
	if (p)
		memset(p, 0, sizes[class]);
	return p;
}

static void slab_free(struct slab *s, void *p)
{
	bool empty;

	lock(&heap_lock);
	if (!s->free)
		list_add(&classes[s->class], &s->link);
	*(void **)p = s->free;
	s->free = p;
	empty = --s->used == 0;
	if (empty)
		list_del(&s->link);
	unlock(&heap_lock);
	if (!empty)
		return;
	page_of(virt_to_frame(s))->type = 0;
	frame_free(virt_to_frame(s), 0);
}

static void *frames_alloc(size_t size)
{
	unsigned order = 0;
	mfn_t m;

	while (PAGE_SIZE << order < size)
		if (++order > FRAME_ORDER_MAX)
			return NULL;
	m = frame_alloc(order, 0, FRAME_ZERO);
	if (m == MFN_NONE)
		return NULL;
	page_of(m)->type = type_make(PGT_HEAP, order);
	return frame_to_virt(m);
}

void *heap_alloc(size_t size)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		if (size <= sizes[i])
			return slab_alloc(i);
	return frames_alloc(size);
}

void heap_free(void *p)
{
	struct page *page;
	unsigned order;

	if (!p)
		return;
	page = page_of(virt_to_frame(p));
	order = type_count(page->type);
	if (order == HEAP_SLAB) {
		slab_free((void *)((uintptr_t)p & PAGE_MASK), p);
		return;
	}
	page->type = 0;
	frame_free(page_mfn(page), order);
}
