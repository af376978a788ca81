/* SPDX-License-Identifier: MIT */
/*
 * How a device begins, is started again, and ends; see device.h.
 *
 * The order of a beginning: the source is opened and locked, the process is
 * started, the record is written, the process is asked to start, says ready;
 * then the nodes are written, all at once, and the device is `made`.  Until
 * then a failure takes everything back.  An end goes the other way: the
 * process, the nodes, the source, the record.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "journal.h"

#define MAKE_NS		15000000000ull	/* a back-end is ready by then */
#define END_NS		45000000000ull	/* a device is gone by then */
#define RECORD_MAX	(1u << 20)

/* ---- Sentences ---- */

static void say(char **why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void say(char **why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(why, fmt, ap) < 0)
		*why = NULL;
	va_end(ap);
}

/* CAUSE, which is used up, with the place in the document before it. */
static void say_place(const struct device *d, char **why, char *cause)
{
	say(why, "%s:%u: <%s>: %s", d->file ? d->file : "guest",
	    d->kind == DEVICE_VBD ? d->disk.line : d->nic.line,
	    device_word(d->kind), cause ? cause : "out of memory");
	free(cause);
}

/* ---- The start message ---- */

static void put_limit(json_t *o, const char *name, uint64_t value)
{
	if (value)
		json_object_set_new(o, name, json_integer((json_int_t)value));
}

static json_t *iotune_json(const struct guest_iotune *t)
{
	json_t *o = json_object();

	put_limit(o, "total_bytes_sec", t->total_bytes_sec);
	put_limit(o, "read_bytes_sec", t->read_bytes_sec);
	put_limit(o, "write_bytes_sec", t->write_bytes_sec);
	put_limit(o, "total_iops_sec", t->total_iops_sec);
	put_limit(o, "read_iops_sec", t->read_iops_sec);
	put_limit(o, "write_iops_sec", t->write_iops_sec);
	put_limit(o, "total_bytes_sec_max", t->total_bytes_sec_max);
	put_limit(o, "read_bytes_sec_max", t->read_bytes_sec_max);
	put_limit(o, "write_bytes_sec_max", t->write_bytes_sec_max);
	put_limit(o, "total_iops_sec_max", t->total_iops_sec_max);
	put_limit(o, "read_iops_sec_max", t->read_iops_sec_max);
	put_limit(o, "write_iops_sec_max", t->write_iops_sec_max);
	return o;
}

static json_t *start_disk(const struct device *d)
{
	const struct guest_disk *k = &d->disk;
	json_t *o = json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:s}",
		"mode", disk_source_mode_name(d->source.mode), "export", d->source.export_name ?
		d->source.export_name : "", "readonly", k->readonly,
		"cdrom", k->cdrom, "removable", k->removable,
		"discard", d->source.discard, "direct", d->source.direct,
		"flush", d->source.flush ? d->source.flush : "normal");

	json_object_update_new(o, json_pack("{s:i, s:i, s:i, s:s, s:o}",
		"queues", (int)k->queues, "logical",
		(int)k->logical_block_size, "physical",
		(int)k->physical_block_size, "serial", k->serial ?
		k->serial : "", "limits", iotune_json(&k->iotune)));
	return o;
}

static json_t *bandwidth_json(const struct guest_bandwidth *b)
{
	return json_pack("{s:I, s:I, s:I}", "average", (json_int_t)b->average,
			 "peak", (json_int_t)b->peak, "burst",
			 (json_int_t)b->burst);
}

static json_t *start_nic(const struct device *d)
{
	const struct guest_nic *n = &d->nic;
	const uint8_t *m = d->link.mac;
	json_t *addresses = json_array(), *limits = json_object(), *o;
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
		 m[2], m[3], m[4], m[5]);
	for (size_t i = 0; i < n->ip_count; i++)
		json_array_append_new(addresses, json_string(n->ips[i]));
	/* What goes to the guest is limited by the link. */
	if (n->outbound.average)
		json_object_set_new(limits, "outbound",
				    bandwidth_json(&n->outbound));
	o = json_pack("{s:s, s:b, s:i, s:i, s:b, s:o, s:o}", "mac", mac,
		      "mac_any", d->link.mac_any, "mtu", (int)d->link.mtu,
		      "queues", (int)d->link.queues, "link", !n->link_down,
		      "addresses", addresses, "limits", limits);
	return o;
}

