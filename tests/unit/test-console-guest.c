/* SPDX-License-Identifier: MIT */
/*
 * Guests, viewers and terminals of consoled, on a made-up machine and with a
 * made-up store.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "common/log.h"
#include "common/daemon.h"
#include "consoled/con.h"
#include "tests/unit/fake-xendev.h"

#include <xen/io/xs_wire.h>

CU_ErrorCode test_console_guest_register(void);

static struct con con;
static struct xencons_interface page[FAKE_DOMAINS];
static char dir[32], sock_path[64];

/* ---- the store: requests wait until the test has them answered ---- */

static struct asked {
	uint32_t type;
	storec_fn *fn;
	uint64_t arg;
	char path[96], value[64];
} asked[64];
static unsigned int nr_asked;
static bool no_port;		/* the console's port is not written yet */
static char tty[64];
static bool no_tty;
static int commits, aborts;
static unsigned int watches;

void storec_send(struct storec *s, uint32_t type, const void *payload,
		 size_t len, storec_fn *fn, uint64_t arg)
{
	struct asked *a = &asked[nr_asked++];
	const size_t n = strlen(payload);

	(void)s;
	*a = (struct asked){ .type = type, .fn = fn, .arg = arg };
	memcpy(a->path, payload, n);
	if (len > n + 1)
		memcpy(a->value, (const char *)payload + n + 1, len - n - 1);
}

void storec_sendf(struct storec *s, uint32_t type, storec_fn *fn, uint64_t arg,
		  const char *fmt, ...)
{
	char text[160];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	storec_send(s, type, text, n + 1, fn, arg);
}

static const char *stored(const struct asked *a)
{
	static char port[8];
	unsigned int domid;

	if (strstr(a->path, "/name"))
		return "web/../1";
	if (strstr(a->path, "/ring-ref"))
		return "77";
	if (no_tty && strstr(a->path, "/tty"))
		return NULL;
	if (no_port || sscanf(a->path, "/local/domain/%u", &domid) != 1)
		return NULL;
	snprintf(port, sizeof(port), "%u", 50 + domid);
	return port;
}

static void answer_all(void)
{
	for (unsigned int i = 0; i < nr_asked; i++) {
		const struct asked a = asked[i];
		const char *v = stored(&a);

		watches += a.type == XS_WATCH;
		watches -= a.type == XS_UNWATCH;
		if (a.type == XS_WRITE && strstr(a.path, "/tty"))
			strcpy(tty, a.value);
		commits += a.type == XS_TRANSACTION_END && a.path[0] == 'T';
		aborts += a.type == XS_TRANSACTION_END && a.path[0] == 'F';
		if (a.type == XS_READ)
			a.fn(a.arg, v, v ? strlen(v) : 0);
		if (a.type == XS_TRANSACTION_START)
			a.fn(a.arg, "7", 1);
	}
	nr_asked = 0;
}

/* ---- the loop, one round at a time ---- */

static void after(void *arg)
{
	(void)arg;
	if (con.nr_unmask)
		xen_evtchn_unmask(0, con.unmask, con.nr_unmask);
	con.nr_unmask = 0;
	con.loop.stop = true;
}

static void rounds(int n)
{
	while (n--) {
		con.loop.stop = false;
		con.loop.busy = true;
		loop_run(&con.loop);
	}
}

