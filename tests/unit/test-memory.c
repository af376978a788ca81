/* SPDX-License-Identifier: MIT */
/* memory_op: reservations, exchange, maps, and what each refuses. */
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/frame-alloc.h>
#include <hyp/hypercall.h>
#include <hyp/memory.h>
#include <hyp/page.h>

#include <xen/memory.h>

#include "machine.h"

CU_ErrorCode test_memory_register(void);

static struct domain *ctl, *d;
static xen_pfn_t frame[600];

static void setup(bool control)
{
	machine_boot();
	ctl = machine_domain(true);
	d = machine_domain(false);
	machine_as(0, (control ? ctl : d)->vcpu[0]);
}

/* A memory_op as a guest does it: again and again until it is finished. */
static long memory_op(u64 cmd, void *arg)
{
	struct regs *r = guest_regs();
	long rc;

	r->rdi = cmd;
	r->rsi = (u64)arg;
	do {
		r->rip = 100;
		rc = do_memory_op(r->rdi, r->rsi);
	} while (r->rip != 100);
	return rc;
}

static struct xen_memory_reservation reservation(unsigned n, unsigned order,
						 domid_t id)
{
	struct xen_memory_reservation r = {
		.nr_extents = n, .extent_order = order, .domid = id };

	r.extent_start.p = frame;
	return r;
}

static void pfns(unsigned n, unsigned order)
{
	unsigned i;

	for (i = 0; i < n; i++)
		frame[i] = 0x1000 + ((u64)i << order);
}

static void populate_gives_frames_and_names_them(void)
{
	struct xen_memory_reservation r;
	unsigned i;

	setup(true);
	pfns(500, 0);
	r = reservation(500, 0, d->id);
	this_cpu()->rest_budget = 10;
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), 500);
	CU_ASSERT_EQUAL(d->mem.tot_pages, 500);
	for (i = 0; i < 500; i++) {
		CU_ASSERT_PTR_EQUAL(page_of(frame[i])->owner, d);
		CU_ASSERT_EQUAL(m2p_get(frame[i]), 0x1000 + i);
	}
	pfns(3, 9);
	r = reservation(3, 9, d->id);
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), 3);
	CU_ASSERT_EQUAL(m2p_get(frame[2] + 511), 0x1000 + 3 * 512 - 1);
	CU_ASSERT_EQUAL(memory_op(XENMEM_current_reservation,
				  &(domid_t){ d->id }), 500 + 3 * 512);
}

static void decrease_takes_only_what_nobody_uses(void)
{
	struct xen_memory_reservation r;
	struct page *p;

	setup(false);
	pfns(4, 0);
	r = reservation(4, 0, DOMID_SELF);
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), 4);
	p = page_get(frame[2], d);
	CU_ASSERT_EQUAL(memory_op(XENMEM_decrease_reservation, &r), 2);
	CU_ASSERT_EQUAL(m2p_get(frame[0]), ~0ULL);
	page_put(p);
	CU_ASSERT_EQUAL(d->mem.tot_pages, 2);
	/* Not twice, not another's, not the hypervisor's. */
	CU_ASSERT_EQUAL(memory_op(XENMEM_decrease_reservation, &r), 0);
	frame[0] = memory_alloc(ctl, 0, 0);
	CU_ASSERT_EQUAL(memory_op(XENMEM_decrease_reservation, &r), 0);
	frame[0] = page_mfn(d->shared_page);
	CU_ASSERT_EQUAL(memory_op(XENMEM_decrease_reservation, &r), 0);
	frame[0] = 1ULL << 50;
	CU_ASSERT_EQUAL(memory_op(XENMEM_decrease_reservation, &r), 0);
}

static void the_limit_holds(void)
{
	struct xen_memory_reservation r;

	setup(false);
	d->mem.max_pages = 3;
	pfns(5, 0);
	r = reservation(5, 0, DOMID_SELF);
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), 3);
	r = reservation(1, 10, DOMID_SELF);
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), 0);
	r = reservation(1, 0, ctl->id);
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), -XEN_EPERM);
	r = reservation(1, 0, 999);
	CU_ASSERT(memory_op(XENMEM_populate_physmap, &r) < 0);
}

static void a_fault_half_way_loses_nothing(void)
{
	struct xen_memory_reservation r;

	setup(false);
	pfns(100, 0);
	r = reservation(100, 0, DOMID_SELF);
	/* The 65th frame's number cannot be written back. */
	machine_guest_fault_at(sizeof(r) + 64 * 16 + 9);
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), 64);
	CU_ASSERT_EQUAL(d->mem.tot_pages, 64);
}