static int send_start(struct device *d, bool resume)
{
	json_t *o = d->kind == DEVICE_VBD ? start_disk(d) : start_nic(d);
	int fds[BACKEND_FDS], rc;
	size_t n = 0;

	json_object_update_new(o, json_pack("{s:s, s:i, s:I, s:b}", "do",
		"start", "domid", d->domid, "devid", (json_int_t)d->devid,
		"resume", resume));
	fds[n++] = d->journal;
	if (d->kind == DEVICE_VBD && d->source.fd >= 0)
		fds[n++] = d->source.fd;
	for (unsigned int i = 0; d->kind == DEVICE_VIF && i < d->link.queues &&
	     n < BACKEND_FDS; i++)
		fds[n++] = d->link.fd[i];
	rc = backend_proc_send(&d->proc, json_pack("{s:s}", "do", "hello"),
			       NULL, 0);
	if (!rc)
		rc = backend_proc_send(&d->proc, o, fds, n);
	else
		json_decref(o);
	return rc;
}

/* The back-end has its own now.  A link's queues stay open here: what comes
 * while a back-end is started again waits in them. */
static void hand_over(struct device *d)
{
	if (d->kind == DEVICE_VBD)
		disk_source_handed(&d->source);
	if (d->journal >= 0)
		close(d->journal);
	d->journal = -1;
}

/* ---- Opening and closing what a back-end serves ---- */

static int open_disk(struct device *d, bool again, char **why)
{
	char *cause = NULL;
	int rc = disk_source_open(&d->disk, d->guest, again, &d->source,
				  &cause);

	if (rc && again)
		*why = cause;
	else if (rc)
		say_place(d, why, cause);
	else
		d->opened = true;
	return rc;
}

static int open_nic(struct device *d, bool again, char **why)
{
	char *cause = NULL;
	int rc;

	if (again && d->link.queues && d->link.fd[0] >= 0)
		return 0;
	rc = nic_link_open(&d->nic, d->domid, d->devid, d->guest, &d->link,
			       &cause);

	if (rc && again)
		*why = cause;
	else if (rc)
		say_place(d, why, cause);
	else
		d->opened = true;
	return rc;
}

static int open_journal(struct device *d, char **why)
{
	char path[108];

	device_path(d, "journal", path);
	d->journal = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->journal >= 0)
		return 0;
	say(why, "%s: %s", path, strerror(errno));
	return -errno;
}

static void close_source(struct device *d)
{
	if (d->opened && d->kind == DEVICE_VBD)
		disk_source_close(&d->source);
	else if (d->opened)
		nic_link_close(&d->link);
	d->opened = false;
}

static const char *program(const struct device *d)
{
	if (d->kind == DEVICE_VIF)
		return LIBEXEC_DIR "/netback";
	return d->source.mode == DISK_SOURCE_NBD ? LIBEXEC_DIR "/blkback-nbd" :
	       LIBEXEC_DIR "/blkback";
}

/* Starts a process and asks it to start; the lock is not held, or the device
 * is nobody else's yet. */
static int run(struct device *d, bool resume, char **why)
{
	char path[108];
	int rc = open_journal(d, why);

	device_path(d, "backend", path);
	if (!rc)
		rc = backend_proc_spawn(&d->proc, program(d), path, d->domid,
					d->devid, DEVICE_UID_BASE + d->slot,
					why);
	if (!rc && (rc = send_start(d, resume)))
		say(why, "its back-end: %s", strerror(-rc));
	hand_over(d);
	return rc;
}

/* ---- A device in the making ---- */

/* Held: what was asked of a new process, by run(). */
static void running(struct device *d)
{
	d->asked_count = 0;
	device_asked(d, ASK_HELLO);
	device_asked(d, ASK_START);
	d->xb.back = BACK_STARTING;
	device_serve(d);
}

static int begin(struct device *d, char **why)
{
	char *cause = NULL;
	int rc;

	if (d->kind == DEVICE_VIF && (rc = open_nic(d, false, why)))
		return rc;
	rc = run(d, false, &cause);
	pthread_mutex_lock(&devices_lock);
	device_record_save(d);
	if (!rc)
		running(d);
	pthread_mutex_unlock(&devices_lock);
	if (rc)
		say_place(d, why, cause);
	devices_wake();
	return rc;
}

/* Held.  0 when its back-end is ready. */
static int await_ready(struct device *d, uint64_t until, char **why)
{
	while (d->xb.back == BACK_STARTING) {
		if (!devices_wait(until) && journal_boot_ns() >= until) {
			say_place(d, why, strdup("its back-end does not become ready"));
			return -ETIMEDOUT;
		}
	}
	if (d->xb.back == BACK_READY)
		return 0;
	say_place(d, why, strdup(d->why ? d->why : "its back-end ended"));
	return -EIO;
}

