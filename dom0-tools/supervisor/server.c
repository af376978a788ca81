/* SPDX-License-Identifier: MIT */
/*
 * The main thread: a poll() loop over the listening socket, the clients, the
 * store's watch, signals, and a wake-up descriptor that workers write to.
 *
 * A connection is shared by the main thread and by the job that works for it,
 * and freed by the last of them.  Its lock protects everything in it.  Output
 * goes out at once if the socket takes it, by whichever thread has it; what
 * the socket does not take waits in the buffer for the main thread.  A client
 * that is gone is fd -1: the work for it goes on.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal.h"
#include "supervisor.h"

/* One waits for each guest when a control domain ends (bulkhead-stop). */
#define CONNS_MAX	4096
#define OUT_MAX		(16u << 20)

struct buffer {
	char *bytes;
	size_t len, room;
};

struct conn {
	pthread_mutex_t lock;
	unsigned int refs;
	int fd;				/* -1: gone */
	struct buffer in, out;
	bool busy;			/* a request is being worked on */
	bool held;			/* busy, and more input came: not polled */
	bool waiting;			/* for wait_domid to end */
	uint16_t wait_domid;
	uint64_t wait_deadline;		/* on the clock since boot; 0 = none */
	char wait_name[GUEST_NAME_MAX + 1];
};

/* Only the main thread changes this; workers walk it under conns_lock. */
static pthread_mutex_t conns_lock = PTHREAD_MUTEX_INITIALIZER;
static struct conn *conns[CONNS_MAX];
static size_t conn_count;

static int wake_fd = -1;
static unsigned int scans;
static bool scan_wanted;

static void wake(void)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, sizeof(one)) < 0)
		return;		/* it is awake already */
}

/* ---- Buffers ---- */

static bool buffer_add(struct buffer *b, const void *bytes, size_t len,
		       size_t max)
{
	if (len > max - b->len)
		return false;
	if (b->len + len > b->room) {
		size_t room = b->room ? b->room : 1024;
		char *grown;

		while (room < b->len + len)
			room *= 2;
		grown = realloc(b->bytes, room);
		if (!grown)
			return false;
		b->bytes = grown;
		b->room = room;
	}
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
	return true;
}

static void buffer_drop(struct buffer *b, size_t len)
{
	b->len -= len;
	memmove(b->bytes, b->bytes + len, b->len);
}

/* ---- Connections ---- */

struct conn *conn_get(struct conn *c)
{
	__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void conn_put(struct conn *c)
{
	if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL))
		return;
	free(c->in.bytes);
	free(c->out.bytes);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void conn_close_locked(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->waiting = false;
}

