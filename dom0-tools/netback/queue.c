/* SPDX-License-Identifier: MIT */
/*
 * One queue of a card: the way of a packet.
 *
 * From the guest: requests are copied off the ring, all packets of a batch
 * are fetched with one grant copy into our own pages, looked at there and
 * written to the TAP; then all are answered at once.  To the guest: packets
 * are read from the TAP into our own pages, as many as fit into the buffers
 * that the guest has offered, and put there with one grant copy.
 *
 * A guest that sent one small packet has nothing to do with its answer but to
 * free a buffer, which it also does when it sends the next one. Its event is
 * half of the price of the packet: it waits for LATER_NS, unless there is more
 * to tell. A packet that counts, or a second one, is told of at once, for a
 * guest may have to stop sending until then.
 *
 * The kernel's queue of the TAP is what waits while a guest offers no
 * buffers; its length bounds what a stalled guest can hold.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xen/grant_table.h>

#include "pages.h"
#include "vif.h"

#define TX_BATCH	64u	/* packets */
#define RX_BATCH	64u
#define FRAME_PAGES	17u	/* of the largest frame */
/* A packet takes at most two pages more than it has slots. */
#define TX_NEED		(NET_TX_SLOTS + 2)
#define TX_PAGES	128u
#define RX_PAGES	128u
#define SEGS		(NET_RING_SLOTS + 2u)

/* So many events in a row that bring nothing are the end; see backend.h. */
#define FLOOD_END	1000u

/* The event of one packet of at most so many bytes can wait; so long. */
#define SMALL		256u
#define LATER_NS	2000000

/* So long packets wait for a guest that offers no buffers. */
#define STARVED_MS	10000u
/* A guest that does not announce its buffers is looked at so often. */
#define POLL_MS		30u

struct tx_job {
	struct net_tx tx;
	enum net_verdict verdict;
	unsigned int first_seg, nr_segs;
	uint8_t *at;		/* where the frame starts, its header before */
	unsigned int nr_iov;
	struct iovec iov[NET_TX_SLOTS + 1];
	int status;
};

struct rx_job {
	struct virtio_net_hdr_mrg_rxbuf hdr;
	struct net_rx_plan plan;
	size_t len;
	unsigned int first_seg, nr_segs;
};

/* One thread, one queue at a time: what a batch needs is shared. */
static struct tx_job tx_job[TX_BATCH];
static struct rx_job rx_job[RX_BATCH];
static backend_seg seg[SEGS];
static struct pages pages;	/* first those from guests */
static int later_fd;

int queue_memory(void)
{
	later_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (later_fd < 0)
		return -errno;
	return pages_open(&pages, TX_PAGES + RX_PAGES);
}

/* ---- from the guest ---- */

/*
 * Where the parts of a packet go: behind each other where no part is cut by
 * the end of a page (a copy would be two), else at the next page. The first
 * ends with its page when others follow, so that whole pages follow it.
 *
 * The kernel makes a page of its own of each piece but the first, which it
 * copies into its buffer for headers: a piece is never more than a page of
 * ours, and the first one of a packet without others only its headers.
 */
static uint8_t *place(struct queue *q, struct tx_job *j, uint8_t *at,
		      unsigned int *nr_segs)
{
	const struct net_frag *f = j->tx.frag;
	struct iovec *iov = j->iov;
	size_t in_page;

	j->first_seg = *nr_segs;
	at += NET_PAGE - ((uintptr_t)at & (NET_PAGE - 1));
	/* The page before is for the header, if the part fills its page. */
	if (j->tx.nr_frags > 1 || f->len + NET_TAP_HDR > NET_PAGE)
		at += 2 * NET_PAGE - f->len;
	else
		at += NET_TAP_HDR;
	j->at = at;
	*iov = (struct iovec){ at - NET_TAP_HDR, NET_TAP_HDR };
	j->nr_iov = 1;
	for (unsigned int i = 0; i < j->tx.nr_frags; i++, f++) {
		in_page = (uintptr_t)at & (NET_PAGE - 1);
		if (in_page + f->len > NET_PAGE)
			at += NET_PAGE - in_page;
		if (i && !((uintptr_t)at & (NET_PAGE - 1))) {
			*++iov = (struct iovec){ at, 0 };
			j->nr_iov++;
		}
		if (f->len)
			pages_fetch(&pages, &seg[(*nr_segs)++],
				    q->vif->be->domid, f, at);
		iov->iov_len += f->len;
		at += f->len;
	}
	j->nr_segs = *nr_segs - j->first_seg;
	if (j->nr_iov == 1 && j->tx.len > NET_HEAD_MAX) {
		iov->iov_len = NET_TAP_HDR + NET_HEAD_MAX;
		iov[1] = (struct iovec){ j->at + NET_HEAD_MAX,
					 j->tx.len - NET_HEAD_MAX };
		j->nr_iov = 2;
	}
	return at;
}

