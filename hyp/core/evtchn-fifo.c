/* SPDX-License-Identifier: MIT */
/*
 * FIFO event channels: one word per port in pages of the guest, one control
 * block per vCPU with the heads of 16 queues.
 *
 * A pending, unmasked port is linked to the tail of the queue of its vCPU
 * and priority.  Both sides change words with compare-and-swap; the guest
 * may write anything, at any time, so a loop here is bounded, and a link it
 * leads to is only ever used as a port number that is checked.
 *
 * The queues' tails are ours alone (lock f).  A port that moved to another
 * queue may still be the old queue's tail; it is forgotten there before it
 * is linked anew.
 */
#include <hyp/evtchn-port.h>

#include <hyp/core.h>

#define WORDS_PER_PAGE	(PAGE_SIZE / sizeof(event_word_t))
#define ARRAY_PAGES	(EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define W_PENDING	(1U << EVTCHN_FIFO_PENDING)
#define W_MASKED	(1U << EVTCHN_FIFO_MASKED)
#define W_LINKED	(1U << EVTCHN_FIFO_LINKED)
#define W_BUSY		(1U << EVTCHN_FIFO_BUSY)
#define LINK_TRIES	4

struct fifo_vcpu {
	struct page *page;	/* e */
	struct evtchn_fifo_control_block *control;	/* f; NULL: not set */
	u32 tail[EVTCHN_FIFO_MAX_QUEUES];		/* f */
};

struct evtchn_fifo {
	struct lock lock;		/* RANK_FIFO; f */
	struct page *array[ARRAY_PAGES];	/* e */
	u32 pages;			/* e, read anywhere */
	struct fifo_vcpu vcpu[];	/* max_vcpus */
};

static event_word_t *word_of(const struct domain *d, u32 port)
{
	struct evtchn_fifo *f = d->evtchn.fifo;
	const u32 page = port / WORDS_PER_PAGE;
	event_word_t *w;

	if (page >= atomic_load(&f->pages))
		return NULL;
	w = frame_to_virt(page_mfn(f->array[page]));
	return w + port % WORDS_PER_PAGE;
}

/*
 * Makes the word of a queue's tail point at port.  False: the guest has
 * taken the tail off the queue already, or plays with the word.
 */
static bool link_to(event_word_t *tail, u32 port)
{
	event_word_t old = READ_ONCE(*tail), new;

	for (unsigned i = 0; i < 2 * LINK_TRIES; i++) {
		/* The guest waits for BUSY to go: it is its turn to yield. */
		if (i == LINK_TRIES)
			old = atomic_fetch_or(tail, W_BUSY) | W_BUSY;
		if (!(old & W_LINKED))
			break;
		new = (old & ~(W_BUSY | EVTCHN_FIFO_LINK_MASK)) | port;
		if (atomic_cas(tail, &old, new))
			return true;
	}
	atomic_fetch_and(tail, ~W_BUSY);
	return false;
}

/* Links a pending port to its queue and tells the vCPU. */
static void enqueue(struct domain *d, struct evtchn *ec, u32 port,
		    event_word_t *word)
{
	struct evtchn_fifo *f = d->evtchn.fifo;
	const u32 id = READ_ONCE(ec->vcpu);
	const u8 priority = READ_ONCE(ec->priority);
	struct fifo_vcpu *q = &f->vcpu[id];
	struct vcpu *told = NULL;
	u32 *last = &q->tail[priority], *old;
	event_word_t *tail;
	bool linked = false;

	lock(&f->lock);
	if (!q->control || (atomic_fetch_or(word, W_LINKED) & W_LINKED))
		goto out;
	old = &f->vcpu[ec->last_vcpu].tail[ec->last_priority];
	if (old != last && *old == port)
		*old = 0;
	ec->last_vcpu = id;
	ec->last_priority = priority;

	atomic_fetch_and(word, ~(event_word_t)EVTCHN_FIFO_LINK_MASK);
	if (*last && *last != port) {
		tail = word_of(d, *last);
		linked = tail && link_to(tail, port);
	}
	*last = port;
	if (!linked) {
		WRITE_ONCE(q->control->head[priority], port);
		if (!(atomic_fetch_or(&q->control->ready, 1U << priority) &
		      (1U << priority)))
			told = domain_vcpu(d, id);
	}
out:
	unlock(&f->lock);
	if (told)
		evtchn_upcall(told);
}

bool fifo_set_pending(struct domain *d, struct evtchn *ec, u32 port)
{
	event_word_t *word = word_of(d, port), old;

	if (!word) {
		/* expand_array will raise it. */
		ec->pending_early = true;
		return false;
	}
	old = atomic_fetch_or(word, W_PENDING);
	if (!(old & (W_MASKED | W_LINKED)))
		enqueue(d, ec, port, word);
	return !(old & W_PENDING);
}

