/* SPDX-License-Identifier: MIT */
/* The queue of timers, and what it asks of the hardware. */
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/timer.h>

#include "machine.h"

CU_ErrorCode test_timer_register(void);

#define MANY 200

static struct timer t[MANY];
static unsigned order[MANY], fired;

static void note(void *arg)
{
	order[fired++] = (unsigned)((struct timer *)arg - t);
}

static void setup(void)
{
	unsigned i;

	machine_boot();
	machine_now_ns = 0;
	for (i = 0; i < MACHINE_CPUS; i++) {
		machine_as(i, NULL);
		timer_cpu_init(this_cpu());
	}
	machine_as(0, NULL);
	machine_log.deadline = 0;
	fired = 0;
	for (i = 0; i < MANY; i++)
		timer_init(&t[i], note, &t[i]);
}

static void timers_fire_in_order_of_their_deadlines(void)
{
	unsigned i;

	setup();
	srandom(1);
	for (i = 0; i < MANY; i++)
		timer_set(&t[i], 1 + (u64)random() % 1000);
	machine_now_ns = 1000;
	timer_run();
	CU_ASSERT_EQUAL(fired, MANY);
	for (i = 1; i < fired; i++)
		CU_ASSERT(t[order[i - 1]].deadline <= t[order[i]].deadline);
}

static void a_timer_does_not_fire_early(void)
{
	setup();
	timer_set(&t[0], 100);
	machine_now_ns = 99;
	timer_run();
	CU_ASSERT_EQUAL(fired, 0);
	CU_ASSERT_EQUAL(machine_log.deadline, 100);
	machine_now_ns = 100;
	timer_run();
	CU_ASSERT_EQUAL(fired, 1);
	timer_run();
	CU_ASSERT_EQUAL(fired, 1);
}

static void a_cancelled_timer_stays_silent(void)
{
	unsigned i;

	setup();
	for (i = 0; i < MANY; i++)
		timer_set(&t[i], 1 + i * 7919 % 100);
	for (i = 0; i < MANY; i += 2)
		timer_cancel(&t[i]);
	machine_now_ns = 1000;
	timer_run();
	CU_ASSERT_EQUAL(fired, MANY / 2);
	for (i = 0; i < fired; i++)
		CU_ASSERT(order[i] % 2);
}

static void setting_again_moves_it(void)
{
	setup();
	timer_set(&t[0], 10);
	timer_set(&t[1], 20);
	timer_set(&t[0], 30);
	machine_now_ns = 40;
	timer_run();
	CU_ASSERT_EQUAL(fired, 2);
	CU_ASSERT_EQUAL(order[0], 1);
	CU_ASSERT_EQUAL(order[1], 0);
}

static void an_earlier_one_rearms_the_hardware(void)
{
	setup();
	timer_set(&t[0], 500);
	CU_ASSERT_EQUAL(machine_log.deadline, 500);
	timer_set(&t[1], 300);
	CU_ASSERT_EQUAL(machine_log.deadline, 300);
	timer_set(&t[2], 400);
	CU_ASSERT_EQUAL(machine_log.deadline, 300);
	machine_now_ns = 300;
	timer_run();
	CU_ASSERT_EQUAL(machine_log.deadline, 400);
}

static void again(void *arg)
{
	struct timer *self = arg;

	if (++fired < 5)
		timer_set(self, self->deadline + 10);
}

static void a_function_may_set_its_own_timer(void)
{
	setup();
	timer_init(&t[0], again, &t[0]);
	timer_set(&t[0], 10);
	machine_now_ns = 30;
	timer_run();
	CU_ASSERT_EQUAL(fired, 3);
	CU_ASSERT_EQUAL(machine_log.deadline, 40);
	machine_now_ns = 100;
	timer_run();
	CU_ASSERT_EQUAL(fired, 5);
}

static void a_timer_goes_to_the_cpu_that_sets_it(void)
{
	setup();
	timer_set(&t[0], 10);
	machine_as(1, NULL);
	timer_set(&t[0], 20);
	machine_now_ns = 50;
	machine_as(0, NULL);
	timer_run();
	CU_ASSERT_EQUAL(fired, 0);
	machine_as(1, NULL);
	timer_run();
	CU_ASSERT_EQUAL(fired, 1);
}

static void a_timer_moves_with_its_vcpu(void)
{
	setup();
	timer_set(&t[0], 10);
	machine_as(1, NULL);
	timer_migrate(&t[0]);
	machine_now_ns = 10;
	timer_run();
	CU_ASSERT_EQUAL(fired, 1);
}

CU_ErrorCode test_timer_register(void)
{
	CU_pSuite s = CU_add_suite("timer", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(timers_fire_in_order_of_their_deadlines);
	ADD(a_timer_does_not_fire_early);
	ADD(a_cancelled_timer_stays_silent);
	ADD(setting_again_moves_it);
	ADD(an_earlier_one_rearms_the_hardware);
	ADD(a_function_may_set_its_own_timer);
	ADD(a_timer_goes_to_the_cpu_that_sets_it);
	ADD(a_timer_moves_with_its_vcpu);
	return s ? CU_get_error() : CUE_NOSUITE;
}
