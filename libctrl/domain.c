/* SPDX-License-Identifier: MIT */
/* Operations on one domain, each a domctl. */
#include <errno.h>
#include <string.h>

#include "private.h"

#include <xen/event_channel.h>
#include <xen/sched.h>

/* Run the prepared domctl; on failure say what could not be done. */
static int run(struct ctrl *c, uint16_t domid, const char *what)
{
	int rc = privcmd_domctl(c);

	return rc < 0 ? ctrl_fail_domain(c, rc, domid, what) : rc;
}

int ctrl_domain_create(struct ctrl *c, const struct ctrl_domain_spec *spec)
{
	struct xen_domctl *op = privcmd_domctl_new(c, XEN_DOMCTL_createdomain,
						   spec->domid);
	struct xen_domctl_createdomain *d = &op->u.createdomain;
	int rc;

	memcpy(d->handle, spec->uuid, sizeof(d->handle));
	d->max_vcpus = spec->max_vcpus;
	d->max_evtchn_port = spec->max_event_port;
	d->max_grant_frames = spec->max_grant_frames;
	d->max_maptrack_frames = spec->max_maptrack_frames;
	d->grant_opts = XEN_DOMCTL_GRANT_version(1);
	rc = privcmd_domctl(c);
	if (rc == -ENOMEM)
		return ctrl_fail(c, rc, "the hypervisor has no memory left for another domain");
	if (rc < 0)
		return ctrl_fail(c, rc, "the hypervisor refuses to create a domain: %s", ctrl_cause(rc));
	return op->domain;
}

int ctrl_domain_destroy(struct ctrl *c, uint16_t domid)
{
	int rc;

	/* Long work comes back to us in slices. */
	do {
		privcmd_domctl_new(c, XEN_DOMCTL_destroydomain, domid);
		rc = privcmd_domctl(c);
	} while (rc == -EAGAIN || rc == -ERESTART || rc == -EINTR);
	return rc < 0 ? ctrl_fail_domain(c, rc, domid, "be destroyed") : 0;
}

int ctrl_domain_pause(struct ctrl *c, uint16_t domid)
{
	privcmd_domctl_new(c, XEN_DOMCTL_pausedomain, domid);
	return run(c, domid, "be paused");
}

int ctrl_domain_unpause(struct ctrl *c, uint16_t domid)
{
	privcmd_domctl_new(c, XEN_DOMCTL_unpausedomain, domid);
	return run(c, domid, "be unpaused");
}

int ctrl_domain_shutdown(struct ctrl *c, uint16_t domid,
			 enum ctrl_shutdown reason)
{
	sched_remote_shutdown_t *arg = c->op;
	int rc;

	arg->domain_id = domid;
	arg->reason = (unsigned int)reason;
	rc = (int)privcmd_call(c, __HYPERVISOR_sched_op,
			       SCHEDOP_remote_shutdown,
			       (uint64_t)(uintptr_t)arg, 0, 0, 0);
	return rc < 0 ? ctrl_fail_domain(c, rc, domid, "be stopped") : 0;
}

static void take_info(const struct xen_domctl_getdomaininfo *d,
		      struct ctrl_domain_info *info)
{
	*info = (struct ctrl_domain_info){
		.domid = d->domain,
		.dying = d->flags & XEN_DOMINF_dying,
		.paused = d->flags & XEN_DOMINF_paused,
		.blocked = d->flags & XEN_DOMINF_blocked,
		.running = d->flags & XEN_DOMINF_running,
		.shutdown = CTRL_SHUTDOWN_NONE,
		.memory_kib = d->tot_pages * 4,
		.max_kib = d->max_pages * 4,
		.claimed_kib = d->outstanding_pages * 4,
		.cpu_ns = d->cpu_time,
		.shared_info_mfn = d->shared_info_frame,
		.vcpus = d->max_vcpu_id + 1,
		.vcpus_online = d->nr_online_vcpus,
	};
	if (d->flags & XEN_DOMINF_shutdown)
		info->shutdown = (int)(d->flags >> XEN_DOMINF_shutdownshift &
				       XEN_DOMINF_shutdownmask);
	memcpy(info->uuid, d->handle, sizeof(info->uuid));
}

int ctrl_domain_info(struct ctrl *c, uint16_t domid,
		     struct ctrl_domain_info *info)
{
	struct xen_domctl *op = privcmd_domctl_new(c,
					XEN_DOMCTL_getdomaininfo, domid);
	int rc = privcmd_domctl(c);

	/* For an id that nobody has, the next domain may answer. */
	if (rc == 0 && op->u.getdomaininfo.domain != domid)
		rc = -ESRCH;
	if (rc < 0)
		return ctrl_fail_domain(c, rc, domid, "be looked at");
	take_info(&op->u.getdomaininfo, info);
	return 0;
}

