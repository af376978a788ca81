/* SPDX-License-Identifier: MIT */
/*
 * What an unprivileged domain may use. Every byte, node, watch, transaction
 * and unread event that a guest can make the daemon hold is counted here, on
 * the guest's own record; domain 0 is counted and not limited.
 */
#ifndef XS_QUOTA_H
#define XS_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct xs;
struct domain;
struct conn;

struct quota {
	uint32_t nodes;		/* owned by one domain */
	uint32_t node_size;	/* value + permissions + children's names */
	uint32_t watches;
	uint32_t transactions;	/* open at once */
	uint32_t txn_nodes;	/* touched by one transaction */
	uint32_t perms;		/* per node */
	uint32_t outstanding;	/* events caused and not yet read */
	int64_t mem_soft, mem_hard;
	uint32_t event_age_ms;	/* unread events are dropped after this */
	uint32_t write_rate;	/* per second, into the common reserve */
	uint32_t write_burst;	/* a domain's own */
	uint32_t write_reserve;	/* common */
	uint32_t request_rate;	/* requests of any kind per second */
	uint32_t request_burst;	/* saved up by who asks for little */
};

void quota_defaults(struct quota *q);
/* Names for CONTROL quota; false: no such quota. */
bool quota_set(struct quota *q, const char *name, uint64_t value);
uint64_t quota_get(const struct quota *q, unsigned int i, const char **name);

/* Account @bytes (may be negative) to @d; NULL: nobody's. */
void quota_mem(struct xs *xs, struct domain *d, int64_t bytes);
/* May @d take @bytes more? */
bool quota_mem_ok(const struct xs *xs, const struct domain *d, int64_t bytes);

/* One write, one request, one event to its own: pay for it. */
void quota_write_paid(struct xs *xs, struct domain *d);
void quota_request_paid(struct domain *d);
void quota_event_paid(struct domain *d);
/* May @d's next request be looked at now (XSA-206)? Refills first. */
bool quota_may_ask(struct xs *xs, struct domain *d, uint64_t now_ms);

#endif
