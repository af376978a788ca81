/* SPDX-License-Identifier: MIT */
/* The rules of a device, against front-ends as kernels and loaders have them. */
#include <string.h>

#include <CUnit/CUnit.h>

#include "supervisor/xenbus.h"

CU_ErrorCode test_xenbus_register(void);

static struct xenbus x;

static unsigned int front(unsigned int state)
{
	return xenbus_step(&x, XENBUS_FRONT, state);
}

static unsigned int event(enum xenbus_event e)
{
	return xenbus_step(&x, e, 0);
}

/* A device that a front-end has connected to. */
static void connected(void)
{
	xenbus_init(&x);
	event(XENBUS_READY);
	front(XENBUS_INITIALISED);
	event(XENBUS_SERVING);
	front(XENBUS_CONNECTED);
}

static void a_disk_connects_in_three_steps(void)
{
	xenbus_init(&x);
	CU_ASSERT_EQUAL(event(XENBUS_READY), XENBUS_DO_NODES | XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_INIT_WAIT);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISING), 0);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISED), XENBUS_DO_CONNECT);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISED), 0);
	CU_ASSERT_EQUAL(event(XENBUS_SERVING), XENBUS_DO_NODES |
			XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CONNECTED);
	CU_ASSERT_EQUAL(front(XENBUS_CONNECTED), 0);
	CU_ASSERT_STRING_EQUAL(xenbus_word(&x), "connected");
}

static void a_card_begins_with_connected(void)
{
	xenbus_init(&x);
	event(XENBUS_READY);
	CU_ASSERT_EQUAL(front(XENBUS_CONNECTED), XENBUS_DO_CONNECT);
	CU_ASSERT_EQUAL(event(XENBUS_SERVING), XENBUS_DO_NODES |
			XENBUS_DO_STATE);
}

static void what_comes_while_it_works_is_seen_afterwards(void)
{
	xenbus_init(&x);
	/* The guest was faster than the back-end. */
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISED), 0);
	CU_ASSERT_EQUAL(event(XENBUS_READY), XENBUS_DO_NODES |
			XENBUS_DO_STATE | XENBUS_DO_CONNECT);
}

static void ready_before_anyone_looks(void)
{
	xenbus_init(&x);
	event(XENBUS_READY);
	front(XENBUS_INITIALISED);
	/* It closes before the answer: no Connected is written. */
	CU_ASSERT_EQUAL(front(XENBUS_CLOSED), 0);
	CU_ASSERT_EQUAL(event(XENBUS_SERVING), XENBUS_DO_DISCONNECT);
	CU_ASSERT_EQUAL(x.state, XENBUS_INIT_WAIT);
	CU_ASSERT_EQUAL(event(XENBUS_FREE), XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSED);
}

/* PV GRUB closes what it used and hands over; so does kexec. */
static void a_loader_hands_over_to_a_kernel(void)
{
	connected();
	CU_ASSERT_EQUAL(front(XENBUS_CLOSING), XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSING);
	CU_ASSERT_EQUAL(front(XENBUS_CLOSED), XENBUS_DO_DISCONNECT);
	CU_ASSERT_EQUAL(event(XENBUS_FREE), XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSED);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISING), XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_INIT_WAIT);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISED), XENBUS_DO_CONNECT);
	CU_ASSERT_EQUAL(event(XENBUS_SERVING), XENBUS_DO_NODES |
			XENBUS_DO_STATE);
}

static void a_front_end_may_begin_anew_without_closing(void)
{
	connected();
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISING), XENBUS_DO_DISCONNECT);
	CU_ASSERT_EQUAL(event(XENBUS_FREE), XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_INIT_WAIT);

	/* From Connected to Initialised: another ring. */
	connected();
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISED), XENBUS_DO_DISCONNECT);
	CU_ASSERT_EQUAL(event(XENBUS_FREE), XENBUS_DO_CONNECT);
	CU_ASSERT_EQUAL(event(XENBUS_SERVING), 0);
	CU_ASSERT_EQUAL(x.back, BACK_CONNECTED);
}

