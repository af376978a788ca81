/* SPDX-License-Identifier: MIT */
/*
 * The last C before a guest: pending work of this CPU, which may change who
 * runs, and then the event that this guest may have waiting.
 */
#include <hyp/domain.h>

#include <xen/callback.h>

#include <asm/pv.h>

static void deliver_event(struct vcpu *v)
{
	const struct vcpu_info *info = v->info;

	if (READ_ONCE(info->evtchn_upcall_pending) &&
	    !READ_ONCE(info->evtchn_upcall_mask) && v->arch.event_entry)
		pv_enter_callback(v, guest_regs(), CALLBACKTYPE_event,
				  v->arch.event_entry);
}

void pv_return(void)
{
	struct cpu *c = this_cpu();

	do {
		if (READ_ONCE(c->work))
			cpu_work();
		deliver_event(c->current);
		/* A bad stack ends the guest, which is work again. */
	} while (READ_ONCE(c->work));
}
