/* SPDX-License-Identifier: MIT */
/* Time and vCPU operations as a guest sees them. */
#include <stdint.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <xen/vcpu.h>
#include <xen/sched.h>

#include <hyp/hypercall.h>
#include <hyp/memory.h>

#include "machine.h"

CU_ErrorCode test_vtime_register(void);

static struct domain *d;
static struct vcpu *v;

static void setup(void)
{
	machine_boot();
	machine_now_ns = 5000000000;
	machine_domain(true);
	d = machine_domain(false);
	v = d->vcpu[0];
	machine_as(0, v);
}

static void the_clock_is_written_whole(void)
{
	struct vcpu_time_info *t;
	u32 version;

	setup();
	t = &v->info->time;
	vtime_refresh(v);
	version = t->version;
	CU_ASSERT(version && version % 2 == 0);
	CU_ASSERT(t->tsc_to_system_mul != 0);
	CU_ASSERT_EQUAL(t->system_time, machine_now_ns);
	memset(t, 0, sizeof(*t));
	vtime_refresh(v);
	CU_ASSERT(t->version > version && t->version % 2 == 0);
	CU_ASSERT(t->tsc_to_system_mul != 0);
}

static void the_wall_clock_has_the_domains_offset(void)
{
	setup();
	vtime_set_wallclock(1700000000ULL * 1000000000 + 5);
	CU_ASSERT_EQUAL(d->shared->wc_sec, 1700000000);
	CU_ASSERT_EQUAL(d->shared->wc_nsec, 5);
	CU_ASSERT_EQUAL(d->shared->wc_version % 2, 0);
	d->time.offset_seconds = -3600;
	vtime_update_wallclock(d);
	CU_ASSERT_EQUAL(d->shared->wc_sec, 1700000000 - 3600);
}

static void states_add_up_to_the_time_that_passed(void)
{
	struct vcpu_runstate_info r, first;

	setup();
	vtime_get_runstate(v, &first);
	vtime_runstate(v, RUNSTATE_runnable, machine_now_ns);
	machine_now_ns += 300;
	vtime_runstate(v, RUNSTATE_running, machine_now_ns);
	machine_now_ns += 500;
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_get_runstate_info, 0, (u64)&r), 0);
	CU_ASSERT_EQUAL(r.state, RUNSTATE_running);
	CU_ASSERT_EQUAL(r.time[RUNSTATE_runnable], 300);
	CU_ASSERT_EQUAL(r.time[RUNSTATE_running], 500);
	CU_ASSERT_EQUAL(vtime_cpu_time(v), 500);
	/* Another CPU's clock may be a hair behind. */
	vtime_runstate(v, RUNSTATE_blocked, machine_now_ns - 600);
	CU_ASSERT_EQUAL(v->time.runstate.time[RUNSTATE_running], 0);
}

static void a_past_deadline_fires_at_once(void)
{
	struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 1 };

	setup();
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, (u64)&op),
			0);
	CU_ASSERT_FALSE(v->time.singleshot.set);
	op.timeout_abs_ns = machine_now_ns + 100;
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, (u64)&op),
			0);
	CU_ASSERT(v->time.singleshot.set);
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0), 0);
	CU_ASSERT_FALSE(v->time.singleshot.set);
	CU_ASSERT_EQUAL(do_set_timer_op(machine_now_ns + 100), 0);
	CU_ASSERT(v->time.singleshot.set);
	CU_ASSERT_EQUAL(do_set_timer_op(0), 0);
	CU_ASSERT_FALSE(v->time.singleshot.set);
}

static void only_the_current_vcpu_sets_its_singleshot_timer(void)
{
	struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 1 };

	setup();
	vcpu_create(d, 1);
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_set_singleshot_timer, 1, (u64)&op),
			-XEN_EINVAL);
}

static void there_is_no_periodic_timer_to_stop(void)
{
	struct vcpu_set_periodic_timer op = { 1000000 };

	setup();
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_set_periodic_timer, 0, (u64)&op),
			-XEN_ENOSYS);
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
}

static void vcpu_info_moves_once_and_loses_no_event(void)
{
	struct vcpu_register_vcpu_info op = { 0 };
	struct vcpu_info *to;

	setup();
	op.mfn = memory_alloc(d, 0, 0);
	op.offset = PAGE_SIZE - sizeof(*to) + 8;
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_register_vcpu_info, 0, (u64)&op),
			-XEN_EINVAL);
	op.offset = 4;
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_register_vcpu_info, 0, (u64)&op),
			-XEN_EINVAL);
	op.offset = 64;
	v->info->evtchn_upcall_mask = 1;
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_register_vcpu_info, 0, (u64)&op),
			0);
	to = frame_to_virt(op.mfn) + 64;
	CU_ASSERT_PTR_EQUAL(v->info, to);
	CU_ASSERT_EQUAL(to->evtchn_upcall_mask, 1);
	CU_ASSERT_EQUAL(to->evtchn_upcall_pending, 1);
	CU_ASSERT(to->time.tsc_to_system_mul != 0);
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_register_vcpu_info, 0, (u64)&op),
			-XEN_EINVAL);
}

static void a_foreign_frame_is_no_place_for_vcpu_info(void)
{
	struct vcpu_register_vcpu_info op = { 0 };

	setup();
	op.mfn = memory_alloc(dom0, 0, 0);
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_register_vcpu_info, 0, (u64)&op),
			-XEN_EINVAL);
	op.mfn = MFN_NONE;
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_register_vcpu_info, 0, (u64)&op),
			-XEN_EINVAL);
}

static void a_vcpu_goes_up_only_with_a_context(void)
{
	setup();
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_is_up, 1, 0), -XEN_ENOENT);
	vcpu_create(d, 1);
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_is_up, 1, 0), 0);
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_up, 1, 0), -XEN_EINVAL);
	d->vcpu[1]->initialised = true;
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_up, 1, 0), 0);
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_is_up, 1, 0), 1);
}

static void the_last_vcpu_that_goes_down_is_a_power_off(void)
{
	setup();
	CU_ASSERT_EQUAL(do_vcpu_op(VCPUOP_down, 0, 0), 0);
	CU_ASSERT(d->shutting_down);
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_poweroff);
}

static void a_watchdog_bites_unless_it_is_stopped(void)
{
	struct sched_watchdog op = { 0, 2 };

	setup();
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, (u64)&op), 1);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, (u64)&op), 2);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, (u64)&op), -XEN_EEXIST);
	op.id = 1;
	op.timeout = 0;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, (u64)&op), 0);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, (u64)&op), -XEN_EINVAL);
	machine_now_ns += 3000000000;
	timer_run();
	CU_ASSERT(d->shutting_down);
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_watchdog);
}

CU_ErrorCode test_vtime_register(void)
{
	CU_pSuite s = CU_add_suite("vtime", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(the_clock_is_written_whole);
	ADD(the_wall_clock_has_the_domains_offset);
	ADD(states_add_up_to_the_time_that_passed);
	ADD(a_past_deadline_fires_at_once);
	ADD(only_the_current_vcpu_sets_its_singleshot_timer);
	ADD(there_is_no_periodic_timer_to_stop);
	ADD(vcpu_info_moves_once_and_loses_no_event);
	ADD(a_foreign_frame_is_no_place_for_vcpu_info);
	ADD(a_vcpu_goes_up_only_with_a_context);
	ADD(the_last_vcpu_that_goes_down_is_a_power_off);
	ADD(a_watchdog_bites_unless_it_is_stopped);
	return s ? CU_get_error() : CUE_NOSUITE;
}
