/* SPDX-License-Identifier: MIT */
/*
 * Event channels: ports, what they are bound to, and 2-level delivery.
 *
 * A port is changed under its domain's lock.  A pair of inter-domain ports
 * changes only with both locks held, so either lock freezes it: a send takes
 * the sender's lock alone and may follow the pair to the other domain.  What
 * it reads there (which vCPU to tell, the priority) may change meanwhile;
 * either value is right, because the event bits themselves are atomic.
 *
 * Closing one end leaves the other one unbound for the closer's domain, so
 * that a restarted daemon can bind the same port again.
 */
#include <hyp/evtchn-port.h>

#include <hyp/core.h>

struct evtchn *evtchn_at(const struct domain *d, u32 port)
{
	if (port >= READ_ONCE(d->evtchn.ports))
		return NULL;
	return &d->evtchn.bucket[port / EVTCHN_BUCKET][port % EVTCHN_BUCKET];
}

/* ---- Delivery ---- */

void evtchn_upcall(struct vcpu *v)
{
	struct vcpu_info *info = READ_ONCE(v->info);

	if (!atomic_xchg(&info->evtchn_upcall_pending, 1))
		vcpu_kick(v);
}

static void level2_raise(struct domain *d, struct evtchn *ec, u32 port)
{
	struct vcpu *v = domain_vcpu(d, READ_ONCE(ec->vcpu));
	u64 *sel;

	if (bit_test((u64 *)d->shared->evtchn_mask, port) || !v)
		return;
	sel = (u64 *)&READ_ONCE(v->info)->evtchn_pending_sel;
	if (!bit_test_and_set(sel, port / 64))
		evtchn_upcall(v);
}

/* A vCPU in SCHEDOP_poll waits with events masked: it looks at ports. */
static void wake_pollers(struct domain *d, u32 port)
{
	u32 waits;

	for_each_vcpu(d, v) {
		waits = READ_ONCE(v->evtchn.poll_port);
		if (unlikely(waits) && (waits == port || waits == ~0U))
			vcpu_unblock(v);
	}
}

void evtchn_set_pending(struct domain *d, u32 port)
{
	struct evtchn *ec = evtchn_at(d, port);

	if (atomic_load(&d->evtchn.fifo)) {
		if (!fifo_set_pending(d, ec, port))
			return;
	} else {
		if (bit_test_and_set((u64 *)d->shared->evtchn_pending, port))
			return;
		level2_raise(d, ec, port);
	}
	wake_pollers(d, port);
}

static void clear_pending(struct domain *d, struct evtchn *ec, u32 port)
{
	if (d->evtchn.fifo)
		fifo_clear_pending(d, ec, port);
	else
		bit_test_and_clear((u64 *)d->shared->evtchn_pending, port);
}

int evtchn_is_pending(struct domain *d, u32 port)
{
	HOLD(&d->evtchn.lock);

	if (!port || !evtchn_at(d, port))
		return -XEN_EINVAL;
	return d->evtchn.fifo ? fifo_is_pending(d, port) :
	       bit_test((u64 *)d->shared->evtchn_pending, port);
}

/* ---- Ports ---- */

static u32 port_limit(const struct domain *d)
{
	const u32 abi = d->evtchn.fifo ? EVTCHN_FIFO_NR_CHANNELS
				       : EVTCHN_2L_NR_CHANNELS;

	return MIN(abi, d->evtchn.max_port + 1);
}

static bool grow(struct domain *d)
{
	const u32 n = d->evtchn.ports / EVTCHN_BUCKET;
	struct evtchn *b;

	if (d->evtchn.ports >= port_limit(d))
		return false;
	b = heap_alloc(EVTCHN_BUCKET * sizeof(*b));
	if (!b)
		return false;
	d->evtchn.bucket[n] = b;
	atomic_store(&d->evtchn.ports, d->evtchn.ports + EVTCHN_BUCKET);
	return true;
}

/*
 * Finds a free port and binds it to a source of this kind, for this vCPU;
 * NULL: none left.  Lock: e.
 */
static struct evtchn *port_take(struct domain *d, enum evtchn_kind kind,
				u32 source, u32 vcpu, u32 *port)
{
	struct evtchn *ec;
	u32 p;

	for (p = d->evtchn.free_hint;; p++) {
		if (p >= port_limit(d) || (p >= d->evtchn.ports && !grow(d)))
			return NULL;
		ec = evtchn_at(d, p);
		if (ec->kind == PORT_FREE)
			break;
	}
	d->evtchn.free_hint = p + 1;
	ec->kind = kind;
	ec->source = source;
	ec->vcpu = vcpu;
	ec->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	*port = p;
	return ec;
}

