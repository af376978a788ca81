/* SPDX-License-Identifier: MIT */
/* The table of devices and the thread that serves it; see device.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "journal.h"
#include "sentence.h"
#include "supervisor.h"

#define EVENTS_AT_ONCE		32
#define WATCHES_AT_ONCE		256
#define MESSAGES_AT_ONCE	32
#define STORE_RETRY_NS		200000000ull

pthread_mutex_t devices_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t devices_change;

static struct device *table;
static pthread_t thread;
static bool running, stopping;
static int epoll_fd = -1, wake_fd = -1;

/* The device thread's own. */
static struct ctrl_store *store;
static uint64_t store_retry;
static struct device *graveyard;	/* dropped, maybe still in a batch */
static char packet[BACKEND_PACKET];

/* ---- The table ---- */

struct device *device_first(void)
{
	return table;
}

struct device *device_find(uint16_t domid, enum device_kind kind,
			   uint32_t devid)
{
	for (struct device *d = table; d; d = d->next) {
		if (d->domid == domid && d->kind == kind && d->devid == devid)
			return d;
	}
	return NULL;
}

bool device_slot_taken(uint32_t slot)
{
	for (struct device *d = table; d; d = d->next) {
		if (d->slot == slot)
			return true;
	}
	return false;
}

/* Uids are given in turn, so that one is not soon another device's.  False:
 * all are taken. */
static bool slot_next(uint32_t *slot)
{
	static uint32_t last;

	for (uint32_t n = 0; n < DEVICE_SLOTS; n++) {
		last = (last + 1) % DEVICE_SLOTS;
		*slot = last;
		if (!device_slot_taken(last))
			return true;
	}
	return false;
}

struct device *device_new(enum device_kind kind, uint16_t domid)
{
	struct device *d = calloc(1, sizeof(*d));

	if (!d || !slot_next(&d->slot)) {
		free(d);
		return NULL;
	}
	d->refs = 2;
	d->kind = kind;
	d->domid = domid;
	d->journal = -1;
	d->proc = (struct backend_proc)BACKEND_PROC_NONE;
	d->source.fd = -1;
	for (size_t i = 0; i < NIC_QUEUES_MAX; i++)
		d->link.fd[i] = -1;
	xenbus_init(&d->xb);
	d->next = table;
	table = d;
	return d;
}

void device_put(struct device *d)
{
	if (--d->refs)
		return;
	backend_proc_hang_up(&d->proc);
	if (d->proc.pidfd >= 0)
		close(d->proc.pidfd);
	if (d->journal >= 0)
		close(d->journal);
	device_fields_free(d);
	free(d);
}

void device_drop(struct device *d)
{
	struct device **p = &table;

	while (*p && *p != d)
		p = &(*p)->next;
	if (!*p)
		return;
	*p = d->next;
	d->gone = true;
	/* The thread may have it in its hands: it lets go between rounds. */
	d->next = graveyard;
	graveyard = d;
	devices_wake();
	pthread_cond_broadcast(&devices_change);
}

const char *device_name(const struct device *d)
{
	return d->kind == DEVICE_VBD ? d->disk.target :
	       d->link.name[0] ? d->link.name : "interface";
}

const char *device_title(const struct device *d, char out[160])
{
	snprintf(out, 160, "guest \"%s\": %s %s", d->guest,
		 device_word(d->kind), device_name(d));
	return out;
}

void device_blame(struct device *d, const char *fmt, ...)
{
	va_list ap;

	if (d->why)
		return;
	va_start(ap, fmt);
	if (vasprintf(&d->why, fmt, ap) < 0)
		d->why = NULL;
	va_end(ap);
	if (d->why)
		d->why[utf8_cut(d->why, SIZE_MAX)] = '\0';
	for (char *s = d->why; s && *s; s++) {
		if ((unsigned char)*s < 0x20)
			*s = ' ';
	}
}

void devices_wake(void)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, sizeof(one)) < 0)
		return;		/* it is awake already */
}

