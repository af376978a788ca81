/* SPDX-License-Identifier: MIT */
/*
 * Transactions: an overlay of changed nodes above the tree.
 *
 * The first touch of a path writes down the generation that the tree had for
 * it (0: absent), separately for the node itself and for its list of
 * children. Changes stay in the overlay. Commit compares every generation
 * that was relied on, and either applies all changes or answers EAGAIN and
 * applies none. Two transactions that make different children below one
 * parent do not disturb each other.
 *
 * A request looks at a path through a view, which is the same with and
 * without a transaction.
 */
#ifndef XS_TXN_H
#define XS_TXN_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/list.h"
#include "perm.h"
#include "wire.h"

struct xs;
struct conn;
struct node;

struct tnode {
	struct tnode *hash_next;
	uint64_t hash;
	struct link link;	/* in txn.changed, if changed */
	struct tnode *all_next;
	uint64_t gen, list_gen;	/* the tree's at first touch; 0: absent */
	bool relied, list_relied;
	bool changed;		/* what follows replaces the tree's node */
	bool hides;		/* the tree's node and subtree were removed */
	bool exists;
	bool perms_set;
	bool value_set;
	bool fires;		/* a watch event is due at commit */
	struct perms *perms;	/* if exists */
	uint8_t *value;		/* if value_set */
	uint32_t value_len;
	int32_t child_bytes;	/* added by this transaction */
	struct node *spare;	/* memory that commit needs */
	uint16_t len, name_at;	/* path, and where its last name starts */
	char path[];
};

struct txn {
	struct conn *conn;
	struct link link;	/* in conn.txns */
	uint32_t id;
	bool lost;		/* its content died with a daemon: EAGAIN */
	bool failed;		/* a limit was hit: commit is refused */
	struct tnode **bucket;
	uint32_t mask, nr;
	struct tnode *all;
	struct link changed;	/* in order of change */
	uint32_t nr_changed;
	uint32_t nr_hides;
	uint32_t created;	/* nodes that commit would add */
	int64_t mem;
};

struct view {
	bool exists;
	const uint8_t *value;
	uint32_t value_len;
	struct perms *perms;
	struct node *node;	/* the tree's, if it is visible */
	struct tnode *t;	/* the overlay's, or NULL */
};

enum { VIEW_PEEK = 0, VIEW_RELY = 1, VIEW_LIST = 2 };

int txn_start(struct conn *c, uint32_t *id);
/* One that a daemon before this one knew. 0 or as txn_start(). */
int txn_revive(struct conn *c, uint32_t id);
struct txn *txn_find(struct conn *c, uint32_t id);
void txn_free(struct txn *t);
/* Can @t be committed? 0, -EAGAIN, -ENOSPC. */
int txn_check(struct txn *t);
/* Directly after a txn_check that said yes: do it. Cannot fail. */
void txn_apply(struct txn *t);

/*
 * Look at level @l of @p, within @t unless NULL. @how says what the caller's
 * answer depends on. 0, -ENOMEM, -ENOSPC (too many nodes touched).
 */
int view_get(struct xs *xs, struct txn *t, const struct path *p,
	     unsigned int l, int how, struct view *v);
/*
 * List children: calls @fn for each name. 0 or what @fn returned (not 0 stops).
 */
int view_list(struct xs *xs, struct txn *t, const struct path *p,
	      const struct view *v,
	      int (*fn)(void *arg, const char *name, size_t len), void *arg);
/* What the node's list of children is at: its generation. */
uint64_t view_list_gen(const struct view *v);
/* Names of children, in bytes. */
uint32_t view_child_bytes(const struct view *v);

/*
 * Changes. Checks are the caller's; what can fail is memory, and the limit of
 * touched nodes, and then nothing has changed.
 */
int txn_write(struct xs *xs, struct txn *t, const struct path *p,
	      const void *value, uint32_t len);
int txn_set_perms(struct xs *xs, struct txn *t, const struct path *p,
		  struct perms *perms);
int txn_remove(struct xs *xs, struct txn *t, const struct path *p);
/* Make level @l, whose parent exists. */
int txn_create(struct xs *xs, struct txn *t, const struct path *p,
	       unsigned int l, struct perms *perms);

#endif