static struct xen_memory_exchange exchange(xen_pfn_t *in, unsigned in_order,
					   unsigned ins, xen_pfn_t *out,
					   unsigned out_order, unsigned outs)
{
	struct xen_memory_exchange x = {
		.in = reservation(ins, in_order, DOMID_SELF),
		.out = reservation(outs, out_order, DOMID_SELF) };

	x.in.extent_start.p = in;
	x.out.extent_start.p = out;
	return x;
}

static void exchange_makes_pieces_whole(void)
{
	struct xen_memory_reservation r;
	struct xen_memory_exchange x;
	xen_pfn_t out[2] = { 0x500, 0x540 };
	unsigned i;
	u64 free;

	setup(false);
	pfns(128, 0);
	r = reservation(128, 0, DOMID_SELF);
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), 128);
	free = frame_free_count();
	x = exchange(frame, 0, 128, out, 6, 2);
	/* Too narrow: nothing happens. */
	x.out.mem_flags = XENMEMF_address_bits(18);
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_ENOMEM);
	CU_ASSERT_EQUAL(x.nr_exchanged, 0);
	x.out.mem_flags = XENMEMF_address_bits(25);
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), 0);
	CU_ASSERT_EQUAL(x.nr_exchanged, 128);
	CU_ASSERT_EQUAL(out[1] & 63, 0);
	for (i = 0; i < 64; i++)
		CU_ASSERT_EQUAL(m2p_get(out[1] + i), 0x540 + i);
	CU_ASSERT_PTR_NULL(page_of(frame[5])->owner);
	CU_ASSERT_EQUAL(d->mem.tot_pages, 128);
	CU_ASSERT_EQUAL(frame_free_count(), free);
}

static void exchange_refuses_what_is_in_use(void)
{
	struct xen_memory_reservation r;
	struct xen_memory_exchange x;
	xen_pfn_t out[64] = { 0x500 };
	struct page *p;
	u64 free;

	setup(false);
	pfns(64, 0);
	r = reservation(64, 0, DOMID_SELF);
	CU_ASSERT_EQUAL(memory_op(XENMEM_populate_physmap, &r), 64);
	free = frame_free_count();
	p = page_get(frame[63], d);
	x = exchange(frame, 0, 64, out, 6, 1);
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
	CU_ASSERT_EQUAL(x.nr_exchanged, 0);
	CU_ASSERT_EQUAL(frame_free_count(), free);
	CU_ASSERT_PTR_NOT_NULL(page_get(frame[0], d));
	page_put(page_of(frame[0]));
	page_put(p);
	/* The same frame twice. */
	frame[63] = frame[0];
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
	CU_ASSERT_EQUAL(frame_free_count(), free);
	/* Sums that do not match, wrap, or lie in the hypervisor. */
	x = exchange(frame, 0, 63, out, 6, 1);
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
	x = exchange(frame, 0, 64, (void *)HYP_START, 6, 1);
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_EFAULT);
	x = exchange(frame, 40, 64, out, 6, 1);
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_EPERM);
	x = exchange(frame, 1U << 30, 64, out, 6, 1);
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_EPERM);
	x = exchange(frame, 0, 64, out, 6, 1);
	x.nr_exchanged = 65;
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
	x = exchange(frame, 0, 0, out, 0, 0);
	x.in.nr_extents = x.out.nr_extents = 1ULL << 63;
	CU_ASSERT_EQUAL(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
}

static void a_map_is_stored_and_read_back(void)
{
	struct e820entry in[2] = { { 0, 0x1000, 1 }, { 0x1000, 0x2000, 2 } };
	struct e820entry out[2] = { { 0 } };
	struct xen_foreign_memory_map f = { .map.nr_entries = 2 };
	struct xen_memory_map m = { .nr_entries = 2 };

	setup(true);
	f.domid = d->id;
	f.map.buffer.p = in;
	CU_ASSERT_EQUAL(memory_op(XENMEM_set_memory_map, &f), 0);
	CU_ASSERT_EQUAL(memory_op(XENMEM_set_memory_map, &f), 0);
	f.map.nr_entries = 129;
	CU_ASSERT_EQUAL(memory_op(XENMEM_set_memory_map, &f), -XEN_EINVAL);
	m.buffer.p = out;
	CU_ASSERT_EQUAL(memory_op(XENMEM_memory_map, &m), -XEN_ENOSYS);
	CU_ASSERT_EQUAL(memory_op(XENMEM_machine_memory_map, &m), 0);
	CU_ASSERT_EQUAL(m.nr_entries, 1);
	CU_ASSERT_EQUAL(out[0].size, MACHINE_FRAMES * PAGE_SIZE);
	machine_as(0, d->vcpu[0]);
	m.nr_entries = 2;
	CU_ASSERT_EQUAL(memory_op(XENMEM_memory_map, &m), 0);
	CU_ASSERT(!memcmp(in, out, sizeof(in)));
	CU_ASSERT_EQUAL(memory_op(XENMEM_machine_memory_map, &m), -XEN_EPERM);
	f.map.nr_entries = 2;
	f.domid = ctl->id;
	CU_ASSERT_EQUAL(memory_op(XENMEM_set_memory_map, &f), -XEN_EPERM);
}

