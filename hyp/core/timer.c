/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers: a pairing heap for each CPU.
 *
 * Setting a timer melds it with the root; only taking the root out costs
 * more, and by then the timer has done its service.  prev leads to the left
 * sibling, or from a first child to its parent.  The hardware is armed for
 * the root; a root that goes away leaves it armed, and the interrupt that
 * comes too early arms it for the next one.
 */
#include <hyp/timer.h>

#include <hyp/arch.h>

static struct timer *meld(struct timer *a, struct timer *b)
{
	struct timer *t;

	if (!a)
		return b;
	if (!b)
		return a;
	if (b->deadline < a->deadline) {
		t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

/* Makes one heap of a list of siblings: in pairs, then from the right. */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *root = NULL, *a, *b;

	while (first) {
		a = first;
		b = a->next;
		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		a = pairs;
		pairs = a->next;
		a->next = NULL;
		root = meld(root, a);
	}
	return root;
}

static void take_out(struct timer_heap *h, struct timer *t)
{
	struct timer *below = meld_siblings(t->child);

	if (t == h->root) {
		h->root = below;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		h->root = meld(h->root, below);
	}
	t->child = t->next = t->prev = NULL;
	t->set = false;
}

static void put_in(struct timer_heap *h, struct timer *t)
{
	t->set = true;
	h->root = meld(h->root, t);
	if (t->deadline < h->armed) {
		h->armed = t->deadline;
		arch_set_deadline(t->deadline);
	}
}

/* Locks the heap that t is in, or was in last. */
static struct timer_heap *lock_heap_of(struct timer *t)
{
	struct cpu *c;

	for (;;) {
		c = READ_ONCE(t->cpu);
		lock(&c->timers.lock);
		if (likely(c == t->cpu))
			return &c->timers;
		unlock(&c->timers.lock);
	}
}

void timer_cpu_init(struct cpu *c)
{
	lock_init(&c->timers.lock, RANK_TIMER, c->id);
	c->timers.root = c->timers.running = NULL;
	c->timers.armed = ~0ULL;
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	t->child = t->next = t->prev = NULL;
	t->set = false;
	t->cpu = this_cpu();
	t->fn = fn;
	t->arg = arg;
}

void timer_set(struct timer *t, u64 deadline)
{
	struct cpu *c = this_cpu();
	struct timer_heap *h = lock_heap_of(t);

	if (t->set)
		take_out(h, t);
	t->cpu = c;
	if (h != &c->timers) {
		unlock(&h->lock);
		h = &c->timers;
		lock(&h->lock);
		/* Somebody else may have set it meanwhile: theirs is newer. */
		if (t->set || t->cpu != c) {
			unlock(&h->lock);
			return;
		}
	}
	t->deadline = deadline;
	put_in(h, t);
	unlock(&h->lock);
}

void timer_cancel(struct timer *t)
{
	struct timer_heap *h;

	/* A function that was running may have set its timer again. */
	do {
		h = lock_heap_of(t);
		if (t->set)
			take_out(h, t);
		unlock(&h->lock);
		while (h != &this_cpu()->timers &&
		       atomic_load(&h->running) == t)
			arch_poll();
	} while (READ_ONCE(t->set));
}

void timer_migrate(struct timer *t)
{
	if (READ_ONCE(t->set) && READ_ONCE(t->cpu) != this_cpu())
		timer_set(t, t->deadline);
}

/* The first timer whose time has come; it counts as running. */
static struct timer *take_expired(struct timer_heap *h)
{
	u64 now = arch_now();
	struct timer *t;

	lock(&h->lock);
	t = h->root;
	if (t && t->deadline <= now) {
		take_out(h, t);
		h->running = t;
	} else {
		h->armed = t ? t->deadline : ~0ULL;
		if (t)
			arch_set_deadline(t->deadline);
		t = NULL;
	}
	unlock(&h->lock);
	return t;
}

void timer_run(void)
{
	struct timer_heap *h = &this_cpu()->timers;
	struct timer *t;

	/* While we are here nothing need arm the hardware: we do, at the end. */
	h->armed = 0;
	while ((t = take_expired(h)) != NULL) {
		t->fn(t->arg);
		atomic_store(&h->running, NULL);
	}
}

/* Interrupt context: only leave a note. */
void timer_interrupt(void)
{
	cpu_post_work(this_cpu(), WORK_TIMER);
}
