/* SPDX-License-Identifier: MIT */
/* sysctl: what tools are told of the machine, and how much of it fits. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <xen/sched.h>
#include <xen/sysctl.h>

#include <hyp/cpu-policy.h>
#include <hyp/hypercall.h>
#include <hyp/printk.h>

#include "machine.h"

CU_ErrorCode test_sysctl_register(void);

static struct domain *ctl, *b;
static struct xen_sysctl op;

static void setup(void)
{
	machine_boot();
	ctl = machine_domain(true);
	b = machine_domain(false);
	machine_as(0, ctl->vcpu[0]);
	memset(&op, 0, sizeof(op));
}

/* With what is in op.u. */
static long call(u32 cmd)
{
	op.cmd = cmd;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return do_sysctl((u64)&op);
}

static void the_log_is_read_from_where_the_reader_was(void)
{
	struct xen_sysctl_readconsole *r = &op.u.readconsole;
	char text[300] = "", first[300] = "";

	setup();
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_readconsole), 0);
	r->clear = 1;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_readconsole), 0);
	log_info("one %s", "123456789012345678901234567890");
	set_xen_guest_handle(r->buffer, first);
	r->clear = 0;
	r->count = sizeof(first);
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_readconsole), 0);
	CU_ASSERT(r->count > 30);
	CU_ASSERT_EQUAL(first[r->count - 1], '\n');
	/* In pieces it is the same. */
	r->index = 0;
	for (u32 n = 0, all = r->count; n < all; n += r->count) {
		set_xen_guest_handle(r->buffer, text + n);
		r->incremental = 1;
		r->count = 7;
		CU_ASSERT_EQUAL_FATAL(call(XEN_SYSCTL_readconsole), 0);
		CU_ASSERT_FATAL(r->count > 0);
	}
	CU_ASSERT_STRING_EQUAL(strchr(first, 'o') ? strchr(first, 'o') : "",
			       strchr(text, 'o') ? strchr(text, 'o') : "-");
	/* Nothing new. */
	r->count = sizeof(text);
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_readconsole), 0);
	CU_ASSERT_EQUAL(r->count, 0);
}

static void the_machine_is_described(void)
{
	struct xen_sysctl_physinfo *p = &op.u.physinfo;
	u64 free;

	setup();
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_physinfo), 0);
	CU_ASSERT_EQUAL(p->nr_cpus, cpu_count);
	CU_ASSERT_EQUAL(p->max_cpu_id, cpu_count - 1);
	CU_ASSERT_EQUAL(p->nr_nodes, 1);
	CU_ASSERT_EQUAL(p->max_mfn, page_mfn_end - 1);
	CU_ASSERT(p->capabilities & XEN_SYSCTL_PHYSCAP_pv);
	CU_ASSERT(!(p->capabilities & XEN_SYSCTL_PHYSCAP_hvm));
	free = p->free_pages;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_availheap), 0);
	CU_ASSERT_EQUAL(op.u.availheap.avail_bytes, free << PAGE_SHIFT);
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_sched_id), 0);
	CU_ASSERT_EQUAL(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
}

static void cpus_are_told_as_far_as_they_fit(void)
{
	xen_sysctl_cpuinfo_t info[MACHINE_CPUS + 1];
	xen_sysctl_cputopo_t topo[MACHINE_CPUS + 1];

	setup();
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_cputopoinfo), 0);
	CU_ASSERT_EQUAL(op.u.cputopoinfo.num_cpus, cpu_count);
	memset(topo, 0xff, sizeof(topo));
	set_xen_guest_handle(op.u.cputopoinfo.cputopo, topo);
	op.u.cputopoinfo.num_cpus = 2;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_cputopoinfo), 0);
	CU_ASSERT_EQUAL(op.u.cputopoinfo.num_cpus, 2);
	CU_ASSERT_EQUAL(topo[1].core, 1);
	CU_ASSERT_EQUAL(topo[1].socket, 0);
	CU_ASSERT_EQUAL(topo[2].core, 0xffffffff);
	op.u.getcpuinfo.max_cpus = MACHINE_CPUS + 1;
	set_xen_guest_handle(op.u.getcpuinfo.info, info);
	cpu_get(1)->idle_ns = 4711;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_getcpuinfo), 0);
	CU_ASSERT_EQUAL(op.u.getcpuinfo.nr_cpus, cpu_count);
	CU_ASSERT_EQUAL(info[1].idletime, 4711);
}

