/* SPDX-License-Identifier: MIT */
/*
 * domctl: the toolstack builds, inspects and destroys domains.
 *
 * One table says for each operation which function does it and what goes
 * around it.  Operations that change a domain run one at a time, under
 * domctl_lock; those that only look need no lock.
 */
#include <hyp/core.h>

#include <xen/domctl.h>

#include <hyp/cpu-policy.h>

_Static_assert(sizeof(struct xen_domctl) == 144, "ABI");
_Static_assert(sizeof(struct xen_domctl_createdomain) == 64, "ABI");
_Static_assert(sizeof(struct xen_domctl_getdomaininfo) == 112, "ABI");
_Static_assert(offsetof(struct xen_domctl, u) == 16, "ABI");

/* ---- Making and unmaking ---- */

static int check_create(const struct xen_domctl_createdomain *c)
{
	/* Only PV, nothing that needs an IOMMU or a hardware feature. */
	if (c->flags & ~XEN_DOMCTL_CDF_oos_off || c->iommu_opts)
		return -XEN_EINVAL;
	if (c->arch.emulation_flags ||
	    c->arch.misc_flags & ~XEN_X86_MSR_RELAXED)
		return -XEN_EINVAL;
	if (c->grant_opts & ~XEN_DOMCTL_GRANT_version_mask ||
	    XEN_DOMCTL_GRANT_version(c->grant_opts) < 1 ||
	    XEN_DOMCTL_GRANT_version(c->grant_opts) > 2)
		return -XEN_EINVAL;
	if (c->vmtrace_size)
		return -XEN_EOPNOTSUPP;
	return c->cpupool_id ? -XEN_EINVAL : 0;
}

static int op_create(struct domain *none, struct xen_domctl_createdomain *c,
		     struct xen_domctl *op)
{
	struct domain_params p = {
		.max_vcpus = c->max_vcpus,
		.max_evtchn_port = c->max_evtchn_port,
		.max_grant_frames = c->max_grant_frames < 0 ?
			GNTTAB_FRAMES_DEFAULT : c->max_grant_frames,
		.max_maptrack_frames = c->max_maptrack_frames < 0 ?
			MAPTRACK_FRAMES_DEFAULT : c->max_maptrack_frames,
	};
	bool any = !op->domain || op->domain >= DOMID_FIRST_RESERVED;
	struct domain *d;
	int rc = check_create(c);

	if (rc)
		return rc;
	memcpy(p.handle, c->handle, sizeof(p.handle));
	rc = domain_create(any ? DOMID_INVALID : op->domain, &p, &d);
	if (!rc)
		op->domain = d->id;
	return rc;
}

static int op_max_vcpus(struct domain *d, struct xen_domctl_max_vcpus *m)
{
	int rc;

	if (m->max != d->max_vcpus)
		return -XEN_EINVAL;
	for (u32 i = 0; i < d->max_vcpus; i++) {
		rc = d->vcpu[i] ? 0 : vcpu_create(d, i);
		if (rc)
			return rc;
	}
	return 0;
}

static int op_max_mem(struct domain *d, struct xen_domctl_max_mem *m)
{
	HOLD(&d->lock);

	d->mem.max_pages = m->max_memkb >> (PAGE_SHIFT - 10);
	return 0;
}

/* ---- Running ---- */

static int op_pause(struct domain *d)
{
	d->control_pauses++;
	domain_pause(d);
	return 0;
}

static int op_unpause(struct domain *d)
{
	if (!d->control_pauses)
		return -XEN_EINVAL;
	d->control_pauses--;
	domain_unpause(d);
	return 0;
}

static int op_subscribe(struct domain *d, struct xen_domctl_subscribe *s)
{
	WRITE_ONCE(d->suspend_port, s->port);
	return 0;
}

/* ---- vCPUs ---- */

static int load_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int rc = v->initialised ? arch_vcpu_set_context(v, c) :
				  vcpu_initialise(v, c);

	if (rc)
		return rc;
	atomic_store(&v->down, !(c->flags & VGCF_online));
	return 0;
}

static int save_context(struct vcpu *v, struct vcpu_guest_context *c)
{
	if (!v->initialised)
		return -XEN_ENODATA;
	arch_vcpu_get_context(v, c);
	return 0;
}

