/* SPDX-License-Identifier: MIT */
/*
 * The disk that this process serves.  The supervisor's parameters become an
 * image and rules, the guest's nodes become rings, and events, completions and
 * timers all end in engine_run().
 *
 * An event channel stays masked while there is work; a guest whose events
 * bring none is listened to less and less, and in the end not at all.
 */
#include "vbd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/protocols.h>

#include "engine.h"

#define JOURNAL_STRIDE	((sizeof(struct blk_journal) + BLK_RING_MAX * \
			  sizeof(struct blk_entry) + 4095) & ~4095ul)
#define JOURNAL_BYTES	(ENGINE_QUEUES * JOURNAL_STRIDE)

/* So many events in a row without a request are the end; see backend.h. */
#define FLOOD_END	256u

struct vbd_queue {
	struct backend_map map;
	uint32_t port;
	bool bound, masked;
	uint32_t idle_events;	/* in a row, that brought nothing */
	uint32_t seen;		/* req_cons at the last event */
};

struct vbd {
	struct backend *b;
	struct engine engine;
	struct image *image;
	struct vbd_queue queue[ENGINE_QUEUES];
	unsigned int max_queues;
	uint32_t logical, physical;
	bool cdrom, removable, nbd;
	int journal_fd;
	uint8_t *journal;
	/* Grants that stay mapped, a few at a time. */
	struct backend_map *kept;
	unsigned int nr_kept, max_kept;
	bool dirty;		/* the engine has something to look at */
	bool leaving;		/* disconnect waits for the image */
	struct loop_timer limit_timer, flood_timer;
};

static struct vbd vbd;

/* ---- what the engine asks ---- */

static int env_copy(void *arg, engine_seg *segs, unsigned int n)
{
	return backend_copy(((struct vbd *)arg)->b, segs, n);
}

static uint8_t *env_map(void *arg, const uint32_t *refs, unsigned int n)
{
	struct vbd *v = arg;
	struct backend_map *more;

	if (v->nr_kept == v->max_kept) {
		more = reallocarray(v->kept, v->max_kept + 64, sizeof(*more));
		if (!more)
			return NULL;
		v->kept = more;
		v->max_kept += 64;
	}
	if (backend_map(v->b, refs, n, &v->kept[v->nr_kept]))
		return NULL;
	return v->kept[v->nr_kept++].va;
}

static void unmap_kept(struct vbd *v)
{
	while (v->nr_kept)
		backend_unmap(v->b, &v->kept[--v->nr_kept]);
	free(v->kept);
	v->kept = NULL;
	v->max_kept = 0;
}

static void env_notify(void *arg, unsigned int queue)
{
	struct vbd *v = arg;

	backend_notify(v->b, v->queue[queue].port);
}

static uint64_t env_now(void *arg)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void env_log(void *arg, const char *line)
{
	backend_log(((struct vbd *)arg)->b, "%s", line);
}

static const struct engine_env vbd_env = {
	.copy = env_copy, .map = env_map, .notify = env_notify, .now_ns = env_now,
	.log = env_log,
};

/* ---- the guest's half ---- */

static void let_go(struct vbd *v)
{
	engine_detach(&v->engine);
	loop_timer_cancel(&v->limit_timer);
	loop_timer_cancel(&v->flood_timer);
	for (unsigned int i = 0; i < ENGINE_QUEUES; i++) {
		struct vbd_queue *q = &v->queue[i];

		if (q->bound)
			backend_unbind(v->b, q->port);
		backend_unmap(v->b, &q->map);
		memset(q, 0, sizeof(*q));
	}
	if (v->journal)
		munmap(v->journal, JOURNAL_BYTES);
	v->journal = NULL;
}

/* In-flight transfers may still end in the disk: wait for them. */
static void leave_when_idle(struct vbd *v)
{
	if (v->engine.queues || v->engine.in_flight)
		return;
	unmap_kept(v);
	if (!v->leaving)
		return;
	v->leaving = false;
	engine_reset(&v->engine);
	backend_disconnected(v->b);
}

