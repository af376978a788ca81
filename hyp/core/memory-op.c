/* SPDX-License-Identifier: MIT */
/*
 * memory_op.  Reservations (populate, increase, decrease, exchange) work
 * extent by extent, and can rest between two of them: the number of extents
 * that are done travels in the upper bits of the command.
 */
#include <hyp/memory.h>

#include <xen/grant_table.h>
#include <xen/memory.h>

#include <hyp/core.h>

#define CMD_BITS	6
#define CMD_MASK	((1u << CMD_BITS) - 1)
/* 2^order frames in one piece: 2 MiB for guests, 16 MiB for the control. */
#define ORDER_GUEST	9
#define ORDER_CONTROL	12

/* ---- Reservations ---- */

static unsigned order_max(void)
{
	return priv_system(current_domain()) ? ORDER_CONTROL : ORDER_GUEST;
}

/* Gives d one extent; *frame: its pfn in (where M2P is set), mfn out. */
static bool give_extent(struct domain *d, unsigned op,
			const struct xen_memory_reservation *r,
			xen_pfn_t *frame)
{
	mfn_t m = memory_alloc(d, r->extent_order,
			       XENMEMF_get_address_bits(r->mem_flags));

	if (m == MFN_NONE)
		return false;
	for (u64 i = 0; op == XENMEM_populate_physmap &&
		    i < 1ULL << r->extent_order; i++)
		m2p_set(m + i, *frame + i);
	*frame = m;
	return true;
}

static bool take_extent(struct domain *d, unsigned order, xen_pfn_t frame)
{
	for (u64 i = 0; i < 1ULL << order; i++) {
		if (!memory_steal(d, frame + i))
			return false;
		page_free(page_of(frame + i));
	}
	return true;
}

/* False: this extent failed, those before it are done. */
static bool change_extent(struct domain *d, unsigned op,
			  const struct xen_memory_reservation *r, u64 i)
{
	const u64 at = (u64)r->extent_start.p + i * sizeof(xen_pfn_t);
	xen_pfn_t frame = 0;

	/* increase_reservation reads nothing and need not say where. */
	if (op != XENMEM_increase_reservation &&
	    copy_from_guest(&frame, at, sizeof(frame)))
		return false;
	if (op == XENMEM_decrease_reservation)
		return take_extent(d, r->extent_order, frame);
	if (!give_extent(d, op, r, &frame))
		return false;
	if (!r->extent_start.p)
		return true;
	if (!copy_to_guest(at, &frame, sizeof(frame)))
		return true;
	take_extent(d, r->extent_order, frame);
	return false;
}

static long reservation_op(unsigned op, u64 i, u64 arg)
{
	struct xen_memory_reservation r;
	bool ok = true, rest = false;
	struct domain *d;
	int rc;

	if (copy_from_guest(&r, arg, sizeof(r)))
		return -XEN_EFAULT;
	if (i >= r.nr_extents || r.extent_order > order_max() ||
	    r.nr_extents > ~0ULL >> (CMD_BITS + 1))
		return i;
	if (op != XENMEM_increase_reservation && !r.extent_start.p)
		return i;
	rc = domain_find_controlled(r.domid, &d);
	if (rc)
		return i ? (long)i : rc;
	while (!rest && i < r.nr_extents) {
		ok = change_extent(d, op, &r, i);
		if (!ok)
			break;
		i++;
		rest = hypercall_should_rest(1u << r.extent_order);
	}
	domain_put(d);
	if (ok && i < r.nr_extents)
		return hypercall_restart(__HYPERVISOR_memory_op, 2,
					 op | i << CMD_BITS, arg);
	return i;
}

/* ---- Exchange ---- */

/*
 * All or nothing, so the sum is limited; nobody needs more in one piece than
 * the largest extent.  What is in hand waits until the new is in place.
 */
#define EXCHANGE_MAX	(1ULL << ORDER_CONTROL)

/* Check all, change nothing; sums cannot wrap. */
static int exchange_check(const struct xen_memory_exchange *x)
{
	const struct xen_memory_reservation *in = &x->in, *out = &x->out;
	const unsigned max = order_max();

	if (in->extent_order > max || out->extent_order > max)
		return -XEN_EPERM;
	if (in->nr_extents > EXCHANGE_MAX || out->nr_extents > EXCHANGE_MAX ||
	    in->nr_extents << in->extent_order > EXCHANGE_MAX ||
	    in->nr_extents << in->extent_order !=
	    out->nr_extents << out->extent_order ||
	    in->domid != out->domid || x->nr_exchanged)
		return -XEN_EINVAL;
	if (!guest_range_ok((u64)in->extent_start.p, in->nr_extents, 8) ||
	    !guest_range_ok((u64)out->extent_start.p, out->nr_extents, 8))
		return -XEN_EFAULT;
	return 0;
}

/* Where the guest's list has the extent with its frame i. */
static u64 extent_at(const struct xen_memory_reservation *r, u64 i)
{
	return (u64)r->extent_start.p +
	       (i >> r->extent_order) * sizeof(xen_pfn_t);
}

