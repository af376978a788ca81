/* SPDX-License-Identifier: MIT */
/* Viewers over the socket; the protocol stands in consoled.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../common/log.h"
#include "attach.h"
#include "con.h"

#define VIEWERS_MAX	512u

struct viewer {
	struct con *c;
	struct guest *g;	/* NULL: not attached */
	bool waits;		/* for a guest with id domid */
	bool ending;		/* close when the output has left */
	uint32_t domid;
	struct link link;	/* in g->viewers or con.idle_viewers */
	struct loop_source src;
	struct buf out;
	char line[ATTACH_LINE_MAX];
	size_t line_len;
};

static void viewer_close(struct viewer *v)
{
	loop_del(&v->c->loop, &v->src);
	close(v->src.fd);
	link_del(&v->link);
	buf_free(&v->out);
	v->c->nr_viewers--;
	free(v);
}

static void viewer_poll(struct viewer *v)
{
	const bool in = v->ending ? false : !v->g || con_wants_input(v->g);

	loop_mod(&v->c->loop, &v->src, (in ? EPOLLIN : 0) |
		 (buf_len(&v->out) ? EPOLLOUT : 0));
}

/* Send what waits; false: the viewer is gone. */
static bool viewer_flush(struct viewer *v)
{
	ssize_t r = 0;

	while (buf_len(&v->out)) {
		r = send(v->src.fd, buf_head(&v->out), buf_len(&v->out),
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0)
			break;
		buf_drop(&v->out, r);
	}
	if ((r < 0 && errno != EAGAIN && errno != EINTR) ||
	    (v->ending && buf_len(&v->out) == 0)) {
		viewer_close(v);
		return false;
	}
	viewer_poll(v);
	return true;
}

/* Make room by dropping the oldest half, and say so in the stream. */
static void viewer_shorten(struct viewer *v)
{
	const size_t drop = buf_len(&v->out) - CONSOLED_BACKLOG / 2;
	struct buf rest = { 0 };
	char note[80];
	int n = snprintf(note, sizeof(note),
			 "\r\n[consoled: %zu bytes of output were dropped]\r\n",
			 drop);

	if (!buf_put(&rest, note, n))
		buf_put(&rest, buf_head(&v->out) + drop,
			buf_len(&v->out) - drop);
	buf_free(&v->out);
	v->out = rest;
}

static void viewer_put(struct viewer *v, const void *data, size_t n)
{
	if (buf_put(&v->out, data, n))
		return;
	if (buf_len(&v->out) > CONSOLED_BACKLOG)
		viewer_shorten(v);
}

static void viewer_refuse(struct viewer *v, const char *sentence)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "error %s\n", sentence);

	viewer_put(v, text, n);
	v->ending = true;
	viewer_flush(v);
}

static void viewer_attach(struct viewer *v, struct guest *g)
{
	const uint8_t *piece[2];
	char text[128];
	size_t len[2];
	int n = snprintf(text, sizeof(text), "ok %s\n", g->name);

	v->waits = false;
	v->g = g;
	link_del(&v->link);
	link_add_tail(&g->viewers, &v->link);
	viewer_put(v, text, n);
	con_replay(g, piece, len);
	for (int i = 0; i < 2; i++)
		if (len[i])
			viewer_put(v, piece[i], len[i]);
	viewer_flush(v);
}

static void viewer_command(struct viewer *v)
{
	char text[96];
	struct guest *g;

	v->line[v->line_len] = 0;
	if (!attach_parse(v->line, &v->domid, &v->waits)) {
		viewer_refuse(v, "this is not an attach request");
		return;
	}
	g = con_find(v->c, v->domid);
	if (g && g->live) {
		viewer_attach(v, g);
		return;
	}
	if (v->waits)
		return;
	snprintf(text, sizeof(text), "domain %u has no console", v->domid);
	viewer_refuse(v, text);
}

/* Before it is attached: one line. */
static void viewer_line(struct viewer *v)
{
	char ch;
	ssize_t r;

	/* Byte by byte: what follows the line is already the guest's. */
	while (!v->g && !v->waits && !v->ending) {
		r = recv(v->src.fd, &ch, 1, MSG_DONTWAIT);
		if (r < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (r <= 0) {
			viewer_close(v);
			return;
		}
		if (ch == '\n') {
			viewer_command(v);
			return;
		}
		if (v->line_len + 1 >= sizeof(v->line)) {
			viewer_refuse(v, "this is not an attach request");
			return;
		}
		v->line[v->line_len++] = ch;
	}
}

static void viewer_input(struct viewer *v)
{
	uint8_t data[1024];
	ssize_t r = recv(v->src.fd, data, sizeof(data), MSG_DONTWAIT);

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r <= 0)
		viewer_close(v);
	else if (v->g)
		con_input(v->c, v->g, data, r);
}

static void viewer_event(void *arg, uint32_t events)
{
	struct viewer *v = arg;

	if (events & EPOLLOUT && !viewer_flush(v))
		return;
	if (events & EPOLLIN && !v->g && !v->waits)
		viewer_line(v);
	else if (events & EPOLLIN)
		viewer_input(v);
	else if (events & (EPOLLHUP | EPOLLERR))
		viewer_close(v);
}

static void viewer_accept(void *arg, uint32_t events)
{
	struct con *c = arg;
	struct viewer *v;
	int fd = accept4(c->listen_src.fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	v = c->nr_viewers < VIEWERS_MAX ? calloc(1, sizeof(*v)) : NULL;
	if (!v || loop_add(&c->loop, &v->src, fd, EPOLLIN, viewer_event, v)) {
		log_msg("a viewer was turned away: %u are connected",
			c->nr_viewers);
		free(v);
		close(fd);
		return;
	}
	v->c = c;
	link_init(&v->link);
	link_add_tail(&c->idle_viewers, &v->link);
	c->nr_viewers++;
	/* The request is mostly there already. */
	viewer_line(v);
}

void viewers_attach(struct con *c, struct guest *g)
{
	struct link *pos, *tmp;

	link_for_each_safe(pos, tmp, &c->idle_viewers) {
		struct viewer *v = link_entry(pos, struct viewer, link);

		if (v->waits && v->domid == g->domid)
			viewer_attach(v, g);
	}
}

void viewers_output(struct con *c, struct guest *g, const void *data, size_t n)
{
	struct link *pos, *tmp;

	(void)c;
	link_for_each_safe(pos, tmp, &g->viewers) {
		struct viewer *v = link_entry(pos, struct viewer, link);

		viewer_put(v, data, n);
		viewer_flush(v);
	}
}

void viewers_poll(struct con *c, struct guest *g)
{
	struct link *pos;

	(void)c;
	link_for_each(pos, &g->viewers)
		viewer_poll(link_entry(pos, struct viewer, link));
}

void viewers_end(struct con *c, struct guest *g)
{
	while (!link_empty(&g->viewers)) {
		struct viewer *v = link_entry(g->viewers.next, struct viewer,
					      link);

		link_del(&v->link);
		link_add_tail(&c->idle_viewers, &v->link);
		v->g = NULL;
		v->ending = true;
		viewer_flush(v);
	}
}

void viewers_listen(struct con *c, int fd)
{
	if (loop_add(&c->loop, &c->listen_src, fd, EPOLLIN, viewer_accept, c))
		log_die("viewers cannot be waited for");
}
