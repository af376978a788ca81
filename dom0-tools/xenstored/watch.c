/* SPDX-License-Identifier: MIT */
/* Watches; see watch.h. */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "xs.h"

#define POINTS_MIN	256u

int watch_table_init(struct watch_table *t)
{
	t->mask = POINTS_MIN - 1;
	t->nr_points = 0;
	t->bucket = calloc(POINTS_MIN, sizeof(*t->bucket));
	return t->bucket ? 0 : -ENOMEM;
}

void watch_table_free(struct watch_table *t)
{
	free(t->bucket);
	t->bucket = NULL;
}

static struct watch_point **bucket_of(const struct watch_table *t,
				      uint64_t hash)
{
	return &t->bucket[(hash ^ hash >> 29) & t->mask];
}

static struct watch_point *point_find(const struct watch_table *t,
				      const struct path *p, unsigned int l)
{
	const uint64_t hash = p->hash[l];
	const size_t len = path_len(p, l);
	struct watch_point *at;

	for (at = *bucket_of(t, hash); at; at = at->next)
		if (at->hash == hash && at->len == len &&
		    !memcmp(at->path, p->s, len))
			return at;
	return NULL;
}

static void table_grow(struct watch_table *t)
{
	const uint32_t old = t->mask + 1;
	struct watch_point **was = t->bucket, **now, **b, *at, *next;

	if (t->nr_points <= old || old >= 1u << 24)
		return;
	now = calloc(old * 2, sizeof(*now));
	if (!now)
		return;
	t->bucket = now;
	t->mask = old * 2 - 1;
	for (uint32_t i = 0; i < old; i++)
		for (at = was[i]; at; at = next) {
			next = at->next;
			b = bucket_of(t, at->hash);
			at->next = *b;
			*b = at;
		}
	free(was);
}

static struct watch_point *point_make(struct watch_table *t,
				      const struct path *p)
{
	struct watch_point *at = malloc(sizeof(*at) + p->len + 1), **b;

	if (!at)
		return NULL;
	at->hash = p->hash[p->depth];
	at->len = p->len;
	memcpy(at->path, p->s, p->len + 1);
	link_init(&at->watches);
	b = bucket_of(t, at->hash);
	at->next = *b;
	*b = at;
	t->nr_points++;
	table_grow(t);
	return at;
}

static void point_drop(struct watch_table *t, struct watch_point *at)
{
	struct watch_point **b = bucket_of(t, at->hash);

	while (*b != at)
		b = &(*b)->next;
	*b = at->next;
	t->nr_points--;
	free(at);
}

static struct watch *watch_find(struct conn *c, struct watch_point *at,
				const char *token)
{
	struct link *pos;
	struct watch *w;

	link_for_each(pos, &at->watches) {
		w = link_entry(pos, struct watch, in_point);
		if (w->conn == c && !strcmp(w->token, token))
			return w;
	}
	return NULL;
}

/* The point's share is counted with each watch, which errs on our side. */
static int64_t watch_bytes(const struct watch *w)
{
	return sizeof(*w) + w->token_len + 1 + sizeof(struct watch_point) +
	       w->point->len + 1;
}

int watch_add(struct conn *c, const struct path *p, const char *token,
	      uint16_t base_len)
{
	struct xs *xs = c->xs;
	struct watch_point *at = point_find(&xs->watches, p, p->depth);
	const size_t len = strlen(token);
	struct watch *w;

	if (at && watch_find(c, at, token))
		return -EEXIST;
	if (!c->priv && c->nr_watches >= xs->quota.watches)
		return -E2BIG;
	if (!c->priv && !quota_mem_ok(xs, c->dom, sizeof(*w) + len + p->len))
		return -ENOMEM;
	w = calloc(1, sizeof(*w) + len + 1);
	if (!w)
		return -ENOMEM;
	if (!at)
		at = point_make(&xs->watches, p);
	if (!at) {
		free(w);
		return -ENOMEM;
	}
	w->conn = c;
	w->point = at;
	w->base_len = base_len;
	w->token_len = len;
	memcpy(w->token, token, len + 1);
	link_add_tail(&at->watches, &w->in_point);
	link_add_tail(&c->watches, &w->in_conn);
	c->nr_watches++;
	quota_mem(xs, c->dom, watch_bytes(w));
	journal_watch(c, at->path, at->len, token, base_len, true);
	return 0;
}

