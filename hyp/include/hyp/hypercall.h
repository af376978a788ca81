/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls.  `grep -n '^long do_'` is the attack surface.
 *
 * Each handler gets its arguments as 64-bit numbers and returns the value of
 * rax.  A long one looks at hypercall_should_rest() between units of work
 * and, when it must, returns hypercall_restart(...) with arguments that
 * describe what is left; the guest executes the same hypercall again after
 * its events were delivered, and sees nothing of it.
 */
#pragma once

#include <hyp/types.h>

/*
 * The memory of the guest that made the hypercall, by its virtual addresses.
 * Each returns 0 or -XEN_EFAULT: an address in the hypervisor's range, or not
 * mapped.  Read once, into private memory, then check.
 */
int copy_from_guest(void *to, u64 gva, size_t n) __must_check;
int copy_to_guest(u64 gva, const void *from, size_t n) __must_check;
/* Item i of an array that a handle of the ABI names. */
#define copy_item_to_guest(array, i, item) \
	copy_to_guest((u64)(array).p + (i) * sizeof(*(item)), item, sizeof(*(item)))
/* True when [gva, gva + n * size) lies outside the hypervisor and does not wrap. */
bool guest_range_ok(u64 gva, u64 n, size_t size);

/* The ABI's bitmaps.  Reads at most `bits` bits (a multiple of 64); what is
 * missing is 0. */
int bitmap_read(const struct xenctl_bitmap *from, u64 *to, u32 bits);
/* Writes the first `bits` bits, as far as there is room; the rest gets 0. */
int bitmap_write(const struct xenctl_bitmap *to, const u64 *from, u32 bits);

/*
 * Time to rest?  True when other work waits for this CPU or the budget of
 * this hypercall is used up; `units` of work are charged.
 */
bool hypercall_should_rest(unsigned units);

/*
 * Arranges that hypercall nr runs again with these n arguments.  The
 * handler must return what this returns.  Works inside a multicall too.
 */
long hypercall_restart(unsigned nr, unsigned n, ...);

/*
 * Most hypercalls have sub-operations, each with one struct of the guest's:
 * a table says who does it, how large the struct is, and what goes around it.
 * The struct is copied in, and the function gets a pointer to our copy.  A
 * function names of the parameters those that it needs: the copy; who is meant:
 * the domain that the struct names, or else a vCPU; and the guest's address.
 */
struct guest_op {
	long (*run)(void *arg, void *who, u64 gva);
	u16 lock;	/* HOLDS(): where a domain has it; 0: none */
	u8 size;
	u8 domid;	/* ABOUT(): where the struct has it, plus 1; 0: nowhere */
	bool answers;
};

#define GUEST_OP_MAX	128	/* bytes of the largest struct */
#define GUEST_OP_FN(fn)	(long (*)(void *, void *, u64))(void *)(fn)
#define GUEST_OP_SIZE(type) \
	sizeof(char[sizeof(type) <= GUEST_OP_MAX ? (int)sizeof(type) : -1])
/* An operation with a struct, and what goes around it; or without one. */
#define OP(cmd, fn, type, ...) \
	[cmd] = { .run = GUEST_OP_FN(fn), .size = GUEST_OP_SIZE(type), ##__VA_ARGS__ }
#define OP_BARE(cmd, fn)	[cmd] = { .run = GUEST_OP_FN(fn) }
/* The copy goes back to the guest, unless the operation failed. */
#define ANSWERS			.answers = true
/* A field names a domain: it is found, and the caller must control it. */
#define ABOUT(type, field)	.domid = offsetof(type, field) + 1
/* A lock of that domain, or else of the caller's, is held meanwhile. */
#define HOLDS(field)		.lock = offsetof(struct domain, field)

/* -XEN_ENOSYS: not in the table; -XEN_EFAULT; the domain is not there or not
 * the caller's; or what the operation says. */
long guest_op_run(const struct guest_op *ops, u32 count, u64 cmd, u64 gva,
		  struct vcpu *v);

/* An operation of the controls that is not offered: logged once, as the
 * caller's bits remember.  -XEN_EOPNOTSUPP. */
long hypercall_missing(const char *call, u32 cmd, u64 said[2]);

long do_set_trap_table(u64 traps);
long do_mmu_update(u64 reqs, u64 count, u64 done, u64 foreigndom);
long do_set_gdt(u64 frames, u64 entries);
long do_stack_switch(u64 ss, u64 sp);
long do_set_callbacks(u64 event, u64 failsafe, u64 syscall);
long do_fpu_taskswitch(u64 set);
long do_platform_op(u64 op);
long do_set_debugreg(u64 reg, u64 value);
long do_get_debugreg(u64 reg);
long do_update_descriptor(u64 addr, u64 desc);
long do_memory_op(u64 cmd, u64 arg);
long do_update_va_mapping(u64 va, u64 pte, u64 flags);
long do_set_timer_op(u64 timeout);
long do_xen_version(u64 cmd, u64 arg);
long do_console_io(u64 cmd, u64 count, u64 buf);
long do_grant_table_op(u64 cmd, u64 uop, u64 count);
long do_vm_assist(u64 cmd, u64 type);
long do_iret(void);
long do_vcpu_op(u64 cmd, u64 id, u64 arg);
long do_set_segment_base(u64 which, u64 base);
long do_mmuext_op(u64 ops, u64 count, u64 done, u64 foreigndom);
long do_sched_op(u64 cmd, u64 arg);
long do_callback_op(u64 cmd, u64 arg);
long do_event_channel_op(u64 cmd, u64 arg);
long do_physdev_op(u64 cmd, u64 arg);
long do_sysctl(u64 op);
long do_domctl(u64 op);
