/* SPDX-License-Identifier: MIT */
/* The journal of the store; see journal.h. */
#include "journal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../common/log.h"
#include "conn.h"
#include "txn.h"
#include "watch.h"
#include "xs.h"

enum record {
	R_LINK = 1, R_VALUE, R_PERMS, R_REMOVE, R_DOMAIN, R_FORGET, R_WATCH,
	R_UNWATCH, R_TXN, R_TXN_END, R_RESET, R_OUT, R_OUT_ALL, R_RING,
	R_TAKEN,
};

/* In front of every record; its bytes follow, padded to 8. */
struct head {
	uint16_t type;
	uint16_t domid;
	uint32_t len;
};

struct domain_record {
	uint64_t birth, target_birth;
	uint16_t target_domid;
	uint8_t introduced, shutdown_seen;
};

struct watch_record {
	uint16_t path_len, base_len, token_len;
};

struct node_record {
	uint32_t path_len, perms, value_len;
};

struct out_record {
	uint64_t done, mark;
};

struct ring_record {
	uint32_t port, bias, broken;
};

/* ---- Writing ---- */

static struct journal *of(const struct xs *xs)
{
	return xs->journal && !xs->journal->off ? xs->journal : NULL;
}

/* Only what goes over a ring outlives us. */
static bool kept(const struct conn *c)
{
	return of(c->xs) && c->dom->conn == c;
}

static uint8_t *base(const struct journal *j)
{
	return (uint8_t *)(j->area[j->now] + 1);
}

/* Room for a record of LEN bytes, its head written; NULL: it cannot be. */
static uint8_t *begin(struct xs *xs, enum record type, uint16_t domid,
		      size_t len)
{
	struct journal *j = of(xs);
	const size_t whole = sizeof(struct head) + ((len + 7) & ~(size_t)7);
	struct head h = { type, domid, (uint32_t)len };
	uint8_t *to;

	if (sizeof(*j->area[0]) + j->len + whole > j->room) {
		if (!j->grow(j->arg, j->now,
			     sizeof(*j->area[0]) + j->len + whole)) {
			log_msg("there is no memory left for the journal: what the store holds now would not survive this daemon");
			j->area[0]->sequence = j->area[1]->sequence = 0;
			j->off = true;
			return NULL;
		}
	}
	to = base(j) + j->len;
	memcpy(to, &h, sizeof(h));
	j->len += whole;
	return to + sizeof(h);
}

static size_t path_bytes(const struct node *n)
{
	size_t len = 0;

	if (!n->parent)
		return n->name_len ? n->name_len : 1;
	for (; n->parent; n = n->parent)
		len += n->name_len + 1u;
	return len;
}

static void put_path(uint8_t *to, size_t len, const struct node *n)
{
	if (!n->parent) {
		memcpy(to, n->name_len ? n->name : "/", len);
		return;
	}
	for (; n->parent; n = n->parent) {
		len -= n->name_len;
		memcpy(to + len, n->name, n->name_len);
		to[--len] = '/';
	}
}

/* One record about a node: path, and permissions and value if asked for. */
static void put_node(struct xs *xs, enum record type, const struct node *n,
		     bool perms, bool value)
{
	struct node_record r = {
		(uint32_t)path_bytes(n), perms ? n->perms->nr : 0,
		value ? n->value_len : 0
	};
	const size_t perm_bytes = r.perms * sizeof(struct perm);
	uint8_t *to = begin(xs, type, 0, sizeof(r) + perm_bytes +
			    r.value_len + r.path_len);

	if (!to)
		return;
	memcpy(to, &r, sizeof(r));
	to += sizeof(r);
	if (perm_bytes)
		memcpy(to, n->perms->e, perm_bytes);
	to += perm_bytes;
	if (r.value_len)
		memcpy(to, n->value, r.value_len);
	put_path(to + r.value_len, r.path_len, n);
}

void journal_link(struct xs *xs, const struct node *n)
{
	if (of(xs))
		put_node(xs, R_LINK, n, true, false);
}

void journal_value(struct xs *xs, const struct node *n)
{
	if (of(xs))
		put_node(xs, R_VALUE, n, false, true);
}