static void stop(struct vbd *v)
{
	char why[sizeof(v->engine.reason)];

	memcpy(why, v->engine.reason, sizeof(why));
	let_go(v);
	backend_stopped(v->b, "%s", why);
}

/* The ports that are masked for no reason any more. */
static void unmask(struct vbd *v)
{
	uint32_t ports[ENGINE_QUEUES];
	unsigned int n = 0;

	for (unsigned int i = 0; i < v->engine.queues; i++) {
		struct vbd_queue *q = &v->queue[i];
		const uint32_t cons = v->engine.queue[i].ring.req_cons;

		if (!q->masked)
			continue;
		q->idle_events = q->seen == cons ? q->idle_events + 1 : 0;
		q->seen = cons;
		if (q->idle_events > FLOOD_END) {
			snprintf(v->engine.reason, sizeof(v->engine.reason),
				 "it sent %u events in a row without a request",
				 q->idle_events);
			stop(v);
			return;
		}
		if (q->idle_events > BACKEND_FLOOD_FREE) {
			if (!loop_timer_armed(&v->flood_timer))
				loop_timer_set(&v->b->loop, &v->flood_timer,
					       BACKEND_FLOOD_PAUSE_MS);
			continue;
		}
		q->masked = false;
		ports[n++] = q->port;
	}
	backend_unmask(v->b, ports, n);
}

static void flood_over(void *arg)
{
	struct vbd *v = arg;
	uint32_t ports[ENGINE_QUEUES];
	unsigned int n = 0;

	for (unsigned int i = 0; i < v->engine.queues; i++) {
		if (!v->queue[i].masked)
			continue;
		v->queue[i].masked = false;
		ports[n++] = v->queue[i].port;
	}
	v->dirty = true;
	backend_unmask(v->b, ports, n);
}

static void limit_over(void *arg)
{
	((struct vbd *)arg)->dirty = true;
}

static void image_ready(void *arg)
{
	((struct vbd *)arg)->dirty = true;
}

static void vbd_events(struct backend *b, const uint32_t *ports, unsigned int n)
{
	struct vbd *v = b->arg;

	for (unsigned int i = 0; i < n; i++)
		for (unsigned int q = 0; q < v->engine.queues; q++)
			if (v->queue[q].port == ports[i])
				v->queue[q].masked = true;
	v->dirty = true;
}

static bool vbd_after(struct backend *b)
{
	struct vbd *v = b->arg;
	int rc;

	if (!v->dirty)
		return false;
	rc = engine_run(&v->engine);
	if (rc > 0)
		return true;
	v->dirty = false;
	if (rc < 0)
		stop(v);
	else
		unmask(v);
	if (v->engine.wait_ns && v->engine.queues)
		loop_timer_set(&b->loop, &v->limit_timer,
			       v->engine.wait_ns / 1000000 + 1);
	leave_when_idle(v);
	return v->dirty;
}

/* ---- parameters ---- */

static bool flag(const json_t *msg, const char *name)
{
	return json_is_true(json_object_get(msg, name));
}

static uint64_t number(const json_t *msg, const char *name)
{
	const json_int_t n = json_integer_value(json_object_get(msg, name));

	return n > 0 ? n : 0;
}

static void take_limits(struct vbd *v, const json_t *msg)
{
	struct blk_limits l = { .size_iops = number(msg, "size_iops_sec") };
	char name[64];

	for (int i = 0; i < BLK_LIMITS; i++) {
		snprintf(name, sizeof(name), "%s_sec", blk_limit_name[i]);
		l.bucket[i].avg = number(msg, name);
		snprintf(name, sizeof(name), "%s_sec_max", blk_limit_name[i]);
		l.bucket[i].max = number(msg, name);
		snprintf(name, sizeof(name), "%s_sec_max_length",
			 blk_limit_name[i]);
		l.bucket[i].length = number(msg, name);
	}
	blk_limits_set(&v->engine.limits, &l);
}

