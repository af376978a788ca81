/* SPDX-License-Identifier: MIT */
/*
 * The meeting of two halves.  Everything happens in callbacks of the store.
 * The watch on the back-end's state only says "look"; a look reads the state,
 * and step() decides.  A look that is asked for during another is made after
 * it, so that the last state is always seen.
 *
 * Two sets of keys are under way at most: `look` (their state) and `keys` (a
 * phase's own).  While the second is, step() waits for it: its end looks again.
 */
#include <pv/pv.h>
#include <pv/device.h>

#include "text.h"

/* ---- Several keys ---- */

static void key_done(struct pv_xs_req *r);

static void key_submit(struct pv_keys *k, struct pv_key *key)
{
	bool write = key->what == PV_WRITE_NUMBER ||
		     key->what == PV_WRITE_TEXT;
	const char *value = key->text;

	if (key->what == PV_WRITE_NUMBER) {
		text_number(k->text, key->number);
		value = k->text;
	}
	k->req.done = key_done;
	k->req.ctx = k;
	k->req.reply = write ? NULL :
		       key->what == PV_READ_TEXT ? key->into : k->text;
	k->req.size = write ? 0 :
		      key->what == PV_READ_TEXT ? key->size : sizeof(k->text);
	pv_xs_submit(k->pv, &k->req, write ? XS_WRITE : XS_READ, 0, k->dir,
		     key->name, write ? value : NULL,
		     write ? text_length(value) : 0);
}

static void key_next(struct pv_keys *k)
{
	if (k->at == k->nr || k->rc)
		k->done(k);
	else
		key_submit(k, &k->key[k->at]);
}

static void key_done(struct pv_xs_req *r)
{
	struct pv_keys *k = r->ctx;
	struct pv_key *key = &k->key[k->at++];
	int rc = r->rc;

	if (!rc && key->what == PV_READ_NUMBER &&
	    !text_to_number(k->text, &key->number))
		rc = -XEN_EINVAL;
	if (rc == -XEN_ENOENT && !key->needed && key->what == PV_READ_TEXT)
		key->into[0] = 0;
	if (rc && (rc != -XEN_ENOENT || key->needed))
		k->rc = rc;
	key_next(k);
}

void pv_keys_run(struct pv *pv, struct pv_keys *k, const char *dir,
		 struct pv_key *key, unsigned int nr)
{
	k->pv = pv;
	k->dir = dir;
	k->key = key;
	k->nr = nr;
	k->at = 0;
	k->rc = 0;
	key_next(k);
}

static void keys_run(struct pv_device *d, const char *dir, unsigned int nr,
		     void (*done)(struct pv_keys *k))
{
	d->keys.done = done;
	d->keys.ctx = d;
	pv_keys_run(d->pv, &d->keys, dir, d->key, nr);
}

/* ---- Phases ---- */

static void step(struct pv_device *d);

static void tell(struct pv_device *d)
{
	if (d->changed)
		d->changed(d);
}

static void write_state(struct pv_device *d, enum xenbus_state state,
			void (*done)(struct pv_keys *k))
{
	d->key[0] = (struct pv_key){ .name = "state", .what = PV_WRITE_NUMBER,
				     .number = state };
	d->state = state;
	keys_run(d, d->path, 1, done);
}

/* What they still hold stays theirs; the rest is ours again. */
static void broken(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	d->class->release(d, false, false);
	tell(d);
}

static void break_now(struct pv_device *d)
{
	write_state(d, XenbusStateClosed, broken);
}

void pv_device_break(struct pv_device *d, const char *why)
{
	bool free = d->phase == PV_UP || d->phase == PV_OFFERED;

	if (d->phase == PV_BROKEN)
		return;
	d->phase = PV_BROKEN;
	d->trouble = why;
	pv_os_log(d->pv, d->path, why);
	d->class->stop(d);
	if (free)
		break_now(d);
}

static void fail(struct pv_device *d, const char *why)
{
	d->phase = PV_OFFERED;		/* nothing of ours is under way */
	pv_device_break(d, why);
}

static void up_now(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	if (d->phase != PV_GOING_UP)
		break_now(d);
	else if (k->rc)
		fail(d, "the back-end's keys make no sense");
	else {
		d->phase = PV_UP;
		tell(d);
		step(d);
	}
}

