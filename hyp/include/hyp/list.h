/* SPDX-License-Identifier: MIT */
/* A circular doubly linked list; an empty list points at itself. */
#pragma once

#include <hyp/types.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Inserts n behind l; on a list head that is the front. */
static inline void list_add(struct list *l, struct list *n)
{
	n->prev = l;
	n->next = l->next;
	l->next->prev = n;
	l->next = n;
}

/* Takes n out and leaves it empty, so that list_empty(n) tells. */
static inline void list_del(struct list *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
	list_init(n);
}

#define list_entry(p, t, m)	container_of(p, t, m)
#define list_first(l, t, m)	list_entry((l)->next, t, m)
#define list_for_each(p, l) \
	for ((p) = (l)->next; (p) != (l); (p) = (p)->next)