/* Both ways; the domain stands still meanwhile. */
static int op_vcpucontext(struct vcpu *v, struct xen_domctl_vcpucontext *x,
			  struct xen_domctl *op)
{
	u64 at = (u64)x->ctxt.p;
	bool set = op->cmd == XEN_DOMCTL_setvcpucontext;
	struct vcpu_guest_context *c;
	int rc = 0;

	if (!at)
		return -XEN_EOPNOTSUPP;
	c = heap_alloc(sizeof(*c));
	if (!c)
		return -XEN_ENOMEM;
	if (set)
		rc = copy_from_guest(c, at, sizeof(*c));
	if (!rc) {
		domain_pause(v->domain);
		rc = set ? load_context(v, c) : save_context(v, c);
		domain_unpause(v->domain);
	}
	if (!rc && !set)
		rc = copy_to_guest(at, c, sizeof(*c));
	heap_free(c);
	return rc;
}

static int op_getvcpuinfo(const struct vcpu *v,
			  struct xen_domctl_getvcpuinfo *i)
{
	i->online = !v->down;
	i->blocked = v->blocked;
	i->running = v->sched.running;
	i->cpu_time = vtime_cpu_time(v);
	i->cpu = v->sched.cpu->id;
	return 0;
}

/* One mask; what comes back to a setter is what of it counts. */
static int affinity(struct vcpu *v, bool set, struct cpumask *ours,
		    struct xenctl_bitmap *map)
{
	struct cpumask m;
	int rc = set ? bitmap_read(map, m.bits, MAX_CPUS) : 0;

	if (set && !rc && ours == &v->sched.affinity)
		rc = sched_set_affinity(v, &m);
	else if (set && !rc)
		*ours = m;
	return rc ? rc : bitmap_write(map, ours->bits,
				      set ? cpu_count : MAX_CPUS);
}

static int op_vcpuaffinity(struct vcpu *v, struct xen_domctl_vcpuaffinity *a,
			   struct xen_domctl *op)
{
	bool set = op->cmd == XEN_DOMCTL_setvcpuaffinity;
	int rc = 0;

	if (!a->flags || a->flags & ~(XEN_VCPUAFFINITY_HARD |
				      XEN_VCPUAFFINITY_SOFT |
				      XEN_VCPUAFFINITY_FORCE))
		return -XEN_EINVAL;
	if (a->flags & XEN_VCPUAFFINITY_HARD)
		rc = affinity(v, set, &v->sched.affinity, &a->cpumap_hard);
	if (!rc && a->flags & XEN_VCPUAFFINITY_SOFT)
		rc = affinity(v, set, &v->sched.soft, &a->cpumap_soft);
	return rc;
}

/* There is one node. */
static int op_nodeaffinity(struct domain *d, struct xenctl_bitmap *map,
			   struct xen_domctl *op)
{
	u64 node = 1;
	int rc;

	if (op->cmd == XEN_DOMCTL_getnodeaffinity)
		return bitmap_write(map, &node, 64);
	rc = bitmap_read(map, &node, 64);
	return rc ? rc : node & 1 ? 0 : -XEN_EINVAL;
}

static int op_scheduler(struct domain *d, struct xen_domctl_scheduler_op *s)
{
	struct xen_domctl_sched_credit2 *c = &s->u.credit2;

	if (s->sched_id != XEN_SCHEDULER_CREDIT2)
		return -XEN_EINVAL;
	if (s->cmd == XEN_DOMCTL_SCHEDOP_getinfo) {
		c->weight = (u16)d->weight;
		c->cap = 0;
		return 0;
	}
	if (s->cmd != XEN_DOMCTL_SCHEDOP_putinfo)
		return -XEN_EOPNOTSUPP;
	/* The cap is a promise that a guest gets no more; not kept yet. */
	if (c->cap)
		return -XEN_EOPNOTSUPP;
	if (!c->weight)
		return 0;
	d->weight = c->weight;
	for_each_vcpu(d, v)
		sched_set_weight(v, c->weight);
	return 0;
}

/* ---- Looking ---- */

static int op_getdomaininfo(struct domain *d,
			    struct xen_domctl_getdomaininfo *info,
			    struct xen_domctl *op)
{
	op->domain = d->id;
	domain_get_info(d, info);
	return 0;
}