static void info_read(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	if (d->phase != PV_GOING_UP) {
		break_now(d);
		return;
	}
	if (k->rc) {
		fail(d, "the back-end's keys make no sense");
		return;
	}
	d->class->up(d, d->key);
	if (d->phase != PV_GOING_UP)
		break_now(d);
	else if (d->state == XenbusStateConnected)
		up_now(k);
	else
		write_state(d, XenbusStateConnected, up_now);
}

static void go_up(struct pv_device *d)
{
	unsigned int nr = d->class->info ? d->class->info(d, d->key) : 0;

	d->phase = PV_GOING_UP;
	keys_run(d, d->peer, nr, info_read);
}

static void offered(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	if (d->phase != PV_OFFERING) {
		break_now(d);
		return;
	}
	if (k->rc) {
		fail(d, "the store did not take our keys");
		return;
	}
	d->phase = PV_OFFERED;
	step(d);
}

static void asked(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;
	unsigned int nr = 0;

	d->phase = PV_OFFERING;
	if (k->rc || d->class->prepare(d, d->key, &nr)) {
		fail(d, k->rc ? "the back-end's keys make no sense"
			      : "the back-end offers what we cannot use, or memory is short");
		return;
	}
	d->key[nr++] = (struct pv_key){ .name = "state",
					.what = PV_WRITE_NUMBER,
					.number = d->class->offered };
	d->state = d->class->offered;
	keys_run(d, d->path, nr, offered);
}

static void ask(struct pv_device *d)
{
	unsigned int nr = d->class->ask ? d->class->ask(d, d->key) : 0;

	d->phase = PV_ASKING;
	keys_run(d, d->peer, nr, asked);
}

static void unwatched(struct pv_xs_watch *w)
{
	struct pv_device *d = w->ctx;

	d->phase = PV_CLOSED;
	tell(d);
}

static void closed_now(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	pv_xs_unwatch(d->pv, &d->watch, unwatched);
}

static void waiting(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	d->phase = PV_WAITING;
	d->peer_state = XenbusStateUnknown;
	tell(d);
	d->look_again = true;
	step(d);
}

/* They are gone; shall we meet again? */
static void release(struct pv_device *d)
{
	bool again = d->online == 1 && !d->leaving;

	d->class->release(d, again, false);
	d->phase = PV_STOPPING;		/* until the state is written */
	if (again)
		write_state(d, XenbusStateInitialising, waiting);
	else
		write_state(d, XenbusStateClosed, closed_now);
}

static void stopped(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	d->phase = PV_STOPPED;
	step(d);
}

static void stop(struct pv_device *d)
{
	d->phase = PV_STOPPING;
	d->class->stop(d);
	write_state(d, XenbusStateClosed, stopped);
}

/* ---- Looking ---- */

static bool busy(const struct pv_device *d)
{
	return d->phase == PV_FINDING || d->phase == PV_ASKING ||
	       d->phase == PV_OFFERING || d->phase == PV_GOING_UP ||
	       d->phase == PV_STOPPING;
}

static bool peer_leaves(const struct pv_device *d)
{
	return d->peer_state == XenbusStateClosing ||
	       d->peer_state == XenbusStateClosed ||
	       d->peer_state == XenbusStateUnknown;
}

/* Decide by what they say now and where we are. */
static void act(struct pv_device *d, bool fresh)
{
	enum xenbus_state peer = d->peer_state;

	switch (d->phase) {
	case PV_WAITING:
		if (d->leaving || (fresh && peer_leaves(d) && d->online != 1))
			release(d);
		else if (peer == XenbusStateInitWait)
			ask(d);
		break;
	case PV_OFFERED:
	case PV_UP:
		if (d->leaving || peer_leaves(d) ||
		    (fresh && d->phase == PV_UP && peer == XenbusStateInitWait))
			stop(d);
		else if (peer == XenbusStateConnected &&
			 (fresh || d->phase == PV_OFFERED))
			go_up(d);
		break;
	case PV_STOPPED:
		if (peer != XenbusStateConnected &&
		    peer != XenbusStateClosing)
			release(d);
		break;
	default:
		break;
	}
}

