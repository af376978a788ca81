/* SPDX-License-Identifier: MIT */
/* See xenbus.h. */
#include "xenbus.h"

#include <string.h>

void xenbus_init(struct xenbus *x)
{
	*x = (struct xenbus){ .back = BACK_STARTING, .online = true,
			      .state = XENBUS_INITIALISING,
			      .front = XENBUS_INITIALISING };
}

static unsigned int set_state(struct xenbus *x, enum xenbus_state to)
{
	if (x->state == to)
		return 0;
	x->state = (uint8_t)to;
	return XENBUS_DO_STATE;
}

/* The front-end has a ring, or had one and has not begun anew. */
static bool front_has_ring(const struct xenbus *x)
{
	return x->front >= XENBUS_INITIALISED && x->front <= XENBUS_CLOSING;
}

static bool front_wants_ring(const struct xenbus *x)
{
	return x->front == XENBUS_INITIALISED || x->front == XENBUS_CONNECTED;
}

/* The front-end has let go for good, or is no more. */
static bool front_is_gone(const struct xenbus *x)
{
	return x->front == XENBUS_CLOSED || x->front == XENBUS_ABSENT;
}

static unsigned int release(struct xenbus *x)
{
	x->released = true;
	x->ring = false;
	x->back = BACK_NONE;
	return XENBUS_DO_QUIT | XENBUS_DO_RELEASE;
}

/* It has no ring and nothing is asked of it: where does the front-end lead? */
static unsigned int settle_ready(struct xenbus *x)
{
	if (!x->online) {
		if (front_is_gone(x))
			return set_state(x, XENBUS_CLOSED) | release(x);
		return 0;
	}
	switch (x->front) {
	case XENBUS_INITIALISED:
	case XENBUS_CONNECTED:
		x->back = BACK_CONNECTING;
		x->ring = true;
		return XENBUS_DO_CONNECT;
	case XENBUS_INITIALISING:
	case XENBUS_INIT_WAIT:
		return set_state(x, XENBUS_INIT_WAIT);
	case XENBUS_CLOSING:
		return set_state(x, XENBUS_CLOSING);
	default:
		return set_state(x, XENBUS_CLOSED);
	}
}

static unsigned int settle(struct xenbus *x)
{
	if (x->unseen)
		return 0;
	switch (x->back) {
	case BACK_READY:
		if (x->ring && front_has_ring(x) && !x->renewed) {
			/* The process before this one had it. */
			x->back = BACK_CONNECTING;
			return XENBUS_DO_RESUME;
		}
		x->ring = x->renewed = false;
		return settle_ready(x);
	case BACK_CONNECTED:
		if (!front_has_ring(x) || x->renewed) {
			x->back = BACK_DISCONNECTING;
			return XENBUS_DO_DISCONNECT;
		}
		if (x->front == XENBUS_CLOSING)
			return set_state(x, XENBUS_CLOSING);
		return 0;
	case BACK_NONE:
		if (!x->online && front_is_gone(x))
			return set_state(x, XENBUS_CLOSED) | release(x);
		return 0;
	default:
		return 0;
	}
}

static void note_front(struct xenbus *x, unsigned int front)
{
	uint8_t is = front <= XENBUS_CLOSED ? (uint8_t)front : XENBUS_ABSENT;

	/* From Connected back to Initialised, or through a state without a
	 * ring while nobody had time to look: the ring is another one. */
	if (x->ring && ((x->front == XENBUS_CONNECTED &&
			 is == XENBUS_INITIALISED) ||
			is <= XENBUS_INIT_WAIT || is == XENBUS_CLOSED))
		x->renewed = true;
	x->front = is;
	x->unseen = false;
}

static unsigned int stop(struct xenbus *x)
{
	x->stopped = true;
	x->ring = x->renewed = false;
	x->back = BACK_NONE;
	return set_state(x, XENBUS_CLOSED) | XENBUS_DO_QUIT;
}

static unsigned int ready(struct xenbus *x)
{
	if (x->back != BACK_STARTING)
		return 0;
	x->back = BACK_READY;
	/* At first these are its features; later they stand there already. */
	if (x->state != XENBUS_INITIALISING)
		return 0;
	return XENBUS_DO_NODES | set_state(x, XENBUS_INIT_WAIT);
}

