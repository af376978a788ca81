/* SPDX-License-Identifier: MIT */
/*
 * Opening what a guest's disk is made of; see disk-source.h.
 *
 * Three kinds of opening.  A raw file or a block device is opened here and its
 * descriptor is the back-end's.  An image of another format goes to a server
 * of its own (image-server), which is connected to before it runs; it ends
 * with its only connection and is nobody's to stop.  A network disk is a
 * connection to somebody else's server.
 *
 * Locks.  A disk that only one may have is write-locked as a whole, any other
 * read-locked, by an OFD lock.  That keeps out other programs of this machine
 * that lock what they use (QEMU does), and it tells when a dead back-end's
 * last I/O has ended.  What the lock cannot express - who it is, and that a
 * reader does not expect a writer even if that one would share - is decided by
 * the table of holders.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "disk-source.h"
#include "disk-server.h"
#include "image-head.h"
#include "sentence.h"

#define NBD_PORT	"10809"
#define CONNECT_MS	10000
#define LEAVING_S	2
#define LOOK_AGAIN_NS	2000000	/* a lock's release is no event */

static int refuse_errno(char **why, const char *path, int error)
{
	return refuse(why, -error, "%s: %s", path, strerror(error));
}

/* ---- Who holds what ---- */

/* One file of a disk: the disk's own, or one below it.  AT is an O_PATH
 * descriptor: what is opened, now and again, is what was looked at, whatever
 * becomes of the name.  It carries no lock. */
struct held {
	int at;			/* -1: not there */
	dev_t dev;		/* of its file system, or the device itself */
	ino_t ino;		/* 0 for a device */
	bool block, write, shareable;
};

struct disk_holder {
	struct disk_holder *next;	/* holders_lock */
	char guest[GUEST_NAME_MAX + 1], target[32];
	char *server;		/* an NBD server and its export, or NULL */
	uint32_t server_uid;	/* of our own server; 0: there is none */
	int last;		/* the connection to another's server, or -1 */
	size_t count;
	struct held held[];
};

static pthread_mutex_t holders_lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk_holder *holders;

static const char *layer_path(const struct guest_disk *d, size_t i)
{
	return i ? d->backing[i - 1].source : d->source;
}

static bool held_alike(const struct held *a, const struct held *b)
{
	return a->at >= 0 && b->at >= 0 && a->dev == b->dev &&
	       a->ino == b->ino;
}

/* Readers go together, and so do those who all say they share. */
static bool go_together(const struct held *a, const struct held *b)
{
	return (!a->write && !b->write) || (a->shareable && b->shareable);
}

/* Which file of B, in *file, A does not let it have. */
static bool at_odds(const struct disk_holder *a, const struct disk_holder *b,
		    size_t *file)
{
	*file = 0;
	if (a->server && b->server)
		return !strcmp(a->server, b->server) &&
		       !go_together(&a->held[0], &b->held[0]);
	if (a->server || b->server)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		for (size_t j = 0; j < b->count; j++) {
			*file = j;
			if (held_alike(&a->held[i], &b->held[j]) &&
			    !go_together(&a->held[i], &b->held[j]))
				return true;
		}
	}
	return false;
}

/* Puts H, which holds D's files, into the table, unless another one is there
 * that it cannot stand beside: then says who has what. */
static int holder_add(struct disk_holder *h, const struct guest_disk *d,
		      char **why)
{
	struct disk_holder *o;
	size_t file = 0;
	int rc = 0;

	pthread_mutex_lock(&holders_lock);
	for (o = holders; o && !at_odds(o, h, &file); o = o->next)
		;
	if (o && why)
		rc = refuse(why, -EBUSY, "%s: it is in use by guest \"%s\" (%s)%s",
			    h->server ? h->server : layer_path(d, file),
			    o->guest, o->target,
			    o->held[0].shareable || h->held[0].shareable ?
			    ", and not both say <shareable/>" : "");
	if (!rc) {
		h->next = holders;
		holders = h;
	}
	pthread_mutex_unlock(&holders_lock);
	return rc;
}

