/* SPDX-License-Identifier: MIT */
/*
 * Virtual and physical interrupts as sources of events.
 *
 * A global virtual interrupt goes to one domain: the control domain, unless
 * domctl set_virq_handler gave it to another one.
 */
#include <hyp/evtchn-port.h>

#include <hyp/domain.h>

static struct lock handler_lock = LOCK_INIT(RANK_VIRQ);
/* handler_lock: with a reference; NULL means the control domain. */
static struct domain *handler[NR_VIRQS];

void evtchn_vcpu_virq(struct vcpu *v, unsigned virq)
{
	struct domain *d = v->domain;
	HOLD(&d->evtchn.lock);

	if (v->evtchn.virq_port[virq])
		evtchn_set_pending(d, v->evtchn.virq_port[virq]);
}

void evtchn_global_virq(unsigned virq)
{
	const struct domain *d;
	HOLD(&handler_lock);

	d = handler[virq] ? handler[virq] : dom0;
	if (d && d->vcpu[0])
		evtchn_vcpu_virq(d->vcpu[0], virq);
}

int evtchn_set_virq_handler(struct domain *d, unsigned virq)
{
	HOLD(&handler_lock);

	if (virq >= NR_VIRQS || !virq_is_global(virq) || !domain_get(d))
		return -XEN_EINVAL;
	if (handler[virq])
		domain_put(handler[virq]);
	handler[virq] = d;
	return 0;
}

void virq_forget_handler(struct domain *d)
{
	HOLD(&handler_lock);

	for (u32 i = 0; i < NR_VIRQS; i++)
		if (handler[i] == d) {
			handler[i] = NULL;
			domain_put(d);
		}
}

/* Interrupt context: the CPU ran a guest or idled, so it holds no lock. */
void guest_irq(u32 pirq)
{
	struct domain *d = dom0;
	HOLD(&d->evtchn.lock);

	if (pirq < PIRQ_MAX && d->evtchn.pirq_port &&
	    d->evtchn.pirq_port[pirq])
		evtchn_set_pending(d, d->evtchn.pirq_port[pirq]);
}