static unsigned int serving(struct xenbus *x)
{
	if (x->back != BACK_CONNECTING)
		return 0;
	x->back = BACK_CONNECTED;
	if (!x->online || x->renewed || !front_wants_ring(x) ||
	    x->state == XENBUS_CONNECTED)
		return 0;
	return XENBUS_DO_NODES | set_state(x, XENBUS_CONNECTED);
}

static unsigned int changed(struct xenbus *x)
{
	if (x->back == BACK_CONNECTED && x->state == XENBUS_CONNECTED)
		return XENBUS_DO_NODES | XENBUS_DO_STATE;
	return x->online ? XENBUS_DO_NODES : 0;
}

static unsigned int died(struct xenbus *x)
{
	if (x->back == BACK_NONE)
		return 0;
	/* Told to let it go, it has let it go. */
	if (x->back == BACK_DISCONNECTING)
		x->ring = x->renewed = false;
	if (!x->online && front_is_gone(x))
		return set_state(x, XENBUS_CLOSED) | release(x);
	x->back = BACK_STARTING;
	return XENBUS_DO_SPAWN;
}

static unsigned int detach(struct xenbus *x)
{
	unsigned int todo = XENBUS_DO_OFFLINE;

	x->online = false;
	if (x->state != XENBUS_CLOSED)
		todo |= set_state(x, XENBUS_CLOSING);
	return todo;
}

unsigned int xenbus_step(struct xenbus *x, enum xenbus_event e,
			 unsigned int front)
{
	unsigned int todo = 0;

	if (x->released)
		return 0;
	switch (e) {
	case XENBUS_FRONT:
		note_front(x, front);
		break;
	case XENBUS_READY:
		todo = ready(x);
		break;
	case XENBUS_SERVING:
		todo = serving(x);
		break;
	case XENBUS_FREE:
		if (x->back == BACK_DISCONNECTING) {
			x->back = BACK_READY;
			x->ring = x->renewed = false;
		}
		break;
	case XENBUS_CHANGED:
		todo = changed(x);
		break;
	case XENBUS_REFUSED:
	case XENBUS_STOPPED:
	case XENBUS_GAVE_UP:
		if (!x->stopped)
			todo = stop(x);
		break;
	case XENBUS_DIED:
		todo = died(x);
		break;
	case XENBUS_DETACH:
		if (x->online)
			todo = detach(x);
		break;
	case XENBUS_FORCE:
		x->online = false;
		return release(x);
	}
	return todo | settle(x);
}

const char *xenbus_word(const struct xenbus *x)
{
	if (x->stopped)
		return "stopped";
	if (!x->online)
		return "leaving";
	if (x->ring && x->back != BACK_CONNECTED &&
	    x->state == XENBUS_CONNECTED)
		return "restarting";
	switch (x->state) {
	case XENBUS_CONNECTED:
		return "connected";
	case XENBUS_CLOSING:
		return "closing";
	case XENBUS_CLOSED:
		return "closed";
	default:
		return "waiting";
	}
}

enum xenbus_braked xenbus_brake(struct xenbus_brake *b, uint64_t now,
				uint64_t served_ns, bool crashed)
{
	struct xenbus_deaths *d = crashed ? &b->crashes : &b->kills;
	uint64_t oldest;

	if (!crashed && served_ns >= BACK_PROGRESS_NS) {
		memset(b, 0, sizeof(*b));
		return BRAKE_FREE;
	}
	oldest = d->at[d->next];
	d->at[d->next] = now;
	d->next = (d->next + 1) % BACK_DEATHS_MAX;
	if (!oldest || now - oldest >= (crashed ? BACK_CRASHES_NS :
					BACK_KILLS_NS))
		return BRAKE_FREE;
	return crashed ? BRAKE_STOP : BRAKE_PACE;
}

bool xenbus_storm(struct xenbus_storm *s, uint64_t now, unsigned int n)
{
	if (!s->since || now - s->since > STORM_NS) {
		s->since = now;
		s->changes = 0;
	}
	if (n > STORM_CHANGES)
		n = STORM_CHANGES + 1;
	s->changes += n;
	return s->changes > STORM_CHANGES;
}

bool xenbus_storm_waits(struct xenbus_storm *s, uint64_t now)
{
	if (s->changes <= STORM_FREE)
		return false;
	if (now < s->again)
		return true;
	s->again = now + STORM_PACE_NS;
	return false;
}
