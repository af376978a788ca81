/* SPDX-License-Identifier: MIT */
/*
 * How a device begins, is started again, and ends; see device.h.
 *
 * The order of a beginning: the source is opened and locked, the record is
 * written, the process is started and asked to start, says ready;
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
#include "disk-server.h"
#include "file.h"
#include "network.h"
#include "journal.h"
#include "sentence.h"
#include "supervisor.h"

#define MAKE_NS		15000000000ull	/* a back-end is ready by then */
#define END_NS		45000000000ull	/* a device is gone by then */
#define RECORD_MAX	(1u << 20)

/* ---- Sentences ---- */

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
	put_limit(o, "total_bytes_sec_max_length",
		  t->total_bytes_sec_max_length);
	put_limit(o, "read_bytes_sec_max_length", t->read_bytes_sec_max_length);
	put_limit(o, "write_bytes_sec_max_length",
		  t->write_bytes_sec_max_length);
	put_limit(o, "total_iops_sec_max_length", t->total_iops_sec_max_length);
	put_limit(o, "read_iops_sec_max_length", t->read_iops_sec_max_length);
	put_limit(o, "write_iops_sec_max_length", t->write_iops_sec_max_length);
	put_limit(o, "size_iops_sec", t->size_iops_sec);
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
	int rc;

	job_waits(true);
	rc = disk_source_open(&d->disk, d->guest, d->slot, again, &d->source,
			      &cause);
	job_waits(false);
	if (rc && again)
		*why = cause;
	else if (rc)
		say_place(d, why, cause);
	else
		d->opened = true;
	return rc;
}

/* What would be in open_nic()'s way, before there is a domain. */
static int check_nic(struct device *d, char **why)
{
	char *cause = NULL;
	int rc = nic_link_check(&d->nic, &cause);

	if (rc)
		say_place(d, why, cause);
	return rc;
}