bool devices_wait(uint64_t until)
{
	uint64_t now = journal_boot_ns(), ns;
	struct timespec t;
	int rc;

	if (now >= until)
		return false;
	/* The condition counts on another clock. */
	clock_gettime(CLOCK_MONOTONIC, &t);
	ns = (uint64_t)t.tv_nsec + (until - now);
	t.tv_sec += (time_t)(ns / 1000000000u);
	t.tv_nsec = (long)(ns % 1000000000u);
	job_waits(true);
	rc = pthread_cond_timedwait(&devices_change, &devices_lock, &t);
	job_waits(false);
	return !rc;
}

void device_asked(struct device *d, enum back_question q)
{
	if (d->asked_count < ASKED_MAX)
		d->asked[d->asked_count++] = (uint8_t)q;
	d->answer_by = journal_boot_ns() + BACK_ANSWER_NS;
}

/* The oldest question is answered. */
static enum back_question answered(struct device *d)
{
	enum back_question q = ASK_NONE;

	if (d->asked_count) {
		q = d->asked[0];
		memmove(d->asked, d->asked + 1, --d->asked_count);
	}
	if (!d->asked_count && d->xb.back != BACK_DISCONNECTING)
		d->answer_by = 0;
	return q;
}

/* ---- The store ---- */

static void store_lost(int rc)
{
	journal_line("devices: the connection to the store broke: %s",
		     strerror(-rc));
	ctrl_store_close(store);
	store = NULL;
	store_retry = journal_boot_ns() + STORE_RETRY_NS;
	for (struct device *d = table; d; d = d->next)
		d->watched = false;
}

static void store_open(void)
{
	int rc = ctrl_store_open(CTRL_STORE_SOCKET, &store);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &store };

	if (!rc && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ctrl_store_fd(store), &e))
		rc = -errno;
	if (!rc)
		return;
	ctrl_store_close(store);
	store = NULL;
	store_retry = journal_boot_ns() + STORE_RETRY_NS;
}

static void watch(struct device *d)
{
	char path[80], node[96], token[40];
	int rc;

	device_store_path(d, true, path);
	snprintf(node, sizeof(node), "%s/state", path);
	snprintf(token, sizeof(token), "%u.%s.%u", d->domid,
		 device_kind_name(d->kind), d->devid);
	rc = ctrl_store_watch(store, node, token);
	if (rc == -EEXIST)
		rc = 0;
	if (rc)
		store_lost(rc);
	else
		d->watched = true;
}

static void unwatch(struct device *d)
{
	char path[80], node[96], token[40];

	if (!store || !d->watched)
		return;
	device_store_path(d, true, path);
	snprintf(node, sizeof(node), "%s/state", path);
	snprintf(token, sizeof(token), "%u.%s.%u", d->domid,
		 device_kind_name(d->kind), d->devid);
	d->watched = false;
	ctrl_store_unwatch(store, node, token);
}

/* -EIO: the store has gone, which says nothing of the front-end. */
static int read_front_state(struct device *d)
{
	char path[80], node[96], text[8];
	int rc;

	device_store_path(d, true, path);
	snprintf(node, sizeof(node), "%s/state", path);
	rc = ctrl_store_read_into(store, 0, node, text, sizeof(text));
	if (rc < 0 && rc != -ENOENT && rc != -E2BIG) {
		store_lost(rc);
		return -EIO;
	}
	if (rc < 0 || text[0] < '0' || text[0] > '9' || text[1])
		return XENBUS_ABSENT;
	return text[0] - '0';
}

/* Is this an answer, or is there nobody who answers? */
static bool is_answer(int rc)
{
	return rc == -ENOENT || rc == -EACCES || rc == -EINVAL ||
	       rc == -ENOSPC || rc == -E2BIG || rc == -EEXIST;
}

static void write_later(struct device *d, unsigned int todo,
			const json_t *nodes)
{
	d->unwritten |= todo & (XENBUS_DO_NODES | XENBUS_DO_STATE |
				XENBUS_DO_OFFLINE);
	if (!d->nodes)
		d->nodes = json_object();
	if (nodes && nodes != d->nodes)
		json_object_update(d->nodes, (json_t *)nodes);
}