static void a_death_is_not_seen_by_the_guest(void)
{
	connected();
	CU_ASSERT_EQUAL(event(XENBUS_DIED), XENBUS_DO_SPAWN);
	CU_ASSERT_TRUE(x.ring);
	CU_ASSERT_STRING_EQUAL(xenbus_word(&x), "restarting");
	CU_ASSERT_EQUAL(event(XENBUS_READY), XENBUS_DO_RESUME);
	CU_ASSERT_EQUAL(event(XENBUS_SERVING), 0);
	CU_ASSERT_EQUAL(x.state, XENBUS_CONNECTED);
}

static void a_death_before_the_answer_resumes_and_then_answers(void)
{
	xenbus_init(&x);
	event(XENBUS_READY);
	front(XENBUS_INITIALISED);
	CU_ASSERT_EQUAL(event(XENBUS_DIED), XENBUS_DO_SPAWN);
	CU_ASSERT_EQUAL(event(XENBUS_READY), XENBUS_DO_RESUME);
	CU_ASSERT_EQUAL(event(XENBUS_SERVING), XENBUS_DO_NODES |
			XENBUS_DO_STATE);
}

static void a_ring_that_goes_while_nobody_serves_it_is_not_resumed(void)
{
	connected();
	event(XENBUS_DIED);
	CU_ASSERT_EQUAL(front(XENBUS_CLOSED), 0);
	CU_ASSERT_EQUAL(event(XENBUS_READY), XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSED);

	/* Also when another one has come meanwhile. */
	connected();
	event(XENBUS_DIED);
	front(XENBUS_CLOSED);
	front(XENBUS_INITIALISING);
	front(XENBUS_INITIALISED);
	CU_ASSERT_EQUAL(event(XENBUS_READY), XENBUS_DO_CONNECT);
}

static void told_to_let_go_death_is_as_good(void)
{
	connected();
	front(XENBUS_CLOSED);
	CU_ASSERT_EQUAL(event(XENBUS_DIED), XENBUS_DO_SPAWN);
	CU_ASSERT_FALSE(x.ring);
	CU_ASSERT_EQUAL(event(XENBUS_READY), XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSED);
}

static void a_device_goes_when_the_guest_has_let_go(void)
{
	connected();
	CU_ASSERT_EQUAL(event(XENBUS_DETACH), XENBUS_DO_STATE |
			XENBUS_DO_OFFLINE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSING);
	CU_ASSERT_EQUAL(front(XENBUS_CLOSING), 0);
	CU_ASSERT_EQUAL(front(XENBUS_CLOSED), XENBUS_DO_DISCONNECT);
	CU_ASSERT_EQUAL(event(XENBUS_FREE), XENBUS_DO_STATE |
			XENBUS_DO_QUIT | XENBUS_DO_RELEASE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSED);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISED), 0);
}

static void a_leaving_device_takes_no_new_ring(void)
{
	xenbus_init(&x);
	event(XENBUS_READY);
	event(XENBUS_DETACH);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISED), 0);
	CU_ASSERT_EQUAL(front(XENBUS_CLOSED) & XENBUS_DO_RELEASE,
			XENBUS_DO_RELEASE);
}

static void force_asks_nobody(void)
{
	connected();
	CU_ASSERT_EQUAL(event(XENBUS_FORCE), XENBUS_DO_QUIT |
			XENBUS_DO_RELEASE);
	CU_ASSERT_EQUAL(event(XENBUS_DIED), 0);
	xenbus_init(&x);
	CU_ASSERT_EQUAL(event(XENBUS_FORCE), XENBUS_DO_QUIT |
			XENBUS_DO_RELEASE);
}

