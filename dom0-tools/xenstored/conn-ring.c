/* SPDX-License-Identifier: MIT */
/*
 * Connections over a page shared with a guest (io/xs_wire.h).
 *
 * The guest may write anything anywhere into the page at any time. So each
 * index is read once, our own two indices live in our memory and are only
 * published in the page, and a request is executed from our copy. A guest
 * that breaks the rules is ignored from then on; its record stays, so that
 * its death is still announced (XSA-325).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../common/log.h"
#include "shell.h"

#include <xen/grant_table.h>

#define RING		XENSTORE_RING_SIZE
#define REQUESTS_AT_ONCE 16	/* then others have their turn */
/* Events in a row that brought nothing: so many are free; then so many a tick. */
#define IDLE_EVENTS	64
#define IDLE_A_TICK	4
#define FAULTS_TOLD	4	/* of one guest; it may begin anew after each */

struct ring {
	struct conn conn;
	struct daemon *d;
	struct xenstore_domain_interface *page;
	struct xen_page map;
	uint32_t port;		/* ours */
	uint32_t remote;	/* the guest's */
	uint32_t req_cons, rsp_prod;
	uint32_t used;		/* bytes of the current request */
	uint32_t idle;		/* events since something moved */
	uint32_t faults;	/* that the log told of */
	bool held;		/* its port stays masked */
	struct {
		struct xsd_sockmsg head;
		char payload[XENSTORE_PAYLOAD_MAX];
	} in;
};

#define PAGE_READ(field)	(*(volatile uint32_t *)&(field))
#define PAGE_WRITE(field, v)	(*(volatile uint32_t *)&(field) = (v))

static void ring_notify(struct ring *r)
{
	xen_evtchn_notify(r->d->evtchn, r->port);
}

/* What the journal knows of a ring; also for all of it at once. */
static void ring_keep(struct conn *c)
{
	struct ring *r = link_entry(c, struct ring, conn);

	journal_ring(c, r->remote, r->rsp_prod, c->broken);
	journal_taken(c, r->req_cons, &r->in, r->used);
}

static void ring_fail(struct ring *r, uint32_t error, const char *what)
{
	if (r->faults < FAULTS_TOLD)
		log_msg("domain %u: %s: its store ring is ignored from now on%s",
			r->conn.dom->domid, what,
			++r->faults < FAULTS_TOLD ? "" :
			"; no more is said of it");
	conn_reset(&r->conn);
	r->conn.broken = true;
	ring_keep(&r->conn);
	journal_commit(r->conn.xs);
	PAGE_WRITE(r->page->error, error);
	ring_notify(r);
}

/* Copy up to @n bytes of requests; false: the indices make no sense. */
static bool ring_take(struct ring *r, void *to, uint32_t n, uint32_t *got)
{
	const uint32_t avail = PAGE_READ(r->page->req_prod) - r->req_cons;
	const uint32_t at = r->req_cons & (RING - 1);

	if (avail > RING)
		return false;
	/* The bytes are read after the index that announced them. */
	atomic_thread_fence(memory_order_acquire);
	if (n > avail)
		n = avail;
	if (n <= RING - at) {
		memcpy(to, r->page->req + at, n);
	} else {
		memcpy(to, r->page->req + at, RING - at);
		memcpy((char *)to + (RING - at), r->page->req,
		       n - (RING - at));
	}
	r->req_cons += n;
	*got = n;
	return true;
}

/* Read towards one whole request: 1 there is one, 0 not yet, -1 bad guest. */
static int ring_read(struct ring *r)
{
	uint32_t want, got;

	for (;;) {
		want = WIRE_HEAD;
		if (r->used >= WIRE_HEAD) {
			if (!wire_head_ok(&r->in.head)) {
				ring_fail(r, XENSTORE_ERROR_PROTO,
					  "sent a request that is too long");
				return -1;
			}
			want += r->in.head.len;
			if (r->used == want)
				return 1;
		}
		if (!ring_take(r, (char *)&r->in + r->used, want - r->used,
			       &got)) {
			ring_fail(r, XENSTORE_ERROR_RINGIDX,
				  "has a bad request index");
			return -1;
		}
		if (got == 0)
			return 0;
		r->used += got;
	}
}