static void start(void)
{
	log_init(NULL);
	memset(&con, 0, sizeof(con));
	memset(&fake_xen, 0, sizeof(fake_xen));
	memset(page, 0, sizeof(page));
	nr_asked = watches = 0;
	no_port = no_tty = false;
	commits = aborts = 0;
	tty[0] = 0;
	strcpy(dir, "/tmp/bulkhead-test-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(sock_path, sizeof(sock_path), "%s/s", dir);
	link_init(&con.guests);
	link_init(&con.waiting);
	link_init(&con.throttled);
	link_init(&con.idling);
	link_init(&con.idle_viewers);
	con.log_dir = dir;
	con.log_limit = 1 << 20;
	con.by_domid = calloc(DOMIDS, sizeof(*con.by_domid));
	CU_ASSERT_EQUAL_FATAL(loop_init(&con.loop), 0);
	con.loop.after = after;
	loop_timer_init(&con.throttle_timer, con_unthrottle, &con);
	loop_timer_init(&con.idle_timer, con_unidle, &con);
	pty_setup(&con);
	viewers_listen(&con, daemon_listen(sock_path, 8));
	fake_xen.exists[0] = true;
	for (int i = 1; i < FAKE_DOMAINS; i++)
		fake_xen.page[i] = &page[i];
}

static void end(void)
{
	char path[64];

	memset(fake_xen.exists, 0, sizeof(fake_xen.exists));
	con_scan_gone(&con);
	answer_all();
	rounds(2);
	CU_ASSERT_EQUAL(fake_xen.maps, 0);
	CU_ASSERT_EQUAL(fake_xen.binds, 0);
	CU_ASSERT_EQUAL(watches, 0);
	CU_ASSERT(link_empty(&con.guests));
	CU_ASSERT_EQUAL(con.nr_viewers, 0);
	loop_del(&con.loop, &con.listen_src);
	close(con.listen_src.fd);
	close(con.inotify);
	loop_close(&con.loop);
	free(con.by_domid);
	free(con.by_port);
	unlink(sock_path);
	snprintf(path, sizeof(path), "%s/web_.._1.log", dir);
	unlink(path);
	rmdir(dir);
	log_init("unit");
}

/* ---- guests and viewers ---- */

static struct guest *introduce(uint32_t domid)
{
	fake_xen.exists[domid] = true;
	con_scan_new(&con);
	answer_all();
	answer_all();
	return con_find(&con, domid);
}

static void guest_writes(struct guest *g, const char *text)
{
	struct xencons_interface *p = &page[g->domid];

	for (; *text; text++)
		p->out[p->out_prod++ & 2047] = *text;
	/* A new period, so that only one test is about the rate limit. */
	g->events = g->bytes = 0;
	con_event(&con, g->port);
	rounds(1);
}

static int viewer(const char *line)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, sock_path);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	CU_ASSERT(write(fd, line, strlen(line)) > 0);
	rounds(2);
	return fd;
}

/* What the viewer has got, "" for nothing, "EOF" when it was closed. */
static const char *seen(int fd)
{
	static char text[65536];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0)
		return "";
	text[n] = 0;
	return n ? text : "EOF";
}

/* A write would make the nodes of a guest that is being destroyed anew. */
static void a_terminal_is_written_only_where_its_node_is(void)
{
	if (access("/dev/ptmx", R_OK | W_OK))
		return;
	introduce(1);
	CU_ASSERT_EQUAL(commits, 1);
	CU_ASSERT_EQUAL(aborts, 0);
	tty[0] = 0;
	no_tty = true;
	introduce(2);
	CU_ASSERT_EQUAL(commits, 1);
	CU_ASSERT_EQUAL(aborts, 1);
	CU_ASSERT_EQUAL(tty[0], 0);
}

