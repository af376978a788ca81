/* SPDX-License-Identifier: MIT */
/*
 * A pseudo terminal per guest, for programs that read ~/console/tty.
 *
 * Nobody has it open most of the time, and then nothing is written to it: an
 * inotify watch says when somebody opens it. He gets the replay first. A
 * reader that is too slow loses output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "../common/log.h"
#include "con.h"

static void pty_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t))
		return;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

static void pty_unpoll(struct con *c, struct guest *g)
{
	if (g->pty_polled)
		loop_del(&c->loop, &g->pty_src);
	g->pty_polled = false;
}


static struct con *pty_con;

/* Takes what was typed; false when the last one has closed it. */
static bool pty_take(struct con *c, struct guest *g)
{
	uint8_t data[1024];
	ssize_t n;

	while (con_wants_input(g)) {
		n = read(g->pty, data, sizeof(data));
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		con_input(c, g, data, n);
	}
	return true;
}

static void pty_event(void *arg, uint32_t events)
{
	struct guest *g = arg;

	(void)events;
	if (pty_take(pty_con, g))
		return;
	g->pty_opens = 0;
	pty_unpoll(pty_con, g);
}

void pty_poll(struct con *c, struct guest *g)
{
	const bool want = g->pty >= 0 && g->pty_opens && con_wants_input(g);

	if (want == g->pty_polled)
		return;
	if (!want)
		pty_unpoll(c, g);
	else if (!loop_add(&c->loop, &g->pty_src, g->pty, EPOLLIN, pty_event,
			   g))
		g->pty_polled = true;
}

void pty_output(struct guest *g, const void *data, size_t n)
{
	if (g->pty < 0 || !g->pty_opens)
		return;
	if (write(g->pty, data, n) < 0)
		return;
}

static void pty_opened(struct con *c, struct guest *g)
{
	const uint8_t *piece[2];
	size_t len[2];

	if (g->pty_opens++)
		return;
	/* The last close has undone it. */
	pty_raw(g->pty);
	con_replay(g, piece, len);
	for (int i = 0; i < 2; i++)
		if (len[i])
			pty_output(g, piece[i], len[i]);
	pty_poll(c, g);
}

static void pty_closed(struct con *c, struct guest *g)
{
	if (!g->pty_opens || --g->pty_opens)
		return;
	/* What he wrote before he closed it was meant for the guest. */
	pty_take(c, g);
	pty_unpoll(c, g);
}

static struct guest *guest_by_wd(struct con *c, int wd)
{
	struct link *head = &c->pty_hash[(unsigned int)wd % WD_BUCKETS], *pos;

	link_for_each(pos, head)
		if (link_entry(pos, struct guest, pty_hash)->pty_wd == wd)
			return link_entry(pos, struct guest, pty_hash);
	return NULL;
}

static void inotify_ready(void *arg, uint32_t events)
{
	char data[4096] __attribute__((aligned(8)));
	const struct inotify_event *ev;
	struct con *c = arg;
	struct guest *g;
	ssize_t n = read(c->inotify, data, sizeof(data));

	(void)events;
	for (char *at = data; at < data + n; at += sizeof(*ev) + ev->len) {
		ev = (const void *)at;
		g = guest_by_wd(c, ev->wd);
		if (g && ev->mask & IN_OPEN)
			pty_opened(c, g);
		if (g && ev->mask & IN_CLOSE)
			pty_closed(c, g);
	}
}

void pty_setup(struct con *c)
{
	pty_con = c;
	for (unsigned int i = 0; i < WD_BUCKETS; i++)
		link_init(&c->pty_hash[i]);
	c->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (c->inotify < 0 ||
	    loop_add(&c->loop, &c->inotify_src, c->inotify, EPOLLIN,
		     inotify_ready, c))
		log_die("cannot watch terminals: %s", strerror(errno));
}

/*
 * The guest may have gone by the time its terminal is made known, and a write
 * would make its nodes anew, for good.  So it is a transaction: is the node
 * still there?  Then this is its value.  The argument of the answers is the
 * domain's id, with the transaction above it.
 */
static void tty_publish(struct con *c, uint16_t domid);

static void tty_written(uint64_t domid, const char *data, size_t len)
{
	struct con *c = pty_con;

	(void)len;
	/* Somebody else changed the node. */
	if (!data && con_find(c, (uint16_t)domid))
		tty_publish(c, (uint16_t)domid);
}

static void tty_looked(uint64_t arg, const char *data, size_t len)
{
	const uint16_t domid = (uint16_t)arg;
	struct con *c = pty_con;
	struct guest *g = con_find(c, domid);
	unsigned int number;

	(void)len;
	c->store.tx = (uint32_t)(arg >> 16);
	if (data && g && g->pty >= 0 && !ioctl(g->pty, TIOCGPTN, &number)) {
		storec_sendf(&c->store, XS_WRITE, NULL, 0,
			     "/local/domain/%u/console/tty%c/dev/pts/%u",
			     domid, 0, number);
		storec_sendf(&c->store, XS_TRANSACTION_END, tty_written, domid,
			     "T");
	} else {
		storec_sendf(&c->store, XS_TRANSACTION_END, NULL, 0, "F");
	}
	c->store.tx = 0;
}

static void tty_begun(uint64_t domid, const char *data, size_t len)
{
	struct con *c = pty_con;

	(void)len;
	if (!data)
		return;
	c->store.tx = (uint32_t)strtoul(data, NULL, 10);
	storec_sendf(&c->store, XS_READ, tty_looked,
		     (uint64_t)c->store.tx << 16 | domid,
		     "/local/domain/%u/console/tty", (unsigned int)domid);
	c->store.tx = 0;
}

static void tty_publish(struct con *c, uint16_t domid)
{
	storec_sendf(&c->store, XS_TRANSACTION_START, tty_begun, domid, "%s",
		     "");
}

void pty_open(struct con *c, struct guest *g)
{
	unsigned int number;
	int unlock = 0;
	char path[32];

	g->pty = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (g->pty < 0 || ioctl(g->pty, TIOCSPTLCK, &unlock) ||
	    ioctl(g->pty, TIOCGPTN, &number)) {
		log_msg("domain %u: no terminal for its console: %s",
			g->domid, strerror(errno));
		pty_close(c, g);
		return;
	}
	snprintf(path, sizeof(path), "/dev/pts/%u", number);
	g->pty_wd = inotify_add_watch(c->inotify, path, IN_OPEN | IN_CLOSE);
	if (g->pty_wd >= 0)
		link_add_tail(&c->pty_hash[(unsigned int)g->pty_wd %
					   WD_BUCKETS], &g->pty_hash);
	tty_publish(c, g->domid);
}

void pty_close(struct con *c, struct guest *g)
{
	pty_unpoll(c, g);
	link_del(&g->pty_hash);
	if (g->pty_wd >= 0)
		inotify_rm_watch(c->inotify, g->pty_wd);
	if (g->pty >= 0)
		close(g->pty);
	g->pty = g->pty_wd = -1;
}