static void source_gone(void *arg, const char *why)
{
	struct vbd *v = arg;

	backend_log(v->b, "%s", why);
	backend_exit(v->b, BACKEND_EXIT_SOURCE);
}

static int open_image(struct vbd *v, const json_t *msg, int *fds, int nr)
{
	const char *mode = json_string_value(json_object_get(msg, "mode"));
	const char *export = json_string_value(json_object_get(msg, "export"));
	char why[BACKEND_REASON_MAX];
	int rc;

	if (mode && !strcmp(mode, "none"))
		return 0;
	if (!mode || nr < 2)
		return backend_why(v->b, -EINVAL, "no source was handed over");
	if (!strcmp(mode, "nbd")) {
		v->nbd = true;
		rc = image_nbd_open(&v->image, &v->b->loop, fds[1],
				    export ? export : "", source_gone, v, why,
				    sizeof(why));
		if (rc)
			return backend_why(v->b, rc, "%s", why);
	} else if (!strcmp(mode, "file")) {
		rc = image_file_open(&v->image, fds[1],
				     v->logical ? v->logical : 512);
		if (rc)
			return backend_why(v->b, rc, "the source cannot be used: %s",
					   strerror(-rc));
	} else {
		return backend_why(v->b, -EINVAL, "mode \"%.32s\" is unknown",
				   mode);
	}
	fds[1] = -1;
	v->image->ready = image_ready;
	v->image->arg = v;
	return 0;
}

static bool block_size_ok(uint64_t n)
{
	return !n || (n >= 512 && n <= 4096 && !(n & (n - 1)));
}

/*
 * Sizes.  Our sector is 512 bytes unless the guest can do otherwise; larger
 * blocks are a matter of alignment, which is what front-ends make of
 * "sector-size".
 */
static void set_size(struct vbd *v)
{
	const uint64_t bytes = v->image ? v->image->bytes : 0;

	v->engine.rules.bytes = bytes - bytes % v->logical;
}

static void size_nodes(struct vbd *v, json_t *nodes)
{
	const struct blk_rules *r = &v->engine.rules;

	backend_node(nodes, "sectors", "%" PRIu64, r->bytes / r->unit);
}

static void geometry_nodes(struct vbd *v, json_t *nodes)
{
	const struct blk_rules *r = &v->engine.rules;

	size_nodes(v, nodes);
	backend_node(nodes, "sector-size", "%u", v->logical);
	if (r->bytes % v->physical == 0)
		backend_node(nodes, "physical-sector-size", "%u", v->physical);
	backend_node(nodes, "info", "%u", (v->cdrom ? VDISK_CDROM : 0) |
		     (v->removable ? VDISK_REMOVABLE : 0) |
		     (r->readonly ? VDISK_READONLY : 0));
}

static void feature_nodes(struct vbd *v, json_t *nodes)
{
	const struct blk_rules *r = &v->engine.rules;

	backend_node(nodes, "feature-flush-cache", "%d", !r->readonly);
	backend_node(nodes, "feature-barrier", "%d", !r->readonly);
	backend_node(nodes, "feature-persistent", "%d", v->image != NULL);
	backend_node(nodes, "feature-max-indirect-segments", "%u",
		     BLK_INDIRECT_MAX);
	backend_node(nodes, "max-ring-page-order", "%u", BLK_RING_ORDER_MAX);
	backend_node(nodes, "max-ring-pages", "%u", 1u << BLK_RING_ORDER_MAX);
	backend_node(nodes, "multi-queue-max-queues", "%u", v->max_queues);
	backend_node(nodes, "feature-discard", "%d", r->discard);
	if (!r->discard)
		return;
	backend_node(nodes, "discard-granularity", "%u", v->physical);
	backend_node(nodes, "discard-alignment", "0");
	backend_node(nodes, "discard-secure", "0");
}

