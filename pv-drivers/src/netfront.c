/* SPDX-License-Identifier: MIT */
/*
 * Two rings.  In each, a request names one of our pages by its number, and the
 * answer that names it gives it back.  A number that is not out there breaks
 * the device, and so does a length that leaves the page.
 *
 * A frame of several pages is as many requests, or answers, in a row.  What is
 * left to do for it stands in a slot of its own behind the first.  Such a slot
 * names no page: to the other side it is answered by "null", and from there it
 * takes the place of an answer, and with it the page of the request that was
 * in that place.
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

static bool take_answer(struct pv_net *n)
{
	struct netif_tx_response a;

	RING_COPY_RESPONSE(&n->tx_ring, n->tx_ring.rsp_cons, &a);
	n->tx_ring.rsp_cons++;
	if (a.status == NETIF_RSP_NULL && n->tx_extras) {
		n->tx_extras--;
		return true;
	}
	if (!take_back(&n->tx, a.id))
		return false;
	n->tx_free[n->nr_tx_free++] = (uint8_t)a.id;
	n->dropped += a.status != NETIF_RSP_OKAY;
	return true;
}

/*
 * Take back the pages whose frames are sent; false: nonsense.  The next event
 * is wanted when half of what is still out there is sent.
 */
static bool reclaim(struct pv_net *n)
{
	struct netif_tx_sring *ring = n->tx_ring.sring;
	uint32_t prod, out;

	do {
		prod = PV_READ(ring->rsp_prod);
		xen_rmb();
		if (RING_RESPONSE_PROD_OVERFLOW(&n->tx_ring, prod))
			return false;
		while (n->tx_ring.rsp_cons != prod)
			if (!take_answer(n))
				return false;
		out = n->tx_ring.req_prod_pvt - prod;
		PV_WRITE(ring->rsp_event, prod + 1 + out / 2);
		xen_mb();
	} while (PV_READ(ring->rsp_prod) != prod);
	return true;
}

static void put_extra(struct pv_net *n, const struct pv_net_offload *o)
{
	struct netif_extra_info *x = (struct netif_extra_info *)
		RING_GET_REQUEST(&n->tx_ring, n->tx_ring.req_prod_pvt);

	*x = (struct netif_extra_info){ .type = XEN_NETIF_EXTRA_TYPE_GSO };
	x->u.gso.size = o->gso_size;
	x->u.gso.type = o->ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6
				: XEN_NETIF_GSO_TYPE_TCPV4;
	n->tx_ring.req_prod_pvt++;
	n->tx_extras++;
}

/* A page of it; `size` is what the ABI wants there, the whole frame's or ours. */
static void put_page(struct pv_net *n, const char *from, size_t bytes,
		     size_t size, unsigned int flags)
{
	unsigned int id = n->tx_free[--n->nr_tx_free];
	struct netif_tx_request *q = RING_GET_REQUEST(&n->tx_ring,
						      n->tx_ring.req_prod_pvt);

	__builtin_memcpy(n->tx.page[id], from, bytes);
	q->gref = n->tx.ref[id];
	q->offset = 0;
	q->flags = flags;
	q->id = id;
	q->size = size;
	n->tx_ring.req_prod_pvt++;
	n->tx.theirs[id] = true;
}

static unsigned int pages_of(size_t bytes)
{
	return (bytes + PV_PAGE_SIZE - 1) / PV_PAGE_SIZE;
}

static bool put_locked(struct pv_net *n, const char *frame, size_t bytes,
		       const struct pv_net_offload *o)
{
	unsigned int nr = pages_of(bytes), flags = 0, i;
	size_t size = bytes, part;
	int notify;

	if (o->csum_blank)
		flags = NETTXF_csum_blank | NETTXF_data_validated;
	if (o->gso_size)
		flags |= NETTXF_extra_info;
	for (i = 0; i < nr; i++, frame += part, bytes -= part) {
		part = bytes < PV_PAGE_SIZE ? bytes : PV_PAGE_SIZE;
		put_page(n, frame, part, i ? part : size,
			 flags | (i + 1 < nr ? NETTXF_more_data : 0));
		if (!i && o->gso_size)
			put_extra(n, o);
		flags = 0;
	}
	n->sent++;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->tx_ring, notify);
	n->kicks += notify;
	return notify;
}