static void ring_execute(struct ring *r)
{
	int budget = REQUESTS_AT_ONCE;
	int rc;

	while (conn_may_read(&r->conn, loop_now(&r->d->loop))) {
		if (budget-- == 0) {
			conn_touch(&r->conn);
			r->d->loop.busy = true;
			return;
		}
		rc = ring_read(r);
		if (rc <= 0)
			return;
		r->used = 0;
		conn_request(&r->conn, &r->in.head, r->in.payload);
		/* From here on it has happened. */
		journal_taken(&r->conn, r->req_cons, NULL, 0);
		journal_commit(r->conn.xs);
	}
}

/* Put as much output as fits into the page. */
static void ring_flush(struct ring *r)
{
	struct conn *c = &r->conn;
	uint32_t room, at, n;
	const uint8_t *from;

	if (c->broken || buf_len(&c->out) == 0)
		return;
	room = RING - (r->rsp_prod - PAGE_READ(r->page->rsp_cons));
	if (room > RING) {
		ring_fail(r, XENSTORE_ERROR_RINGIDX, "has a bad reply index");
		return;
	}
	/* Space is written to after the index that freed it was read. */
	atomic_thread_fence(memory_order_acquire);
	n = buf_len(&c->out) < room ? buf_len(&c->out) : room;
	at = r->rsp_prod & (RING - 1);
	from = buf_head(&c->out);
	if (n <= RING - at) {
		memcpy(r->page->rsp + at, from, n);
	} else {
		memcpy(r->page->rsp + at, from, RING - at);
		memcpy(r->page->rsp, from + (RING - at), n - (RING - at));
	}
	r->rsp_prod += n;
	conn_sent(c, n);
}

/* The guest asked for a fresh start: nothing of the old talk stays. */
static void ring_restart(struct ring *r)
{
	conn_reset(&r->conn);
	r->used = 0;
	r->req_cons = r->rsp_prod = 0;
	r->conn.broken = false;
	ring_keep(&r->conn);
	journal_commit(r->conn.xs);
	PAGE_WRITE(r->page->req_prod, 0);
	PAGE_WRITE(r->page->req_cons, 0);
	PAGE_WRITE(r->page->rsp_prod, 0);
	PAGE_WRITE(r->page->rsp_cons, 0);
	PAGE_WRITE(r->page->error, XENSTORE_ERROR_NONE);
	atomic_thread_fence(memory_order_release);
	PAGE_WRITE(r->page->connection, XENSTORE_CONNECTED);
	ring_notify(r);
}

/* Flush, execute, flush; one kick for everything that moved. */
static void ring_service(struct conn *c)
{
	struct ring *r = link_entry(c, struct ring, conn);
	const uint32_t cons = r->req_cons, prod = r->rsp_prod;

	if (PAGE_READ(r->page->connection) == XENSTORE_RECONNECT &&
	    r->map.va) {
		ring_restart(r);
		return;
	}
	/* Nothing leaves that a daemon after this one would not know of. */
	journal_commit(c->xs);
	ring_flush(r);
	ring_execute(r);
	ring_flush(r);
	if (c->broken || (r->req_cons == cons && r->rsp_prod == prod)) {
		if (buf_len(&c->out))
			shell_stalled(r->d, c);
		return;
	}
	r->idle = 0;
	/* The guest may write over the part of a request that we hold. */
	if (r->used) {
		journal_taken(c, r->req_cons, &r->in, r->used);
		journal_commit(c->xs);
	}
	/* Bytes before indices, indices before the kick. */
	atomic_thread_fence(memory_order_seq_cst);
	PAGE_WRITE(r->page->req_cons, r->req_cons);
	PAGE_WRITE(r->page->rsp_prod, r->rsp_prod);
	ring_notify(r);
	/*
	 * A guest that moved on before it could see these indices took us for
	 * busy and sends no event: look again, now that it sees them.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (PAGE_READ(r->page->req_prod) != r->req_cons ||
	    (buf_len(&c->out) && r->rsp_prod - PAGE_READ(r->page->rsp_cons) <
	     XENSTORE_RING_SIZE)) {
		conn_touch(c);
		r->d->loop.busy = true;
	}
	/* A thousand idle guests should not hold a thousand buffers. */
	conn_idle(c);
	if (buf_len(&c->out))
		shell_stalled(r->d, c);
}

