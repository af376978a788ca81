/* SPDX-License-Identifier: MIT */
/*
 * What a request asks for, and whether it may.  Pure: values in, a verdict
 * out.  What is looked at is our copy of the request, never the ring.
 */
#ifndef BLKBACK_REQUEST_H
#define BLKBACK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/blkif.h>

#define BLK_PAGE		4096u
/* What we offer; an indirect page holds 512 descriptors. */
#define BLK_INDIRECT_MAX	256u

enum blk_kind {
	BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_BARRIER,
};

enum blk_verdict {
	BLK_DO,
	BLK_FAIL,		/* answer: error */
	BLK_UNSUPPORTED,	/* answer: not supported */
	BLK_BROKEN,		/* not the protocol: the device is stopped */
};

/* What the disk is, as far as a request is concerned. */
struct blk_rules {
	uint64_t bytes;		/* size of the disk */
	uint32_t unit;		/* bytes of what the ring calls a sector */
	uint32_t align;		/* bytes; a transfer begins and ends there */
	bool readonly;
	bool discard;
};

struct blk_op {
	enum blk_kind kind;
	uint8_t operation;	/* what the response says */
	bool indirect;
	uint16_t nr_segments;
	uint64_t offset;	/* bytes */
	uint64_t length;	/* bytes; of a transfer: once segments are known */
};

/*
 * The request's head.  BLK_DO: @op is whole but for the length of transfers.
 * Otherwise @op->operation is what the answer says; BLK_BROKEN: @why is a
 * sentence whose subject is the guest's driver.
 */
enum blk_verdict blk_request_parse(const struct blk_rules *rules,
				   const blkif_request_t *req,
				   struct blk_op *op, const char **why);
/* The segments of a transfer, wherever they came from: sets op->length. */
enum blk_verdict blk_request_segments(const struct blk_rules *rules,
				      const struct blkif_request_segment *seg,
				      struct blk_op *op, const char **why);

/* Where a segment's bytes are in its page, and how many. */
static inline uint32_t blk_segment_offset(const struct blk_rules *rules,
					  const struct blkif_request_segment *s)
{
	return s->first_sect * rules->unit;
}

static inline uint32_t blk_segment_bytes(const struct blk_rules *rules,
					 const struct blkif_request_segment *s)
{
	return (s->last_sect - s->first_sect + 1u) * rules->unit;
}

#endif
