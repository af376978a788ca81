/* SPDX-License-Identifier: MIT */
/*
 * The limits of <iotune>: six buckets, for bytes and for requests, of all, of
 * reads and of writes.  A bucket leaks at its average rate; a request may go
 * while no bucket that it falls into is above its brim, and then adds to it.
 * The brim is a tenth of a second's worth, or, with a burst rate, that rate
 * for as long as the burst may last; then a second bucket inside leaks at the
 * burst rate and keeps the burst itself in bounds.  Pure.
 */
#ifndef BLKBACK_LIMITS_H
#define BLKBACK_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

enum blk_limit {
	BLK_TOTAL_BYTES, BLK_READ_BYTES, BLK_WRITE_BYTES,
	BLK_TOTAL_IOPS, BLK_READ_IOPS, BLK_WRITE_IOPS, BLK_LIMITS,
};

struct blk_bucket {
	uint64_t avg;		/* per second; 0: no limit */
	uint64_t max;		/* per second in a burst; 0: none */
	uint64_t length;	/* seconds that a burst may last; 0 is 1 */
	double level, burst;
};

struct blk_limits {
	bool any;
	uint64_t last_ns;
	uint64_t size_iops;	/* bytes that count as one request; 0: all */
	struct blk_bucket bucket[BLK_LIMITS];
};

/* The names of <iotune>: "total_bytes" and so on, without "_sec". */
extern const char *const blk_limit_name[BLK_LIMITS];

/* Take @from's rates; the levels of @l stay where they still mean something. */
void blk_limits_set(struct blk_limits *l, const struct blk_limits *from);
/* 0: go, and it is counted; otherwise nanoseconds until it is worth asking. */
uint64_t blk_limits_ask(struct blk_limits *l, uint64_t now_ns, bool write,
			uint64_t bytes);

#endif