static int vbd_start(struct backend *b, const json_t *msg, int *fds, int nr,
		     json_t *nodes)
{
	const char *flush = json_string_value(json_object_get(msg, "flush"));
	struct vbd *v = b->arg;
	struct blk_rules *r = &v->engine.rules;
	uint64_t queues = number(msg, "queues");
	int rc;

	if (nr < 1)
		return backend_why(b, -EINVAL, "no journal was handed over");
	if (!block_size_ok(number(msg, "logical")) ||
	    !block_size_ok(number(msg, "physical")))
		return backend_why(b, -EINVAL, "block sizes are powers of two from 512 to 4096");
	v->logical = number(msg, "logical");
	if (!v->logical)
		v->logical = 512;
	rc = open_image(v, msg, fds, nr);
	if (rc)
		return rc;
	v->physical = number(msg, "physical");
	if (!v->physical)
		v->physical = v->image && v->image->bytes % 4096 == 0 ? 4096 :
									 512;
	if (v->physical < v->logical)
		v->physical = v->logical;
	v->journal_fd = fds[0];
	fds[0] = -1;
	v->cdrom = flag(msg, "cdrom");
	v->removable = v->cdrom || flag(msg, "removable");
	v->max_queues = queues && queues < ENGINE_QUEUES ? queues :
							   ENGINE_QUEUES;
	r->readonly = v->cdrom || flag(msg, "readonly");
	r->discard = v->image && v->image->can_discard && !r->readonly &&
		     flag(msg, "discard");
	r->unit = 512;
	r->align = v->logical;
	set_size(v);
	v->engine.image = v->image;
	v->engine.flush_ignored = flush && !strcmp(flush, "ignore");
	v->engine.flush_each = flush && !strcmp(flush, "each");
	take_limits(v, json_object_get(msg, "limits"));
	feature_nodes(v, nodes);
	geometry_nodes(v, nodes);
	return 0;
}

/* ---- connect ---- */

static int check_protocol(struct backend *b, const json_t *front)
{
	const char *p = backend_front_text(front, "protocol");

	if (!p || !strcmp(p, XEN_IO_PROTO_ABI_X86_64))
		return 0;
	if (!strcmp(p, XEN_IO_PROTO_ABI_X86_32))
		return backend_why(b, -EINVAL, "it speaks the 32-bit ABI (%s), which is not served",
				   p);
	return backend_why(b, -EINVAL, "it speaks the unknown ABI \"%.32s\"", p);
}

/* How many pages a ring has: by its order, or the old way by their number. */
static int ring_pages(struct backend *b, const json_t *front, uint32_t *pages)
{
	uint32_t n = 0;
	int rc;

	rc = backend_front_u32(b, front, "ring-page-order", 0,
			       BLK_RING_ORDER_MAX, &n);
	if (rc != -ENOENT) {
		*pages = 1u << n;
		return rc;
	}
	rc = backend_front_u32(b, front, "num-ring-pages", 1,
			       1u << BLK_RING_ORDER_MAX, pages);
	if (rc == -ENOENT) {
		*pages = 1;
		return 0;
	}
	if (!rc && (*pages & (*pages - 1)))
		return backend_why(b, -EINVAL, "it wants a ring of %u pages, which is no power of two",
				   *pages);
	return rc;
}

static int need_u32(struct backend *b, const json_t *front, const char *name,
		    uint32_t *out)
{
	int rc = backend_front_u32(b, front, name, 0, UINT32_MAX, out);

	if (rc == -ENOENT)
		backend_why(b, rc, "it did not write %s", name);
	return rc;
}

static int read_refs(struct backend *b, const json_t *front,
		     const char *prefix, uint32_t pages, uint32_t *refs)
{
	char name[48];
	int rc;

	snprintf(name, sizeof(name), "%sring-ref", prefix);
	if (pages == 1 && backend_front_text(front, name))
		return need_u32(b, front, name, refs);
	for (uint32_t i = 0; i < pages; i++) {
		snprintf(name, sizeof(name), "%sring-ref%u", prefix, i);
		rc = need_u32(b, front, name, &refs[i]);
		if (rc)
			return rc;
	}
	return 0;
}