static void there_is_one_node(void)
{
	struct xen_sysctl_numainfo *n = &op.u.numainfo;
	xen_sysctl_meminfo_t mem[2] = { { 0, 0 }, { 1, 1 } };
	u32 distance[4] = { 0, 1, 1, 1 };

	setup();
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_numainfo), 0);
	CU_ASSERT_EQUAL(n->num_nodes, 1);
	set_xen_guest_handle(n->meminfo, mem);
	set_xen_guest_handle(n->distance, distance);
	n->num_nodes = 2;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_numainfo), 0);
	CU_ASSERT_EQUAL(n->num_nodes, 1);
	CU_ASSERT(mem[0].memsize >= mem[0].memfree && mem[0].memfree > 0);
	CU_ASSERT_EQUAL(mem[1].memsize, 1);
	CU_ASSERT_EQUAL(distance[0], 10);
	CU_ASSERT_EQUAL(distance[1], 1);
	/* No room is no fault. */
	distance[0] = 0;
	n->num_nodes = 0;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_numainfo), 0);
	CU_ASSERT_EQUAL(distance[0], 0);
}

static void there_is_one_pool(void)
{
	struct xen_sysctl_cpupool_op *c = &op.u.cpupool_op;
	u8 map[2] = { 0xff, 0xff };

	setup();
	set_xen_guest_handle(c->cpumap.bitmap, map);
	c->cpumap.nr_bits = 16;
	c->op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_cpupool_op), 0);
	CU_ASSERT_EQUAL(c->cpupool_id, 0);
	CU_ASSERT_EQUAL(c->sched_id, XEN_SCHEDULER_CREDIT2);
	CU_ASSERT_EQUAL(c->n_dom, 2);
	CU_ASSERT_EQUAL(map[0], (1 << cpu_count) - 1);
	CU_ASSERT_EQUAL(map[1], 0);
	c->op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_cpupool_op), 0);
	CU_ASSERT_EQUAL(map[0], 0);
	/* Tools ask for the pool from an id on: there is no other. */
	c->op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	c->cpupool_id = 1;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_cpupool_op), -XEN_ENOENT);
	c->op = XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_cpupool_op), -XEN_ENOENT);
	c->op = XEN_SYSCTL_CPUPOOL_OP_CREATE;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_cpupool_op), -XEN_EOPNOTSUPP);
}

static void a_rate_limit_is_kept_within_bounds(void)
{
	struct xen_sysctl_scheduler_op *s = &op.u.scheduler_op;
	u32 before;

	setup();
	s->sched_id = XEN_SCHEDULER_CREDIT2;
	s->cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_scheduler_op), 0);
	before = s->u.sched_credit2.ratelimit_us;
	s->cmd = XEN_SYSCTL_SCHEDOP_putinfo;
	s->u.sched_credit2.ratelimit_us = XEN_SYSCTL_SCHED_RATELIMIT_MAX + 1;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_scheduler_op), -XEN_EINVAL);
	s->u.sched_credit2.ratelimit_us = 2000;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_scheduler_op), 0);
	s->u.sched_credit2.ratelimit_us = 0;
	s->cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_scheduler_op), 0);
	CU_ASSERT_EQUAL(s->u.sched_credit2.ratelimit_us, 2000);
	s->cmd = XEN_SYSCTL_SCHEDOP_putinfo;
	s->u.sched_credit2.ratelimit_us = before;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_scheduler_op), 0);
	s->sched_id = XEN_SCHEDULER_CREDIT;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_scheduler_op), -XEN_EINVAL);
}

