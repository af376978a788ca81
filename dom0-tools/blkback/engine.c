/* SPDX-License-Identifier: MIT */
/* From request to answer; see engine.h. */
#include "engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/grant_table.h>

/* Of a barrier: flush what was, write, and the write is made to last. */
enum { STAGE_DRAIN, STAGE_WRITE };

static void __attribute__((format(printf, 2, 3)))
broken(struct engine *e, const char *fmt, ...)
{
	va_list ap;

	if (e->broken)
		return;
	va_start(ap, fmt);
	vsnprintf(e->reason, sizeof(e->reason), fmt, ap);
	va_end(ap);
	e->broken = true;
}

static struct blk_entry *entry_of(struct engine *e, const struct engine_req *r)
{
	return &e->queue[r->queue].ring.journal->entry[r->entry];
}

static const struct blkif_request_segment *segments(struct engine *e,
						    const struct engine_req *r)
{
	return r->op.indirect ?
		e->queue[r->queue].segs + r->entry * BLK_INDIRECT_MAX :
		entry_of(e, r)->req.seg;
}

static void answer(struct engine *e, struct engine_req *r, int16_t status)
{
	if (status != BLKIF_RSP_OKAY)
		e->stats.errors++;
	blk_ring_answer(&e->queue[r->queue].ring, r->entry, r->op.operation,
			status);
}

/* ---- grant operations ---- */

static void batch_begin(struct engine *e)
{
	e->nr_segs = 0;
	e->batch = NULL;
	e->batch_tail = &e->batch;
}

static void batch_add(struct engine *e, struct engine_req *r)
{
	r->next = NULL;
	*e->batch_tail = r;
	e->batch_tail = &r->next;
}

static const char *grant_error(int16_t status)
{
	switch (status) {
	case GNTST_bad_gntref:
		return "there is no such grant";
	case GNTST_permission_denied:
		return "the grant does not allow it";
	case GNTST_bad_domain:
		return "the guest is gone";
	case GNTST_bad_copy_arg:
		return "the grant covers less";
	default:
		return "the grant cannot be used";
	}
}

/*
 * Every grant of the batch did its part?  A grant that does not name a page,
 * or no longer, is not a failed transfer but a guest that breaks its word.
 */
static bool batch_ok(struct engine *e)
{
	const engine_seg *s;
	uint32_t ref;

	for (unsigned int i = 0; i < e->nr_segs; i++) {
		s = &e->seg[i];
		if (__builtin_expect(s->status == GNTST_okay, 1))
			continue;
		ref = s->flags & GNTCOPY_source_gref ? s->source.foreign.ref :
						       s->dest.foreign.ref;
		broken(e, "it gave grant %u for data, but %s (%d)", ref,
		       grant_error(s->status), s->status);
		return false;
	}
	return true;
}

/* The copies gathered so far; what it is for is in e->batch. */
static bool batch_copy(struct engine *e)
{
	int rc;

	if (!e->nr_segs)
		return true;
	e->stats.copies++;
	rc = e->env->copy(e->arg, e->seg, e->nr_segs);
	if (rc) {
		broken(e, "its data cannot be copied: %s", strerror(-rc));
		return false;
	}
	return batch_ok(e);
}

static void seg_from_guest(struct engine *e, uint32_t ref, uint32_t offset,
			   void *to, uint32_t len)
{
	engine_seg *s = &e->seg[e->nr_segs++];

	s->source.foreign.ref = ref;
	s->source.foreign.offset = offset;
	s->source.foreign.domid = e->domid;
	s->dest.virt = to;
	s->len = len;
	s->flags = GNTCOPY_source_gref;
}

static void seg_to_guest(struct engine *e, uint32_t ref, uint32_t offset,
			 void *from, uint32_t len)
{
	engine_seg *s = &e->seg[e->nr_segs++];

	s->source.virt = from;
	s->dest.foreign.ref = ref;
	s->dest.foreign.offset = offset;
	s->dest.foreign.domid = e->domid;
	s->len = len;
	s->flags = GNTCOPY_dest_gref;
}

