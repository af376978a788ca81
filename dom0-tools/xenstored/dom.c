/* SPDX-License-Identifier: MIT */
/* Domain records; see dom.h. */
#include "dom.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "xs.h"

struct domain *dom_find(struct xs *xs, uint32_t domid)
{
	return domid < DOMAIN_IDS ? xs->by_domid[domid] : NULL;
}

struct domain *dom_find_born(struct xs *xs, uint32_t domid, uint64_t birth)
{
	struct domain *d = dom_find(xs, domid);

	return d && d->birth == birth ? d : NULL;
}

static struct domain *dom_new(struct xs *xs, uint32_t domid)
{
	struct domain *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->domid = domid;
	d->birth = ++xs->births;
	d->credit = (int64_t)xs->quota.write_burst * 1000;
	d->requests = (int64_t)xs->quota.request_burst * 1000;
	link_init(&d->nodes);
	link_add_tail(&xs->domains, &d->link);
	xs->nr_domains++;
	xs->by_domid[domid] = d;
	journal_domain(xs, d);
	return d;
}

struct domain *dom_revive(struct xs *xs, uint32_t domid, uint64_t birth)
{
	struct domain *d = dom_find(xs, domid);

	if (!d)
		d = dom_new(xs, domid);
	if (!d)
		return NULL;
	d->birth = birth;
	if (birth > xs->births)
		xs->births = birth;
	return d;
}

void dom_drop(struct xs *xs, struct domain *d)
{
	if (d->conn)
		xs->shell->release(xs->shell->arg, d);
	xs->by_domid[d->domid] = NULL;
	xs->nr_domains--;
	link_del(&d->link);
	store_disown(xs, d);
	free(d);
}

struct domain *dom_get(struct xs *xs, uint32_t domid)
{
	struct domain *d = dom_find(xs, domid);

	if (d || domid >= DOMAIN_IDS)
		return d;
	if (!xs->shell->domain_exists(xs->shell->arg, domid))
		return NULL;
	return dom_new(xs, domid);
}

/* The root cannot go; it falls back to domain 0. */
static void disown_root(struct xs *xs, struct node *n)
{
	const struct perm e = { 0, 0, DOM0_BIRTH };
	struct perms *p = perms_new(&e, 1);

	if (!p)
		abort();
	store_set_perms(xs, n, p);
}

void dom_forget(struct xs *xs, struct domain *d)
{
	struct node *n;

	if (d->conn)
		xs->shell->release(xs->shell->arg, d);
	journal_forget(xs, d);
	/* From here on its permission entries are dead. */
	xs->by_domid[d->domid] = NULL;
	xs->nr_domains--;
	link_del(&d->link);
	while (!link_empty(&d->nodes)) {
		n = link_entry(d->nodes.next, struct node, owned);
		if (n->parent)
			watch_and_remove(xs, NULL, n);
		else
			disown_root(xs, n);
	}
	free(d);
}

void dom_scan_begin(struct xs *xs)
{
	struct link *pos;

	xs->scan_fire = false;
	link_for_each(pos, &xs->domains)
		link_entry(pos, struct domain, link)->alive = false;
	xs->dom0->alive = true;
}

void dom_scan_seen(struct xs *xs, uint32_t domid, bool dying, bool shutdown)
{
	struct domain *d = dom_find(xs, domid);

	if (!d || domid == 0)
		return;
	d->alive = !dying;
	if (!shutdown || d->shutdown_seen || !d->introduced)
		return;
	d->shutdown_seen = true;
	journal_domain(xs, d);
	xs->scan_fire = true;
}

void dom_scan_end(struct xs *xs)
{
	struct link *pos, *tmp;

	link_for_each_safe(pos, tmp, &xs->domains) {
		struct domain *d = link_entry(pos, struct domain, link);

		if (d->alive)
			continue;
		xs->scan_fire |= d->introduced;
		dom_forget(xs, d);
	}
	if (xs->scan_fire)
		watch_fire_special(xs, "@releaseDomain");
}

int xs_init(struct xs *xs, uint64_t key, const struct xs_shell *shell)
{
	memset(xs, 0, sizeof(*xs));
	xs->shell = shell;
	xs->store.key = key;
	link_init(&xs->domains);
	link_init(&xs->conns);
	link_init(&xs->dirty);
	link_init(&xs->throttled);
	quota_defaults(&xs->quota);
	xs->reserve = (int64_t)xs->quota.write_reserve * 1000;
	xs->by_domid = calloc(DOMAIN_IDS, sizeof(*xs->by_domid));
	if (!xs->by_domid || watch_table_init(&xs->watches))
		return -ENOMEM;
	xs->dom0 = dom_new(xs, 0);
	if (!xs->dom0)
		return -ENOMEM;
	xs->dom0->introduced = true;
	return store_init(xs);
}

void xs_free(struct xs *xs)
{
	struct link *pos, *tmp;

	store_free(xs);
	watch_table_free(&xs->watches);
	link_for_each_safe(pos, tmp, &xs->domains)
		free(link_entry(pos, struct domain, link));
	free(xs->by_domid);
}
