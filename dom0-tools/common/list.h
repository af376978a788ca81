/* SPDX-License-Identifier: MIT */
/* An intrusive circular list. An empty link points at itself. */
#ifndef COMMON_LIST_H
#define COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next, *prev;
};

#define link_entry(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define link_for_each(pos, head) \
	for (pos = (head)->next; pos != (head); pos = pos->next)
#define link_for_each_safe(pos, tmp, head) \
	for (pos = (head)->next, tmp = pos->next; pos != (head); \
	     pos = tmp, tmp = pos->next)

static inline void link_init(struct link *l)
{
	l->next = l->prev = l;
}

static inline bool link_empty(const struct link *l)
{
	return l->next == l;
}

static inline void link_add_tail(struct link *head, struct link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Take @l out of whatever list it is in; harmless when it is in none. */
static inline void link_del(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

#endif