static void who_breaks_the_protocol_is_stopped_for_good(void)
{
	connected();
	CU_ASSERT_EQUAL(event(XENBUS_STOPPED), XENBUS_DO_STATE |
			XENBUS_DO_QUIT);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSED);
	CU_ASSERT_EQUAL(event(XENBUS_DIED), 0);
	CU_ASSERT_EQUAL(front(XENBUS_CLOSED), 0);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISING), 0);
	CU_ASSERT_EQUAL(front(XENBUS_INITIALISED), 0);
	CU_ASSERT_STRING_EQUAL(xenbus_word(&x), "stopped");
	/* It can still be taken away. */
	event(XENBUS_DETACH);
	CU_ASSERT_EQUAL(front(XENBUS_CLOSED) & XENBUS_DO_RELEASE,
			XENBUS_DO_RELEASE);
}

static void a_new_size_is_told_by_writing_connected_again(void)
{
	connected();
	CU_ASSERT_EQUAL(event(XENBUS_CHANGED), XENBUS_DO_NODES |
			XENBUS_DO_STATE);
	xenbus_init(&x);
	event(XENBUS_READY);
	CU_ASSERT_EQUAL(event(XENBUS_CHANGED), XENBUS_DO_NODES);
}

static void a_front_end_that_goes_away_is_closed(void)
{
	connected();
	CU_ASSERT_EQUAL(front(XENBUS_ABSENT), XENBUS_DO_DISCONNECT);
	CU_ASSERT_EQUAL(event(XENBUS_FREE), XENBUS_DO_STATE);
	CU_ASSERT_EQUAL(x.state, XENBUS_CLOSED);
	/* Words that are no states are no states. */
	connected();
	CU_ASSERT_EQUAL(front(77), XENBUS_DO_DISCONNECT);
}

