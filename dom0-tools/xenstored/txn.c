/* SPDX-License-Identifier: MIT */
/* Transactions; see txn.h. */
#include "txn.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "xs.h"

#define BUCKETS_MIN	16u

static struct tnode **bucket_of(const struct txn *t, uint64_t hash)
{
	return &t->bucket[(hash ^ hash >> 29) & t->mask];
}

static struct tnode *tnode_find_text(const struct txn *t, uint64_t hash,
				     const char *text, size_t len)
{
	struct tnode *n;

	for (n = *bucket_of(t, hash); n; n = n->hash_next)
		if (n->hash == hash && n->len == len &&
		    !memcmp(n->path, text, len))
			return n;
	return NULL;
}

static struct tnode *tnode_find(const struct txn *t, const struct path *p,
				unsigned int l)
{
	return tnode_find_text(t, p->hash[l], p->s, path_len(p, l));
}

static void txn_mem(struct txn *t, int64_t bytes)
{
	t->mem += bytes;
	quota_mem(t->conn->xs, t->conn->dom, bytes);
}

static void txn_grow(struct txn *t)
{
	const uint32_t nr = (t->mask + 1) * 4;
	struct tnode **now, **b, *n;

	if (t->nr <= (t->mask + 1) * 2)
		return;
	now = calloc(nr, sizeof(*now));
	if (!now)
		return;
	free(t->bucket);
	t->bucket = now;
	t->mask = nr - 1;
	for (n = t->all; n; n = n->all_next) {
		b = bucket_of(t, n->hash);
		n->hash_next = *b;
		*b = n;
	}
}

/*
 * The overlay's node of level @l; made at first touch, when it writes down
 * what the tree has.
 */
static int tnode_touch(struct txn *t, const struct path *p, unsigned int l,
		       struct tnode **out)
{
	struct xs *xs = t->conn->xs;
	const size_t len = path_len(p, l);
	const struct node *node;
	struct tnode *n = tnode_find(t, p, l), **b;

	*out = n;
	if (n)
		return 0;
	if (!t->conn->priv &&
	    (t->nr >= xs->quota.txn_nodes ||
	     !quota_mem_ok(xs, t->conn->dom, sizeof(*n) + len))) {
		t->failed = true;
		return -ENOSPC;
	}
	n = calloc(1, sizeof(*n) + len + 1);
	if (!n) {
		t->failed = true;
		return -ENOMEM;
	}
	n->hash = p->hash[l];
	n->len = len;
	n->name_at = l ? p->end[l - 1] + 1u : 0;
	memcpy(n->path, p->s, len);
	link_init(&n->link);
	node = store_find(&xs->store, p, l);
	if (node) {
		n->gen = node->gen;
		n->list_gen = node->list_gen;
	}
	b = bucket_of(t, n->hash);
	n->hash_next = *b;
	*b = n;
	n->all_next = t->all;
	t->all = n;
	t->nr++;
	txn_mem(t, sizeof(*n) + len + 1);
	txn_grow(t);
	*out = n;
	return 0;
}

/* The tree's node that is set aside is the transaction's until the commit. */
static int64_t spare_bytes(const struct node *spare)
{
	return sizeof(*spare) + spare->name_len + 1;
}

static void tnode_set_value(struct txn *t, struct tnode *n, uint8_t *v,
			    uint32_t len)
{
	txn_mem(t, (int64_t)len - n->value_len);
	free(n->value);
	n->value = v;
	n->value_len = len;
}

int txn_start(struct conn *c, uint32_t *id)
{
	struct txn *t;

	if (!c->priv && c->nr_txns >= c->xs->quota.transactions)
		return -ENOSPC;
	if (!c->priv && !quota_mem_ok(c->xs, c->dom, sizeof(*t)))
		return -ENOMEM;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->mask = BUCKETS_MIN - 1;
	t->bucket = calloc(BUCKETS_MIN, sizeof(*t->bucket));
	if (!t->bucket) {
		free(t);
		return -ENOMEM;
	}
	/* Ids are per connection; 0 means none, and one may be open long. */
	do
		c->last_txn++;
	while (c->last_txn == 0 || txn_find(c, c->last_txn));
	t->id = c->last_txn;
	t->conn = c;
	link_init(&t->changed);
	link_add_tail(&c->txns, &t->link);
	c->nr_txns++;
	txn_mem(t, sizeof(*t) + BUCKETS_MIN * sizeof(*t->bucket));
	*id = t->id;
	journal_txn(c, t->id, true);
	return 0;
}