static void port_free(struct domain *d, struct evtchn *ec, u32 port)
{
	clear_pending(d, ec, port);
	ec->kind = PORT_FREE;
	ec->vcpu = 0;
	ec->source = 0;
	ec->remote = NULL;
	if (port < d->evtchn.free_hint)
		d->evtchn.free_hint = port;
}

/* The port of an operation: allocated, not free, not port 0. */
static struct evtchn *port_in_use(struct domain *d, u32 port)
{
	struct evtchn *ec = evtchn_at(d, port);

	if (!ec || ec->kind == PORT_FREE)
		return NULL;
	return ec;
}

/* ---- Closing ---- */

/*
 * Ends the pair of ec.  Both locks are needed, in order, so d's is let go of
 * and taken again, and the pair may have changed meanwhile: then nothing is
 * done, and the caller looks again.  A domain with a port in a pair has not
 * closed its ports yet, so it lives, and the reference keeps it.  Lock: e.
 */
static void close_pair(struct domain *d, struct evtchn *ec)
{
	struct domain *rd = ec->remote;
	struct evtchn *other;

	domain_get(rd);
	unlock(&d->evtchn.lock);
	lock_pair(&d->evtchn.lock, &rd->evtchn.lock);
	if (ec->kind == PORT_INTERDOMAIN && ec->remote == rd) {
		other = evtchn_at(rd, ec->source);
		other->kind = ec->kind = PORT_UNBOUND;
		other->remote = NULL;
		other->remote_id = d->id;
	}
	if (rd != d)
		unlock(&rd->evtchn.lock);
	domain_put(rd);
}

static long port_close(struct domain *d, u32 port)
{
	struct evtchn *ec;
	struct vcpu *v;
	HOLD(&d->evtchn.lock);

	while ((ec = port_in_use(d, port)) && ec->kind == PORT_INTERDOMAIN)
		close_pair(d, ec);
	if (!ec)
		return -XEN_EINVAL;
	if (ec->kind == PORT_VIRQ) {
		/* A global one stays vCPU 0's, whoever is told. */
		v = d->vcpu[virq_is_global(ec->source) ? 0 : ec->vcpu];
		v->evtchn.virq_port[ec->source] = 0;
	} else if (ec->kind == PORT_PIRQ) {
		arch_pirq_unbind(ec->source);
		d->evtchn.pirq_port[ec->source] = 0;
	}
	port_free(d, ec, port);
	return 0;
}

/* ---- The operations; most run under the domain's lock, see the table ---- */

static long op_alloc_unbound(struct evtchn_alloc_unbound *op, struct domain *d)
{
	struct evtchn *ec = NULL;

	if (d->life == DOMAIN_ALIVE)
		ec = port_take(d, PORT_UNBOUND, 0, 0, &op->port);
	if (!ec)
		return -XEN_ENOSPC;
	ec->remote_id = op->remote_dom == DOMID_SELF ?
			current_domain()->id : op->remote_dom;
	return 0;
}

/* Binds a port of d to an unbound one of rd that waits for d.  Both locked. */
static long bind_pair(struct domain *d, struct domain *rd,
		      struct evtchn_bind_interdomain *op)
{
	struct evtchn *other = evtchn_at(rd, op->remote_port), *ec;

	if (rd->life != DOMAIN_ALIVE || !other ||
	    other->kind != PORT_UNBOUND || other->remote_id != d->id)
		return -XEN_EINVAL;
	ec = port_take(d, PORT_INTERDOMAIN, op->remote_port, 0,
		       &op->local_port);
	if (!ec)
		return -XEN_ENOSPC;
	ec->remote = rd;
	other->kind = PORT_INTERDOMAIN;
	other->remote = d;
	other->source = op->local_port;
	/* A notification may have been lost before: let the binder look. */
	evtchn_set_pending(d, op->local_port);
	return 0;
}

static long op_bind_interdomain(struct evtchn_bind_interdomain *op)
{
	struct domain *d = current_domain(), *rd = domain_find(op->remote_dom);
	long rc;

	if (!rd)
		return -XEN_ESRCH;
	lock_pair(&d->evtchn.lock, &rd->evtchn.lock);
	rc = bind_pair(d, rd, op);
	unlock_pair(&d->evtchn.lock, &rd->evtchn.lock);
	domain_put(rd);
	return rc;
}

