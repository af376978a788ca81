/* SPDX-License-Identifier: MIT */
/*
 * Guests: found by scanning ids upwards from the last one seen, asked about in
 * the store with one write, connected, drained, let go.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/log.h"
#include "con.h"

#include <xen/grant_table.h>
#include <xen/io/xs_wire.h>

/*
 * The rate limit.  Its period is short, because a guest whose ring is full
 * spins: Linux prints 16 bytes an event, and a full ring holds 128 of them.
 */
#define PERIOD_MS	1
#define PERIOD_EVENTS	10
#define PERIOD_BYTES	16384
#define IN_MAX		4096
/*
 * Events in a row that bring nothing: so many are free, then there are so many
 * in a period of its own, which is longer because nobody waits for them.
 */
#define IDLE_EVENTS	64
#define IDLE_A_PERIOD	4
#define IDLE_MS		50

struct guest *con_find(struct con *c, uint32_t domid)
{
	return domid < DOMIDS ? c->by_domid[domid] : NULL;
}

/* ---- output ---- */

static void replay_add(struct guest *g, const uint8_t *data, size_t n)
{
	uint32_t at = g->replay_total % CONSOLED_REPLAY;

	if (!g->replay)
		g->replay = malloc(CONSOLED_REPLAY);
	if (!g->replay)
		return;
	g->replay_total += n;
	while (n) {
		size_t part = CONSOLED_REPLAY - at;

		part = part < n ? part : n;
		memcpy(g->replay + at, data, part);
		data += part;
		n -= part;
		at = 0;
	}
}

void con_replay(const struct guest *g, const uint8_t *piece[2],
		  size_t len[2])
{
	const uint32_t at = g->replay_total % CONSOLED_REPLAY;

	len[0] = len[1] = 0;
	if (!g->replay)
		return;
	if (g->replay_total > CONSOLED_REPLAY) {
		piece[0] = g->replay + at;
		len[0] = CONSOLED_REPLAY - at;
	}
	piece[1] = g->replay;
	len[1] = g->replay_total == CONSOLED_REPLAY ? CONSOLED_REPLAY : at;
}

static void guest_output(struct con *c, struct guest *g, const uint8_t *data,
			 size_t n)
{
	const int rc = outlog_write(&g->log, data, n);

	if (rc)
		log_msg("%s: %s: this console is not logged", g->log.path,
			strerror(-rc));
	replay_add(g, data, n);
	pty_output(g, data, n);
	viewers_output(c, g, data, n);
}

/* Take all that is there; true if something was. */
static bool guest_drain(struct con *c, struct guest *g)
{
	uint8_t data[sizeof(g->ring.page->out)];
	bool moved = false;
	ssize_t n;

	while (g->bytes < PERIOD_BYTES) {
		n = console_ring_look(&g->ring, data, sizeof(data));
		if (n == 0)
			break;
		moved = true;
		if (n < 0)
			break;
		g->bytes += n;
		/* First into the log: whoever kills us now loses nothing. */
		guest_output(c, g, data, n);
		console_ring_pass(&g->ring, (size_t)n);
	}
	return moved;
}

/* ---- input ---- */

bool con_wants_input(const struct guest *g)
{
	return g->live && buf_len(&g->in) < IN_MAX;
}

/* Move queued input into the ring; true if something went. */
static bool guest_feed(struct con *c, struct guest *g)
{
	const bool was_full = !con_wants_input(g);
	ssize_t n;

	if (buf_len(&g->in) == 0)
		return false;
	n = console_ring_put(&g->ring, buf_head(&g->in), buf_len(&g->in));
	/* With a broken index there is nobody to type for. */
	if (n < 0)
		n = buf_len(&g->in);
	buf_drop(&g->in, n);
	if (was_full && con_wants_input(g)) {
		viewers_poll(c, g);
		pty_poll(c, g);
	}
	return n > 0;
}

