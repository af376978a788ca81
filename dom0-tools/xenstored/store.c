/* SPDX-License-Identifier: MIT */
/* The tree of nodes; see store.h. */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom.h"
#include "quota.h"
#include "xs.h"

#define BUCKETS_MIN	1024u

static struct node **bucket_of(const struct store *s, uint64_t hash)
{
	return &s->bucket[(hash ^ hash >> 29) & s->mask];
}

/* Hashes are equal; the names decide, from the last one up. */
static bool node_is(const struct node *n, const char *text, size_t len)
{
	for (; n->parent; n = n->parent) {
		if (len <= n->name_len || text[len - n->name_len - 1] != '/')
			return false;
		len -= n->name_len;
		if (memcmp(text + len, n->name, n->name_len))
			return false;
		len--;
	}
	/* The root has no name; a special node has no parent. */
	return n->name_len == len && !memcmp(n->name, text, len);
}

struct node *store_find_text(const struct store *s, uint64_t hash,
			     const char *text, size_t len)
{
	struct node *n;

	if (len == 1 && text[0] == '/')
		return s->root;
	for (n = *bucket_of(s, hash); n; n = n->hash_next)
		if (n->hash == hash && node_is(n, text, len))
			return n;
	return NULL;
}

struct node *store_find(const struct store *s, const struct path *p,
			unsigned int l)
{
	return store_find_text(s, p->hash[l], p->s, path_len(p, l));
}

static void store_grow(struct store *s)
{
	const uint32_t old = s->mask + 1;
	struct node **was = s->bucket, **now;

	if (s->nr_nodes <= old || old >= 1u << 24)
		return;
	now = calloc(old * 2, sizeof(*now));
	/* Too little memory only makes the chains longer. */
	if (!now)
		return;
	s->bucket = now;
	s->mask = old * 2 - 1;
	for (uint32_t i = 0; i < old; i++)
		for (struct node *n = was[i], *next; n; n = next) {
			struct node **b = bucket_of(s, n->hash);

			next = n->hash_next;
			n->hash_next = *b;
			*b = n;
		}
	free(was);
}

static int64_t node_bytes(const struct node *n)
{
	return sizeof(*n) + n->name_len + 1 + n->value_cap;
}

struct node *store_alloc(const struct path *p, unsigned int l)
{
	size_t len = 0;
	const char *name = p->s;
	struct node *n;

	if (p->special)
		len = p->len;
	else if (l > 0)
		name = path_name(p, l, &len);
	n = calloc(1, sizeof(*n) + len + 1);
	if (!n)
		return NULL;
	n->hash = p->hash[l];
	n->name_len = len;
	memcpy(n->name, name, len);
	link_init(&n->children);
	link_init(&n->sibling);
	link_init(&n->owned);
	return n;
}

static void node_set_owner(struct xs *xs, struct node *n, struct domain *d)
{
	if (n->owner == d)
		return;
	if (n->owner) {
		n->owner->nr_nodes--;
		quota_mem(xs, n->owner, -node_bytes(n));
		link_del(&n->owned);
	}
	n->owner = d;
	if (d) {
		d->nr_nodes++;
		quota_mem(xs, d, node_bytes(n));
		link_add_tail(&d->nodes, &n->owned);
	}
}

static struct domain *owner_of(struct xs *xs, const struct perms *p)
{
	return dom_find_born(xs, p->e[0].domid, p->e[0].birth);
}

void store_link(struct xs *xs, struct node *n, struct node *parent,
		struct perms *perms)
{
	struct store *s = &xs->store;
	struct node **b = bucket_of(s, n->hash);

	n->hash_next = *b;
	*b = n;
	n->perms = perms;
	n->parent = parent;
	n->gen = n->list_gen = ++s->gen;
	if (parent) {
		link_add_tail(&parent->children, &n->sibling);
		parent->child_bytes += n->name_len + 1;
		parent->list_gen = s->gen;
	}
	node_set_owner(xs, n, owner_of(xs, perms));
	s->nr_nodes++;
	store_grow(s);
	journal_link(xs, n);
}

void store_disown(struct xs *xs, struct domain *d)
{
	while (!link_empty(&d->nodes))
		node_set_owner(xs, link_entry(d->nodes.next, struct node,
					      owned), NULL);
}

int store_set_value(struct xs *xs, struct node *n, const void *v, uint32_t len)
{
	uint8_t *mem = n->value;

	/* Keep the memory when the value fits and does not waste it. */
	if (len > n->value_cap || len < n->value_cap / 4) {
		mem = NULL;
		if (len) {
			mem = malloc(len);
			if (!mem)
				return -ENOMEM;
		}
		quota_mem(xs, n->owner, (int64_t)len - n->value_cap);
		free(n->value);
		n->value = mem;
		n->value_cap = len;
	}
	if (len)
		memcpy(mem, v, len);
	n->value_len = len;
	n->gen = ++xs->store.gen;
	journal_value(xs, n);
	return 0;
}

void store_take_value(struct xs *xs, struct node *n, uint8_t *v, uint32_t len)
{
	quota_mem(xs, n->owner, (int64_t)len - n->value_cap);
	free(n->value);
	n->value = v;
	n->value_len = n->value_cap = len;
	n->gen = ++xs->store.gen;
	journal_value(xs, n);
}

void store_set_perms(struct xs *xs, struct node *n, struct perms *perms)
{
	perms_put(n->perms);
	n->perms = perms;
	n->gen = ++xs->store.gen;
	node_set_owner(xs, n, owner_of(xs, perms));
	journal_perms(xs, n);
}