/* Is there room for such a frame now? */
static bool room(const struct pv_net *n, size_t bytes,
		 const struct pv_net_offload *o)
{
	unsigned int nr = pages_of(bytes);

	return n->nr_tx_free >= nr &&
	       RING_FREE_REQUESTS(&n->tx_ring) >= nr + (o->gso_size != 0);
}

/* May such a frame be put at all? */
static bool may_put(const struct pv_net *n, size_t bytes,
		    const struct pv_net_offload *o)
{
	if (bytes < ETHERNET_HEADER || bytes > PV_NET_MOST ||
	    pages_of(bytes) > n->tx.nr || (bytes > PV_PAGE_SIZE && !n->can_long))
		return false;
	if (o->csum_blank && !n->can_csum)
		return false;
	return !o->gso_size ||
	       (o->csum_blank && (o->ipv6 ? n->can_gso6 : n->can_gso4));
}

int pv_net_put_offload(struct pv_net *n, const void *frame, size_t bytes,
		       const struct pv_net_offload *o)
{
	static const struct pv_net_offload none;
	bool sane = true, notify = false;
	int rc = 0;

	if (!o)
		o = &none;
	pv_os_lock(&n->lock);
	if (!n->running)
		rc = -XEN_ENODEV;
	else if (!may_put(n, bytes, o))
		rc = -XEN_EINVAL;
	else if (!room(n, bytes, o))
		sane = reclaim(n);
	if (!rc && sane && !room(n, bytes, o))
		rc = -XEN_EAGAIN;
	if (!rc && sane)
		notify = put_locked(n, frame, bytes, o);
	pv_os_unlock(&n->lock);
	if (notify)
		pv_evtchn_send(n->dev.pv, n->port);
	if (!sane) {
		pv_device_break(&n->dev, "the back-end answered what was not sent");
		return -XEN_ENODEV;
	}
	return rc;
}

int pv_net_put(struct pv_net *n, const void *frame, size_t bytes)
{
	if (bytes < ETHERNET_HEADER || bytes > PV_PAGE_SIZE)
		return -XEN_EINVAL;
	return pv_net_put_offload(n, frame, bytes, NULL);
}

unsigned int pv_net_sending(const struct pv_net *n)
{
	return n->running ? n->tx.nr - PV_READ(n->nr_tx_free) : 0;
}

/* ---- To receive ---- */

