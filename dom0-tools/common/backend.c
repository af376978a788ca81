/* SPDX-License-Identifier: MIT */
/*
 * The frame of a device back-end; see backend.h.  Here is what the supervisor
 * says and hears, and what the program asks of the Xen devices; how rights
 * are given up is backend-cage.c.
 */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xen/sys/evtchn.h>

#include "backend-cage.h"
#include "log.h"
#include "xendev.h"

#define PAGE		4096u
#define PORTS_MAX	64

static const char *const state_names[] = {
	[BACKEND_NEW] = "new",
	[BACKEND_READY] = "ready",
	[BACKEND_CONNECTED] = "connected",
	[BACKEND_DISCONNECTING] = "connected",
	[BACKEND_STOPPED] = "stopped",
};

/* ---- to the supervisor ---- */

static void conn_close(struct backend *b)
{
	if (b->conn < 0)
		return;
	loop_del(&b->loop, &b->conn_src);
	close(b->conn);
	b->conn = -1;
	/* The next one may be waiting already. */
	loop_mod(&b->loop, &b->listen_src, EPOLLIN);
}

/* Takes @msg over. A supervisor that does not read is as good as gone. */
static void say(struct backend *b, json_t *msg)
{
	char *text = msg ? json_dumps(msg, JSON_COMPACT) : NULL;

	json_decref(msg);
	if (b->conn >= 0 &&
	    (!text || send(b->conn, text, strlen(text), MSG_NOSIGNAL) < 0))
		conn_close(b);
	free(text);
}

static json_t *event(const char *name)
{
	return json_pack("{ss}", "event", name);
}

static void say_reason(struct backend *b, const char *name, const char *reason)
{
	/* "s" refuses what is not UTF-8; a reason quotes the guest at times. */
	json_t *m = json_pack("{ssss}", "event", name, "reason", reason);

	if (!m)
		m = json_pack("{ssss}", "event", name, "reason",
			      "it sent text that is not UTF-8");
	say(b, m);
}

static void say_nodes(struct backend *b, const char *name, json_t *nodes)
{
	say(b, json_pack("{ssso}", "event", name, "nodes", nodes));
}

int backend_why(struct backend *b, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->why, sizeof(b->why), fmt, ap);
	va_end(ap);
	return rc;
}

void backend_log(struct backend *b, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (b->conn >= 0)
		say(b, json_pack("{ssss}", "event", "log", "text", line));
	else
		log_msg("domain %u device %u: %s", b->domid, b->devid, line);
}

void backend_stopped(struct backend *b, const char *fmt, ...)
{
	va_list ap;

	/* The first sentence is the cause; what follows from it is not. */
	if (b->state == BACKEND_STOPPED)
		return;
	va_start(ap, fmt);
	vsnprintf(b->reason, sizeof(b->reason), fmt, ap);
	va_end(ap);
	b->state = BACKEND_STOPPED;
	if (b->conn >= 0)
		say_reason(b, "stopped", b->reason);
	else
		log_msg("domain %u device %u: stopped: %s", b->domid, b->devid,
			b->reason);
}

void backend_disconnected(struct backend *b)
{
	if (b->state != BACKEND_DISCONNECTING)
		return;
	b->state = BACKEND_READY;
	say(b, event("disconnected"));
}

void backend_exit(struct backend *b, enum backend_exit code)
{
	b->exit_code = code;
	b->loop.stop = true;
}

/* ---- nodes ---- */

void backend_node(json_t *nodes, const char *name, const char *fmt, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	json_object_set_new(nodes, name, json_string(value));
}

const char *backend_front_text(const json_t *front, const char *name)
{
	return json_string_value(json_object_get(front, name));
}