static void a_new_guest_is_connected(void)
{
	struct guest *g;

	introduce(1);
	g = introduce(2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(g);
	CU_ASSERT(g->live);
	CU_ASSERT_EQUAL(fake_xen.gref, 0);
	CU_ASSERT_EQUAL(fake_xen.maps, 2);
	if (access("/dev/ptmx", R_OK | W_OK) == 0)
		CU_ASSERT_EQUAL(strncmp(tty, "/dev/pts/", 9), 0);
	/* The second one needed one look above the first. */
	fake_xen.scans = 0;
	introduce(3);
	CU_ASSERT_EQUAL(fake_xen.scans, 1);
	/* An id below is found as well. */
	fake_xen.exists[2] = false;
	con_scan_gone(&con);
	CU_ASSERT_PTR_NULL(con_find(&con, 2));
	CU_ASSERT_PTR_NOT_NULL(introduce(2));
}

static void a_console_without_grant_is_mapped_by_frame(void)
{
	fake_xen.no_grants = true;
	CU_ASSERT(introduce(1)->live);
}

static void a_console_that_comes_late_is_waited_for(void)
{
	struct guest *g;

	no_port = true;
	g = introduce(1);
	CU_ASSERT(!g->live);
	CU_ASSERT_EQUAL(watches, 1);
	con_nodes_changed(&con, 1);
	answer_all();
	CU_ASSERT(!g->live);
	no_port = false;
	con_nodes_changed(&con, 1);
	answer_all();
	CU_ASSERT(g->live);
	con_nodes_changed(&con, 1);
	answer_all();
	CU_ASSERT_EQUAL(watches, 0);
}

static void output_reaches_log_and_viewers(void)
{
	struct guest *g = introduce(1);
	char path[64], text[32] = "";
	int fd, a, b;

	guest_writes(g, "one ");
	a = viewer("attach 1\n");
	CU_ASSERT_STRING_EQUAL(seen(a), "ok web/../1\none ");
	b = viewer("attach 1 wait\n");
	CU_ASSERT_STRING_EQUAL(seen(b), "ok web/../1\none ");
	guest_writes(g, "two");
	CU_ASSERT_STRING_EQUAL(seen(a), "two");
	CU_ASSERT_STRING_EQUAL(seen(b), "two");
	snprintf(path, sizeof(path), "%s/web_.._1.log", dir);
	fd = open(path, O_RDONLY);
	CU_ASSERT_EQUAL(read(fd, text, sizeof(text)), 7);
	CU_ASSERT_STRING_EQUAL(text, "one two");
	close(fd);
	close(a);
	close(b);
	rounds(2);
}

static void the_replay_is_the_newest(void)
{
	struct guest *g = introduce(1);
	char block[1001];
	const char *got;
	int fd;

	for (int i = 0; i < 26; i++) {
		memset(block, 'a' + i, 1000);
		block[1000] = 0;
		guest_writes(g, block);
	}
	fd = viewer("attach 1\n");
	got = seen(fd);
	got = strchr(got, '\n') + 1;
	CU_ASSERT_EQUAL(strlen(got), CONSOLED_REPLAY);
	CU_ASSERT_EQUAL(got[0], 'j');
	CU_ASSERT_EQUAL(got[CONSOLED_REPLAY - 1], 'z');
	close(fd);
	rounds(1);
}

static void a_viewer_may_come_before_its_guest(void)
{
	int fd = viewer("attach 4 wait\n"), none = viewer("attach 4\n");

	CU_ASSERT_STRING_EQUAL(seen(fd), "");
	CU_ASSERT_STRING_EQUAL(seen(none), "error domain 4 has no console\n");
	CU_ASSERT_STRING_EQUAL(seen(none), "EOF");
	introduce(4);
	CU_ASSERT_STRING_EQUAL(seen(fd), "ok web/../1\n");
	close(fd);
	close(none);
	fd = viewer("nonsense\n");
	CU_ASSERT_EQUAL(strncmp(seen(fd), "error ", 6), 0);
	close(fd);
	rounds(2);
}

static void anybody_may_type(void)
{
	struct guest *g = introduce(1);
	int a = viewer("attach 1\nab"), b = viewer("attach 1\n");
	char big[3000];

	rounds(1);
	CU_ASSERT(write(b, "cd", 2) == 2);
	rounds(1);
	CU_ASSERT_EQUAL(page[1].in_prod, 4);
	CU_ASSERT_EQUAL(memcmp(page[1].in, "abcd", 4), 0);
	CU_ASSERT(fake_xen.kicks >= 2);
	/* More than the ring holds waits, and nothing is lost. */
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 3; i++)
		CU_ASSERT(write(a, big, sizeof(big)) == sizeof(big));
	rounds(20);
	CU_ASSERT_EQUAL(page[1].in_prod, 1024);
	CU_ASSERT(!con_wants_input(g));
	for (int i = 0; i < 20; i++) {
		page[1].in_cons = page[1].in_prod;
		g->events = g->bytes = 0;
		con_event(&con, g->port);
		rounds(5);
	}
	CU_ASSERT_EQUAL(page[1].in_prod, 4 + 9000);
	close(a);
	close(b);
	rounds(2);
}

