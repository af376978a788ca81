/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls.  A 64-bit PV kernel makes one with the `syscall` instruction:
 * number in rax, arguments in rdi rsi rdx r10 r8, result in rax.  No hypercall
 * page is needed.
 */
#ifndef PV_HYPERCALL_H
#define PV_HYPERCALL_H

#include <pv/abi.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

/* The one way into the hypervisor; negative results are -XEN_E... */
long pv_hypercall(unsigned int nr, unsigned long a, unsigned long b,
		  unsigned long c, unsigned long d);

static inline long pv_sched_op(int cmd, void *arg)
{
	return pv_hypercall(__HYPERVISOR_sched_op, cmd, (unsigned long)arg,
			    0, 0);
}

static inline long pv_event_op(int cmd, void *arg)
{
	return pv_hypercall(__HYPERVISOR_event_channel_op, cmd,
			    (unsigned long)arg, 0, 0);
}

static inline long pv_grant_op(int cmd, void *ops, unsigned int nr)
{
	return pv_hypercall(__HYPERVISOR_grant_table_op, cmd,
			    (unsigned long)ops, nr, 0);
}

static inline long pv_memory_op(int cmd, void *arg)
{
	return pv_hypercall(__HYPERVISOR_memory_op, cmd, (unsigned long)arg,
			    0, 0);
}

/* Bytes to the hypervisor's own log; most hypervisors drop them. */
static inline long pv_console_io(const char *text, size_t n)
{
	return pv_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, n,
			    (unsigned long)text, 0);
}

#endif
