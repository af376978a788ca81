/* SPDX-License-Identifier: MIT */
/*
 * The event loop of the daemons: epoll, a few timers, and one hook that runs
 * after each batch of events, where replies that the batch made are written.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

typedef void loop_fn(void *arg, uint32_t events);

/* Embedded in its owner; must stay in place between loop_add and loop_del. */
struct loop_source {
	loop_fn *fn;
	void *arg;
	int fd;
	uint32_t events;
};

struct loop_timer {
	struct link link;	/* in loop.timers, soonest first */
	uint64_t due_ms;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	int epfd;
	bool stop;		/* set it to leave loop_run */
	bool busy;		/* set by after(): do not wait in the next round */
	uint64_t now_ms;	/* 0: not yet asked for in this round */
	struct link timers;
	void (*after)(void *arg);
	void *after_arg;
	void *batch;
	int batch_len;
};

int loop_init(struct loop *l);
void loop_close(struct loop *l);
/* Watch @fd for EPOLL* @events; 0 or -errno. */
int loop_add(struct loop *l, struct loop_source *s, int fd, uint32_t events,
	     loop_fn *fn, void *arg);
/* Change what is watched for; no system call when nothing changes. */
void loop_mod(struct loop *l, struct loop_source *s, uint32_t events);
/* Stop watching. Safe within a callback, also for another source. */
void loop_del(struct loop *l, struct loop_source *s);

void loop_timer_init(struct loop_timer *t, void (*fn)(void *arg), void *arg);
static inline bool loop_timer_armed(const struct loop_timer *t)
{
	return !link_empty(&t->link);
}
/* Run t->fn once, @ms from now; moves an armed timer. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ms);
void loop_timer_cancel(struct loop_timer *t);

/* Monotonic milliseconds, read once per round. */
uint64_t loop_now(struct loop *l);
int loop_run(struct loop *l);

#endif
