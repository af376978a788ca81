/* SPDX-License-Identifier: MIT */
/* A guest, grants and a disk in memory; see blk-model.h. */
#include "blk-model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/grant_table.h>

static struct model *of_image(struct image *im)
{
	return im->arg;
}

static void step(struct model *m)
{
	if (m->step)
		m->step(m);
}

static void ring_point(struct blk_ring *r)
{
	struct engine_queue *q = (struct engine_queue *)((char *)r -
				 offsetof(struct engine_queue, ring));
	struct engine *e = (struct engine *)((char *)q -
			   offsetof(struct engine, queue));

	step(e->arg);
}

uint32_t model_random(struct model *m)
{
	m->seed = m->seed * 1664525 + 1013904223;
	return m->seed >> 8;
}

/* ---- grants ---- */

static int16_t copy_one(struct model *m, engine_seg *s)
{
	const bool out = s->flags & GNTCOPY_dest_gref;
	const uint32_t ref = out ? s->dest.foreign.ref : s->source.foreign.ref;
	const uint32_t off = out ? s->dest.foreign.offset :
				   s->source.foreign.offset;

	if (ref >= MODEL_PAGES || m->revoked[ref])
		return GNTST_bad_gntref;
	if (off + s->len > 4096)
		return GNTST_bad_copy_arg;
	if (out)
		memcpy(m->page[ref] + off, s->source.virt, s->len);
	else
		memcpy(s->dest.virt, m->page[ref] + off, s->len);
	return GNTST_okay;
}

static int env_copy(void *arg, engine_seg *segs, unsigned int n)
{
	struct model *m = arg;

	m->copies++;
	for (unsigned int i = 0; i < n; i++) {
		segs[i].status = copy_one(m, &segs[i]);
		step(m);
	}
	return 0;
}

/* What is mapped is the guest's memory itself: only runs of pages can be. */
static uint8_t *env_map(void *arg, const uint32_t *refs, unsigned int n)
{
	struct model *m = arg;

	for (unsigned int i = 0; i < n; i++)
		if (refs[i] >= MODEL_PAGES || m->revoked[refs[i]] ||
		    refs[i] != refs[0] + i)
			return NULL;
	m->maps++;
	return m->page[refs[0]];
}

static void env_notify(void *arg, unsigned int queue)
{
	struct model *m = arg;

	(void)queue;
	step(m);
	m->events++;
}

static uint64_t env_now(void *arg)
{
	return ((struct model *)arg)->now_ns;
}