/* A request's whole data, one way or the other. */
static void seg_data(struct engine *e, const struct engine_req *r)
{
	const struct blkif_request_segment *s = segments(e, r);
	uint8_t *at = r->io.buf;

	for (unsigned int i = 0; i < r->op.nr_segments; i++) {
		const uint32_t off = blk_segment_offset(&e->rules, &s[i]);
		const uint32_t len = blk_segment_bytes(&e->rules, &s[i]);

		if (r->op.kind == BLK_READ)
			seg_to_guest(e, s[i].gref, off, at, len);
		else
			seg_from_guest(e, s[i].gref, off, at, len);
		at += len;
	}
}

/* ---- from the ring to the line ---- */

static void wait_in_line(struct engine *e, struct engine_req *r)
{
	r->next = NULL;
	*e->waiting_tail = r;
	e->waiting_tail = &r->next;
}

/* false: the engine is broken. */
static bool judge(struct engine *e, struct engine_req *r, enum blk_verdict v,
		  const char *why)
{
	switch (v) {
	case BLK_DO:
		return true;
	case BLK_FAIL:
		answer(e, r, BLKIF_RSP_ERROR);
		return true;
	case BLK_UNSUPPORTED:
		answer(e, r, BLKIF_RSP_EOPNOTSUPP);
		return true;
	default:
		broken(e, "%s", why);
		return false;
	}
}

/* The segments are here. */
static bool admit(struct engine *e, struct engine_req *r)
{
	const char *why = NULL;
	enum blk_verdict v;

	v = blk_request_segments(&e->rules, segments(e, r), &r->op, &why);
	if (v == BLK_DO)
		wait_in_line(e, r);
	return judge(e, r, v, why);
}

static bool admit_batch(struct engine *e)
{
	struct engine_req *r, *next;

	if (!batch_copy(e))
		return false;
	for (r = e->batch; r; r = next) {
		next = r->next;
		if (!admit(e, r))
			return false;
	}
	batch_begin(e);
	return true;
}

/* Descriptors in pages of their own come over with the batch. */
static void fetch_descriptors(struct engine *e, struct engine_req *r)
{
	const uint32_t per_page = BLK_PAGE / sizeof(struct blkif_request_segment);
	const uint32_t nr = r->op.nr_segments;
	struct blkif_request_segment *to =
		e->queue[r->queue].segs + r->entry * BLK_INDIRECT_MAX;
	blkif_request_indirect_t in;

	memcpy(&in, &entry_of(e, r)->req, sizeof(in));
	for (uint32_t at = 0; at < nr; at += per_page)
		seg_from_guest(e, in.indirect_grefs[at / per_page], 0, to + at,
			       (nr - at < per_page ? nr - at : per_page) *
			       sizeof(*to));
	batch_add(e, r);
}

static bool enter(struct engine *e, unsigned int q, uint16_t entry)
{
	struct engine_req *r = &e->queue[q].reqs[entry];
	const char *why = NULL;
	enum blk_verdict v;

	r->entry = entry;
	r->queue = q;
	r->stage = STAGE_DRAIN;
	r->mapped = false;
	r->io.nr_iov = 0;
	r->pages = 0;
	v = blk_request_parse(&e->rules, &entry_of(e, r)->req, &r->op, &why);
	if (v != BLK_DO)
		return judge(e, r, v, why);
	if (r->op.indirect) {
		if (e->nr_segs + BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST >
		    ENGINE_SEGS && !admit_batch(e))
			return false;
		fetch_descriptors(e, r);
		return true;
	}
	if (r->op.nr_segments)
		return admit(e, r);
	wait_in_line(e, r);
	return true;
}

