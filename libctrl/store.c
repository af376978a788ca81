/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the store: requests and answers over the daemon's
 * socket.  A message is a 16-byte head and up to 4096 bytes.  Answers come in
 * the order of the requests; watch events come at any time, and wait in a
 * queue until they are asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "private.h"

#include <xen/io/xs_wire.h>

#include "store-wire.h"

#define IN_BYTES	(4 * STORE_MESSAGE_MAX)
/* Before more than this is unanswered, read some answers. */
#define FLIGHT_BYTES	32768
#define EVENTS_MAX	65536

struct event {
	struct event *next;
	const char *token;
	char path[];
};

struct ctrl_store {
	int fd;
	int broken;			/* 0, or why it is no more */
	uint32_t req_id;
	size_t in_start, in_end;	/* unread bytes of in[] */
	size_t nr_events;
	struct event *first, **last;
	struct event *shown;		/* the event the caller looks at */
	char error[256];
	char in[IN_BYTES];
};

static int fail(struct ctrl_store *s, int rc, const char *path)
{
	snprintf(s->error, sizeof(s->error), "store: %s%s%s",
		 path, *path ? ": " : "", ctrl_cause(rc));
	return rc;
}

static int broken(struct ctrl_store *s, int rc)
{
	s->broken = rc;
	return rc;
}

