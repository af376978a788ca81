/* SPDX-License-Identifier: MIT */
/* Connections; see conn.h. */
#include "conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/log.h"
#include "txn.h"
#include "watch.h"
#include "xs.h"

#define OUT_STOP_GUEST	16384u		/* unread: take no more requests */
#define OUT_STOP_SOCKET	(1u << 20)
#define OUT_DROP_GUEST	262144u		/* unread: drop events */
#define OUT_BREAK_SOCKET (16u << 20)	/* unread: give the client up */

static struct xsd_sockmsg msg_head(const struct conn *c, uint64_t offset)
{
	struct xsd_sockmsg head;

	memcpy(&head, buf_head(&c->out) + (offset - c->out_done),
	       sizeof(head));
	return head;
}

static uint64_t out_end(const struct conn *c)
{
	return c->out_done + buf_len(&c->out);
}

static void account_out(struct conn *c)
{
	if (c->out.cap == c->out_charged)
		return;
	quota_mem(c->xs, c->dom, (int64_t)c->out.cap - (int64_t)c->out_charged);
	c->out_charged = c->out.cap;
}

void conn_init(struct conn *c, struct xs *xs, struct domain *d, bool priv,
	       const struct conn_ops *ops)
{
	memset(c, 0, sizeof(*c));
	c->xs = xs;
	c->dom = d;
	c->ops = ops;
	c->priv = priv;
	c->id = ++xs->next_conn_id;
	link_init(&c->dirty);
	link_init(&c->throttled);
	link_init(&c->journal);
	link_init(&c->watches);
	link_init(&c->txns);
	link_add_tail(&xs->conns, &c->link);
}

void conn_touch(struct conn *c)
{
	if (link_empty(&c->dirty))
		link_add_tail(&c->xs->dirty, &c->dirty);
}

/* The domain that caused an event may have waited for it to be read. */
static void cause_settle(struct xs *xs, const struct conn_cause *cause)
{
	struct domain *d = dom_find_born(xs, cause->domid, cause->birth);

	if (!d)
		return;
	if (d->outstanding-- == xs->quota.outstanding && d->conn)
		conn_touch(d->conn);
}

static void causes_settle(struct conn *c, uint64_t upto)
{
	const struct conn_cause *first;

	while (c->causes_nr) {
		first = &c->causes[c->causes_head];
		if (first->end > upto)
			return;
		cause_settle(c->xs, first);
		c->causes_head = (c->causes_head + 1) % c->causes_cap;
		c->causes_nr--;
	}
}

static bool causes_room(struct conn *c)
{
	const uint32_t cap = c->causes_cap ? c->causes_cap * 2 : 8;
	struct conn_cause *mem;

	if (c->causes_nr < c->causes_cap)
		return true;
	mem = malloc(cap * sizeof(*mem));
	if (!mem)
		return false;
	for (uint32_t i = 0; i < c->causes_nr; i++)
		mem[i] = c->causes[(c->causes_head + i) % c->causes_cap];
	free(c->causes);
	c->causes = mem;
	c->causes_head = 0;
	c->causes_cap = cap;
	return true;
}

static void cause_note(struct conn *c, struct domain *d)
{
	const uint32_t at = (c->causes_head + c->causes_nr) % c->causes_cap;

	c->causes[at] = (struct conn_cause){ out_end(c), d->birth, d->domid };
	c->causes_nr++;
	d->outstanding++;
}

void conn_reset(struct conn *c)
{
	watch_del_all(c);
	while (!link_empty(&c->txns))
		txn_free(link_entry(c->txns.next, struct txn, link));
	causes_settle(c, UINT64_MAX);
	c->out_done = out_end(c);
	c->out_mark = c->out_done;
	c->stalled_ms = 0;
	journal_reset(c);
	c->journal_end = 0;
	buf_free(&c->out);
	account_out(c);
}

void conn_fini(struct conn *c)
{
	conn_reset(c);
	link_del(&c->journal);
	free(c->causes);
	c->causes = NULL;
	c->causes_cap = 0;
	link_del(&c->dirty);
	link_del(&c->throttled);
	link_del(&c->link);
}

bool conn_may_read(struct conn *c, uint64_t now_ms)
{
	struct xs *xs = c->xs;

	if (c->broken)
		return false;
	if (c->priv)
		return buf_len(&c->out) < OUT_STOP_SOCKET;
	if (buf_len(&c->out) >= OUT_STOP_GUEST ||
	    c->dom->outstanding >= xs->quota.outstanding)
		return false;
	if (quota_may_ask(xs, c->dom, now_ms))
		return true;
	if (link_empty(&c->throttled))
		link_add_tail(&xs->throttled, &c->throttled);
	return false;
}