/* The guest's index of requests is where it cannot be. */
static void index_broken(struct engine *e, const struct blk_ring *r)
{
	const uint32_t back = r->req_cons - r->seen;

	if ((int32_t)back > 0)
		broken(e, "it moved the ring's index of requests back by %u",
		       back);
	else
		broken(e, "it moved the ring's index of requests %u past the last answer, on a ring of %u",
		       r->seen - r->pushed, r->slots);
}

static bool take(struct engine *e, unsigned int q)
{
	uint16_t taken[ENGINE_BUDGET];
	int n = blk_ring_take(&e->queue[q].ring, taken, ENGINE_BUDGET);

	if (n < 0) {
		index_broken(e, &e->queue[q].ring);
		return false;
	}
	for (int i = 0; i < n; i++)
		if (!enter(e, q, taken[i]))
			return false;
	return true;
}

/* ---- grants that stay ---- */

static struct engine_kept *kept_slot(struct engine *e, uint32_t ref)
{
	const uint32_t mask = 2 * ENGINE_KEPT - 1;
	uint32_t i = ref * 2654435761u >> 16 & mask;

	/* Never more than half full: there is a free one. */
	while (e->kept[i].va && e->kept[i].ref != ref)
		i = (i + 1) & mask;
	return &e->kept[i];
}

/* All of the request's pages that are not mapped yet; false: it is copied. */
static bool keep_missing(struct engine *e,
			 const struct blkif_request_segment *s, unsigned int nr)
{
	uint32_t missing[BLK_INDIRECT_MAX];
	struct engine_kept *k;
	unsigned int n = 0;
	uint8_t *va;

	for (unsigned int i = 0; i < nr; i++)
		if (!kept_slot(e, s[i].gref)->va)
			missing[n++] = s[i].gref;
	if (!n)
		return true;
	if (e->nr_kept + n > ENGINE_KEPT)
		return false;
	va = e->env->map(e->arg, missing, n);
	if (!va) {
		/* Not persistent after all, or no room: do not try on. */
		e->keep = false;
		return false;
	}
	/* The same grant twice in one request is mapped, and counts, twice. */
	e->nr_kept += n;
	for (unsigned int i = 0; i < n; i++, va += BLK_PAGE) {
		k = kept_slot(e, missing[i]);
		*k = (struct engine_kept){ va, missing[i] };
	}
	return true;
}

/* Where a segment of kept pages is mapped. */
static uint8_t *kept_at(struct engine *e, const struct blkif_request_segment *s)
{
	return kept_slot(e, s->gref)->va + blk_segment_offset(&e->rules, s);
}

/* The image is to use the guest's pages where they are mapped. */
static void scatter(struct engine *e, struct engine_req *r)
{
	const struct blkif_request_segment *s = segments(e, r);
	struct iovec *v = e->queue[r->queue].iov + r->entry * BLK_INDIRECT_MAX;
	unsigned int n = 0;

	r->io.iov = v;
	for (unsigned int i = 0; i < r->op.nr_segments; i++) {
		uint8_t *at = kept_at(e, &s[i]);
		const uint32_t len = blk_segment_bytes(&e->rules, &s[i]);

		if (n && (uint8_t *)v[n - 1].iov_base + v[n - 1].iov_len == at)
			v[n - 1].iov_len += len;
		else
			v[n++] = (struct iovec){ at, len };
	}
	r->io.nr_iov = n;
}

/* Between the guest's pages, where they are mapped, and the pool. */
static void copy_kept(struct engine *e, const struct engine_req *r)
{
	const struct blkif_request_segment *s = segments(e, r);
	uint8_t *ours = r->io.buf;

	for (unsigned int i = 0; i < r->op.nr_segments; i++) {
		const uint32_t len = blk_segment_bytes(&e->rules, &s[i]);
		uint8_t *its = kept_at(e, &s[i]);

		if (r->op.kind == BLK_READ)
			memcpy(its, ours, len);
		else
			memcpy(ours, its, len);
		ours += len;
	}
}