static bool parse_u32(const char *s, uint32_t *out)
{
	uint64_t n = 0;

	if (!*s || strlen(s) > 10 || (s[0] == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		n = n * 10 + (*s - '0');
	}
	*out = n;
	return n <= UINT32_MAX;
}

int backend_front_u32(struct backend *b, const json_t *front, const char *name,
		      uint32_t min, uint32_t max, uint32_t *out)
{
	const char *s = backend_front_text(front, name);
	uint32_t n;

	if (!s)
		return -ENOENT;
	if (!parse_u32(s, &n) || n < min || n > max)
		return backend_why(b, -EINVAL, "it wrote \"%.32s\" into %s, which takes a number from %u to %u",
				   s, name, min, max);
	*out = n;
	return 0;
}

int backend_front_bool(struct backend *b, const json_t *front,
		       const char *name, bool *out)
{
	uint32_t n = 0;
	int rc = backend_front_u32(b, front, name, 0, 1, &n);

	if (rc && rc != -ENOENT)
		return rc;
	*out = n;
	return 0;
}

/* ---- the guest's half ---- */

int backend_map(struct backend *b, const uint32_t *grefs, uint32_t pages,
		struct backend_map *map)
{
	struct {
		struct ioctl_gntdev_map_grant_ref m;
		struct ioctl_gntdev_grant_ref more[BACKEND_MAP_MAX - 1];
	} a = { .m = { .count = pages } };
	struct ioctl_gntdev_unmap_grant_ref u = { .count = pages };
	struct ioctl_gntdev_grant_ref *refs = a.m.refs;
	void *va;
	int rc;

	*map = (struct backend_map){ 0 };
	if (!pages || pages > BACKEND_MAP_MAX)
		return backend_why(b, -EINVAL, "%u pages at once", pages);
	for (uint32_t i = 0; i < pages; i++)
		refs[i] = (struct ioctl_gntdev_grant_ref){ b->domid, grefs[i] };
	if (ioctl(b->gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &a) < 0)
		return backend_why(b, -errno, "its ring cannot be mapped: %s",
				   strerror(errno));
	va = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE,
		  MAP_SHARED, b->gntdev, a.m.index);
	if (va == MAP_FAILED) {
		rc = -errno;
		u.index = a.m.index;
		ioctl(b->gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u);
		return backend_why(b, rc, "it gave a ring at grant %u that cannot be mapped: %s",
				   grefs[0], strerror(-rc));
	}
	*map = (struct backend_map){ va, a.m.index, pages };
	return 0;
}

void backend_unmap(struct backend *b, struct backend_map *map)
{
	struct ioctl_gntdev_unmap_grant_ref u = {
		.index = map->index, .count = map->pages,
	};

	if (!map->va)
		return;
	munmap(map->va, (size_t)map->pages * PAGE);
	ioctl(b->gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u);
	*map = (struct backend_map){ 0 };
}

int backend_bind(struct backend *b, uint32_t remote_port)
{
	int port = xen_evtchn_bind(b->evtchn, b->domid, remote_port);

	if (port < 0)
		return backend_why(b, port, "it gave event channel %u, which cannot be bound: %s",
				   remote_port, strerror(-port));
	return port;
}

void backend_unbind(struct backend *b, uint32_t port)
{
	xen_evtchn_unbind(b->evtchn, port);
}

void backend_notify(struct backend *b, uint32_t port)
{
	xen_evtchn_notify(b->evtchn, port);
}

void backend_unmask(struct backend *b, const uint32_t *ports, unsigned int n)
{
	xen_evtchn_unmask(b->evtchn, ports, n);
}

int backend_copy(struct backend *b, backend_seg *segs, unsigned int n)
{
	struct ioctl_gntdev_grant_copy c = { .count = n, .segments = segs };

	if (!n)
		return 0;
	return ioctl(b->gntdev, IOCTL_GNTDEV_GRANT_COPY, &c) ? -errno : 0;
}

/* ---- from the supervisor ---- */

static void do_hello(struct backend *b)
{
	json_t *m = json_pack("{sssisssisiss}", "event", "hello", "version",
			      BACKEND_VERSION, "kind", b->ops->kind,
			      "domid", (int)b->domid, "devid", (int)b->devid,
			      "state", state_names[b->state]);

	if (m && b->state == BACKEND_STOPPED)
		json_object_set_new(m, "reason", json_string(b->reason));
	say(b, m);
}

static void do_start(struct backend *b, const json_t *msg, int *fds, int nr)
{
	json_t *nodes = json_object();
	int rc;

	if (b->state != BACKEND_NEW) {
		json_decref(nodes);
		say_reason(b, "refused", "it was started already");
		return;
	}
	rc = b->ops->start(b, msg, fds, nr, nodes);
	if (rc) {
		json_decref(nodes);
		say_reason(b, "refused", b->why);
		return;
	}
	b->state = BACKEND_READY;
	say_nodes(b, "ready", nodes);
}