static int connect_queue(struct vbd *v, unsigned int i, const char *prefix,
			 const json_t *front, uint32_t pages, bool resume)
{
	struct vbd_queue *q = &v->queue[i];
	uint32_t refs[1u << BLK_RING_ORDER_MAX], remote;
	char name[48];
	int rc;

	rc = read_refs(v->b, front, prefix, pages, refs);
	if (rc)
		return rc;
	snprintf(name, sizeof(name), "%sevent-channel", prefix);
	rc = need_u32(v->b, front, name, &remote);
	if (rc)
		return rc;
	rc = backend_map(v->b, refs, pages, &q->map);
	if (rc)
		return rc;
	rc = backend_bind(v->b, remote);
	if (rc < 0)
		return rc;
	q->port = rc;
	q->bound = true;
	rc = engine_attach(&v->engine, i, q->map.va,
			   pages * BLK_RING_PAGE_SLOTS,
			   (void *)(v->journal + i * JOURNAL_STRIDE), resume);
	if (rc == -ESTALE)
		return backend_why(v->b, rc, "the journal is not of this ring");
	if (rc)
		return backend_why(v->b, rc, "%s", v->engine.broken ?
				   v->engine.reason : rc == -ENOMEM ?
				   "there is no memory for its queues" :
				   "its ring's indices are out of range");
	return 0;
}

static int open_journal(struct vbd *v, bool *resume)
{
	struct stat st;

	if (fstat(v->journal_fd, &st))
		return -errno;
	/* Whoever died before he made it has taken nothing from the ring. */
	if (*resume && (uint64_t)st.st_size != JOURNAL_BYTES)
		*resume = false;
	if (!*resume && (ftruncate(v->journal_fd, 0) ||
			 ftruncate(v->journal_fd, JOURNAL_BYTES)))
		return -errno;
	v->journal = mmap(NULL, JOURNAL_BYTES, PROT_READ | PROT_WRITE,
			  MAP_SHARED, v->journal_fd, 0);
	if (v->journal == MAP_FAILED) {
		v->journal = NULL;
		return -errno;
	}
	return 0;
}

static int connect_all(struct vbd *v, const json_t *front, bool resume)
{
	uint32_t queues = 1, pages;
	char prefix[24] = "";
	bool large, persistent = false;
	int rc;

	rc = check_protocol(v->b, front);
	if (!rc)
		rc = backend_front_bool(v->b, front,
					"feature-large-sector-size", &large);
	if (!rc)
		rc = backend_front_bool(v->b, front, "feature-persistent",
					&persistent);
	if (!rc)
		rc = ring_pages(v->b, front, &pages);
	if (rc)
		return rc;
	rc = backend_front_u32(v->b, front, "multi-queue-num-queues", 1,
			       v->max_queues, &queues);
	if (rc && rc != -ENOENT)
		return rc;
	v->engine.rules.unit = large ? v->logical : 512;
	rc = open_journal(v, &resume);
	if (rc)
		return backend_why(v->b, rc, "the journal cannot be used: %s",
				   strerror(-rc));
	for (uint32_t i = 0; i < queues; i++) {
		if (queues > 1)
			snprintf(prefix, sizeof(prefix), "queue-%u/", i);
		rc = connect_queue(v, i, prefix, front, pages, resume);
		if (rc)
			return rc;
	}
	v->engine.keep = persistent && v->image;
	return 0;
}

static int vbd_connect(struct backend *b, const json_t *front, bool resume,
		       json_t *nodes)
{
	struct vbd *v = b->arg;
	int rc = connect_all(v, front, resume);

	if (rc) {
		let_go(v);
		unmap_kept(v);
		engine_reset(&v->engine);
		return rc;
	}
	geometry_nodes(v, nodes);
	/* What the guest or our predecessor did meanwhile had no listener. */
	v->dirty = true;
	for (unsigned int i = 0; resume && i < v->engine.queues; i++)
		backend_notify(b, v->queue[i].port);
	return 0;
}