static void a_viewer_that_sleeps_stops_nobody(void)
{
	struct guest *g = introduce(1);
	int fd = viewer("attach 1\n"), other;
	char block[2001];
	bool told = false;
	const char *got;

	memset(block, 'y', 2000);
	block[2000] = 0;
	for (int i = 0; i < 1000; i++) {
		g->events = g->bytes = 0;
		guest_writes(g, block);
		CU_ASSERT_EQUAL(page[1].out_cons, page[1].out_prod);
	}
	other = viewer("attach 1\n");
	CU_ASSERT_EQUAL(strncmp(seen(other), "ok ", 3), 0);
	for (int i = 0; i < 200; i++) {
		got = seen(fd);
		if (strstr(got, "bytes of output were dropped"))
			told = true;
		rounds(1);
	}
	CU_ASSERT(told);
	close(fd);
	close(other);
	rounds(2);
}

static void a_chatty_guest_has_to_wait(void)
{
	struct guest *g = introduce(1), *quiet = introduce(2);
	unsigned int before;
	int n;

	con.loop.now_ms = 0;
	for (n = 0; n < 5000 && link_empty(&g->throttled); n++) {
		page[1].out_prod++;
		con_event(&con, g->port);
	}
	CU_ASSERT(n > 2 && n < 50);
	/* The period ends when this test says so. */
	loop_timer_cancel(&con.throttle_timer);
	rounds(1);
	before = fake_xen.unmasked[g->port];
	/* Its port stays shut; what comes is not even looked at. */
	page[1].out_prod++;
	con_event(&con, g->port);
	rounds(1);
	CU_ASSERT_EQUAL(fake_xen.unmasked[g->port], before);
	CU_ASSERT_NOT_EQUAL(page[1].out_cons, page[1].out_prod);
	guest_writes(quiet, "still heard");
	CU_ASSERT_EQUAL(page[2].out_cons, page[2].out_prod);
	/* The period ends. */
	con_unthrottle(&con);
	rounds(1);
	CU_ASSERT_EQUAL(page[1].out_cons, page[1].out_prod);
	CU_ASSERT_EQUAL(fake_xen.unmasked[g->port], before + 1);
	loop_timer_cancel(&con.throttle_timer);
}

static void events_that_bring_nothing_have_to_wait(void)
{
	struct guest *g = introduce(1);
	unsigned int before;
	int n;

	for (n = 0; n < 1000 && link_empty(&con.idling); n++) {
		g->events = 0;
		con_event(&con, g->port);
	}
	CU_ASSERT_EQUAL(n, 65);
	loop_timer_cancel(&con.idle_timer);
	rounds(1);
	before = fake_xen.unmasked[g->port];
	/* Its port is shut until the period ends; then it has a few more. */
	page[1].out_prod++;
	con_event(&con, g->port);
	rounds(1);
	CU_ASSERT_EQUAL(fake_xen.unmasked[g->port], before);
	CU_ASSERT_NOT_EQUAL(page[1].out_cons, page[1].out_prod);
	con_unidle(&con);
	rounds(1);
	CU_ASSERT_EQUAL(fake_xen.unmasked[g->port], before + 1);
	/* What it had to say has been heard, and counts. */
	CU_ASSERT_EQUAL(page[1].out_cons, page[1].out_prod);
	for (n = 0; n < 64; n++) {
		g->events = 0;
		con_event(&con, g->port);
	}
	CU_ASSERT(link_empty(&con.idling));
	loop_timer_cancel(&con.throttle_timer);
}