static void a_claim_is_made_and_given_up(void)
{
	struct xen_memory_reservation r;

	setup(true);
	r = reservation(1000, 0, d->id);
	r.extent_start.p = NULL;
	CU_ASSERT_EQUAL(memory_op(XENMEM_claim_pages, &r), 0);
	CU_ASSERT_EQUAL(frame_claimed_count(), 1000);
	CU_ASSERT(memory_alloc(d, 3, 0) != MFN_NONE);
	CU_ASSERT_EQUAL(frame_claimed_count(), 992);
	r.nr_extents = 1 << 30;
	CU_ASSERT_EQUAL(memory_op(XENMEM_claim_pages, &r), -XEN_ENOMEM);
	r.nr_extents = 0;
	CU_ASSERT_EQUAL(memory_op(XENMEM_claim_pages, &r), 0);
	CU_ASSERT_EQUAL(frame_claimed_count(), 0);
	machine_as(0, d->vcpu[0]);
	CU_ASSERT_EQUAL(memory_op(XENMEM_claim_pages, &r), -XEN_EPERM);
}

static void the_toolstack_finds_grant_frames(void)
{
	struct xen_mem_acquire_resource r = {
		.type = XENMEM_resource_grant_table };
	xen_pfn_t list[8];

	setup(true);
	r.domid = d->id;
	CU_ASSERT_EQUAL(memory_op(XENMEM_acquire_resource, &r), 0);
	CU_ASSERT_EQUAL(r.nr_frames, 4);
	r.nr_frames = 2;
	r.frame_list.p = list;
	CU_ASSERT_EQUAL(memory_op(XENMEM_acquire_resource, &r), 0);
	CU_ASSERT_PTR_EQUAL(page_of(list[1])->owner, d);
	r.frame = 3;
	CU_ASSERT_EQUAL(memory_op(XENMEM_acquire_resource, &r), -XEN_EINVAL);
	r.frame = ~0ULL;
	CU_ASSERT_EQUAL(memory_op(XENMEM_acquire_resource, &r), -XEN_EINVAL);
	r.type = XENMEM_resource_ioreq_server;
	CU_ASSERT_EQUAL(memory_op(XENMEM_acquire_resource, &r),
			-XEN_EOPNOTSUPP);
	machine_as(0, d->vcpu[0]);
	r.type = XENMEM_resource_grant_table;
	CU_ASSERT(memory_op(XENMEM_acquire_resource, &r) < 0);
	CU_ASSERT_EQUAL(memory_op(63, &r), -XEN_ENOSYS);
	/* xl save takes any other answer for a domain with virtual nodes. */
	CU_ASSERT_EQUAL(memory_op(XENMEM_get_vnumainfo, &r),
			-XEN_EOPNOTSUPP);
}

CU_ErrorCode test_memory_register(void)
{
	CU_TestInfo tests[] = {
		{ "populate gives frames and names them",
		  populate_gives_frames_and_names_them },
		{ "decrease takes only what nobody uses",
		  decrease_takes_only_what_nobody_uses },
		{ "the limit holds", the_limit_holds },
		{ "a fault half-way loses nothing",
		  a_fault_half_way_loses_nothing },
		{ "exchange makes pieces whole", exchange_makes_pieces_whole },
		{ "exchange refuses what is in use",
		  exchange_refuses_what_is_in_use },
		{ "a map is stored and read back",
		  a_map_is_stored_and_read_back },
		{ "a claim is made and given up",
		  a_claim_is_made_and_given_up },
		{ "the toolstack finds grant frames",
		  the_toolstack_finds_grant_frames },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "memory", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
