/* SPDX-License-Identifier: MIT */
/*
 * Watches. Those on one path hang on one point, found by the path's hash; a
 * change looks up the points of its path and of every level above it, so what
 * a change costs depends on its depth and on the watches that match, not on
 * how many there are.
 */
#ifndef XS_WATCH_H
#define XS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/list.h"
#include "perm.h"
#include "wire.h"

struct xs;
struct conn;
struct node;

struct watch_point {
	struct watch_point *next;
	uint64_t hash;
	struct link watches;
	uint16_t len;
	char path[];
};

struct watch {
	struct conn *conn;
	struct watch_point *point;
	struct link in_point, in_conn;
	uint64_t last_event;	/* stream offset of the last one, plus 1 */
	uint16_t base_len;	/* to cut from event paths: relative watch */
	uint16_t token_len;
	char token[];
};

struct watch_table {
	struct watch_point **bucket;
	uint32_t mask;
	uint32_t nr_points;
};

int watch_table_init(struct watch_table *t);
void watch_table_free(struct watch_table *t);

/* -EEXIST, -ENOMEM, -E2BIG (quota). @base_len: see struct watch. */
int watch_add(struct conn *c, const struct path *p, const char *token,
	      uint16_t base_len);
/* -ENOENT */
int watch_del(struct conn *c, const struct path *p, const char *token);
void watch_del_all(struct conn *c);

/*
 * @path changed, because of @cause (NULL: the daemon itself). A connection
 * hears of it if one of the lists lets it read: @now, @before (either may be
 * NULL) or the parent's (NULL unless the node went away).
 */
struct watch_cause {
	struct conn *conn;
	const struct perms *now, *before, *parent;
};
void watch_fire(struct xs *xs, const struct path *path,
		const struct watch_cause *cause);
/* The same for watches on exactly this path: a node below a removed one. */
void watch_fire_exact(struct xs *xs, const struct path *path,
		      const struct watch_cause *cause);
/* Fire everything that the removal of @n's subtree means; then remove it. */
void watch_and_remove(struct xs *xs, struct conn *cause, struct node *n);
/* A special node's event. */
void watch_fire_special(struct xs *xs, const char *name);

#endif
