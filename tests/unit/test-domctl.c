/* SPDX-License-Identifier: MIT */
/* domctl and sysctl: who may, in which version, and what becomes of it. */
#include <stdint.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <xen/domctl.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

#include <hyp/hypercall.h>
#include <hyp/memory.h>
#include <hyp/vtime.h>

#include "machine.h"

CU_ErrorCode test_domctl_register(void);

static struct domain *ctl, *b;

static void setup(void)
{
	machine_boot();
	ctl = machine_domain(true);
	b = machine_domain(false);
	machine_as(0, ctl->vcpu[0]);
}

static long call(struct xen_domctl *op, u32 cmd, domid_t id)
{
	long rc;

	op->cmd = cmd;
	op->domain = id;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	do {
		/* Nobody is rescheduled here; waiting work would stop us. */
		this_cpu()->work = 0;
		rc = do_domctl((u64)op);
	} while (rc == -XEN_ERESTART);
	machine_run_timers();
	machine_as(0, ctl->vcpu[0]);
	return rc;
}

static long simple(u32 cmd, domid_t id)
{
	struct xen_domctl op = { 0 };

	return call(&op, cmd, id);
}

static struct xen_domctl wish(void)
{
	struct xen_domctl op = { 0 };

	op.u.createdomain.max_vcpus = 2;
	op.u.createdomain.max_evtchn_port = 127;
	op.u.createdomain.max_grant_frames = 2;
	op.u.createdomain.max_maptrack_frames = 1;
	op.u.createdomain.grant_opts = 1;
	return op;
}

static void only_the_control_domain_may(void)
{
	struct xen_domctl op = { 0 };
	struct xen_sysctl sys = { 0 };

	setup();
	op.cmd = XEN_DOMCTL_getdomaininfo;
	op.domain = b->id;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	sys.cmd = XEN_SYSCTL_physinfo;
	sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	machine_as(0, b->vcpu[0]);
	CU_ASSERT_EQUAL(do_domctl((u64)&op), -XEN_EPERM);
	CU_ASSERT_EQUAL(do_sysctl((u64)&sys), -XEN_EPERM);
	machine_as(0, ctl->vcpu[0]);
	CU_ASSERT_EQUAL(do_domctl((u64)&op), 0);
	CU_ASSERT_EQUAL(do_sysctl((u64)&sys), 0);
	CU_ASSERT(sys.u.physinfo.free_pages > 0);
}

static void another_interface_version_is_refused(void)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getdomaininfo };
	struct xen_sysctl sys = { .cmd = XEN_SYSCTL_physinfo };

	setup();
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
	sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION - 1;
	CU_ASSERT_EQUAL(do_domctl((u64)&op), -XEN_EACCES);
	CU_ASSERT_EQUAL(do_sysctl((u64)&sys), -XEN_EACCES);
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.cmd = 4711;
	CU_ASSERT_EQUAL(do_domctl((u64)&op), -XEN_EOPNOTSUPP);
}

static void a_domain_is_made_inspected_and_ended(void)
{
	struct xen_domctl op, info = { 0 };
	domid_t id;

	setup();
	op = wish();
	CU_ASSERT_EQUAL_FATAL(call(&op, XEN_DOMCTL_createdomain, 0), 0);
	id = op.domain;
	CU_ASSERT(id > 0 && id < DOMID_FIRST_RESERVED);
	op.u.max_vcpus.max = 3;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_max_vcpus, id), -XEN_EINVAL);
	op.u.max_vcpus.max = 2;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_max_vcpus, id), 0);
	op.u.max_mem.max_memkb = 4096;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_max_mem, id), 0);
	CU_ASSERT_EQUAL(call(&info, XEN_DOMCTL_getdomaininfo, id), 0);
	CU_ASSERT_EQUAL(info.domain, id);
	CU_ASSERT_EQUAL(info.u.getdomaininfo.max_pages, 1024);
	CU_ASSERT_EQUAL(info.u.getdomaininfo.max_vcpu_id, 1);
	CU_ASSERT_EQUAL(info.u.getdomaininfo.nr_online_vcpus, 0);
	CU_ASSERT(info.u.getdomaininfo.flags & XEN_DOMINF_paused);
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_destroydomain, id), 0);
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_pausedomain, id), -XEN_ESRCH);
}