static long op_bind_virq(struct evtchn_bind_virq *op, struct vcpu *self)
{
	struct vcpu *v = domain_vcpu(self->domain, op->vcpu);

	if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu))
		return -XEN_EINVAL;
	if (!v)
		return -XEN_ENOENT;
	if (v->evtchn.virq_port[op->virq])
		return -XEN_EEXIST;
	if (!port_take(v->domain, PORT_VIRQ, op->virq, op->vcpu, &op->port))
		return -XEN_ENOSPC;
	v->evtchn.virq_port[op->virq] = op->port;
	return 0;
}

static long op_bind_ipi(struct evtchn_bind_ipi *op, struct vcpu *v)
{
	struct domain *d = v->domain;

	if (!domain_vcpu(d, op->vcpu))
		return -XEN_ENOENT;
	return port_take(d, PORT_IPI, 0, op->vcpu, &op->port) ? 0 :
							-XEN_ENOSPC;
}

static long op_bind_pirq(struct evtchn_bind_pirq *op, struct vcpu *v)
{
	struct domain *d = v->domain;
	u32 **ports = &d->evtchn.pirq_port;
	struct evtchn *ec;
	long rc;

	if (!priv_hardware(d))
		return -XEN_EPERM;
	if (op->pirq >= PIRQ_MAX || (op->flags & ~BIND_PIRQ__WILL_SHARE))
		return -XEN_EINVAL;
	if (!*ports)
		*ports = heap_alloc(PIRQ_MAX * sizeof(**ports));
	if (!*ports)
		return -XEN_ENOMEM;
	if ((*ports)[op->pirq])
		return -XEN_EEXIST;
	ec = port_take(d, PORT_PIRQ, op->pirq, 0, &op->port);
	if (!ec)
		return -XEN_ENOSPC;
	(*ports)[op->pirq] = op->port;
	rc = arch_pirq_bind(op->pirq, op->flags & BIND_PIRQ__WILL_SHARE);
	if (rc) {
		(*ports)[op->pirq] = 0;
		port_free(d, ec, op->port);
	}
	return rc;
}

static long op_close(const struct evtchn_close *op)
{
	return port_close(current_domain(), op->port);
}

/* Lock: e. */
static long send(struct domain *d, u32 port)
{
	const struct evtchn *ec = evtchn_at(d, port);

	if (ec && ec->kind == PORT_INTERDOMAIN)
		evtchn_set_pending(ec->remote, ec->source);
	else if (ec && ec->kind == PORT_IPI)
		evtchn_set_pending(d, port);
	else if (!ec || ec->kind != PORT_UNBOUND)
		return -XEN_EINVAL;	/* nobody listens is not an error */
	return 0;
}

bool evtchn_notify(struct domain *d, u32 port)
{
	HOLD(&d->evtchn.lock);

	return !send(d, port);
}

static long op_send(const struct evtchn_send *op, struct vcpu *v)
{
	return send(v->domain, op->port);
}

static long op_status(struct evtchn_status *op, struct domain *d)
{
	static const u8 status[] = {
		[PORT_FREE] = EVTCHNSTAT_closed,
		[PORT_UNBOUND] = EVTCHNSTAT_unbound,
		[PORT_INTERDOMAIN] = EVTCHNSTAT_interdomain,
		[PORT_VIRQ] = EVTCHNSTAT_virq,
		[PORT_IPI] = EVTCHNSTAT_ipi,
		[PORT_PIRQ] = EVTCHNSTAT_pirq,
	};
	const struct evtchn *ec = evtchn_at(d, op->port);

	if (!ec)
		return -XEN_EINVAL;
	op->status = status[ec->kind];
	op->vcpu = ec->vcpu;
	if (ec->kind == PORT_UNBOUND) {
		op->u.unbound.dom = ec->remote_id;
	} else if (ec->kind == PORT_INTERDOMAIN) {
		op->u.interdomain.dom = ec->remote->id;
		op->u.interdomain.port = ec->source;
	} else if (ec->kind == PORT_PIRQ) {
		op->u.pirq = ec->source;
	} else if (ec->kind == PORT_VIRQ) {
		op->u.virq = ec->source;
	}
	return 0;
}