static void conn_flush_locked(struct conn *c)
{
	while (c->fd >= 0 && c->out.len) {
		ssize_t n = send(c->fd, c->out.bytes, c->out.len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			buffer_drop(&c->out, (size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			conn_close_locked(c);
		return;
	}
}

static void conn_send_locked(struct conn *c, json_t *o)
{
	char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	size_t len;

	json_decref(o);
	if (!line || c->fd < 0) {
		free(line);
		return;
	}
	len = strlen(line);
	line[len] = '\n';	/* in the place of its NUL */
	if (!buffer_add(&c->out, line, len + 1, OUT_MAX))
		conn_close_locked(c);
	free(line);
	conn_flush_locked(c);
	if (c->out.len)
		wake();
}

void conn_note(struct conn *c, json_t *o)
{
	pthread_mutex_lock(&c->lock);
	conn_send_locked(c, o);
	pthread_mutex_unlock(&c->lock);
}

static void conn_answer_locked(struct conn *c, json_t *o)
{
	c->waiting = false;
	conn_send_locked(c, o);
	c->busy = false;
	if (c->held || c->in.len)
		wake();
	c->held = false;
}

void conn_ok(struct conn *c, json_t *o)
{
	json_t *answer = json_pack("{s:b}", "ok", 1);

	if (o)
		json_object_update(answer, o);
	json_decref(o);
	pthread_mutex_lock(&c->lock);
	conn_answer_locked(c, answer);
	pthread_mutex_unlock(&c->lock);
}

static json_t *failure(int code, const char *text)
{
	json_t *o = json_pack("{s:b, s:i, s:s}", "ok", 0, "code", code,
			      "error", text);

	return o ? o : json_pack("{s:b, s:i, s:s}", "ok", 0, "code", code,
				 "error", "it failed, with words that are not UTF-8");
}

void conn_fail(struct conn *c, int code, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	pthread_mutex_lock(&c->lock);
	conn_answer_locked(c, failure(code, text ? text : "out of memory"));
	pthread_mutex_unlock(&c->lock);
	free(text);
}

void conn_wait_end(struct conn *c, uint16_t domid, const char *name,
		   unsigned int seconds)
{
	pthread_mutex_lock(&c->lock);
	c->waiting = c->fd >= 0;
	c->wait_domid = domid;
	c->wait_deadline = seconds ? journal_boot_ns() + seconds * 1000000000ull :
			   0;
	snprintf(c->wait_name, sizeof(c->wait_name), "%s", name);
	pthread_mutex_unlock(&c->lock);
	if (seconds)
		wake();
}

bool conn_wait_cancel(struct conn *c)
{
	bool was;

	pthread_mutex_lock(&c->lock);
	was = c->waiting;
	c->waiting = false;
	pthread_mutex_unlock(&c->lock);
	return was;
}

void server_guest_ended(uint16_t domid, const char *reason)
{
	pthread_mutex_lock(&conns_lock);
	for (size_t i = 0; i < conn_count; i++) {
		struct conn *c = conns[i];

		pthread_mutex_lock(&c->lock);
		if (c->waiting && c->wait_domid == domid)
			conn_answer_locked(c, json_pack("{s:b, s:s}", "ok", 1,
							"reason", reason));
		pthread_mutex_unlock(&c->lock);
	}
	pthread_mutex_unlock(&conns_lock);
}

/* Answers whose time is over; returns ms until the next one, or -1. */
static int waits_expire(void)
{
	uint64_t now = 0, next = UINT64_MAX;

	for (size_t i = 0; i < conn_count; i++) {
		struct conn *c = conns[i];

		pthread_mutex_lock(&c->lock);
		if (c->waiting && c->wait_deadline) {
			if (!now)
				now = journal_boot_ns();
			if (c->wait_deadline <= now) {
				char text[160];

				snprintf(text, sizeof(text),
					 "guest \"%s\": it has not ended in the given time",
					 c->wait_name);
				conn_answer_locked(c, failure(CODE_TIMEOUT,
							      text));
			} else if (c->wait_deadline < next) {
				next = c->wait_deadline;
			}
		}
		pthread_mutex_unlock(&c->lock);
	}
	if (next == UINT64_MAX)
		return -1;
	return (int)((next - now) / 1000000 + 1);
}

/* ---- Input ---- */

/* Takes one whole line out of the input, or NULL. */
static char *conn_take_line(struct conn *c, size_t *len)
{
	char *end, *line;

	pthread_mutex_lock(&c->lock);
	end = c->in.len ? memchr(c->in.bytes, '\n', c->in.len) : NULL;
	line = NULL;
	if (end && !c->busy) {
		*len = (size_t)(end - c->in.bytes);
		line = malloc(*len + 1);
		if (line) {
			memcpy(line, c->in.bytes, *len);
			line[*len] = '\0';
			buffer_drop(&c->in, *len + 1);
			c->busy = true;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return line;
}

static void conn_read(struct conn *c)
{
	char bytes[8192];
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	while (c->fd >= 0) {
		n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0 || !buffer_add(&c->in, bytes, (size_t)n,
					  SUPERVISOR_LINE_MAX)) {
			conn_close_locked(c);
			break;
		}
		if ((size_t)n < sizeof(bytes))
			break;
	}
	pthread_mutex_unlock(&c->lock);
}

/* Runs the requests that have arrived, up to one that takes longer. */
static void conn_run(struct conn *c, struct ctrl *ctrl)
{
	char *line;
	size_t len;

	while ((line = conn_take_line(c, &len))) {
		request_run(c, ctrl, line, len);
		free(line);
	}
}

static void conn_input(struct conn *c, struct ctrl *ctrl)
{
	conn_read(c);
	conn_run(c, ctrl);
}

static void conn_event(struct conn *c, struct ctrl *ctrl, short events)
{
	bool busy;

	pthread_mutex_lock(&c->lock);
	busy = c->busy;
	if (events & POLLOUT)
		conn_flush_locked(c);
	if (events & (POLLHUP | POLLERR) && !(events & POLLIN))
		conn_close_locked(c);
	if (busy && events & POLLIN)
		c->held = true;
	pthread_mutex_unlock(&c->lock);
	if (!busy && events & POLLIN)
		conn_input(c, ctrl);
}

/* Only root may speak here, whatever the modes of the folders say. */
static bool peer_is_root(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) &&
	       who.uid == geteuid();
}

static void turn_away(int fd, int code, const char *why)
{
	json_t *o = failure(code, why);
	char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	size_t len = line ? strlen(line) : 0;

	if (line) {
		line[len] = '\n';	/* in the place of its NUL */
		send(fd, line, len + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	json_decref(o);
	free(line);
	close(fd);
}

static void server_accept(int listen_fd, struct ctrl *ctrl)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct conn *c;

	if (fd < 0)
		return;
	if (!peer_is_root(fd)) {
		turn_away(fd, CODE_PERMISSION, "the supervisor answers only to root");
		return;
	}
	if (conn_count == CONNS_MAX) {
		turn_away(fd, CODE_BUSY, "the supervisor answers no more than 4096 at a time; try again");
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		turn_away(fd, CODE_FAILURE, "out of memory");
		return;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->refs = 1;
	c->fd = fd;
	pthread_mutex_lock(&conns_lock);
	conns[conn_count++] = c;
	pthread_mutex_unlock(&conns_lock);
	conn_input(c, ctrl);
}

static void conns_sweep(void)
{
	pthread_mutex_lock(&conns_lock);
	for (size_t i = 0; i < conn_count;) {
		int fd;

		pthread_mutex_lock(&conns[i]->lock);
		fd = conns[i]->fd;
		pthread_mutex_unlock(&conns[i]->lock);
		if (fd >= 0) {
			i++;
			continue;
		}
		conn_put(conns[i]);
		conns[i] = conns[--conn_count];
	}
	pthread_mutex_unlock(&conns_lock);
}

/* ---- The store's watch ---- */

static struct ctrl_store *watch_store;
static uint64_t watch_retry;		/* when to try again, if broken */

static void watch_open(void)
{
	int rc = ctrl_store_open(CTRL_STORE_SOCKET, &watch_store);

	if (!rc)
		rc = ctrl_store_watch(watch_store, "@releaseDomain", "end");
	if (!rc)
		return;
	if (!watch_retry)
		journal_line("the store does not answer (%s); trying again",
			 strerror(-rc));
	ctrl_store_close(watch_store);
	watch_store = NULL;
	watch_retry = journal_boot_ns() + 1000000000u;
}

static void watch_check(struct ctrl *ctrl)
{
	const char *path, *token;
	bool scan = false;
	int rc;

	while ((rc = ctrl_store_event(watch_store, &path, &token)) > 0)
		scan = true;
	if (rc < 0) {
		journal_line("the connection to the store broke: %s",
			 strerror(-rc));
		ctrl_store_close(watch_store);
		watch_store = NULL;
		watch_retry = journal_boot_ns();
	}
	if (scan) {
		__atomic_add_fetch(&scans, 1, __ATOMIC_SEQ_CST);
		life_scan(ctrl);
	}
}

void server_scan_soon(void)
{
	__atomic_store_n(&scan_wanted, true, __ATOMIC_SEQ_CST);
	wake();
}

unsigned int server_scans(void)
{
	return __atomic_load_n(&scans, __ATOMIC_SEQ_CST);
}

/* ---- The loop ---- */

int server_listen(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, r;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&a, sizeof(a));
	umask(mask);
	if (r || listen(fd, 64)) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* True: time to go. */
static bool signals_read(int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			return true;
	}
	return false;
}

static int earlier(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int watch_timeout(void)
{
	uint64_t now;

	if (watch_store)
		return -1;
	now = journal_boot_ns();
	if (now >= watch_retry) {
		watch_open();
		if (watch_store) {
			watch_retry = 0;
			server_scan_soon();
			return -1;
		}
	}
	return 1000;
}

enum { POLL_LISTEN, POLL_WAKE, POLL_SIGNAL, POLL_STORE, POLL_CONNS };

static nfds_t fill_polls(struct pollfd *p, int listen_fd, int signal_fd)
{
	p[POLL_LISTEN] = (struct pollfd){ listen_fd, POLLIN, 0 };
	p[POLL_WAKE] = (struct pollfd){ wake_fd, POLLIN, 0 };
	p[POLL_SIGNAL] = (struct pollfd){ signal_fd, POLLIN, 0 };
	p[POLL_STORE] = (struct pollfd){
		watch_store ? ctrl_store_fd(watch_store) : -1, POLLIN, 0 };
	for (size_t i = 0; i < conn_count; i++) {
		struct conn *c = conns[i];

		pthread_mutex_lock(&c->lock);
		p[POLL_CONNS + i] = (struct pollfd){
			c->fd, (short)((c->held ? 0 : POLLIN) |
				       (c->out.len ? POLLOUT : 0)), 0 };
		pthread_mutex_unlock(&c->lock);
	}
	return POLL_CONNS + conn_count;
}

int server_run(int listen_fd, struct ctrl *ctrl)
{
	static struct pollfd polls[POLL_CONNS + CONNS_MAX];
	int signal_fd = signals_open();
	uint64_t count;

	if (signal_fd < 0)
		return -errno;
	for (;;) {
		int timeout = earlier(watch_timeout(), waits_expire());
		nfds_t n;

		conns_sweep();
		n = fill_polls(polls, listen_fd, signal_fd);
		if (poll(polls, n, timeout) < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (polls[POLL_SIGNAL].revents && signals_read(signal_fd))
			break;
		if (polls[POLL_WAKE].revents &&
		    read(wake_fd, &count, sizeof(count)) > 0) {
			for (size_t i = 0; i < conn_count; i++)
				conn_run(conns[i], ctrl);
		}
		if (polls[POLL_STORE].revents)
			watch_check(ctrl);
		if (__atomic_exchange_n(&scan_wanted, false, __ATOMIC_SEQ_CST))
			life_scan(ctrl);
		for (nfds_t i = POLL_CONNS; i < n; i++) {
			if (polls[i].revents)
				conn_event(conns[i - POLL_CONNS], ctrl,
					   polls[i].revents);
		}
		if (polls[POLL_LISTEN].revents)
			server_accept(listen_fd, ctrl);
	}
	close(signal_fd);
	ctrl_store_close(watch_store);
	watch_store = NULL;
	return 0;
}

__attribute__((constructor)) static void wake_open(void)
{
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}