static void do_connect(struct backend *b, const json_t *msg)
{
	const json_t *front = json_object_get(msg, "front");
	bool resume = json_is_true(json_object_get(msg, "resume"));
	json_t *nodes;

	if (b->state != BACKEND_READY || !json_is_object(front)) {
		say_reason(b, "refused", "this is not the time to connect");
		return;
	}
	nodes = json_object();
	if (b->ops->connect(b, front, resume, nodes)) {
		json_decref(nodes);
		say_reason(b, "refused", b->why);
		return;
	}
	b->state = BACKEND_CONNECTED;
	say_nodes(b, "connected", nodes);
}

static void do_disconnect(struct backend *b)
{
	if (b->state == BACKEND_NEW || b->state == BACKEND_READY) {
		say(b, event("disconnected"));
		return;
	}
	if (b->state == BACKEND_DISCONNECTING)
		return;
	b->state = BACKEND_DISCONNECTING;
	b->ops->disconnect(b);
}

static void do_change(struct backend *b, const char *what, const json_t *msg,
		      int *fds, int nr)
{
	bool resize = !strcmp(what, "resize");
	json_t *nodes = json_object();
	int rc = -ENOSYS;

	snprintf(b->why, sizeof(b->why), "%s: not for this device", what);
	if (b->state == BACKEND_NEW)
		rc = backend_why(b, -EINVAL, "it has not been started");
	else if (resize && b->ops->resize)
		rc = b->ops->resize(b, msg, fds, nr, nodes);
	else if (!resize && b->ops->set)
		rc = b->ops->set(b, msg, nodes);
	if (rc) {
		json_decref(nodes);
		say_reason(b, "refused", b->why);
		return;
	}
	say_nodes(b, "changed", nodes);
}

static void do_stats(struct backend *b)
{
	json_t *m = event("stats");

	if (m && b->ops->stats)
		b->ops->stats(b, m);
	say(b, m);
}

/* false: not our language; the connection ends. */
static bool obey(struct backend *b, const json_t *msg, int *fds, int nr)
{
	const char *what = json_string_value(json_object_get(msg, "do"));

	if (!what)
		return false;
	if (!strcmp(what, "hello"))
		do_hello(b);
	else if (!strcmp(what, "start"))
		do_start(b, msg, fds, nr);
	else if (!strcmp(what, "connect"))
		do_connect(b, msg);
	else if (!strcmp(what, "disconnect"))
		do_disconnect(b);
	else if (!strcmp(what, "resize") || !strcmp(what, "link") ||
		 !strcmp(what, "set"))
		do_change(b, what, msg, fds, nr);
	else if (!strcmp(what, "stats"))
		do_stats(b);
	else if (!strcmp(what, "quit"))
		backend_exit(b, BACKEND_EXIT_QUIT);
	else
		return false;
	return true;
}

static int take_fds(struct msghdr *mh, int *fds)
{
	struct cmsghdr *c;
	int nr = 0, n;

	for (c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds + nr, CMSG_DATA(c), n * sizeof(int));
		nr += n;
	}
	return nr;
}