/* One batch: what the event brought, and our state. */
static void write_nodes(struct device *d, unsigned int todo,
			const json_t *nodes)
{
	struct ctrl_batch *b = store ? ctrl_batch_new(store) : NULL;
	char back[80], node[96], title[160];
	int rc;

	if (!b) {
		write_later(d, todo, nodes);
		return;
	}
	device_store_path(d, false, back);
	if (todo & XENBUS_DO_NODES)
		device_store_nodes(d, b, nodes);
	if (todo & XENBUS_DO_OFFLINE) {
		snprintf(node, sizeof(node), "%s/online", back);
		ctrl_batch_write_text(b, node, "0");
	}
	if (todo & XENBUS_DO_STATE) {
		snprintf(node, sizeof(node), "%s/state", back);
		ctrl_batch_write_text(b, node, "%u", d->xb.state);
	}
	rc = ctrl_batch_run(b, todo & XENBUS_DO_OFFLINE);
	ctrl_batch_free(b);
	if (rc)
		journal_line("%s: %s", device_title(d, title),
			     ctrl_store_error(store));
	if (rc && !is_answer(rc)) {
		store_lost(rc);
		write_later(d, todo, nodes);
	}
}

void device_forget_nodes(struct device *d)
{
	struct ctrl_batch *b;
	char path[64];
	bool last = true;

	if (!store)
		store_open();
	b = store ? ctrl_batch_new(store) : NULL;
	if (!b)
		return;
	unwatch(d);
	device_store_remove(d, b, true);
	for (struct device *o = table; o; o = o->next)
		last &= o == d || o->domid != d->domid || o->kind != d->kind ||
			o->ending;
	snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u",
		 device_backend_name(d->kind), d->domid);
	if (last)
		ctrl_batch_rm(b, path);
	ctrl_batch_run(b, false);
	ctrl_batch_free(b);
	/* The thread may be asleep: events that came with the answers are its. */
	devices_wake();
}

/* ---- Speaking with the back-end ---- */

static void step(struct device *d, enum xenbus_event e, unsigned int front,
		 const json_t *nodes);

/* It is of no use any more: its end will be noticed. */
static void back_give_up(struct device *d)
{
	backend_proc_kill(&d->proc);
	backend_proc_hang_up(&d->proc);
}

static void back_say(struct device *d, json_t *message)
{
	if (backend_proc_send(&d->proc, message, NULL, 0))
		back_give_up(d);
}

static void back_word(struct device *d, const char *word)
{
	back_say(d, json_pack("{s:s}", "do", word));
}

/* The guest is at fault, as one line for people and one for the log. */
static void blame_guest(struct device *d, const char *reason)
{
	char title[160];

	device_blame(d, "%.400s", reason ? reason : "it gives no reason");
	journal_line("%s: stopped: %s", device_title(d, title), d->why);
}

static void connect_front(struct device *d)
{
	const char *why;
	json_t *front = NULL;
	int rc = store ? device_store_front(d, store, &front, &why) : -EIO;

	if (rc && rc != -E2BIG) {
		/* The store has gone; it will be looked at again. */
		if (store)
			store_lost(rc);
		d->xb.back = BACK_READY;
		d->xb.ring = false;
		d->dirty = true;
		return;
	}
	if (rc) {
		blame_guest(d, why);
		step(d, XENBUS_REFUSED, 0, NULL);
		return;
	}
	json_decref(d->front);
	d->front = front;
	/* Before the process may have touched the ring, it is written down
	 * that there is one. */
	device_record_save(d);
	back_say(d, json_pack("{s:s, s:b, s:O}", "do", "connect", "resume", 0,
			      "front", front));
	device_asked(d, ASK_CONNECT);
}

static void resume_front(struct device *d)
{
	back_say(d, json_pack("{s:s, s:b, s:O?}", "do", "connect", "resume", 1,
			      "front", d->front));
	device_asked(d, ASK_CONNECT);
}

static void quit(struct device *d)
{
	if (d->proc.conn < 0 && d->proc.pidfd < 0)
		return;
	if (d->proc.conn >= 0)
		backend_proc_send(&d->proc, json_pack("{s:s}", "do", "quit"),
				  NULL, 0);
	backend_proc_hang_up(&d->proc);
	d->quitting = true;
	d->answer_by = journal_boot_ns() + BACK_QUIT_NS;
}