static void note_mcast(struct vif *v, struct tx_job *j)
{
	bool ok = true;

	for (unsigned int i = 0; i < j->tx.nr_mcast; i++)
		ok &= net_mcast_change(&v->filter, &j->tx.mcast[i]);
	j->status = ok ? NETIF_RSP_OKAY : NETIF_RSP_ERROR;
	v->journal->nr_mcast = v->filter.nr_mcast;
	memcpy(v->journal->mcast, v->filter.mcast, sizeof(v->filter.mcast));
}

static void tx_resume(void *arg)
{
	((struct queue *)arg)->tx_ready = true;
}

/* May more be sent now? If not, a timer goes on. */
static bool tx_open(struct queue *q)
{
	struct vif *v = q->vif;
	uint64_t ms;

	if (!v->from_guest.rate ||
	    net_bucket_open(&v->from_guest, vif_now_us(), &ms))
		return true;
	loop_timer_set(&v->be->loop, &q->tx_timer, ms);
	return false;
}

/* Take packets off the ring; the number of them, or -1 after a breach. */
static int tx_gather(struct queue *q, unsigned int *nr_segs, bool *held)
{
	struct vif *v = q->vif;
	int waiting = net_ring_waiting(&q->tx);
	uint8_t *at = pages.at;
	const uint8_t *last = at + (TX_PAGES - TX_NEED - 1) * NET_PAGE;
	unsigned int n = 0;
	struct tx_job *j;

	if (waiting < 0) {
		vif_breach(v, "it announced more requests to send than its ring has slots");
		return -1;
	}
	while (waiting > 0 && n < TX_BATCH && at <= last) {
		*held = !tx_open(q);
		if (*held)
			break;
		j = &tx_job[n];
		j->verdict = net_tx_take(&q->tx, waiting, &j->tx);
		if (j->verdict == NET_BREACH) {
			char how[128];

			snprintf(how, sizeof(how), j->tx.why, j->tx.why_value);
			vif_breach(v, "it %s", how);
			return -1;
		}
		waiting -= j->tx.slots;
		j->status = NETIF_RSP_ERROR;
		j->nr_segs = 0;
		n++;
		if (j->verdict == NET_NOTED)
			note_mcast(v, j);
		else if (j->verdict == NET_DROP)
			vif_dropped(v, &v->tx, "from", "its slots are not as the ABI has them");
		if (j->verdict != NET_TAKE)
			continue;
		net_bucket_take(&v->from_guest, j->tx.len);
		at = place(q, j, at, nr_segs);
	}
	return n;
}

/* Did every part arrive? A grant that is none is a breach. */
static bool copied(struct queue *q, unsigned int first, unsigned int n,
		   bool fetch)
{
	bool ok = true;

	for (unsigned int i = first; i < first + n && q->live; i++) {
		if (seg[i].status == GNTST_okay)
			continue;
		ok = false;
		if (seg[i].status == GNTST_bad_gntref ||
		    seg[i].status == GNTST_permission_denied)
			vif_breach(q->vif, "it gave a %s whose grant (%u) does not hold",
				   fetch ? "packet to send" : "buffer",
				   pages_theirs(&seg[i], fetch));
	}
	return ok;
}

