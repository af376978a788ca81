/* SPDX-License-Identifier: MIT */
/* What outlives a process; see journal.h. */
#include "journal.h"

#include <stdatomic.h>
#include <string.h>

static const char magic[8] = "BHnet01";

/*
 * A process dies between two instructions, and the next one sees memory as
 * the processor had it then: it is the compiler that must keep the order.
 */
static void in_this_order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

bool net_journal_check(struct net_journal *j)
{
	static const char none[sizeof(magic)];

	if (!memcmp(j->magic, none, sizeof(none)))
		memcpy(j->magic, magic, sizeof(magic));
	return !memcmp(j->magic, magic, sizeof(magic));
}

void net_journal_reset(struct net_journal *j)
{
	j->nr_mcast = 0;
	for (unsigned int i = 0; i < NET_QUEUES_MAX; i++) {
		j->queue[i].tx.from = j->queue[i].tx.to = 0;
		j->queue[i].rx.from = j->queue[i].rx.to = 0;
	}
}

void net_batch_start(struct net_batch *b, uint32_t at)
{
	/* The batch before ends here: from < to holds until from moves. */
	b->from = b->to;
	in_this_order();
	b->to = at;
	in_this_order();
	b->from = at;
	in_this_order();
}

void net_batch_close(struct net_batch *b, unsigned int n)
{
	in_this_order();
	b->to = b->from + n;
	in_this_order();
}

unsigned int net_batch_redo(const struct net_batch *b, struct net_ring *r,
			    size_t bytes)
{
	const uint32_t n = b->to - b->from;
	const int waiting = net_ring_waiting(r);

	if (b->from != r->rsp_prod || n > NET_RING_SLOTS ||
	    waiting < 0 || n > (unsigned int)waiting)
		return 0;
	r->req_cons += n;
	net_batch_answer(b, r, bytes);
	return n;
}