/* Does what the rules said, in their order. */
static void perform(struct device *d, unsigned int todo, const json_t *nodes)
{
	if (todo & (XENBUS_DO_NODES | XENBUS_DO_STATE | XENBUS_DO_OFFLINE) &&
	    d->made && !(todo & XENBUS_DO_RELEASE))
		write_nodes(d, todo, nodes);
	if (todo & XENBUS_DO_QUIT)
		quit(d);
	if (todo & XENBUS_DO_RELEASE)
		d->ending = true;
	if (todo & XENBUS_DO_SPAWN)
		device_respawn(d);
	if (todo & XENBUS_DO_CONNECT)
		connect_front(d);
	if (todo & XENBUS_DO_RESUME)
		resume_front(d);
	if (todo & XENBUS_DO_DISCONNECT) {
		back_word(d, "disconnect");
		d->answer_by = journal_boot_ns() + BACK_ANSWER_NS;
	}
	if (todo & (XENBUS_DO_OFFLINE | XENBUS_DO_QUIT) && d->made &&
	    !(todo & XENBUS_DO_RELEASE))
		device_record_save(d);
}

static void step(struct device *d, enum xenbus_event e, unsigned int front,
		 const json_t *nodes)
{
	unsigned int todo = xenbus_step(&d->xb, e, front);

	if (!d->xb.ring) {
		d->serving_since = 0;
		json_decref(d->front);
		d->front = NULL;
	} else if (d->xb.back == BACK_CONNECTED && !d->serving_since) {
		d->serving_since = journal_boot_ns();
	}
	perform(d, todo, nodes);
	pthread_cond_broadcast(&devices_change);
}

/* Nothing runs for it and nobody works on it: it can go. */
static void maybe_bury(struct device *d)
{
	if (d->ending && !d->away && !d->gone && d->proc.pidfd < 0)
		device_bury(d);
}

/* ---- What the back-end says ---- */

static void note_size(struct device *d, const json_t *nodes)
{
	const char *sectors = json_string_value(json_object_get(nodes,
								"sectors"));

	/* The ring counts in units of 512 bytes, whatever the sector size. */
	if (sectors && d->kind == DEVICE_VBD)
		d->size = strtoull(sectors, NULL, 10) * 512;
}

static void on_hello(struct device *d, const json_t *m)
{
	const char *state = json_string_value(json_object_get(m, "state"));
	const char *reason = json_string_value(json_object_get(m, "reason"));

	answered(d);
	if (!d->adopting)
		return;
	/* The supervisor before us started it; what does it do? */
	d->adopting = false;
	if (!state || !strcmp(state, "new")) {
		back_give_up(d);
	} else if (!strcmp(state, "stopped")) {
		blame_guest(d, reason);
		step(d, XENBUS_STOPPED, 0, NULL);
	} else if (!strcmp(state, "connected") && d->xb.ring) {
		d->xb.back = BACK_CONNECTED;
		d->serving_since = journal_boot_ns();
		d->dirty = true;
	} else if (!strcmp(state, "connected")) {
		/* It was being let go of. */
		d->xb.back = BACK_DISCONNECTING;
		back_word(d, "disconnect");
	} else {
		d->xb.back = BACK_READY;
		d->dirty = true;
	}
	pthread_cond_broadcast(&devices_change);
}

static void on_refused(struct device *d, const json_t *m,
		       enum back_question q)
{
	const char *reason = json_string_value(json_object_get(m, "reason"));
	char title[160];

	if (q == ASK_CHANGE || q == ASK_STATS) {
		json_decref(d->answer);
		d->answer = json_incref((json_t *)m);
		pthread_cond_broadcast(&devices_change);
		return;
	}
	if (q == ASK_CONNECT) {
		blame_guest(d, reason);
	} else {
		device_blame(d, "%.400s", reason ? reason :
			     "its back-end refuses it");
		if (d->made)
			journal_line("%s: %s", device_title(d, title), d->why);
	}
	step(d, XENBUS_REFUSED, 0, NULL);
}

static void on_changed(struct device *d, const json_t *m, const json_t *nodes)
{
	if (d->asked_count && d->asked[0] == ASK_CHANGE) {
		answered(d);
		json_decref(d->answer);
		d->answer = json_incref((json_t *)m);
	}
	step(d, XENBUS_CHANGED, 0, nodes);
	if (d->made)
		device_record_save(d);
}