void conn_sent(struct conn *c, size_t n)
{
	const uint64_t end = c->out_done + n;

	if (n == 0)
		return;
	if (n == buf_len(&c->out))
		c->out_mark = end;
	while (c->out_mark < end)
		c->out_mark += WIRE_HEAD + msg_head(c, c->out_mark).len;
	buf_drop(&c->out, n);
	c->out_done = end;
	c->stalled_ms = 0;
	causes_settle(c, end);
	account_out(c);
}

void conn_idle(struct conn *c)
{
	if (buf_len(&c->out))
		return;
	buf_free(&c->out);
	account_out(c);
}

/*
 * Rewrite the output without its whole unsent events; replies stay. Event
 * offsets move, so all watches forget their last one.
 */
static void drop_events(struct conn *c)
{
	uint64_t at = c->out_mark, to = c->out_mark;
	const uint64_t end = out_end(c);
	uint8_t *base = buf_head(&c->out);
	struct xsd_sockmsg head;
	struct link *pos;
	size_t size;

	while (at < end) {
		head = msg_head(c, at);
		size = WIRE_HEAD + head.len;
		if (head.type != XS_WATCH_EVENT) {
			memmove(base + (to - c->out_done),
				base + (at - c->out_done), size);
			to += size;
		}
		at += size;
	}
	c->out.tail -= end - to;
	journal_output(c, true);
	causes_settle(c, UINT64_MAX);
	link_for_each(pos, &c->watches)
		link_entry(pos, struct watch, in_conn)->last_event = 0;
}

void conn_stalled(struct conn *c, uint64_t now_ms)
{
	if (c->stalled_ms == 0) {
		c->stalled_ms = now_ms;
		return;
	}
	if (now_ms - c->stalled_ms < c->xs->quota.event_age_ms)
		return;
	/*
	 * A stopped program of the control domain keeps its events, but the
	 * guests that caused them shall not stand still with it.
	 */
	if (c->priv) {
		causes_settle(c, UINT64_MAX);
		return;
	}
	if (!c->complained)
		log_msg("domain %u: its unread watch events are dropped after %u s",
			c->dom->domid, c->xs->quota.event_age_ms / 1000);
	c->complained = true;
	drop_events(c);
	c->stalled_ms = now_ms;
}

char *conn_reply_begin(struct conn *c)
{
	uint8_t *room = buf_room(&c->out, WIRE_MSG_MAX);

	return room ? (char *)room + WIRE_HEAD : NULL;
}

void conn_reply_end(struct conn *c, const struct xsd_sockmsg *head,
		    uint32_t len)
{
	struct xsd_sockmsg out = *head;

	out.len = len;
	memcpy(c->out.data + c->out.tail, &out, sizeof(out));
	c->out.tail += sizeof(out) + len;
	account_out(c);
	journal_output(c, false);
}

/* Is @w's last event still wholly unsent, and the same? */
static bool event_pending(const struct conn *c, const struct watch *w,
			  const char *path, size_t len, size_t payload)
{
	struct xsd_sockmsg head;

	if (w->last_event == 0 || w->last_event - 1 < c->out_done)
		return false;
	head = msg_head(c, w->last_event - 1);
	return head.len == payload &&
	       !memcmp(buf_head(&c->out) +
		       (w->last_event - 1 - c->out_done) + WIRE_HEAD,
		       path, len);
}

void conn_event(struct conn *c, struct watch *w, const char *path, size_t len,
		struct conn *cause)
{
	struct xsd_sockmsg head = { .type = XS_WATCH_EVENT };
	const bool counted = cause && !cause->priv;
	uint64_t at;
	uint8_t *to;

	path += w->base_len;
	len -= w->base_len;
	/* What no message can carry is not sent (XSA-324). */
	head.len = len + 1 + w->token_len + 1;
	if (c->broken || !wire_head_ok(&head))
		return;
	if (event_pending(c, w, path, len, head.len))
		return;
	if (c->priv && buf_len(&c->out) > OUT_BREAK_SOCKET) {
		log_msg("connection %u: does not read its events: given up",
			c->id);
		c->broken = true;
		conn_touch(c);
		return;
	}
	if (!c->priv && buf_len(&c->out) > OUT_DROP_GUEST)
		return;
	if (counted && !causes_room(c))
		return;
	to = buf_room(&c->out, WIRE_HEAD + head.len);
	if (!to)
		return;
	at = out_end(c);
	memcpy(to, &head, sizeof(head));
	to += sizeof(head);
	memcpy(to, path, len);
	to[len] = 0;
	memcpy(to + len + 1, w->token, w->token_len + 1);
	c->out.tail += sizeof(head) + head.len;
	w->last_event = at + 1;
	if (counted) {
		cause_note(c, cause->dom);
		quota_event_paid(cause->dom);
	}
	account_out(c);
	journal_output(c, false);
	conn_touch(c);
}