static void conn_event(void *arg, uint32_t events)
{
	static char packet[BACKEND_PACKET_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(BACKEND_FDS_MAX * sizeof(int))];
	} ctl;
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl.bytes, .msg_controllen = sizeof(ctl.bytes),
	};
	struct backend *b = arg;
	int fds[BACKEND_FDS_MAX], nr;
	json_t *msg;
	ssize_t n;
	bool ok;

	(void)events;
	n = recvmsg(b->conn, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	nr = n > 0 ? take_fds(&mh, fds) : 0;
	msg = n > 0 && !(mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ?
		json_loadb(packet, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	ok = msg && obey(b, msg, fds, nr);
	json_decref(msg);
	for (int i = 0; i < nr; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (!ok)
		conn_close(b);
}

static void listen_event(void *arg, uint32_t events)
{
	struct backend *b = arg;
	int fd;

	(void)events;
	if (b->conn >= 0)
		return;
	fd = accept4(BACKEND_LISTENER, NULL, NULL,
		     SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (loop_add(&b->loop, &b->conn_src, fd, EPOLLIN, conn_event, b)) {
		close(fd);
		return;
	}
	b->conn = fd;
	/* One at a time: the others wait in the socket's queue. */
	loop_mod(&b->loop, &b->listen_src, 0);
}

static void evtchn_event(void *arg, uint32_t events)
{
	struct backend *b = arg;
	uint32_t ports[PORTS_MAX];
	int n;

	(void)events;
	n = xen_evtchn_pending(b->evtchn, ports, PORTS_MAX);
	if (n > 0)
		b->ops->events(b, ports, n);
}

static void after(void *arg)
{
	struct backend *b = arg;

	b->loop.busy = b->ops->after(b);
}

/* ---- life ---- */

static bool parse_args(struct backend *b, int argc, char **argv)
{
	static const char *const names[] = { "--domid", "--device", "--uid" };
	uint32_t v[3];

	if (argc != 7)
		return false;
	for (int i = 0; i < 3; i++)
		if (strcmp(argv[1 + 2 * i], names[i]) ||
		    !parse_u32(argv[2 + 2 * i], &v[i]))
			return false;
	if (v[0] >= DOMID_FIRST_RESERVED || v[1] > INT32_MAX || !v[2])
		return false;
	b->domid = v[0];
	b->devid = v[1];
	b->uid = v[2];
	return true;
}

static bool is_listening(int fd)
{
	socklen_t len = sizeof(int);
	int yes = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) && yes;
}

static void setup(struct backend *b)
{
	struct ioctl_evtchn_restrict_domid only = { b->domid };
	char why[BACKEND_REASON_MAX];
	int rc;

	if (!is_listening(BACKEND_LISTENER))
		log_die("descriptor 3 is not a listening socket");
	signal(SIGPIPE, SIG_IGN);
	/* jansson would open /dev/urandom at its first object. */
	json_object_seed(0);
	b->evtchn = xen_evtchn_open();
	if (b->evtchn < 0)
		log_die("/dev/xen/evtchn: %s", strerror(-b->evtchn));
	b->gntdev = xen_gntdev_open();
	if (b->gntdev < 0)
		log_die("/dev/xen/gntdev: %s", strerror(-b->gntdev));
	if (ioctl(b->evtchn, IOCTL_EVTCHN_RESTRICT_DOMID, &only))
		log_die("/dev/xen/evtchn: restrict: %s", strerror(errno));
	rc = loop_init(&b->loop);
	if (rc)
		log_die("epoll: %s", strerror(-rc));
	b->loop.after = after;
	b->loop.after_arg = b;
	fcntl(BACKEND_LISTENER, F_SETFL, O_NONBLOCK);
	rc = loop_add(&b->loop, &b->listen_src, BACKEND_LISTENER, EPOLLIN,
		      listen_event, b);
	if (rc)
		log_die("descriptor 3: %s", strerror(-rc));
	rc = loop_add(&b->loop, &b->evtchn_src, b->evtchn, EPOLLIN,
		      evtchn_event, b);
	if (rc)
		log_die("/dev/xen/evtchn: %s", strerror(-rc));
	if (b->ops->prepare && b->ops->prepare(b))
		log_die("%s", b->why);
	rc = backend_cage(b->uid, b->ops->syscalls, b->ops->ioctls, why,
			  sizeof(why));
	if (rc)
		log_die("%s: %s", why, strerror(-rc));
}

int backend_main(int argc, char **argv, const struct backend_ops *ops,
		 void *arg)
{
	static struct backend backend;
	struct backend *b = &backend;
	int rc;

	log_init(ops->program);
	*b = (struct backend){ .ops = ops, .arg = arg, .conn = -1 };
	if (!parse_args(b, argc, argv)) {
		log_msg("usage: %s --domid D --device ID --uid UID, with a listening socket as descriptor 3",
			ops->program);
		return BACKEND_EXIT_USAGE;
	}
	close_range(BACKEND_LISTENER + 1, ~0u, 0);
	setup(b);
	rc = loop_run(&b->loop);
	if (rc)
		log_die("epoll: %s", strerror(-rc));
	if (ops->close)
		ops->close(b);
	return b->exit_code;
}
