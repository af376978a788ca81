/* SPDX-License-Identifier: MIT */
/*
 * xenstored: the store daemon. Opens what needs rights, makes the nodes that
 * every store has, connects domain 0's kernel, and serves until it is ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/daemon.h"
#include "../common/log.h"
#include "shell.h"

#define SOCKET_PATH	"/run/xenstored/socket"
#define CTL_MEM		65536
#define CREDIT_TICK_MS	50
#define STALL_TICK_MS	1000
#define ROUNDS		4	/* of service before new events are read */

static struct daemon daemon_state;

/* ---- what the core asks for ---- */

static bool shell_domain_exists(void *arg, uint32_t domid)
{
	struct daemon *d = arg;
	const xen_domctl_getdomaininfo_t *info;

	if (d->no_xen)
		return true;
	/* An unused id answers with the next domain: compare. */
	return xen_ctl_domains(&d->ctl, domid, 1, &info) == 1 &&
	       info->domain == domid &&
	       !(info->flags & XEN_DOMINF_dying);
}

static int shell_introduce(void *arg, struct domain *dom, uint32_t port)
{
	struct daemon *d = arg;

	return d->no_xen ? 0 : ring_introduce(d, dom, port);
}

static void shell_release(void *arg, struct domain *dom)
{
	ring_release(arg, dom);
}

static struct xs_shell shell = {
	shell_domain_exists, shell_introduce, shell_release, NULL,
};

/* ---- events and time ---- */

/* Something happened to some domain: see which. */
static void scan_domains(struct daemon *d)
{
	const xen_domctl_getdomaininfo_t *info;
	uint32_t first = 0;
	int n;

	dom_scan_begin(&d->xs);
	do {
		n = xen_ctl_domains(&d->ctl, first, UINT32_MAX, &info);
		if (n < 0) {
			log_msg("cannot list the domains: %s", strerror(-n));
			return;
		}
		for (int i = 0; i < n; i++) {
			dom_scan_seen(&d->xs, info[i].domain,
					 info[i].flags & XEN_DOMINF_dying,
					 info[i].flags & XEN_DOMINF_shutdown);
			first = info[i].domain + 1u;
		}
	} while (n == (int)xen_ctl_fit(&d->ctl));
	dom_scan_end(&d->xs);
}

static void evtchn_ready(void *arg, uint32_t events)
{
	struct daemon *d = arg;
	int n = xen_evtchn_pending(d->evtchn, d->ports, 256);
	bool scan = false;

	(void)events;
	if (n < 0)
		log_die("the event channel device failed: %s", strerror(-n));
	d->nr_ports = n;
	for (int i = 0; i < n; i++) {
		if (d->ports[i] == d->virq_port)
			scan = true;
		else
			ring_event(d, d->ports[i]);
	}
	if (scan) {
		scan_domains(d);
		journal_commit(&d->xs);
	}
}

static void credit_tick(void *arg)
{
	struct daemon *d = arg;

	while (!link_empty(&d->xs.throttled)) {
		struct conn *c = link_entry(d->xs.throttled.next, struct conn,
					    throttled);
		const uint32_t port = ring_unhold(c);

		link_del(&c->throttled);
		if (port)
			xen_evtchn_unmask(d->evtchn, &port, 1);
		conn_touch(c);
	}
}

static void stall_tick(void *arg)
{
	struct daemon *d = arg;
	struct link *pos;

	link_for_each(pos, &d->xs.conns) {
		struct conn *c = link_entry(pos, struct conn, link);

		if (c->stalled_ms)
			conn_touch(c);
	}
}

void shell_stalled(struct daemon *d, struct conn *c)
{
	conn_stalled(c, loop_now(&d->loop));
	if (!loop_timer_armed(&d->stall_timer))
		loop_timer_set(&d->loop, &d->stall_timer, STALL_TICK_MS);
}

/* After each batch of events: serve the connections that it touched. */
static void serve_dirty(void *arg)
{
	struct daemon *d = arg;
	uint32_t open = 0;
	struct conn *c;
	struct link round;

	for (int i = 0; i < ROUNDS && !link_empty(&d->xs.dirty); i++) {
		/* One round is what is there now; new ones wait for the next. */
		link_init(&round);
		link_add_tail(&d->xs.dirty, &round);
		while ((d->xs.dirty.next) != &round) {
			c = link_entry(d->xs.dirty.next, struct conn, dirty);
			link_del(&c->dirty);
			c->ops->service(c);
		}
		link_del(&round);
	}
	/*
	 * Ports open again only now: who storms waits for our other work.
	 * Whoever asked too much already waits for his credit with it shut.
	 */
	for (uint32_t i = 0; i < d->nr_ports; i++)
		if (!ring_hold(d, d->ports[i]))
			d->ports[open++] = d->ports[i];
	if (open)
		xen_evtchn_unmask(d->evtchn, d->ports, open);
	d->nr_ports = 0;
	d->loop.busy = !link_empty(&d->xs.dirty);
	if (!link_empty(&d->xs.throttled) &&
	    !loop_timer_armed(&d->credit_timer))
		loop_timer_set(&d->loop, &d->credit_timer, CREDIT_TICK_MS);
}