void journal_perms(struct xs *xs, const struct node *n)
{
	if (of(xs))
		put_node(xs, R_PERMS, n, true, false);
}

void journal_remove(struct xs *xs, const struct node *n)
{
	if (of(xs))
		put_node(xs, R_REMOVE, n, false, false);
}

void journal_domain(struct xs *xs, const struct domain *d)
{
	const struct domain_record r = {
		d->birth, d->target_birth, d->target_domid, d->introduced,
		d->shutdown_seen
	};
	uint8_t *to = of(xs) ? begin(xs, R_DOMAIN, d->domid, sizeof(r)) : NULL;

	if (to)
		memcpy(to, &r, sizeof(r));
}

void journal_forget(struct xs *xs, const struct domain *d)
{
	if (of(xs))
		begin(xs, R_FORGET, d->domid, 0);
}

void journal_watch(struct conn *c, const char *path, size_t len,
		   const char *token, uint16_t base_len, bool on)
{
	const struct watch_record r = {
		(uint16_t)len, base_len, (uint16_t)strlen(token)
	};
	uint8_t *to;

	if (!kept(c))
		return;
	to = begin(c->xs, on ? R_WATCH : R_UNWATCH, c->dom->domid, sizeof(r) +
		   r.path_len + r.token_len + 1u);
	if (!to)
		return;
	memcpy(to, &r, sizeof(r));
	memcpy(to + sizeof(r), path, r.path_len);
	memcpy(to + sizeof(r) + r.path_len, token, r.token_len + 1u);
}

void journal_txn(struct conn *c, uint32_t id, bool open)
{
	uint8_t *to = kept(c) ? begin(c->xs, open ? R_TXN : R_TXN_END,
				      c->dom->domid, sizeof(id)) : NULL;

	if (to)
		memcpy(to, &id, sizeof(id));
}

void journal_reset(struct conn *c)
{
	if (kept(c))
		begin(c->xs, R_RESET, c->dom->domid, 0);
}

void journal_ring(struct conn *c, uint32_t port, uint32_t rsp_prod,
		  bool broken)
{
	const struct ring_record r = {
		port, rsp_prod - (uint32_t)c->out_done, broken
	};
	uint8_t *to = kept(c) ? begin(c->xs, R_RING, c->dom->domid, sizeof(r)) :
		      NULL;

	if (to)
		memcpy(to, &r, sizeof(r));
}

void journal_taken(struct conn *c, uint32_t req_cons, const void *part,
		   uint32_t used)
{
	uint8_t *to = kept(c) ? begin(c->xs, R_TAKEN, c->dom->domid,
				      sizeof(req_cons) + used) : NULL;

	if (!to)
		return;
	memcpy(to, &req_cons, sizeof(req_cons));
	if (used)
		memcpy(to + sizeof(req_cons), part, used);
}

/* ---- Output ---- */

void journal_output(struct conn *c, bool rewritten)
{
	if (!kept(c))
		return;
	if (rewritten)
		c->journal_end = 0;
	if (link_empty(&c->journal))
		link_add_tail(&of(c->xs)->pending, &c->journal);
}

/* All that C has to send, in place of what was written about it. */
static void put_out_all(struct conn *c)
{
	const struct out_record r = { c->out_done, c->out_mark };
	const size_t len = buf_len(&c->out);
	uint8_t *to = begin(c->xs, R_OUT_ALL, c->dom->domid, sizeof(r) + len);

	if (!to)
		return;
	memcpy(to, &r, sizeof(r));
	if (len)
		memcpy(to + sizeof(r), buf_head(&c->out), len);
}

static void put_out(struct conn *c)
{
	const uint64_t end = c->out_done + buf_len(&c->out);
	uint8_t *to;
	size_t n;

	if (c->journal_end < c->out_done || !c->journal_end) {
		put_out_all(c);
	} else if (end > c->journal_end) {
		n = (size_t)(end - c->journal_end);
		to = begin(c->xs, R_OUT, c->dom->domid, n);
		if (to)
			memcpy(to, c->out.data + c->out.tail - n, n);
	}
	c->journal_end = end;
}

