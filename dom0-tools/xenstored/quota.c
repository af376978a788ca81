/* SPDX-License-Identifier: MIT */
/* Limits and their accounts; see quota.h. */
#include "quota.h"

#include <stddef.h>
#include <string.h>

#include "../common/log.h"
#include "dom.h"
#include "xs.h"

#define CREDIT	1000	/* one write or request, in the unit of the accounts */

static const struct { const char *name; size_t off; bool wide; } fields[] = {
	{ "nodes", offsetof(struct quota, nodes), false },
	{ "node-size", offsetof(struct quota, node_size), false },
	{ "watches", offsetof(struct quota, watches), false },
	{ "transactions", offsetof(struct quota, transactions), false },
	{ "transaction-nodes", offsetof(struct quota, txn_nodes), false },
	{ "node-permissions", offsetof(struct quota, perms), false },
	{ "outstanding", offsetof(struct quota, outstanding), false },
	{ "soft-memory", offsetof(struct quota, mem_soft), true },
	{ "hard-memory", offsetof(struct quota, mem_hard), true },
	{ "event-age-ms", offsetof(struct quota, event_age_ms), false },
	{ "write-rate", offsetof(struct quota, write_rate), false },
	{ "write-burst", offsetof(struct quota, write_burst), false },
	{ "write-reserve", offsetof(struct quota, write_reserve), false },
	{ "request-rate", offsetof(struct quota, request_rate), false },
	{ "request-burst", offsetof(struct quota, request_burst), false },
};

void quota_defaults(struct quota *q)
{
	*q = (struct quota){
		.nodes = 1000, .node_size = 2048, .watches = 128,
		.transactions = 10, .txn_nodes = 1024, .perms = 5,
		.outstanding = 20,
		.mem_soft = 2048 << 10, .mem_hard = 2560 << 10,
		.event_age_ms = 20000,
		.write_rate = 200, .write_burst = 10, .write_reserve = 1000,
		.request_rate = 400, .request_burst = 1000,
	};
}

uint64_t quota_get(const struct quota *q, unsigned int i, const char **name)
{
	const char *at;

	*name = NULL;
	if (i >= sizeof(fields) / sizeof(fields[0]))
		return 0;
	*name = fields[i].name;
	at = (const char *)q + fields[i].off;
	return fields[i].wide ? (uint64_t)*(const int64_t *)at
			      : *(const uint32_t *)at;
}

bool quota_set(struct quota *q, const char *name, uint64_t value)
{
	if (value > UINT32_MAX)
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char *at = (char *)q + fields[i].off;

		if (strcmp(name, fields[i].name))
			continue;
		if (fields[i].wide)
			*(int64_t *)at = value;
		else
			*(uint32_t *)at = value;
		return true;
	}
	return false;
}

void quota_mem(struct xs *xs, struct domain *d, int64_t bytes)
{
	if (!d)
		return;
	d->mem += bytes;
	if (d->domid == 0 || d->mem_warned || d->mem <= xs->quota.mem_soft)
		return;
	d->mem_warned = true;
	log_msg("domain %u: holds more than %lld bytes of the store's memory",
		d->domid, (long long)xs->quota.mem_soft);
}

bool quota_mem_ok(const struct xs *xs, const struct domain *d, int64_t bytes)
{
	return !d || d->domid == 0 || d->mem + bytes <= xs->quota.mem_hard;
}

void quota_write_paid(struct xs *xs, struct domain *d)
{
	(void)xs;
	if (d->domid != 0)
		d->credit -= CREDIT;
}

void quota_request_paid(struct domain *d)
{
	if (d->domid != 0)
		d->requests -= CREDIT;
}

/* About an eighth of the work of a request. */
void quota_event_paid(struct domain *d)
{
	if (d->domid != 0)
		d->requests -= CREDIT / 8;
}

/*
 * Requests of any kind cost the control domain time, which a guest that asks
 * without end would take from the others: there are so many for each.
 *
 * Writes, which others have to look at, are fewer.  A domain's own credit fills at write_rate up to write_burst; what flows
 * over goes to the common reserve, from which a domain in need borrows. So a
 * guest that starts up is not slowed, and one that never stops is.
 */
bool quota_may_ask(struct xs *xs, struct domain *d, uint64_t now_ms)
{
	const int64_t burst = (int64_t)xs->quota.write_burst * CREDIT;
	const int64_t room = (int64_t)xs->quota.write_reserve * CREDIT;
	int64_t need;

	if (d->domid == 0)
		return true;
	if (now_ms > d->credit_ms) {
		uint64_t ms = now_ms - d->credit_ms;

		d->credit += (int64_t)(ms > 10000 ? 10000 : ms) *
			     xs->quota.write_rate;
		d->requests += (int64_t)(ms > 10000 ? 10000 : ms) *
			       xs->quota.request_rate;
		d->credit_ms = now_ms;
	}
	if (d->requests > (int64_t)xs->quota.request_burst * CREDIT)
		d->requests = (int64_t)xs->quota.request_burst * CREDIT;
	if (d->credit > burst) {
		xs->reserve += d->credit - burst;
		d->credit = burst;
		if (xs->reserve > room)
			xs->reserve = room;
	}
	if (d->credit < CREDIT && xs->reserve > 0) {
		need = burst - d->credit;
		if (need > xs->reserve)
			need = xs->reserve;
		xs->reserve -= need;
		d->credit += need;
	}
	return d->credit > 0 && d->requests > 0;
}