int txn_revive(struct conn *c, uint32_t id)
{
	uint32_t was;
	int rc;

	c->last_txn = id - 1;
	rc = txn_start(c, &was);
	if (!rc)
		txn_find(c, id)->lost = true;
	return rc;
}

struct txn *txn_find(struct conn *c, uint32_t id)
{
	struct link *pos;

	link_for_each(pos, &c->txns)
		if (link_entry(pos, struct txn, link)->id == id)
			return link_entry(pos, struct txn, link);
	return NULL;
}

void txn_free(struct txn *t)
{
	struct tnode *n, *next;

	for (n = t->all; n; n = next) {
		next = n->all_next;
		perms_put(n->perms);
		free(n->value);
		free(n->spare);
		free(n);
	}
	quota_mem(t->conn->xs, t->conn->dom, -t->mem);
	journal_txn(t->conn, t->id, false);
	t->conn->nr_txns--;
	link_del(&t->link);
	free(t->bucket);
	free(t);
}

/* Did this transaction remove something above level @l, or at it? */
static bool hidden(const struct txn *t, const struct path *p, unsigned int l)
{
	const struct tnode *n;

	if (t->nr_hides == 0)
		return false;
	for (unsigned int i = 1; i <= l; i++) {
		n = tnode_find(t, p, i);
		if (n && n->hides)
			return true;
	}
	return false;
}

int view_get(struct xs *xs, struct txn *t, const struct path *p,
	     unsigned int l, int how, struct view *v)
{
	struct node *node = store_find(&xs->store, p, l);
	int rc;

	memset(v, 0, sizeof(*v));
	if (t && node && hidden(t, p, l))
		node = NULL;
	if (t && how != VIEW_PEEK) {
		rc = tnode_touch(t, p, l, &v->t);
		if (rc)
			return rc;
		v->t->relied = true;
		v->t->list_relied |= (how & VIEW_LIST) != 0;
	} else if (t) {
		v->t = tnode_find(t, p, l);
	}
	v->node = node;
	if (node) {
		v->exists = true;
		v->value = node->value;
		v->value_len = node->value_len;
		v->perms = node->perms;
	}
	if (!v->t || !v->t->changed)
		return 0;
	v->exists = v->t->exists;
	v->perms = v->t->perms;
	if (v->t->value_set || !node) {
		v->value = v->t->value;
		v->value_len = v->t->value_len;
	}
	return 0;
}

uint64_t view_list_gen(const struct view *v)
{
	return v->node ? v->node->list_gen : 0;
}

uint32_t view_child_bytes(const struct view *v)
{
	const int64_t n = (v->node ? v->node->child_bytes : 0) +
			  (v->t ? (int64_t)v->t->child_bytes : 0);

	return n < 0 ? 0 : n;
}

/* Is @n a child of @p, which ends before the last name? */
static bool tnode_is_child(const struct tnode *n, const struct path *p)
{
	const size_t len = p->depth ? p->len : 0;

	return n->name_at == len + 1 && n->len > n->name_at &&
	       !memcmp(n->path, p->s, len);
}

static struct tnode *child_changed(struct txn *t, const struct path *p,
				   const struct node *child)
{
	struct tnode *n;

	for (n = *bucket_of(t, child->hash); n; n = n->hash_next)
		if (n->changed && n->hash == child->hash &&
		    tnode_is_child(n, p) &&
		    n->len - n->name_at == child->name_len &&
		    !memcmp(n->path + n->name_at, child->name,
			    child->name_len))
			return n;
	return NULL;
}