/* The number of frame i of an extent in the guest's list. */
static int extent_frame(const struct xen_memory_reservation *r, u64 i,
			xen_pfn_t *frame)
{
	int rc = copy_from_guest(frame, extent_at(r, i), sizeof(*frame));

	*frame += i & ((1ULL << r->extent_order) - 1);
	return rc;
}

/* Fills given[] with n frames of our own; *done: how many there are. */
static int exchange_alloc(const struct xen_memory_reservation *out,
			  mfn_t *given, u64 n, u64 *done)
{
	mfn_t m;

	while (*done < n) {
		m = frame_alloc(out->extent_order,
				XENMEMF_get_address_bits(out->mem_flags),
				FRAME_ZERO | FRAME_UNCLAIMED);
		if (m == MFN_NONE)
			return -XEN_ENOMEM;
		for (u64 i = 0; i < 1ULL << out->extent_order; i++)
			given[(*done)++] = m + i;
	}
	return 0;
}

/* Takes n frames that d lists, into taken[]; *done: how many it got. */
static int exchange_take(struct domain *d,
			 const struct xen_memory_reservation *in,
			 mfn_t *taken, u64 n, u64 *done)
{
	for (; *done < n; ++*done) {
		if (extent_frame(in, *done, &taken[*done]))
			return -XEN_EFAULT;
		if (!memory_steal(d, taken[*done]))
			return -XEN_EINVAL;
	}
	return 0;
}

/* Puts the new frames in place and says where they are. */
static int exchange_commit(struct domain *d,
			   const struct xen_memory_reservation *out,
			   const mfn_t *given, u64 n)
{
	const u64 in_extent = (1ULL << out->extent_order) - 1;
	xen_pfn_t pfn = 0;
	int rc = 0;

	for (u64 i = 0; i < n; i++, pfn++) {
		if (!(i & in_extent) &&
		    (extent_frame(out, i, &pfn) ||
		     copy_to_guest(extent_at(out, i), &given[i], 8)))
			rc = -XEN_EFAULT;
		if (!memory_replace(d, given[i]))
			frame_free(given[i], 0);
		else if (!rc)
			m2p_set(given[i], pfn);
	}
	return rc;
}

static long exchange(struct xen_memory_exchange *x, struct domain *d)
{
	u64 n, nr_given = 0, nr_taken = 0;
	mfn_t *given, *taken;
	int rc = exchange_check(x);

	if (rc)
		return rc;
	n = x->in.nr_extents << x->in.extent_order;
	given = heap_alloc(n * 2 * sizeof(mfn_t));
	taken = given + n;
	rc = given ? exchange_alloc(&x->out, given, n, &nr_given) :
		     -XEN_ENOMEM;
	if (!rc)
		rc = exchange_take(d, &x->in, taken, n, &nr_taken);
	if (rc) {
		while (nr_taken)
			memory_unsteal(d, taken[--nr_taken]);
		while (nr_given)
			frame_free(given[--nr_given], 0);
	} else {
		rc = exchange_commit(d, &x->out, given, n);
		while (nr_taken)
			page_free(page_of(taken[--nr_taken]));
	}
	x->nr_exchanged = x->in.nr_extents;
	heap_free(given);
	return rc;
}

/* ---- Questions about a domain ---- */

struct question {
	domid_t domid;
};

static long current_reservation(void *arg, struct domain *d)
{
	return d->mem.tot_pages;
}

static long maximum_reservation(void *arg, struct domain *d)
{
	return d->mem.max_pages;
}

static long maximum_gpfn(void *arg, struct domain *d)
{
	return (READ_ONCE(d->shared->arch.max_pfn) & 0xfffffffffffUL) - 1;
}

static long claim_pages(const struct xen_memory_reservation *r,
			struct domain *d)
{
	const u64 have = READ_ONCE(d->mem.tot_pages), want = r->nr_extents;

	if (!priv_system(current_domain()))
		return -XEN_EPERM;
	if (r->extent_start.p || r->extent_order || r->mem_flags)
		return -XEN_EINVAL;
	if (want > d->mem.max_pages)
		return -XEN_ENOMEM;
	if (want && want < have)
		return -XEN_EINVAL;
	return frame_claim(d, want ? want - have : 0);
}

/* ---- Memory maps ---- */

static long set_memory_map(const struct xen_foreign_memory_map *m,
			   struct domain *d)
{
	const u32 n = m->map.nr_entries;
	struct e820entry *e;

	if (n > E820_ENTRIES_MAX)
		return -XEN_EINVAL;
	e = heap_alloc(MAX(n, 1u) * sizeof(*e));
	if (!e)
		return -XEN_ENOMEM;
	if (copy_from_guest(e, (u64)m->map.buffer.p, n * sizeof(*e))) {
		heap_free(e);
		return -XEN_EFAULT;
	}
	heap_free(d->mem.e820);
	d->mem.e820 = e;
	d->mem.e820_count = n;
	return 0;
}

