/* SPDX-License-Identifier: MIT */
/*
 * Any order of events on one device.  Each byte is an event, and for what a
 * front-end does, its state.  Whatever came before: what is asked of the
 * back-end fits what it does, and a front-end that behaves from here on is
 * served.
 */
#include <stdint.h>
#include <stdlib.h>

#include "supervisor/xenbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int holds)
{
	if (!holds)
		abort();
}

static void check(const struct xenbus *before, const struct xenbus *x,
		  unsigned int todo)
{
	unsigned int asks = todo & (XENBUS_DO_SPAWN | XENBUS_DO_CONNECT |
				    XENBUS_DO_RESUME | XENBUS_DO_DISCONNECT |
				    XENBUS_DO_RELEASE);

	need(x->state >= XENBUS_INITIALISING && x->state <= XENBUS_CLOSED);
	/* One thing at a time. */
	need(!(asks & (asks - 1)));
	need(!before->released || !todo);
	need(!(todo & XENBUS_DO_SPAWN) || x->back == BACK_STARTING);
	need(!(todo & (XENBUS_DO_CONNECT | XENBUS_DO_RESUME)) ||
	     (x->back == BACK_CONNECTING && x->ring));
	need(!(todo & XENBUS_DO_CONNECT) || x->online);
	need(!(todo & XENBUS_DO_RESUME) || before->ring);
	need(!(todo & XENBUS_DO_DISCONNECT) || x->back == BACK_DISCONNECTING);
	need(!(todo & XENBUS_DO_RELEASE) || (x->released &&
					     todo & XENBUS_DO_QUIT));
	/* What was stopped asks for nothing but to be gone. */
	need(!before->stopped || !(asks & ~(unsigned int)XENBUS_DO_RELEASE));
	need(!x->stopped || x->state == XENBUS_CLOSED);
	need(x->back != BACK_CONNECTED || x->ring || before->released);
}

static unsigned int step(struct xenbus *x, enum xenbus_event e,
			 unsigned int front)
{
	struct xenbus before = *x;
	unsigned int todo = xenbus_step(x, e, front);

	check(&before, x, todo);
	xenbus_word(x);
	return todo;
}

/* The back-end answers all it was asked. */
static void answer(struct xenbus *x)
{
	for (int i = 0; i < 10; i++) {
		if (x->back == BACK_STARTING)
			step(x, XENBUS_READY, 0);
		else if (x->back == BACK_CONNECTING)
			step(x, XENBUS_SERVING, 0);
		else if (x->back == BACK_DISCONNECTING)
			step(x, XENBUS_FREE, 0);
		else
			return;
	}
	abort();
}

static void behave(struct xenbus *x)
{
	answer(x);
	if (x->released || x->stopped)
		return;
	step(x, XENBUS_FRONT, XENBUS_CLOSED);
	answer(x);
	if (!x->online) {
		need(x->released);
		return;
	}
	need(x->state == XENBUS_CLOSED && x->back == BACK_READY);
	step(x, XENBUS_FRONT, XENBUS_INITIALISING);
	need(x->state == XENBUS_INIT_WAIT);
	step(x, XENBUS_FRONT, XENBUS_INITIALISED);
	answer(x);
	need(x->state == XENBUS_CONNECTED && x->back == BACK_CONNECTED);
	step(x, XENBUS_DIED, 0);
	answer(x);
	need(x->state == XENBUS_CONNECTED && x->back == BACK_CONNECTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xenbus_brake brake = { 0 };
	struct xenbus_storm storm = { 0 };
	struct xenbus x;
	uint64_t now = 1;

	xenbus_init(&x);
	for (size_t i = 0; i < size && i < 4096; i++) {
		enum xenbus_event e = (enum xenbus_event)(data[i] & 15) %
				      (XENBUS_FORCE + 1);

		step(&x, e, data[i] >> 4);
		now += (uint64_t)data[i] * 10000000;
		xenbus_brake(&brake, now, (uint64_t)data[i] * 1000000,
			     data[i] & 1);
		xenbus_storm(&storm, now, data[i]);
	}
	behave(&x);
	return 0;
}
