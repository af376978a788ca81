/* SPDX-License-Identifier: MIT */
/* What a request asks for; see request.h. */
#include "request.h"

#include <string.h>

/* Sums are made such that they cannot wrap. */
static bool in_disk(const struct blk_rules *rules, uint64_t sector,
		    uint64_t count)
{
	const uint64_t sectors = rules->bytes / rules->unit;

	return sector <= sectors && count <= sectors - sector;
}

static bool aligned(const struct blk_rules *rules, uint64_t bytes)
{
	return bytes % rules->align == 0;
}

static enum blk_verdict parse_discard(const struct blk_rules *rules,
				      const blkif_request_t *req,
				      struct blk_op *op)
{
	blkif_request_discard_t d;

	memcpy(&d, req, sizeof(d));
	op->kind = BLK_DISCARD;
	if (!rules->discard)
		return BLK_UNSUPPORTED;
	if (rules->readonly)
		return BLK_FAIL;
	/* The flag "secure" is ignored: we say that we cannot. */
	if (!in_disk(rules, d.sector_number, d.nr_sectors))
		return BLK_FAIL;
	op->offset = d.sector_number * rules->unit;
	op->length = d.nr_sectors * rules->unit;
	return BLK_DO;
}

static enum blk_verdict parse_indirect(const blkif_request_t *req,
				       struct blk_op *op, uint64_t *sector,
				       const char **why)
{
	blkif_request_indirect_t in;

	memcpy(&in, req, sizeof(in));
	/* The answer names the operation inside. */
	op->operation = in.indirect_op;
	op->indirect = true;
	op->nr_segments = in.nr_segments;
	*sector = in.sector_number;
	if (in.indirect_op != BLKIF_OP_READ && in.indirect_op != BLKIF_OP_WRITE) {
		*why = "it sent an indirect request that neither reads nor writes";
		return BLK_BROKEN;
	}
	op->kind = in.indirect_op == BLKIF_OP_READ ? BLK_READ : BLK_WRITE;
	if (!in.nr_segments || in.nr_segments > BLK_INDIRECT_MAX) {
		*why = "it sent an indirect request with a number of segments that was not offered";
		return BLK_BROKEN;
	}
	return BLK_DO;
}

static enum blk_verdict parse_transfer(const blkif_request_t *req,
				       struct blk_op *op, uint64_t *sector,
				       const char **why)
{
	*sector = req->sector_number;
	op->nr_segments = req->nr_segments;
	op->kind = req->operation == BLKIF_OP_READ ? BLK_READ :
		   req->operation == BLKIF_OP_WRITE ? BLK_WRITE : BLK_BARRIER;
	if (req->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST) {
		*why = "it sent a request with more than 11 segments";
		return BLK_BROKEN;
	}
	/* Only a barrier may carry nothing. */
	if (!req->nr_segments && op->kind != BLK_BARRIER) {
		*why = "it sent a request without segments";
		return BLK_BROKEN;
	}
	return BLK_DO;
}

enum blk_verdict blk_request_parse(const struct blk_rules *rules,
				   const blkif_request_t *req,
				   struct blk_op *op, const char **why)
{
	enum blk_verdict v;
	uint64_t sector;

	*op = (struct blk_op){ .operation = req->operation };
	switch (req->operation) {
	case BLKIF_OP_FLUSH_DISKCACHE:
		op->kind = BLK_FLUSH;
		return BLK_DO;
	case BLKIF_OP_DISCARD:
		return parse_discard(rules, req, op);
	case BLKIF_OP_INDIRECT:
		v = parse_indirect(req, op, &sector, why);
		break;
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_WRITE_BARRIER:
		v = parse_transfer(req, op, &sector, why);
		break;
	default:
		return BLK_UNSUPPORTED;
	}
	if (v != BLK_DO)
		return v;
	if (rules->readonly && op->kind != BLK_READ)
		return BLK_FAIL;
	/* Once the sector is in the disk its offset fits. */
	if (!in_disk(rules, sector, 0))
		return BLK_FAIL;
	op->offset = sector * rules->unit;
	return BLK_DO;
}

enum blk_verdict blk_request_segments(const struct blk_rules *rules,
				      const struct blkif_request_segment *seg,
				      struct blk_op *op, const char **why)
{
	const uint32_t per_page = BLK_PAGE / rules->unit;
	uint64_t sectors = 0;

	for (uint32_t i = 0; i < op->nr_segments; i++) {
		if (seg[i].first_sect > seg[i].last_sect ||
		    seg[i].last_sect >= per_page) {
			*why = "it sent a segment that is not within its page";
			return BLK_BROKEN;
		}
		sectors += seg[i].last_sect - seg[i].first_sect + 1u;
	}
	if (!in_disk(rules, op->offset / rules->unit, sectors))
		return BLK_FAIL;
	op->length = sectors * rules->unit;
	if (!aligned(rules, op->offset) || !aligned(rules, op->length))
		return BLK_FAIL;
	return BLK_DO;
}