static void holder_drop(struct disk_holder *h)
{
	struct disk_holder **at;

	if (!h)
		return;
	pthread_mutex_lock(&holders_lock);
	for (at = &holders; *at && *at != h; at = &(*at)->next)
		;
	if (*at)
		*at = h->next;
	pthread_mutex_unlock(&holders_lock);
	if (h->server_uid)
		disk_server_stop(h->server_uid);
	for (size_t i = 0; i < h->count; i++) {
		if (h->held[i].at >= 0)
			close(h->held[i].at);
	}
	if (h->last >= 0)
		close(h->last);
	free(h->server);
	free(h);
}

static struct disk_holder *holder_make(const struct guest_disk *d,
				       const char *guest, uint32_t slot,
				       size_t count)
{
	struct disk_holder *h = calloc(1, sizeof(*h) +
				       count * sizeof(h->held[0]));

	if (!h)
		return NULL;
	snprintf(h->guest, sizeof(h->guest), "%s", guest);
	snprintf(h->target, sizeof(h->target), "%s", d->target);
	h->count = count;
	h->last = -1;
	if (d->type != GUEST_DISK_NETWORK && d->format != GUEST_DISK_RAW)
		h->server_uid = disk_server_uid(slot);
	for (size_t i = 0; i < count; i++)
		h->held[i].at = -1;
	/* Only the first one is ever written. */
	h->held[0].write = !d->readonly;
	h->held[0].shareable = d->shareable;
	return h;
}

/* ---- Opening one file ---- */

struct wanted {
	const char *path;	/* for sentences */
	const struct held *held;
	int flags;		/* O_DIRECT and the like */
	struct timespec until;	/* how long to wait for the lock */
};

static bool exclusive(const struct held *h)
{
	return h->write && !h->shareable;
}

static int ms_left(const struct timespec *until)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (until->tv_sec - now.tv_sec) * 1000 +
	     (until->tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? (int)ms : 0;
}

static int lock_file(int fd, bool alone)
{
	struct flock l = { .l_type = alone ? F_WRLCK : F_RDLCK,
			   .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &l) ? -errno : 0;
}

/* What must be behind a name: a file, a block device, or either. */
enum kind { A_FILE, A_BLOCK, A_FILE_OR_BLOCK };

static int check_kind(const char *path, enum kind kind, mode_t mode, char **why)
{
	if (S_ISBLK(mode) ? kind != A_FILE : S_ISREG(mode) && kind != A_BLOCK)
		return 0;
	return refuse(why, -EINVAL, "%s: %s", path, S_ISBLK(mode) ?
		      "it is a block device, for which the disk's type is block" :
		      S_ISREG(mode) ?
		      "it is a file, for which the disk's type is file" :
		      "it is neither a file nor a block device");
}

/* A name is resolved once, here. */
static int find_file(const char *path, enum kind kind, struct held *h,
		     char **why)
{
	struct stat st;
	int at = open(path, O_PATH | O_CLOEXEC), rc;

	if (at < 0)
		return refuse_errno(why, path, errno);
	rc = fstat(at, &st) ? refuse_errno(why, path, errno) :
		check_kind(path, kind, st.st_mode, why);
	if (rc) {
		close(at);
		return rc;
	}
	h->at = at;
	h->block = S_ISBLK(st.st_mode);
	h->dev = h->block ? st.st_rdev : st.st_dev;
	h->ino = h->block ? 0 : st.st_ino;
	return 0;
}

/* Opens and locks; busy is -EBUSY. */
static int try_open(const struct wanted *w)
{
	const struct held *h = w->held;
	char path[32];
	int fd, rc;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", h->at);
	/* A claim on a device keeps mounts, swap and RAID away. */
	fd = open(path, (h->write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY |
		  w->flags | (h->block && exclusive(h) ? O_EXCL : 0));
	if (fd < 0)
		return -errno;
	rc = lock_file(fd, exclusive(h));
	if (!rc)
		return fd;
	close(fd);
	return rc == -EAGAIN || rc == -EACCES ? -EBUSY : rc;
}

static int check_size(int fd, const struct wanted *w, char **why)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < 0)
		return refuse_errno(why, w->path, errno);
	if (end < 512)
		return refuse(why, -EINVAL, "%s: it is shorter than one sector",
			      w->path);
	return 0;
}

