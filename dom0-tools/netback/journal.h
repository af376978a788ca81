/* SPDX-License-Identifier: MIT */
/*
 * What a back-end process leaves for the one that takes its rings over.
 *
 * Requests are answered in order, and a request that was not answered still
 * stands in its slot: a new process reads it again.  The one thing that would
 * be lost is an answer that was written over its request and not yet
 * published.  So each batch of answers is noted here before it is written:
 *
 *	from = to = the index where the batch starts; the answers; to = its end
 *
 * If the guest has been shown exactly `from` answers, the new process writes
 * the batch once more and publishes it.  In every other case the batch was
 * published, or nothing of it had been written.
 *
 * The file is the supervisor's, on a file system in memory; processes of one
 * device map it one after the other.
 */
#ifndef NETBACK_JOURNAL_H
#define NETBACK_JOURNAL_H

#include "packet.h"
#include "ring.h"

#define NET_QUEUES_MAX	15u
#define NET_ANSWER_MAX	8u	/* bytes of an answer; slots are larger */

struct net_batch {
	uint32_t from, to;
	uint8_t answer[NET_RING_SLOTS][NET_ANSWER_MAX];
};

struct net_journal {
	char magic[8];
	uint32_t nr_mcast;
	uint8_t mcast[NET_MCAST_MAX][6];
	struct { struct net_batch tx, rx; } queue[NET_QUEUES_MAX];
};

/* Is it one of ours, or new (all zero, made ours)? */
bool net_journal_check(struct net_journal *j);
/* A connection to new rings. */
void net_journal_reset(struct net_journal *j);

/* Start a batch of answers at index @at. */
void net_batch_start(struct net_batch *b, uint32_t at);
/* Note one more answer; it counts from net_batch_close() on. */
static inline void net_batch_note(struct net_batch *b, unsigned int n,
				  const void *answer, size_t bytes)
{
	net_answer_copy(b->answer[(b->from + n) % NET_RING_SLOTS], answer,
			bytes);
}
void net_batch_close(struct net_batch *b, unsigned int n);
/* Write all of the batch into the ring: @bytes of each answer. */
static inline void net_batch_answer(const struct net_batch *b,
				    struct net_ring *r, size_t bytes)
{
	for (uint32_t at = b->from; at != b->to; at++)
		net_ring_answer(r, b->answer[at % NET_RING_SLOTS], bytes);
}
/*
 * Answer what a process before us was about to.  Returns how many answers
 * that were, to be published.
 */
unsigned int net_batch_redo(const struct net_batch *b, struct net_ring *r,
			    size_t bytes);

#endif