/* That of the guest's oldest device counts for all of them. */
static struct lograte *its_lograte(struct device *d)
{
	for (struct device *o = table; o; o = o->next) {
		if (o->domid == d->domid)
			d = o;
	}
	return &d->said;
}

/* What a back-end says, a guest may well have made it say. */
static void on_log(struct device *d, const char *text)
{
	unsigned int left_out;
	char title[160];

	if (!text || !lograte_allows(its_lograte(d), journal_boot_ns(),
				     &left_out))
		return;
	device_title(d, title);
	if (left_out)
		journal_line("%s: %u lines of this guest's devices are left out here",
			     title, left_out);
	journal_line("%s: %.400s", title, text);
}

static void on_message(struct device *d, json_t *m)
{
	const char *word = json_string_value(json_object_get(m, "event"));
	const json_t *nodes = json_object_get(m, "nodes");
	char title[160];

	if (!word)
		word = "";
	if (!strcmp(word, "log")) {
		on_log(d, json_string_value(json_object_get(m, "text")));
		return;
	}
	if (!json_is_object(nodes))
		nodes = NULL;
	note_size(d, nodes);
	if (!strcmp(word, "hello")) {
		on_hello(d, m);
	} else if (!strcmp(word, "ready")) {
		answered(d);
		if (!d->made) {
			json_decref(d->nodes);
			d->nodes = json_incref((json_t *)nodes);
		}
		step(d, XENBUS_READY, 0, nodes);
	} else if (!strcmp(word, "connected")) {
		answered(d);
		step(d, XENBUS_SERVING, 0, nodes);
	} else if (!strcmp(word, "refused")) {
		on_refused(d, m, answered(d));
	} else if (!strcmp(word, "disconnected")) {
		if (!d->asked_count)
			d->answer_by = 0;
		step(d, XENBUS_FREE, 0, NULL);
	} else if (!strcmp(word, "changed")) {
		on_changed(d, m, nodes);
	} else if (!strcmp(word, "stats")) {
		answered(d);
		json_decref(d->answer);
		d->answer = json_incref(m);
		pthread_cond_broadcast(&devices_change);
	} else if (!strcmp(word, "stopped")) {
		blame_guest(d, json_string_value(json_object_get(m, "reason")));
		step(d, XENBUS_STOPPED, 0, NULL);
	} else {
		journal_line("%s: its back-end says what nobody understands",
			     device_title(d, title));
		back_give_up(d);
	}
}

static void back_read(struct device *d)
{
	json_t *m;
	int rc = 1;

	for (int i = 0; rc > 0 && i < MESSAGES_AT_ONCE; i++) {
		rc = backend_proc_receive(&d->proc, packet, &m);
		if (rc <= 0)
			break;
		on_message(d, m);
		json_decref(m);
	}
	/* It hung up, or talks nonsense; its death is seen on its own. */
	if (rc < 0 && d->proc.conn >= 0)
		back_give_up(d);
}

/* ---- How it dies ---- */

static const char *status_text(int status, char out[48])
{
	if (status == BACKEND_STATUS_UNKNOWN)
		return "ended";
	if (status < 0)
		snprintf(out, 48, "was ended by signal %d", -status);
	else
		snprintf(out, 48, "ended with code %d", status);
	return out;
}

/* Signals of a fault of its own, or its own exit. */
static bool status_is_crash(int status)
{
	return status != BACKEND_STATUS_UNKNOWN && status != -9 &&
	       status != -15;
}

static void back_died(struct device *d, int status)
{
	uint64_t now = journal_boot_ns(), served;
	enum xenbus_braked braked;
	char title[160], how[48];

	d->asked_count = 0;
	d->answer_by = 0;
	d->adopting = false;
	if (d->wished && !d->answer)
		d->answer = json_pack("{s:s, s:s}", "event", "refused",
				      "reason", "its back-end died");
	if (d->quitting || d->xb.back == BACK_NONE) {
		d->quitting = false;
		pthread_cond_broadcast(&devices_change);
		return;
	}
	device_title(d, title);
	if (!d->made) {
		device_blame(d, "its back-end %s", status_text(status, how));
		step(d, XENBUS_GAVE_UP, 0, NULL);
		return;
	}
	served = d->serving_since ? now - d->serving_since : 0;
	d->serving_since = 0;
	braked = xenbus_brake(&d->brake, now, served, status_is_crash(status));
	if (braked == BRAKE_STOP) {
		device_blame(d, "its back-end %s, too often in too short a time",
			     status_text(status, how));
		journal_line("%s: stopped: %s", title, d->why);
		step(d, XENBUS_GAVE_UP, 0, NULL);
		return;
	}
	d->restarts++;
	d->not_before = braked == BRAKE_PACE ? now + BACK_PACE_NS : 0;
	journal_line("%s: its back-end %s; it is started again", title,
		     status_text(status, how));
	step(d, XENBUS_DIED, 0, NULL);
}

