/* SPDX-License-Identifier: MIT */
/*
 * What all front-ends share: how a device and its back-end meet in the store,
 * part, and meet again.  To write a front-end of your own, fill in a struct
 * pv_class; docs/writing-a-frontend.md does so step by step.
 *
 *	their state	what happens here
 *	InitWait	their keys are read (ask), prepare() makes rings and
 *			names our keys, these are written, then our state
 *	Connected	more of their keys are read (info), then up()
 *	Connected	again: info is read again, then up()
 *	Closing		stop(), and our state becomes Closed
 *	Closed, gone	release().  While their "online" is 1 they are expected
 *			back: our state becomes Initialising, from the start
 *
 * A device whose back-end breaks the protocol is stopped for ever.
 */
#ifndef PV_DEVICE_H
#define PV_DEVICE_H

#include <pv/xenbus.h>
#include <xen/io/xenbus.h>

/* One key of a directory: to read, or to write. */
struct pv_key {
	const char *name;
	enum { PV_READ_NUMBER, PV_READ_TEXT, PV_WRITE_NUMBER, PV_WRITE_TEXT }
		what;
	uint64_t number;	/* what it is when it is missing, then what it is */
	const char *text;	/* to write */
	char *into;		/* to read: where to, and its size */
	size_t size;
	bool needed;		/* missing is an error */
};

/* Several keys, one after the other; then done(). */
struct pv_keys {
	void (*done)(struct pv_keys *k);
	void *ctx;
	int rc;			/* the first that went wrong */
	const char *dir;
	struct pv_key *key;
	unsigned int nr, at;
	struct pv *pv;
	struct pv_xs_req req;
	char text[24];
};

void pv_keys_run(struct pv *pv, struct pv_keys *k, const char *dir,
		 struct pv_key *key, unsigned int nr);

#define PV_DEVICE_KEYS	12

struct pv_device;

struct pv_class {
	const char *type;		/* "vbd": the directory in the store */
	/* Ours, when the keys of prepare() are written: Initialised, or
	 * Connected for the classes that do it so. */
	enum xenbus_state offered;
	/* Name the keys to read (of the back-end); their number.  NULL: none. */
	unsigned int (*ask)(struct pv_device *d, struct pv_key *key);
	unsigned int (*info)(struct pv_device *d, struct pv_key *key);
	/* Make rings; name the keys to write, *nr of them.  0 or -XEN_E...
	 * `key` holds what ask() read. */
	int (*prepare)(struct pv_device *d, struct pv_key *key,
		       unsigned int *nr);
	/* The device works (and what info() read may have changed). */
	void (*up)(struct pv_device *d, const struct pv_key *key);
	/* No more requests; the other side may still use what it has.  Both of
	 * these may be called twice, and when prepare() failed half-way. */
	void (*stop)(struct pv_device *d);
	/* The other side is gone: end grants, free rings.  `again`: it is
	 * expected back, so what callers wait for can wait on.  After a resume
	 * (`resumed`) the old grant table and ports do not exist any more. */
	void (*release)(struct pv_device *d, bool again, bool resumed);
};

enum pv_phase {
	PV_CLOSED, PV_FINDING, PV_WAITING, PV_ASKING, PV_OFFERING, PV_OFFERED,
	PV_GOING_UP, PV_UP, PV_STOPPING, PV_STOPPED, PV_BROKEN,
};

struct pv_device {
	/* For the user: called when the device came up or went down. */
	void (*changed)(struct pv_device *d);
	void *ctx;

	/* To read. */
	struct pv *pv;
	const struct pv_class *class;
	enum pv_phase phase;
	domid_t peer_id;		/* the domain of the back-end */
	char path[48];			/* our directory */
	char peer[80];			/* the back-end's directory */
	const char *trouble;		/* why it is broken, or closed */

	/* The machinery's. */
	enum xenbus_state state, peer_state;
	bool looking, look_again, leaving;
	uint64_t online;
	struct pv_xs_watch watch;
	char watched[96];
	struct pv_keys look, keys;
	struct pv_key look_key[2], key[PV_DEVICE_KEYS];
};

/*
 * Begin with device number `id` of a class.  `d` is zeroed but for its first
 * two members.  changed() tells when it is up, or that there is none.
 */
void pv_device_open(struct pv *pv, struct pv_device *d,
		    const struct pv_class *class, uint64_t id);
/* Part in peace; changed() tells when it is done (the phase is PV_CLOSED). */
void pv_device_close(struct pv_device *d);
/* The other side broke the protocol. */
void pv_device_break(struct pv_device *d, const char *why);
/* After a resume, when the store works again: everything from the start. */
void pv_device_resume(struct pv_device *d);

/* Synchronous: until it is up, or cannot be (then -XEN_ENODEV). */
int pv_device_wait_up(struct pv_device *d, uint64_t deadline);
/* Synchronous: close it, and wait until it is. */
int pv_device_wait_closed(struct pv_device *d, uint64_t deadline);

#endif