_Static_assert((u32)PGT_L4 << XEN_DOMCTL_PFINFO_LTAB_SHIFT ==
	       XEN_DOMCTL_PFINFO_L4TAB, "table kinds are numbered alike");

/* What a frame is used for, in the form that save streams have. */
static u64 frame_use(struct domain *d, u64 m)
{
	struct page *p = page_get(m, d);
	u64 type, use = 0;

	if (!p)
		return XEN_DOMCTL_PFINFO_XTAB;
	type = READ_ONCE(p->type);
	if (type_count(type) && type_kind(type) <= PGT_L4)
		use = (u64)type_kind(type) << XEN_DOMCTL_PFINFO_LTAB_SHIFT;
	if (use && type & PGT_PINNED)
		use |= XEN_DOMCTL_PFINFO_LPINTAB;
	page_put(p);
	return use;
}

static int op_getpageframeinfo3(struct domain *d,
				struct xen_domctl_getpageframeinfo3 *g)
{
	u64 at = (u64)g->array.p, frame, i;

	if (g->num > 1024)
		return -XEN_E2BIG;
	for (i = 0; i < g->num; i++, at += sizeof(frame)) {
		if (copy_from_guest(&frame, at, sizeof(frame)))
			return -XEN_EFAULT;
		frame = frame_use(d, frame);
		if (copy_to_guest(at, &frame, sizeof(frame)))
			return -XEN_EFAULT;
	}
	return 0;
}

/* ---- Small settings ---- */

static int op_sethandle(struct domain *d, xen_domain_handle_t *handle)
{
	HOLD(&d->lock);

	memcpy(d->handle, *handle, sizeof(d->handle));
	return 0;
}

static int op_settimeoffset(struct domain *d,
			    struct xen_domctl_settimeoffset *t)
{
	d->time.offset_seconds = t->time_offset_seconds;
	vtime_update_wallclock(d);
	return 0;
}

/* The TSC is always the machine's own. */
static int op_settscinfo(struct domain *d, struct xen_domctl_tsc_info *t)
{
	if (t->tsc_mode != 0 && t->tsc_mode != 2)
		return -XEN_EOPNOTSUPP;
	d->time.tsc_mode = t->tsc_mode;
	d->time.tsc_incarnation = t->incarnation;
	return 0;
}

static int op_gettscinfo(struct domain *d, struct xen_domctl_tsc_info *t)
{
	memset(t, 0, sizeof(*t));
	t->tsc_mode = d->time.tsc_mode;
	t->incarnation = d->time.tsc_incarnation;
	t->gtsc_khz = tsc_khz;
	t->elapsed_nsec = arch_now();
	return 0;
}

static int op_address_size(struct domain *d,
			   struct xen_domctl_address_size *a,
			   struct xen_domctl *op)
{
	if (op->cmd == XEN_DOMCTL_set_address_size && a->size != 64)
		return -XEN_EINVAL;
	a->size = 64;
	return 0;
}

static int op_hypercall_init(struct domain *d,
			     struct xen_domctl_hypercall_init *h)
{
	return arch_hypercall_page(d, h->gmfn);
}

static int op_set_virq_handler(struct domain *d,
			       struct xen_domctl_set_virq_handler *h)
{
	return evtchn_set_virq_handler(d, h->virq);
}

static int op_get_cpu_policy(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	return cpu_policy_read((u64)p->leaves.p, &p->nr_leaves,
			       (u64)p->msrs.p, &p->nr_msrs);
}

static int op_set_cpu_policy(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	p->err_leaf = p->err_subleaf = p->err_msr = ~0U;
	return p->nr_leaves > 1024 || p->nr_msrs > 1024 ? -XEN_E2BIG : 0;
}

/* ---- The table ---- */

enum how {
	LOCKED = 1,	/* under domctl_lock */
	TELLS = 2,	/* the structure goes back to the caller */
	NEW = 4,	/* names no domain yet */
	NEXT = 8,	/* or the next one after it */
	OTHER = 16,	/* not for the caller's own domain */
	VCPU = 32,	/* about the vCPU that its struct begins with */
};

/* About a domain, or a vCPU; arg is the operation's own struct in op. */
typedef int (*op_fn)(void *about, void *arg, struct xen_domctl *op);

