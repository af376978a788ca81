/* SPDX-License-Identifier: MIT */
/*
 * Connections over the Unix socket. All requests that one read() brings are
 * executed before the answers leave in one write(). Whoever may open the
 * socket is privileged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/log.h"
#include "shell.h"

#define SOCKETS_MAX	1000u
#define READ_SIZE	65536u

struct sock {
	struct conn conn;
	struct daemon *d;
	struct loop_source src;
	struct buf in;		/* what is not a whole request yet */
};

static void sock_close(struct sock *s)
{
	struct daemon *d = s->d;

	loop_del(&d->loop, &s->src);
	close(s->src.fd);
	conn_fini(&s->conn);
	buf_free(&s->in);
	free(s);
	d->nr_sockets--;
}

/* Execute the whole requests among @len bytes; returns how many were used. */
static size_t sock_execute(struct sock *s, const uint8_t *data, size_t len)
{
	struct xsd_sockmsg head;
	size_t used = 0;

	while (len - used >= sizeof(head)) {
		memcpy(&head, data + used, sizeof(head));
		if (!wire_head_ok(&head)) {
			s->conn.broken = true;
			conn_touch(&s->conn);
			break;
		}
		if (len - used < sizeof(head) + head.len ||
		    !conn_may_read(&s->conn, 0))
			break;
		conn_request(&s->conn, &head,
			     (const char *)data + used + sizeof(head));
		journal_commit(s->conn.xs);
		used += sizeof(head) + head.len;
	}
	return used;
}

static void sock_keep(struct sock *s, const uint8_t *data, size_t len)
{
	if (len && buf_put(&s->in, data, len))
		s->conn.broken = true;
}

static void sock_input(struct sock *s)
{
	static uint8_t data[READ_SIZE];
	ssize_t r = recv(s->src.fd, data, sizeof(data), MSG_DONTWAIT);
	size_t used;

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r <= 0) {
		sock_close(s);
		return;
	}
	if (buf_len(&s->in) == 0) {
		used = sock_execute(s, data, r);
		sock_keep(s, data + used, r - used);
		return;
	}
	sock_keep(s, data, r);
	used = sock_execute(s, buf_head(&s->in), buf_len(&s->in));
	buf_drop(&s->in, used);
}

/* False: the connection is gone. */
static bool sock_flush(struct sock *s)
{
	struct conn *c = &s->conn;
	ssize_t r;

	while (!c->broken && buf_len(&c->out)) {
		r = send(s->src.fd, buf_head(&c->out), buf_len(&c->out),
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN) {
			shell_stalled(s->d, c);
			return true;
		}
		if (r < 0)
			c->broken = true;
		else
			conn_sent(c, r);
	}
	if (!c->broken)
		return true;
	sock_close(s);
	return false;
}

static void sock_service(struct conn *c)
{
	struct sock *s = link_entry(c, struct sock, conn);
	size_t used = 0;

	if (!sock_flush(s))
		return;
	if (buf_len(&s->in)) {
		used = sock_execute(s, buf_head(&s->in), buf_len(&s->in));
		buf_drop(&s->in, used);
	}
	loop_mod(&s->d->loop, &s->src,
		 (conn_may_read(c, 0) ? EPOLLIN : 0) |
		 (buf_len(&c->out) ? EPOLLOUT : 0));
}

static void sock_event(void *arg, uint32_t events)
{
	struct sock *s = arg;

	if (events & EPOLLOUT)
		conn_touch(&s->conn);
	if (events & EPOLLIN)
		sock_input(s);
	else if (events & (EPOLLHUP | EPOLLERR))
		sock_close(s);
}

static const struct conn_ops sock_ops = { sock_service, NULL };

static void sock_accept(void *arg, uint32_t events)
{
	struct daemon *d = arg;
	struct sock *s;
	int fd = accept4(d->listen_src.fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	s = d->nr_sockets < SOCKETS_MAX ? calloc(1, sizeof(*s)) : NULL;
	if (!s || loop_add(&d->loop, &s->src, fd, EPOLLIN, sock_event, s)) {
		log_msg("a client was turned away: %u are connected",
			d->nr_sockets);
		free(s);
		close(fd);
		return;
	}
	s->d = d;
	conn_init(&s->conn, &d->xs, d->xs.dom0, true, &sock_ops);
	strcpy(s->conn.base, "/local/domain/0");
	d->nr_sockets++;
}

void socket_listen(struct daemon *d, int fd)
{
	if (loop_add(&d->loop, &d->listen_src, fd, EPOLLIN, sock_accept, d))
		log_die("clients cannot be waited for");
}
