/* SPDX-License-Identifier: MIT */
/* vcpu_op: a guest manages its own vCPUs. */
#include <hyp/hypercall.h>

#include <hyp/arch.h>
#include <hyp/domain.h>
#include <hyp/frame-alloc.h>
#include <hyp/guest.h>

#include <xen/sched.h>

static long initialise(struct vcpu *v, u64 arg)
{
	struct vcpu_guest_context *c;
	long rc;

	/* Events need a place to be flagged before the vCPU can run. */
	if (!vcpu_has_info(v))
		return -XEN_EINVAL;
	c = heap_alloc(sizeof(*c));
	if (!c)
		return -XEN_ENOMEM;
	rc = copy_from_guest(c, arg, sizeof(*c)) ? -XEN_EFAULT :
	     vcpu_initialise(v, c);
	heap_free(c);
	return rc;
}

static long up(struct vcpu *v)
{
	if (!atomic_load(&v->initialised))
		return -XEN_EINVAL;
	if (atomic_xchg(&v->down, false))
		sched_wake(v);
	return 0;
}

/* A domain whose last vCPU goes down has switched itself off. */
static long down(struct vcpu *v)
{
	struct domain *d = v->domain;
	u32 i;

	WRITE_ONCE(v->down, true);
	memory_barrier();
	for (i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i] && !atomic_load(&d->vcpu[i]->down))
			break;
	if (i == d->max_vcpus) {
		WRITE_ONCE(v->down, false);
		domain_shutdown(d, SHUTDOWN_poweroff);
		return 0;
	}
	sched_sleep(v);
	return 0;
}

static long get_runstate(const struct vcpu *v, u64 arg)
{
	struct vcpu_runstate_info r;

	vtime_get_runstate(v, &r);
	return copy_to_guest(arg, &r, sizeof(r));
}

/* Both registrations are a union of one 64-bit address, which is looked up
 * in the tables of the vCPU that asks. */
static long register_area(struct vcpu *v, u64 cmd, u64 arg)
{
	u64 gva;

	if (copy_from_guest(&gva, arg, sizeof(gva)))
		return -XEN_EFAULT;
	if (gva && !guest_range_ok(gva, 1, sizeof(struct vcpu_runstate_info)))
		return -XEN_EFAULT;
	return vtime_set_area(v, cmd == VCPUOP_register_runstate_memory_area,
			      gva);
}

static long register_info(struct vcpu *v, u64 arg)
{
	struct vcpu_register_vcpu_info op;
	long rc;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	lock(&v->domain->lock);
	rc = vcpu_register_info(v, op.mfn, op.offset);
	unlock(&v->domain->lock);
	return rc;
}

/*
 * A guest may also register for a vCPU of its own that does not run: then
 * that one must not begin to while we change what is written at a switch.
 */
static long register_any(struct vcpu *v, u64 cmd, u64 arg)
{
	bool other = v != current_vcpu();
	long rc;

	if (other && !vcpu_try_pause(v))
		return -XEN_EBUSY;
	rc = cmd == VCPUOP_register_vcpu_info ? register_info(v, arg) :
						register_area(v, cmd, arg);
	if (other)
		vcpu_unpause(v);
	return rc;
}

static long set_periodic(struct vcpu *v, u64 arg)
{
	struct vcpu_set_periodic_timer op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	return vtime_set_periodic(v, op.period_ns);
}

static long set_singleshot(struct vcpu *v, u64 arg)
{
	struct vcpu_set_singleshot_timer op;

	if (v != current_vcpu())
		return -XEN_EINVAL;
	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	return vtime_set_singleshot(v, op.timeout_abs_ns);
}

static long stop_singleshot(struct vcpu *v)
{
	if (v != current_vcpu())
		return -XEN_EINVAL;
	vtime_stop_singleshot(v);
	return 0;
}

long do_vcpu_op(u64 cmd, u64 id, u64 arg)
{
	struct domain *d = current_domain();
	struct vcpu *v = id < d->max_vcpus ? domain_vcpu(d, id) : NULL;

	if (!v)
		return -XEN_ENOENT;
	switch (cmd) {
	case VCPUOP_initialise:
		return initialise(v, arg);
	case VCPUOP_up:
		return up(v);
	case VCPUOP_down:
		return down(v);
	case VCPUOP_is_up:
		return !READ_ONCE(v->down);
	case VCPUOP_get_runstate_info:
		return get_runstate(v, arg);
	case VCPUOP_register_runstate_memory_area:
	case VCPUOP_register_vcpu_time_memory_area:
	case VCPUOP_register_vcpu_info:
		return register_any(v, cmd, arg);
	case VCPUOP_set_periodic_timer:
		return set_periodic(v, arg);
	case VCPUOP_stop_periodic_timer:
		return vtime_set_periodic(v, 0);
	case VCPUOP_set_singleshot_timer:
		return set_singleshot(v, arg);
	case VCPUOP_stop_singleshot_timer:
		return stop_singleshot(v);
	default:
		return -XEN_ENOSYS;
	}
}