/* ---- Steps ---- */

/* Everything behind the head counts from now on. */
static void seal(const struct journal *j)
{
	atomic_thread_fence(memory_order_release);
	*(volatile uint64_t *)&j->area[j->now]->committed = j->len;
	atomic_thread_fence(memory_order_release);
}

static void put_conn(struct conn *c)
{
	struct link *pos;

	link_for_each(pos, &c->watches) {
		const struct watch *w = link_entry(pos, struct watch, in_conn);

		journal_watch(c, w->point->path, w->point->len, w->token,
			      w->base_len, true);
	}
	link_for_each(pos, &c->txns)
		journal_txn(c, link_entry(pos, struct txn, link)->id, true);
	put_out_all(c);
	c->journal_end = c->out_done + buf_len(&c->out);
	/* The ring itself: only the shell knows. */
	if (c->ops->keep)
		c->ops->keep(c);
}

/* The whole state, into the area that is now. */
static void put_all(struct xs *xs)
{
	struct node *const root = xs->store.root;
	struct link *pos;

	link_for_each(pos, &xs->domains)
		journal_domain(xs, link_entry(pos, struct domain, link));
	for (struct node *n = root; n && of(xs); n = store_next(root, n))
		put_node(xs, R_LINK, n, true, true);
	for (int i = 0; i < STORE_SPECIALS; i++)
		put_node(xs, R_LINK, xs->store.special[i], true, false);
	link_for_each(pos, &xs->domains) {
		struct domain *d = link_entry(pos, struct domain, link);

		if (d->conn && of(xs))
			put_conn(d->conn);
	}
}

/* Into the other area, which counts when it has the higher number. */
static void turn(struct xs *xs)
{
	struct journal *j = of(xs);
	const uint64_t sequence = j->area[j->now]->sequence;

	j->now ^= 1;
	j->area[j->now]->sequence = 0;
	j->len = 0;
	j->room = 0;
	put_all(xs);
	if (j->off)
		return;
	j->area[j->now]->magic = JOURNAL_MAGIC;
	seal(j);
	*(volatile uint64_t *)&j->area[j->now]->sequence = sequence + 1;
	j->per_node = j->len / (xs->store.nr_nodes + 1) + 1;
	if (j->leave)
		j->leave(j->arg, j->now ^ 1);
}

/* A large state is not written again after each small change. */
static bool is_long(const struct xs *xs, const struct journal *j)
{
	return j->len > j->soft &&
	       j->len > 4 * j->per_node * (xs->store.nr_nodes + 1);
}

void journal_start(struct xs *xs, struct journal *j)
{
	struct link *pos;

	link_init(&j->pending);
	j->off = false;
	xs->journal = j;
	link_for_each(pos, &xs->domains) {
		struct conn *c = link_entry(pos, struct domain, link)->conn;

		if (c)
			link_init(&c->journal);
	}
	turn(xs);
}

void journal_commit(struct xs *xs)
{
	struct journal *j = of(xs);
	struct conn *c;

	if (!j)
		return;
	while (!link_empty(&j->pending)) {
		c = link_entry(j->pending.next, struct conn, journal);
		link_del(&c->journal);
		put_out(c);
		if (j->off)
			return;
	}
	if (j->area[j->now]->committed == j->len)
		return;
	if (is_long(xs, j))
		turn(xs);
	else
		seal(j);
}

/* ---- Reading ---- */

struct reader {
	struct xs *xs;
	const struct journal_reader *out;
	struct journal_revival *rings;	/* by domain id */
	struct path *path;
};

uint64_t journal_valid(const struct journal_head *h, size_t size)
{
	if (size < sizeof(*h) || h->magic != JOURNAL_MAGIC ||
	    h->committed > size - sizeof(*h) || h->committed & 7)
		return 0;
	return h->sequence;
}

static bool find_path(struct reader *r, const char *text, size_t len)
{
	return len <= XENSTORE_ABS_PATH_MAX &&
	       path_parse(r->path, text, len, NULL, true, r->xs->store.key);
}