static long memory_map(struct xen_memory_map *m, struct vcpu *v)
{
	const struct domain_mem *mem = &v->domain->mem;

	if (!mem->e820)
		return -XEN_ENOSYS;
	m->nr_entries = MIN(m->nr_entries, mem->e820_count);
	return copy_to_guest((u64)m->buffer.p, mem->e820,
			     m->nr_entries * sizeof(struct e820entry));
}

/* The firmware's map: it gives the control domain's memory its shape. */
static long machine_memory_map(struct xen_memory_map *m)
{
	const struct boot_range *r = boot_info.range;
	const u32 count = boot_info.range_count;
	struct e820entry e;

	if (!priv_hardware(current_domain()))
		return -XEN_EPERM;
	if (m->buffer.p && m->nr_entries < count)
		return -XEN_EINVAL;
	m->nr_entries = count;
	for (u32 i = 0; m->buffer.p && i < count; i++) {
		e = (struct e820entry){ r[i].start, r[i].size, r[i].type };
		if (copy_item_to_guest(m->buffer, i, &e))
			return -XEN_EFAULT;
	}
	return 0;
}

/* ---- The M2P ---- */

static long machphys_mapping(struct xen_machphys_mapping *m)
{
	m->v_start = M2P_RO_START;
	m->v_end = M2P_RO_END;
	m->max_mfn = page_mfn_end - 1;
	return 0;
}

static long machphys_mfn_list(struct xen_machphys_mfn_list *l)
{
	const u32 pieces = DIV_UP(page_mfn_end * sizeof(u64), 1UL << 21);
	xen_pfn_t m;

	if (!priv_system(current_domain()))
		return -XEN_EPERM;
	l->nr_extents = MIN(l->max_extents, pieces);
	for (u32 i = 0; i < l->nr_extents; i++) {
		m = m2p_piece(i);
		if (copy_item_to_guest(l->extent_start, i, &m))
			return -XEN_EFAULT;
	}
	return 0;
}

/* ---- Frames that the hypervisor made for a domain ---- */

static int acquire_frames(struct domain *d,
			  const struct xen_mem_acquire_resource *r)
{
	mfn_t m;
	int rc;

	if (r->frame > d->gnttab.max_frames ||
	    r->nr_frames > d->gnttab.max_frames - r->frame)
		return -XEN_EINVAL;
	for (u32 i = 0; i < r->nr_frames; i++) {
		rc = gnttab_frame(d, r->frame + i, &m);
		if (rc)
			return rc;
		if (copy_item_to_guest(r->frame_list, i, &m))
			return -XEN_EFAULT;
	}
	return 0;
}

static long acquire_resource(struct xen_mem_acquire_resource *r,
			     struct domain *d)
{
	if (r->type != XENMEM_resource_grant_table)
		return r->pad ? -XEN_EINVAL : -XEN_EOPNOTSUPP;
	if (r->pad || r->id != XENMEM_resource_grant_table_id_shared)
		return -XEN_EINVAL;
	if (r->frame_list.p)
		return acquire_frames(d, r);
	if (r->nr_frames)
		return -XEN_EINVAL;
	r->nr_frames = d->gnttab.max_frames;
	return 0;
}

static long maximum_ram_page(void)
{
	return page_mfn_end - 1;
}

#define BARE(name)		OP_BARE(XENMEM_##name, name)
#define MEM_OP(name, type, ...)	OP(XENMEM_##name, name, struct type, ##__VA_ARGS__)

static const struct guest_op ops[] = {
	BARE(maximum_ram_page),
	MEM_OP(current_reservation, question, ABOUT(struct question, domid)),
	MEM_OP(maximum_reservation, question, ABOUT(struct question, domid)),
	MEM_OP(maximum_gpfn, question, ABOUT(struct question, domid)),
	MEM_OP(exchange, xen_memory_exchange, ANSWERS,
	       ABOUT(struct xen_memory_exchange, in.domid)),
	MEM_OP(claim_pages, xen_memory_reservation,
	       ABOUT(struct xen_memory_reservation, domid)),
	MEM_OP(set_memory_map, xen_foreign_memory_map, HOLDS(lock),
	       ABOUT(struct xen_foreign_memory_map, domid)),
	MEM_OP(memory_map, xen_memory_map, HOLDS(lock), ANSWERS),
	MEM_OP(machine_memory_map, xen_memory_map, ANSWERS),
	MEM_OP(machphys_mapping, xen_machphys_mapping, ANSWERS),
	MEM_OP(machphys_mfn_list, xen_machphys_mfn_list, ANSWERS),
	MEM_OP(acquire_resource, xen_mem_acquire_resource, ANSWERS,
	       ABOUT(struct xen_mem_acquire_resource, domid)),
};

long do_memory_op(u64 cmd, u64 arg)
{
	const unsigned op = cmd & CMD_MASK;

	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return reservation_op(op, cmd >> CMD_BITS, arg);
	/* Tools take this error, and no other, for a domain without nodes. */
	case XENMEM_get_vnumainfo:
		return -XEN_EOPNOTSUPP;
	}
	return guest_op_run(ops, ARRAY_SIZE(ops), op, arg, current_vcpu());
}