/* Held; also of one that has never been served. */
static void take_back(struct device *d)
{
	if (!d->served)
		device_serve(d);
	device_want(d, XENBUS_FORCE);
}

/* Held: waits for devices to be gone. */
static bool await_gone(struct device *d)
{
	uint64_t until = journal_boot_ns() + END_NS;

	while (!d->gone) {
		if (!devices_wait(until) && journal_boot_ns() >= until)
			return false;
	}
	return true;
}

/* ---- The devices of a new guest ---- */

struct device_set {
	struct ctrl_create_devices hooks;
	char *why;
	size_t count;
	struct device *device[];
};

static void set_name(struct device *d, const struct guest_config *config)
{
	snprintf(d->guest, sizeof(d->guest), "%s", config->name);
	d->file = strdup(config->file);
	d->with_guest = true;
}

static bool mac_taken(const uint8_t *mac)
{
	for (struct device *d = device_first(); d; d = d->next) {
		if (d->kind == DEVICE_VIF && d->nic.mac_given &&
		    !memcmp(d->nic.mac, mac, 6))
			return true;
	}
	return false;
}

/* Held. */
static void give_mac(struct device *d)
{
	unsigned int attempt = 0;
	uint8_t mac[6];

	if (d->nic.mac_given)
		return;
	do
		nic_mac_make(d->guest, d->devid, attempt++, mac);
	while (mac_taken(mac) && attempt < 64);
	memcpy(d->nic.mac, mac, 6);
	d->nic.mac_given = true;
}

/* Takes the XML's strings over. */
static struct device *adopt_disk(struct guest_disk *disk)
{
	struct device *d = device_new(DEVICE_VBD, 0);

	if (!d)
		return NULL;
	d->disk = *disk;
	memset(disk, 0, sizeof(*disk));
	d->devid = d->disk.vdev;
	d->xml = d->disk.xml;
	d->disk.xml = NULL;
	return d;
}

static struct device *adopt_nic(struct guest_nic *nic, uint32_t devid)
{
	struct device *d = device_new(DEVICE_VIF, 0);

	if (!d)
		return NULL;
	d->nic = *nic;
	memset(nic, 0, sizeof(*nic));
	d->devid = devid;
	d->xml = d->nic.xml;
	d->nic.xml = NULL;
	return d;
}

static int begin_all(void *ctx, uint16_t domid)
{
	struct device_set *s = ctx;
	int rc = 0;

	pthread_mutex_lock(&devices_lock);
	for (size_t i = 0; i < s->count; i++)
		s->device[i]->domid = domid;
	pthread_mutex_unlock(&devices_lock);
	for (size_t i = 0; !rc && i < s->count; i++)
		rc = begin(s->device[i], &s->why);
	return rc;
}

static int put_all(void *ctx, struct ctrl_batch *b)
{
	struct device_set *s = ctx;
	uint64_t until = journal_boot_ns() + MAKE_NS;
	int rc = 0;

	pthread_mutex_lock(&devices_lock);
	for (size_t i = 0; !rc && i < s->count; i++)
		rc = await_ready(s->device[i], until, &s->why);
	for (size_t i = 0; !rc && i < s->count; i++)
		device_store_make(s->device[i], b);
	pthread_mutex_unlock(&devices_lock);
	return rc;
}

const struct ctrl_create_devices *device_set_hooks(struct device_set *s)
{
	return s ? &s->hooks : NULL;
}

int device_set_open(struct guest_config *config, struct device_set **out,
		    char **why)
{
	size_t n = config->disk_count + config->nic_count;
	struct device_set *s;
	struct device *d;
	int rc = 0;

	*out = NULL;
	*why = NULL;
	if (!n)
		return 0;
	s = calloc(1, sizeof(*s) + n * sizeof(s->device[0]));
	if (!s)
		return -ENOMEM;
	s->hooks = (struct ctrl_create_devices){ begin_all, put_all, s };
	pthread_mutex_lock(&devices_lock);
	for (size_t i = 0; !rc && i < n; i++) {
		d = i < config->disk_count ? adopt_disk(&config->disks[i]) :
		    adopt_nic(&config->nics[i - config->disk_count],
			      (uint32_t)(i - config->disk_count));
		rc = d ? 0 : -ENOMEM;
		if (!d)
			break;
		set_name(d, config);
		if (d->kind == DEVICE_VIF)
			give_mac(d);
		s->device[s->count++] = d;
	}
	pthread_mutex_unlock(&devices_lock);
	for (size_t i = 0; !rc && i < s->count; i++) {
		if (s->device[i]->kind == DEVICE_VBD)
			rc = open_disk(s->device[i], false, why);
	}
	if (!rc) {
		*out = s;
		return 0;
	}
	device_set_settle(s, false, NULL);
	return rc;
}