static int read_link(struct reader *r, struct perms *perms, const void *value,
		     uint32_t value_len)
{
	struct path *p = r->path;
	struct node *n = store_find(&r->xs->store, p, p->depth), *parent = NULL;

	if (n) {
		store_set_perms(r->xs, n, perms);
		return store_set_value(r->xs, n, value, value_len);
	}
	if (!p->special && p->depth)
		parent = store_find(&r->xs->store, p, p->depth - 1);
	n = parent ? store_alloc(p, p->depth) : NULL;
	if (!n) {
		perms_put(perms);
		return parent ? -ENOMEM : -EINVAL;
	}
	store_link(r->xs, n, parent, perms);
	return value_len ? store_set_value(r->xs, n, value, value_len) : 0;
}

static int read_node(struct reader *r, enum record type, const uint8_t *b,
		     size_t len)
{
	struct node_record h;
	struct perms *perms = NULL;
	struct node *n;
	size_t perm_bytes;

	if (len < sizeof(h))
		return -EINVAL;
	memcpy(&h, b, sizeof(h));
	perm_bytes = (size_t)h.perms * sizeof(struct perm);
	if (sizeof(h) + perm_bytes + h.value_len + h.path_len != len ||
	    !find_path(r, (const char *)b + len - h.path_len, h.path_len))
		return -EINVAL;
	b += sizeof(h);
	if (type == R_LINK || type == R_PERMS) {
		if (!h.perms)
			return -EINVAL;
		perms = perms_new((const void *)b, h.perms);
		if (!perms)
			return -ENOMEM;
	}
	if (type == R_LINK)
		return read_link(r, perms, b + perm_bytes, h.value_len);
	n = store_find(&r->xs->store, r->path, r->path->depth);
	if (!n || (type == R_REMOVE && !n->parent)) {
		perms_put(perms);
		return -EINVAL;
	}
	if (type == R_PERMS)
		store_set_perms(r->xs, n, perms);
	else if (type == R_REMOVE)
		store_remove(r->xs, n);
	else
		return store_set_value(r->xs, n, b, h.value_len);
	return 0;
}

static int read_domain(struct reader *r, uint16_t domid, const uint8_t *b,
		       size_t len)
{
	struct domain_record h;
	struct domain *d;

	if (len != sizeof(h) || domid >= DOMAIN_IDS)
		return -EINVAL;
	memcpy(&h, b, sizeof(h));
	d = dom_revive(r->xs, domid, h.birth);
	if (!d)
		return -ENOMEM;
	d->introduced = h.introduced;
	d->shutdown_seen = h.shutdown_seen;
	d->target_domid = h.target_domid;
	d->target_birth = h.target_birth;
	return 0;
}

static int read_watch(struct reader *r, struct conn *c, bool on,
		      const uint8_t *b, size_t len)
{
	struct watch_record h;
	const char *token;

	if (len < sizeof(h) + 1)
		return -EINVAL;
	memcpy(&h, b, sizeof(h));
	token = (const char *)b + sizeof(h) + h.path_len;
	if (sizeof(h) + h.path_len + h.token_len + 1u != len ||
	    strnlen(token, h.token_len + 1u) != h.token_len ||
	    !find_path(r, (const char *)b + sizeof(h), h.path_len))
		return -EINVAL;
	return on ? watch_add(c, r->path, token, h.base_len) :
		    watch_del(c, r->path, token);
}

/* A transaction whose content is lost: it goes on, and ends with EAGAIN. */
static int read_txn(struct conn *c, bool open, const uint8_t *b, size_t len)
{
	struct txn *t;
	uint32_t id;

	if (len != sizeof(id))
		return -EINVAL;
	memcpy(&id, b, sizeof(id));
	if (open)
		return txn_revive(c, id);
	t = txn_find(c, id);
	if (!t)
		return -EINVAL;
	txn_free(t);
	return 0;
}

static int read_out(struct conn *c, bool all, const uint8_t *b, size_t len)
{
	struct out_record h;

	if (all) {
		if (len < sizeof(h))
			return -EINVAL;
		memcpy(&h, b, sizeof(h));
		buf_free(&c->out);
		c->out_done = h.done;
		c->out_mark = h.mark;
		b += sizeof(h);
		len -= sizeof(h);
	}
	return len ? buf_put(&c->out, b, len) : 0;
}