static const struct {
	op_fn fn;
	u8 how;
} ops[] = {
#define DOMCTL(name, function, how) \
	[XEN_DOMCTL_##name] = { (op_fn)(void *)(function), how }
	DOMCTL(createdomain, op_create, LOCKED | TELLS | NEW),
	DOMCTL(destroydomain, domain_kill, LOCKED),
	DOMCTL(pausedomain, op_pause, LOCKED | OTHER),
	DOMCTL(unpausedomain, op_unpause, LOCKED),
	DOMCTL(getdomaininfo, op_getdomaininfo, TELLS | NEXT),
	DOMCTL(setvcpuaffinity, op_vcpuaffinity, LOCKED | TELLS | VCPU),
	DOMCTL(max_mem, op_max_mem, LOCKED),
	DOMCTL(setvcpucontext, op_vcpucontext, LOCKED | OTHER | VCPU),
	DOMCTL(getvcpucontext, op_vcpucontext, LOCKED | OTHER | VCPU),
	DOMCTL(getvcpuinfo, op_getvcpuinfo, TELLS | VCPU),
	DOMCTL(max_vcpus, op_max_vcpus, LOCKED),
	DOMCTL(scheduler_op, op_scheduler, LOCKED | TELLS),
	DOMCTL(setdomainhandle, op_sethandle, LOCKED),
	DOMCTL(hypercall_init, op_hypercall_init, LOCKED),
	DOMCTL(settimeoffset, op_settimeoffset, LOCKED),
	DOMCTL(getvcpuaffinity, op_vcpuaffinity, LOCKED | TELLS | VCPU),
	DOMCTL(resumedomain, domain_resume, LOCKED | OTHER),
	DOMCTL(subscribe, op_subscribe, LOCKED),
	DOMCTL(set_address_size, op_address_size, 0),
	DOMCTL(get_address_size, op_address_size, TELLS),
	DOMCTL(gettscinfo, op_gettscinfo, TELLS),
	DOMCTL(settscinfo, op_settscinfo, LOCKED),
	DOMCTL(getpageframeinfo3, op_getpageframeinfo3, 0),
	DOMCTL(set_virq_handler, op_set_virq_handler, LOCKED),
	DOMCTL(setnodeaffinity, op_nodeaffinity, LOCKED),
	DOMCTL(getnodeaffinity, op_nodeaffinity, TELLS),
	DOMCTL(get_cpu_policy, op_get_cpu_policy, TELLS),
	DOMCTL(set_cpu_policy, op_set_cpu_policy, LOCKED | TELLS),
#undef DOMCTL
};

static long run(struct domain *d, struct xen_domctl *op, u8 how)
{
	void *about = d;

	/* A domain that dies can be looked at, and killed further. */
	if (d && d->life != DOMAIN_ALIVE && how & LOCKED &&
	    op->cmd != XEN_DOMCTL_destroydomain)
		return -XEN_EINVAL;
	if (how & OTHER && d == current_domain())
		return -XEN_EINVAL;
	if (how & VCPU)
		about = domain_vcpu(d, op->u.vcpucontext.vcpu);
	return about || how & NEW ? ops[op->cmd].fn(about, &op->u, op) :
				    -XEN_ESRCH;
}

long do_domctl(u64 arg)
{
	static u64 said[2];
	struct domain *d = NULL;
	struct xen_domctl op;
	long rc = 0;
	u8 how;

	if (!priv_system(current_domain()))
		return -XEN_EPERM;
	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -XEN_EACCES;
	if (op.cmd >= ARRAY_SIZE(ops) || !ops[op.cmd].fn)
		return hypercall_missing("domctl", op.cmd, said);

	how = ops[op.cmd].how;
	if (how & NEXT && (d = domain_find_from(op.domain)) != NULL) {
		op.domain = d->id;
		domain_put(d);
	}
	if (!(how & NEW))
		rc = domain_find_controlled(op.domain, &d);
	if (rc)
		return rc;
	if (how & LOCKED)
		lock(&domctl_lock);
	rc = run(d, &op, how);
	if (how & LOCKED)
		unlock(&domctl_lock);
	if (d)
		domain_put(d);

	if (rc == -XEN_ERESTART)
		return hypercall_restart(__HYPERVISOR_domctl, 1, arg);
	if ((how & TELLS) && copy_to_guest(arg, &op, sizeof(op)))
		return -XEN_EFAULT;
	return rc;
}
