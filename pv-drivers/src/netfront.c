/* SPDX-License-Identifier: MIT */
/*
 * Two rings.  In each, a request names one of our pages by its number, and the
 * answer that names it gives it back.  A number that is not out there breaks
 * the device, and so does a length that leaves the page.
 */
#include <pv/netfront.h>
#include <pv/pv.h>

#define ETHERNET_HEADER	14

static struct pv_net *of(struct pv_device *d)
{
	return (struct pv_net *)d;
}

/* Is `id` a page that they have?  Then it is ours again. */
static bool take_back(struct pv_net_buffers *b, unsigned int id)
{
	if (id >= b->nr || !b->theirs[id])
		return false;
	b->theirs[id] = false;
	return true;
}

/* ---- To send ---- */

/* Take back the pages whose frames are sent; false: nonsense. */
static bool reclaim(struct pv_net *n)
{
	struct netif_tx_response a;
	uint32_t prod;
	int more;

	do {
		prod = PV_READ(n->tx_ring.sring->rsp_prod);
		xen_rmb();
		if (RING_RESPONSE_PROD_OVERFLOW(&n->tx_ring, prod))
			return false;
		while (n->tx_ring.rsp_cons != prod) {
			RING_COPY_RESPONSE(&n->tx_ring, n->tx_ring.rsp_cons,
					   &a);
			n->tx_ring.rsp_cons++;
			if (!take_back(&n->tx, a.id))
				return false;
			n->tx_free[n->nr_tx_free++] = (uint8_t)a.id;
			n->dropped += a.status != NETIF_RSP_OKAY;
		}
		RING_FINAL_CHECK_FOR_RESPONSES(&n->tx_ring, more);
	} while (more);
	return true;
}

static bool put_locked(struct pv_net *n, const void *frame, size_t bytes)
{
	struct netif_tx_request *q;
	unsigned int id = n->tx_free[--n->nr_tx_free];
	int notify;

	__builtin_memcpy(n->tx.page[id], frame, bytes);
	q = RING_GET_REQUEST(&n->tx_ring, n->tx_ring.req_prod_pvt);
	q->gref = n->tx.ref[id];
	q->offset = 0;
	q->flags = 0;
	q->id = id;
	q->size = bytes;
	n->tx_ring.req_prod_pvt++;
	n->tx.theirs[id] = true;
	n->sent++;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->tx_ring, notify);
	n->kicks += notify;
	return notify;
}

int pv_net_put(struct pv_net *n, const void *frame, size_t bytes)
{
	bool sane = true, notify = false;
	int rc = 0;

	if (bytes < ETHERNET_HEADER || bytes > PV_PAGE_SIZE)
		return -XEN_EINVAL;
	pv_os_lock(&n->lock);
	if (!n->running)
		rc = -XEN_ENODEV;
	else if (!n->nr_tx_free)
		sane = reclaim(n);
	if (!rc && sane && !n->nr_tx_free)
		rc = -XEN_EAGAIN;
	if (!rc && sane)
		notify = put_locked(n, frame, bytes);
	pv_os_unlock(&n->lock);
	if (notify)
		pv_evtchn_send(n->dev.pv, n->port);
	if (!sane) {
		pv_device_break(&n->dev, "the back-end answered what was not sent");
		return -XEN_ENODEV;
	}
	return rc;
}

/* ---- To receive ---- */

/* Hand page `id` to the back-end; push() shows it. */
static void post(struct pv_net *n, unsigned int id)
{
	struct netif_rx_request *q =
		RING_GET_REQUEST(&n->rx_ring, n->rx_ring.req_prod_pvt);

	q->id = id;
	q->gref = n->rx.ref[id];
	n->rx_ring.req_prod_pvt++;
	n->rx.theirs[id] = true;
}