int view_list(struct xs *xs, struct txn *t, const struct path *p,
	      const struct view *v,
	      int (*fn)(void *arg, const char *name, size_t len), void *arg)
{
	struct link *pos;
	struct tnode *n;
	int rc;

	if (v->node) {
		link_for_each(pos, &v->node->children) {
			struct node *c = link_entry(pos, struct node, sibling);

			n = t ? child_changed(t, p, c) : NULL;
			if (n && (!n->exists || n->spare))
				continue;
			rc = fn(arg, c->name, c->name_len);
			if (rc)
				return rc;
		}
	}
	if (!t)
		return 0;
	/* Created here: those with memory set aside for the tree's node. */
	link_for_each(pos, &t->changed) {
		n = link_entry(pos, struct tnode, link);
		if (!n->exists || !n->spare || !tnode_is_child(n, p))
			continue;
		rc = fn(arg, n->path + n->name_at, n->len - n->name_at);
		if (rc)
			return rc;
	}
	(void)xs;
	return 0;
}

/* From now on the overlay's state counts; it starts as what was visible. */
static void mark_changed(struct txn *t, const struct view *v)
{
	struct tnode *n = v->t;

	if (n->changed)
		return;
	n->changed = true;
	n->exists = v->exists;
	n->perms = v->exists ? perms_get(v->perms) : NULL;
	link_add_tail(&t->changed, &n->link);
	t->nr_changed++;
}

static int view_touch(struct xs *xs, struct txn *t, const struct path *p,
		      unsigned int l, struct view *v)
{
	int rc = view_get(xs, t, p, l, VIEW_PEEK, v);

	return rc ? rc : tnode_touch(t, p, l, &v->t);
}

int txn_write(struct xs *xs, struct txn *t, const struct path *p,
	      const void *value, uint32_t len)
{
	uint8_t *copy = NULL;
	struct view v;
	int rc;

	rc = view_touch(xs, t, p, p->depth, &v);
	if (rc)
		return rc;
	if (len) {
		copy = malloc(len);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, value, len);
	}
	mark_changed(t, &v);
	tnode_set_value(t, v.t, copy, len);
	v.t->value_set = true;
	v.t->fires = true;
	return 0;
}

int txn_set_perms(struct xs *xs, struct txn *t, const struct path *p,
		  struct perms *perms)
{
	struct view v;
	int rc;

	rc = view_touch(xs, t, p, p->depth, &v);
	if (rc)
		return rc;
	mark_changed(t, &v);
	perms_put(v.t->perms);
	v.t->perms = perms_get(perms);
	v.t->perms_set = true;
	v.t->fires = true;
	return 0;
}

/* The node stops existing in the overlay. */
static void tnode_gone(struct txn *t, struct tnode *n)
{
	if (!n->exists)
		return;
	n->exists = false;
	perms_put(n->perms);
	n->perms = NULL;
	tnode_set_value(t, n, NULL, 0);
	n->value_set = n->perms_set = n->fires = false;
	n->child_bytes = 0;
	if (!n->spare)
		return;
	txn_mem(t, -spare_bytes(n->spare));
	free(n->spare);
	n->spare = NULL;
	t->created--;
}

static void parent_bytes(struct txn *t, const struct path *p, unsigned int l,
			 int32_t bytes)
{
	struct tnode *n = tnode_find(t, p, l - 1);

	if (n)
		n->child_bytes += bytes;
}

int txn_remove(struct xs *xs, struct txn *t, const struct path *p)
{
	const int32_t bytes = p->end[p->depth] - p->end[p->depth - 1];
	struct tnode *n;
	struct link *pos;
	struct view v;
	int rc;

	rc = view_touch(xs, t, p, p->depth, &v);
	if (rc)
		return rc;
	mark_changed(t, &v);
	if (v.node && !v.t->hides) {
		v.t->hides = true;
		t->nr_hides++;
	}
	link_for_each(pos, &t->changed) {
		n = link_entry(pos, struct tnode, link);
		if (n->len > p->len && n->path[p->len] == '/' &&
		    !memcmp(n->path, p->s, p->len))
			tnode_gone(t, n);
	}
	tnode_gone(t, v.t);
	parent_bytes(t, p, p->depth, -bytes);
	return 0;
}

