/* SPDX-License-Identifier: MIT */
/*
 * The store's client.  Messages are a header and a body; they go through two
 * rings of 1024 bytes, in pieces when they are longer than the room.
 *
 * Requests wait in two lists: `out` for those that are not wholly in the ring
 * yet, in their order, and `sent` for those whose answer is to come.  An
 * answer is written straight to where its request wants it.  Watch events and
 * error names are short; they are kept in xenbus.text.
 */
#include <pv/pv.h>

#include "text.h"

#define RING	XENSTORE_RING_SIZE

/* ---- Errors by name ---- */

static const struct { char name[12]; int error; } errors[] = {
	{ "ENOENT", XEN_ENOENT }, { "EACCES", XEN_EACCES },
	{ "EAGAIN", XEN_EAGAIN }, { "EEXIST", XEN_EEXIST },
	{ "EINVAL", XEN_EINVAL }, { "EISDIR", XEN_EISDIR },
	{ "ENOMEM", XEN_ENOMEM }, { "ENOSPC", XEN_ENOSPC },
	{ "EBUSY", XEN_EBUSY }, { "EROFS", XEN_EROFS },
	{ "E2BIG", XEN_E2BIG }, { "EPERM", XEN_EPERM },
	{ "ENOSYS", XEN_ENOSYS }, { "EISCONN", XEN_EISCONN },
	{ "ENOTEMPTY", XEN_ENOTEMPTY },
};

static int error_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (text_same(errors[i].name, name))
			return -errors[i].error;
	return -XEN_EIO;
}

/* ---- Out ---- */

/* Copy up to n bytes into the ring; the number that fitted. */
static size_t ring_put(struct xenstore_domain_interface *r, const char *from,
		       size_t n)
{
	uint32_t prod = r->req_prod;
	uint32_t used = prod - PV_READ(r->req_cons);
	size_t i;

	if (used > RING)
		return 0;
	xen_mb();
	if (n > RING - used)
		n = RING - used;
	for (i = 0; i < n; i++)
		r->req[MASK_XENSTORE_IDX(prod++)] = from[i];
	xen_wmb();
	PV_WRITE(r->req_prod, prod);
	return n;
}

/* Where byte `at` of a message is, and how many follow it there. */
static const char *piece(const struct pv_xs_req *r, size_t at, size_t *n)
{
	unsigned int i;

	if (at < sizeof(r->head)) {
		*n = sizeof(r->head) - at;
		return (const char *)&r->head + at;
	}
	at -= sizeof(r->head);
	for (i = 0; at >= r->part[i].n; i++)
		at -= r->part[i].n;
	*n = r->part[i].n - at;
	return (const char *)r->part[i].bytes + at;
}

/* Move bytes of the waiting requests into the ring while there is room. */
static bool send_some(struct pv_xenbus *x)
{
	struct pv_xs_req *r;
	bool any = false;
	size_t n, done;

	while ((r = x->out)) {
		const char *from = piece(r, x->out_at, &n);

		done = ring_put(x->ring, from, n);
		any |= done != 0;
		x->out_at += done;
		if (done < n)
			break;
		if (x->out_at < sizeof(r->head) + r->head.len)
			continue;
		x->out_at = 0;
		x->out = r->next;
		if (!x->out)
			x->out_end = &x->out;
		r->next = x->sent;
		x->sent = r;
	}
	return any;
}

static void finish(struct pv_xs_req *r, int rc)
{
	r->rc = rc;
	r->waiting = false;
	if (r->done)
		r->done(r);
}

static void add_part(struct pv_xs_req *r, const void *bytes, size_t n)
{
	if (!n)
		return;
	r->part[r->nr_parts].bytes = bytes;
	r->part[r->nr_parts++].n = n;
	r->head.len += n;
}

static void queue(struct pv_xenbus *x, struct pv_xs_req *r)
{
	bool notify;

	r->waiting = true;
	if (x->broken || r->head.len > XENSTORE_PAYLOAD_MAX) {
		finish(r, x->broken ? -XEN_EIO : -XEN_E2BIG);
		return;
	}
	pv_os_lock(&x->lock);
	r->head.req_id = x->next_id++;
	r->next = NULL;
	*x->out_end = r;
	x->out_end = &r->next;
	notify = send_some(x);
	pv_os_unlock(&x->lock);
	if (notify)
		pv_evtchn_send(x->pv, x->port);
}

static void begin(struct pv_xs_req *r, uint32_t type, uint32_t tx)
{
	r->head.type = type;
	r->head.tx_id = tx;
	r->head.len = 0;
	r->nr_parts = 0;
	r->len = 0;
}

void pv_xs_submit(struct pv *pv, struct pv_xs_req *r, uint32_t type,
		  uint32_t tx, const char *dir, const char *name,
		  const void *value, size_t n)
{
	begin(r, type, tx);
	add_part(r, dir, text_length(dir));
	if (name) {
		add_part(r, "/", 1);
		add_part(r, name, text_length(name));
	}
	add_part(r, "", 1);
	add_part(r, value, n);
	queue(&pv->xenbus, r);
}