int ctrl_store_open(const char *path, struct ctrl_store **out)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct ctrl_store *s;
	int rc;

	*out = NULL;
	if (!path)
		path = CTRL_STORE_SOCKET;
	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	memset(s, 0, offsetof(struct ctrl_store, in));
	s->last = &s->first;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 ||
	    connect(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		rc = -errno;
		ctrl_store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void ctrl_store_close(struct ctrl_store *s)
{
	if (!s)
		return;
	while (s->first) {
		struct event *e = s->first;

		s->first = e->next;
		free(e);
	}
	free(s->shown);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

int ctrl_store_fd(const struct ctrl_store *s)
{
	return s->fd;
}

const char *ctrl_store_error(const struct ctrl_store *s)
{
	return s->error;
}

/* Has the daemon at the other end died since the last request? */
static bool is_gone(const struct ctrl_store *s)
{
	struct pollfd p = { .fd = s->fd };

	return s->broken || (poll(&p, 1, 0) > 0 &&
			     p.revents & (POLLHUP | POLLERR));
}

struct ctrl_store *ctrl_store(struct ctrl *c)
{
	int rc;

	if (c->store && is_gone(c->store)) {
		ctrl_store_close(c->store);
		c->store = NULL;
	}
	if (c->store)
		return c->store;
	rc = ctrl_store_open(NULL, &c->store);
	if (rc)
		ctrl_fail(c, rc, "%s: %s: is xenstored running?",
			  CTRL_STORE_SOCKET, ctrl_cause(rc));
	return c->store;
}

/* ---- Bytes ----------------------------------------------------------- */

static int send_all(struct ctrl_store *s, const char *p, size_t n)
{
	if (s->broken)
		return s->broken;
	while (n) {
		ssize_t r = send(s->fd, p, n, MSG_NOSIGNAL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return broken(s, -errno);
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

/* More bytes into in[]; flags may say not to wait. */
static int receive(struct ctrl_store *s, int flags)
{
	ssize_t r;

	if (s->broken)
		return s->broken;
	if (s->in_start) {
		memmove(s->in, s->in + s->in_start, s->in_end - s->in_start);
		s->in_end -= s->in_start;
		s->in_start = 0;
	}
	do
		r = recv(s->fd, s->in + s->in_end, IN_BYTES - s->in_end, flags);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN ? -EAGAIN : broken(s, -errno);
	if (r == 0)
		return broken(s, -ECONNRESET);
	s->in_end += (size_t)r;
	return 0;
}

static int keep_event(struct ctrl_store *s, const struct store_message *m)
{
	const char *token;
	struct event *e;

	if (!store_split_event(m, &token) || s->nr_events == EVENTS_MAX)
		return broken(s, -EPROTO);
	e = malloc(sizeof(*e) + m->len);
	if (!e)
		return broken(s, -ENOMEM);
	memcpy(e->path, m->payload, m->len);
	e->token = e->path + (token - m->payload);
	e->next = NULL;
	*s->last = e;
	s->last = &e->next;
	s->nr_events++;
	return 0;
}

/*
 * The next message of in[], as far as it is complete: 1 and *m, or 0.  Events
 * on the way are kept.  m->payload stays good until receive().
 */
static int take_message(struct ctrl_store *s, struct store_message *m)
{
	for (;;) {
		int rc = store_parse(s->in + s->in_start,
				     s->in_end - s->in_start, m);

		if (rc < 0)
			return broken(s, rc);
		if (rc == 0)
			return 0;
		s->in_start += (size_t)rc;
		if (m->type != XS_WATCH_EVENT)
			return 1;
		rc = keep_event(s, m);
		if (rc)
			return rc;
	}
}

/* Wait for the answer to request req_id. */
static int await(struct ctrl_store *s, uint32_t type, uint32_t req_id,
		 struct store_message *m)
{
	int rc;

	while ((rc = take_message(s, m)) == 0) {
		rc = receive(s, 0);
		if (rc)
			return rc;
	}
	if (rc < 0)
		return rc;
	if (m->req_id != req_id || (m->type != type && m->type != XS_ERROR))
		return broken(s, -EPROTO);
	return m->type == XS_ERROR ? store_errno(m) : 0;
}

/* ---- Single requests -------------------------------------------------- */

/* A request of up to three parts in a buffer of STORE_MESSAGE_MAX bytes. */
struct request {
	size_t len;
	char bytes[STORE_MESSAGE_MAX];
};

static void begin(struct request *r)
{
	r->len = sizeof(struct xsd_sockmsg);
}

/* Add bytes; a request that grows too long is refused by send_request(). */
static void add(struct request *r, const void *p, size_t n)
{
	if (n <= STORE_MESSAGE_MAX && r->len + n <= STORE_MESSAGE_MAX)
		memcpy(r->bytes + r->len, p, n);
	r->len += n;
}

static void add_text(struct request *r, const char *text)
{
	add(r, text, strlen(text) + 1);
}

static void add_number(struct request *r, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	add_text(r, text);
}

/* Send, wait, and name the object of the request if it fails. */
static int talk(struct ctrl_store *s, struct request *r, uint32_t type,
		uint32_t tx, const char *object, struct store_message *m)
{
	int rc;

	if (r->len > STORE_MESSAGE_MAX)
		return fail(s, -E2BIG, object);
	store_head(r->bytes, type, ++s->req_id, tx,
		   r->len - sizeof(struct xsd_sockmsg));
	rc = send_all(s, r->bytes, r->len);
	if (!rc)
		rc = await(s, type, s->req_id, m);
	return rc ? fail(s, rc, object) : 0;
}

static int talk_path(struct ctrl_store *s, uint32_t type, uint32_t tx,
		     const char *path, const void *more, size_t n,
		     struct store_message *m)
{
	struct request r;

	begin(&r);
	add_text(&r, path);
	add(&r, more, n);
	return talk(s, &r, type, tx, path, m);
}

/* Hand out a copy of the payload, with a NUL behind it. */
static int copy_out(struct ctrl_store *s, const struct store_message *m,
		    char **value, size_t *len)
{
	*value = malloc(m->len + 1);
	if (!*value)
		return fail(s, -ENOMEM, "");
	memcpy(*value, m->payload, m->len);
	(*value)[m->len] = '\0';
	if (len)
		*len = m->len;
	return 0;
}

static int count_strings(const struct store_message *m)
{
	int n = 0;
	size_t i;

	for (i = 0; i < m->len; i++)
		n += m->payload[i] == '\0';
	return n;
}

int ctrl_store_read(struct ctrl_store *s, uint32_t tx, const char *path,
		    char **value, size_t *len)
{
	struct store_message m;
	int rc = talk_path(s, XS_READ, tx, path, NULL, 0, &m);

	return rc ? rc : copy_out(s, &m, value, len);
}

int ctrl_store_read_into(struct ctrl_store *s, uint32_t tx, const char *path,
			 char *buf, size_t n)
{
	struct store_message m;
	int rc = talk_path(s, XS_READ, tx, path, NULL, 0, &m);

	if (rc)
		return rc;
	if (m.len >= n)
		return fail(s, -E2BIG, path);
	memcpy(buf, m.payload, m.len);
	buf[m.len] = '\0';
	return 0;
}

/* Lists longer than one message come in parts, each after its offset. */
static int list_parts(struct ctrl_store *s, uint32_t tx, const char *path,
		      char **names, size_t *len)
{
	struct store_list l = { 0 };
	struct store_message m;
	char offset[24];
	int rc;

	do {
		snprintf(offset, sizeof(offset), "%zu", l.len);
		rc = talk_path(s, XS_DIRECTORY_PART, tx, path, offset,
			       strlen(offset) + 1, &m);
		if (rc)
			break;
		rc = store_list_part(&l, &m);
		if (rc < 0)
			fail(s, rc, path);
	} while (rc > 0);
	if (rc) {
		free(l.names);
		return rc;
	}
	*len = l.len;
	*names = l.names;
	m = (struct store_message){ .payload = l.names, .len = (uint32_t)l.len };
	return count_strings(&m);
}

int ctrl_store_list(struct ctrl_store *s, uint32_t tx, const char *path,
		    char **names, size_t *len)
{
	struct store_message m;
	int rc = talk_path(s, XS_DIRECTORY, tx, path, NULL, 0, &m);

	if (rc == -E2BIG)
		return list_parts(s, tx, path, names, len);
	if (!rc)
		rc = copy_out(s, &m, names, len);
	if (rc)
		return rc;
	m.payload = *names;
	return count_strings(&m);
}

int ctrl_store_write(struct ctrl_store *s, uint32_t tx, const char *path,
		     const void *value, size_t len)
{
	struct store_message m;

	return talk_path(s, XS_WRITE, tx, path, value, len, &m);
}

int ctrl_store_mkdir(struct ctrl_store *s, uint32_t tx, const char *path)
{
	struct store_message m;

	return talk_path(s, XS_MKDIR, tx, path, NULL, 0, &m);
}

int ctrl_store_rm(struct ctrl_store *s, uint32_t tx, const char *path)
{
	struct store_message m;

	return talk_path(s, XS_RM, tx, path, NULL, 0, &m);
}

int ctrl_store_get_perms(struct ctrl_store *s, uint32_t tx, const char *path,
			 char **perms, size_t *len)
{
	struct store_message m;
	int rc = talk_path(s, XS_GET_PERMS, tx, path, NULL, 0, &m);

	if (!rc)
		rc = copy_out(s, &m, perms, len);
	if (rc)
		return rc;
	m.payload = *perms;
	return count_strings(&m);
}

int ctrl_store_set_perms(struct ctrl_store *s, uint32_t tx, const char *path,
			 const char *perms, size_t len)
{
	struct store_message m;

	return talk_path(s, XS_SET_PERMS, tx, path, perms, len, &m);
}

int ctrl_store_introduce(struct ctrl_store *s, uint16_t domid, uint64_t mfn,
			 uint32_t port)
{
	struct store_message m;
	struct request r;

	begin(&r);
	add_number(&r, domid);
	add_number(&r, mfn);
	add_number(&r, port);
	return talk(s, &r, XS_INTRODUCE, 0, "introduce", &m);
}

static int talk_domid(struct ctrl_store *s, uint32_t type, uint16_t domid,
		      const char *object, struct store_message *m)
{
	struct request r;

	begin(&r);
	add_number(&r, domid);
	return talk(s, &r, type, 0, object, m);
}

int ctrl_store_release(struct ctrl_store *s, uint16_t domid)
{
	struct store_message m;

	return talk_domid(s, XS_RELEASE, domid, "release", &m);
}

int ctrl_store_is_introduced(struct ctrl_store *s, uint16_t domid)
{
	struct store_message m;
	int rc = talk_domid(s, XS_IS_DOMAIN_INTRODUCED, domid,
			    "is-introduced", &m);

	return rc ? rc : m.len && m.payload[0] == 'T';
}

int ctrl_store_control(struct ctrl_store *s, const char *words, size_t len,
		       char **answer, size_t *answer_len)
{
	struct store_message m;
	struct request r;
	int rc;

	begin(&r);
	add(&r, words, len);
	rc = talk(s, &r, XS_CONTROL, 0, "control", &m);
	return rc ? rc : copy_out(s, &m, answer, answer_len);
}

int ctrl_store_begin(struct ctrl_store *s, uint32_t *tx)
{
	struct store_message m;
	struct request r;
	int rc;

	begin(&r);
	add(&r, "", 1);
	rc = talk(s, &r, XS_TRANSACTION_START, 0, "transaction", &m);
	if (!rc && !store_number(&m, tx))
		rc = fail(s, broken(s, -EPROTO), "transaction");
	return rc;
}

int ctrl_store_end(struct ctrl_store *s, uint32_t tx, bool commit)
{
	struct store_message m;
	struct request r;

	begin(&r);
	add_text(&r, commit ? "T" : "F");
	return talk(s, &r, XS_TRANSACTION_END, tx, "transaction", &m);
}

/* ---- Watches ----------------------------------------------------------- */

int ctrl_store_watch(struct ctrl_store *s, const char *path,
		     const char *token)
{
	struct store_message m;

	return talk_path(s, XS_WATCH, 0, path, token, strlen(token) + 1, &m);
}

int ctrl_store_unwatch(struct ctrl_store *s, const char *path,
		       const char *token)
{
	struct store_message m;

	return talk_path(s, XS_UNWATCH, 0, path, token, strlen(token) + 1,
			 &m);
}

/* Everything that can be read without waiting, as far as events go. */
static int gather(struct ctrl_store *s)
{
	struct store_message m;
	int rc;

	while (!s->first) {
		rc = take_message(s, &m);
		if (rc > 0)
			return broken(s, -EPROTO);	/* nobody asked */
		if (rc < 0)
			return rc;
		if (s->first)
			break;
		rc = receive(s, MSG_DONTWAIT);
		if (rc)
			return rc == -EAGAIN ? 0 : rc;
	}
	return 0;
}

bool ctrl_store_pending(struct ctrl_store *s)
{
	/* What broke is told by ctrl_store_event(). */
	return gather(s) || s->first;
}

int ctrl_store_event(struct ctrl_store *s, const char **path,
		     const char **token)
{
	int rc = gather(s);

	free(s->shown);
	s->shown = NULL;
	if (!s->first)
		return rc ? fail(s, rc, "") : 0;
	s->shown = s->first;
	s->first = s->shown->next;
	if (!s->first)
		s->last = &s->first;
	s->nr_events--;
	*path = s->shown->path;
	*token = s->shown->token;
	return 1;
}

/* ---- Batches ----------------------------------------------------------- */

struct entry {
	size_t at;		/* of its head in bytes[] */
	char **value;		/* where a read goes */
};

struct ctrl_batch {
	struct ctrl_store *s;
	int rc;			/* -ENOMEM, -E2BIG while collecting */
	char *bytes;
	size_t len, room;
	struct entry *entry;
	size_t nr, nr_room;
};

struct ctrl_batch *ctrl_batch_new(struct ctrl_store *s)
{
	struct ctrl_batch *b = calloc(1, sizeof(*b));

	if (b)
		b->s = s;
	return b;
}

void ctrl_batch_free(struct ctrl_batch *b)
{
	if (!b)
		return;
	free(b->bytes);
	free(b->entry);
	free(b);
}

/* Make room for n more bytes and one more entry. */
static bool grow(struct ctrl_batch *b, size_t n)
{
	void *p;

	if (b->len + n > b->room) {
		b->room = 2 * (b->len + n) + 4096;
		p = realloc(b->bytes, b->room);
		if (!p)
			return false;
		b->bytes = p;
	}
	if (b->nr == b->nr_room) {
		b->nr_room = 2 * b->nr_room + 64;
		p = realloc(b->entry, b->nr_room * sizeof(*b->entry));
		if (!p)
			return false;
		b->entry = p;
	}
	return true;
}

static void collect(struct ctrl_batch *b, uint32_t type, const char *path,
		    const void *more, size_t n, char **value)
{
	size_t head = sizeof(struct xsd_sockmsg), first = strlen(path) + 1;

	if (b->rc)
		return;
	if (n > STORE_MESSAGE_MAX || head + first + n > STORE_MESSAGE_MAX) {
		b->rc = fail(b->s, -E2BIG, path);
		return;
	}
	if (!grow(b, head + first + n)) {
		b->rc = fail(b->s, -ENOMEM, "");
		return;
	}
	store_head(b->bytes + b->len, type, 0, 0, first + n);
	b->entry[b->nr++] = (struct entry){ .at = b->len, .value = value };
	b->len += head;
	memcpy(b->bytes + b->len, path, first);
	b->len += first;
	if (n)
		memcpy(b->bytes + b->len, more, n);
	b->len += n;
}

void ctrl_batch_write(struct ctrl_batch *b, const char *path,
		      const void *value, size_t len)
{
	collect(b, XS_WRITE, path, value, len, NULL);
}

void ctrl_batch_write_text(struct ctrl_batch *b, const char *path,
			   const char *format, ...)
{
	char text[STORE_MESSAGE_MAX];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	collect(b, XS_WRITE, path, text, n < 0 ? 0 : (size_t)n, NULL);
}

void ctrl_batch_mkdir(struct ctrl_batch *b, const char *path)
{
	collect(b, XS_MKDIR, path, NULL, 0, NULL);
}

void ctrl_batch_rm(struct ctrl_batch *b, const char *path)
{
	collect(b, XS_RM, path, NULL, 0, NULL);
}

void ctrl_batch_set_perms(struct ctrl_batch *b, const char *path,
			  const char *perms, size_t len)
{
	collect(b, XS_SET_PERMS, path, perms, len, NULL);
}

void ctrl_batch_introduce(struct ctrl_batch *b, uint16_t domid, uint64_t mfn,
			  uint32_t port)
{
	char id[8], rest[64];
	int n;

	snprintf(id, sizeof(id), "%u", domid);
	n = snprintf(rest, sizeof(rest), "%llu%c%u",
		     (unsigned long long)mfn, '\0', port);
	collect(b, XS_INTRODUCE, id, rest, (size_t)n + 1, NULL);
}

void ctrl_batch_release(struct ctrl_batch *b, uint16_t domid)
{
	char id[8];

	snprintf(id, sizeof(id), "%u", domid);
	collect(b, XS_RELEASE, id, NULL, 0, NULL);
}

void ctrl_batch_read(struct ctrl_batch *b, const char *path, char **value)
{
	*value = NULL;
	collect(b, XS_READ, path, NULL, 0, value);
}

static struct xsd_sockmsg *head_of(struct ctrl_batch *b, size_t i)
{
	return (struct xsd_sockmsg *)(b->bytes + b->entry[i].at);
}

/* Requests that make something absent succeed when it is. */
static bool may_be_absent(uint32_t type)
{
	return type == XS_RM || type == XS_READ || type == XS_RELEASE;
}

/* Take the answer to entry i. */
static int answer(struct ctrl_batch *b, size_t i)
{
	struct xsd_sockmsg *h = head_of(b, i);
	struct store_message m;
	int rc = await(b->s, h->type, h->req_id, &m);

	if (!rc && b->entry[i].value) {
		free(*b->entry[i].value);
		rc = copy_out(b->s, &m, b->entry[i].value, NULL);
	}
	if (rc == -ENOENT && may_be_absent(h->type))
		rc = 0;
	return rc ? fail(b->s, rc, (char *)(h + 1)) : 0;
}

/*
 * Send in flights that the sockets can hold, and take all answers of one
 * before the next.  Every request is sent and every answer taken, also after
 * an error, so that the connection stays in step.
 */
static int exchange(struct ctrl_batch *b, uint32_t tx)
{
	size_t i, first = 0, end;
	int rc = 0, r;

	for (i = 0; i < b->nr; i++) {
		head_of(b, i)->req_id = ++b->s->req_id;
		head_of(b, i)->tx_id = tx;
	}
	while (first < b->nr && !b->s->broken) {
		size_t start = b->entry[first].at, stop = start;

		for (end = first; end < b->nr; end++) {
			if (end > first && stop - start > FLIGHT_BYTES)
				break;
			stop = end + 1 < b->nr ? b->entry[end + 1].at : b->len;
		}
		r = send_all(b->s, b->bytes + start, stop - start);
		if (r)
			return fail(b->s, r, "");
		for (; first < end && !b->s->broken; first++) {
			r = answer(b, first);
			rc = rc ? rc : r;
		}
	}
	return rc;
}

static int exchange_atomic(struct ctrl_batch *b)
{
	uint32_t tx;
	int rc, r;

	do {
		rc = ctrl_store_begin(b->s, &tx);
		if (rc)
			return rc;
		rc = exchange(b, tx);
		r = ctrl_store_end(b->s, tx, rc == 0);
		rc = rc ? rc : r;
	} while (rc == -EAGAIN);
	return rc;
}

int ctrl_batch_run(struct ctrl_batch *b, bool atomic)
{
	int rc = b->rc;

	if (!rc && b->nr)
		rc = atomic ? exchange_atomic(b) : exchange(b, 0);
	b->rc = 0;
	b->len = 0;
	b->nr = 0;
	return rc;
}
