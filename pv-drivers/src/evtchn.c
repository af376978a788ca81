/* SPDX-License-Identifier: MIT */
/*
 * The two-level layout: a bit per port in shared_info, and above them in
 * vcpu_info a word with a bit for each word of ports that has something.
 *
 * Nothing is lost between a look and a sleep: the hypervisor looks at the
 * pending bits itself before it lets SCHEDOP_poll sleep, and handlers run
 * after their bit was cleared.
 */
#include <pv/pv.h>

#define WORD_BITS	(8 * sizeof(xen_ulong_t))

void pv_evtchn_init(struct pv *pv)
{
	struct pv_evtchn *e = &pv->evtchn;
	unsigned int i;

	for (i = 0; i < PV_PORTS; i++)
		e->handler[i].fn = NULL;
	e->nr_bound = 0;
}

static void forget(struct pv_evtchn *e, evtchn_port_t port)
{
	unsigned int i;

	e->handler[port].fn = NULL;
	for (i = 0; i < e->nr_bound; i++)
		if (e->bound[i] == port)
			e->bound[i--] = e->bound[--e->nr_bound];
}

int pv_evtchn_bind(struct pv *pv, evtchn_port_t port, pv_handler_fn *fn,
		   void *ctx)
{
	struct pv_evtchn *e = &pv->evtchn;

	if (port >= PV_PORTS || !port)
		return -XEN_ENOSPC;
	forget(e, port);
	e->handler[port].ctx = ctx;
	e->handler[port].fn = fn;
	e->bound[e->nr_bound++] = port;
	__atomic_and_fetch(&pv->shared->evtchn_mask[port / WORD_BITS],
			   ~(1UL << port % WORD_BITS), __ATOMIC_SEQ_CST);
	return (int)port;
}

static void close_port(evtchn_port_t port)
{
	struct evtchn_close op = { .port = port };

	pv_event_op(EVTCHNOP_close, &op);
}

static int bind_new(struct pv *pv, evtchn_port_t port, pv_handler_fn *fn,
		    void *ctx)
{
	int rc = pv_evtchn_bind(pv, port, fn, ctx);

	if (rc < 0)
		close_port(port);
	return rc;
}

int pv_evtchn_listen(struct pv *pv, domid_t peer, pv_handler_fn *fn,
		     void *ctx)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF,
					   .remote_dom = peer };
	int rc = (int)pv_event_op(EVTCHNOP_alloc_unbound, &op);

	return rc ? rc : bind_new(pv, op.port, fn, ctx);
}

int pv_evtchn_virq(struct pv *pv, unsigned int virq, pv_handler_fn *fn,
		   void *ctx)
{
	struct evtchn_bind_virq op = { .virq = virq };
	int rc = (int)pv_event_op(EVTCHNOP_bind_virq, &op);

	return rc ? rc : bind_new(pv, op.port, fn, ctx);
}

void pv_evtchn_close(struct pv *pv, evtchn_port_t port)
{
	if (!port)
		return;
	if (port < PV_PORTS)
		forget(&pv->evtchn, port);
	close_port(port);
}

void pv_evtchn_send(struct pv *pv, evtchn_port_t port)
{
	struct evtchn_send op = { .port = port };

	(void)pv;
	pv_event_op(EVTCHNOP_send, &op);
}

static void run_port(struct pv *pv, evtchn_port_t port)
{
	struct pv_evtchn *e = &pv->evtchn;

	if (port < PV_PORTS && e->handler[port].fn)
		e->handler[port].fn(e->handler[port].ctx);
}

/* All pending ports of one word. */
static bool run_word(struct pv *pv, unsigned int word)
{
	xen_ulong_t *pending = &pv->shared->evtchn_pending[word];
	xen_ulong_t bits = PV_READ(*pending) &
			   ~PV_READ(pv->shared->evtchn_mask[word]);
	bool any = bits != 0;

	__atomic_and_fetch(pending, ~bits, __ATOMIC_SEQ_CST);
	for (; bits; bits &= bits - 1)
		run_port(pv, word * WORD_BITS + __builtin_ctzl(bits));
	return any;
}

bool pv_evtchn_run(struct pv *pv)
{
	struct vcpu_info *v = &pv->shared->vcpu_info[0];
	xen_ulong_t words;
	bool any = false;

	PV_WRITE(v->evtchn_upcall_pending, 0);
	while ((words = __atomic_exchange_n(&v->evtchn_pending_sel, 0,
					    __ATOMIC_SEQ_CST)))
		for (; words; words &= words - 1)
			any |= run_word(pv, __builtin_ctzl(words));
	return any;
}

void pv_evtchn_wait(struct pv *pv, uint64_t deadline)
{
	struct sched_poll op = {
		.nr_ports = pv->evtchn.nr_bound,
		.timeout = deadline == UINT64_MAX ? 0 : deadline,
	};

	if (pv_evtchn_run(pv))
		return;
	set_xen_guest_handle(op.ports, pv->evtchn.bound);
	pv_sched_op(SCHEDOP_poll, &op);
	pv_evtchn_run(pv);
}