void con_input(struct con *c, struct guest *g, const void *data, size_t n)
{
	/* Who was told to stop is not listened to; so this loses nothing. */
	if (!con_wants_input(g) || buf_put(&g->in, data, n))
		return;
	if (guest_feed(c, g))
		xen_evtchn_notify(c->evtchn, g->port);
	if (!con_wants_input(g)) {
		viewers_poll(c, g);
		pty_poll(c, g);
	}
}

/* ---- events ---- */

static void unmask(struct con *c, uint32_t port)
{
	if (c->nr_unmask == sizeof(c->unmask) / sizeof(c->unmask[0])) {
		xen_evtchn_unmask(c->evtchn, c->unmask, c->nr_unmask);
		c->nr_unmask = 0;
	}
	c->unmask[c->nr_unmask++] = port;
}

/*
 * A guest that did too much in this period waits with its port shut, and its
 * ring full, until the period is over: that costs us nothing.
 */
static bool guest_is_too_fast(struct con *c, struct guest *g)
{
	const uint64_t now = loop_now(&c->loop);

	if (now - g->period_ms >= PERIOD_MS) {
		g->period_ms = now;
		g->events = g->bytes = 0;
	}
	return ++g->events > PERIOD_EVENTS || g->bytes >= PERIOD_BYTES;
}

static void guest_service(struct con *c, struct guest *g)
{
	bool moved = guest_drain(c, g);

	moved |= guest_feed(c, g);
	if (moved) {
		g->idle = 0;
		xen_evtchn_notify(c->evtchn, g->port);
	}
	if (g->idle > IDLE_EVENTS) {
		g->idle = IDLE_EVENTS - IDLE_A_PERIOD;
		link_add_tail(&c->idling, &g->throttled);
		if (!loop_timer_armed(&c->idle_timer))
			loop_timer_set(&c->loop, &c->idle_timer, IDLE_MS);
		return;
	}
	if (g->bytes < PERIOD_BYTES) {
		unmask(c, g->port);
		return;
	}
	link_add_tail(&c->throttled, &g->throttled);
	if (!loop_timer_armed(&c->throttle_timer))
		loop_timer_set(&c->loop, &c->throttle_timer, PERIOD_MS);
}

void con_event(struct con *c, uint32_t port)
{
	struct guest *g = port < c->by_port_len ? c->by_port[port] : NULL;

	if (!g || !link_empty(&g->throttled))
		return;
	g->idle++;
	if (guest_is_too_fast(c, g))
		g->bytes = PERIOD_BYTES;
	guest_service(c, g);
}

void con_unidle(void *arg)
{
	struct con *c = arg;
	struct guest *g;

	while (!link_empty(&c->idling)) {
		g = link_entry(c->idling.next, struct guest, throttled);
		link_del(&g->throttled);
		guest_service(c, g);
	}
}

void con_unthrottle(void *arg)
{
	struct con *c = arg;
	struct link *last = c->throttled.prev;
	struct guest *g;

	/* Who is too fast again comes behind the last one of now. */
	if (link_empty(&c->throttled))
		return;
	do {
		g = link_entry(c->throttled.next, struct guest, throttled);
		link_del(&g->throttled);
		g->period_ms = loop_now(&c->loop);
		g->events = g->bytes = 0;
		guest_service(c, g);
	} while (&g->throttled != last);
}

/* ---- connecting ---- */

static int port_table_put(struct con *c, uint32_t port, struct guest *g)
{
	uint32_t len = c->by_port_len ? c->by_port_len : 256;
	struct guest **mem;

	while (len <= port)
		len *= 2;
	if (len > c->by_port_len) {
		mem = realloc(c->by_port, len * sizeof(*mem));
		if (!mem)
			return -ENOMEM;
		memset(mem + c->by_port_len, 0,
		       (len - c->by_port_len) * sizeof(*mem));
		c->by_port = mem;
		c->by_port_len = len;
	}
	c->by_port[port] = g;
	return 0;
}

