/* SPDX-License-Identifier: MIT */
/* sysctl: the toolstack asks about the machine as a whole. */
#include <hyp/core.h>

#include <xen/sysctl.h>

#include <hyp/cpu-policy.h>

_Static_assert(sizeof(struct xen_sysctl) == 136, "ABI");
_Static_assert(sizeof(struct xen_sysctl_physinfo) == 112, "ABI");

static u32 ratelimit_us = 1000;	/* remembered for tools */

static int op_readconsole(struct xen_sysctl_readconsole *r)
{
	u32 index = r->incremental ? r->index : 0, done = 0;
	char chunk[256];
	size_t n;

	while (done < r->count) {
		n = log_read(chunk, MIN(sizeof(chunk), r->count - done),
			     &index, false);
		if (!n)
			break;
		if (copy_to_guest((u64)r->buffer.p + done, chunk, n))
			return -XEN_EFAULT;
		done += n;
	}
	if (r->clear)
		log_read(NULL, 0, &index, true);
	r->index = index;
	r->count = done;
	return 0;
}

static int op_physinfo(struct xen_sysctl_physinfo *p)
{
	u32 words[CPU_FEATURE_WORDS];

	memset(p, 0, sizeof(*p));
	p->threads_per_core = 1;
	p->cores_per_socket = p->nr_cpus = cpu_count;
	p->max_cpu_id = cpu_count - 1;
	p->nr_nodes = 1;
	p->cpu_khz = tsc_khz;
	p->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1;
	p->total_pages = frame_total_count();
	p->free_pages = frame_free_count();
	p->outstanding_pages = frame_claimed_count();
	p->max_mfn = page_mfn_end - 1;
	cpu_policy_features(words);
	memcpy(p->hw_cap, words, sizeof(p->hw_cap));
	return 0;
}

