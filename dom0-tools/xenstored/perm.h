/* SPDX-License-Identifier: MIT */
/*
 * Who may do what with a node. A list is shared by all nodes that have equal
 * ones by inheritance, and counted; it never changes while shared.
 *
 * Entry 0 names the owner, and what everybody may do who is not listed. An
 * entry counts only for the domain that was alive when it was written.
 */
#ifndef XS_PERM_H
#define XS_PERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs;
struct domain;

enum {
	PERM_READ = 1,
	PERM_WRITE = 2,
	PERM_OWNER = 4,		/* never in an entry: perm_of()'s answer */
};

struct perm {
	uint16_t domid;
	uint8_t access;
	uint64_t birth;		/* 0: no such domain existed */
};

struct perms {
	uint32_t refs;
	uint32_t nr;
	struct perm e[];
};

/* A list of @nr entries with one reference; NULL when memory is short. */
struct perms *perms_new(const struct perm *e, uint32_t nr);
struct perms *perms_get(struct perms *p);
void perms_put(struct perms *p);
/*
 * The list of a new node below one with @parent: the same, without the dead,
 * and owned by @creator if that is not NULL.
 */
struct perms *perms_inherit(struct xs *xs, struct perms *parent,
			    const struct domain *creator);
/* What may @d do? A privileged caller asks not. */
unsigned int perms_of(const struct perms *p, const struct domain *d);
/* Bytes that the list takes in a node's size. */
size_t perms_size(const struct perms *p);

/* "r7" and the like. False: not a permission. birth is left 0. */
bool perm_parse(const char *s, struct perm *out);
/* Writes at most 8 bytes with the NUL; returns how many. */
size_t perm_print(const struct perm *p, char *out);

#endif
