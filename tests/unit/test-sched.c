/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, played on a machine whose clock moves in steps.  One thread
 * plays all CPUs in turn; a CPU that would halt jumps back to the test.
 */
#include <setjmp.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/hypercall.h>
#include <hyp/sched.h>

#include <xen/sched.h>

#include "machine.h"

CU_ErrorCode test_sched_register(void);

#define MS 1000000ULL
#define STEP (MS / 10)

static struct domain *a, *b;
static jmp_buf halted;

static void halt(void)
{
	longjmp(halted, 1);
}

/* CPU n does what it has to do now. */
static void play(unsigned n)
{
	struct cpu *c = cpu_get(n);
	u32 work;

	machine_as(n, c->current);
	if (machine_log.deadline <= machine_now_ns)
		timer_run();
	timer_run();
	work = atomic_xchg(&c->work, 0);
	if (!(work & WORK_RESCHED) && c->current)
		return;
	if (!c->current && !work && !c->rq.count)
		return;
	if (!setjmp(halted))
		sched_run();
}

static void play_for(unsigned cpus, u64 ns)
{
	u64 end = machine_now_ns + ns;
	unsigned i;

	while (machine_now_ns < end) {
		for (i = 0; i < cpus; i++)
			play(i);
		machine_now_ns += STEP;
	}
}

/* A domain whose vCPUs are ready to run as soon as they are woken. */
static struct domain *guest(domid_t id, unsigned vcpus, u32 weight)
{
	struct domain_params p = { .max_vcpus = vcpus, .max_evtchn_port = 63,
				   .is_control = id == 0 };
	struct domain *d = NULL;
	unsigned i;

	CU_ASSERT_EQUAL_FATAL(domain_create(id, &p, &d), 0);
	d->weight = weight;
	for (i = 0; i < vcpus; i++) {
		CU_ASSERT_EQUAL_FATAL(vcpu_create(d, i), 0);
		d->vcpu[i]->down = false;
		d->vcpu[i]->initialised = true;
	}
	domain_unpause(d);
	return d;
}

/* Empty queues, a clock at the beginning, and this many CPUs. */
static void setup(unsigned cpus)
{
	unsigned i;

	machine_idle = NULL;
	cpu_count = MACHINE_CPUS;
	machine_boot();
	machine_now_ns = MS;
	for (i = 0; i < MACHINE_CPUS; i++) {
		machine_as(i, NULL);
		atomic_store(&this_cpu()->work, 0);
		sched_cpu_init(this_cpu());
		timer_cpu_init(this_cpu());
	}
	cpu_count = cpus;
	machine_idle = halt;
	machine_as(0, NULL);
}

/* Other tests have all CPUs. */
static int leave(void)
{
	cpu_count = MACHINE_CPUS;
	machine_idle = NULL;
	return 0;
}

static u64 time_of(struct domain *d, unsigned vcpu)
{
	return vtime_cpu_time(d->vcpu[vcpu]);
}

static bool close_to(u64 got, u64 want, u64 percent)
{
	return got * 100 >= want * (100 - percent) &&
	       got * 100 <= want * (100 + percent);
}

static void the_only_vcpu_runs_without_a_timer(void)
{
	setup(1);
	a = guest(1, 1, 256);
	play_for(1, 100 * MS);
	CU_ASSERT_PTR_EQUAL(cpu_get(0)->current, a->vcpu[0]);
	CU_ASSERT(close_to(time_of(a, 0), 100 * MS, 1));
	CU_ASSERT(machine_log.deadline == 0 || machine_log.deadline == ~0ULL);
}

static void two_equals_share_one_cpu(void)
{
	setup(1);
	a = guest(1, 1, 256);
	b = guest(2, 1, 256);
	play_for(1, 1000 * MS);
	CU_ASSERT(close_to(time_of(a, 0), 500 * MS, 3));
	CU_ASSERT(close_to(time_of(b, 0), 500 * MS, 3));
}

static void twice_the_weight_is_twice_the_time(void)
{
	setup(1);
	a = guest(1, 1, 512);
	b = guest(2, 1, 256);
	play_for(1, 1200 * MS);
	CU_ASSERT(close_to(time_of(a, 0), 800 * MS, 3));
	CU_ASSERT(close_to(time_of(b, 0), 400 * MS, 3));
}

static void three_share_two_cpus_evenly(void)
{
	unsigned i;

	setup(2);
	a = guest(1, 3, 256);
	play_for(2, 3000 * MS);
	for (i = 0; i < 3; i++)
		CU_ASSERT(close_to(time_of(a, i), 2000 * MS, 5));
}

static void seven_share_four_cpus_evenly(void)
{
	unsigned i;

	setup(4);
	a = guest(1, 7, 256);
	play_for(4, 7000 * MS);
	for (i = 0; i < 7; i++)
		CU_ASSERT(close_to(time_of(a, i), 4000 * MS, 6));
}