/* Hand page `id` to the back-end; push() shows it. */
static void post(struct pv_net *n, unsigned int id)
{
	struct netif_rx_request *q =
		RING_GET_REQUEST(&n->rx_ring, n->rx_ring.req_prod_pvt);

	q->id = id;
	q->gref = n->rx.ref[id];
	n->rx_id[n->rx_ring.req_prod_pvt % PV_NET_RX_RING] = id;
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
	if (!take_back(&n->rx, a.id) ||
	    ((a.flags & NETRXF_extra_info) && !n->offload) ||
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

/*
 * Slots that say what is left to do, up to `nr` of them; how many there were,
 * or -1 for nonsense.  Each stands in the place of one of our pages.
 */
static int take_extras(struct pv_net *n, int nr, struct pv_net_offload *o)
{
	struct netif_rx_response a;
	struct netif_extra_info x;
	unsigned int id;
	int taken = 0;

	_Static_assert(sizeof(x) == sizeof(a), "a slot is a slot");
	do {
		if (taken++ == nr)
			return -1;
		id = n->rx_id[n->rx_ring.rsp_cons % PV_NET_RX_RING];
		RING_COPY_RESPONSE(&n->rx_ring, n->rx_ring.rsp_cons, &a);
		n->rx_ring.rsp_cons++;
		if (!take_back(&n->rx, id))
			return -1;
		post(n, id);
		__builtin_memcpy(&x, &a, sizeof(x));
		if (x.type == XEN_NETIF_EXTRA_TYPE_GSO) {
			if (!x.u.gso.size ||
			    (x.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
			     x.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6))
				return -1;
			o->gso_size = x.u.gso.size;
			o->ipv6 = x.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6;
		}
	} while (x.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return taken;
}

/* A frame may come in pieces, an answer each; all but the last say "more". */
static int take_frame(struct pv_net *n, char *to, size_t size, int nr,
		      struct pv_net_offload *o)
{
	unsigned int flags = NETRXF_more_data;
	bool whole = true, first = true;
	size_t length = 0;
	int rc, extras;

	*o = (struct pv_net_offload){ .csum_blank = false };
	while ((flags & NETRXF_more_data) && nr-- > 0) {
		rc = take(n, to + length, whole ? size - length : 0, &flags);
		if (rc == -XEN_EIO)
			return rc;
		if (rc < 0)
			whole = false;
		else
			length += rc;
		if (first)
			o->csum_blank = flags & NETRXF_csum_blank;
		if (flags & NETRXF_extra_info) {
			extras = first ? take_extras(n, nr, o) : -1;
			if (extras < 0)
				return -XEN_EIO;
			nr -= extras;
		}
		first = false;
	}
	if (flags & NETRXF_more_data)
		return -XEN_EIO;	/* pieces come all at once */
	return whole ? (int)length : -XEN_E2BIG;
}

int pv_net_get_offload(struct pv_net *n, void *frame, size_t size,
		       struct pv_net_offload *o)
{
	struct pv_net_offload ignored;
	bool notify = false;
	int nr, rc = -XEN_ENODEV;

	if (!o)
		o = &ignored;
	pv_os_lock(&n->lock);
	while (n->running) {
		nr = waiting(n);
		rc = nr > 0 ? take_frame(n, frame, size, nr, o)
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

int pv_net_get(struct pv_net *n, void *frame, size_t size)
{
	return pv_net_get_offload(n, frame, size, NULL);
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

enum { RX_COPY, MAC, SG, GSO4, GSO6, NO_CSUM, CSUM6, NR_ASKED };

static unsigned int ask(struct pv_device *d, struct pv_key *key)
{
	static const char names[NR_ASKED][26] = {
		[RX_COPY] = "feature-rx-copy", [MAC] = "mac",
		[SG] = "feature-sg", [GSO4] = "feature-gso-tcpv4",
		[GSO6] = "feature-gso-tcpv6",
		[NO_CSUM] = "feature-no-csum-offload",
		[CSUM6] = "feature-ipv6-csum-offload",
	};
	struct pv_net *n = of(d);
	unsigned int i;

	for (i = 0; i < NR_ASKED; i++)
		key[i] = (struct pv_key){ .name = names[i],
					  .what = PV_READ_NUMBER };
	key[MAC].what = PV_READ_TEXT;
	key[MAC].into = n->mac_text;
	key[MAC].size = sizeof(n->mac_text);
	return NR_ASKED;
}

static void learn(struct pv_net *n, const struct pv_key *key)
{
	n->can_long = n->offload && key[SG].number;
	n->can_csum = n->offload && !key[NO_CSUM].number;
	n->can_csum6 = n->can_csum && key[CSUM6].number;
	n->can_gso4 = n->can_long && n->can_csum && key[GSO4].number;
	n->can_gso6 = n->can_long && n->can_csum6 && key[GSO6].number;
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
	n->tx_extras = 0;
	for (i = 0; i < n->rx.nr; i++)
		post(n, i);
	push(n, true);
	return 0;
}

static void write_key(struct pv_key *key, unsigned int *nr, const char *name,
		      uint64_t number)
{
	key[(*nr)++] = (struct pv_key){ .name = name, .number = number,
					.what = PV_WRITE_NUMBER };
}

static int prepare(struct pv_device *d, struct pv_key *key, unsigned int *nr)
{
	struct pv_net *n = of(d);
	int rc;

	if (!key[RX_COPY].number || !parse_mac(n->mac_text, n->mac))
		return -XEN_EINVAL;
	learn(n, key);
	rc = make(n);
	if (rc)
		return rc;
	rc = pv_evtchn_listen(d->pv, d->peer_id, event, n);
	if (rc < 0)
		return rc;
	n->port = rc;
	*nr = 0;
	write_key(key, nr, "tx-ring-ref", n->tx_ref);
	write_key(key, nr, "rx-ring-ref", n->rx_ref);
	write_key(key, nr, "event-channel", n->port);
	write_key(key, nr, "request-rx-copy", 1);
	write_key(key, nr, "feature-rx-notify", 1);
	if (!n->offload) {
		write_key(key, nr, "feature-no-csum-offload", 1);
		return 0;
	}
	write_key(key, nr, "feature-sg", 1);
	write_key(key, nr, "feature-gso-tcpv4", 1);
	write_key(key, nr, "feature-gso-tcpv6", 1);
	write_key(key, nr, "feature-ipv6-csum-offload", 1);
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