/* The first bytes of a packet in one piece, for looking at its headers. */
static uint8_t *head_of(struct tx_job *j, uint8_t *copy, size_t *n)
{
	size_t take, have = 0;

	*n = j->tx.len < NET_HEAD_MAX ? j->tx.len : NET_HEAD_MAX;
	if (j->iov[0].iov_len - NET_TAP_HDR >= *n)
		return j->at;
	for (unsigned int i = 0; i < j->nr_iov && have < *n; i++) {
		const size_t skip = i ? 0 : NET_TAP_HDR;

		take = j->iov[i].iov_len - skip;
		if (take > *n - have)
			take = *n - have;
		memcpy(copy + have, (uint8_t *)j->iov[i].iov_base + skip, take);
		have += take;
	}
	return copy;
}

/* A head that was changed in the copy goes back to where it came from. */
static void head_back(struct tx_job *j, const uint8_t *copy, size_t n)
{
	size_t put, have = 0;

	for (unsigned int i = 0; i < j->nr_iov && have < n; i++) {
		const size_t skip = i ? 0 : NET_TAP_HDR;

		put = j->iov[i].iov_len - skip;
		if (put > n - have)
			put = n - have;
		memcpy((uint8_t *)j->iov[i].iov_base + skip, copy + have, put);
		have += put;
	}
}

static bool tx_write(struct queue *q, const struct iovec *iov,
		     unsigned int n)
{
	ssize_t r;

	do
		r = writev(q->tap, iov, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		vif_dropped(q->vif, &q->vif->tx, "from", strerror(errno));
	return r >= 0;
}

/* @bytes of a packet from byte @from on, its headers included, as pieces. */
static unsigned int part_of(const struct tx_job *j, size_t from, size_t bytes,
			    struct iovec *out)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < j->nr_iov && bytes; i++) {
		const struct iovec *v = &j->iov[i];

		if (from >= v->iov_len) {
			from -= v->iov_len;
			continue;
		}
		out[n] = (struct iovec){ (uint8_t *)v->iov_base + from,
					 v->iov_len - from };
		if (out[n].iov_len > bytes)
			out[n].iov_len = bytes;
		bytes -= out[n++].iov_len;
		from = 0;
	}
	return n;
}

/* One that is longer than what Linux makes, and a TAP takes: as two. */
static bool tx_halves(struct queue *q, struct tx_job *j, uint8_t *head,
		      size_t n, const struct virtio_net_hdr *v)
{
	uint8_t other[NET_TAP_HDR + NET_HEAD_MAX];
	struct iovec iov[NET_TX_SLOTS + 2];
	struct net_headers h;
	uint32_t bytes;

	net_headers_find(head, n, &h);
	memcpy(other, j->at - NET_TAP_HDR, NET_TAP_HDR);
	bytes = net_tx_halve(head, other + NET_TAP_HDR, &h, j->tx.len,
			     v->gso_size);
	if (!bytes)
		return tx_write(q, j->iov, j->nr_iov);
	if (head != j->at)
		head_back(j, head, n);
	n = part_of(j, 0, NET_TAP_HDR + h.end + bytes, iov);
	if (!tx_write(q, iov, n))
		return false;
	iov[0] = (struct iovec){ other, NET_TAP_HDR + h.end };
	n = part_of(j, NET_TAP_HDR + h.end + bytes, j->tx.len, iov + 1);
	return tx_write(q, iov, n + 1);
}

static void tx_send(struct queue *q, struct tx_job *j)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = 0 };
	struct vif *v = q->vif;
	uint8_t copy[NET_HEAD_MAX], *head;
	const char *why;
	size_t n;
	bool ok;

	head = head_of(j, copy, &n);
	why = net_may_send(&v->filter, head, n);
	if (!why && !v->link)
		why = "the link is down";
	if (!why)
		why = net_tx_describe(&j->tx, head, n, &hdr.hdr);
	if (why) {
		vif_dropped(v, &v->tx, "from", why);
		return;
	}
	if (head == copy)
		head_back(j, copy, n);
	memcpy(j->at - NET_TAP_HDR, &hdr, NET_TAP_HDR);
	if (j->tx.len > NET_WRITE_MAX && hdr.hdr.gso_type)
		ok = tx_halves(q, j, head, n, &hdr.hdr);
	else
		ok = tx_write(q, j->iov, j->nr_iov);
	if (!ok)
		return;
	j->status = NETIF_RSP_OKAY;
	v->tx.packets++;
	v->tx.bytes += j->tx.len;
}