void ring_event(struct daemon *d, uint32_t port)
{
	struct ring *r = port < d->by_port_len ? d->by_port[port] : NULL;

	if (!r)
		return;
	conn_touch(&r->conn);
	if (r->conn.priv || ++r->idle <= IDLE_EVENTS)
		return;
	r->idle = IDLE_EVENTS - IDLE_A_TICK;
	if (link_empty(&r->conn.throttled))
		link_add_tail(&d->xs.throttled, &r->conn.throttled);
}

bool ring_hold(struct daemon *d, uint32_t port)
{
	struct ring *r = port < d->by_port_len ? d->by_port[port] : NULL;

	if (!r || link_empty(&r->conn.throttled))
		return false;
	r->held = true;
	return true;
}

uint32_t ring_unhold(struct conn *c)
{
	struct ring *r = link_entry(c, struct ring, conn);
	uint32_t port = r->held ? r->port : 0;

	r->held = false;
	return port;
}

static const struct conn_ops ring_ops = { ring_service, ring_keep };

static int port_table_put(struct daemon *d, uint32_t port, struct ring *r)
{
	uint32_t len = d->by_port_len ? d->by_port_len : 256;
	struct ring **mem;

	while (len <= port)
		len *= 2;
	if (len > d->by_port_len) {
		mem = realloc(d->by_port, len * sizeof(*mem));
		if (!mem)
			return -ENOMEM;
		memset(mem + d->by_port_len, 0,
		       (len - d->by_port_len) * sizeof(*mem));
		d->by_port = mem;
		d->by_port_len = len;
	}
	d->by_port[port] = r;
	return 0;
}

static void ring_unbind(struct ring *r)
{
	if (!r->port)
		return;
	r->d->by_port[r->port] = NULL;
	xen_evtchn_unbind(r->d->evtchn, r->port);
	r->port = 0;
	r->held = false;
}

static int ring_bind(struct ring *r, uint32_t port)
{
	int local = xen_evtchn_bind(r->d->evtchn, r->conn.dom->domid, port);
	int rc;

	if (local < 0)
		return local;
	rc = port_table_put(r->d, local, r);
	if (rc) {
		xen_evtchn_unbind(r->d->evtchn, local);
		return rc;
	}
	r->port = local;
	r->remote = port;
	return 0;
}

/* INTRODUCE of a known domain: another port, and the ring starts afresh. */
static int ring_again(struct ring *r, uint32_t port)
{
	int rc;

	ring_unbind(r);
	rc = ring_bind(r, port);
	if (!rc)
		ring_restart(r);
	return rc;
}

static struct ring *ring_make(struct daemon *d, struct domain *dom)
{
	struct ring *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->d = d;
	r->map = (struct xen_page){ NULL, -1 };
	conn_init(&r->conn, &d->xs, dom, dom->domid == 0, &ring_ops);
	snprintf(r->conn.base, sizeof(r->conn.base), "/local/domain/%u",
		 dom->domid);
	return r;
}

static void ring_start(struct ring *r)
{
	r->req_cons = PAGE_READ(r->page->req_cons);
	r->rsp_prod = PAGE_READ(r->page->rsp_prod);
	PAGE_WRITE(r->page->server_features,
		   XENSTORE_SERVER_FEATURE_RECONNECTION |
		   XENSTORE_SERVER_FEATURE_ERROR);
	r->conn.dom->conn = &r->conn;
	ring_keep(&r->conn);
	/* There may be requests that came before we listened. */
	conn_touch(&r->conn);
	ring_notify(r);
}

static void ring_free(struct ring *r)
{
	ring_unbind(r);
	conn_fini(&r->conn);
	xen_page_unmap(r->d->gntdev, &r->map);
	free(r);
}

