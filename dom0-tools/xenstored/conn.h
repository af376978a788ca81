/* SPDX-License-Identifier: MIT */
/*
 * One client: its identity, its watches and transactions, and the bytes that
 * wait for it. Bytes come in by conn_request(), one whole message at a time,
 * and leave by conn_sent(), whatever carries them.
 */
#ifndef XS_CONN_H
#define XS_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/buf.h"
#include "../common/list.h"
#include "wire.h"

struct xs;
struct domain;
struct txn;
struct watch;
struct conn;

struct conn_ops {
	/* There is output, or room for input again (see conn_may_read). */
	void (*service)(struct conn *c);
	/* Note in the journal what only the shell knows, or NULL. */
	void (*keep)(struct conn *c);
};

/* An event in the output that somebody else's request caused. */
struct conn_cause {
	uint64_t end;		/* stream offset behind the event */
	uint64_t birth;
	uint16_t domid;
};

struct conn {
	struct xs *xs;
	struct domain *dom;	/* whose connection this is */
	const struct conn_ops *ops;
	bool priv;
	bool broken;		/* out of order for good: ignore it */
	bool complained;	/* about its unread events */
	uint32_t id;		/* for the log */
	char base[24];		/* what relative paths are below; "": none */
	struct link link;	/* in xs.conns */
	struct link dirty;	/* in xs.dirty */
	struct link throttled;	/* in xs.throttled */
	struct link journal;	/* in journal.pending */
	uint64_t journal_end;	/* offset of the first byte not noted there */
	struct link watches;
	uint32_t nr_watches;
	struct link txns;
	uint32_t nr_txns, last_txn;
	/* Output. Offsets count all bytes since the connection began. */
	struct buf out;
	size_t out_charged;	/* what of out.cap is on the domain's account */
	uint64_t out_done;	/* offset of the first unsent byte */
	uint64_t out_mark;	/* first message boundary >= out_done */
	uint64_t stalled_ms;	/* since when nothing moved; 0: moves */
	struct conn_cause *causes;	/* FIFO in a ring of causes_cap */
	uint32_t causes_head, causes_nr, causes_cap;
};

void conn_init(struct conn *c, struct xs *xs, struct domain *d, bool priv,
	       const struct conn_ops *ops);
/* Drop watches, transactions, output; the memory of *@c is the owner's. */
void conn_fini(struct conn *c);
/* Back to the state after conn_init: a guest that reconnects. */
void conn_reset(struct conn *c);

/* Execute one message; the reply is in c->out afterwards. */
void conn_request(struct conn *c, const struct xsd_sockmsg *head,
		  const char *payload);
/* May the next request be looked at? If not, service() is called later. */
bool conn_may_read(struct conn *c, uint64_t now_ms);
/* @n bytes of c->out have left; they are dropped from it. */
void conn_sent(struct conn *c, size_t n);
/* Nothing waits: give the output's memory back. */
void conn_idle(struct conn *c);
/* The receiver does not take anything: drop what became too old. */
void conn_stalled(struct conn *c, uint64_t now_ms);
/* Have the shell look at @c after this batch. */
void conn_touch(struct conn *c);

/* For watch.c: queue "@path, @w's token" because of @cause. */
void conn_event(struct conn *c, struct watch *w, const char *path, size_t len,
		struct conn *cause);

/* Reply building (request.c). Payload space for up to 4096 bytes. */
char *conn_reply_begin(struct conn *c);
void conn_reply_end(struct conn *c, const struct xsd_sockmsg *head,
		    uint32_t len);

#endif