static void tell(struct queue *q)
{
	q->tx_untold = false;
	backend_notify(q->vif->be, q->tx_port);
}

static void tell_later(struct queue *q)
{
	const struct itimerspec at = { .it_value.tv_nsec = LATER_NS };

	q->tx_untold = true;
	if (q->vif->later)
		return;
	q->vif->later = !timerfd_settime(later_fd, 0, &at, NULL);
	if (!q->vif->later)
		tell(q);
}

static void later_is_now(void *arg, uint32_t events)
{
	struct vif *v = arg;
	uint64_t times;

	(void)events;
	if (read(later_fd, &times, sizeof(times)) < 0)
		return;
	v->later = false;
	for (unsigned int i = 0; i < v->queues; i++) {
		struct queue *q = &v->queue[i];

		if (!q->live || !q->tx_untold)
			continue;
		q->tx_untold = false;
		if (net_ring_unseen(&q->tx))
			tell(q);
	}
}

int queue_later_open(struct vif *v)
{
	v->later = false;
	return loop_add(&v->be->loop, &v->later_src, later_fd, EPOLLIN,
			later_is_now, v);
}

void queue_later_close(struct vif *v)
{
	if (v->later_src.fn)
		loop_del(&v->be->loop, &v->later_src);
	v->later_src.fn = NULL;
}

static void tx_answer(struct queue *q, unsigned int jobs)
{
	const bool few = jobs == 1 && tx_job[0].tx.len <= SMALL;
	const bool owed = q->tx_untold && net_ring_unseen(&q->tx);
	struct netif_tx_response rsp;
	unsigned int n = 0;

	net_batch_start(q->tx_note, q->tx.rsp_prod);
	for (unsigned int i = 0; i < jobs; i++) {
		for (unsigned int s = 0; s < tx_job[i].tx.slots; s++) {
			rsp = net_tx_response(&tx_job[i].tx, s,
					      tx_job[i].status);
			net_batch_note(q->tx_note, n++, &rsp, sizeof(rsp));
		}
	}
	net_batch_close(q->tx_note, n);
	net_batch_answer(q->tx_note, &q->tx, sizeof(rsp));
	if (!net_ring_publish(&q->tx) && !owed)
		return;
	if (few && !owed)
		tell_later(q);
	else
		tell(q);
}

/* One batch; true: there may be more. */
static bool tx_round(struct queue *q)
{
	unsigned int nr_segs = 0;
	bool held = false;
	int n;

	n = tx_gather(q, &nr_segs, &held);
	if (n < 0)
		return false;
	if (nr_segs && backend_copy(q->vif->be, seg, nr_segs)) {
		vif_breach(q->vif, "its packets cannot be fetched: %s",
			   strerror(errno));
		return false;
	}
	for (int i = 0; i < n; i++) {
		struct tx_job *j = &tx_job[i];

		if (j->verdict != NET_TAKE)
			continue;
		if (copied(q, j->first_seg, j->nr_segs, true))
			tx_send(q, j);
		else
			q->vif->tx.dropped++;
		if (!q->live)
			return false;
	}
	if (n)
		tx_answer(q, n);
	q->tx_ready = !held && !net_ring_sleep(&q->tx, 1);
	return q->tx_ready;
}

/* ---- to the guest ---- */

/* The next packet of the TAP at @to; its length, 0: none. */
static size_t tap_read(struct queue *q, struct rx_job *j, uint8_t *to)
{
	struct iovec iov[2] = {
		{ &j->hdr, NET_TAP_HDR },
		{ to, FRAME_PAGES * NET_PAGE },
	};
	ssize_t r;

	do
		r = readv(q->tap, iov, 2);
	while (r < 0 && errno == EINTR);
	if (r <= (ssize_t)NET_TAP_HDR) {
		q->tap_ready = false;
		return 0;
	}
	return r - NET_TAP_HDR;
}