static long op_bind_vcpu(const struct evtchn_bind_vcpu *op, struct vcpu *v)
{
	struct evtchn *ec = port_in_use(v->domain, op->port);

	if (!domain_vcpu(v->domain, op->vcpu))
		return -XEN_ENOENT;
	if (!ec || ec->kind == PORT_IPI ||
	    (ec->kind == PORT_VIRQ && !virq_is_global(ec->source)))
		return -XEN_EINVAL;
	WRITE_ONCE(ec->vcpu, op->vcpu);
	return 0;
}

static long op_unmask(const struct evtchn_unmask *op, struct vcpu *v)
{
	struct domain *d = v->domain;
	struct evtchn *ec = port_in_use(d, op->port);

	if (!ec)
		return -XEN_EINVAL;
	if (d->evtchn.fifo)
		fifo_unmask(d, ec, op->port);
	else if (bit_test_and_clear((u64 *)d->shared->evtchn_mask, op->port) &&
		 bit_test((u64 *)d->shared->evtchn_pending, op->port))
		level2_raise(d, ec, op->port);
	return 0;
}

static long op_set_priority(const struct evtchn_set_priority *op,
			    struct vcpu *v)
{
	struct evtchn *ec = port_in_use(v->domain, op->port);

	if (!ec || op->priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -XEN_EINVAL;
	if (!v->domain->evtchn.fifo)
		return -XEN_ENOSYS;
	WRITE_ONCE(ec->priority, op->priority);
	return 0;
}

#define PORT_OP(name, fn, ...) \
	OP(EVTCHNOP_##name, fn, struct evtchn_##name, ##__VA_ARGS__)
#define LOCKED	HOLDS(evtchn.lock)

static const struct guest_op ops[] = {
	PORT_OP(send, op_send, LOCKED),
	PORT_OP(unmask, op_unmask, LOCKED),
	PORT_OP(alloc_unbound, op_alloc_unbound, LOCKED, ANSWERS,
		ABOUT(struct evtchn_alloc_unbound, dom)),
	PORT_OP(bind_interdomain, op_bind_interdomain, ANSWERS),
	PORT_OP(bind_virq, op_bind_virq, LOCKED, ANSWERS),
	PORT_OP(bind_ipi, op_bind_ipi, LOCKED, ANSWERS),
	PORT_OP(bind_pirq, op_bind_pirq, LOCKED, ANSWERS),
	PORT_OP(close, op_close),
	PORT_OP(status, op_status, LOCKED, ANSWERS,
		ABOUT(struct evtchn_status, dom)),
	PORT_OP(bind_vcpu, op_bind_vcpu, LOCKED),
	PORT_OP(init_control, fifo_init_control, ANSWERS),
	PORT_OP(expand_array, fifo_expand_array),
	PORT_OP(set_priority, op_set_priority, LOCKED),
};

long do_event_channel_op(u64 cmd, u64 arg)
{
	return guest_op_run(ops, ARRAY_SIZE(ops), (u32)cmd, arg,
			    current_vcpu());
}

/* ---- Life ---- */

int evtchn_domain_init(struct domain *d, u32 max_port)
{
	const u32 limit = MIN(max_port, EVTCHN_FIFO_NR_CHANNELS - 1U);
	const u32 buckets = limit / EVTCHN_BUCKET + 1;

	lock_init(&d->evtchn.lock, RANK_EVTCHN, d->id);
	d->evtchn.max_port = limit;
	d->evtchn.bucket = heap_alloc(buckets * sizeof(*d->evtchn.bucket));
	if (!d->evtchn.bucket || !grow(d))
		return -XEN_ENOMEM;	/* evtchn_domain_exit() comes in any case */
	/* Port 0 is never one. */
	d->evtchn.free_hint = 1;
	return 0;
}

int evtchn_domain_close(struct domain *d)
{
	virq_forget_handler(d);
	while (d->evtchn.close_next < d->evtchn.ports) {
		port_close(d, d->evtchn.close_next++);
		if (hypercall_should_rest(1))
			return -XEN_ERESTART;
	}
	/* The guest's pages must go now: they keep the domain alive. */
	fifo_domain_exit(d);
	return 0;
}

void evtchn_domain_exit(struct domain *d)
{
	u32 i;

	for (i = 0; d->evtchn.bucket && i < d->evtchn.ports / EVTCHN_BUCKET; i++)
		heap_free(d->evtchn.bucket[i]);
	heap_free(d->evtchn.bucket);
	heap_free(d->evtchn.pirq_port);
}