/* ---- the journal: two files beside the socket ---- */

#define JOURNAL_MAX	(256u << 20)
#define JOURNAL_CHUNK	(256u << 10)
#define JOURNAL_SOFT	(1u << 20)

static bool journal_grow(void *arg, unsigned int i, size_t n)
{
	struct daemon *d = arg;
	const size_t to = (n + JOURNAL_CHUNK - 1) & ~(size_t)(JOURNAL_CHUNK - 1);

	if (to > JOURNAL_MAX)
		return false;
	/* Memory first: a page that is missing later would kill us. */
	if (to > d->journal_size[i]) {
		if (fallocate(d->journal_fd[i], 0, 0, (off_t)to))
			return false;
		d->journal_size[i] = to;
	}
	d->journal.room = d->journal_size[i];
	return true;
}

/* What many guests took goes back to the system when most are gone. */
static void journal_leave(void *arg, unsigned int i)
{
	struct daemon *d = arg;

	if (d->journal_size[i] > JOURNAL_CHUNK &&
	    !ftruncate(d->journal_fd[i], JOURNAL_CHUNK))
		d->journal_size[i] = JOURNAL_CHUNK;
	malloc_trim(0);
}

/* A journal from before the machine was started is about another world. */
static uint32_t this_boot(void)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	uint32_t hash = 2166136261u;
	int c;

	while (f && (c = fgetc(f)) != EOF)
		hash = (hash ^ (uint32_t)c) * 16777619u;
	if (f)
		fclose(f);
	return hash;
}

static bool journal_open(struct daemon *d, const char *socket)
{
	char path[256];

	for (unsigned int i = 0; i < 2; i++) {
		void *mem;
		struct stat st;

		snprintf(path, sizeof(path), "%s.journal.%u", socket, i);
		d->journal_fd[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC |
					O_NOFOLLOW, 0600);
		if (d->journal_fd[i] < 0 || fstat(d->journal_fd[i], &st))
			return false;
		d->journal_size[i] = (size_t)st.st_size;
		mem = mmap(NULL, JOURNAL_MAX, PROT_READ | PROT_WRITE,
			   MAP_SHARED, d->journal_fd[i], 0);
		if (mem == MAP_FAILED || !journal_grow(d, i, JOURNAL_CHUNK))
			return false;
		d->journal.area[i] = mem;
		if (d->journal.area[i]->boot != this_boot())
			d->journal.area[i]->sequence = 0;
		d->journal.area[i]->boot = this_boot();
	}
	return true;
}

/* The state of the daemon before this one; false: there was none. */
static bool journal_read(struct daemon *d)
{
	const struct journal_reader reader = {
		ring_revive_conn, ring_revive, d
	};
	uint64_t sequence[2];
	int rc;

	for (unsigned int i = 0; i < 2; i++)
		sequence[i] = journal_valid(d->journal.area[i],
					    d->journal_size[i]);
	d->journal.now = sequence[1] > sequence[0];
	if (!sequence[d->journal.now])
		return false;
	rc = journal_restore(&d->xs, d->journal.area[d->journal.now], &reader);
	if (rc) {
		d->journal.area[0]->sequence = 0;
		d->journal.area[1]->sequence = 0;
		log_die("the journal of the daemon before this one cannot be used (%s); the next start begins with an empty store",
			strerror(-rc));
	}
	log_msg("goes on with %u nodes of the daemon before this one",
		d->xs.store.nr_nodes);
	return true;
}

/* ---- start ---- */

/* One write through the front door, as domain 0 would do it. */
static void put(struct daemon *d, const char *path, const char *value)
{
	static const struct conn_ops none;
	struct xsd_sockmsg head = { .type = XS_WRITE };
	struct conn c;
	char text[256];

	conn_init(&c, &d->xs, d->xs.dom0, true, &none);
	head.len = snprintf(text, sizeof(text), "%s%c%s", path, 0, value);
	conn_request(&c, &head, text);
	conn_fini(&c);
}