static void back_check_end(struct device *d)
{
	int status;

	if (d->away || d->proc.pidfd < 0)
		return;
	if (d->proc.conn >= 0)
		back_read(d);	/* its last words */
	if (backend_proc_ended(&d->proc, &status))
		back_died(d, status);
	maybe_bury(d);
}

/* ---- Being served ---- */

static int listen_to(struct device *d)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = d };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, d->proc.conn, &e) ||
	    (d->proc.pidfd >= 0 &&
	     epoll_ctl(epoll_fd, EPOLL_CTL_ADD, d->proc.pidfd, &e)))
		return -errno;
	return 0;
}

void device_serve(struct device *d)
{
	d->served = true;
	if (d->proc.conn >= 0 && listen_to(d))
		back_give_up(d);
}

void device_want(struct device *d, enum xenbus_event e)
{
	step(d, e, 0, NULL);
	devices_wake();
}

/* A new connection of a device that was adopted knows its process late. */
static void adopted_pid(struct device *d)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = d };

	if (d->proc.pidfd >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, d->proc.pidfd, &e);
}

/*
 * Who is closed here may live on for a moment in a process that another thread
 * has just forked, and then its events still come, for one that may be freed.
 */
static bool is_in_table(const struct device *d)
{
	const struct device *o = table;

	while (o && o != d)
		o = o->next;
	return o;
}

static void device_event(struct device *d)
{
	bool known;

	if (!is_in_table(d) || d->away)
		return;
	known = d->proc.pidfd >= 0;
	back_read(d);
	if (!known)
		adopted_pid(d);
	back_check_end(d);
}

/* ---- The front-ends' states ---- */

static struct device *find_token(const char *token)
{
	unsigned int domid, devid;
	char kind[4];

	if (sscanf(token, "%u.%3[a-z].%u", &domid, kind, &devid) != 3)
		return NULL;
	return device_find((uint16_t)domid, strcmp(kind, "vif") ? DEVICE_VBD :
			   DEVICE_VIF, devid);
}

static void store_events(void)
{
	const char *path, *token;
	struct device *d;
	int rc = 1;

	for (int i = 0; rc > 0 && i < WATCHES_AT_ONCE; i++) {
		rc = ctrl_store_event(store, &path, &token);
		if (rc > 0 && (d = find_token(token))) {
			d->dirty = true;
			d->events++;
		}
	}
	if (rc < 0)
		store_lost(rc);
}

/* However often it changed, it is read once. */
static void look_at_front(struct device *d, uint64_t now)
{
	unsigned int events = d->events;
	int front;

	d->dirty = false;
	d->events = 0;
	d->look_at = 0;
	if (d->xb.stopped && d->xb.online)
		return;
	if (xenbus_storm(&d->storm, now, events)) {
		char reason[80];

		snprintf(reason, sizeof(reason), "it changed its state %u times within %llu s",
			 d->storm.changes, STORM_NS / 1000000000u);
		blame_guest(d, reason);
		step(d, XENBUS_STOPPED, 0, NULL);
		unwatch(d);
		return;
	}
	if (xenbus_storm_waits(&d->storm, now)) {
		d->look_at = d->storm.again;
		return;
	}
	front = read_front_state(d);
	if (front >= 0)
		step(d, XENBUS_FRONT, (unsigned int)front, NULL);
	else
		d->dirty = true;
}

/* ---- What people wish of it ---- */

static void send_wish(struct device *d)
{
	bool stats = !strcmp(json_string_value(json_object_get(d->wish, "do")),
			     "stats");
	json_t *wish = d->wish;

	d->wish = NULL;
	back_say(d, wish);
	device_asked(d, stats ? ASK_STATS : ASK_CHANGE);
}