/* ---- from the line to the image ---- */

static void submit(struct engine *e, struct engine_req *r,
		   enum image_what what, bool durable)
{
	r->io.what = what;
	r->io.durable = durable;
	r->io.offset = r->op.offset;
	r->io.length = r->op.length;
	e->in_flight++;
	e->image->ops->submit(e->image, &r->io);
}

static void begin(struct engine *e, struct engine_req *r)
{
	switch (r->op.kind) {
	case BLK_READ:
		submit(e, r, IMAGE_READ, false);
		break;
	case BLK_WRITE:
		submit(e, r, IMAGE_WRITE, e->flush_each);
		break;
	case BLK_FLUSH:
	case BLK_BARRIER:
		submit(e, r, IMAGE_FLUSH, false);
		break;
	case BLK_DISCARD:
		submit(e, r, IMAGE_DISCARD, false);
		break;
	}
}

/* What carries data into the disk has it copied first, all together. */
static bool begin_batch(struct engine *e)
{
	struct engine_req *r, *next;

	if (!batch_copy(e))
		return false;
	for (r = e->batch; r; r = next) {
		next = r->next;
		begin(e, r);
	}
	batch_begin(e);
	return true;
}

static bool within_limits(struct engine *e, const struct engine_req *r)
{
	if (!e->limits.any)
		return true;
	e->wait_ns = blk_limits_ask(&e->limits, e->env->now_ns(e->arg),
				    r->op.kind != BLK_READ, r->op.length);
	if (e->wait_ns)
		e->stats.throttled++;
	return !e->wait_ns;
}

/* May the first in the line go now? */
static bool may_go(struct engine *e, struct engine_req *r)
{
	const uint32_t pages = (r->op.length + BLK_PAGE - 1) / BLK_PAGE;
	const bool data = r->op.nr_segments != 0;
	int32_t page;

	if (e->barrier || e->in_flight >= ENGINE_IN_FLIGHT)
		return false;
	if (r->op.kind == BLK_BARRIER && (e->in_flight || e->batch))
		return false;
	if (!data)
		return true;
	/* A barrier submits its request twice: iov is used up by the first. */
	r->mapped = e->keep && r->op.kind != BLK_BARRIER &&
		    keep_missing(e, segments(e, r), r->op.nr_segments);
	e->stats.kept_uses += r->mapped;
	if (r->mapped && e->image->can_scatter) {
		scatter(e, r);
		return within_limits(e, r);
	}
	page = blk_pool_take(&e->pool, pages);
	if (page < 0)
		return false;
	if (!within_limits(e, r)) {
		blk_pool_put(&e->pool, page, pages);
		return false;
	}
	r->page = page;
	r->pages = pages;
	r->io.buf = blk_pool_page(&e->pool, page);
	return true;
}

/* true: something went, or is answered. */
static bool start_waiting(struct engine *e)
{
	struct engine_req *r;
	bool any = false;

	batch_begin(e);
	while ((r = e->waiting) && may_go(e, r)) {
		e->waiting = r->next;
		if (!e->waiting)
			e->waiting_tail = &e->waiting;
		any = true;
		if (r->op.kind == BLK_BARRIER)
			e->barrier = r;
		if (r->op.kind == BLK_FLUSH && (e->flush_ignored || !e->image)) {
			e->stats.flushes++;
			answer(e, r, BLKIF_RSP_OKAY);
			continue;
		}
		if (r->op.kind == BLK_READ || !r->op.nr_segments || r->mapped) {
			if (r->op.kind == BLK_WRITE && r->mapped && r->pages)
				copy_kept(e, r);
			begin(e, r);
			continue;
		}
		if (e->nr_segs + r->op.nr_segments > ENGINE_SEGS &&
		    !begin_batch(e))
			return false;
		seg_data(e, r);
		batch_add(e, r);
		/* Nothing passes a barrier, nor it its own data. */
		if (r->op.kind == BLK_BARRIER)
			break;
	}
	if (!begin_batch(e))
		return false;
	if (e->in_flight)
		e->image->ops->kick(e->image);
	return any;
}