static void wishes_that_are_not_pv_are_refused(void)
{
	struct xen_domctl op;

	setup();
#define REFUSED(field, value) do { \
	op = wish(); \
	op.u.createdomain.field = (value); \
	CU_ASSERT(call(&op, XEN_DOMCTL_createdomain, 0) < 0); \
} while (0)
	REFUSED(flags, XEN_DOMCTL_CDF_hvm);
	REFUSED(flags, 1U << 31);
	REFUSED(iommu_opts, 1);
	REFUSED(max_vcpus, 0);
	REFUSED(max_vcpus, MAX_VCPUS + 1);
	REFUSED(grant_opts, 0x11);
	REFUSED(grant_opts, 0);
	REFUSED(cpupool_id, 1);
	REFUSED(vmtrace_size, 4096);
	REFUSED(arch.emulation_flags, 1);
}

static void an_id_that_is_taken_is_refused(void)
{
	struct xen_domctl op;

	setup();
	op = wish();
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_createdomain, b->id),
			-XEN_EEXIST);
	op = wish();
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_createdomain, 1234), 0);
	CU_ASSERT_EQUAL(op.domain, 1234);
}

static void info_of_an_unused_id_is_the_next_domains(void)
{
	struct xen_domctl op = { 0 };

	setup();
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getdomaininfo, 1), 0);
	CU_ASSERT_EQUAL(op.domain, b->id);
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getdomaininfo, b->id + 1),
			-XEN_ESRCH);
}

static void pauses_count(void)
{
	setup();
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_pausedomain, b->id), 0);
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_unpausedomain, b->id), 0);
	CU_ASSERT_EQUAL(b->pauses, 1);
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_unpausedomain, b->id), 0);
	CU_ASSERT_EQUAL(b->pauses, 0);
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_unpausedomain, b->id), -XEN_EINVAL);
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_pausedomain, ctl->id), -XEN_EINVAL);
}

static void the_control_domain_does_not_end_itself(void)
{
	setup();
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_destroydomain, ctl->id),
			-XEN_EINVAL);
}

static void a_crash_is_told_with_its_code(void)
{
	struct xen_domctl op = { 0 };
	u32 flags;

	setup();
	domain_crash(b, "a test");
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getdomaininfo, b->id), 0);
	flags = op.u.getdomaininfo.flags;
	CU_ASSERT(flags & XEN_DOMINF_shutdown);
	CU_ASSERT_EQUAL(flags >> XEN_DOMINF_shutdownshift & 255,
			SHUTDOWN_crash);
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_resumedomain, b->id), 0);
	CU_ASSERT_EQUAL(b->shut_down, false);
}

static void a_tool_shuts_a_guest_down(void)
{
	struct sched_remote_shutdown r = { .reason = SHUTDOWN_crash };

	setup();
	r.domain_id = ctl->id;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, (u64)&r),
			-XEN_EINVAL);
	machine_as(0, b->vcpu[0]);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, (u64)&r),
			-XEN_EPERM);
	machine_as(0, ctl->vcpu[0]);
	r.domain_id = b->id;
	r.reason = SHUTDOWN_soft_reset;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, (u64)&r),
			-XEN_EINVAL);
	CU_ASSERT(!b->shutting_down);
	r.reason = SHUTDOWN_crash;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, (u64)&r), 0);
	CU_ASSERT(b->shutting_down);
	CU_ASSERT_EQUAL(b->shutdown_code, SHUTDOWN_crash);
}

static void a_mapped_frame_keeps_a_dead_domain(void)
{
	struct xen_domctl op = { 0 };
	domid_t id;
	mfn_t m;

	setup();
	id = b->id;
	m = memory_alloc(b, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(page_get(m, b));
	CU_ASSERT_EQUAL(simple(XEN_DOMCTL_destroydomain, id), 0);
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getdomaininfo, id), 0);
	CU_ASSERT_EQUAL(op.domain, id);
	CU_ASSERT(op.u.getdomaininfo.flags & XEN_DOMINF_dying);
	CU_ASSERT_EQUAL(op.u.getdomaininfo.tot_pages, 1);
	page_put(page_of(m));
	machine_run_timers();
	machine_as(0, ctl->vcpu[0]);
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getdomaininfo, id), -XEN_ESRCH);
}