/* Is it for the guest? Plans it then. */
static bool rx_plan(struct queue *q, struct rx_job *j, uint8_t *frame)
{
	struct vif *v = q->vif;
	const char *why;

	if (!v->link || q->rx_drop) {
		v->rx.dropped++;
		return false;
	}
	why = net_rx_describe(&j->hdr.hdr, frame, j->len, &v->features,
			      &j->plan);
	/* Of what it needs at most, so much is offered. */
	if (!why && j->plan.slots > v->rx_need)
		why = "it is longer than the card's MTU allows";
	if (why) {
		vif_dropped(v, &v->rx, "to", why);
		return false;
	}
	/* Multicast that it did not ask for is not even counted. */
	return !v->features.multicast || net_wants(&v->filter, frame);
}

/* Give a packet the next requests, and note their answers. */
static void rx_place(struct queue *q, struct rx_job *j, uint8_t *frame,
		     unsigned int *slots, unsigned int *nr_segs)
{
	struct netif_rx_request req;
	struct netif_rx_response rsp;
	uint32_t at, bytes;

	j->first_seg = *nr_segs;
	for (unsigned int s = 0; s < j->plan.slots; s++, (*slots)++) {
		net_ring_peek(&q->rx, *slots, &req, sizeof(req));
		if (net_rx_part(&j->plan, j->len, s, &at, &bytes))
			pages_put(&pages, &seg[(*nr_segs)++],
				  q->vif->be->domid, req.gref, frame + at,
				  bytes);
		net_rx_slot(&j->plan, j->len, s, req.id, &rsp);
		net_batch_note(q->rx_note, *slots, &rsp, sizeof(rsp));
	}
	j->nr_segs = *nr_segs - j->first_seg;
	q->vif->rx.packets++;
	q->vif->rx.bytes += j->len;
	net_bucket_take(&q->vif->to_guest, j->len);
}

static void rx_resume(void *arg)
{
	struct queue *q = arg;

	/* A starved queue looks at its ring in every round. */
	if (q->rx_starved && !q->vif->rx_notify)
		return;
	/* Ten seconds without buffers: what waits is of no use any more. */
	q->rx_drop = q->rx_starved;
	q->rx_held = false;
	q->tap_ready = true;
	loop_mod(&q->vif->be->loop, &q->tap_src, EPOLLIN);
}

static bool rx_open(struct queue *q)
{
	struct vif *v = q->vif;
	uint64_t ms;

	if (!v->to_guest.rate ||
	    net_bucket_open(&v->to_guest, vif_now_us(), &ms))
		return true;
	q->rx_held = true;
	loop_timer_set(&v->be->loop, &q->rx_timer, ms);
	return false;
}

/* Packets of the TAP into our pages. */
static unsigned int rx_gather(struct queue *q, unsigned int waiting,
			      unsigned int *slots, unsigned int *nr_segs)
{
	const unsigned int need = q->rx_drop ? 0 : q->vif->rx_need;
	unsigned int n = 0, tries = 0;
	uint8_t *frame = pages.at + TX_PAGES * NET_PAGE;
	const uint8_t *last = frame + (RX_PAGES - FRAME_PAGES) * NET_PAGE;
	struct rx_job *j;

	net_batch_start(q->rx_note, q->rx.rsp_prod);
	while (tries++ < q->rx_burst && *slots + need <= waiting &&
	       frame <= last && rx_open(q)) {
		j = &rx_job[n];
		j->len = tap_read(q, j, frame);
		if (!j->len)
			break;
		if (!rx_plan(q, j, frame))
			continue;
		rx_place(q, j, frame, slots, nr_segs);
		frame += (j->len + NET_PAGE - 1) & ~(size_t)(NET_PAGE - 1);
		n++;
	}
	/* Ask for one at a time until more than one is there. */
	if (q->tap_ready && tries > q->rx_burst)
		q->rx_burst = q->rx_burst * 2 < RX_BATCH ? q->rx_burst * 2
							 : RX_BATCH;
	else
		q->rx_burst = n > 1 ? n : 1;
	return n;
}