static void env_log(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static const struct engine_env env = {
	.copy = env_copy, .map = env_map, .notify = env_notify,
	.now_ns = env_now, .log = env_log,
};

/* ---- the disk ---- */

static void scatter(struct model *m, const struct image_io *io, unsigned int nr)
{
	uint8_t *at = m->disk + io->offset;

	for (unsigned int i = 0; i < nr; i++) {
		if (io->what == IMAGE_READ)
			memcpy(io->iov[i].iov_base, at, io->iov[i].iov_len);
		else
			memcpy(at, io->iov[i].iov_base, io->iov[i].iov_len);
		at += io->iov[i].iov_len;
	}
}

static void disk_do(struct model *m, struct image_io *io, bool whole)
{
	const uint64_t n = whole ? io->length : io->length / 2;

	if (io->nr_iov) {
		scatter(m, io, whole ? io->nr_iov : io->nr_iov / 2);
		return;
	}
	switch (io->what) {
	case IMAGE_READ:
		memcpy(io->buf, m->disk + io->offset, n);
		break;
	case IMAGE_WRITE:
		memcpy(m->disk + io->offset, io->buf, n);
		m->dsyncs += io->durable;
		break;
	case IMAGE_FLUSH:
		memcpy(m->safe, m->asked, sizeof(m->safe));
		m->flushes++;
		break;
	case IMAGE_DISCARD:
		memset(m->disk + io->offset, 0, n);
		break;
	}
}

/* Who cannot have the guest's own pages is never given them. */
static void check_memory(struct model *m, const struct image_io *io)
{
	const uint8_t *pool = m->engine.pool.mem;

	if (io->what != IMAGE_READ && io->what != IMAGE_WRITE)
		return;
	if (io->nr_iov ? !m->image.can_scatter :
	    io->buf < pool || io->buf + io->length > pool + BLK_POOL_PAGES * 4096)
		abort();
}

static void disk_submit(struct image *im, struct image_io *io)
{
	struct model *m = of_image(im);

	check_memory(m, io);
	step(m);
	m->under_way[m->nr_under_way++] = io;
	if (io->what == IMAGE_FLUSH)
		memcpy(m->asked, m->disk, sizeof(m->asked));
	step(m);
}

static void disk_kick(struct image *im)
{
	of_image(im)->kicks++;
}

/* In any order. */
static struct image_io *disk_reap(struct image *im)
{
	struct model *m = of_image(im);
	struct image_io *io;
	uint32_t i;

	if (m->hold || !m->nr_under_way)
		return NULL;
	i = model_random(m) % m->nr_under_way;
	io = m->under_way[i];
	step(m);
	if (!m->fail)
		disk_do(m, io, true);
	if (!m->fail && io->what == IMAGE_WRITE && io->durable) {
		memcpy(m->safe + io->offset, m->disk + io->offset, io->length);
		memcpy(m->asked + io->offset, m->disk + io->offset, io->length);
	}
	step(m);
	m->under_way[i] = m->under_way[--m->nr_under_way];
	io->result = m->fail;
	return io;
}

static int disk_measure(struct image *im)
{
	im->bytes = MODEL_DISK;
	return 0;
}

static void disk_close(struct image *im)
{
	(void)im;
}

static const struct image_ops disk_ops = {
	disk_submit, disk_kick, disk_reap, disk_measure, disk_close,
};

/*
 * In a dead process's buffers is what stood there: the model keeps them until
 * its heir is made, as the kernel keeps pages of transfers under way.
 */
void model_drain(struct model *m, bool whole)
{
	for (uint32_t i = 0; i < m->nr_under_way; i++)
		if (m->under_way[i]->what == IMAGE_WRITE)
			disk_do(m, m->under_way[i], whole);
	m->nr_under_way = 0;
}

/* ---- life ---- */

static void engine_new(struct model *m)
{
	engine_init(&m->engine, &env, m, 7);
	m->engine.image = &m->image;
	m->engine.rules = (struct blk_rules){
		.bytes = MODEL_DISK, .unit = 512, .align = 512, .discard = true,
	};
	for (unsigned int q = 0; q < ENGINE_QUEUES; q++)
		m->engine.queue[q].ring.point = ring_point;
}

void model_init(struct model *m, uint32_t slots)
{
	memset(m, 0, sizeof(*m));
	m->slots = slots;
	m->seed = 1;
	m->image = (struct image){
		.ops = &disk_ops, .bytes = MODEL_DISK, .can_discard = true,
		.can_scatter = true, .arg = m,
	};
	model_ring(m)->req_event = model_ring(m)->rsp_event = 1;
	engine_new(m);
}

void model_reborn(struct model *m)
{
	engine_close(&m->engine);
	engine_new(m);
}

void model_free(struct model *m)
{
	engine_close(&m->engine);
}

int model_attach(struct model *m, bool resume)
{
	if (!resume)
		memset(&m->journal, 0, sizeof(m->journal));
	int rc = engine_attach(&m->engine, 0, m->ring_mem, m->slots,
			       &m->journal.head, resume);

	m->engine.keep = m->persistent && !rc;
	return rc;
}

/* ---- the guest ---- */

blkif_sring_t *model_ring(struct model *m)
{
	return (blkif_sring_t *)m->ring_mem;
}

void model_send(struct model *m, const void *req)
{
	blkif_sring_t *s = model_ring(m);

	memcpy(&s->ring[m->req_prod & (m->slots - 1)], req,
	       sizeof(blkif_request_t));
	s->req_prod = ++m->req_prod;
}

blkif_request_t model_transfer(uint8_t op, uint64_t id, uint64_t sector,
			       uint32_t gref, uint32_t pages)
{
	blkif_request_t r;

	memset(&r, 0, sizeof(r));
	r.operation = op;
	r.nr_segments = pages;
	r.id = id;
	r.sector_number = sector;
	for (uint32_t i = 0; i < pages && i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++) {
		r.seg[i].gref = gref + i;
		r.seg[i].last_sect = 7;
	}
	return r;
}

bool model_answer(struct model *m, blkif_response_t *rsp)
{
	blkif_sring_t *s = model_ring(m);

	if (m->rsp_cons == s->rsp_prod)
		return false;
	*rsp = s->ring[m->rsp_cons++ & (m->slots - 1)].rsp;
	s->rsp_event = m->rsp_cons + 1;
	return true;
}

int model_run(struct model *m)
{
	int rc;

	do
		rc = engine_run(&m->engine);
	while (rc > 0);
	return rc;
}
