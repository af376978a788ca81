/* SPDX-License-Identifier: MIT */
/*
 * A client of the store for an event loop: requests are queued, leave in one
 * write after the batch, and their answers come back as calls.
 */
#ifndef CONSOLED_STOREC_H
#define CONSOLED_STOREC_H

#include <stdint.h>
#include <stddef.h>

#include "../common/buf.h"
#include "../common/loop.h"

/* @data is NUL-terminated; NULL if the answer is an error. */
typedef void storec_fn(uint64_t arg, const char *data, size_t len);

struct storec_wait {
	uint32_t req_id;
	storec_fn *fn;
	uint64_t arg;
};

struct storec {
	struct loop *loop;
	struct loop_source src;
	struct buf in, out;
	uint32_t next_id;
	uint32_t tx;		/* of the requests that follow; 0: none */
	struct storec_wait *wait;	/* FIFO in a ring of wait_cap */
	uint32_t wait_head, wait_nr, wait_cap;
	void (*event)(void *arg, const char *path, const char *token);
	void *event_arg;
	const char *path;
	/* The store daemon was started anew: watches are gone, and requests
	 * without an answer have had none (data NULL). */
	void (*again)(void *arg);
	struct loop_timer retry;
};

/* 0 or -errno. */
int storec_open(struct storec *s, struct loop *l, const char *path);
/* Queue a request of the given XS_* type; @fn may be NULL. */
void storec_send(struct storec *s, uint32_t type, const void *payload,
		 size_t len, storec_fn *fn, uint64_t arg);
/* The same with a printed payload (%c with 0 between strings). */
void storec_sendf(struct storec *s, uint32_t type, storec_fn *fn, uint64_t arg,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Write what is queued. */
void storec_flush(struct storec *s);

#endif