static void rx_answer(struct queue *q, unsigned int slots)
{
	net_batch_close(q->rx_note, slots);
	q->rx.req_cons += slots;
	net_batch_answer(q->rx_note, &q->rx,
			 sizeof(struct netif_rx_response));
	if (net_ring_publish(&q->rx))
		backend_notify(q->vif->be, q->rx_port);
}

/* A packet that did not arrive whole: its slots say so. */
static void rx_failed(struct queue *q, const struct rx_job *j,
		      unsigned int slot)
{
	struct netif_rx_response rsp;
	uint8_t *noted;

	for (unsigned int s = 0; s < j->plan.slots; s++) {
		uint32_t at, bytes;

		if (!net_rx_part(&j->plan, j->len, s, &at, &bytes))
			continue;
		noted = q->rx_note->answer[(q->rx_note->from + slot + s) %
					   NET_RING_SLOTS];
		memcpy(&rsp, noted, sizeof(rsp));
		rsp.status = NETIF_RSP_ERROR;
		memcpy(noted, &rsp, sizeof(rsp));
	}
	q->vif->rx.dropped++;
}

static bool rx_deliver(struct queue *q, unsigned int n, unsigned int nr_segs)
{
	unsigned int slot = 0;

	if (backend_copy(q->vif->be, seg, nr_segs)) {
		vif_breach(q->vif, "packets cannot be put into its buffers: %s",
			   strerror(errno));
		return false;
	}
	for (unsigned int i = 0; i < n && q->live; i++) {
		if (!copied(q, rx_job[i].first_seg, rx_job[i].nr_segs,
			    false))
			rx_failed(q, &rx_job[i], slot);
		slot += rx_job[i].plan.slots;
	}
	return q->live;
}

/* The guest has to offer buffers before the TAP is read on. */
static bool rx_starve(struct queue *q)
{
	struct loop *l = &q->vif->be->loop;

	if (!net_ring_sleep(&q->rx, q->vif->rx_need))
		return false;
	loop_mod(l, &q->tap_src, 0);
	q->rx_starved = true;
	q->tap_ready = false;
	if (!loop_timer_armed(&q->rx_timer))
		loop_timer_set(l, &q->rx_timer, q->vif->rx_notify ?
			       STARVED_MS : POLL_MS);
	return true;
}

/* Enough buffers again? */
static bool rx_fed(struct queue *q, unsigned int waiting)
{
	if (waiting < q->vif->rx_need)
		return false;
	q->rx_starved = q->rx_drop = q->rx_held = false;
	loop_timer_cancel(&q->rx_timer);
	loop_mod(&q->vif->be->loop, &q->tap_src, EPOLLIN);
	q->tap_ready = true;
	return true;
}

static bool rx_round(struct queue *q)
{
	unsigned int slots = 0, nr_segs = 0, n;
	const int waiting = net_ring_waiting(&q->rx);

	if (waiting < 0) {
		vif_breach(q->vif, "it offered more buffers than its ring has slots");
		return false;
	}
	if (q->rx_starved && !rx_fed(q, waiting) && !q->rx_drop) {
		if (rx_starve(q))
			return false;
		return true;
	}
	if (!q->tap_ready || q->rx_held)
		return false;
	if (!q->rx_drop && (unsigned int)waiting < q->vif->rx_need)
		return !rx_starve(q);
	n = rx_gather(q, waiting, &slots, &nr_segs);
	if (n && !rx_deliver(q, n, nr_segs))
		return false;
	if (n)
		rx_answer(q, slots);
	if (q->rx_held)
		loop_mod(&q->vif->be->loop, &q->tap_src, 0);
	/* The loop says when the TAP has more. */
	q->tap_ready = false;
	return false;
}

/* ---- one round ---- */

/*
 * Was the guest's event about something?  When it was not, too often, the next
 * one has to wait, or the card is stopped; true then.  Indices only count when
 * they are higher than ever: they can be moved to and fro.
 */