/* Show posted pages, a quarter of them at a time, or all (`now`). */
static bool push(struct pv_net *n, bool now)
{
	uint32_t hidden = n->rx_ring.req_prod_pvt -
			  n->rx_ring.sring->req_prod;
	int notify;

	if (!now && hidden < n->rx.nr / 4 + 1)
		return false;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->rx_ring, notify);
	n->kicks += notify;
	return notify;
}

/*
 * Take one answer.  Its bytes go to `to`, if there is room for them.  Bytes,
 * or -XEN_E2BIG for too many, or -XEN_EIO for nonsense.  *flags: the answer's.
 */
static int take(struct pv_net *n, char *to, size_t size, unsigned int *flags)
{
	struct netif_rx_response a;
	int rc;

	RING_COPY_RESPONSE(&n->rx_ring, n->rx_ring.rsp_cons, &a);
	n->rx_ring.rsp_cons++;
	*flags = a.flags;
	if (!take_back(&n->rx, a.id) || (a.flags & NETRXF_extra_info) ||
	    (a.status > 0 && (a.offset > PV_PAGE_SIZE ||
			      a.status > PV_PAGE_SIZE - a.offset)))
		return -XEN_EIO;
	rc = a.status;
	if (rc < 0 || (size_t)rc > size)
		rc = -XEN_E2BIG;
	else
		__builtin_memcpy(to, (char *)n->rx.page[a.id] + a.offset,
				 (size_t)rc);
	post(n, a.id);
	return rc;
}

/* How many answers wait; when there are none, ask for an event.  -1: nonsense */
static int waiting(struct pv_net *n)
{
	uint32_t prod = PV_READ(n->rx_ring.sring->rsp_prod);
	int more;

	xen_rmb();
	if (RING_RESPONSE_PROD_OVERFLOW(&n->rx_ring, prod))
		return -1;
	if (prod != n->rx_ring.rsp_cons)
		return (int)(prod - n->rx_ring.rsp_cons);
	RING_FINAL_CHECK_FOR_RESPONSES(&n->rx_ring, more);
	return more ? waiting(n) : 0;
}

/* A frame may come in pieces, an answer each; all but the last say "more". */
static int take_frame(struct pv_net *n, char *to, size_t size, int nr)
{
	unsigned int flags = NETRXF_more_data;
	bool whole = true;
	size_t length = 0;
	int rc;

	while ((flags & NETRXF_more_data) && nr-- > 0) {
		rc = take(n, to + length, whole ? size - length : 0, &flags);
		if (rc == -XEN_EIO)
			return rc;
		if (rc < 0)
			whole = false;
		else
			length += rc;
	}
	if (flags & NETRXF_more_data)
		return -XEN_EIO;	/* pieces come all at once */
	return whole ? (int)length : -XEN_E2BIG;
}

int pv_net_get(struct pv_net *n, void *frame, size_t size)
{
	bool notify = false;
	int nr, rc = -XEN_ENODEV;

	pv_os_lock(&n->lock);
	while (n->running) {
		nr = waiting(n);
		rc = nr > 0 ? take_frame(n, frame, size, nr)
			    : nr ? -XEN_EIO : 0;
		if (rc != -XEN_EIO)
			notify |= push(n, nr <= 1);
		if (rc > 0)
			n->received++;
		if (nr <= 0 || rc > 0 || rc == -XEN_EIO)
			break;
		n->dropped++;
	}
	pv_os_unlock(&n->lock);
	if (notify)
		pv_evtchn_send(n->dev.pv, n->port);
	if (rc == -XEN_EIO) {
		pv_device_break(&n->dev, "the back-end delivered what is no frame");
		return -XEN_ENODEV;
	}
	return rc;
}

static void event(void *ctx)
{
	struct pv_net *n = ctx;
	bool sane;

	if (!n->running)
		return;
	pv_os_lock(&n->lock);
	sane = reclaim(n);
	pv_os_unlock(&n->lock);
	if (!sane)
		pv_device_break(&n->dev, "the back-end answered what was not sent");
	else if (n->ready)
		n->ready(n);
}

