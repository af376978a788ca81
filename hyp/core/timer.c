/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers: for each CPU a skew heap of them, the earliest on top.
 *
 * A thousand guests may have theirs on one CPU, and each sets one at every
 * sleep: all steps are melds of two heaps, which take a time that grows like
 * the logarithm on average.  Melding follows the right sides and swaps the
 * children of each timer it passes, which is all that keeps the heap balanced.
 *
 * The hardware is armed for the top; a top that goes away leaves it armed, and
 * the interrupt that comes too early arms it for the next one.
 */
#include <hyp/timer.h>

#include <hyp/arch.h>

/* Makes one heap of two, below `up`; either may be NULL. */
static struct timer *meld(struct timer *a, struct timer *b, struct timer *up)
{
	struct timer *top = NULL, **at = &top, *later;

	while (a && b) {
		if (b->deadline < a->deadline) {
			later = a;
			a = b;
			b = later;
		}
		*at = a;
		a->up = up;
		up = a;
		/* Its right side goes on melding, as its left one. */
		later = a->right;
		a->right = a->left;
		at = &a->left;
		a = later;
	}
	*at = a ? a : b;
	if (*at)
		(*at)->up = up;
	return top;
}

static void take_out(struct timer_queue *q, struct timer *t)
{
	struct timer *below = meld(t->left, t->right, t->up);

	if (t == q->top)
		q->top = below;
	else if (t->up->left == t)
		t->up->left = below;
	else
		t->up->right = below;
	t->set = false;
}

static void put_in(struct timer_queue *q, struct timer *t)
{
	t->left = t->right = NULL;
	t->set = true;
	q->top = meld(q->top, t, NULL);
	if (t->deadline < q->armed) {
		q->armed = t->deadline;
		arch_set_deadline(t->deadline);
	}
}

/* Locks the queue that t is in, or was in last. */
static struct timer_queue *lock_queue_of(struct timer *t)
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
	c->timers.top = c->timers.running = NULL;
	c->timers.armed = ~0ULL;
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){ .cpu = this_cpu(), .fn = fn, .arg = arg };
}

void timer_set(struct timer *t, u64 deadline)
{
	struct cpu *c = this_cpu();
	struct timer_queue *q = lock_queue_of(t);

	if (t->set)
		take_out(q, t);
	t->cpu = c;
	if (q != &c->timers) {
		unlock(&q->lock);
		q = &c->timers;
		lock(&q->lock);
		/* Somebody else may have set it meanwhile: theirs is newer. */
		if (t->set || t->cpu != c) {
			unlock(&q->lock);
			return;
		}
	}
	t->deadline = deadline;
	put_in(q, t);
	unlock(&q->lock);
}

void timer_cancel(struct timer *t)
{
	struct timer_queue *q;

	/* A function that was running may have set its timer again. */
	do {
		q = lock_queue_of(t);
		if (t->set)
			take_out(q, t);
		unlock(&q->lock);
		while (q != &this_cpu()->timers &&
		       atomic_load(&q->running) == t)
			arch_poll();
	} while (READ_ONCE(t->set));
}

void timer_migrate(struct timer *t)
{
	if (READ_ONCE(t->set) && READ_ONCE(t->cpu) != this_cpu())
		timer_set(t, t->deadline);
}

/* The first timer whose time has come; it counts as running. */
static struct timer *take_expired(struct timer_queue *q)
{
	u64 now = arch_now();
	struct timer *t;
	HOLD(&q->lock);

	t = q->top;
	if (t && t->deadline <= now) {
		take_out(q, t);
		q->running = t;
		return t;
	}
	q->armed = t ? t->deadline : ~0ULL;
	if (t)
		arch_set_deadline(t->deadline);
	return NULL;
}

void timer_run(void)
{
	struct timer_queue *q = &this_cpu()->timers;
	struct timer *t;

	/* While we are here nothing need arm the hardware: we do, at the end. */
	q->armed = 0;
	while ((t = take_expired(q)) != NULL) {
		t->fn(t->arg);
		atomic_store(&q->running, NULL);
	}
}