int ring_introduce(struct daemon *d, struct domain *dom, uint32_t port)
{
	struct ring *r;
	int rc;

	if (dom->conn)
		return ring_again(link_entry(dom->conn, struct ring, conn),
				  port);
	r = ring_make(d, dom);
	if (!r)
		return -ENOMEM;
	rc = xen_page_map_grant(d->gntdev, dom->domid, GNTTAB_RESERVED_XENSTORE, &r->map);
	if (!rc) {
		r->page = r->map.va;
		rc = ring_bind(r, port);
	}
	if (rc) {
		log_msg("domain %u: its store ring cannot be connected: %s",
			dom->domid, strerror(-rc));
		ring_free(r);
		return rc;
	}
	ring_start(r);
	return 0;
}

void ring_release(struct daemon *d, struct domain *dom)
{
	(void)d;
	ring_free(link_entry(dom->conn, struct ring, conn));
	dom->conn = NULL;
}

static int read_number(const char *path, uint32_t *out)
{
	FILE *f = fopen(path, "re");
	int n;

	if (!f)
		return -errno;
	n = fscanf(f, "%u", out);
	fclose(f);
	return n == 1 ? 0 : -EIO;
}

/* The page that domain 0's kernel offers. */
static int map_dom0(void **va)
{
	int fd = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	*va = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rc = *va == MAP_FAILED ? -errno : 0;
	close(fd);
	return rc;
}

int ring_connect_dom0(struct daemon *d)
{
	struct ring *r;
	uint32_t port;
	void *va;
	int rc;

	if (d->xs.dom0->conn)
		return 0;
	rc = read_number("/proc/xen/xsd_port", &port);
	if (!rc)
		rc = map_dom0(&va);
	if (rc)
		return rc;
	r = ring_make(d, d->xs.dom0);
	if (!r)
		return -ENOMEM;
	r->page = va;
	rc = ring_bind(r, port);
	if (rc) {
		ring_free(r);
		munmap(va, 4096);
		return rc;
	}
	ring_start(r);
	return 0;
}

/* ---- After the death of the daemon before this one ---- */

struct conn *ring_revive_conn(void *arg, struct domain *dom)
{
	struct ring *r = ring_make(arg, dom);

	if (!r)
		return NULL;
	dom->conn = &r->conn;
	return dom->conn;
}

static int ring_revive_map(struct ring *r, uint32_t port)
{
	struct domain *dom = r->conn.dom;
	void *va;
	int rc;

	if (dom->domid == 0) {
		rc = map_dom0(&va);
		r->page = rc ? NULL : va;
	} else {
		rc = xen_page_map_grant(r->d->gntdev, dom->domid,
					GNTTAB_RESERVED_XENSTORE, &r->map);
		r->page = r->map.va;
	}
	return rc ? rc : ring_bind(r, port);
}

/*
 * The talk goes on where it was: the journal says what was taken and what is
 * to be sent, the ring how much of that the last daemon has put there.  A kick
 * in each direction, for those that were lost.
 */
void ring_revive(void *arg, struct domain *dom,
		 const struct journal_revival *v)
{
	struct ring *r = link_entry(dom->conn, struct ring, conn);
	struct conn *c = &r->conn;
	uint32_t sent;
	int rc = ring_revive_map(r, v->port);

	if (rc) {
		log_msg("domain %u: its store ring is not there any more: %s",
			dom->domid, strerror(-rc));
		ring_release(arg, dom);
		return;
	}
	r->req_cons = v->req_cons;
	r->used = v->used;
	if (v->used)
		memcpy(&r->in, v->part, v->used);
	r->rsp_prod = PAGE_READ(r->page->rsp_prod);
	sent = r->rsp_prod - ((uint32_t)c->out_done + v->bias);
	c->broken = v->broken;
	if (!c->broken && sent > buf_len(&c->out))
		ring_fail(r, XENSTORE_ERROR_RINGIDX,
			  "has changed where its replies stand");
	else if (!c->broken)
		conn_sent(c, sent);
	/* What was taken is taken, if the guest has not been told yet. */
	PAGE_WRITE(r->page->req_cons, r->req_cons);
	conn_touch(c);
	ring_notify(r);
}