int ctrl_domain_list(struct ctrl *c, uint16_t first,
		     struct ctrl_domain_info *info, uint32_t max)
{
	const struct xen_domctl_getdomaininfo *got = c->data;
	const uint32_t room = PRIVCMD_DATA_BYTES / sizeof(*got);
	uint32_t total = 0;

	while (total < max) {
		struct xen_sysctl *op = privcmd_sysctl_new(c,
						XEN_SYSCTL_getdomaininfolist);
		struct xen_sysctl_getdomaininfolist *l =
						&op->u.getdomaininfolist;
		uint32_t i;
		int rc;

		l->first_domain = first;
		l->max_domains = max - total < room ? max - total : room;
		set_xen_guest_handle(l->buffer, c->data);
		rc = privcmd_sysctl(c);
		if (rc < 0)
			return ctrl_fail(c, rc, "cannot list the domains: %s",
					 ctrl_cause(rc));
		for (i = 0; i < l->num_domains; i++)
			take_info(&got[i], &info[total++]);
		if (l->num_domains < l->max_domains)
			break;
		first = info[total - 1].domid + 1;
	}
	return (int)total;
}

int ctrl_domain_set_max_vcpus(struct ctrl *c, uint16_t domid, uint32_t n)
{
	struct xen_domctl *op = privcmd_domctl_new(c, XEN_DOMCTL_max_vcpus,
						   domid);

	op->u.max_vcpus.max = n;
	return run(c, domid, "set its number of processors");
}

int ctrl_domain_set_max_memory(struct ctrl *c, uint16_t domid, uint64_t kib)
{
	struct xen_domctl *op = privcmd_domctl_new(c, XEN_DOMCTL_max_mem,
						   domid);

	op->u.max_mem.max_memkb = kib;
	return run(c, domid, "set its memory limit");
}

int ctrl_domain_set_address_size(struct ctrl *c, uint16_t domid,
				 uint32_t bits)
{
	struct xen_domctl *op = privcmd_domctl_new(c,
					XEN_DOMCTL_set_address_size, domid);

	op->u.address_size.size = bits;
	return run(c, domid, "set its address size");
}

int ctrl_domain_set_tsc(struct ctrl *c, uint16_t domid, uint32_t mode)
{
	struct xen_domctl *op = privcmd_domctl_new(c, XEN_DOMCTL_settscinfo,
						   domid);

	op->u.tsc_info.tsc_mode = mode;
	return run(c, domid, "set its time-stamp counter");
}

int ctrl_domain_set_time_offset(struct ctrl *c, uint16_t domid,
				int64_t seconds)
{
	struct xen_domctl *op = privcmd_domctl_new(c, XEN_DOMCTL_settimeoffset,
						   domid);

	op->u.settimeoffset.time_offset_seconds = seconds;
	return run(c, domid, "set its clock");
}

int ctrl_domain_fill_hypercall_page(struct ctrl *c, uint16_t domid,
				    uint64_t mfn)
{
	struct xen_domctl *op = privcmd_domctl_new(c,
					XEN_DOMCTL_hypercall_init, domid);

	op->u.hypercall_init.gmfn = mfn;
	return run(c, domid, "fill its hypercall page");
}

/*
 * The scheduler's number decides only how the union is read, and weight and
 * cap of both schedulers that have them lie at the same place.
 */
static int sched_id(struct ctrl *c)
{
	struct xen_sysctl *op = privcmd_sysctl_new(c, XEN_SYSCTL_sched_id);
	int rc = privcmd_sysctl(c);

	return rc < 0 ? rc : (int)op->u.sched_id.sched_id;
}

static struct xen_domctl_scheduler_op *sched_new(struct ctrl *c,
						 uint16_t domid, uint32_t cmd,
						 int id)
{
	struct xen_domctl_scheduler_op *s;

	s = &privcmd_domctl_new(c, XEN_DOMCTL_scheduler_op,
				domid)->u.scheduler_op;
	s->sched_id = (uint32_t)id;
	s->cmd = cmd;
	return s;
}

int ctrl_domain_get_sched(struct ctrl *c, uint16_t domid,
			  struct ctrl_sched *out)
{
	struct xen_domctl_scheduler_op *s;
	int id = sched_id(c), rc;

	if (id < 0)
		return ctrl_fail(c, id, "cannot ask for the scheduler: %s",
				 ctrl_cause(id));
	s = sched_new(c, domid, XEN_DOMCTL_SCHEDOP_getinfo, id);
	rc = run(c, domid, "read its share of the processors");
	if (rc == 0)
		*out = (struct ctrl_sched){ .weight = s->u.credit2.weight,
					    .cap = s->u.credit2.cap };
	return rc;
}