static void vbd_disconnect(struct backend *b)
{
	struct vbd *v = b->arg;

	let_go(v);
	v->leaving = true;
	v->dirty = true;
	leave_when_idle(v);
}

/* ---- changes ---- */

static int vbd_resize(struct backend *b, const json_t *msg, int *fds, int nr,
		      json_t *nodes)
{
	struct vbd *v = b->arg;
	int rc;

	(void)msg, (void)fds, (void)nr;
	if (!v->image)
		return backend_why(b, -ENODEV, "there is no disc in the drive");
	rc = v->image->ops->measure(v->image);
	if (rc == -EOPNOTSUPP)
		return backend_why(b, rc, "its server tells the size only to who connects anew; detach the disk and attach it again");
	if (rc)
		return backend_why(b, rc, "the size cannot be read: %s",
				   strerror(-rc));
	set_size(v);
	size_nodes(v, nodes);
	return 0;
}

static int vbd_set(struct backend *b, const json_t *msg, json_t *nodes)
{
	struct vbd *v = b->arg;

	(void)nodes;
	take_limits(v, json_object_get(msg, "limits"));
	v->dirty = true;
	return 0;
}

static void vbd_stats(struct backend *b, json_t *out)
{
	const struct vbd *v = b->arg;
	const struct engine_stats *s = &v->engine.stats;
	const struct { const char *name; uint64_t n; } rows[] = {
		{ "reads", s->reads }, { "read_bytes", s->read_bytes },
		{ "writes", s->writes }, { "write_bytes", s->write_bytes },
		{ "flushes", s->flushes }, { "discards", s->discards },
		{ "discard_bytes", s->discard_bytes }, { "errors", s->errors },
		{ "throttled", s->throttled }, { "replayed", s->replayed },
		{ "rounds", s->rounds }, { "copies", s->copies }, { "kept", v->engine.nr_kept },
		{ "kept_uses", s->kept_uses },
		{ "events", s->events }, { "in_flight", v->engine.in_flight },
		{ "queues", v->engine.queues },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(out, rows[i].name, json_integer(rows[i].n));
}

static int vbd_prepare(struct backend *b)
{
	struct vbd *v = &vbd;
	int rc;

	b->arg = v;
	v->b = b;
	v->journal_fd = -1;
	loop_timer_init(&v->limit_timer, limit_over, v);
	loop_timer_init(&v->flood_timer, flood_over, v);
	rc = engine_init(&v->engine, &vbd_env, v, b->domid);
	if (rc)
		return backend_why(b, rc, "no memory");
	rc = image_file_prepare(&b->loop);
	if (rc)
		return backend_why(b, rc, "io_uring: %s", strerror(-rc));
	return 0;
}

static void vbd_close(struct backend *b)
{
	struct vbd *v = b->arg;

	let_go(v);
	unmap_kept(v);
	engine_close(&v->engine);
	if (v->image)
		v->image->ops->close(v->image);
	image_file_finish(&b->loop);
	if (v->journal_fd >= 0)
		close(v->journal_fd);
	memset(v, 0, sizeof(*v));
}

/* Transfers, and what libnbd says to a socket. */
static const int vbd_syscalls[] = {
	SYS_io_uring_enter, SYS_pread64, SYS_pwrite64, SYS_preadv,
	SYS_pwritev, SYS_pwritev2,
	SYS_fdatasync, SYS_fallocate, SYS_fstatfs, SYS_sendmsg, SYS_recvfrom,
	SYS_poll, SYS_shutdown, SYS_getsockopt, SYS_getsockname,
	SYS_getpeername, -1,
};

const struct backend_ops vbd_ops = {
	.program = "blkback",
	.kind = "vbd",
	.syscalls = vbd_syscalls,
	.prepare = vbd_prepare,
	.start = vbd_start,
	.connect = vbd_connect,
	.disconnect = vbd_disconnect,
	.resize = vbd_resize,
	.set = vbd_set,
	.stats = vbd_stats,
	.events = vbd_events,
	.after = vbd_after,
	.close = vbd_close,
};
