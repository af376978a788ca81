/* SPDX-License-Identifier: MIT */
/*
 * The tree of nodes.
 *
 * Nodes are found by one hash of their whole path; each knows its parent and
 * keeps its children in order of creation. Two numbers say when it changed:
 * gen for value and permissions, list_gen for the set of children. Numbers
 * come from one counter and are never used twice, so "unchanged" is a compare.
 *
 * Everything that changes the tree goes through the functions below, after
 * all checks, and none of them can fail half-way; each notes what it did in
 * the journal (journal.h).
 */
#ifndef XS_STORE_H
#define XS_STORE_H

#include <stdint.h>

#include "../common/list.h"
#include "perm.h"
#include "wire.h"

struct xs;
struct domain;

struct node {
	struct node *hash_next;
	uint64_t hash;
	uint64_t gen, list_gen;
	struct node *parent;	/* NULL: the root, or a special node */
	struct link children;
	struct link sibling;
	struct link owned;	/* in owner->nodes */
	struct domain *owner;	/* NULL: nobody alive */
	struct perms *perms;
	uint8_t *value;
	uint32_t value_len, value_cap;
	uint32_t child_bytes;	/* the children's names with their NULs */
	uint16_t name_len;
	char name[];
};

#define STORE_SPECIALS	2	/* @introduceDomain, @releaseDomain */

struct store {
	struct node **bucket;
	uint32_t mask;		/* number of buckets - 1 */
	uint32_t nr_nodes;
	uint64_t gen;
	uint64_t key;
	struct node *root;
	struct node *special[STORE_SPECIALS];
};

/* The root, /tool/xenstored and the special nodes. */
int store_init(struct xs *xs);
void store_free(struct xs *xs);

/* The node of level @l of @p, or NULL. */
struct node *store_find(const struct store *s, const struct path *p,
			unsigned int l);
/* The same by the text of a canonical path and its hash. */
struct node *store_find_text(const struct store *s, uint64_t hash,
			     const char *text, size_t len);
/* Memory for a node named as level @l of @p, not yet in the tree. */
struct node *store_alloc(const struct path *p, unsigned int l);
/*
 * Put an allocated node below @parent; takes the reference to @perms. The
 * name must be new there.
 */
void store_link(struct xs *xs, struct node *n, struct node *parent,
		struct perms *perms);
/* 0 or -ENOMEM. */
int store_set_value(struct xs *xs, struct node *n, const void *v, uint32_t len);
/* Take over malloc'ed memory as the value. */
void store_take_value(struct xs *xs, struct node *n, uint8_t *v, uint32_t len);
/* Takes the reference to @perms. */
void store_set_perms(struct xs *xs, struct node *n, struct perms *perms);
/* Remove @n and all below it. Not for the root. */
void store_remove(struct xs *xs, struct node *n);

/* The nodes of a domain that is no more belong to nobody. */
void store_disown(struct xs *xs, struct domain *d);

/* Walk: the node after @n within the subtree of @top, parents first. */
struct node *store_next(const struct node *top, struct node *n);
/* The path of @n in *@p, whole. */
void store_path(const struct store *s, const struct node *n, struct path *p);
/* Check that all links and sums agree: the first fault's name, or NULL. */
const char *store_check(struct xs *xs);

#endif