static bool flooded(struct queue *q)
{
	const int waiting = net_ring_waiting(&q->rx);
	const uint32_t offered = q->rx.req_cons + (waiting > 0 ? waiting : 0);
	const bool more = (int32_t)(offered - q->rx_seen) > 0;

	q->idle_events = more || q->tx.req_cons != q->tx_seen ? 0 :
			 q->idle_events + 1;
	q->tx_seen = q->tx.req_cons;
	if (more)
		q->rx_seen = offered;
	if (q->idle_events > FLOOD_END)
		vif_breach(q->vif, "it sent %u events in a row without a request",
			   q->idle_events);
	else if (q->idle_events > BACKEND_FLOOD_FREE)
		loop_timer_set(&q->vif->be->loop, &q->flood_timer,
			       BACKEND_FLOOD_PAUSE_MS);
	return q->idle_events > BACKEND_FLOOD_FREE;
}

static void flood_over(void *arg)
{
	/* Whatever came meanwhile; the round ends with the unmasking. */
	((struct queue *)arg)->tx_ready = true;
}

static void unmask(struct queue *q)
{
	uint32_t ports[2];
	unsigned int n = 0;

	if (loop_timer_armed(&q->flood_timer))
		return;
	if (q->event) {
		q->event = false;
		if (flooded(q))
			return;
	}
	if (q->tx_masked && !q->tx_ready)
		ports[n++] = q->tx_port;
	if (q->rx_masked && q->rx_port != q->tx_port)
		ports[n++] = q->rx_port;
	q->tx_masked = q->tx_masked && q->tx_ready;
	q->rx_masked = false;
	if (n)
		backend_unmask(q->vif->be, ports, n);
}

bool queue_round(struct queue *q)
{
	bool more = false;

	if (q->tx_ready && !loop_timer_armed(&q->tx_timer))
		more = tx_round(q);
	if (q->live && (q->tap_ready || q->rx_masked || q->rx_starved))
		more |= rx_round(q);
	if (q->live && (q->tx_masked || q->rx_masked))
		unmask(q);
	return q->live && more;
}

/* ---- connection ---- */

static void tap_event(void *arg, uint32_t events)
{
	struct queue *q = arg;

	/* The next process gets one that is there. */
	if (events & (EPOLLERR | EPOLLHUP)) {
		backend_log(q->vif->be, "the link of queue %u has gone away",
			    q->nr);
		backend_exit(q->vif->be, BACKEND_EXIT_INTERNAL);
		return;
	}
	q->tap_ready = true;
}

void queue_init(struct queue *q, struct vif *v, unsigned int nr, int tap)
{
	*q = (struct queue){ .vif = v, .nr = nr, .tap = tap };
	loop_timer_init(&q->tx_timer, tx_resume, q);
	loop_timer_init(&q->rx_timer, rx_resume, q);
	loop_timer_init(&q->flood_timer, flood_over, q);
}

static const char *node(const struct queue *q, char *name, size_t n,
			const char *last)
{
	if (q->vif->queues > 1)
		snprintf(name, n, "queue-%u/%s", q->nr, last);
	else
		snprintf(name, n, "%s", last);
	return name;
}

static int map_ring(struct queue *q, const json_t *front, const char *last,
		    struct backend_map *map)
{
	struct backend *b = q->vif->be;
	char name[64];
	uint32_t gref;
	int rc = backend_front_u32(b, front, node(q, name, sizeof(name), last),
				   0, UINT32_MAX, &gref);

	if (rc == -ENOENT)
		return backend_why(b, -EINVAL, "its node %s is missing", name);
	return rc ? rc : backend_map(b, &gref, 1, map);
}

static int bind_port(struct queue *q, uint32_t remote, int *port)
{
	const int r = backend_bind(q->vif->be, remote);

	*port = r < 0 ? -1 : r;
	return r < 0 ? r : 0;
}