static void make_dom0_nodes(struct daemon *d)
{
	const xen_domctl_getdomaininfo_t *info;
	unsigned long long now, max;
	char text[32];

	put(d, "/local/domain/0/domid", "0");
	put(d, "/local/domain/0/name", "Domain-0");
	/* The one pool of processors that there is. */
	put(d, "/local/pool/0/name", "Pool-0");
	if (d->no_xen || xen_ctl_domains(&d->ctl, 0, 1, &info) != 1)
		return;
	now = info->tot_pages * 4;
	/* Without a limit it is given as all ones, in 32 or 64 bits. */
	max = info->max_pages >= UINT32_MAX ? now : info->max_pages * 4;
	snprintf(text, sizeof(text), "%llu", now);
	put(d, "/local/domain/0/memory/target", text);
	snprintf(text, sizeof(text), "%llu", max > now ? max : now);
	put(d, "/local/domain/0/memory/static-max", text);
}

static void open_xen(struct daemon *d)
{
	int rc = xen_ctl_open(&d->ctl, CTL_MEM);

	if (rc)
		log_die("/dev/xen/privcmd: %s (is this the control domain, with xen-privcmd loaded?)", strerror(-rc));
	d->gntdev = xen_gntdev_open();
	if (d->gntdev < 0)
		log_die("/dev/xen/gntdev: %s", strerror(-d->gntdev));
	d->evtchn = xen_evtchn_open();
	if (d->evtchn < 0)
		log_die("/dev/xen/evtchn: %s", strerror(-d->evtchn));
	rc = xen_evtchn_bind_virq(d->evtchn, VIRQ_DOM_EXC);
	if (rc < 0)
		log_die("cannot bind the event of dying domains: %s", strerror(-rc));
	d->virq_port = rc;
	if (loop_add(&d->loop, &d->evtchn_src, d->evtchn, EPOLLIN,
		     evtchn_ready, d))
		log_die("/dev/xen/evtchn: cannot be watched");
}

static void be_spared(void)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "we");

	/* Everything waits while the store is away. */
	if (f) {
		fputs("-900", f);
		fclose(f);
	}
}

static const char usage[] =
"usage: xenstored [OPTION]...\n"
"Keep the store of all domains.\n"
"\n"
DAEMON_OPTIONS_USAGE
"  -s, --socket PATH      listen there (default " SOCKET_PATH ")\n"
"      --no-xen           sockets only, without a hypervisor: for tests\n";

/* --no-xen; see daemon_options(). */
static bool take_own(void *arg, const char *name, const char *value)
{
	if (strcmp(name, "no-xen") || value)
		return false;
	((struct daemon *)arg)->no_xen = true;
	return true;
}

/* The core and the loop, not yet connected to anything. */
static void set_up(struct daemon *d)
{
	uint64_t key;
	int rc;

	/* Early at boot there may be no randomness yet, and nobody to guess. */
	if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != sizeof(key))
		key = (uintptr_t)&key * 0x9e3779b97f4a7c15ull ^ getpid();
	shell.arg = d;
	rc = loop_init(&d->loop);
	if (!rc)
		rc = xs_init(&d->xs, key, &shell);
	if (rc)
		log_die("cannot start: %s", strerror(-rc));
	loop_timer_init(&d->credit_timer, credit_tick, d);
	loop_timer_init(&d->stall_timer, stall_tick, d);
	d->loop.after = serve_dirty;
	d->loop.after_arg = d;
}

int main(int argc, char **argv)
{
	struct daemon_options o = { .socket = SOCKET_PATH, .backlog = 128,
				    .kept = true };
	struct daemon *d = &daemon_state;
	bool keeps, revived;
	int listen_fd, rc;

	log_init("xenstored");
	daemon_options(argc, argv, usage, &o, take_own, d);
	listen_fd = daemon_start(&o);
	be_spared();
	set_up(d);
	if (!d->no_xen)
		open_xen(d);
	socket_listen(d, listen_fd);
	keeps = journal_open(d, o.socket);
	if (!keeps)
		log_msg("%s.journal: %s: what the store holds does not survive this daemon",
			o.socket, strerror(errno));
	revived = keeps && journal_read(d);
	if (!revived)
		make_dom0_nodes(d);
	d->journal.grow = journal_grow;
	d->journal.leave = journal_leave;
	d->journal.arg = d;
	d->journal.soft = JOURNAL_SOFT;
	if (keeps)
		journal_start(&d->xs, &d->journal);
	rc = d->no_xen ? 0 : ring_connect_dom0(d);
	if (rc)
		log_die("the kernel of domain 0 cannot be connected (is xenfs mounted on /proc/xen?): %s", strerror(-rc));
	/* Whoever died meanwhile. */
	if (revived && !d->no_xen)
		scan_domains(d);
	journal_commit(&d->xs);
	serve_dirty(d);
	daemon_ready(&o);
	rc = loop_run(&d->loop);
	log_die("stopped: %s", strerror(-rc));
}