static void watch_drop(struct watch *w)
{
	struct conn *c = w->conn;

	journal_watch(c, w->point->path, w->point->len, w->token, w->base_len,
		      false);
	quota_mem(c->xs, c->dom, -watch_bytes(w));
	c->nr_watches--;
	link_del(&w->in_conn);
	link_del(&w->in_point);
	if (link_empty(&w->point->watches))
		point_drop(&c->xs->watches, w->point);
	free(w);
}

int watch_del(struct conn *c, const struct path *p, const char *token)
{
	struct watch_point *at = point_find(&c->xs->watches, p, p->depth);
	struct watch *w = at ? watch_find(c, at, token) : NULL;

	if (!w)
		return -ENOENT;
	watch_drop(w);
	return 0;
}

void watch_del_all(struct conn *c)
{
	while (!link_empty(&c->watches))
		watch_drop(link_entry(c->watches.next, struct watch, in_conn));
}

/* Permission is looked at now, for each receiver (XSA-115). */
static bool may_hear(const struct conn *c, const struct watch_cause *cause)
{
	const struct perms *p[3] = { cause->now, cause->before, cause->parent };

	if (c->priv)
		return true;
	for (int i = 0; i < 3; i++)
		if (p[i] && perms_of(p[i], c->dom) & PERM_READ)
			return true;
	return false;
}

static void fire_point(struct watch_point *at, const struct path *path,
		       const struct watch_cause *cause)
{
	struct link *pos;
	struct watch *w;

	link_for_each(pos, &at->watches) {
		w = link_entry(pos, struct watch, in_point);
		if (may_hear(w->conn, cause))
			conn_event(w->conn, w, path->s, path->len,
				   cause->conn);
	}
}

void watch_fire(struct xs *xs, const struct path *path,
		const struct watch_cause *cause)
{
	struct watch_point *at;

	for (unsigned int l = 0; l <= path->depth; l++) {
		at = point_find(&xs->watches, path, l);
		if (at)
			fire_point(at, path, cause);
	}
}

void watch_fire_exact(struct xs *xs, const struct path *path,
		      const struct watch_cause *cause)
{
	struct watch_point *at = point_find(&xs->watches, path, path->depth);

	if (at)
		fire_point(at, path, cause);
}

static bool may_be_watched(const struct watch_table *t, uint64_t hash)
{
	const struct watch_point *at = *bucket_of(t, hash);

	while (at && at->hash != hash)
		at = at->next;
	return at != NULL;
}

void watch_and_remove(struct xs *xs, struct conn *cause, struct node *top)
{
	struct watch_cause why = {
		.conn = cause, .before = top->perms,
		.parent = top->parent->perms,
	};
	struct path *p = &xs->path2;
	struct node *n;

	store_path(&xs->store, top, p);
	watch_fire(xs, p, &why);
	/* Below it, look only where somebody could watch. */
	for (n = store_next(top, top); n; n = store_next(top, n)) {
		if (!may_be_watched(&xs->watches, n->hash))
			continue;
		why.before = n->perms;
		why.parent = n->parent->perms;
		store_path(&xs->store, n, p);
		watch_fire_exact(xs, p, &why);
	}
	store_remove(xs, top);
}

void watch_fire_special(struct xs *xs, const char *name)
{
	struct path *p = &xs->path2;
	struct watch_cause why = { 0 };
	struct node *n;

	path_parse(p, name, strlen(name), NULL, true, xs->store.key);
	n = store_find(&xs->store, p, 0);
	why.now = n->perms;
	watch_fire(xs, p, &why);
}