/* Children are gone already. */
static void node_free(struct xs *xs, struct node *n)
{
	struct node **b = bucket_of(&xs->store, n->hash);

	while (*b != n)
		b = &(*b)->hash_next;
	*b = n->hash_next;
	link_del(&n->sibling);
	node_set_owner(xs, n, NULL);
	perms_put(n->perms);
	free(n->value);
	free(n);
	xs->store.nr_nodes--;
}

/* Deep trees are made by guests: no recursion (XSA-418). */
void store_remove(struct xs *xs, struct node *top)
{
	struct node *n = top, *parent;

	journal_remove(xs, top);
	top->parent->child_bytes -= top->name_len + 1;
	top->parent->list_gen = ++xs->store.gen;
	for (;;) {
		while (!link_empty(&n->children))
			n = link_entry(n->children.next, struct node, sibling);
		parent = n->parent;
		if (n == top)
			break;
		node_free(xs, n);
		n = parent;
	}
	node_free(xs, top);
}

struct node *store_next(const struct node *top, struct node *n)
{
	if (!link_empty(&n->children))
		return link_entry(n->children.next, struct node, sibling);
	for (; n != top; n = n->parent)
		if (n->sibling.next != &n->parent->children)
			return link_entry(n->sibling.next, struct node,
					  sibling);
	return NULL;
}

void store_path(const struct store *s, const struct node *n, struct path *p)
{
	unsigned int depth = 0, l;
	const struct node *a;
	uint32_t len = 0;

	memset(p, 0, offsetof(struct path, s));
	if (!n->parent && n->name_len) {
		p->special = true;
		p->len = n->name_len;
		memcpy(p->s, n->name, n->name_len + 1);
		p->hash[0] = n->hash;
		return;
	}
	for (a = n; a->parent; a = a->parent) {
		depth++;
		len += a->name_len + 1;
	}
	p->depth = depth;
	p->end[0] = 0;
	p->hash[0] = s->root->hash;
	if (depth == 0)
		len = 1;
	p->len = len;
	p->s[0] = '/';
	p->s[len] = 0;
	for (a = n, l = depth; l > 0; l--, a = a->parent) {
		p->end[l] = len;
		p->hash[l] = a->hash;
		len -= a->name_len;
		memcpy(p->s + len, a->name, a->name_len);
		p->s[--len] = '/';
	}
}

static struct node *make(struct xs *xs, const char *path, const char *value)
{
	struct path *p = malloc(sizeof(*p));
	struct node *n = NULL, *parent;
	struct perm e = { 0, 0, DOM0_BIRTH };

	if (!p)
		return NULL;
	path_parse(p, path, strlen(path), NULL, true, xs->store.key);
	n = store_alloc(p, p->depth);
	parent = p->depth ? store_find(&xs->store, p, p->depth - 1) : NULL;
	free(p);
	if (!n)
		return NULL;
	store_link(xs, n, parent, parent ? perms_get(parent->perms)
					 : perms_new(&e, 1));
	if (value)
		store_set_value(xs, n, value, strlen(value));
	return n;
}

int store_init(struct xs *xs)
{
	struct store *s = &xs->store;

	s->mask = BUCKETS_MIN - 1;
	s->bucket = calloc(BUCKETS_MIN, sizeof(*s->bucket));
	if (!s->bucket)
		return -ENOMEM;
	s->root = make(xs, "/", NULL);
	s->special[0] = make(xs, "@introduceDomain", NULL);
	s->special[1] = make(xs, "@releaseDomain", NULL);
	if (!s->root || !s->special[0] || !s->special[1] ||
	    !make(xs, "/tool", NULL) ||
	    !make(xs, "/tool/xenstored", NULL) || !make(xs, "/local", NULL) ||
	    !make(xs, "/local/domain", NULL))
		return -ENOMEM;
	return 0;
}

void store_free(struct xs *xs)
{
	struct store *s = &xs->store;

	for (uint32_t i = 0; s->bucket && i <= s->mask; i++)
		for (struct node *n = s->bucket[i], *next; n; n = next) {
			next = n->hash_next;
			perms_put(n->perms);
			free(n->value);
			free(n);
		}
	free(s->bucket);
	s->bucket = NULL;
}

const char *store_check(struct xs *xs)
{
	struct store *s = &xs->store;
	struct node *n, *c;
	struct link *pos;
	uint32_t seen = 2, bytes;	/* the two special nodes */

	for (n = s->root; n; n = store_next(s->root, n)) {
		seen++;
		bytes = 0;
		link_for_each(pos, &n->children) {
			c = link_entry(pos, struct node, sibling);
			if (c->parent != n)
				return "a child has another parent";
			if (c->hash != path_hash_step(n->hash, c->name,
						      c->name_len, s->key))
				return "a hash is wrong";
			bytes += c->name_len + 1;
		}
		if (bytes != n->child_bytes)
			return "a sum of children is wrong";
		if (n->owner != owner_of(xs, n->perms))
			return "an owner is wrong";
		if (n->value_len > n->value_cap)
			return "a value is too long";
		for (c = *bucket_of(s, n->hash); c && c != n; c = c->hash_next)
			;
		if (!c)
			return "a node cannot be found";
	}
	if (seen != s->nr_nodes)
		return "the number of nodes is wrong";
	return NULL;
}
