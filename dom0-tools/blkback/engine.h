/* SPDX-License-Identifier: MIT */
/*
 * From request to answer.  A request that was taken from a ring is parsed,
 * its indirect descriptors are fetched, it waits its turn, a write's data is
 * copied from the guest, the image does its part, a read's data is copied to
 * the guest, and the answer is published.  Each of these steps is made for all
 * requests of a round together: one grant operation, one system call, one
 * event.
 *
 * The engine knows no descriptors: grants and events are asked of an
 * engine_env, data of an image.  So a test can be the guest, the hypervisor
 * and the disk.
 *
 * Grants that the guest promised to use again ("persistent") are mapped once,
 * up to a bound.  An image that can have them (can_scatter) reads and writes
 * the guest's pages where they are; for others we copy.  What is beyond the
 * bound, or cannot be mapped, the hypervisor copies.
 *
 * A guest that does not keep to the protocol breaks the engine: it says why,
 * never touches a ring again, and forgets what comes back from the image.
 */
#ifndef BLKBACK_ENGINE_H
#define BLKBACK_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/sys/gntdev.h>

#include "image.h"
#include "limits.h"
#include "pool.h"
#include "request.h"
#include "ring.h"

#define ENGINE_QUEUES		4u
#define ENGINE_BUDGET		64u	/* requests of one queue per round */
#define ENGINE_IN_FLIGHT	512u	/* with the image */
#define ENGINE_KEPT		1024u	/* grants that stay mapped */
#define ENGINE_SEGS		1024u	/* of one grant operation */

typedef struct ioctl_gntdev_grant_copy_segment engine_seg;

struct engine_env {
	/* As backend_copy(). */
	int (*copy)(void *arg, engine_seg *segs, unsigned int n);
	/*
	 * Map @n pages of the guest one after the other, until engine_detach();
	 * NULL: cannot be.
	 */
	uint8_t *(*map)(void *arg, const uint32_t *refs, unsigned int n);
	void (*notify)(void *arg, unsigned int queue);
	uint64_t (*now_ns)(void *arg);
	void (*log)(void *arg, const char *line);
};

struct engine_stats {
	uint64_t reads, writes, flushes, discards;
	uint64_t read_bytes, write_bytes, discard_bytes;
	uint64_t errors;	/* answers other than "okay" */
	uint64_t kept_uses, copies, events, rounds, throttled, replayed;
};

/* A request from take to answer; one per journal entry. */
struct engine_req {
	struct engine_req *next;
	struct image_io io;
	struct blk_op op;
	uint16_t entry, queue;
	uint32_t page, pages;	/* in the pool */
	uint8_t stage;
	bool mapped;		/* its pages are kept: no grant operation */
};

struct engine_queue {
	struct blk_ring ring;
	struct engine_req *reqs;		/* [ring.slots] */
	/* Of indirect requests, BLK_INDIRECT_MAX for each. */
	struct blkif_request_segment *segs;
	struct iovec *iov;			/* likewise */
};

/* A grant that the guest will use again, and where it is mapped. */
struct engine_kept {
	uint8_t *va;
	uint32_t ref;
};

struct engine {
	const struct engine_env *env;
	void *arg;
	struct image *image;		/* NULL: a drive without a disc */
	uint16_t domid;
	struct blk_rules rules;
	bool flush_ignored, flush_each;
	struct blk_limits limits;
	struct blk_pool pool;
	struct engine_queue queue[ENGINE_QUEUES];
	unsigned int queues;		/* 0: no guest */
	struct engine_req *waiting, **waiting_tail;
	struct engine_req *barrier;	/* alone, when there is one */
	unsigned int in_flight;		/* with the image */
	bool keep;			/* the guest's grants are persistent */
	unsigned int nr_kept;
	struct engine_kept kept[2 * ENGINE_KEPT];	/* by hash of ref */
	uint64_t wait_ns;		/* limits: not before that long; 0: none */
	bool broken;
	char reason[256];
	struct engine_stats stats;

	/* The grant operation being gathered. */
	engine_seg seg[ENGINE_SEGS];
	unsigned int nr_segs;
	struct engine_req *batch, **batch_tail;
};

/* 0 or -ENOMEM. */
int engine_init(struct engine *e, const struct engine_env *env, void *arg,
		uint16_t domid);
void engine_close(struct engine *e);
/*
 * A guest's ring for queue @q: its memory, and the journal's.  @resume as
 * blk_ring_resume().  0, -ENOMEM, -EPROTO, -ESTALE.
 */
int engine_attach(struct engine *e, unsigned int q, void *shared,
		  uint32_t slots, struct blk_journal *j, bool resume);
/*
 * One round.  0: nothing to do until an event, the image, or after wait_ns;
 * 1: there is more; -EPROTO: broken, see reason.
 */
int engine_run(struct engine *e);
/*
 * Never touch the rings again.  What waits is dropped; what is with the image
 * comes back later: in_flight tells.
 */
void engine_detach(struct engine *e);
/* The engine's queues may be attached anew: nothing is in flight. */
void engine_reset(struct engine *e);

#endif