/* ---- from the image to the answer ---- */

static void release(struct engine *e, struct engine_req *r)
{
	if (r->pages)
		blk_pool_put(&e->pool, r->page, r->pages);
	r->pages = 0;
}

static void count(struct engine *e, const struct engine_req *r)
{
	switch (r->op.kind) {
	case BLK_READ:
		e->stats.reads++;
		e->stats.read_bytes += r->op.length;
		break;
	case BLK_WRITE:
	case BLK_BARRIER:
		e->stats.writes++;
		e->stats.write_bytes += r->op.length;
		break;
	case BLK_FLUSH:
		e->stats.flushes++;
		break;
	case BLK_DISCARD:
		e->stats.discards++;
		e->stats.discard_bytes += r->op.length;
		break;
	}
}

static void complain(struct engine *e, const struct engine_req *r, int rc)
{
	static const char *const what[] = {
		[IMAGE_READ] = "reading", [IMAGE_WRITE] = "writing",
		[IMAGE_FLUSH] = "flushing", [IMAGE_DISCARD] = "discarding",
	};
	char line[128];

	/* A disk that fails altogether is not worth a log of its own. */
	if (e->stats.errors > 16 || rc == -EOPNOTSUPP)
		return;
	snprintf(line, sizeof(line), "%s %" PRIu64 " bytes at %" PRIu64 ": %s",
		 what[r->io.what], r->io.length, r->io.offset, strerror(-rc));
	e->env->log(e->arg, line);
}

static void conclude(struct engine *e, struct engine_req *r, int rc)
{
	release(e, r);
	if (e->barrier == r)
		e->barrier = NULL;
	if (rc)
		complain(e, r, rc);
	else
		count(e, r);
	answer(e, r, !rc ? BLKIF_RSP_OKAY :
		  rc == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR);
}

static bool conclude_batch(struct engine *e)
{
	struct engine_req *r, *next;

	if (!batch_copy(e))
		return false;
	for (r = e->batch; r; r = next) {
		next = r->next;
		conclude(e, r, 0);
	}
	batch_begin(e);
	return true;
}

/* The image is done with @r. */
static bool returned(struct engine *e, struct engine_req *r)
{
	const int rc = r->io.result;

	if (r->op.kind == BLK_BARRIER && !rc && r->stage == STAGE_DRAIN &&
	    r->op.nr_segments) {
		r->stage = STAGE_WRITE;
		submit(e, r, IMAGE_WRITE, !e->flush_ignored);
		return true;
	}
	if (r->op.kind != BLK_READ || rc || r->mapped) {
		if (r->op.kind == BLK_READ && !rc && r->pages)
			copy_kept(e, r);
		conclude(e, r, rc);
		return true;
	}
	if (e->nr_segs + r->op.nr_segments > ENGINE_SEGS && !conclude_batch(e))
		return false;
	seg_data(e, r);
	batch_add(e, r);
	return true;
}

static struct engine_req *req_of(struct image_io *io)
{
	return (struct engine_req *)((char *)io -
				     offsetof(struct engine_req, io));
}

/* true: something came back. */
static bool reap(struct engine *e)
{
	struct image_io *io;
	bool any = false;

	batch_begin(e);
	while (e->in_flight && (io = e->image->ops->reap(e->image))) {
		any = true;
		e->in_flight--;
		if (!returned(e, req_of(io)))
			return false;
	}
	if (!any)
		return false;
	if (!conclude_batch(e))
		return false;
	return true;
}

