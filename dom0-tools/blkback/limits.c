/* SPDX-License-Identifier: MIT */
/* The limits of <iotune>; see limits.h. */
#include "limits.h"

#define NS_PER_S	1000000000.0

const char *const blk_limit_name[BLK_LIMITS] = {
	[BLK_TOTAL_BYTES] = "total_bytes", [BLK_READ_BYTES] = "read_bytes",
	[BLK_WRITE_BYTES] = "write_bytes", [BLK_TOTAL_IOPS] = "total_iops",
	[BLK_READ_IOPS] = "read_iops", [BLK_WRITE_IOPS] = "write_iops",
};

static bool applies(enum blk_limit i, bool write)
{
	switch (i) {
	case BLK_READ_BYTES: case BLK_READ_IOPS:
		return !write;
	case BLK_WRITE_BYTES: case BLK_WRITE_IOPS:
		return write;
	default:
		return true;
	}
}

static double brim(const struct blk_bucket *b)
{
	return b->max ? (double)b->max * (b->length ? b->length : 1) :
			b->avg / 10.0;
}

static double leak(double level, double rate, double seconds)
{
	level -= rate * seconds;
	return level > 0 ? level : 0;
}

static double bucket_wait(const struct blk_bucket *b)
{
	double wait = 0, w;

	if (b->level > brim(b))
		wait = (b->level - brim(b)) / b->avg;
	if (b->max && b->burst > b->max / 10.0) {
		w = (b->burst - b->max / 10.0) / b->max;
		wait = w > wait ? w : wait;
	}
	return wait;
}

void blk_limits_set(struct blk_limits *l, const struct blk_limits *from)
{
	l->any = false;
	l->size_iops = from->size_iops;
	for (int i = 0; i < BLK_LIMITS; i++) {
		const struct blk_bucket *f = &from->bucket[i];
		struct blk_bucket *b = &l->bucket[i];

		b->avg = f->avg;
		b->max = f->max > f->avg ? f->max : 0;
		b->length = f->length;
		if (!b->avg)
			b->level = b->burst = 0;
		l->any |= b->avg != 0;
	}
}

uint64_t blk_limits_ask(struct blk_limits *l, uint64_t now_ns, bool write,
			uint64_t bytes)
{
	const double seconds = l->last_ns && now_ns > l->last_ns ?
		(now_ns - l->last_ns) / NS_PER_S : 0;
	const uint64_t ops = l->size_iops && bytes > l->size_iops ?
		(bytes + l->size_iops - 1) / l->size_iops : 1;
	double wait = 0, w, n;

	if (!l->any)
		return 0;
	l->last_ns = now_ns;
	for (int i = 0; i < BLK_LIMITS; i++) {
		struct blk_bucket *b = &l->bucket[i];

		if (!b->avg)
			continue;
		b->level = leak(b->level, b->avg, seconds);
		b->burst = leak(b->burst, b->max, seconds);
		w = applies(i, write) ? bucket_wait(b) : 0;
		wait = w > wait ? w : wait;
	}
	/* A moment more, so that rounding does not ask in vain. */
	if (wait > 0)
		return wait * NS_PER_S + 1;
	for (int i = 0; i < BLK_LIMITS; i++) {
		struct blk_bucket *b = &l->bucket[i];

		if (!b->avg || !applies(i, write))
			continue;
		n = i < BLK_TOTAL_IOPS ? bytes : ops;
		b->level += n;
		if (b->max)
			b->burst += n;
	}
	return 0;
}