static void the_end_comes_after_the_last_output(void)
{
	int fd;

	introduce(1);
	fd = viewer("attach 1\n");
	seen(fd);
	memcpy(page[1].out, "last", 4);
	page[1].out_prod = 4;
	fake_xen.exists[1] = false;
	con_scan_gone(&con);
	rounds(1);
	CU_ASSERT_STRING_EQUAL(seen(fd), "last");
	CU_ASSERT_STRING_EQUAL(seen(fd), "EOF");
	CU_ASSERT_EQUAL(fake_xen.maps, 0);
	close(fd);
}

/* Reads n bytes, however they come; gives up when nothing comes at all. */
static void read_all(int fd, char *to, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t r;

	while (n && poll(&p, 1, 5000) == 1 && (r = read(fd, to, n)) > 0) {
		to += r;
		n -= (size_t)r;
	}
	CU_ASSERT_EQUAL(n, 0);
}

static void a_terminal_works_like_a_viewer(void)
{
	struct guest *g = introduce(1);
	char text[64] = "";
	int fd;

	if (!tty[0])	/* no terminals where this runs */
		return;
	guest_writes(g, "before\n");
	fd = open(tty, O_RDWR | O_NOCTTY | O_NONBLOCK);
	CU_ASSERT_FATAL(fd >= 0);
	rounds(2);
	CU_ASSERT_EQUAL(g->pty_opens, 1);
	guest_writes(g, "now");
	read_all(fd, text, 10);
	CU_ASSERT_STRING_EQUAL(text, "before\nnow");
	CU_ASSERT_EQUAL(write(fd, "k\n", 2), 2);
	/* The kernel passes it on by a worker: until it has arrived. */
	for (int i = 0; page[1].in_prod < 2 && i < 5000; i++) {
		rounds(1);
		poll(NULL, 0, 1);
	}
	CU_ASSERT_EQUAL(page[1].in_prod, 2);
	CU_ASSERT_EQUAL(memcmp(page[1].in, "k\n", 2), 0);
	close(fd);
	rounds(3);
	CU_ASSERT_EQUAL(g->pty_opens, 0);
	CU_ASSERT(!g->pty_polled);
}

/* As `printf > TTY` of a shell does: it is gone before we look. */
static void who_writes_and_goes_at_once_is_heard(void)
{
	struct guest *g = introduce(1);
	int fd;

	if (!tty[0])
		return;
	fd = open(tty, O_WRONLY | O_NOCTTY | O_NONBLOCK);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "gone\r", 5), 5);
	close(fd);
	rounds(3);
	CU_ASSERT_EQUAL(page[1].in_prod, 5);
	CU_ASSERT_EQUAL(memcmp(page[1].in, "gone\r", 5), 0);
	CU_ASSERT_EQUAL(g->pty_opens, 0);
	CU_ASSERT(!g->pty_polled);
}

CU_ErrorCode test_console_guest_register(void)
{
#define T(f) { #f, f }
	static CU_TestInfo tests[] = {
		T(a_new_guest_is_connected),
		T(a_console_without_grant_is_mapped_by_frame),
		T(a_console_that_comes_late_is_waited_for),
		T(output_reaches_log_and_viewers),
		T(the_replay_is_the_newest),
		T(a_viewer_may_come_before_its_guest),
		T(anybody_may_type),
		T(a_viewer_that_sleeps_stops_nobody),
		T(a_terminal_is_written_only_where_its_node_is),
		T(a_chatty_guest_has_to_wait),
		T(events_that_bring_nothing_have_to_wait),
		T(the_end_comes_after_the_last_output),
		T(a_terminal_works_like_a_viewer),
		T(who_writes_and_goes_at_once_is_heard),
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "console-guest", NULL, NULL, start, end, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