static void affinity_is_read_and_written_in_its_bits(void)
{
	u8 map[4] = { 0x02, 0xff, 0xff, 0xff };
	struct xen_domctl op = { 0 };
	struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;

	setup();
	a->flags = XEN_VCPUAFFINITY_HARD;
	set_xen_guest_handle(a->cpumap_hard.bitmap, map);
	a->cpumap_hard.nr_bits = 4;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_setvcpuaffinity, b->id), 0);
	CU_ASSERT(b->vcpu[0]->sched.pinned);
	CU_ASSERT_EQUAL(b->vcpu[0]->sched.affinity.bits[0], 2);
	a->cpumap_hard.nr_bits = 17;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getvcpuaffinity, b->id), 0);
	CU_ASSERT_EQUAL(map[0], 2);
	CU_ASSERT_EQUAL(map[2], 0);
	CU_ASSERT_EQUAL(map[3], 0xff);
	map[0] = 0;
	a->cpumap_hard.nr_bits = 8;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_setvcpuaffinity, b->id),
			-XEN_EINVAL);
}

static void weights_are_kept_and_caps_refused(void)
{
	struct xen_domctl op = { 0 };
	struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;

	setup();
	s->sched_id = XEN_SCHEDULER_CREDIT2;
	s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	s->u.credit2.weight = 512;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_scheduler_op, b->id), 0);
	CU_ASSERT_EQUAL(b->vcpu[0]->sched.weight, 512);
	s->u.credit2.weight = 0;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_scheduler_op, b->id), 0);
	s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_scheduler_op, b->id), 0);
	CU_ASSERT_EQUAL(s->u.credit2.weight, 512);
	s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	s->u.credit2.cap = 50;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_scheduler_op, b->id),
			-XEN_EOPNOTSUPP);
}

static void the_list_is_ordered_and_bounded(void)
{
	struct xen_domctl_getdomaininfo info[4];
	struct xen_sysctl op = { 0 };

	setup();
	op.cmd = XEN_SYSCTL_getdomaininfolist;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	op.u.getdomaininfolist.max_domains = 4;
	set_xen_guest_handle(op.u.getdomaininfolist.buffer, info);
	CU_ASSERT_EQUAL(do_sysctl((u64)&op), 0);
	CU_ASSERT_EQUAL(op.u.getdomaininfolist.num_domains, 2);
	CU_ASSERT_EQUAL(info[0].domain, 0);
	CU_ASSERT_EQUAL(info[1].domain, b->id);
	op.u.getdomaininfolist.first_domain = 1;
	op.u.getdomaininfolist.max_domains = 1;
	CU_ASSERT_EQUAL(do_sysctl((u64)&op), 0);
	CU_ASSERT_EQUAL(op.u.getdomaininfolist.num_domains, 1);
	CU_ASSERT_EQUAL(info[0].domain, b->id);
}

static void a_vcpu_is_told_of(void)
{
	struct xen_domctl op = { 0 };
	struct xen_domctl_getvcpuinfo *i = &op.u.getvcpuinfo;

	setup();
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getvcpuinfo, ctl->id), 0);
	CU_ASSERT_EQUAL(i->vcpu, 0);
	CU_ASSERT_EQUAL(i->online, !ctl->vcpu[0]->down);
	CU_ASSERT_EQUAL(i->cpu, ctl->vcpu[0]->sched.cpu->id);
	i->vcpu = ctl->max_vcpus;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getvcpuinfo, ctl->id),
			-XEN_ESRCH);
}

static void the_clocks_settings_are_kept(void)
{
	struct xen_domctl op = { 0 };
	struct xen_domctl_tsc_info *t = &op.u.tsc_info;
	u32 before;

	setup();
	vtime_set_wallclock(1700000000ULL * 1000000000);
	before = b->shared->wc_sec;
	op.u.settimeoffset.time_offset_seconds = -3600;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_settimeoffset, b->id), 0);
	CU_ASSERT_EQUAL(b->shared->wc_sec, before - 3600);

	memset(&op, 0, sizeof(op));
	t->tsc_mode = 1;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_settscinfo, b->id),
			-XEN_EOPNOTSUPP);
	t->tsc_mode = 2;
	t->incarnation = 3;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_settscinfo, b->id), 0);
	memset(&op, 0, sizeof(op));
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_gettscinfo, b->id), 0);
	CU_ASSERT_EQUAL(t->tsc_mode, 2);
	CU_ASSERT_EQUAL(t->incarnation, 3);
	CU_ASSERT_EQUAL(t->gtsc_khz, tsc_khz);
}