int txn_create(struct xs *xs, struct txn *t, const struct path *p,
	       unsigned int l, struct perms *perms)
{
	struct node *spare;
	struct view v;
	int rc;

	rc = view_touch(xs, t, p, l, &v);
	if (rc)
		return rc;
	spare = store_alloc(p, l);
	if (!spare)
		return -ENOMEM;
	mark_changed(t, &v);
	/* A parent stands before its children in the order of commit. */
	link_del(&v.t->link);
	link_add_tail(&t->changed, &v.t->link);
	v.t->exists = true;
	v.t->fires = l == p->depth;
	v.t->perms = perms_get(perms);
	v.t->spare = spare;
	txn_mem(t, spare_bytes(spare));
	t->created++;
	parent_bytes(t, p, l, p->end[l] - p->end[l - 1]);
	return 0;
}

int txn_check(struct txn *t)
{
	struct xs *xs = t->conn->xs;
	const struct node *node;
	const struct tnode *n;

	/* A transaction that met a limit is refused whole. */
	if (t->failed)
		return -ENOSPC;
	if (t->lost)
		return -EAGAIN;
	for (n = t->all; n; n = n->all_next) {
		if (!n->relied && !n->list_relied)
			continue;
		node = store_find_text(&xs->store, n->hash, n->path, n->len);
		if (n->relied && (node ? node->gen : 0) != n->gen)
			return -EAGAIN;
		if (n->list_relied && (node ? node->list_gen : 0) != n->list_gen)
			return -EAGAIN;
	}
	/* Others may have used up the domain's nodes since they were checked. */
	if (!t->conn->priv && t->created &&
	    t->conn->dom->nr_nodes + t->created > xs->quota.nodes)
		return -ENOSPC;
	return 0;
}

static struct node *parent_of(struct xs *xs, const struct tnode *n)
{
	struct path *p = &xs->path2;
	const size_t len = n->name_at > 1 ? n->name_at - 1u : 1;

	path_parse(p, n->path, len, NULL, false, xs->store.key);
	return store_find(&xs->store, p, p->depth);
}

static void apply_one(struct xs *xs, struct txn *t, struct tnode *n)
{
	struct watch_cause why = { .conn = t->conn };
	struct node *node = store_find_text(&xs->store, n->hash, n->path,
					    n->len);
	struct node *parent;

	if (!node) {
		parent = n->spare ? parent_of(xs, n) : NULL;
		if (!parent)
			return;
		node = n->spare;
		n->spare = NULL;
		txn_mem(t, -spare_bytes(node));
		store_link(xs, node, parent, perms_get(n->perms));
	} else if (n->perms_set) {
		why.before = perms_get(node->perms);
		store_set_perms(xs, node, perms_get(n->perms));
	}
	if (n->value_set) {
		store_take_value(xs, node, n->value, n->value_len);
		txn_mem(t, -(int64_t)n->value_len);
		n->value = NULL;
		n->value_len = 0;
	}
	why.now = node->perms;
	if (n->fires) {
		store_path(&xs->store, node, &xs->path2);
		watch_fire(xs, &xs->path2, &why);
	}
	perms_put((struct perms *)why.before);
}

void txn_apply(struct txn *t)
{
	struct xs *xs = t->conn->xs;
	struct link *pos;
	struct tnode *n;
	struct node *node;

	/* What was removed goes first: all else was written over that. */
	link_for_each(pos, &t->changed) {
		n = link_entry(pos, struct tnode, link);
		node = n->hides ? store_find_text(&xs->store, n->hash, n->path,
						  n->len) : NULL;
		if (node)
			watch_and_remove(xs, t->conn, node);
	}
	link_for_each(pos, &t->changed) {
		n = link_entry(pos, struct tnode, link);
		if (n->exists)
			apply_one(xs, t, n);
	}
}