/* Nobody is there any more whom it could matter to. */
static void reap_for_nobody(struct engine *e)
{
	struct image_io *io;

	while (e->in_flight && (io = e->image->ops->reap(e->image))) {
		e->in_flight--;
		release(e, req_of(io));
	}
}

static void publish(struct engine *e)
{
	for (unsigned int q = 0; q < e->queues; q++) {
		if (!blk_ring_push(&e->queue[q].ring))
			continue;
		e->stats.events++;
		e->env->notify(e->arg, q);
	}
}

int engine_run(struct engine *e)
{
	if (!e->queues) {
		reap_for_nobody(e);
		return 0;
	}
	e->stats.rounds++;
	e->wait_ns = 0;
	batch_begin(e);
	for (unsigned int q = 0; q < e->queues && !e->broken; q++)
		take(e, q);
	if (!e->broken)
		admit_batch(e);
	while (!e->broken && (start_waiting(e) | (!e->broken && reap(e))))
		;
	if (e->broken) {
		engine_detach(e);
		return -EPROTO;
	}
	publish(e);
	for (unsigned int q = 0; q < e->queues; q++)
		if (blk_ring_more(&e->queue[q].ring))
			return 1;
	return 0;
}

/* ---- life ---- */

int engine_init(struct engine *e, const struct engine_env *env, void *arg,
		uint16_t domid)
{
	memset(e, 0, sizeof(*e));
	e->env = env;
	e->arg = arg;
	e->domid = domid;
	e->waiting_tail = &e->waiting;
	return blk_pool_init(&e->pool);
}

static void queue_free(struct engine_queue *q)
{
	free(q->reqs);
	free(q->segs);
	free(q->iov);
	memset(q, 0, sizeof(*q));
}

void engine_reset(struct engine *e)
{
	for (unsigned int q = 0; q < ENGINE_QUEUES; q++)
		queue_free(&e->queue[q]);
	e->queues = 0;
	e->waiting = NULL;
	e->waiting_tail = &e->waiting;
	e->barrier = NULL;
	e->broken = false;
	e->wait_ns = 0;
}

void engine_close(struct engine *e)
{
	engine_reset(e);
	blk_pool_free(&e->pool);
}

void engine_detach(struct engine *e)
{
	struct engine_req *r, *next;

	/* Those of a batch have left the line but not reached the image. */
	for (r = e->batch; r; r = next) {
		next = r->next;
		release(e, r);
	}
	batch_begin(e);
	e->waiting = NULL;
	e->waiting_tail = &e->waiting;
	e->barrier = NULL;
	e->queues = 0;
	e->keep = false;
	e->nr_kept = 0;
	memset(e->kept, 0, sizeof(e->kept));
}

int engine_attach(struct engine *e, unsigned int q, void *shared,
		  uint32_t slots, struct blk_journal *j, bool resume)
{
	struct engine_queue *eq = &e->queue[q];
	uint16_t live[BLK_RING_MAX];
	uint32_t nr = 0;
	int rc;

	eq->reqs = calloc(slots, sizeof(*eq->reqs));
	/* Never touched unless the guest sends indirect requests. */
	eq->segs = calloc((size_t)slots * BLK_INDIRECT_MAX, sizeof(*eq->segs));
	eq->iov = calloc((size_t)slots * BLK_INDIRECT_MAX, sizeof(*eq->iov));
	rc = !eq->reqs || !eq->segs || !eq->iov ? -ENOMEM :
		resume ? blk_ring_resume(&eq->ring, shared, slots, j, live, &nr) :
			 blk_ring_init(&eq->ring, shared, slots, j);
	if (rc) {
		queue_free(eq);
		return rc;
	}
	if (e->queues <= q)
		e->queues = q + 1;
	e->stats.replayed += nr;
	batch_begin(e);
	for (uint32_t i = 0; i < nr; i++)
		if (!enter(e, q, live[i]))
			return -EPROTO;
	return admit_batch(e) ? 0 : -EPROTO;
}