static int guest_map(struct con *c, struct guest *g)
{
	int rc = xen_page_map_grant(c->gntdev, g->domid,
				    GNTTAB_RESERVED_CONSOLE, &g->map);

	/* Before its grant table is filled in, the frame number still works. */
	if (rc)
		rc = xen_page_map_frame(c->ctl.fd, g->domid, g->frame,
					&g->map);
	return rc;
}

static int guest_bind(struct con *c, struct guest *g)
{
	int port = xen_evtchn_bind(c->evtchn, g->domid, g->remote_port);
	int rc;

	if (port < 0)
		return port;
	rc = port_table_put(c, port, g);
	if (rc) {
		xen_evtchn_unbind(c->evtchn, port);
		return rc;
	}
	g->port = port;
	return 0;
}

static void guest_connect(struct con *c, struct guest *g)
{
	char file[sizeof(g->name)];
	int rc;

	rc = guest_map(c, g);
	if (!rc) {
		rc = guest_bind(c, g);
		if (rc)
			xen_page_unmap(c->gntdev, &g->map);
	}
	if (rc) {
		if (!g->complained)
			log_msg("domain %u: its console cannot be connected: %s",
				g->domid, strerror(-rc));
		g->complained = true;
		return;
	}
	console_ring_init(&g->ring, g->map.va);
	g->live = true;
	link_del(&g->waiting);
	if (!g->name[0])
		snprintf(g->name, sizeof(g->name), "domain-%u", g->domid);
	outlog_safe_name(file, sizeof(file), g->name);
	outlog_init(&g->log, c->log_dir, file, c->log_limit);
	pty_open(c, g);
	viewers_attach(c, g);
	/* It may have written before we listened. */
	if (guest_drain(c, g))
		xen_evtchn_notify(c->evtchn, g->port);
}

/* ---- asking the store ---- */

static struct guest *guest_of(struct con *c, uint64_t serial)
{
	struct guest *g = con_find(c, serial & 0xffff);

	return g && g->serial == serial ? g : NULL;
}

static struct con *the_con;	/* answers carry one number only */

static void got_name(uint64_t arg, const char *data, size_t len)
{
	struct guest *g = guest_of(the_con, arg);

	if (g && data && len < sizeof(g->name))
		memcpy(g->name, data, len + 1);
}

static void got_frame(uint64_t arg, const char *data, size_t len)
{
	struct guest *g = guest_of(the_con, arg);

	(void)len;
	if (g)
		g->frame = data ? strtoull(data, NULL, 10) : 0;
}

/* The last answer of a probe: now decide. */
static void got_port(uint64_t arg, const char *data, size_t len)
{
	struct con *c = the_con;
	struct guest *g = guest_of(c, arg);

	(void)len;
	if (!g || g->live)
		return;
	g->remote_port = data ? strtoul(data, NULL, 10) : 0;
	if (g->remote_port && g->frame)
		guest_connect(c, g);
	if (g->live || g->watched)
		return;
	/* Not written yet. The watch's first event closes the gap. */
	g->watched = true;
	storec_sendf(&c->store, XS_WATCH, NULL, 0,
		     "/local/domain/%u/console%cconsole", g->domid, 0);
}

static void guest_probe(struct con *c, struct guest *g)
{
	the_con = c;
	storec_sendf(&c->store, XS_READ, got_name, g->serial,
		     "/local/domain/%u/name", g->domid);
	storec_sendf(&c->store, XS_READ, got_frame, g->serial,
		     "/local/domain/%u/console/ring-ref", g->domid);
	storec_sendf(&c->store, XS_READ, got_port, g->serial,
		     "/local/domain/%u/console/port", g->domid);
}

static void guest_unwatch(struct con *c, struct guest *g)
{
	if (g->watched)
		storec_sendf(&c->store, XS_UNWATCH, NULL, 0,
			     "/local/domain/%u/console%cconsole", g->domid, 0);
	g->watched = false;
}

void con_nodes_changed(struct con *c, uint32_t domid)
{
	struct guest *g = con_find(c, domid);

	if (!g || !g->watched)
		return;
	if (g->live)
		guest_unwatch(c, g);
	else
		guest_probe(c, g);
}

