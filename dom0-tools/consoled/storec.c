/* SPDX-License-Identifier: MIT */
/* The store's client; see storec.h. */
#include "storec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "../common/log.h"

#define RETRY_MS	100

static struct storec_wait *wait_at(struct storec *s, uint32_t i)
{
	return &s->wait[(s->wait_head + i) % s->wait_cap];
}

static void wait_push(struct storec *s, struct storec_wait w)
{
	const uint32_t cap = s->wait_cap ? s->wait_cap * 2 : 64;
	struct storec_wait *mem;

	if (s->wait_nr == s->wait_cap) {
		mem = malloc(cap * sizeof(*mem));
		if (!mem)
			log_die("out of memory");
		for (uint32_t i = 0; i < s->wait_nr; i++)
			mem[i] = *wait_at(s, i);
		free(s->wait);
		s->wait = mem;
		s->wait_head = 0;
		s->wait_cap = cap;
	}
	s->wait_nr++;
	*wait_at(s, s->wait_nr - 1) = w;
}

static void answered(struct storec *s, const struct xsd_sockmsg *head,
		     const char *data)
{
	struct storec_wait w;

	/* The store answers in order. */
	if (s->wait_nr == 0 || wait_at(s, 0)->req_id != head->req_id)
		log_die("the store answered something that was not asked");
	w = *wait_at(s, 0);
	s->wait_head = (s->wait_head + 1) % s->wait_cap;
	s->wait_nr--;
	if (w.fn)
		w.fn(w.arg, head->type == XS_ERROR ? NULL : data, head->len);
}

static void event(struct storec *s, const char *data, uint32_t len)
{
	const char *nul = memchr(data, 0, len);

	if (nul && nul + 1 < data + len)
		s->event(s->event_arg, data, nul + 1);
}

static int storec_connect(struct storec *s);

/* Whether they were heard or not: the requests of now have no answers. */
static void forget_requests(struct storec *s)
{
	struct storec_wait w;

	buf_free(&s->in);
	buf_free(&s->out);
	for (uint32_t n = s->wait_nr; n; n--) {
		w = *wait_at(s, 0);
		s->wait_head = (s->wait_head + 1) % s->wait_cap;
		s->wait_nr--;
		if (w.fn)
			w.fn(w.arg, NULL, 0);
	}
	/* What the answers made of it is as old as they are. */
	buf_free(&s->out);
	s->wait_nr = 0;
}

static void storec_retry(void *arg)
{
	struct storec *s = arg;

	if (storec_connect(s)) {
		loop_timer_set(s->loop, &s->retry, RETRY_MS);
		return;
	}
	log_msg("the store daemon is there again");
	s->again(s->event_arg);
}

/* The store daemon died: somebody starts it again. */
static void storec_lost(struct storec *s)
{
	if (s->src.fd < 0)
		return;
	if (!s->again)
		log_die("the store daemon is gone");
	log_msg("the store daemon is gone");
	loop_del(s->loop, &s->src);
	close(s->src.fd);
	s->src.fd = -1;
	forget_requests(s);
	loop_timer_set(s->loop, &s->retry, 0);
}

static void messages(struct storec *s)
{
	char data[XENSTORE_PAYLOAD_MAX + 1];
	struct xsd_sockmsg head;

	while (buf_len(&s->in) >= sizeof(head)) {
		memcpy(&head, buf_head(&s->in), sizeof(head));
		if (head.len > XENSTORE_PAYLOAD_MAX)
			log_die("the store sent a message that is too long");
		if (buf_len(&s->in) < sizeof(head) + head.len)
			return;
		memcpy(data, buf_head(&s->in) + sizeof(head), head.len);
		data[head.len] = 0;
		buf_drop(&s->in, sizeof(head) + head.len);
		if (head.type == XS_WATCH_EVENT)
			event(s, data, head.len);
		else
			answered(s, &head, data);
	}
}

static void ready(void *arg, uint32_t events)
{
	struct storec *s = arg;
	uint8_t *room = buf_room(&s->in, 16384);
	ssize_t r;

	(void)events;
	if (!room)
		log_die("out of memory");
	r = recv(s->src.fd, room, 16384, MSG_DONTWAIT);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		r = 0;
	else if (r <= 0)
		r = -1;
	if (r < 0) {
		storec_lost(s);
		return;
	}
	s->in.tail += r;
	messages(s);
}

static int storec_connect(struct storec *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *path = s->path;
	int fd, rc;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return loop_add(s->loop, &s->src, fd, EPOLLIN, ready, s);
}

int storec_open(struct storec *s, struct loop *l, const char *path)
{
	memset(s, 0, sizeof(*s));
	s->loop = l;
	s->path = path;
	s->src.fd = -1;
	loop_timer_init(&s->retry, storec_retry, s);
	return storec_connect(s);
}

void storec_send(struct storec *s, uint32_t type, const void *payload,
		 size_t len, storec_fn *fn, uint64_t arg)
{
	const struct xsd_sockmsg head = {
		.type = type, .req_id = ++s->next_id, .tx_id = s->tx,
		.len = len,
	};

	/* Nobody listens; who asks again when somebody does, is told. */
	if (s->src.fd < 0)
		return;
	if (buf_put(&s->out, &head, sizeof(head)) ||
	    buf_put(&s->out, payload, len))
		log_die("out of memory");
	wait_push(s, (struct storec_wait){ head.req_id, fn, arg });
}

void storec_sendf(struct storec *s, uint32_t type, storec_fn *fn, uint64_t arg,
		  const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof(text))
		log_die("a store request is too long");
	/* Every payload ends with a NUL, but for a value that is written. */
	storec_send(s, type, text, type == XS_WRITE ? n : n + 1, fn, arg);
}

void storec_flush(struct storec *s)
{
	ssize_t r;

	/* The store reads as long as we read, so this blocks only briefly. */
	while (s->src.fd >= 0 && buf_len(&s->out)) {
		r = send(s->src.fd, buf_head(&s->out), buf_len(&s->out),
			 MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			storec_lost(s);
			return;
		}
		buf_drop(&s->out, r);
	}
}
