/* SPDX-License-Identifier: MIT */
/* Permission lists; see perm.h. */
#include "perm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom.h"
#include "wire.h"

struct perms *perms_new(const struct perm *e, uint32_t nr)
{
	struct perms *p = malloc(sizeof(*p) + nr * sizeof(p->e[0]));

	if (!p)
		return NULL;
	p->refs = 1;
	p->nr = nr;
	memcpy(p->e, e, nr * sizeof(p->e[0]));
	return p;
}

struct perms *perms_get(struct perms *p)
{
	p->refs++;
	return p;
}

void perms_put(struct perms *p)
{
	if (p && --p->refs == 0)
		free(p);
}

static bool entry_is_dead(struct xs *xs, const struct perm *e)
{
	return !dom_find_born(xs, e->domid, e->birth);
}

static bool perms_fit(struct xs *xs, const struct perms *p,
		      const struct domain *creator)
{
	if (creator && (p->e[0].domid != creator->domid ||
			p->e[0].birth != creator->birth))
		return false;
	for (uint32_t i = 1; i < p->nr; i++)
		if (entry_is_dead(xs, &p->e[i]))
			return false;
	return true;
}

struct perms *perms_inherit(struct xs *xs, struct perms *parent,
			    const struct domain *creator)
{
	struct perms *p;
	uint32_t n = 1;

	if (perms_fit(xs, parent, creator))
		return perms_get(parent);
	p = perms_new(parent->e, parent->nr);
	if (!p)
		return NULL;
	if (creator) {
		p->e[0].domid = creator->domid;
		p->e[0].birth = creator->birth;
	}
	for (uint32_t i = 1; i < parent->nr; i++)
		if (!entry_is_dead(xs, &parent->e[i]))
			p->e[n++] = parent->e[i];
	p->nr = n;
	return p;
}

static unsigned int perms_of_id(const struct perms *p, uint16_t domid,
				uint64_t birth)
{
	if (p->e[0].domid == domid && p->e[0].birth == birth)
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	for (uint32_t i = 1; i < p->nr; i++)
		if (p->e[i].domid == domid && p->e[i].birth == birth)
			return p->e[i].access;
	return p->e[0].access;
}

unsigned int perms_of(const struct perms *p, const struct domain *d)
{
	unsigned int may = perms_of_id(p, d->domid, d->birth);

	if (d->target_birth)
		may |= perms_of_id(p, d->target_domid, d->target_birth);
	return may;
}

size_t perms_size(const struct perms *p)
{
	return p->nr * 8;
}

bool perm_parse(const char *s, struct perm *out)
{
	static const char letters[] = "nrwb";
	const char *l = *s ? strchr(letters, *s) : NULL;
	uint64_t domid;

	if (!l || !wire_number(s + 1, strlen(s + 1), DOMAIN_IDS - 1, &domid))
		return false;
	*out = (struct perm){ .domid = domid, .access = l - letters };
	return true;
}

size_t perm_print(const struct perm *p, char *out)
{
	return sprintf(out, "%c%u", "nrwb"[p->access & 3], p->domid) + 1;
}