static void a_waking_vcpu_takes_an_idle_cpu(void)
{
	setup(2);
	a = guest(1, 2, 256);
	play_for(2, 5 * MS);
	CU_ASSERT(a->vcpu[0]->sched.running);
	CU_ASSERT(a->vcpu[1]->sched.running);
	CU_ASSERT_PTR_NOT_EQUAL(a->vcpu[0]->sched.cpu, a->vcpu[1]->sched.cpu);
}

static void block(struct vcpu *v)
{
	machine_as(v->sched.cpu->id, v);
	v->info->evtchn_upcall_pending = 0;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, 0), 0);
}

static void a_blocked_vcpu_costs_nothing_until_it_is_kicked(void)
{
	setup(1);
	a = guest(1, 1, 256);
	play_for(1, 10 * MS);
	block(a->vcpu[0]);
	play_for(1, 50 * MS);
	CU_ASSERT_PTR_NULL(cpu_get(0)->current);
	CU_ASSERT(close_to(time_of(a, 0), 10 * MS, 2));
	machine_as(1, NULL);
	a->vcpu[0]->info->evtchn_upcall_pending = 1;
	vcpu_kick(a->vcpu[0]);
	CU_ASSERT_EQUAL(machine_log.kicks[0], 1);
	play_for(1, MS);
	CU_ASSERT_PTR_EQUAL(cpu_get(0)->current, a->vcpu[0]);
}

static void a_block_with_a_pending_event_goes_on(void)
{
	setup(1);
	a = guest(1, 1, 256);
	play_for(1, MS);
	machine_as(0, a->vcpu[0]);
	a->vcpu[0]->info->evtchn_upcall_mask = 1;
	a->vcpu[0]->info->evtchn_upcall_pending = 1;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, 0), 0);
	CU_ASSERT_FALSE(a->vcpu[0]->blocked);
	CU_ASSERT_EQUAL(a->vcpu[0]->info->evtchn_upcall_mask, 0);
}

static void a_poll_waits_for_ports_but_not_past_an_event(void)
{
	struct sched_poll op = { .nr_ports = 0 };
	struct vcpu *v;

	setup(1);
	a = guest(1, 1, 256);
	v = a->vcpu[0];
	play_for(1, MS);
	machine_as(0, v);
	/* The kick for it was spent: only we can see it now. */
	v->info->evtchn_upcall_mask = 0;
	v->info->evtchn_upcall_pending = 1;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, (u64)&op), 0);
	CU_ASSERT_FALSE(v->blocked);
	CU_ASSERT_EQUAL(v->evtchn.poll_port, 0);
	v->info->evtchn_upcall_mask = 1;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, (u64)&op), 0);
	CU_ASSERT(v->blocked);
	CU_ASSERT_EQUAL(v->evtchn.poll_port, ~0U);
	play_for(1, MS);
	CU_ASSERT_PTR_NULL(cpu_get(0)->current);
	machine_as(1, NULL);
	vcpu_unblock(v);
	CU_ASSERT_EQUAL(v->evtchn.poll_port, 0);
	play_for(1, MS);
	CU_ASSERT_PTR_EQUAL(cpu_get(0)->current, v);
}

static void a_sleeper_interrupts_a_hog_soon(void)
{
	setup(1);
	a = guest(1, 1, 256);
	b = guest(2, 1, 256);
	play_for(1, 20 * MS);
	while (cpu_get(0)->current != b->vcpu[0])
		play_for(1, STEP);
	block(b->vcpu[0]);
	play_for(1, 100 * MS);
	CU_ASSERT_PTR_EQUAL(cpu_get(0)->current, a->vcpu[0]);
	machine_as(1, NULL);
	vcpu_unblock(b->vcpu[0]);
	play_for(1, 2 * STEP);
	CU_ASSERT_PTR_EQUAL(cpu_get(0)->current, b->vcpu[0]);
}

static void who_has_just_begun_is_left_alone_for_a_moment(void)
{
	u64 before;

	setup(1);
	a = guest(1, 1, 256);
	b = guest(2, 1, 256);
	play_for(1, 20 * MS);
	while (cpu_get(0)->current != b->vcpu[0])
		play_for(1, STEP);
	block(b->vcpu[0]);
	/* The other one begins, and is woken against at once. */
	while (cpu_get(0)->current != a->vcpu[0])
		play_for(1, STEP);
	before = time_of(a, 0);
	machine_as(1, NULL);
	vcpu_unblock(b->vcpu[0]);
	for (int i = 0; i < 200 && cpu_get(0)->current == a->vcpu[0]; i++)
		play_for(1, STEP);
	CU_ASSERT(time_of(a, 0) - before > MS / 8);
	CU_ASSERT(time_of(a, 0) - before < MS);
}

static void a_long_sleeper_saves_up_no_time(void)
{
	u64 before;

	setup(1);
	a = guest(1, 1, 256);
	b = guest(2, 1, 256);
	play_for(1, 20 * MS);
	while (cpu_get(0)->current != b->vcpu[0])
		play_for(1, STEP);
	block(b->vcpu[0]);
	play_for(1, 5000 * MS);
	machine_as(1, NULL);
	vcpu_unblock(b->vcpu[0]);
	before = time_of(a, 0);
	play_for(1, 200 * MS);
	CU_ASSERT(time_of(a, 0) - before > 85 * MS);
}

