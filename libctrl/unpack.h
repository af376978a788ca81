/* SPDX-License-Identifier: MIT */
/* Unpacking a kernel, in a child process that can do nothing else. */
#ifndef CTRL_UNPACK_H
#define CTRL_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "bzimage.h"

/* No kernel unpacks to more than this. */
#define UNPACK_MAX_BYTES	(UINT64_C(1) << 30)

struct unpack {
	int in;			/* bytes [offset, offset + length) of this */
	uint64_t offset, length;
	enum packing packing;
	int out;		/* an empty file, written from its start */
	uint64_t max;		/* it may not grow beyond this */
	uint64_t size;		/* out: how large it became */
	unsigned int patience_ms;	/* with a sandboxed child; 0: 10 minutes */
};

enum unpack_verdict {
	UNPACK_FINE,
	UNPACK_DAMAGED,
	UNPACK_TOO_LARGE,
	UNPACK_NO_MEMORY,
	UNPACK_UNREADABLE,
	UNPACK_UNWRITABLE,
	UNPACK_UNSUPPORTED,
	UNPACK_NO_SANDBOX,
	UNPACK_TOO_SLOW,
	UNPACK_KILLED,
};

enum unpack_verdict unpack(struct unpack *u);

/* The same in a sandboxed child. */
enum unpack_verdict unpack_sandboxed(struct unpack *u);
/* What the child does first: it gets so much memory and no more. */
#define SANDBOX_MEMORY	(UINT64_C(512) << 20)
bool sandbox_limit_memory(void);

/* The end of a sentence about the input; NULL when it is fine. */
const char *unpack_sentence(enum unpack_verdict v);

#endif