int ctrl_domain_set_sched(struct ctrl *c, uint16_t domid,
			  const struct ctrl_sched *want)
{
	struct xen_domctl_scheduler_op *s;
	int id = sched_id(c);

	if (id < 0)
		return ctrl_fail(c, id, "cannot ask for the scheduler: %s",
				 ctrl_cause(id));
	s = sched_new(c, domid, XEN_DOMCTL_SCHEDOP_putinfo, id);
	s->u.credit2.weight = want->weight;
	s->u.credit2.cap = want->cap;
	return run(c, domid, "set its share of the processors");
}

int ctrl_vcpu_info(struct ctrl *c, uint16_t domid, uint32_t vcpu,
		   struct ctrl_vcpu_info *info)
{
	struct xen_domctl *op = privcmd_domctl_new(c, XEN_DOMCTL_getvcpuinfo,
						   domid);
	struct xen_domctl_getvcpuinfo *v = &op->u.getvcpuinfo;
	int rc;

	v->vcpu = vcpu;
	rc = run(c, domid, "look at its processors");
	if (rc)
		return rc;
	*info = (struct ctrl_vcpu_info){
		.online = v->online, .blocked = v->blocked,
		.running = v->running, .cpu_ns = v->cpu_time, .cpu = v->cpu,
	};
	return 0;
}

static int vcpu_context(struct ctrl *c, uint32_t cmd, uint16_t domid,
			uint32_t vcpu, const char *what)
{
	struct xen_domctl *op = privcmd_domctl_new(c, cmd, domid);

	_Static_assert(sizeof(vcpu_guest_context_t) <= PRIVCMD_DATA_BYTES,
		       "a context fits into the buffer");
	op->u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op->u.vcpucontext.ctxt, c->data);
	return run(c, domid, what);
}

int ctrl_vcpu_set_context(struct ctrl *c, uint16_t domid, uint32_t vcpu,
			  const struct vcpu_guest_context *ctx)
{
	memcpy(c->data, ctx, sizeof(*ctx));
	return vcpu_context(c, XEN_DOMCTL_setvcpucontext, domid, vcpu,
			    "set the registers of its processor");
}

int ctrl_vcpu_get_context(struct ctrl *c, uint16_t domid, uint32_t vcpu,
			  struct vcpu_guest_context *ctx)
{
	int rc = vcpu_context(c, XEN_DOMCTL_getvcpucontext, domid, vcpu,
			      "read the registers of its processor");

	if (rc == 0)
		memcpy(ctx, c->data, sizeof(*ctx));
	return rc;
}

/* Prepare a call about hard affinity; the bits lie in c->data. */
static void affinity_new(struct ctrl *c, uint32_t cmd, uint16_t domid,
			 uint32_t vcpu, uint32_t nr_bits)
{
	struct xen_domctl_vcpuaffinity *a;

	a = &privcmd_domctl_new(c, cmd, domid)->u.vcpuaffinity;
	a->vcpu = vcpu;
	a->flags = XEN_VCPUAFFINITY_HARD;
	set_xen_guest_handle(a->cpumap_hard.bitmap, c->data);
	a->cpumap_hard.nr_bits = nr_bits;
}

int ctrl_vcpu_set_affinity(struct ctrl *c, uint16_t domid, uint32_t vcpu,
			   const uint64_t *cpus, uint32_t nr_bits)
{
	if (nr_bits > PRIVCMD_DATA_BYTES * 8)
		return ctrl_fail(c, -EINVAL, "too many processors");
	memcpy(c->data, cpus, (nr_bits + 63) / 64 * 8);
	affinity_new(c, XEN_DOMCTL_setvcpuaffinity, domid, vcpu, nr_bits);
	return run(c, domid, "choose the processors that it may use");
}

int ctrl_vcpu_get_affinity(struct ctrl *c, uint16_t domid, uint32_t vcpu,
			   uint64_t *cpus, uint32_t nr_bits)
{
	int rc;

	if (nr_bits > PRIVCMD_DATA_BYTES * 8)
		return ctrl_fail(c, -EINVAL, "too many processors");
	memset(c->data, 0, (nr_bits + 63) / 64 * 8);
	affinity_new(c, XEN_DOMCTL_getvcpuaffinity, domid, vcpu, nr_bits);
	rc = run(c, domid, "read the processors that it may use");
	if (rc == 0)
		memcpy(cpus, c->data, (nr_bits + 63) / 64 * 8);
	return rc;
}