void fifo_clear_pending(struct domain *d, struct evtchn *ec, u32 port)
{
	event_word_t *word = word_of(d, port);

	ec->pending_early = false;
	/* It stays linked; the guest finds it not pending and drops it. */
	if (word)
		atomic_fetch_and(word, ~W_PENDING);
}

bool fifo_is_pending(const struct domain *d, u32 port)
{
	event_word_t *word = word_of(d, port);

	return word && (READ_ONCE(*word) & W_PENDING);
}

void fifo_unmask(struct domain *d, struct evtchn *ec, u32 port)
{
	event_word_t *word = word_of(d, port);

	if (!word)
		return;
	atomic_fetch_and(word, ~W_MASKED);
	if ((READ_ONCE(*word) & (W_PENDING | W_LINKED)) == W_PENDING)
		enqueue(d, ec, port, word);
}

/* ---- Setting up ---- */

/* Switches d over: what was pending the 2-level way is raised again. */
static void take_over(struct domain *d, struct evtchn_fifo *f)
{
	struct evtchn *ec;

	for (u32 port = 1; port < d->evtchn.ports; port++) {
		ec = evtchn_at(d, port);
		ec->last_vcpu = ec->vcpu;
		ec->last_priority = ec->priority;
		if (port < EVTCHN_2L_NR_CHANNELS &&
		    bit_test((u64 *)d->shared->evtchn_pending, port))
			ec->pending_early = true;
	}
	atomic_store(&d->evtchn.fifo, f);
}

/* Lock: e. */
static long add_control(struct domain *d, struct page *pg,
			const struct evtchn_init_control *op)
{
	struct evtchn_fifo *f = d->evtchn.fifo;

	if (f && f->vcpu[op->vcpu].control)
		return -XEN_EINVAL;
	if (!f) {
		/* The bucket table was sized for max_port at birth. */
		f = heap_alloc(sizeof(*f) + d->max_vcpus * sizeof(f->vcpu[0]));
		if (!f)
			return -XEN_ENOMEM;
		lock_init(&f->lock, RANK_FIFO, d->id);
		take_over(d, f);
	}
	HOLD(&f->lock);
	f->vcpu[op->vcpu].page = pg;
	f->vcpu[op->vcpu].control = frame_to_virt(page_mfn(pg)) + op->offset;
	return 0;
}

long fifo_init_control(struct evtchn_init_control *op)
{
	struct domain *d = current_domain();
	struct page *pg;
	long rc;

	if (!domain_vcpu(d, op->vcpu))
		return -XEN_ENOENT;
	/* The block lies within its page and its words are aligned. */
	if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) ||
	    (op->offset & 7))
		return -XEN_EINVAL;
	pg = page_get_writable(op->control_gfn, d);
	if (!pg)
		return -XEN_EINVAL;

	lock(&d->evtchn.lock);
	rc = add_control(d, pg, op);
	unlock(&d->evtchn.lock);
	if (rc) {
		page_put_writable(pg);
		return rc;
	}
	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	return 0;
}

/* Ports whose words have just appeared and that were raised before. */
static void raise_early(struct domain *d, u32 first)
{
	struct evtchn *ec;

	for (u32 port = first; port < first + WORDS_PER_PAGE; port++) {
		ec = evtchn_at(d, port);
		if (!ec)
			return;
		if (ec->pending_early) {
			ec->pending_early = false;
			evtchn_set_pending(d, port);
		}
	}
}

long fifo_expand_array(const struct evtchn_expand_array *op)
{
	struct domain *d = current_domain();
	struct page *pg = page_get_writable(op->array_gfn, d);
	struct evtchn_fifo *f;
	long rc = 0;

	if (!pg)
		return -XEN_EINVAL;
	lock(&d->evtchn.lock);
	f = d->evtchn.fifo;
	/* One page for each 1,024 ports that the domain may ever have. */
	if (!f) {
		rc = -XEN_ENOSYS;
	} else if (f->pages > d->evtchn.max_port / WORDS_PER_PAGE) {
		rc = -XEN_ENOSPC;
	} else {
		f->array[f->pages] = pg;
		atomic_store(&f->pages, f->pages + 1);
		raise_early(d, (f->pages - 1) * WORDS_PER_PAGE);
	}
	unlock(&d->evtchn.lock);
	if (rc)
		page_put_writable(pg);
	return rc;
}

void fifo_domain_exit(struct domain *d)
{
	struct evtchn_fifo *f = d->evtchn.fifo;

	if (!f)
		return;
	d->evtchn.fifo = NULL;
	for (u32 i = 0; i < f->pages; i++)
		page_put_writable(f->array[i]);
	for (u32 i = 0; i < d->max_vcpus; i++)
		if (f->vcpu[i].page)
			page_put_writable(f->vcpu[i].page);
	heap_free(f);
}
