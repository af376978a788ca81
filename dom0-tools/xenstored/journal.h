/* SPDX-License-Identifier: MIT */
/*
 * What a killed store daemon leaves to the next one.
 *
 * Every change of the state in struct xs that must survive is appended to a
 * piece of memory that outlives the process (a file on a tmpfs, mapped):
 * nodes, domain records, and for the connections over rings their watches,
 * the ids of their transactions, how far their requests were taken, and every
 * byte that they are sent.  Nothing is written with a system call.
 *
 * A request and all that follows from it become one step: journal_commit()
 * moves the one number that says how much counts.  What a request does is
 * committed before its answer is put into the ring, and how far the answer got
 * is read from the ring itself; so a request whose step is not there has not
 * happened, and is executed again from the ring, and one whose step is there
 * is answered exactly once.
 *
 * There are two areas.  When one holds several times what the state takes, the
 * whole state is written into the other, which counts from the moment that its
 * sequence number is the higher; so what is gone from the store takes no memory
 * here either.
 *
 * Not kept: transactions' contents (their commit fails with EAGAIN), clients
 * of the socket (they connect again), quotas that were changed by hand.
 */
#ifndef XS_JOURNAL_H
#define XS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/list.h"

struct xs;
struct conn;
struct node;
struct domain;
struct path;
struct perms;

#define JOURNAL_MAGIC	0x31535858u

struct journal_head {
	uint32_t magic;
	uint32_t boot;		/* the shell's: which start of the machine */
	uint64_t sequence;	/* 0: not in use */
	uint64_t committed;	/* bytes behind the head that count */
};

struct journal {
	struct journal_head *area[2];
	unsigned int now;	/* which area */
	size_t len;		/* bytes behind the head, committed or not */
	size_t soft;		/* up to here the other area is not taken */
	size_t per_node;	/* bytes for each node when all was written */
	size_t room;		/* what area[now] may hold */
	struct link pending;	/* connections with output not yet written */
	bool off;		/* it failed: the state is not kept any more */
	/* More room in area I, at least N bytes with the head, or false. */
	bool (*grow)(void *arg, unsigned int i, size_t n);
	/* Area I was left: only its head will be looked at.  NULL: ignored. */
	void (*leave)(void *arg, unsigned int i);
	void *arg;
};

/* Start an empty journal for XS (empty too), or one after a restore. */
void journal_start(struct xs *xs, struct journal *j);
/* The end of a step. */
void journal_commit(struct xs *xs);

/* ---- Changes; all do nothing when XS has no journal ---- */

void journal_link(struct xs *xs, const struct node *n);
void journal_value(struct xs *xs, const struct node *n);
void journal_perms(struct xs *xs, const struct node *n);
void journal_remove(struct xs *xs, const struct node *n);
void journal_domain(struct xs *xs, const struct domain *d);
void journal_forget(struct xs *xs, const struct domain *d);
void journal_watch(struct conn *c, const char *path, size_t len,
		   const char *token, uint16_t base_len, bool on);
void journal_txn(struct conn *c, uint32_t id, bool open);
void journal_reset(struct conn *c);
/* C has more output than was written yet; or other output than that. */
void journal_output(struct conn *c, bool rewritten);
/* The ring of a domain: its remote port, where its replies stand, and how
 * far its requests were taken, of which USED bytes at PART wait for the rest. */
void journal_ring(struct conn *c, uint32_t port, uint32_t rsp_prod,
		  bool broken);
void journal_taken(struct conn *c, uint32_t req_cons, const void *part,
		   uint32_t used);

/* ---- The next daemon ---- */

/* What the shell is given to bring a ring back. */
struct journal_revival {
	uint32_t port, bias, req_cons, used;
	bool broken;
	const uint8_t *part;
};

struct journal_reader {
	/* A connection for D's ring, without the ring; NULL: no memory.
	 * d->conn is set by this. */
	struct conn *(*conn)(void *arg, struct domain *d);
	/* Everything is read: the ring of D, whose connection is there. */
	void (*ring)(void *arg, struct domain *d,
		     const struct journal_revival *r);
	void *arg;
};

/* Is this area one that counts?  Its sequence number, or 0. */
uint64_t journal_valid(const struct journal_head *h, size_t size);
/* Into an empty XS. 0, -EINVAL (the area is damaged), -ENOMEM. */
int journal_restore(struct xs *xs, const struct journal_head *h,
		    const struct journal_reader *reader);

#endif