/* ---- The thread ---- */

static uint64_t device_round(struct device *d, uint64_t now, uint64_t next)
{
	if (d->answer_by && now >= d->answer_by) {
		char title[160];

		d->answer_by = 0;
		if (!d->quitting)
			journal_line("%s: its back-end does not answer and is ended",
				     device_title(d, title));
		back_give_up(d);
	}
	if (d->made && store && !d->watched && !d->gone && !d->ending &&
	    !(d->xb.stopped && d->xb.online)) {
		watch(d);
		d->dirty = true;
	}
	if (d->unwritten && store && d->made && !d->ending) {
		unsigned int todo = d->unwritten;

		d->unwritten = 0;
		write_nodes(d, todo, d->nodes);
	}
	if (d->look_at && now >= d->look_at) {
		d->look_at = 0;
		d->dirty = true;
	}
	if (d->dirty && store && d->made && !d->adopting)
		look_at_front(d, now);
	if (d->look_at && d->look_at < next)
		next = d->look_at;
	if (d->wish && d->proc.conn >= 0 && !d->adopting &&
	    (d->xb.back == BACK_READY || d->xb.back == BACK_CONNECTED))
		send_wish(d);
	/* One that was adopted, and whose process nobody knows. */
	if (!d->away && d->proc.conn < 0 && d->proc.pidfd < 0 &&
	    (d->xb.back != BACK_NONE || d->quitting))
		back_died(d, BACKEND_STATUS_UNKNOWN);
	maybe_bury(d);
	return d->answer_by && d->answer_by < next ? d->answer_by : next;
}

static int devices_round(void)
{
	uint64_t now = journal_boot_ns(), next = UINT64_MAX;
	struct device *d, *after;

	if (!store && table && now >= store_retry)
		store_open();
	for (d = table; d; d = after) {
		after = d->next;
		if (d->served)
			next = device_round(d, now, next);
	}
	while ((d = graveyard)) {
		graveyard = d->next;
		unwatch(d);
		device_put(d);
	}
	if (!store && table && store_retry < next)
		next = store_retry;
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

static void *devices_main(void *arg)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int timeout = -1;
	uint64_t count;

	(void)arg;
	pthread_mutex_lock(&devices_lock);
	while (!stopping) {
		int n;

		pthread_mutex_unlock(&devices_lock);
		n = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, timeout);
		pthread_mutex_lock(&devices_lock);
		for (int i = 0; i < n; i++) {
			void *p = events[i].data.ptr;

			if (p == &wake_fd && read(wake_fd, &count,
						  sizeof(count)) > 0)
				continue;
			else if (p != &wake_fd && p != &store)
				device_event(p);
		}
		/* Asked always: what came in with the answer to a request of
		 * ours does not make the connection readable. */
		if (store)
			store_events();
		timeout = devices_round();
		if (store && ctrl_store_pending(store))
			timeout = 0;
	}
	pthread_mutex_unlock(&devices_lock);
	return NULL;
}

static int make_folders(void)
{
	static const char *const folders[] = {
		RUN_DIR "/backend", RUN_DIR "/journal", RUN_DIR "/devices",
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (mkdir(folders[i], 0700) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int start_thread(void)
{
	pthread_attr_t attr;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 << 10);
	rc = -pthread_create(&thread, &attr, devices_main, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

int devices_start(void)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &wake_fd };
	pthread_condattr_t attr;
	int rc = make_folders();

	if (rc)
		return rc;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&devices_change, &attr);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (epoll_fd < 0 || wake_fd < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &e))
		return -errno;
	rc = start_thread();
	running = !rc;
	return rc;
}

/* The back-ends go on; the next supervisor finds them. */
void devices_stop(void)
{
	struct device *d;

	if (!running)
		return;
	pthread_mutex_lock(&devices_lock);
	stopping = true;
	devices_wake();
	pthread_mutex_unlock(&devices_lock);
	pthread_join(thread, NULL);
	while ((d = table)) {
		table = d->next;
		nic_link_release(&d->link);
		d->refs = 1;
		device_put(d);
	}
	ctrl_store_close(store);
	store = NULL;
	close(epoll_fd);
	close(wake_fd);
	running = false;
}
