/* SPDX-License-Identifier: MIT */
/*
 * The rules of one device between its front-end and its back-end.  Pure: what
 * happened goes in, what is to be done comes out.
 *
 * A front-end is a driver in a guest that may be anything, and may be another
 * one a moment later: a boot loader that hands over to a kernel, a kernel that
 * executes another.  It is known by one number, its state in the store.  A
 * back-end is a process that may die at any time.  Between the two:
 *
 *  - A ring belongs to a front-end from its Initialised (or Connected, which
 *    is where a network card begins) until it is Closed, begins anew, or its
 *    node is gone.  `ring` says that there is one, whether or not a process
 *    serves it at the moment.
 *  - A back-end is asked one thing at a time.  While it works nothing else is
 *    decided; when it answers, or dies, everything is looked at again.  So
 *    any order of events ends where the last state of the front-end leads.
 *  - The death of a back-end changes nothing that a front-end sees.
 *  - A device that was stopped because its guest broke the protocol stays so.
 */
#ifndef SUPERVISOR_XENBUS_H
#define SUPERVISOR_XENBUS_H

#include <stdbool.h>
#include <stdint.h>

/* XenbusState of <xen/io/xenbus.h>, with 0 for a node that is not there. */
enum xenbus_state {
	XENBUS_ABSENT = 0,
	XENBUS_INITIALISING = 1,
	XENBUS_INIT_WAIT = 2,
	XENBUS_INITIALISED = 3,
	XENBUS_CONNECTED = 4,
	XENBUS_CLOSING = 5,
	XENBUS_CLOSED = 6,
};

/* What the back-end does. */
enum xenbus_back {
	BACK_NONE,		/* there is none, and none is wanted */
	BACK_STARTING,		/* being started, or has yet to say ready */
	BACK_READY,		/* has its source, no ring */
	BACK_CONNECTING,	/* told of a ring */
	BACK_CONNECTED,		/* serves it */
	BACK_DISCONNECTING,	/* told to let it go */
};

struct xenbus {
	enum xenbus_back back;
	uint8_t state;		/* ours, as it stands in the store */
	uint8_t front;		/* the front-end's, as it was read last */
	bool unseen;		/* ... by another supervisor: nothing follows from it */
	bool ring;		/* a front-end has one, and we know which */
	bool renewed;		/* ... and now it has another one */
	bool online;		/* false: it is being taken away */
	bool stopped;		/* the guest broke the protocol */
	bool released;		/* over; nothing more is done */
};

enum xenbus_event {
	XENBUS_FRONT,		/* the front-end's state was read */
	/* The back-end says: */
	XENBUS_READY,
	XENBUS_SERVING,		/* "connected" */
	XENBUS_REFUSED,
	XENBUS_FREE,		/* "disconnected" */
	XENBUS_CHANGED,
	XENBUS_STOPPED,
	/* Of the back-end: */
	XENBUS_DIED,
	XENBUS_GAVE_UP,		/* it died, and is not started again */
	/* People want: */
	XENBUS_DETACH,
	XENBUS_FORCE,
};

/* What is to be done, in this order. */
enum {
	XENBUS_DO_NODES = 1,	/* write the nodes that came with the event */
	XENBUS_DO_STATE = 2,	/* write .state, in one batch with them */
	XENBUS_DO_OFFLINE = 4,	/* and online = 0 */
	XENBUS_DO_QUIT = 8,	/* end the process */
	XENBUS_DO_SPAWN = 16,	/* start one; it resumes if .ring */
	XENBUS_DO_CONNECT = 32,	/* read the front-end's nodes, connect */
	XENBUS_DO_RESUME = 64,	/* connect with the nodes as they were */
	XENBUS_DO_DISCONNECT = 128,
	XENBUS_DO_RELEASE = 256,	/* remove all there is of the device */
};

/* A device that has been described in the store as Initialising, and whose
 * back-end is being started. */
void xenbus_init(struct xenbus *x);
/* FRONT counts with XENBUS_FRONT only: 0 to 6, all else is taken as 0. */
unsigned int xenbus_step(struct xenbus *x, enum xenbus_event e,
			 unsigned int front);
/* "connected", "waiting for the guest" ... for people. */
const char *xenbus_word(const struct xenbus *x);

/* ---- The brake: a back-end that dies again and again ---- */

#define BACK_DEATHS_MAX		5
#define BACK_CRASHES_NS		10000000000ull	/* within so much time */
#define BACK_KILLS_NS		1000000000ull	/* ... if somebody ends it */
#define BACK_PROGRESS_NS	100000000ull	/* this long connected: progress */
#define BACK_PACE_NS		100000000ull	/* what a new one waits then */

/* The last ones: when, 0 is never. */
struct xenbus_deaths {
	uint64_t at[BACK_DEATHS_MAX];
	unsigned int next;
};

struct xenbus_brake {
	struct xenbus_deaths kills, crashes;
};

enum xenbus_braked {
	BRAKE_FREE,	/* start another */
	BRAKE_PACE,	/* start another, BACK_PACE_NS later */
	BRAKE_STOP,	/* it is not to be started again */
};

/*
 * A back-end died NOW; SERVED_NS is how long it had been connected.  CRASHED:
 * it ended by itself, and may do so again as soon as it sees what it saw; else
 * somebody ended it, who is obeyed by starting another, for ever, but at a pace
 * that leaves us time for other things.
 */
enum xenbus_braked xenbus_brake(struct xenbus_brake *b, uint64_t now,
				uint64_t served_ns, bool crashed);

/* ---- Storms: a front-end that changes its state all the time ---- */

#define STORM_CHANGES		400
#define STORM_NS		10000000000ull
#define STORM_FREE		40		/* of them are looked at at once */
#define STORM_PACE_NS		100000000ull	/* the others not more often */

struct xenbus_storm {
	uint64_t since;
	unsigned int changes;
	uint64_t again;			/* when it may be looked at again */
};

/* N events of the front-end's node came NOW; true: that is a storm. */
bool xenbus_storm(struct xenbus_storm *s, uint64_t now, unsigned int n);
/*
 * NOW it would be looked at; true: not before S->again, because to let a ring
 * go and take another one is work, which other guests pay for as well.
 */
bool xenbus_storm_waits(struct xenbus_storm *s, uint64_t now);

#endif
