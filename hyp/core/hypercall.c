/* SPDX-License-Identifier: MIT */
/*
 * THE TABLE: hypercall number to handler.  entry.S calls through it; here
 * are also multicalls and what long hypercalls need to rest and go on.
 */
#include <stdarg.h>

#include <hyp/core.h>

#define NR_HYPERCALLS	64		/* entry.S */
#define REST_BUDGET	4096		/* units of work before a rest */
#define SYSCALL_LENGTH	2

typedef long (*hypercall_fn)(u64, u64, u64, u64, u64, u64);

static long no_such_call(void)
{
	return -XEN_ENOSYS;
}

/* A handler reads as many of the six registers as it has parameters. */
#define CALL(name)	[__HYPERVISOR_##name] = (hypercall_fn)(void *)do_##name

extern const hypercall_fn hypercall_table[NR_HYPERCALLS];
long do_multicall(u64 calls, u64 n);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
const hypercall_fn hypercall_table[NR_HYPERCALLS] = {
	[0 ... NR_HYPERCALLS - 1] = (hypercall_fn)(void *)no_such_call,
	CALL(set_trap_table),
	CALL(mmu_update),
	CALL(set_gdt),
	CALL(stack_switch),
	CALL(set_callbacks),
	CALL(fpu_taskswitch),
	CALL(platform_op),
	CALL(set_debugreg),
	CALL(get_debugreg),
	CALL(update_descriptor),
	CALL(memory_op),
	CALL(multicall),
	CALL(update_va_mapping),
	CALL(set_timer_op),
	CALL(xen_version),
	CALL(console_io),
	CALL(grant_table_op),
	CALL(vm_assist),
	CALL(iret),
	CALL(vcpu_op),
	CALL(set_segment_base),
	CALL(mmuext_op),
	CALL(sched_op),
	CALL(callback_op),
	CALL(event_channel_op),
	CALL(physdev_op),
	CALL(sysctl),
	CALL(domctl),
};
#pragma GCC diagnostic pop

bool hypercall_should_rest(unsigned units)
{
	struct cpu *c = this_cpu();

	if (c->rest_budget > units && !READ_ONCE(c->work)) {
		c->rest_budget -= units;
		return false;
	}
	c->rest_budget = REST_BUDGET;
	return true;
}

long hypercall_restart(unsigned nr, unsigned n, ...)
{
	struct cpu *c = this_cpu();
	struct regs *r = guest_regs();
	u64 *const arg[6] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };
	va_list ap;

	va_start(ap, n);
	for (unsigned i = 0; i < n && i < 6; i++) {
		const u64 value = va_arg(ap, u64);

		if (c->in_multicall)
			c->restart_args[i] = value;
		else
			*arg[i] = value;
	}
	va_end(ap);
	if (c->in_multicall)
		c->restart = n;
	else
		r->rip -= SYSCALL_LENGTH;
	/* Outside a multicall this is rax when the guest executes syscall again. */
	return nr;
}

long guest_op_run(const struct guest_op *ops, u32 count, u64 cmd, u64 gva,
		  struct vcpu *v)
{
	const struct guest_op *op = &ops[cmd];
	u64 arg[GUEST_OP_MAX / sizeof(u64)];
	struct domain *d = current_domain();
	struct lock *held;
	long rc;

	if (cmd >= count || !op->run)
		return -XEN_ENOSYS;
	if (op->size && copy_from_guest(arg, gva, op->size))
		return -XEN_EFAULT;
	if (op->domid) {
		rc = domain_find_controlled(*(domid_t *)((char *)arg +
							 op->domid - 1), &d);
		if (rc)
			return rc;
	}
	held = op->lock ? (struct lock *)((char *)d + op->lock) : NULL;
	if (held)
		lock(held);
	rc = op->run(arg, op->domid ? (void *)d : v, gva);
	if (held)
		unlock(held);
	if (op->domid)
		domain_put(d);
	if (rc >= 0 && op->answers && copy_to_guest(gva, arg, op->size))
		return -XEN_EFAULT;
	return rc;
}

long hypercall_missing(const char *call, u32 cmd, u64 said[2])
{
	if (cmd < 128 && !bit_test_and_set(said, cmd))
		log_info("%s %u is not there", call, cmd);
	return -XEN_EOPNOTSUPP;
}

/* One entry; false: it must run again with the arguments now in e. */
static bool run_entry(struct cpu *c, struct multicall_entry *e)
{
	const u64 *a = e->args;

	c->in_multicall = true;
	c->restart = 0;
	e->result = e->op < NR_HYPERCALLS ? (u64)hypercall_table[e->op](a[0],
			a[1], a[2], a[3], a[4], a[5]) : (u64)-XEN_ENOSYS;
	c->in_multicall = false;
	if (likely(!c->restart))
		return true;
	memcpy(e->args, c->restart_args, c->restart * sizeof(e->args[0]));
	return false;
}

long do_multicall(u64 calls, u64 n)
{
	struct cpu *c = this_cpu();
	struct vcpu *v = c->current;
	struct multicall_entry e;
	bool done;

	n = (u32)n;
	if (!guest_range_ok(calls, n, sizeof(e)))
		return -XEN_EFAULT;
	for (; n; calls += sizeof(e), n--) {
		if (copy_from_guest(&e, calls, sizeof(e)))
			return -XEN_EFAULT;
		done = true;
		/* These change whose hypercall it is. */
		if (e.op == __HYPERVISOR_multicall || e.op == __HYPERVISOR_iret)
			e.result = (u64)-XEN_ENOSYS;
		else
			done = run_entry(c, &e);
		/* The caller must still be a guest kernel, and alive. */
		if (!v->arch.kernel_mode || v->domain->shutting_down)
			return 0;
		if (done ? copy_to_guest(calls + offsetof(struct multicall_entry, result),
					 &e.result, sizeof(e.result)) :
			   copy_to_guest(calls, &e, sizeof(e)))
			return -XEN_EFAULT;
		if (!done)
			break;
		/* Others' work does not wait for a long list. */
		if (n > 1 && hypercall_should_rest(1)) {
			calls += sizeof(e);
			n--;
			break;
		}
	}
	return n ? hypercall_restart(__HYPERVISOR_multicall, 2, calls, n) : 0;
}
