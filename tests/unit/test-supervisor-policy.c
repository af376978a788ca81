/* SPDX-License-Identifier: MIT */
/* What happens at a guest's end. */
#include <string.h>

#include <CUnit/CUnit.h>

#include "supervisor/policy.h"

CU_ErrorCode test_supervisor_policy_register(void);

static void long_lives_are_always_started_again(void)
{
	struct policy_verdict v =
		policy_decide(GUEST_ACTION_RESTART, BRAKE_SECONDS, 4);

	CU_ASSERT_EQUAL(v.action, GUEST_ACTION_RESTART);
	CU_ASSERT_EQUAL(v.short_lives, 0);
	CU_ASSERT_FALSE(v.gave_up);
}

static void the_fifth_short_life_in_a_row_is_the_last(void)
{
	struct policy_verdict v = { 0 };

	for (unsigned int i = 1; i < BRAKE_LIVES; i++) {
		v = policy_decide(GUEST_ACTION_RESTART, 1, v.short_lives);
		CU_ASSERT_EQUAL(v.action, GUEST_ACTION_RESTART);
		CU_ASSERT_EQUAL(v.short_lives, i);
	}
	v = policy_decide(GUEST_ACTION_RESTART, 1, v.short_lives);
	CU_ASSERT_EQUAL(v.action, GUEST_ACTION_DESTROY);
	CU_ASSERT_TRUE(v.gave_up);
}

static void one_long_life_releases_the_brake(void)
{
	struct policy_verdict v = { 0 };

	for (unsigned int i = 0; i < 20; i++) {
		v = policy_decide(GUEST_ACTION_RESTART, i % 4 ? 1 : 3600,
				  v.short_lives);
		CU_ASSERT_EQUAL(v.action, GUEST_ACTION_RESTART);
	}
}

static void the_brake_keeps_what_would_have_been_kept(void)
{
	struct policy_verdict v = policy_decide(GUEST_ACTION_RENAME_RESTART, 0,
						BRAKE_LIVES - 1);

	CU_ASSERT_EQUAL(v.action, GUEST_ACTION_PRESERVE);
	CU_ASSERT_TRUE(v.gave_up);
}

static void other_actions_do_not_brake(void)
{
	struct policy_verdict v =
		policy_decide(GUEST_ACTION_PRESERVE, 0, 100);

	CU_ASSERT_EQUAL(v.action, GUEST_ACTION_PRESERVE);
	CU_ASSERT_FALSE(v.gave_up);
	v = policy_decide(GUEST_ACTION_DESTROY, 0, 100);
	CU_ASSERT_EQUAL(v.action, GUEST_ACTION_DESTROY);
	CU_ASSERT_FALSE(v.gave_up);
}

static void each_end_has_its_action(void)
{
	enum guest_action a;

#define ASK(code) policy_action(code, GUEST_ACTION_DESTROY, \
				GUEST_ACTION_RESTART, GUEST_ACTION_PRESERVE, &a)
	CU_ASSERT(ASK(0) && a == GUEST_ACTION_DESTROY);
	CU_ASSERT(ASK(1) && a == GUEST_ACTION_RESTART);
	CU_ASSERT_FALSE(ASK(2));
	CU_ASSERT(ASK(3) && a == GUEST_ACTION_PRESERVE);
	CU_ASSERT(ASK(4) && a == GUEST_ACTION_PRESERVE);
	CU_ASSERT(ASK(5) && a == GUEST_ACTION_PRESERVE);
#undef ASK
	CU_ASSERT_STRING_EQUAL(policy_reason(0), "poweroff");
	CU_ASSERT_STRING_EQUAL(policy_reason(3), "crash");
	CU_ASSERT_STRING_EQUAL(policy_reason(77), "unknown");
}

CU_ErrorCode test_supervisor_policy_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(long_lives_are_always_started_again),
		T(the_fifth_short_life_in_a_row_is_the_last),
		T(one_long_life_releases_the_brake),
		T(the_brake_keeps_what_would_have_been_kept),
		T(other_actions_do_not_brake),
		T(each_end_has_its_action),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "supervisor-policy", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