/* ---- Watches ---- */

static void unwatched(struct pv_xs_req *r)
{
	struct pv_xs_watch *w = r->ctx;

	if (w->gone)
		w->gone(w);
}

static void submit_watch(struct pv *pv, struct pv_xs_watch *w, uint32_t type)
{
	w->req.reply = NULL;
	w->req.size = 0;
	w->req.done = type == XS_UNWATCH ? unwatched : NULL;
	w->req.ctx = w;
	begin(&w->req, type, 0);
	add_part(&w->req, w->path, text_length(w->path) + 1);
	add_part(&w->req, w->token, text_length(w->token) + 1);
	queue(&pv->xenbus, &w->req);
}

void pv_xs_watch(struct pv *pv, struct pv_xs_watch *w)
{
	struct pv_xenbus *x = &pv->xenbus;

	pv_os_lock(&x->lock);
	text_number(w->token, x->next_token++);
	w->next = x->watches;
	x->watches = w;
	pv_os_unlock(&x->lock);
	submit_watch(pv, w, XS_WATCH);
}

void pv_xs_unwatch(struct pv *pv, struct pv_xs_watch *w,
		   void (*gone)(struct pv_xs_watch *w))
{
	struct pv_xenbus *x = &pv->xenbus;
	struct pv_xs_watch **at;

	pv_os_lock(&x->lock);
	for (at = &x->watches; *at && *at != w; at = &(*at)->next)
		;
	if (*at)
		*at = w->next;
	pv_os_unlock(&x->lock);
	w->gone = gone;
	submit_watch(pv, w, XS_UNWATCH);
}

/* The n-th watch from the youngest; a handler may change the list. */
static struct pv_xs_watch *nth_watch(struct pv_xenbus *x, unsigned int n)
{
	struct pv_xs_watch *w;

	for (w = x->watches; w && n; w = w->next)
		n--;
	return w;
}

/*
 * An event is the path that changed and the token.  One that was too long to
 * keep may be anybody's, so everybody looks.
 */
static void watch_event(struct pv_xenbus *x)
{
	const char *token = x->text + text_length(x->text) + 1;
	bool all = x->in.len >= sizeof(x->text);
	struct pv_xs_watch *w;
	unsigned int i;

	if (!all && token >= x->text + x->in.len)
		return;
	for (i = 0; (w = nth_watch(x, i)); i++) {
		if (all)
			w->changed(w);
		else if (text_same(w->token, token)) {
			w->changed(w);
			return;
		}
	}
}

/* ---- In ---- */

static struct pv_xs_req *take_sent(struct pv_xenbus *x, uint32_t id)
{
	struct pv_xs_req **at, *r;

	pv_os_lock(&x->lock);
	for (at = &x->sent; *at && (*at)->head.req_id != id; )
		at = &(*at)->next;
	r = *at;
	if (r)
		*at = r->next;
	pv_os_unlock(&x->lock);
	return r;
}

/* The store speaks nonsense, or is gone: nothing will be answered any more. */
static void give_up(struct pv_xenbus *x)
{
	struct pv_xs_req *lists[2], *r;
	int i;

	x->broken = true;
	pv_os_lock(&x->lock);
	lists[0] = x->sent;
	lists[1] = x->out;
	x->sent = x->out = NULL;
	x->out_end = &x->out;
	pv_os_unlock(&x->lock);
	if (x->in_req)
		finish(x->in_req, -XEN_EIO);
	x->in_req = NULL;
	for (i = 0; i < 2; i++)
		while ((r = lists[i])) {
			lists[i] = r->next;
			finish(r, -XEN_EIO);
		}
	pv_os_log(x->pv, "store", "the connection broke: the store sent what is no message");
}

/* A header is complete: whose message is it? */
static bool header(struct pv_xenbus *x)
{
	if (x->in.len > XENSTORE_PAYLOAD_MAX)
		return false;
	x->in_req = NULL;
	if (x->in.type == XS_WATCH_EVENT)
		return true;
	x->in_req = take_sent(x, x->in.req_id);
	return x->in_req && (x->in.type == XS_ERROR ||
			     x->in.type == x->in_req->head.type);
}

static void message(struct pv_xenbus *x)
{
	struct pv_xs_req *r = x->in_req;
	size_t n = x->in.len;

	x->in_req = NULL;
	x->text[n < sizeof(x->text) ? n : sizeof(x->text) - 1] = 0;
	if (!r) {
		watch_event(x);
		return;
	}
	if (x->in.type == XS_ERROR) {
		finish(r, error_by_name(x->text));
		return;
	}
	r->len = n;
	if (r->size)
		r->reply[n < r->size ? n : r->size - 1] = 0;
	finish(r, r->size && n >= r->size ? -XEN_E2BIG : 0);
}