static void the_brake_paces_kills_and_stops_crashes(void)
{
	struct xenbus_brake b = { 0 };
	uint64_t now = 1000000000;
	int deaths = 0;

	/* Killed every 200 ms, after work was done: for ever. */
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(xenbus_brake(&b, now += 200000000, 150000000,
					     false), BRAKE_FREE);
	/* It dies by itself whatever it has done. */
	while (xenbus_brake(&b, now += 200000000, 150000000, true) ==
	       BRAKE_FREE)
		deaths++;
	CU_ASSERT_EQUAL(deaths, BACK_DEATHS_MAX);
	CU_ASSERT_EQUAL(xenbus_brake(&b, now, 0, true), BRAKE_STOP);
	/* Once in a while is no reason. */
	memset(&b, 0, sizeof(b));
	for (int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(xenbus_brake(&b, now += BACK_CRASHES_NS / 4, 0,
					     true), BRAKE_FREE);
	/* Killed while it starts, by somebody who does not wait for it. */
	memset(&b, 0, sizeof(b));
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(xenbus_brake(&b, now += 250000000, 0, false),
				BRAKE_FREE);
	/* Killed before it did anything, again and again: never given up. */
	memset(&b, 0, sizeof(b));
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(xenbus_brake(&b, now += 1000000, 0, false),
				i < (int)BACK_DEATHS_MAX ? BRAKE_FREE :
				BRAKE_PACE);
	/* ... and of crashes after that only crashes count. */
	for (deaths = 0; xenbus_brake(&b, now += 1000000, 0, true) ==
			 BRAKE_FREE; deaths++)
		;
	CU_ASSERT_EQUAL(deaths, BACK_DEATHS_MAX);
}

/*
 * A new supervisor knows of a ring and starts a back-end, which may be ready
 * before the front-end's state could be read.
 */
static void a_front_end_is_looked_at_before_its_ring_is_let_go(void)
{
	struct xenbus x;

	for (unsigned int front = 0; front <= XENBUS_CLOSED; front++) {
		const bool has_ring = front >= XENBUS_INITIALISED &&
				      front <= XENBUS_CLOSING;

		xenbus_init(&x);
		x.state = XENBUS_CONNECTED;
		x.ring = x.unseen = true;
		CU_ASSERT_EQUAL(xenbus_step(&x, XENBUS_READY, 0), 0);
		CU_ASSERT_TRUE(x.ring);
		CU_ASSERT_EQUAL(!!(xenbus_step(&x, XENBUS_FRONT, front) &
				   XENBUS_DO_RESUME), has_ring);
		CU_ASSERT_EQUAL(x.ring, has_ring);
	}
	/* The back-end lives, and says something first. */
	xenbus_init(&x);
	x.state = XENBUS_CONNECTED;
	x.ring = x.unseen = true;
	x.back = BACK_CONNECTED;
	CU_ASSERT_FALSE(xenbus_step(&x, XENBUS_CHANGED, 0) &
			XENBUS_DO_DISCONNECT);
	CU_ASSERT_EQUAL(xenbus_step(&x, XENBUS_FRONT, XENBUS_CONNECTED), 0);
	CU_ASSERT_EQUAL(x.back, BACK_CONNECTED);
}

static void a_storm_is_many_changes_in_a_short_time(void)
{
	struct xenbus_storm s = { 0 };
	uint64_t now = 5;
	int i;

	for (i = 0; i < 2000; i++)
		CU_ASSERT_FALSE(xenbus_storm(&s, now += STORM_NS / 300, 1));
	for (i = 0; !xenbus_storm(&s, now, 1); i++)
		;
	CU_ASSERT(i <= STORM_CHANGES);
	memset(&s, 0, sizeof(s));
	CU_ASSERT_TRUE(xenbus_storm(&s, now, UINT32_MAX));
	CU_ASSERT_TRUE(xenbus_storm(&s, now, UINT32_MAX));
}

static void many_changes_are_looked_at_now_and_then(void)
{
	struct xenbus_storm s = { 0 };
	uint64_t now = 5;
	int looked = 0;

	/* A front-end that starts, and another one after it. */
	for (int i = 0; i < STORM_FREE; i++) {
		xenbus_storm(&s, now++, 1);
		CU_ASSERT_FALSE(xenbus_storm_waits(&s, now));
	}
	/* A hundred a second, for a second. */
	for (int i = 0; i < 100; i++) {
		CU_ASSERT_FALSE(xenbus_storm(&s, now += 10000000, 1));
		looked += !xenbus_storm_waits(&s, now);
	}
	CU_ASSERT(looked >= 9 && looked <= 11);
	CU_ASSERT(s.again <= now + STORM_PACE_NS);
	/* Afterwards all is as before. */
	now += STORM_NS + 1;
	xenbus_storm(&s, now, 1);
	CU_ASSERT_FALSE(xenbus_storm_waits(&s, now));
}

CU_ErrorCode test_xenbus_register(void)
{
	static CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(a_disk_connects_in_three_steps),
		T(a_card_begins_with_connected),
		T(what_comes_while_it_works_is_seen_afterwards),
		T(ready_before_anyone_looks),
		T(a_loader_hands_over_to_a_kernel),
		T(a_front_end_may_begin_anew_without_closing),
		T(a_death_is_not_seen_by_the_guest),
		T(a_death_before_the_answer_resumes_and_then_answers),
		T(a_ring_that_goes_while_nobody_serves_it_is_not_resumed),
		T(told_to_let_go_death_is_as_good),
		T(a_device_goes_when_the_guest_has_let_go),
		T(a_leaving_device_takes_no_new_ring),
		T(force_asks_nobody),
		T(who_breaks_the_protocol_is_stopped_for_good),
		T(a_new_size_is_told_by_writing_connected_again),
		T(a_front_end_that_goes_away_is_closed),
		T(the_brake_paces_kills_and_stops_crashes),
		T(a_front_end_is_looked_at_before_its_ring_is_let_go),
		T(a_storm_is_many_changes_in_a_short_time),
		T(many_changes_are_looked_at_now_and_then),
#undef T
		CU_TEST_INFO_NULL
	};
	static CU_SuiteInfo suites[] = {
		{ "xenbus", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