static void features_come_whole_or_with_the_room_they_need(void)
{
	struct xen_sysctl_cpu_featureset *f = &op.u.cpu_featureset;
	u32 words[CPU_FEATURE_WORDS + 1];
	struct cpuid_regs r;

	setup();
	f->index = XEN_SYSCTL_cpu_featureset_pv;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_featureset), 0);
	CU_ASSERT_EQUAL(f->nr_features, CPU_FEATURE_WORDS);
	memset(words, 0xee, sizeof(words));
	set_xen_guest_handle(f->features, words);
	f->nr_features = CPU_FEATURE_WORDS + 1;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_featureset), 0);
	CU_ASSERT_EQUAL(f->nr_features, CPU_FEATURE_WORDS);
	arch_cpuid(NULL, 1, 0, &r);
	CU_ASSERT_EQUAL(words[0], r.d);
	CU_ASSERT_EQUAL(words[1], r.c);
	CU_ASSERT_EQUAL(words[CPU_FEATURE_WORDS], 0xeeeeeeee);
	memset(words, 0xee, sizeof(words));
	f->nr_features = 1;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_featureset), -XEN_ENOBUFS);
	CU_ASSERT_EQUAL(words[0], r.d);
	CU_ASSERT_EQUAL(words[1], 0xeeeeeeee);
	f->index = XEN_SYSCTL_cpu_featureset_hvm;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_featureset),
			-XEN_EOPNOTSUPP);
	f->index = 17;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_featureset), -XEN_EINVAL);
}

static void the_policy_is_what_a_guest_sees(void)
{
	struct xen_sysctl_cpu_policy *p = &op.u.cpu_policy;
	static xen_cpuid_leaf_t leaf[128];
	struct cpuid_regs r;
	u32 most, n;

	setup();
	p->index = XEN_SYSCTL_cpu_policy_pv_default;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_policy), 0);
	most = p->nr_leaves;
	CU_ASSERT(most <= ARRAY_SIZE(leaf));
	/* Release 4.17's tools have two, and refuse to work with less room. */
	CU_ASSERT_EQUAL(p->nr_msrs, 2);
	set_xen_guest_handle(p->leaves, leaf);
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_policy), 0);
	n = p->nr_leaves;
	CU_ASSERT(n > 4 && n <= most);
	CU_ASSERT_EQUAL(p->nr_msrs, 0);
	CU_ASSERT_EQUAL(leaf[0].leaf, 0);
	CU_ASSERT_EQUAL(leaf[0].subleaf, XEN_CPUID_NO_SUBLEAF);
	for (u32 i = 0; i < n; i++) {
		arch_cpuid(NULL, leaf[i].leaf, leaf[i].subleaf + 1 ?
			   leaf[i].subleaf : 0, &r);
		CU_ASSERT(leaf[i].a == r.a && leaf[i].b == r.b &&
			  leaf[i].c == r.c && leaf[i].d == r.d);
		CU_ASSERT(!i || leaf[i].leaf > leaf[i - 1].leaf ||
			  leaf[i].subleaf > leaf[i - 1].subleaf);
	}
	p->nr_leaves = n - 1;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_policy), -XEN_ENOBUFS);
	p->index = XEN_SYSCTL_cpu_policy_hvm_max;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_get_cpu_policy), -XEN_EOPNOTSUPP);
}

static void a_debug_key_names_the_domains(void)
{
	char keys[] = "q", line[32];

	setup();
	set_xen_guest_handle(op.u.debug_keys.keys, keys);
	op.u.debug_keys.nr_keys = 1;
	machine_log.console_len = 0;
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_debug_keys), 0);
	machine_log.console[machine_log.console_len] = 0;
	CU_ASSERT_PTR_NOT_NULL(strstr(machine_log.console, "d0: life"));
	snprintf(line, sizeof(line), "d%u: life", b->id);
	CU_ASSERT_PTR_NOT_NULL(strstr(machine_log.console, line));
}

static void a_pointer_that_faults_is_told(void)
{
	setup();
	op.u.getcpuinfo.max_cpus = 1;
	set_xen_guest_handle(op.u.getcpuinfo.info, (void *)0xffff800000000000);
	CU_ASSERT_EQUAL(call(XEN_SYSCTL_getcpuinfo), -XEN_EFAULT);
	CU_ASSERT_EQUAL(call(2), -XEN_EOPNOTSUPP);
}

CU_ErrorCode test_sysctl_register(void)
{
	CU_pSuite s = CU_add_suite("sysctl", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(the_log_is_read_from_where_the_reader_was);
	ADD(the_machine_is_described);
	ADD(cpus_are_told_as_far_as_they_fit);
	ADD(there_is_one_node);
	ADD(there_is_one_pool);
	ADD(a_rate_limit_is_kept_within_bounds);
	ADD(features_come_whole_or_with_the_room_they_need);
	ADD(the_policy_is_what_a_guest_sees);
	ADD(a_debug_key_names_the_domains);
	ADD(a_pointer_that_faults_is_told);
	return s ? CU_get_error() : CUE_NOSUITE;
}