static void small_settings_are_checked(void)
{
	xen_domain_handle_t handle = { 1, 2, 3 };
	struct xen_domctl op = { 0 };
	u8 map[2] = { 1, 0 };

	setup();
	memcpy(op.u.setdomainhandle.handle, handle, sizeof(handle));
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_setdomainhandle, b->id), 0);
	CU_ASSERT_EQUAL(memcmp(b->handle, handle, sizeof(handle)), 0);

	op.u.address_size.size = 32;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_set_address_size, b->id),
			-XEN_EINVAL);
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_get_address_size, b->id), 0);
	CU_ASSERT_EQUAL(op.u.address_size.size, 64);

	memset(&op, 0, sizeof(op));
	set_xen_guest_handle(op.u.nodeaffinity.nodemap.bitmap, map);
	op.u.nodeaffinity.nodemap.nr_bits = 16;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_setnodeaffinity, b->id), 0);
	map[0] = 0xfe;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_setnodeaffinity, b->id),
			-XEN_EINVAL);
	map[1] = 0xff;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getnodeaffinity, b->id), 0);
	CU_ASSERT_EQUAL(map[0], 1);
	CU_ASSERT_EQUAL(map[1], 0);

	memset(&op, 0, sizeof(op));
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_set_cpu_policy, b->id), 0);
	CU_ASSERT_EQUAL(op.u.cpu_policy.err_leaf, ~0u);
	op.u.cpu_policy.nr_leaves = 1025;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_set_cpu_policy, b->id),
			-XEN_E2BIG);
	memset(&op, 0, sizeof(op));
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_get_cpu_policy, b->id), 0);
	CU_ASSERT(op.u.cpu_policy.nr_leaves > 0);
}

static void what_frames_are_for_is_told(void)
{
	struct xen_domctl op = { 0 };
	xen_pfn_t frame[3];

	setup();
	frame[0] = memory_alloc(b, 0, 0);
	frame[1] = memory_alloc(b, 0, 0);
	frame[2] = memory_alloc(ctl, 0, 0);
	lock(&b->mmu.lock);
	CU_ASSERT_EQUAL(mmu_pin(b, frame[1], PGT_L2), 0);
	unlock(&b->mmu.lock);
	set_xen_guest_handle(op.u.getpageframeinfo3.array, frame);
	op.u.getpageframeinfo3.num = 3;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getpageframeinfo3, b->id), 0);
	CU_ASSERT_EQUAL(frame[0], XEN_DOMCTL_PFINFO_NOTAB);
	CU_ASSERT_EQUAL(frame[1], XEN_DOMCTL_PFINFO_L2TAB |
				  XEN_DOMCTL_PFINFO_LPINTAB);
	CU_ASSERT_EQUAL(frame[2], XEN_DOMCTL_PFINFO_XTAB);
	op.u.getpageframeinfo3.num = 1025;
	CU_ASSERT_EQUAL(call(&op, XEN_DOMCTL_getpageframeinfo3, b->id),
			-XEN_E2BIG);
}

CU_ErrorCode test_domctl_register(void)
{
	CU_pSuite s = CU_add_suite("domctl", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(only_the_control_domain_may);
	ADD(another_interface_version_is_refused);
	ADD(a_domain_is_made_inspected_and_ended);
	ADD(wishes_that_are_not_pv_are_refused);
	ADD(an_id_that_is_taken_is_refused);
	ADD(info_of_an_unused_id_is_the_next_domains);
	ADD(pauses_count);
	ADD(the_control_domain_does_not_end_itself);
	ADD(a_crash_is_told_with_its_code);
	ADD(a_tool_shuts_a_guest_down);
	ADD(a_mapped_frame_keeps_a_dead_domain);
	ADD(affinity_is_read_and_written_in_its_bits);
	ADD(weights_are_kept_and_caps_refused);
	ADD(the_list_is_ordered_and_bounded);
	ADD(a_vcpu_is_told_of);
	ADD(the_clocks_settings_are_kept);
	ADD(small_settings_are_checked);
	ADD(what_frames_are_for_is_told);
	return s ? CU_get_error() : CUE_NOSUITE;
}
