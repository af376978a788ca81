/* SPDX-License-Identifier: MIT */
/*
 * What the store knows about a domain.
 *
 * A record exists from the first time that the domain matters (a permission
 * names it, or it is introduced) until the hypervisor says that it is gone.
 * Each record has a birth number that is never used again; whatever refers to
 * a domain keeps domid and birth, so nothing that belonged to a dead domain
 * can reach a younger one with the same id (XSA-322, XSA-417).
 */
#ifndef XS_DOMAIN_H
#define XS_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/list.h"

struct xs;
struct conn;

#define DOMAIN_IDS	0x7ff0u	/* DOMID_FIRST_RESERVED */

struct domain {
	uint16_t domid;
	bool introduced;	/* has, or had, a ring */
	bool shutdown_seen;	/* @releaseDomain fired for its shutdown */
	bool alive;		/* scratch of dom_scan_* */
	uint64_t birth;
	uint16_t target_domid;	/* SET_TARGET; birth 0: none */
	uint64_t target_birth;
	struct link link;	/* in xs.domains */
	struct conn *conn;	/* its ring, or NULL */
	/* What it uses: see quota.h. */
	struct link nodes;	/* nodes that it owns (store.h) */
	uint32_t nr_nodes;
	uint32_t outstanding;	/* events that it caused and nobody read */
	int64_t mem;		/* bytes held on its behalf */
	bool mem_warned;
	int64_t credit;		/* writes it may do now, times 1000 */
	int64_t requests;	/* requests of any kind, likewise */
	uint64_t credit_ms;	/* when credit was last filled */
};

/* The record of @domid, or NULL. */
struct domain *dom_find(struct xs *xs, uint32_t domid);
/* The same when it is the very domain born as @birth. */
struct domain *dom_find_born(struct xs *xs, uint32_t domid, uint64_t birth);
/* Find, or make a record if the hypervisor knows such a domain. */
struct domain *dom_get(struct xs *xs, uint32_t domid);
/* The record of a domain born as @birth, made if need be; NULL: no memory. */
struct domain *dom_revive(struct xs *xs, uint32_t domid, uint64_t birth);
/* The record alone goes; its nodes are nobody's. */
void dom_drop(struct xs *xs, struct domain *d);
/* The domain is gone: its nodes and its connection go with it. */
void dom_forget(struct xs *xs, struct domain *d);

/*
 * A scan of the hypervisor's list after VIRQ_DOM_EXC: begin, one call per
 * listed domain, end. Costs one step per listed and per known domain. The end
 * fires @releaseDomain when a domain was newly found shut down or gone.
 */
void dom_scan_begin(struct xs *xs);
void dom_scan_seen(struct xs *xs, uint32_t domid, bool dying,
		      bool shutdown);
void dom_scan_end(struct xs *xs);

#endif