/* ---- Coming and going ---- */

static int make_buffers(struct pv *pv, domid_t peer, struct pv_net_buffers *b,
			unsigned int nr, bool read_only)
{
	int rc;

	for (b->nr = 0; b->nr < nr; b->nr++) {
		b->theirs[b->nr] = false;
		b->page[b->nr] = pv_os_pages(pv, 1);
		if (!b->page[b->nr])
			return -XEN_ENOMEM;
		rc = pv_grant(pv, peer, b->page[b->nr], read_only);
		b->ref[b->nr] = rc < 0 ? 0 : rc;
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A page that they do not give back is left to them. */
static void give_back(struct pv_net *n, void *page, uint32_t ref,
		      bool resumed)
{
	if (!page)
		return;
	if (resumed || !ref || !pv_grant_end(n->dev.pv, ref))
		pv_os_free_pages(n->dev.pv, page, 1);
	else
		pv_os_log(n->dev.pv, n->dev.path, "a page is lost: the back-end keeps it");
}

static void free_buffers(struct pv_net *n, struct pv_net_buffers *b,
			 bool resumed)
{
	unsigned int i;

	for (i = 0; i < PV_NET_TX_RING; i++) {
		give_back(n, b->page[i], b->ref[i], resumed);
		b->page[i] = NULL;
		b->ref[i] = 0;
	}
	b->nr = 0;
}

static unsigned int ask(struct pv_device *d, struct pv_key *key)
{
	struct pv_net *n = of(d);

	key[0] = (struct pv_key){ .name = "feature-rx-copy",
				  .what = PV_READ_NUMBER };
	key[1] = (struct pv_key){ .name = "mac", .what = PV_READ_TEXT,
				  .into = n->mac_text,
				  .size = sizeof(n->mac_text) };
	return 2;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "00:16:3e:01:02:03"; false: it is no address. */
static bool parse_mac(const char *s, uint8_t *mac)
{
	int i, high, low;

	for (i = 0; i < 6; i++, s += 3) {
		high = hex(s[0]);
		low = high < 0 ? -1 : hex(s[1]);
		if (low < 0 || s[2] != (i < 5 ? ':' : 0))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Both rings, with their grants. */
static int make_rings(struct pv_net *n)
{
	struct pv *pv = n->dev.pv;
	struct netif_tx_sring *tx = pv_os_pages(pv, 1);
	struct netif_rx_sring *rx = pv_os_pages(pv, 1);
	int tx_ref, rx_ref;

	n->tx_ring.sring = tx;
	n->rx_ring.sring = rx;
	if (!tx || !rx)
		return -XEN_ENOMEM;
	SHARED_RING_INIT(tx);
	SHARED_RING_INIT(rx);
	FRONT_RING_INIT(&n->tx_ring, tx, PV_PAGE_SIZE);
	FRONT_RING_INIT(&n->rx_ring, rx, PV_PAGE_SIZE);
	tx_ref = pv_grant(pv, n->dev.peer_id, tx, false);
	n->tx_ref = tx_ref < 0 ? 0 : tx_ref;
	rx_ref = pv_grant(pv, n->dev.peer_id, rx, false);
	n->rx_ref = rx_ref < 0 ? 0 : rx_ref;
	return tx_ref < 0 || rx_ref < 0 ? -XEN_ENOSPC : 0;
}

static int make(struct pv_net *n)
{
	struct pv *pv = n->dev.pv;
	unsigned int i;
	int rc = make_rings(n);

	if (!rc)
		rc = make_buffers(pv, n->dev.peer_id, &n->tx, n->tx_pages, true);
	if (!rc)
		rc = make_buffers(pv, n->dev.peer_id, &n->rx, n->rx_pages, false);
	if (rc)
		return rc;
	for (i = 0; i < n->tx.nr; i++)
		n->tx_free[i] = (uint8_t)i;
	n->nr_tx_free = n->tx.nr;
	for (i = 0; i < n->rx.nr; i++)
		post(n, i);
	push(n, true);
	return 0;
}

static int prepare(struct pv_device *d, struct pv_key *key, unsigned int *nr)
{
	static const char flags[][24] = {
		"request-rx-copy", "feature-rx-notify", "feature-no-csum-offload",
	};
	struct pv_net *n = of(d);
	unsigned int i;
	int rc;

	if (!key[0].number || !parse_mac(n->mac_text, n->mac))
		return -XEN_EINVAL;
	rc = make(n);
	if (rc)
		return rc;
	rc = pv_evtchn_listen(d->pv, d->peer_id, event, n);
	if (rc < 0)
		return rc;
	n->port = rc;
	key[0] = (struct pv_key){ .name = "tx-ring-ref", .number = n->tx_ref,
				  .what = PV_WRITE_NUMBER };
	key[1] = (struct pv_key){ .name = "rx-ring-ref", .number = n->rx_ref,
				  .what = PV_WRITE_NUMBER };
	key[2] = (struct pv_key){ .name = "event-channel", .number = n->port,
				  .what = PV_WRITE_NUMBER };
	for (i = 0; i < 3; i++)
		key[3 + i] = (struct pv_key){ .name = flags[i], .number = 1,
					      .what = PV_WRITE_NUMBER };
	*nr = 6;
	return 0;
}

static void up(struct pv_device *d, const struct pv_key *key)
{
	(void)key;
	of(d)->running = true;
	if (of(d)->ready)
		of(d)->ready(of(d));
}

static void stop(struct pv_device *d)
{
	struct pv_net *n = of(d);

	n->running = false;
	pv_evtchn_close(d->pv, n->port);
	n->port = 0;
}

static void release(struct pv_device *d, bool again, bool resumed)
{
	struct pv_net *n = of(d);

	(void)again;
	n->running = false;
	if (resumed)
		n->port = 0;
	free_buffers(n, &n->tx, resumed);
	free_buffers(n, &n->rx, resumed);
	give_back(n, n->tx_ring.sring, n->tx_ref, resumed);
	give_back(n, n->rx_ring.sring, n->rx_ref, resumed);
	n->tx_ring.sring = NULL;
	n->rx_ring.sring = NULL;
	n->tx_ref = n->rx_ref = 0;
}

static const struct pv_class net_class = {
	.type = "vif",
	.offered = XenbusStateConnected,
	.ask = ask,
	.prepare = prepare,
	.up = up,
	.stop = stop,
	.release = release,
};

static unsigned int pages_or(unsigned int wanted, unsigned int otherwise)
{
	if (!wanted)
		return otherwise;
	return wanted < PV_NET_TX_RING ? wanted : PV_NET_TX_RING;
}

void pv_net_open(struct pv *pv, struct pv_net *n, unsigned int number)
{
	n->tx_pages = pages_or(n->tx_pages, 32);
	n->rx_pages = pages_or(n->rx_pages, 64);
	pv_device_open(pv, &n->dev, &net_class, number);
}

/* ---- Synchronous ---- */

int pv_net_send(struct pv_net *n, const void *frame, size_t bytes,
		uint64_t deadline)
{
	int rc;

	while ((rc = pv_net_put(n, frame, bytes)) == -XEN_EAGAIN &&
	       pv_clock_now(n->dev.pv) < deadline)
		pv_os_wait(n->dev.pv, deadline);
	return rc;
}

int pv_net_receive(struct pv_net *n, void *frame, size_t size,
		   uint64_t deadline)
{
	int rc;

	while (!(rc = pv_net_get(n, frame, size))) {
		if (pv_clock_now(n->dev.pv) >= deadline)
			return -XEN_EAGAIN;
		pv_os_wait(n->dev.pv, deadline);
	}
	return rc;
}