static int open_file(const struct wanted *w, char **why)
{
	static const struct timespec nap = { 0, LOOK_AGAIN_NS };
	int fd, rc;

	if (w->held->at < 0)
		return refuse_errno(why, w->path, ENOENT);
	while ((fd = try_open(w)) == -EBUSY && ms_left(&w->until))
		nanosleep(&nap, NULL);
	if (fd == -EBUSY)
		return refuse(why, -EBUSY, "%s: %s", w->path, w->held->block ?
			      "it is mounted or in use by another program" :
			      "another program has locked it");
	if (fd == -EINVAL && w->flags & O_DIRECT)
		return refuse(why, -EINVAL, "%s: its file system cannot do without the cache (O_DIRECT), which this cache mode asks for",
			      w->path);
	if (fd < 0)
		return refuse_errno(why, w->path, -fd);
	rc = check_size(fd, w, why);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

/* ---- Cache modes ---- */

static const struct {
	const char *name, *flush;
	bool direct;
} cache_modes[] = {
	{ "writeback", "normal", false },	/* the default, first */
	{ "default", "normal", false },
	{ "none", "normal", true },
	{ "writethrough", "each", false },
	{ "directsync", "each", true },
	{ "unsafe", "ignore", false },
};

static size_t cache_mode(const struct guest_disk *d)
{
	size_t i;

	for (i = 0; i < sizeof(cache_modes) / sizeof(cache_modes[0]); i++) {
		if (d->cache && !strcmp(d->cache, cache_modes[i].name))
			return i;
	}
	return 0;
}

/* ---- Images with a server of their own ---- */

/* Reads as much as there is, up to SIZE bytes. */
static size_t read_at(int fd, uint8_t *to, size_t size, off_t at)
{
	ssize_t n = 0;
	size_t done = 0;

	while (done < size &&
	       (n = pread(fd, to + done, size - done, at + (off_t)done)) > 0)
		done += (size_t)n;
	return done;
}

/* LAST: the XML names nothing below this one. */
static int check_image(int fd, const char *path, enum guest_disk_format format,
		       bool last, char **why)
{
	uint8_t head[IMAGE_HEAD_SIZE], tail[IMAGE_TAIL_SIZE];
	off_t end = lseek(fd, 0, SEEK_END);
	struct image_head h;
	bool whole = end >= IMAGE_TAIL_SIZE &&
		read_at(fd, tail, sizeof(tail), end - IMAGE_TAIL_SIZE) ==
		sizeof(tail);
	const char *bad = image_head_check(format, head,
					   read_at(fd, head, sizeof(head), 0),
					   whole ? tail : NULL, &h);

	if (bad)
		return refuse(why, -EINVAL, "%s: %s", path, bad);
	if (h.has_backing && last)
		return refuse(why, -EINVAL, "%s: it is based on \"%s\", which is followed only if <backingStore> names it",
			      path, h.backing);
	if (!h.has_backing && !last)
		return refuse(why, -EINVAL, "%s: it is not based on another image, but <backingStore> names one",
			      path);
	return 0;
}

static enum guest_disk_format layer_format(const struct guest_disk *d, size_t i)
{
	return i ? d->backing[i - 1].format : d->format;
}

static int open_layer(const struct guest_disk *d, size_t i,
		      const struct disk_holder *h, const struct timespec *until,
		      char **why)
{
	struct wanted w = { .path = layer_path(d, i), .held = &h->held[i],
			    .until = *until };
	int fd = open_file(&w, why), rc;

	if (fd < 0)
		return fd;
	rc = check_image(fd, w.path, layer_format(d, i), i == d->backing_count,
			 why);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

static int open_served(const struct guest_disk *d, const struct disk_holder *h,
		       const struct timespec *until, char **why)
{
	struct disk_server_image image[GUEST_BACKING_MAX + 1];
	size_t n = 0, count = d->backing_count + 1;
	int rc = 0;

	for (; n < count; n++) {
		image[n].format = layer_format(d, n);
		image[n].write = h->held[n].write;
		image[n].fd = open_layer(d, n, h, until, why);
		if (image[n].fd < 0) {
			rc = image[n].fd;
			break;
		}
	}
	if (!rc)
		rc = disk_server_start(h->server_uid, image, count,
				       d->cache ? d->cache : "writeback",
				       d->discard, d->source, why);
	while (n--)
		close(image[n].fd);
	return rc;
}

/* ---- Network ---- */

static int wait_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0, r;

	do
		r = poll(&p, 1, CONNECT_MS);
	while (r < 0 && errno == EINTR);
	if (!r)
		return -ETIMEDOUT;
	if (r < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}

static int connect_to(const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(sa->sa_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0, one = 1;

	if (fd < 0)
		return -errno;
	if (connect(fd, sa, len))
		rc = errno == EINPROGRESS ? wait_connected(fd) : -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	if (sa->sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(fd, F_SETFL, 0);
	return fd;
}

static int connect_unix(const char *path, char **why)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(un.sun_path))
		return refuse(why, -ENAMETOOLONG, "%s: the path of a socket has at most %zu bytes",
			      path, sizeof(un.sun_path) - 1);
	strcpy(un.sun_path, path);
	fd = connect_to((struct sockaddr *)&un, sizeof(un));
	return fd < 0 ? refuse_errno(why, path, -fd) : fd;
}

static int connect_host(const char *host, const char *port, char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_ADDRCONFIG }, *found, *a;
	int rc, fd = -EHOSTUNREACH;

	rc = getaddrinfo(host, port, &hints, &found);
	if (rc)
		return refuse(why, -EHOSTUNREACH, "nbd://%s:%s: %s", host, port,
			      rc == EAI_SYSTEM ? strerror(errno) :
			      gai_strerror(rc));
	for (a = found; a && fd < 0; a = a->ai_next)
		fd = connect_to(a->ai_addr, a->ai_addrlen);
	freeaddrinfo(found);
	if (fd < 0)
		return refuse(why, fd, "nbd://%s:%s: %s", host, port,
			      strerror(-fd));
	return fd;
}

/* How a network disk is called in sentences, and in the table. */
static char *server_name(const struct guest_disk *d)
{
	char *name;
	int r;

	if (d->socket)
		r = asprintf(&name, "nbd+unix:///%s?socket=%s", d->source,
			     d->socket);
	else
		r = asprintf(&name, "nbd://%s:%s/%s", d->host ? d->host :
			     "localhost", d->port ? d->port : NBD_PORT,
			     d->source);
	return r < 0 ? NULL : name;
}

static int connect_server(const struct guest_disk *d, char **why)
{
	if (d->format != GUEST_DISK_RAW)
		return refuse(why, -EINVAL, "nbd: the bytes of a network disk are the disk: its format is raw");
	if (d->socket)
		return connect_unix(d->socket, why);
	return connect_host(d->host ? d->host : "localhost",
			    d->port ? d->port : NBD_PORT, why);
}

/*
 * What a dead back-end asked for may still be on its way, and must not be done
 * after what its successor asks for: the server is told that there is no more,
 * and ends the connection when it is through.
 */
static int drain(int fd, const struct timespec *until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char answers[4096];
	ssize_t n = 1;
	int ms;

	if (shutdown(fd, SHUT_WR))
		return 0;	/* it has ended already */
	while (n > 0 || (n < 0 && errno == EINTR)) {
		ms = ms_left(until);
		if (!ms)
			return -EBUSY;
		n = poll(&p, 1, ms);
		if (n > 0)
			n = recv(fd, answers, sizeof(answers), 0);
		else if (!n)
			n = 1;
	}
	return 0;
}

static int open_network(const struct guest_disk *d, struct disk_holder *h,
			const struct timespec *until, char **why)
{
	int fd;

	if (h->last >= 0 && drain(h->last, until))
		return refuse(why, -EBUSY, "%s: the server does not end the connection of the dead back-end",
			      h->server);
	if (h->last >= 0)
		close(h->last);
	h->last = -1;
	fd = connect_server(d, why);
	if (fd >= 0)
		h->last = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd;
}

/* ---- The promise ---- */

static void describe(const struct guest_disk *d, struct disk_source *out)
{
	size_t mode = cache_mode(d);

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	out->readonly = d->readonly;
	out->discard = d->discard;
	out->flush = cache_modes[mode].flush;
	if (!d->source)
		out->mode = DISK_SOURCE_EMPTY;
	else if (d->type == GUEST_DISK_NETWORK || d->format != GUEST_DISK_RAW)
		out->mode = DISK_SOURCE_NBD;
	else
		out->mode = DISK_SOURCE_FILE;
	out->direct = out->mode == DISK_SOURCE_FILE && cache_modes[mode].direct;
}

static int open_raw(const struct guest_disk *d, const struct disk_holder *h,
		    const struct timespec *until, char **why)
{
	struct wanted w = {
		.path = d->source, .held = &h->held[0],
		.flags = cache_modes[cache_mode(d)].direct ? O_DIRECT : 0,
		.until = *until,
	};

	if (d->backing_count)
		return refuse(why, -EINVAL, "%s: a raw image is not based on another image, but <backingStore> names one",
			      d->source);
	return open_file(&w, why);
}

static int open_by_kind(const struct guest_disk *d, struct disk_holder *h,
			bool again, char **why)
{
	struct timespec until;

	/* Who has just let go of it may still be on his way out. */
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += again ? DISK_SOURCE_DRAIN_S : LEAVING_S;
	if (d->type == GUEST_DISK_NETWORK)
		return open_network(d, h, &until, why);
	if (d->format == GUEST_DISK_RAW)
		return open_raw(d, h, &until, why);
	return open_served(d, h, &until, why);
}

/* What the disk is made of, without opening any of it. */
static int identify(const struct guest_disk *d, struct disk_holder *h,
		    char **why)
{
	enum kind kind = d->type == GUEST_DISK_BLOCK ? A_BLOCK : A_FILE;
	int rc = 0;

	if (d->type == GUEST_DISK_NETWORK) {
		h->server = server_name(d);
		return h->server ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < h->count && !rc; i++)
		rc = find_file(layer_path(d, i), i ? A_FILE_OR_BLOCK : kind,
			       &h->held[i], why);
	return rc;
}

static int open_again(const struct guest_disk *d, struct disk_source *out,
		      char **why)
{
	int fd;

	if (out->holder->server_uid)
		disk_server_stop(out->holder->server_uid);
	fd = open_by_kind(d, out->holder, true, why);
	if (fd < 0)
		return fd;
	out->fd = fd;
	return 0;
}

/* Our own servers have one export, the default one. */
static int name_export(const struct guest_disk *d, struct disk_source *out)
{
	if (out->mode != DISK_SOURCE_NBD)
		return 0;
	out->export_name = strdup(d->type == GUEST_DISK_NETWORK ? d->source : "");
	return out->export_name ? 0 : -ENOMEM;
}

int disk_source_open(const struct guest_disk *d, const char *guest,
		     uint32_t slot, bool again, struct disk_source *out,
		     char **why)
{
	struct disk_holder *h;
	int rc;

	*why = NULL;
	if (again)
		return out->mode == DISK_SOURCE_EMPTY ? 0 :
			open_again(d, out, why);
	describe(d, out);
	if (out->mode == DISK_SOURCE_EMPTY)
		return 0;
	h = holder_make(d, guest, slot, d->backing_count + 1);
	if (!h)
		return -ENOMEM;
	/* Who is in the table is named; whom only the lock knows is not. */
	rc = identify(d, h, why);
	if (!rc)
		rc = holder_add(h, d, why);
	if (!rc) {
		out->fd = open_by_kind(d, h, false, why);
		rc = out->fd < 0 ? out->fd : 0;
	}
	if (!rc)
		rc = name_export(d, out);
	out->holder = h;
	if (rc)
		disk_source_close(out);
	return rc;
}

int disk_source_adopt(const struct guest_disk *d, const char *guest,
		      uint32_t slot, struct disk_source *out)
{
	char *why = NULL;
	int rc;

	describe(d, out);
	if (out->mode == DISK_SOURCE_EMPTY)
		return 0;
	out->holder = holder_make(d, guest, slot, d->backing_count + 1);
	/* A file whose name is gone is at odds with nobody; the back-end has
	 * it open. */
	rc = out->holder ? identify(d, out->holder, &why) : -ENOMEM;
	free(why);
	if (rc != -ENOMEM)
		rc = name_export(d, out);
	if (!rc)
		return holder_add(out->holder, d, NULL);
	disk_source_close(out);
	return rc;
}

void disk_source_handed(struct disk_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void disk_source_close(struct disk_source *s)
{
	disk_source_handed(s);
	holder_drop(s->holder);
	s->holder = NULL;
	free(s->export_name);
	s->export_name = NULL;
}

const char *disk_source_mode_name(enum disk_source_mode mode)
{
	static const char *const names[] = {
		[DISK_SOURCE_EMPTY] = "none", [DISK_SOURCE_FILE] = "file",
		[DISK_SOURCE_NBD] = "nbd",
	};

	return names[mode];
}
