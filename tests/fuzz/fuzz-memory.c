/* SPDX-License-Identifier: MIT */
/*
 * memory_op with arbitrary arguments.  The pointers inside are ours, or lie
 * in the hypervisor's range; everything else comes from the input.
 */
#include <stdint.h>
#include <string.h>

#include <hyp/hypercall.h>
#include <hyp/memory.h>
#include <hyp/page.h>

#include <xen/memory.h>

#include "machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIST 1024

static struct domain *ctl, *d;
static xen_pfn_t list[2][LIST];

static void *pointer(u8 choice, u64 n)
{
	if (choice & 1 || n > LIST)
		return (void *)(HYP_START + 4096);
	return choice & 2 ? NULL : list[choice >> 2 & 1];
}

static void fix_reservation(struct xen_memory_reservation *r)
{
	const u8 choice = (u64)r->extent_start.p;

	if (choice & 0x40)
		r->nr_extents %= LIST + 1;
	if (choice & 0x80)
		r->extent_order %= 12;
	r->extent_start.p = pointer(choice, r->nr_extents);
	if (!(choice & 0x20))
		r->domid = DOMID_SELF;
	else if (choice & 0x10)
		r->domid = d->id;
}

/* Frames that the domain has, so that some are really given up. */
static void fill_lists(const uint8_t *data, size_t size)
{
	unsigned i;
	u32 m = d->mem.first;

	for (i = 0; i < LIST; i++) {
		list[0][i] = m ? m : i;
		list[1][i] = size ? data[i % size] : i;
		m = m ? page_of(m)->next : 0;
	}
}

static void run(u64 cmd, void *arg)
{
	struct regs *r = guest_regs();
	unsigned left = 2000;

	r->rdi = cmd;
	r->rsi = (u64)arg;
	do {
		r->rip = 100;
		do_memory_op(r->rdi, r->rsi);
	} while (r->rip != 100 && --left);
}

static void once(u8 cmd, const uint8_t *bytes)
{
	union {
		struct xen_memory_reservation r;
		struct xen_memory_exchange x;
		struct xen_memory_map m;
		struct xen_foreign_memory_map f;
		struct xen_machphys_mfn_list l;
		struct xen_mem_acquire_resource a;
		u8 byte[128];
	} u;

	memcpy(&u, bytes, sizeof(u));
	switch (cmd & 63) {
	case XENMEM_exchange:
		fix_reservation(&u.x.in);
		fix_reservation(&u.x.out);
		if (u.x.nr_exchanged & 0xf00)
			u.x.nr_exchanged = 0;
		break;
	case XENMEM_memory_map:
	case XENMEM_machine_memory_map:
		u.m.nr_entries %= 300;
		u.m.buffer.p = pointer((u64)u.m.buffer.p, u.m.nr_entries * 3);
		break;
	case XENMEM_set_memory_map:
		u.f.map.nr_entries %= 300;
		u.f.map.buffer.p = pointer((u64)u.f.map.buffer.p,
					   u.f.map.nr_entries * 3);
		u.f.domid = u.f.domid & 1 ? d->id : u.f.domid;
		break;
	case XENMEM_machphys_mfn_list:
		u.l.extent_start.p = pointer((u64)u.l.extent_start.p, 0);
		break;
	case XENMEM_acquire_resource:
		u.a.domid = u.a.domid & 1 ? d->id : u.a.domid;
		u.a.frame_list.p = pointer((u64)u.a.frame_list.p, 0);
		break;
	default:
		fix_reservation(&u.r);
		break;
	}
	run(cmd & 0x40 ? cmd & 63 : cmd, &u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	machine_boot();
	ctl = machine_domain(true);
	d = machine_domain(false);
	d->mem.max_pages = 3000;
	memory_alloc(d, 6, 0);
	ctl->mem.max_pages = 3000;
	while (size >= 130) {
		machine_as(0, (data[0] & 1 ? ctl : d)->vcpu[0]);
		this_cpu()->rest_budget = data[0] * 16;
		fill_lists(data, size);
		once(data[1], data + 2);
		data += 130;
		size -= 130;
	}
	machine_boot();
	return 0;
}