static int read_ring(struct reader *r, struct domain *d, const uint8_t *b,
		     size_t len)
{
	struct ring_record h;

	if (len != sizeof(h))
		return -EINVAL;
	memcpy(&h, b, sizeof(h));
	r->rings[d->domid].port = h.port;
	r->rings[d->domid].bias = h.bias;
	r->rings[d->domid].broken = h.broken;
	return 0;
}

static int read_taken(struct reader *r, struct domain *d, const uint8_t *b,
		      size_t len)
{
	struct journal_revival *v = &r->rings[d->domid];

	if (len < 4 || len - 4 > WIRE_MSG_MAX)
		return -EINVAL;
	memcpy(&v->req_cons, b, 4);
	v->part = b + 4;
	v->used = (uint32_t)(len - 4);
	return 0;
}

static int read_of_conn(struct reader *r, const struct head *h,
			const uint8_t *b)
{
	struct domain *d = dom_find(r->xs, h->domid);
	struct conn *c;

	if (!d)
		return -EINVAL;
	c = d->conn ? d->conn : r->out->conn(r->out->arg, d);
	if (!c)
		return -ENOMEM;
	switch (h->type) {
	case R_WATCH:
	case R_UNWATCH:
		return read_watch(r, c, h->type == R_WATCH, b, h->len);
	case R_TXN:
	case R_TXN_END:
		return read_txn(c, h->type == R_TXN, b, h->len);
	case R_RESET:
		conn_reset(c);
		r->rings[d->domid].used = 0;
		return 0;
	case R_OUT:
	case R_OUT_ALL:
		return read_out(c, h->type == R_OUT_ALL, b, h->len);
	case R_RING:
		return read_ring(r, d, b, h->len);
	case R_TAKEN:
		return read_taken(r, d, b, h->len);
	}
	return -EINVAL;
}

static int read_one(struct reader *r, const struct head *h, const uint8_t *b)
{
	struct domain *d;

	switch (h->type) {
	case R_LINK:
	case R_VALUE:
	case R_PERMS:
	case R_REMOVE:
		return read_node(r, h->type, b, h->len);
	case R_DOMAIN:
		return read_domain(r, h->domid, b, h->len);
	case R_FORGET:
		d = dom_find(r->xs, h->domid);
		if (!d || d == r->xs->dom0)
			return -EINVAL;
		memset(&r->rings[d->domid], 0, sizeof(r->rings[0]));
		dom_drop(r->xs, d);
		return 0;
	}
	return read_of_conn(r, h, b);
}

static int read_all(struct reader *r, const uint8_t *b, size_t len)
{
	struct head h;
	size_t at = 0;
	int rc;

	while (len - at >= sizeof(h)) {
		memcpy(&h, b + at, sizeof(h));
		at += sizeof(h);
		if (h.len > len - at)
			return -EINVAL;
		rc = read_one(r, &h, b + at);
		if (rc)
			return rc;
		at += (h.len + 7u) & ~(size_t)7;
		if (at > len)
			return -EINVAL;
	}
	return at == len ? 0 : -EINVAL;
}

int journal_restore(struct xs *xs, const struct journal_head *h,
		    const struct journal_reader *reader)
{
	struct reader r = {
		.xs = xs, .out = reader, .path = malloc(sizeof(*r.path)),
		.rings = calloc(DOMAIN_IDS, sizeof(*r.rings)),
	};
	struct link *pos, *tmp;
	int rc = r.path && r.rings ? 0 : -ENOMEM;

	if (!rc)
		rc = read_all(&r, (const uint8_t *)(h + 1), h->committed);
	/* Numbers of changes are never used twice. */
	xs->store.gen += h->committed + (h->sequence << 32);
	if (!rc)
		link_for_each_safe(pos, tmp, &xs->domains) {
			struct domain *d = link_entry(pos, struct domain, link);

			if (d->conn)
				reader->ring(reader->arg, d,
					     &r.rings[d->domid]);
		}
	free(r.path);
	free(r.rings);
	return rc;
}