/* Two channels, or one for both. */
static int bind_ports(struct queue *q, const json_t *front)
{
	struct backend *b = q->vif->be;
	char one[64], tx[64], rx[64];
	uint32_t port, rx_port;
	int rc;

	rc = backend_front_u32(b, front, node(q, tx, sizeof(tx),
					      "event-channel-tx"),
			       1, UINT32_MAX, &port);
	if (rc == -ENOENT) {
		rc = backend_front_u32(b, front, node(q, one, sizeof(one),
						      "event-channel"),
				       1, UINT32_MAX, &port);
		if (rc == -ENOENT)
			return backend_why(b, -EINVAL, "it has neither a node %s nor %s", one, tx);
		if (!rc)
			rc = bind_port(q, port, &q->tx_port);
		q->rx_port = q->tx_port;
		return rc;
	}
	if (rc)
		return rc;
	rc = backend_front_u32(b, front, node(q, rx, sizeof(rx),
					      "event-channel-rx"),
			       1, UINT32_MAX, &rx_port);
	if (rc == -ENOENT)
		return backend_why(b, -EINVAL, "its node %s is missing", rx);
	if (rc)
		return rc;
	rc = bind_port(q, port, &q->tx_port);
	return rc ? rc : bind_port(q, rx_port, &q->rx_port);
}

static void start_rings(struct queue *q, bool resume)
{
	const uint32_t tx = resume ? net_ring_shown(q->tx_map.va) : 0;
	const uint32_t rx = resume ? net_ring_shown(q->rx_map.va) : 0;

	net_ring_init(&q->tx, q->tx_map.va, sizeof(struct netif_tx_request),
		      tx);
	net_ring_init(&q->rx, q->rx_map.va, sizeof(struct netif_rx_request),
		      rx);
	q->tx_note = &q->vif->journal->queue[q->nr].tx;
	q->rx_note = &q->vif->journal->queue[q->nr].rx;
	if (!resume)
		return;
	net_batch_redo(q->tx_note, &q->tx, sizeof(struct netif_tx_response));
	net_batch_redo(q->rx_note, &q->rx, sizeof(struct netif_rx_response));
	net_ring_publish(&q->tx);
	net_ring_publish(&q->rx);
}

int queue_connect(struct queue *q, const json_t *front, bool resume)
{
	int rc;

	q->tx_port = q->rx_port = -1;
	q->live = true;
	rc = map_ring(q, front, "tx-ring-ref", &q->tx_map);
	if (!rc)
		rc = map_ring(q, front, "rx-ring-ref", &q->rx_map);
	if (!rc)
		rc = bind_ports(q, front);
	if (!rc)
		rc = loop_add(&q->vif->be->loop, &q->tap_src, q->tap, EPOLLIN,
			      tap_event, q);
	if (rc) {
		queue_release(q);
		return rc;
	}
	start_rings(q, resume);
	q->tx_masked = q->rx_masked = q->event = false;
	q->tx_seen = q->tx.req_cons;
	q->rx_seen = q->rx.req_cons;
	q->idle_events = 0;
	q->rx_starved = q->rx_held = q->rx_drop = false;
	q->tx_ready = q->tap_ready = true;
	q->tx_untold = false;
	q->rx_burst = 1;
	/* Events may have gone to nobody. */
	backend_notify(q->vif->be, q->tx_port);
	if (q->rx_port != q->tx_port)
		backend_notify(q->vif->be, q->rx_port);
	return 0;
}

void queue_release(struct queue *q)
{
	struct backend *b = q->vif->be;

	if (!q->live)
		return;
	q->live = false;
	if (q->tap_src.fn)
		loop_del(&b->loop, &q->tap_src);
	q->tap_src.fn = NULL;
	loop_timer_cancel(&q->tx_timer);
	loop_timer_cancel(&q->rx_timer);
	loop_timer_cancel(&q->flood_timer);
	if (q->tx_port >= 0)
		backend_unbind(b, q->tx_port);
	if (q->rx_port >= 0 && q->rx_port != q->tx_port)
		backend_unbind(b, q->rx_port);
	backend_unmap(b, &q->tx_map);
	backend_unmap(b, &q->rx_map);
}