/* Where the next bytes of the message go, and how many; NULL: nowhere. */
static char *place(struct pv_xenbus *x, size_t *n)
{
	bool text = !x->in_req || x->in.type == XS_ERROR;
	char *to = text ? x->text : x->in_req->reply;
	size_t size = text ? sizeof(x->text) : x->in_req->size;
	size_t at;

	if (x->in_at < sizeof(x->in)) {
		*n = sizeof(x->in) - x->in_at;
		return (char *)&x->in + x->in_at;
	}
	at = x->in_at - sizeof(x->in);
	*n = x->in.len - at;
	if (at >= size)
		return NULL;
	if (*n > size - at)
		*n = size - at;
	return to + at;
}

static void ring_get(struct xenstore_domain_interface *r, char *to, size_t n)
{
	uint32_t cons = r->rsp_cons;
	size_t i;

	for (i = 0; i < n && to; i++)
		to[i] = PV_READ(r->rsp[MASK_XENSTORE_IDX(cons + i)]);
	xen_mb();
	PV_WRITE(r->rsp_cons, cons + n);
}

/* Take one piece of a message out of the ring; false when there is none. */
static bool receive_some(struct pv_xenbus *x)
{
	uint32_t there = PV_READ(x->ring->rsp_prod) - x->ring->rsp_cons;
	size_t n;
	char *to;

	if (!there || x->broken)
		return false;
	xen_rmb();
	if (there > RING) {
		give_up(x);
		return false;
	}
	to = place(x, &n);
	if (n > there)
		n = there;
	ring_get(x->ring, to, n);
	x->in_at += n;
	if (x->in_at == sizeof(x->in) && !header(x)) {
		give_up(x);
		return false;
	}
	if (x->in_at >= sizeof(x->in) &&
	    x->in_at == sizeof(x->in) + x->in.len) {
		x->in_at = 0;
		message(x);
	}
	return true;
}

static void event(void *ctx)
{
	struct pv_xenbus *x = ctx;
	bool notify = false, sent;

	while (receive_some(x))
		notify = true;
	pv_os_lock(&x->lock);
	sent = send_some(x);
	pv_os_unlock(&x->lock);
	if (notify || sent)
		pv_evtchn_send(x->pv, x->port);
}

static int attach(struct pv *pv)
{
	struct pv_xenbus *x = &pv->xenbus;
	int rc;

	if (!pv->start->store_evtchn)
		return -XEN_ENODEV;
	x->port = pv->start->store_evtchn;
	x->ring = pv_os_at(pv, pv->start->store_mfn);
	x->broken = false;
	x->in_at = x->out_at = 0;
	x->in_req = NULL;
	rc = pv_evtchn_bind(pv, x->port, event, x);
	return rc < 0 ? rc : 0;
}

int pv_xenbus_init(struct pv *pv)
{
	struct pv_xenbus *x = &pv->xenbus;

	x->pv = pv;
	x->out = x->sent = NULL;
	x->out_end = &x->out;
	x->watches = NULL;
	x->next_id = x->next_token = 1;
	x->broken = true;
	return attach(pv);
}

int pv_xenbus_resume(struct pv *pv)
{
	struct pv_xenbus *x = &pv->xenbus;
	struct pv_xs_watch **at = &x->watches, *w;
	int rc = attach(pv);

	while (!rc && (w = *at)) {
		if (w->lapses) {
			*at = w->next;
			continue;
		}
		submit_watch(pv, w, XS_WATCH);
		at = &w->next;
	}
	return rc;
}

/* ---- Synchronous ---- */

int pv_xs_wait(struct pv *pv, struct pv_xs_req *r)
{
	while (PV_READ(r->waiting))
		pv_os_wait(pv, UINT64_MAX);
	return r->rc;
}

static int ask(struct pv *pv, uint32_t type, const char *dir,
	       const char *name, const char *value, char *to, size_t size)
{
	struct pv_xs_req r = { .reply = to, .size = size };

	pv_xs_submit(pv, &r, type, 0, dir, name, value,
		     value ? text_length(value) : 0);
	pv_xs_wait(pv, &r);
	return r.rc ? r.rc : (int)r.len;
}

int pv_xs_read(struct pv *pv, const char *dir, const char *name, char *to,
	       size_t size)
{
	return ask(pv, XS_READ, dir, name, NULL, to, size);
}

int pv_xs_write(struct pv *pv, const char *dir, const char *name,
		const char *value)
{
	int rc = ask(pv, XS_WRITE, dir, name, value, NULL, 0);

	return rc < 0 ? rc : 0;
}

int pv_xs_remove(struct pv *pv, const char *dir, const char *name)
{
	int rc = ask(pv, XS_RM, dir, name, NULL, NULL, 0);

	return rc < 0 ? rc : 0;
}

int pv_xs_list(struct pv *pv, const char *dir, const char *name, char *to,
	       size_t size)
{
	return ask(pv, XS_DIRECTORY, dir, name, NULL, to, size);
}