static void looked(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	d->looking = false;
	d->peer_state = k->rc ? XenbusStateUnknown : d->look_key[0].number;
	d->online = k->rc ? 0 : d->look_key[1].number;
	if (busy(d)) {
		d->look_again = true;
		return;
	}
	act(d, true);
	if (d->look_again)
		step(d);
}

static void step(struct pv_device *d)
{
	if (d->looking || busy(d))
		return;
	if (!d->look_again) {
		act(d, false);
		return;
	}
	d->look_again = false;
	d->looking = true;
	d->look_key[0] = (struct pv_key){ .name = "state",
					  .what = PV_READ_NUMBER };
	d->look_key[1] = (struct pv_key){ .name = "online",
					  .what = PV_READ_NUMBER };
	d->look.done = looked;
	d->look.ctx = d;
	pv_keys_run(d->pv, &d->look, d->peer, d->look_key, 2);
}

static void watch_fired(struct pv_xs_watch *w)
{
	struct pv_device *d = w->ctx;

	d->look_again = true;
	step(d);
}

/* ---- Beginning ---- */

static void watch_peer(struct pv_device *d)
{
	size_t n = text_length(d->peer);

	__builtin_memcpy(d->watched, d->peer, n);
	__builtin_memcpy(d->watched + n, "/state", 7);
	d->watch.path = d->watched;
	d->watch.changed = watch_fired;
	d->watch.ctx = d;
	d->watch.lapses = true;
	pv_xs_watch(d->pv, &d->watch);
}

static void found(struct pv_keys *k)
{
	struct pv_device *d = k->ctx;

	if (k->rc || d->key[1].number >= DOMID_FIRST_RESERVED) {
		d->trouble = "there is no such device";
		d->phase = PV_CLOSED;
		tell(d);
		return;
	}
	d->peer_id = (domid_t)d->key[1].number;
	d->phase = PV_WAITING;
	watch_peer(d);
}

static void find(struct pv_device *d)
{
	d->phase = PV_FINDING;
	d->key[0] = (struct pv_key){ .name = "backend", .what = PV_READ_TEXT,
				     .into = d->peer, .size = sizeof(d->peer),
				     .needed = true };
	d->key[1] = (struct pv_key){ .name = "backend-id",
				     .what = PV_READ_NUMBER, .needed = true };
	keys_run(d, d->path, 2, found);
}

void pv_device_open(struct pv *pv, struct pv_device *d,
		    const struct pv_class *class, uint64_t id)
{
	char *p = d->path;
	size_t n = text_length(class->type);

	d->pv = pv;
	d->class = class;
	__builtin_memcpy(p, "device/", 7);
	__builtin_memcpy(p + 7, class->type, n);
	p[7 + n] = '/';
	text_number(p + 8 + n, id);
	find(d);
}

void pv_device_close(struct pv_device *d)
{
	d->leaving = true;
	step(d);
}

/*
 * What was granted went with the old table, and the back-end's path may be
 * another: the watch on the old one lapsed, lest the device that is not there
 * any more is taken for one that was closed.
 */
void pv_device_resume(struct pv_device *d)
{
	if (d->phase == PV_CLOSED || d->phase == PV_BROKEN)
		return;
	d->class->release(d, true, true);
	d->looking = d->look_again = false;
	d->state = XenbusStateInitialising;
	find(d);
}

/* ---- Synchronous ---- */

int pv_device_wait_up(struct pv_device *d, uint64_t deadline)
{
	while (PV_READ(d->phase) != PV_UP) {
		if (d->phase == PV_CLOSED || d->phase == PV_BROKEN)
			return -XEN_ENODEV;
		if (pv_clock_now(d->pv) >= deadline)
			return -XEN_EBUSY;
		pv_os_wait(d->pv, deadline);
	}
	return 0;
}

int pv_device_wait_closed(struct pv_device *d, uint64_t deadline)
{
	pv_device_close(d);
	while (PV_READ(d->phase) != PV_CLOSED) {
		if (d->phase == PV_BROKEN)
			return -XEN_EIO;
		if (pv_clock_now(d->pv) >= deadline)
			return -XEN_EBUSY;
		pv_os_wait(d->pv, deadline);
	}
	return 0;
}