static void a_yield_lets_the_other_go_first(void)
{
	struct vcpu *first;

	setup(1);
	a = guest(1, 1, 256);
	b = guest(2, 1, 256);
	play_for(1, 2 * STEP);
	first = cpu_get(0)->current;
	machine_as(0, first);
	do_sched_op(SCHEDOP_yield, 0);
	play_for(1, STEP);
	CU_ASSERT_PTR_NOT_EQUAL(cpu_get(0)->current, first);
	CU_ASSERT_PTR_NOT_NULL(cpu_get(0)->current);
}

static void affinity_is_kept(void)
{
	const struct cpumask only1 = { { 2 } }, none = { { 4 } };
	unsigned i;

	setup(2);
	a = guest(1, 3, 256);
	CU_ASSERT_EQUAL(sched_set_affinity(a->vcpu[0], &none), -XEN_EINVAL);
	for (i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(sched_set_affinity(a->vcpu[i], &only1), 0);
	play_for(2, 300 * MS);
	CU_ASSERT_PTR_NULL(cpu_get(0)->current);
	for (i = 0; i < 3; i++)
		CU_ASSERT(close_to(time_of(a, i), 100 * MS, 15));
}

static void a_running_vcpu_moves_when_its_cpu_is_forbidden(void)
{
	const struct cpumask only1 = { { 2 } };

	setup(2);
	a = guest(1, 1, 256);
	play_for(2, 10 * MS);
	CU_ASSERT_PTR_EQUAL(cpu_get(0)->current, a->vcpu[0]);
	machine_as(1, NULL);
	sched_set_affinity(a->vcpu[0], &only1);
	play_for(2, 10 * MS);
	CU_ASSERT_PTR_EQUAL(cpu_get(1)->current, a->vcpu[0]);
	CU_ASSERT_PTR_NULL(cpu_get(0)->current);
}

static void a_paused_domain_does_not_run(void)
{
	setup(2);
	a = guest(1, 2, 256);
	b = guest(2, 2, 256);
	play_for(2, 10 * MS);
	machine_as(3, NULL);
	domain_pause_nosync(a);
	play_for(2, 100 * MS);
	CU_ASSERT_FALSE(a->vcpu[0]->sched.running);
	CU_ASSERT_FALSE(a->vcpu[1]->sched.running);
	CU_ASSERT(time_of(a, 0) <= 11 * MS);
	machine_as(3, NULL);
	domain_unpause(a);
	play_for(2, 100 * MS);
	CU_ASSERT(time_of(a, 0) > 30 * MS);
}

static void waiting_time_is_steal_time(void)
{
	struct vcpu_runstate_info r;

	setup(1);
	a = guest(1, 1, 256);
	b = guest(2, 1, 256);
	play_for(1, 1000 * MS);
	vtime_get_runstate(a->vcpu[0], &r);
	CU_ASSERT(close_to(r.time[RUNSTATE_runnable], 500 * MS, 3));
	CU_ASSERT_EQUAL(r.time[RUNSTATE_blocked], 0);
}

static void the_last_to_stop_shuts_the_domain_down(void)
{
	setup(2);
	a = guest(1, 2, 256);
	play_for(2, 10 * MS);
	machine_as(a->vcpu[0]->sched.cpu->id, a->vcpu[0]);
	domain_crash(a, "test %d", 7);
	CU_ASSERT_FALSE(a->shut_down);
	play_for(2, 10 * MS);
	CU_ASSERT(a->shut_down);
	CU_ASSERT_EQUAL(a->shutdown_code, SHUTDOWN_crash);
	CU_ASSERT_PTR_NOT_NULL(strstr(machine_log.console, "killed: test 7"));
}

CU_ErrorCode test_sched_register(void)
{
	CU_pSuite s = CU_add_suite("sched", NULL, leave);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(the_only_vcpu_runs_without_a_timer);
	ADD(two_equals_share_one_cpu);
	ADD(twice_the_weight_is_twice_the_time);
	ADD(three_share_two_cpus_evenly);
	ADD(seven_share_four_cpus_evenly);
	ADD(a_waking_vcpu_takes_an_idle_cpu);
	ADD(a_blocked_vcpu_costs_nothing_until_it_is_kicked);
	ADD(a_block_with_a_pending_event_goes_on);
	ADD(a_poll_waits_for_ports_but_not_past_an_event);
	ADD(a_sleeper_interrupts_a_hog_soon);
	ADD(who_has_just_begun_is_left_alone_for_a_moment);
	ADD(a_long_sleeper_saves_up_no_time);
	ADD(a_yield_lets_the_other_go_first);
	ADD(affinity_is_kept);
	ADD(a_running_vcpu_moves_when_its_cpu_is_forbidden);
	ADD(a_paused_domain_does_not_run);
	ADD(waiting_time_is_steal_time);
	ADD(the_last_to_stop_shuts_the_domain_down);
	return s ? CU_get_error() : CUE_NOSUITE;
}
