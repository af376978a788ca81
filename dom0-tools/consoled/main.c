/* SPDX-License-Identifier: MIT */
/*
 * consoled: takes what guests and the hypervisor write to their consoles, at
 * once and always, and gives it to logs, terminals and viewers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "../common/daemon.h"
#include "../common/log.h"
#include "con.h"

#define STORE_SOCKET	"/run/xenstored/socket"
#define CTL_MEM		65536
#define LOG_LIMIT	(1u << 20)

static struct con con;

/* ---- the hypervisor's log ---- */

static void hyp_log_read(struct con *c)
{
	const char *text;
	int n, rc = 0;

	do {
		n = xen_ctl_console(&c->ctl, &c->hyp_index, &text);
		if (n > 0)
			rc = outlog_write(&c->hyp_log, text, n);
		if (rc)
			log_msg("%s: %s: the hypervisor's log is not kept",
				c->hyp_log.path, strerror(-rc));
	} while (n > 0);
}

static void hyp_log_open(struct con *c)
{
	int port = xen_evtchn_bind_virq(c->evtchn, VIRQ_CON_RING);

	outlog_init(&c->hyp_log, "/var/log/bulkhead", "hypervisor",
		    c->log_limit);
	if (port < 0)
		log_msg("the hypervisor's log is read only once: %s",
			strerror(-port));
	else
		c->virq_port = port;
	hyp_log_read(c);
}

/* ---- events ---- */

static void evtchn_ready(void *arg, uint32_t events)
{
	struct con *c = arg;
	uint32_t ports[64];
	int n = xen_evtchn_pending(c->evtchn, ports, 64);

	(void)events;
	if (n < 0)
		log_die("the event channel device failed: %s", strerror(-n));
	for (int i = 0; i < n; i++) {
		if (c->virq_port && ports[i] == c->virq_port) {
			hyp_log_read(c);
			xen_evtchn_unmask(c->evtchn, &ports[i], 1);
		} else {
			con_event(c, ports[i]);
		}
	}
}

static void store_event(void *arg, const char *path, const char *token)
{
	struct con *c = arg;
	unsigned int domid;

	if (!strcmp(token, "introduce"))
		con_scan_new(c);
	else if (!strcmp(token, "release"))
		con_scan_gone(c);
	else if (sscanf(path, "/local/domain/%u/console", &domid) == 1)
		con_nodes_changed(c, domid);
}

static void after(void *arg)
{
	struct con *c = arg;

	storec_flush(&c->store);
	if (c->nr_unmask)
		xen_evtchn_unmask(c->evtchn, c->unmask, c->nr_unmask);
	c->nr_unmask = 0;
}

/* ---- start ---- */

static void open_xen(struct con *c)
{
	int rc = xen_ctl_open(&c->ctl, CTL_MEM);

	if (rc)
		log_die("/dev/xen/privcmd: %s (is this the control domain, with xen-privcmd loaded?)", strerror(-rc));
	c->gntdev = xen_gntdev_open();
	if (c->gntdev < 0)
		log_die("/dev/xen/gntdev: %s", strerror(-c->gntdev));
	c->evtchn = xen_evtchn_open();
	if (c->evtchn < 0)
		log_die("/dev/xen/evtchn: %s", strerror(-c->evtchn));
	if (loop_add(&c->loop, &c->evtchn_src, c->evtchn, EPOLLIN,
		     evtchn_ready, c))
		log_die("/dev/xen/evtchn: cannot be watched");
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		log_die("%s: %s", path, strerror(errno));
}

/* What the store shall tell us; also to one that was started anew. */
static void ask_store(struct con *c)
{
	static const char introduce[] = "@introduceDomain\0introduce";
	static const char release[] = "@releaseDomain\0release";

	/* The first event of each comes at once: guests that are there. */
	storec_send(&c->store, XS_WATCH, introduce, sizeof(introduce), NULL, 0);
	storec_send(&c->store, XS_WATCH, release, sizeof(release), NULL, 0);
	storec_send(&c->store, XS_WRITE, "/tool/xenconsoled/domid\0" "0", 25,
		    NULL, 0);
}

static void store_again(void *arg)
{
	struct con *c = arg;

	ask_store(c);
	con_store_again(c);
}

static void open_store(struct con *c)
{
	int rc = storec_open(&c->store, &c->loop, STORE_SOCKET);

	if (rc)
		log_die(STORE_SOCKET ": %s (is xenstored running?)",
			strerror(-rc));
	c->store.event = store_event;
	c->store.event_arg = c;
	c->store.again = store_again;
	ask_store(c);
	storec_flush(&c->store);
}

static const char usage[] =
"usage: consoled [OPTION]...\n"
"Take the consoles of all guests and of the hypervisor.\n"
"\n"
DAEMON_OPTIONS_USAGE
"  -s, --socket PATH      viewers connect there (default " CONSOLED_SOCKET ")\n"
"      --log-size KIB     size of one log file (default 1024; one old is kept)\n";

static void take_log_size(struct con *c, const char *text)
{
	char *end;

	c->log_limit = strtoul(text, &end, 10) << 10;
	if (*end || c->log_limit < 16384)
		log_die("--log-size %s: not a number of KiB from 16 on", text);
}

/* --log-size; see daemon_options(). */
static bool take_own(void *arg, const char *name, const char *value)
{
	if (strcmp(name, "log-size") || !value)
		return false;
	take_log_size(arg, value);
	return true;
}

static void set_up(struct con *c)
{
	int rc;

	link_init(&c->guests);
	link_init(&c->waiting);
	link_init(&c->throttled);
	link_init(&c->idling);
	link_init(&c->idle_viewers);
	c->by_domid = calloc(DOMIDS, sizeof(*c->by_domid));
	rc = c->by_domid ? loop_init(&c->loop) : -ENOMEM;
	if (rc)
		log_die("cannot start: %s", strerror(-rc));
	loop_timer_init(&c->throttle_timer, con_unthrottle, c);
	loop_timer_init(&c->idle_timer, con_unidle, c);
	c->loop.after = after;
	c->loop.after_arg = c;
}

int main(int argc, char **argv)
{
	struct daemon_options o = { .socket = CONSOLED_SOCKET,
				    .backlog = 64, .kept = true };
	struct con *c = &con;
	int listen_fd, rc;

	log_init("consoled");
	c->log_dir = CONSOLED_LOG_DIR;
	c->log_limit = LOG_LIMIT;
	daemon_options(argc, argv, usage, &o, take_own, c);
	listen_fd = daemon_start(&o);
	make_dir("/run/bulkhead");
	make_dir("/var/log/bulkhead");
	make_dir(CONSOLED_LOG_DIR);
	set_up(c);
	open_xen(c);
	pty_setup(c);
	hyp_log_open(c);
	open_store(c);
	viewers_listen(c, listen_fd);
	daemon_ready(&o);
	rc = loop_run(&c->loop);
	log_die("stopped: %s", strerror(-rc));
}
