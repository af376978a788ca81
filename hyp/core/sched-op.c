/* SPDX-License-Identifier: MIT */
/*
 * sched_op: a vCPU gives up its CPU, or its domain gives up.
 *
 * Blocking and being woken cross each other on two CPUs; vcpu_kick() tells
 * why no wake-up is lost.
 */
#include <hyp/core.h>

#include <xen/sched.h>

#define POLL_PORTS_MAX 128

/* An event that its guest takes as soon as it runs: not told of again. */
static bool event_waits(const struct vcpu *v)
{
	return READ_ONCE(v->info->evtchn_upcall_pending) &&
	       !READ_ONCE(v->info->evtchn_upcall_mask);
}

static long yield(void *arg, struct vcpu *v)
{
	v->sched.yielded = true;
	cpu_post_work(this_cpu(), WORK_RESCHED);
	return 0;
}

static long block(void *arg, struct vcpu *v)
{
	v->info->evtchn_upcall_mask = 0;
	WRITE_ONCE(v->blocked, true);
	memory_barrier();
	if (event_waits(v))
		WRITE_ONCE(v->blocked, false);
	else
		cpu_post_work(this_cpu(), WORK_RESCHED);
	return 0;
}

/* 1: one of them is pending; 0; -XEN_EINVAL: one is no port. */
static int any_pending(struct domain *d, const u32 *ports, u32 n)
{
	int rc = 0;

	for (u32 i = 0; i < n && !rc; i++)
		rc = evtchn_is_pending(d, ports[i]);
	return rc;
}

static long poll(const struct sched_poll *op, struct vcpu *v)
{
	u32 ports[POLL_PORTS_MAX];
	int rc;

	if (op->nr_ports > POLL_PORTS_MAX)
		return -XEN_EINVAL;
	if (copy_from_guest(ports, (u64)op->ports.p,
			    op->nr_ports * sizeof(ports[0])))
		return -XEN_EFAULT;

	/*
	 * First say that we wait, then look: see vcpu_kick().  blocked comes
	 * before poll_port, because a vcpu_unblock() that was late takes both
	 * back in the other order.
	 */
	WRITE_ONCE(v->blocked, true);
	memory_barrier();
	WRITE_ONCE(v->evtchn.poll_port, op->nr_ports == 1 ? ports[0] : ~0U);
	memory_barrier();
	rc = any_pending(v->domain, ports, op->nr_ports);
	if (rc || event_waits(v)) {
		WRITE_ONCE(v->evtchn.poll_port, 0);
		WRITE_ONCE(v->blocked, false);
		return MIN(rc, 0);
	}
	if (op->timeout)
		timer_set(&v->time.poll, op->timeout);
	else if (READ_ONCE(v->time.poll.set))
		timer_cancel(&v->time.poll);
	cpu_post_work(this_cpu(), WORK_RESCHED);
	return 0;
}

static bool code_ok(u32 reason)
{
	return reason <= SHUTDOWN_MAX && reason != SHUTDOWN_soft_reset;
}

static long shutdown(const struct sched_shutdown *op)
{
	struct domain *d = current_domain();

	if (!code_ok(op->reason))
		return -XEN_EINVAL;
	if (op->reason == SHUTDOWN_suspend && d->is_control)
		return -XEN_EOPNOTSUPP;
	domain_shutdown(d, op->reason);
	return 0;
}

static long remote_shutdown(const struct sched_remote_shutdown *op,
			    struct domain *d)
{
	if (!code_ok(op->reason) || d == current_domain())
		return -XEN_EINVAL;
	domain_shutdown(d, op->reason);
	return 0;
}

/* id 0: a new one, its number comes back; time-out 0: stop it. */
static long watchdog(const struct sched_watchdog *op, struct vcpu *v)
{
	struct timer *t = v->domain->watchdog;
	u32 i = op->id - 1;

	if (!op->id)
		for (i = 0; i < WATCHDOGS && t[i].set; i++)
			;
	if (op->id ? i >= WATCHDOGS || !t[i].set : !op->timeout)
		return -XEN_EINVAL;
	if (i == WATCHDOGS)
		return -XEN_EEXIST;
	if (op->timeout)
		timer_set(&t[i], arch_now() + op->timeout * 1000000000ULL);
	else
		timer_cancel(&t[i]);
	return op->id ? 0 : i + 1;
}

static const struct guest_op ops[] = {
	OP_BARE(SCHEDOP_yield, yield),
	OP_BARE(SCHEDOP_block, block),
	OP(SCHEDOP_shutdown, shutdown, struct sched_shutdown),
	OP(SCHEDOP_poll, poll, struct sched_poll),
	OP(SCHEDOP_remote_shutdown, remote_shutdown,
	   struct sched_remote_shutdown,
	   ABOUT(struct sched_remote_shutdown, domain_id)),
	OP(SCHEDOP_watchdog, watchdog, struct sched_watchdog, HOLDS(lock)),
};

long do_sched_op(u64 cmd, u64 arg)
{
	return guest_op_run(ops, ARRAY_SIZE(ops), cmd, arg, current_vcpu());
}

long do_set_timer_op(u64 timeout)
{
	struct vcpu *v = current_vcpu();

	return timeout ? vtime_set_singleshot(v, timeout) :
			 vtime_stop_singleshot(v);
}