void device_set_settle(struct device_set *s, bool ok, char **why)
{
	if (why)
		*why = NULL;
	if (!s)
		return;
	pthread_mutex_lock(&devices_lock);
	for (size_t i = 0; i < s->count; i++) {
		if (ok)
			s->device[i]->made = true;
		else
			take_back(s->device[i]);
	}
	devices_wake();
	for (size_t i = 0; i < s->count; i++) {
		if (!ok)
			await_gone(s->device[i]);
		device_put(s->device[i]);
	}
	pthread_mutex_unlock(&devices_lock);
	if (why) {
		*why = s->why;
		s->why = NULL;
	}
	free(s->why);
	free(s);
}

/* ---- Ends ---- */

/* Nobody else has it: no process, no watch, no nodes. */
static void *bury_thread(void *arg)
{
	struct device *d = arg;
	char path[108];

	close_source(d);
	device_path(d, "journal", path);
	unlink(path);
	device_path(d, "backend", path);
	unlink(path);
	if (d->domid)
		device_record_remove(d);
	pthread_mutex_lock(&devices_lock);
	device_drop(d);
	pthread_mutex_unlock(&devices_lock);
	return NULL;
}

static int start_thread(void *(*run_it)(void *), struct device *d)
{
	pthread_attr_t attr;
	pthread_t t;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&t, &attr, run_it, d);
	pthread_attr_destroy(&attr);
	return -rc;
}

void device_bury(struct device *d)
{
	char title[160];

	d->away = true;
	if (d->domid)
		device_forget_nodes(d);
	if (start_thread(bury_thread, d)) {
		/* No thread: later, when the loop comes round again. */
		journal_line("%s: no thread to end it", device_title(d, title));
		d->away = false;
	}
}

void devices_end_guest(uint16_t domid)
{
	uint64_t until = journal_boot_ns() + END_NS;
	struct device *d;
	bool left;

	pthread_mutex_lock(&devices_lock);
	for (d = device_first(); d; d = d->next) {
		if (d->domid == domid)
			take_back(d);
	}
	do {
		left = false;
		for (d = device_first(); d; d = d->next)
			left |= d->domid == domid;
	} while (left && (devices_wait(until) || journal_boot_ns() < until));
	pthread_mutex_unlock(&devices_lock);
	if (left)
		journal_line("domain %u: a device of it does not end", domid);
}

void devices_rename_guest(uint16_t domid, const char *name)
{
	pthread_mutex_lock(&devices_lock);
	for (struct device *d = device_first(); d; d = d->next) {
		if (d->domid != domid)
			continue;
		snprintf(d->guest, sizeof(d->guest), "%s", name);
		device_record_save(d);
	}
	pthread_mutex_unlock(&devices_lock);
}

/* ---- Rebirth ---- */

/* The process before is dead.  What it had under way in the kernel may not be
 * over: opening the source again waits for that. */
static void *respawn_thread(void *arg)
{
	struct device *d = arg;
	char *why = NULL, title[160];
	bool resume = d->xb.ring;
	int rc = d->kind == DEVICE_VBD ? open_disk(d, true, &why) :
		 open_nic(d, true, &why);

	if (!rc)
		rc = run(d, resume, &why);
	pthread_mutex_lock(&devices_lock);
	d->away = false;
	if (rc) {
		device_blame(d, "its back-end cannot be started again: %s",
			     why ? why : strerror(-rc));
		journal_line("%s: stopped: %s", device_title(d, title),
			     d->why);
		device_want(d, XENBUS_GAVE_UP);
	} else if (d->ending) {
		backend_proc_kill(&d->proc);
		d->quitting = true;
		device_serve(d);
	} else {
		running(d);
		device_record_save(d);
	}
	devices_wake();
	device_put(d);
	pthread_mutex_unlock(&devices_lock);
	free(why);
	return NULL;
}

void device_respawn(struct device *d)
{
	char title[160];

	d->away = true;
	d->refs++;
	if (!start_thread(respawn_thread, d))
		return;
	d->away = false;
	d->refs--;
	d->xb.back = BACK_NONE;
	journal_line("%s: no thread to start it again", device_title(d, title));
}