static int open_nic(struct device *d, bool again, char **why)
{
	char *cause = NULL;
	int rc;

	if (again && nic_link_lives(&d->link))
		return 0;
	nic_link_release(&d->link);
	rc = nic_link_open(&d->nic, d->domid, d->devid, again, &d->link,
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
	/* First the record: whoever kills us now leaves nobody unknown. */
	pthread_mutex_lock(&devices_lock);
	d->place = d->link.place;
	device_record_save(d);
	pthread_mutex_unlock(&devices_lock);
	if (d->kind == DEVICE_VIF)
		nic_link_keep(&d->link);
	rc = run(d, false, &cause);
	pthread_mutex_lock(&devices_lock);
	if (!rc) {
		device_record_save(d);
		running(d);
	}
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

/* Held.  What is known of where a card will be. */
static void plan_place(struct device *d, const struct network_port *port)
{
	nic_link_plan(&d->nic, port, &d->place);
}

/* Not held.  The networks of a description's interfaces, as they are now; for
 * free(). */
static struct network_port *look_at_networks(const struct guest_config *c)
{
	struct network_port *port = calloc(c->nic_count + 1, sizeof(*port));
	const char *network;

	for (size_t i = 0; port && i < c->nic_count; i++) {
		network = nic_link_network(&c->nics[i]);
		if (network)
			network_look(network, &port[i]);
	}
	return port;
}

static bool same_network(const struct device *a, const struct device *b)
{
	const char *x = nic_link_network(&a->nic);
	const char *y = nic_link_network(&b->nic);

	/* A network that does not run yet has no bridge. */
	return nic_place_same(&a->place, &b->place) ||
	       (!a->place.bridge[0] && x && y && !strcmp(x, y));
}

/*
 * Held.  Of two cards with one address in one network each would get a part of
 * the other's frames, so the second one is refused, with the first one's name.
 * One that is on its way out does not count: a guest that starts again is not
 * in its own way.
 */
static int check_mac(struct device *d, char **why)
{
	const uint8_t *m = d->nic.mac;
	char *cause = NULL;

	for (struct device *o = device_first(); o; o = o->next) {
		const bool same_guest = o->domid && o->domid == d->domid;

		if (o == d || o->kind != DEVICE_VIF || o->ending ||
		    !o->nic.mac_given || memcmp(o->nic.mac, m, 6) ||
		    !(same_guest || same_network(d, o)))
			continue;
		say(&cause, "the address %02x:%02x:%02x:%02x:%02x:%02x is that of guest \"%s\" (%s)%s",
		    m[0], m[1], m[2], m[3], m[4], m[5], o->guest,
		    device_name(o), same_guest ? " already" :
		    ", in the same network");
		say_place(d, why, cause);
		return -EEXIST;
	}
	return 0;
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

/*
 * Held.  An interface that names no address gets one here, and from then on
 * it is what its XML says: after a reboot, among others, or in another place.
 * *was is its XML before, malloc'ed, or NULL if nothing changed.
 */
static void give_mac(struct device *d, char **was)
{
	unsigned int attempt = 0;
	uint8_t mac[6];
	char *xml;

	*was = NULL;
	if (d->nic.mac_given)
		return;
	do
		nic_mac_make(d->guest, d->devid, attempt++, mac);
	while (mac_taken(mac) && attempt < 64);
	memcpy(d->nic.mac, mac, 6);
	d->nic.mac_given = true;
	xml = d->xml ? guest_nic_with_mac(d->xml, mac) : NULL;
	if (!xml)
		return;
	*was = d->xml;
	d->xml = xml;
}

/* The guest's document, with the address that was given in it. */
static void tell_document(char **document, const char *was, const char *is)
{
	char *xml = was && *document ?
		    guest_config_edit(*document, strlen(*document), is, was) :
		    NULL;

	if (!xml)
		return;
	free(*document);
	*document = xml;
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

int device_set_open(struct guest_config *config, char **document,
		    struct device_set **out, char **why)
{
	size_t n = config->disk_count + config->nic_count;
	struct network_port *port;
	struct device_set *s;
	struct device *d;
	char *was;
	int rc = 0;

	*out = NULL;
	*why = NULL;
	if (!n)
		return 0;
	s = calloc(1, sizeof(*s) + n * sizeof(s->device[0]));
	port = look_at_networks(config);
	if (!s || !port) {
		free(s);
		free(port);
		return -ENOMEM;
	}
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
		if (d->kind == DEVICE_VIF) {
			give_mac(d, &was);
			if (document)
				tell_document(document, was, d->xml);
			free(was);
			plan_place(d, &port[i - config->disk_count]);
			rc = check_mac(d, why);
		}
		s->device[s->count++] = d;
	}
	pthread_mutex_unlock(&devices_lock);
	free(port);
	for (size_t i = 0; !rc && i < s->count; i++) {
		rc = s->device[i]->kind == DEVICE_VBD ?
			open_disk(s->device[i], false, why) :
			check_nic(s->device[i], why);
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

bool devices_any(uint16_t domid)
{
	bool any = false;

	pthread_mutex_lock(&devices_lock);
	for (struct device *d = device_first(); d; d = d->next)
		any |= d->domid == domid;
	pthread_mutex_unlock(&devices_lock);
	return any;
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

/*
 * The process before is dead.  What it had under way in the kernel may not be
 * over, for as long as the disk below takes; a write of it must not come after
 * its successor's.  To wait costs the guest time, to give up costs it the disk.
 */
static int open_disk_again(struct device *d, char **why)
{
	bool told = false, ending;
	char title[160];
	int rc;

	for (;;) {
		rc = open_disk(d, true, why);
		if (rc != -EBUSY)
			return rc;
		pthread_mutex_lock(&devices_lock);
		ending = d->ending;
		if (!told)
			journal_line("%s: waits for what its dead back-end began: %s",
				     device_title(d, title),
				     *why ? *why : strerror(EBUSY));
		pthread_mutex_unlock(&devices_lock);
		if (ending)
			return rc;
		told = true;
		free(*why);
		*why = NULL;
	}
}

/*
 * Who kills one back-end after the other gets one after the other, at our
 * pace.  Says whether there is a ring to go on with.
 */
static bool await_pace(struct device *d)
{
	bool ring;

	pthread_mutex_lock(&devices_lock);
	while (!d->ending && devices_wait(d->not_before))
		;
	ring = d->xb.ring;
	pthread_mutex_unlock(&devices_lock);
	return ring;
}

static void *respawn_thread(void *arg)
{
	struct device *d = arg;
	char *why = NULL, title[160];
	const bool resume = await_pace(d);
	int rc;

	rc = d->kind == DEVICE_VBD ? open_disk_again(d, &why) :
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
		d->place = d->link.place;
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

/* ---- A bridge that is there again ---- */

/* Held.  1: it was put there. */
static int rejoin(struct device *d, const struct network_port *port,
		  unsigned int index)
{
	char *why = NULL, title[160];
	int rc = nic_link_rejoin(&d->nic, d->domid, d->devid, port, &d->place,
				 &why);

	if (rc < 0 && (rc != -EAGAIN || d->waits_in != index))
		journal_line("%s: it is not in bridge \"%s\" again: %s",
			     device_title(d, title), port->bridge,
			     why ? why : strerror(-rc));
	/* Once for each bridge. */
	if (rc == -EAGAIN)
		d->waits_in = index;
	else if (rc < 0)
		d->place.index = index;
	free(why);
	return rc;
}

unsigned int devices_rejoin(const char *network,
			    const struct network_port *port,
			    unsigned int index)
{
	unsigned int count = 0;
	const char *its;
	struct nic_place p;

	pthread_mutex_lock(&devices_lock);
	for (struct device *d = device_first(); d; d = d->next) {
		if (d->kind != DEVICE_VIF || !d->made || d->ending)
			continue;
		its = nic_link_network(&d->nic);
		if (!its != !network || (its && strcmp(its, network)))
			continue;
		nic_link_plan(&d->nic, port, &p);
		if (strcmp(p.bridge, port->bridge) ||
		    (index && d->place.index == index))
			continue;
		count += rejoin(d, port, index) == 1;
	}
	pthread_mutex_unlock(&devices_lock);
	return count;
}

/* ---- Attach ---- */

/* Held.  The lowest index that no interface of this guest has. */
static uint32_t nic_index(uint16_t domid)
{
	uint32_t i = 0;

	while (device_find(domid, DEVICE_VIF, i))
		i++;
	return i;
}

/* Held: the new device of a running guest, or NULL, *rc and *why. */
static struct device *new_device(struct guest_config *config,
				 const struct network_port *port,
				 uint16_t domid, const char *guest, int *rc,
				 char **why)
{
	bool is_disk = config->disk_count;
	struct device *d;
	char *was;

	*rc = -EEXIST;
	if (is_disk && device_find(domid, DEVICE_VBD, config->disks[0].vdev)) {
		say(why, "%s:%u: <disk>: guest \"%s\" has a disk %s already",
		    config->file, config->disks[0].line, guest,
		    config->disks[0].target);
		return NULL;
	}
	d = is_disk ? adopt_disk(&config->disks[0]) :
	    adopt_nic(&config->nics[0], nic_index(domid));
	*rc = -ENOMEM;
	if (!d)
		return NULL;
	d->domid = domid;
	d->file = strdup(config->file);
	snprintf(d->guest, sizeof(d->guest), "%s", guest);
	if (!is_disk) {
		give_mac(d, &was);
		free(was);
		plan_place(d, port);
		*rc = check_mac(d, why);
	} else {
		*rc = 0;
	}
	if (!*rc)
		return d;
	take_back(d);
	await_gone(d);
	device_put(d);
	return NULL;
}

/* Held. */
static int write_all(struct ctrl *ctrl, struct device *d, char **why)
{
	struct ctrl_store *s = ctrl_store(ctrl);
	struct ctrl_batch *b = s ? ctrl_batch_new(s) : NULL;
	int rc = -EIO;

	if (b) {
		device_store_make(d, b);
		rc = ctrl_batch_run(b, true);
	}
	ctrl_batch_free(b);
	if (rc)
		say_place(d, why, strdup(s ? ctrl_store_error(s) :
					 ctrl_error(ctrl)));
	return rc;
}

/* Held: has the guest connected to it? */
static bool await_connected(struct device *d, uint64_t until)
{
	while (!d->gone && !d->xb.stopped &&
	       d->xb.state != XENBUS_CONNECTED) {
		if (!devices_wait(until) && journal_boot_ns() >= until)
			return false;
	}
	return true;
}

int device_attach(struct ctrl *ctrl, struct guest_config *config,
		  uint16_t domid, const char *guest,
		  bool (*lives)(uint16_t domid), unsigned int seconds,
		  char **name, char **xml, char **why)
{
	struct network_port *port = look_at_networks(config);
	uint64_t now = journal_boot_ns();
	struct device *d;
	int rc = -ESRCH;

	*name = *xml = *why = NULL;
	if (!port)
		return -ENOMEM;
	pthread_mutex_lock(&devices_lock);
	d = new_device(config, port, domid, guest, &rc, why);
	pthread_mutex_unlock(&devices_lock);
	free(port);
	if (!d)
		return rc;
	/* Whose end began before the device was in the table ended without it;
	 * whoever ends later finds it there. */
	if (!lives(domid))
		rc = refuse(why, -ESRCH, "guest \"%s\": it has ended", guest);
	if (!rc && d->kind == DEVICE_VBD)
		rc = open_disk(d, false, why);
	if (!rc)
		rc = begin(d, why);
	pthread_mutex_lock(&devices_lock);
	if (!rc)
		rc = await_ready(d, now + MAKE_NS, why);
	if (!rc && d->ending) {
		say(why, "guest \"%s\": it has ended", guest);
		rc = -ESRCH;
	}
	if (!rc)
		rc = write_all(ctrl, d, why);
	if (rc) {
		take_back(d);
		await_gone(d);
	} else {
		d->made = true;
		device_record_save(d);
		devices_wake();
		*name = strdup(device_name(d));
		*xml = d->xml ? strdup(d->xml) : NULL;
		if (!await_connected(d, now + seconds * 1000000000ull))
			rc = 1;
	}
	device_put(d);
	pthread_mutex_unlock(&devices_lock);
	return rc;
}

/* ---- Detach, resize ---- */

static bool mac_is(const struct device *d, const char *name)
{
	const uint8_t *m = d->nic.mac;
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0],
		 m[1], m[2], m[3], m[4], m[5]);
	return !strcasecmp(text, name);
}

/* Held.  By its name, its number, or its address. */
static struct device *named(uint16_t domid, enum device_kind kind,
			    const char *name)
{
	char number[12];

	for (struct device *d = device_first(); d; d = d->next) {
		if (d->domid != domid || d->kind != kind || !d->made)
			continue;
		snprintf(number, sizeof(number), "%u", d->devid);
		if (!strcmp(device_name(d), name) || !strcmp(number, name) ||
		    (kind == DEVICE_VIF && mac_is(d, name)))
			return d;
	}
	return NULL;
}

/* One of a guest's devices, for whom people want something.  It is held, and
 * devices_lock too; NULL: neither, and *why. */
static struct device *take_named(uint16_t domid, enum device_kind kind,
				 const char *name, char **why)
{
	struct device *d;

	*why = NULL;
	pthread_mutex_lock(&devices_lock);
	d = named(domid, kind, name);
	if (d) {
		d->refs++;
		return d;
	}
	say(why, "it has no %s \"%.40s\"", device_word(kind), name);
	pthread_mutex_unlock(&devices_lock);
	return NULL;
}

static void give_back(struct device *d)
{
	device_put(d);
	pthread_mutex_unlock(&devices_lock);
}

int device_detach(uint16_t domid, enum device_kind kind, const char *name,
		  unsigned int seconds, bool force, char **xml, char **why)
{
	uint64_t until = journal_boot_ns() + seconds * 1000000000ull;
	struct device *d = take_named(domid, kind, name, why);
	int rc = 0;

	*xml = NULL;
	if (!d)
		return -ENOENT;
	*xml = d->xml ? strdup(d->xml) : NULL;
	if (force)
		take_back(d);
	else
		device_want(d, XENBUS_DETACH);
	if (force)
		until = journal_boot_ns() + END_NS;
	while (!d->gone && !rc) {
		if (!devices_wait(until) && journal_boot_ns() >= until)
			rc = -ETIMEDOUT;
	}
	if (rc)
		say(why, "%s %s: the guest has not let go of it within %u s; it goes when the guest does, --force takes it away",
		    device_word(kind), device_name(d), seconds);
	give_back(d);
	return rc;
}

/* Makes a raw image of a file larger. */
static int grow_file(const struct guest_disk *k, uint64_t size, char **why)
{
	struct stat st;
	int fd, rc = 0;

	if (k->type != GUEST_DISK_FILE || k->format != GUEST_DISK_RAW ||
	    k->readonly)
		return refuse(why, -EOPNOTSUPP, "disk %s: only a raw image in a writable file can be made larger here; without a size, what was done elsewhere is looked at",
			      k->target);
	fd = open(k->source, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		rc = refuse(why, -errno, "%s: %s", k->source, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = refuse(why, -EINVAL, "%s: it is not a file", k->source);
	else if (size % 512 || (uint64_t)st.st_size > size)
		rc = refuse(why, -EINVAL, "%s: it has %llu bytes; a new size is not smaller and a multiple of 512",
			    k->source, (unsigned long long)st.st_size);
	else if (ftruncate(fd, (off_t)size))
		rc = refuse(why, -errno, "%s: %s", k->source, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Held: asks the back-end and waits; the answer, or NULL. */
static json_t *ask(struct device *d, json_t *question)
{
	uint64_t until = journal_boot_ns() + BACK_ANSWER_NS;
	json_t *answer;

	while (d->wished && !d->gone) {
		if (!devices_wait(until) && journal_boot_ns() >= until)
			break;
	}
	if (d->wished || d->gone) {
		json_decref(question);
		return NULL;
	}
	d->wished = true;
	d->wish = question;
	devices_wake();
	while (!d->answer && !d->gone && !d->xb.stopped) {
		if (!devices_wait(until) && journal_boot_ns() >= until)
			break;
	}
	json_decref(d->wish);
	d->wish = NULL;
	answer = d->answer;
	d->answer = NULL;
	d->wished = false;
	pthread_cond_broadcast(&devices_change);
	return answer;
}

int device_resize(uint16_t domid, const char *name, uint64_t size, char **why)
{
	struct device *d = take_named(domid, DEVICE_VBD, name, why);
	json_t *answer;
	const char *word;
	int rc = 0;

	if (!d)
		return -ENOENT;
	if (size)
		rc = grow_file(&d->disk, size, why);
	if (!rc) {
		answer = ask(d, json_pack("{s:s}", "do", "resize"));
		word = json_string_value(json_object_get(answer, "event"));
		if (!word || strcmp(word, "changed")) {
			const char *reason = json_string_value(
				json_object_get(answer, "reason"));

			say(why, "disk %s: %s", device_name(d), reason ?
			    reason : "its back-end does not answer");
			rc = -EIO;
		}
		json_decref(answer);
	}
	give_back(d);
	return rc;
}

/* ---- Taking over ---- */

/* The XML element becomes a disk or an interface again. */
static int read_element(struct device *d)
{
	struct guest_config_report report;
	struct guest_config *config = NULL;
	unsigned int line = d->disk.line;
	int rc = d->xml ? guest_device_parse(d->xml, strlen(d->xml), d->file ?
					     d->file : "guest", &config,
					     &report) : -EINVAL;

	if (d->xml)
		guest_config_report_free(&report);
	if (!rc && d->kind == DEVICE_VBD && config->disk_count) {
		d->disk = config->disks[0];
		memset(&config->disks[0], 0, sizeof(config->disks[0]));
		d->disk.line = line;
	} else if (!rc && d->kind == DEVICE_VIF && config->nic_count) {
		d->nic = config->nics[0];
		memset(&config->nics[0], 0, sizeof(config->nics[0]));
		d->nic.line = line;
		/* One that was made up stays what it was. */
		memcpy(d->nic.mac, d->link.mac, 6);
		d->nic.mac_given = true;
	} else {
		rc = -EINVAL;
	}
	guest_config_free(config);
	return rc;
}

/* What is open in the back-end is known here again. */
static void know_source(struct device *d)
{
	if (d->kind == DEVICE_VBD) {
		d->opened = !disk_source_adopt(&d->disk, d->guest, d->slot,
					       &d->source);
		return;
	}
	d->link.mac_any = d->nic.mac_any;
	/* If it is in a network, that says it (devices_rejoin()). */
	plan_place(d, &(struct network_port){ .ours = false });
	d->link.place = d->place;
	d->opened = true;
}

static struct device *load_record(const char *name)
{
	struct device *d, *next, read;
	char path[300];
	size_t len = 0;
	char *text;
	unsigned int refs;
	int rc;

	snprintf(path, sizeof(path), RUN_DIR "/devices/%.255s", name);
	text = file_read(AT_FDCWD, path, RECORD_MAX, &len);
	rc = text ? device_record_parse(text, len, &read) : -EIO;
	free(text);
	if (!rc)
		rc = read_element(&read);
	d = rc ? NULL : device_new(read.kind, read.domid);
	if (!d) {
		journal_line("the record %s of a device cannot be read and is put aside",
			     name);
		unlink(path);
		if (!rc)
			device_fields_free(&read);
		return NULL;
	}
	next = d->next;
	refs = d->refs;
	*d = read;
	d->next = next;
	d->refs = refs - 1;	/* the table's alone */
	return d;
}

/* Is it a process of ours, and not another that got its number? */
static bool is_backend(pid_t pid, const struct device *d)
{
	char path[40], uid_line[64], line[200];
	bool ours = false;
	FILE *f;

	if (pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	snprintf(uid_line, sizeof(uid_line), "Uid:\t%u\t",
		 DEVICE_UID_BASE + d->slot);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		ours |= !strncmp(line, uid_line, strlen(uid_line));
	if (f)
		fclose(f);
	return ours;
}

/* Our state as the store has it, 0: it has none.  While it is away, what our
 * state must have been. */
static uint8_t read_back_state(struct ctrl_store *s, const struct device *d)
{
	char path[80], node[96], text[8];
	int rc = -ENOTCONN;

	device_store_path(d, false, path);
	snprintf(node, sizeof(node), "%s/state", path);
	if (s)
		rc = ctrl_store_read_into(s, 0, node, text, sizeof(text));
	if (rc < 0 && rc != -ENOENT && rc != -E2BIG)
		return d->xb.ring ? XENBUS_CONNECTED : XENBUS_INIT_WAIT;
	if (rc < 0 || text[0] < '1' || text[0] > '6' || text[1])
		return XENBUS_ABSENT;
	return (uint8_t)(text[0] - '0');
}

/* Held.  D was read from its record: it lives on, or it is buried. */
static void take_over(struct device *d, bool guest_lives, struct ctrl_store *s)
{
	pid_t pid = d->proc.pid;
	uint8_t state = read_back_state(s, d);
	char path[108], title[160];
	int rc;

	device_path(d, "backend", path);
	if (!is_backend(pid, d))
		pid = 0;
	know_source(d);
	rc = backend_proc_adopt(&d->proc, path, pid);
	d->xb.state = state ? state : XENBUS_INITIALISING;
	d->xb.unseen = true;
	device_serve(d);
	if (!guest_lives || !d->made || (!state && d->xb.online)) {
		if (rc && pid)
			backend_proc_adopt_pid(&d->proc, pid);
		take_back(d);
		return;
	}
	if (d->xb.stopped && rc) {
		d->xb.back = BACK_NONE;
		return;
	}
	if (!rc) {
		d->adopting = true;
		d->xb.back = BACK_STARTING;
		rc = backend_proc_send(&d->proc, json_pack("{s:s}", "do",
							   "hello"), NULL, 0);
		device_asked(d, ASK_HELLO);
	}
	if (rc) {
		journal_line("%s: its back-end is gone; it is started again",
			     device_title(d, title));
		d->adopting = false;
		d->asked_count = 0;
		d->answer_by = 0;
		backend_proc_hang_up(&d->proc);
		d->xb.back = BACK_STARTING;
		d->dirty = true;
		device_respawn(d);
	}
}

void devices_take_over(bool (*lives)(uint16_t domid))
{
	DIR *dir = opendir(RUN_DIR "/devices");
	struct ctrl_store *s = NULL;
	unsigned int found = 0;
	struct dirent *e;
	struct device *d;

	if (!dir)
		return;
	pthread_mutex_lock(&devices_lock);
	while ((e = readdir(dir))) {
		const char *dot = strrchr(e->d_name, '.');

		if (e->d_name[0] == '.' || (dot && !strcmp(dot, ".tmp")))
			continue;
		if (load_record(e->d_name))
			found++;
	}
	if (found && ctrl_store_open(CTRL_STORE_SOCKET, &s)) {
		ctrl_store_close(s);
		s = NULL;
	}
	for (d = device_first(); d; d = d->next)
		take_over(d, lives(d->domid), s);
	ctrl_store_close(s);
	disk_server_sweep(DEVICE_SLOTS, device_slot_taken);
	devices_wake();
	pthread_mutex_unlock(&devices_lock);
	closedir(dir);
	if (found)
		journal_line("took over %u devices", found);
	networks_look_at_bridges();
}
