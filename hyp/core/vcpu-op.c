/* SPDX-License-Identifier: MIT */
/* vcpu_op: a guest manages its own vCPUs. */
#include <hyp/core.h>

#include <xen/sched.h>

static long initialise(void *arg, struct vcpu *v, u64 gva)
{
	struct vcpu_guest_context *c;
	long rc;

	/* Events need a place to be flagged before the vCPU can run. */
	if (!vcpu_has_info(v))
		return -XEN_EINVAL;
	c = heap_alloc(sizeof(*c));
	if (!c)
		return -XEN_ENOMEM;
	rc = copy_from_guest(c, gva, sizeof(*c)) ? -XEN_EFAULT :
	     vcpu_initialise(v, c);
	heap_free(c);
	return rc;
}

static long up(void *arg, struct vcpu *v)
{
	if (!atomic_load(&v->initialised))
		return -XEN_EINVAL;
	if (atomic_xchg(&v->down, false))
		sched_wake(v);
	return 0;
}

/* A domain whose last vCPU goes down has switched itself off. */
static long down(void *arg, struct vcpu *v)
{
	WRITE_ONCE(v->down, true);
	memory_barrier();
	for_each_vcpu(v->domain, other)
		if (!atomic_load(&other->down)) {
			sched_sleep(v);
			return 0;
		}
	WRITE_ONCE(v->down, false);
	domain_shutdown(v->domain, SHUTDOWN_poweroff);
	return 0;
}

static long is_up(void *arg, struct vcpu *v)
{
	return !READ_ONCE(v->down);
}

static long get_runstate(void *arg, struct vcpu *v, u64 gva)
{
	struct vcpu_runstate_info r;

	vtime_get_runstate(v, &r);
	return copy_to_guest(gva, &r, sizeof(r));
}

/*
 * A guest may also register for a vCPU of its own that does not run: then
 * that one must not begin to while we change what is written at a switch.
 */
static long registered(struct vcpu *v, struct guest_area *area, u64 where,
		       const struct vcpu_register_vcpu_info *info)
{
	bool other = v != current_vcpu();
	long rc;

	if (other && !vcpu_try_pause(v))
		return -XEN_EBUSY;
	rc = info ? vcpu_register_info(v, info->mfn, info->offset) :
		    vtime_set_area(v, area, where);
	if (other)
		vcpu_unpause(v);
	return rc;
}

static long register_info(const struct vcpu_register_vcpu_info *op,
			  struct vcpu *v)
{
	return registered(v, NULL, 0, op);
}

/* Both areas are told by a union of one 64-bit address, which is looked up
 * in the tables of the vCPU that asks. */
static long register_runstate(const u64 *where, struct vcpu *v)
{
	return registered(v, &v->time.runstate_area, *where, NULL);
}

static long register_time(const u64 *where, struct vcpu *v)
{
	return registered(v, &v->time.time_area, *where, NULL);
}

/* Timers are one-shot: there is no tick to stop. */
static long stop_periodic(void)
{
	return 0;
}

static long set_singleshot(const struct vcpu_set_singleshot_timer *op,
			   struct vcpu *v)
{
	return v == current_vcpu() ?
	       vtime_set_singleshot(v, op->timeout_abs_ns) : -XEN_EINVAL;
}

static long stop_singleshot(void *arg, struct vcpu *v)
{
	return v == current_vcpu() ? vtime_stop_singleshot(v) : -XEN_EINVAL;
}

#define BARE(name, fn)		OP_BARE(VCPUOP_##name, fn)
#define IN(name, fn, type, ...)	OP(VCPUOP_##name, fn, type, ##__VA_ARGS__)

static const struct guest_op ops[] = {
	BARE(initialise, initialise),
	BARE(up, up),
	BARE(down, down),
	BARE(is_up, is_up),
	BARE(get_runstate_info, get_runstate),
	IN(register_runstate_memory_area, register_runstate, u64),
	IN(register_vcpu_time_memory_area, register_time, u64),
	IN(register_vcpu_info, register_info, struct vcpu_register_vcpu_info,
	   HOLDS(lock)),
	BARE(stop_periodic_timer, stop_periodic),
	IN(set_singleshot_timer, set_singleshot, struct vcpu_set_singleshot_timer),
	BARE(stop_singleshot_timer, stop_singleshot),
};

long do_vcpu_op(u64 cmd, u64 id, u64 arg)
{
	struct domain *d = current_domain();
	struct vcpu *v = id < d->max_vcpus ? domain_vcpu(d, id) : NULL;

	return v ? guest_op_run(ops, ARRAY_SIZE(ops), cmd, arg, v) :
		   -XEN_ENOENT;
}
