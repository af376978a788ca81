/* SPDX-License-Identifier: MIT */
/* The event loop; see loop.h. */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define LOOP_BATCH	64

int loop_init(struct loop *l)
{
	*l = (struct loop){ .epfd = epoll_create1(EPOLL_CLOEXEC) };
	link_init(&l->timers);
	return l->epfd < 0 ? -errno : 0;
}

void loop_close(struct loop *l)
{
	close(l->epfd);
}

int loop_add(struct loop *l, struct loop_source *s, int fd, uint32_t events,
	     loop_fn *fn, void *arg)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	*s = (struct loop_source){ fn, arg, fd, events };
	return epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

void loop_mod(struct loop *l, struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (s->events == events)
		return;
	s->events = events;
	epoll_ctl(l->epfd, EPOLL_CTL_MOD, s->fd, &ev);
}

void loop_del(struct loop *l, struct loop_source *s)
{
	struct epoll_event *ev = l->batch;

	epoll_ctl(l->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	/* An event for it may already wait in this round's batch. */
	for (int i = 0; i < l->batch_len; i++)
		if (ev[i].data.ptr == s)
			ev[i].data.ptr = NULL;
}

uint64_t loop_now(struct loop *l)
{
	struct timespec ts;

	if (l->now_ms)
		return l->now_ms;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	l->now_ms = (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	return l->now_ms;
}

void loop_timer_init(struct loop_timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct loop_timer){ .fn = fn, .arg = arg };
	link_init(&t->link);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ms)
{
	struct link *pos;

	link_del(&t->link);
	t->due_ms = loop_now(l) + ms;
	link_for_each(pos, &l->timers)
		if (link_entry(pos, struct loop_timer, link)->due_ms > t->due_ms)
			break;
	link_add_tail(pos, &t->link);
}

void loop_timer_cancel(struct loop_timer *t)
{
	link_del(&t->link);
}

static int wait_ms(struct loop *l)
{
	struct loop_timer *t;
	uint64_t now;

	if (l->busy)
		return 0;
	if (link_empty(&l->timers))
		return -1;
	t = link_entry(l->timers.next, struct loop_timer, link);
	now = loop_now(l);
	if (t->due_ms <= now)
		return 0;
	return t->due_ms - now > INT_MAX ? INT_MAX : (int)(t->due_ms - now);
}

static void run_timers(struct loop *l)
{
	struct loop_timer *t;

	while (!link_empty(&l->timers)) {
		t = link_entry(l->timers.next, struct loop_timer, link);
		if (t->due_ms > loop_now(l))
			return;
		link_del(&t->link);
		t->fn(t->arg);
	}
}

int loop_run(struct loop *l)
{
	struct epoll_event ev[LOOP_BATCH];
	struct loop_source *s;
	int n;

	while (!l->stop) {
		n = epoll_wait(l->epfd, ev, LOOP_BATCH, wait_ms(l));
		if (n < 0 && errno != EINTR)
			return -errno;
		l->now_ms = 0;
		l->busy = false;
		l->batch = ev;
		l->batch_len = n < 0 ? 0 : n;
		for (int i = 0; i < l->batch_len; i++) {
			s = ev[i].data.ptr;
			if (s)
				s->fn(s->arg, ev[i].events);
		}
		l->batch_len = 0;
		run_timers(l);
		if (l->after)
			l->after(l->after_arg);
	}
	return 0;
}
