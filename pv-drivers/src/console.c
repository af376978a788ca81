/* SPDX-License-Identifier: MIT */
/*
 * Two rings of bytes in one page, with free-running indices.  The other side
 * writes out_cons and in_prod: each is read once, and believed only as far as
 * it cannot lead us out of the ring.
 */
#include <pv/pv.h>
#include <xen/io/console.h>

static void event(void *ctx)
{
	struct pv_console *c = ctx;

	if (c->ready)
		c->ready(c->ctx);
}

int pv_console_init(struct pv *pv)
{
	struct pv_console *c = &pv->console;

	c->ring = NULL;
	if (!pv->start->console.domU.evtchn)
		return -XEN_ENODEV;
	c->port = pv->start->console.domU.evtchn;
	c->ring = pv_os_at(pv, pv->start->console.domU.mfn);
	return pv_evtchn_bind(pv, c->port, event, c) < 0 ? -XEN_ENOSPC : 0;
}

void pv_console_on_ready(struct pv *pv, pv_handler_fn *ready, void *ctx)
{
	pv->console.ready = NULL;
	pv->console.ctx = ctx;
	pv->console.ready = ready;
}

size_t pv_console_put(struct pv *pv, const void *bytes, size_t n)
{
	struct xencons_interface *r = pv->console.ring;
	const char *from = bytes;
	uint32_t prod, used;
	size_t i;

	if (!r)
		return n;
	prod = r->out_prod;
	used = prod - PV_READ(r->out_cons);
	xen_mb();		/* they read those bytes before we write here */
	if (used > sizeof(r->out))
		return n;	/* nonsense: nobody reads this console */
	if (n > sizeof(r->out) - used)
		n = sizeof(r->out) - used;
	for (i = 0; i < n; i++)
		r->out[MASK_XENCONS_IDX(prod++, r->out)] = from[i];
	xen_wmb();
	PV_WRITE(r->out_prod, prod);
	if (n)
		pv_evtchn_send(pv, pv->console.port);
	return n;
}

size_t pv_console_get(struct pv *pv, void *bytes, size_t n)
{
	struct xencons_interface *r = pv->console.ring;
	uint32_t cons, there;
	char *to = bytes;
	size_t i;

	if (!r)
		return 0;
	cons = r->in_cons;
	there = PV_READ(r->in_prod) - cons;
	xen_rmb();
	if (there > sizeof(r->in))
		return 0;
	if (n > there)
		n = there;
	for (i = 0; i < n; i++)
		to[i] = PV_READ(r->in[MASK_XENCONS_IDX(cons++, r->in)]);
	xen_mb();		/* we have read them before they are overwritten */
	PV_WRITE(r->in_cons, cons);
	if (n)
		pv_evtchn_send(pv, pv->console.port);
	return n;
}

bool pv_console_write(struct pv *pv, const void *bytes, size_t n,
		      uint64_t deadline)
{
	const char *from = bytes;
	size_t done;

	for (;;) {
		done = pv_console_put(pv, from, n);
		from += done;
		n -= done;
		if (!n)
			return true;
		if (pv_clock_now(pv) >= deadline)
			return false;
		pv_os_wait(pv, deadline);
	}
}