static int op_sched_id(struct xen_sysctl_sched_id *s)
{
	s->sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

static int op_getdomaininfolist(struct xen_sysctl_getdomaininfolist *l)
{
	struct domain *d = domain_find_from(l->first_domain);
	struct xen_domctl_getdomaininfo info;
	int rc = 0;
	u32 n;

	for (n = 0; d && n < l->max_domains && !rc; d = domain_next(d)) {
		domain_get_info(d, &info);
		rc = copy_item_to_guest(l->buffer, n++, &info);
	}
	if (d)
		domain_put(d);
	l->num_domains = n;
	return rc;
}

/* Counts the domains, and names them in the log if asked. */
static u32 count_domains(bool log)
{
	u32 n = 0;

	for_each_domain(d) {
		n++;
		if (log)
			log_info("d%u: life %u, refs %u, pauses %u, pages %lu",
				 d->id, d->life, d->refs, d->pauses,
				 d->mem.tot_pages);
	}
	return n;
}

static int op_debug_keys(struct xen_sysctl_debug_keys *k)
{
	char key;

	for (u32 i = 0; i < MIN(k->nr_keys, 16U); i++) {
		if (copy_from_guest(&key, (u64)k->keys.p + i, 1))
			return -XEN_EFAULT;
		if (key == 'q')
			count_domains(true);
		else
			log_info("debug keys: only q (domains)");
	}
	return 0;
}

static int op_getcpuinfo(struct xen_sysctl_getcpuinfo *g)
{
	struct xen_sysctl_cpuinfo info;
	u32 i, n = MIN(g->max_cpus, cpu_count);

	for (i = 0; i < n; i++) {
		info.idletime = READ_ONCE(cpu_get(i)->idle_ns);
		if (copy_item_to_guest(g->info, i, &info))
			return -XEN_EFAULT;
	}
	g->nr_cpus = n;
	return 0;
}

static int op_availheap(struct xen_sysctl_availheap *a)
{
	a->avail_bytes = frame_free_count() << PAGE_SHIFT;
	return 0;
}

/* One socket, a core for each CPU, one node. */
static int op_cputopoinfo(struct xen_sysctl_cputopoinfo *t)
{
	struct xen_sysctl_cputopo one = { 0, 0, 0 };
	u32 i, n = MIN(t->num_cpus, cpu_count);

	if (!t->cputopo.p) {
		t->num_cpus = cpu_count;
		return 0;
	}
	for (i = 0; i < n; i++) {
		one.core = i;
		if (copy_item_to_guest(t->cputopo, i, &one))
			return -XEN_EFAULT;
	}
	t->num_cpus = n;
	return 0;
}

static int op_numainfo(struct xen_sysctl_numainfo *t)
{
	const struct xen_sysctl_meminfo mem = {
		frame_total_count() << PAGE_SHIFT,
		frame_free_count() << PAGE_SHIFT,
	};
	const u32 distance = 10;	/* what ACPI says of a node to itself */
	const bool ask = !t->meminfo.p && !t->distance.p;

	if (!ask && !t->num_nodes)
		return 0;
	t->num_nodes = 1;
	if ((t->meminfo.p && copy_item_to_guest(t->meminfo, 0, &mem)) ||
	    (t->distance.p && copy_item_to_guest(t->distance, 0, &distance)))
		return -XEN_EFAULT;
	return 0;
}

/* There is pool 0, with every CPU and every domain. */
static int op_cpupool(struct xen_sysctl_cpupool_op *c)
{
	const struct cpumask all = CPUMASK_ALL, none = { { 0 } };

	switch (c->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		if (c->cpupool_id)
			return -XEN_ENOENT;
		c->sched_id = XEN_SCHEDULER_CREDIT2;
		c->n_dom = count_domains(false);
		return bitmap_write(&c->cpumap, all.bits, cpu_count);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return bitmap_write(&c->cpumap, none.bits, cpu_count);
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
		return c->cpupool_id ? -XEN_ENOENT : 0;
	default:
		return -XEN_EOPNOTSUPP;
	}
}

static int op_scheduler(struct xen_sysctl_scheduler_op *s)
{
	u32 us;

	if (s->cpupool_id || s->sched_id != XEN_SCHEDULER_CREDIT2)
		return -XEN_EINVAL;
	if (s->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
		us = s->u.sched_credit2.ratelimit_us;
		if (us && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN ||
			   us > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
			return -XEN_EINVAL;
		ratelimit_us = us;
	} else if (s->cmd != XEN_SYSCTL_SCHEDOP_getinfo) {
		return -XEN_EINVAL;
	}
	s->u.sched_credit2.ratelimit_us = ratelimit_us;
	return 0;
}

static int op_featureset(struct xen_sysctl_cpu_featureset *f)
{
	const u32 room = f->features.p ? f->nr_features : 0;
	u32 words[CPU_FEATURE_WORDS], n = MIN(room, (u32)CPU_FEATURE_WORDS);

	if (f->index > XEN_SYSCTL_cpu_featureset_hvm_max)
		return -XEN_EINVAL;
	if (f->index == XEN_SYSCTL_cpu_featureset_hvm ||
	    f->index == XEN_SYSCTL_cpu_featureset_hvm_max)
		return -XEN_EOPNOTSUPP;
	cpu_policy_features(words);
	if (copy_to_guest((u64)f->features.p, words, n * sizeof(words[0])))
		return -XEN_EFAULT;
	f->nr_features = f->features.p ? n : CPU_FEATURE_WORDS;
	return f->nr_features < CPU_FEATURE_WORDS ? -XEN_ENOBUFS : 0;
}

static int op_cpu_policy(struct xen_sysctl_cpu_policy *p)
{
	if (p->_rsvd || p->index > XEN_SYSCTL_cpu_policy_hvm_default)
		return -XEN_EINVAL;
	if (p->index == XEN_SYSCTL_cpu_policy_hvm_max ||
	    p->index == XEN_SYSCTL_cpu_policy_hvm_default)
		return -XEN_EOPNOTSUPP;
	return cpu_policy_read((u64)p->leaves.p, &p->nr_leaves,
			       (u64)p->msrs.p, &p->nr_msrs);
}

/* Each gets its own struct of the union, and fills in the answer. */
static int (*const ops[])(void *arg) = {
#define SYSCTL(name, fn)	[XEN_SYSCTL_##name] = (int (*)(void *))(void *)(fn)
	SYSCTL(readconsole, op_readconsole),
	SYSCTL(physinfo, op_physinfo),
	SYSCTL(sched_id, op_sched_id),
	SYSCTL(getdomaininfolist, op_getdomaininfolist),
	SYSCTL(debug_keys, op_debug_keys),
	SYSCTL(getcpuinfo, op_getcpuinfo),
	SYSCTL(availheap, op_availheap),
	SYSCTL(cputopoinfo, op_cputopoinfo),
	SYSCTL(numainfo, op_numainfo),
	SYSCTL(cpupool_op, op_cpupool),
	SYSCTL(scheduler_op, op_scheduler),
	SYSCTL(get_cpu_featureset, op_featureset),
	SYSCTL(get_cpu_policy, op_cpu_policy),
#undef SYSCTL
};

long do_sysctl(u64 arg)
{
	static u64 said[2];
	struct xen_sysctl op;
	long rc;

	if (!priv_system(current_domain()))
		return -XEN_EPERM;
	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return -XEN_EACCES;
	if (op.cmd >= ARRAY_SIZE(ops) || !ops[op.cmd])
		return hypercall_missing("sysctl", op.cmd, said);
	rc = ops[op.cmd](&op.u);
	/* A count that was too small comes back as the one that is needed. */
	if ((!rc || rc == -XEN_ENOBUFS) &&
	    copy_to_guest(arg, &op, sizeof(op)))
		return -XEN_EFAULT;
	return rc;
}