/* The store is another one: it knows nothing of what this one was told. */
void con_store_again(struct con *c)
{
	struct link *pos, *tmp;

	link_for_each_safe(pos, tmp, &c->guests) {
		struct guest *g = link_entry(pos, struct guest, link);

		g->watched = false;
		if (!g->live)
			guest_probe(c, g);
	}
}

/* ---- coming and going ---- */

static void guest_new(struct con *c, uint32_t domid)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g) {
		log_msg("domain %u: no memory for its console", domid);
		return;
	}
	g->domid = domid;
	g->serial = ++c->serials << 16 | domid;
	g->pty = g->pty_wd = -1;
	g->map.grant = -1;
	g->log.fd = -1;
	link_init(&g->throttled);
	link_init(&g->viewers);
	link_init(&g->pty_hash);
	link_init(&g->waiting);
	link_add_tail(&c->guests, &g->link);
	link_add_tail(&c->waiting, &g->waiting);
	c->by_domid[domid] = g;
	guest_probe(c, g);
}

static void guest_end(struct con *c, struct guest *g)
{
	if (g->live) {
		g->bytes = 0;
		guest_drain(c, g);
	}
	g->live = false;
	viewers_end(c, g);
	pty_close(c, g);
	outlog_close(&g->log);
	if (g->port) {
		c->by_port[g->port] = NULL;
		xen_evtchn_unbind(c->evtchn, g->port);
	}
	/* While it is mapped, the hypervisor keeps the dead domain. */
	xen_page_unmap(c->gntdev, &g->map);
	guest_unwatch(c, g);
	c->by_domid[g->domid] = NULL;
	link_del(&g->throttled);
	link_del(&g->waiting);
	link_del(&g->link);
	buf_free(&g->in);
	free(g->replay);
	free(g);
}

/* Look at ids from @first on; how many guests were not known? */
static unsigned int scan_from(struct con *c, uint32_t first)
{
	const xen_domctl_getdomaininfo_t *info;
	unsigned int found = 0;
	int n;

	do {
		n = xen_ctl_domains(&c->ctl, first, UINT32_MAX, &info);
		for (int i = 0; i < n; i++) {
			const uint32_t domid = info[i].domain;

			first = domid + 1;
			c->highest = domid;
			if (domid == 0 || con_find(c, domid) ||
			    info[i].flags & XEN_DOMINF_dying)
				continue;
			guest_new(c, domid);
			found++;
		}
	} while (n == (int)xen_ctl_fit(&c->ctl));
	return found;
}

/*
 * Ids are given out upwards, so a new one is nearly always above the last one
 * seen; only when none is there do we look at all.
 */
void con_scan_new(struct con *c)
{
	struct link *pos, *tmp;

	link_for_each_safe(pos, tmp, &c->waiting)
		guest_probe(c, link_entry(pos, struct guest, waiting));
	if (scan_from(c, c->highest + 1) == 0)
		scan_from(c, 1);
}

void con_scan_gone(struct con *c)
{
	const xen_domctl_getdomaininfo_t *info;
	struct link *pos, *tmp;
	uint32_t first = 1;
	struct guest *g;
	int n;

	link_for_each(pos, &c->guests)
		link_entry(pos, struct guest, link)->alive = false;
	do {
		n = xen_ctl_domains(&c->ctl, first, UINT32_MAX, &info);
		if (n < 0) {
			log_msg("cannot list the domains: %s", strerror(-n));
			return;
		}
		for (int i = 0; i < n; i++) {
			first = info[i].domain + 1u;
			g = con_find(c, info[i].domain);
			if (g)
				g->alive = !(info[i].flags & XEN_DOMINF_dying);
		}
	} while (n == (int)xen_ctl_fit(&c->ctl));
	link_for_each_safe(pos, tmp, &c->guests) {
		g = link_entry(pos, struct guest, link);
		if (!g->alive)
			guest_end(c, g);
	}
}
