/* SPDX-License-Identifier: MIT */
/*
 * The lives of guests: what workers do for clients, and what the supervisor
 * does by itself when a guest ends.
 *
 * Who takes a guest down or starts it again has first put it into ENDING or
 * STARTING under guests_lock; nobody else touches it until it is LIVE or KEPT
 * again or gone.  So a pointer to such a guest may be used without the lock by
 * the one who did that, for the fields that do not change meanwhile.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "device.h"
#include "hyplog.h"
#include "journal.h"
#include "policy.h"
#include "sentence.h"
#include "supervisor.h"

#define DOMAINS_AT_ONCE	128
#define HYP_LOG_MAX	(1u << 20)
#define DEVICE_SECONDS	10	/* for a guest to take or let go of a device */
#define CONSOLE_MS	2000	/* for consoled to meet a guest that ended */

/* ---- Small helpers ---- */

static int code_of(int rc)
{
	switch (rc) {
	case -ENOENT:
	case -ESRCH:
		return CODE_NOT_FOUND;
	case -EACCES:
	case -EPERM:
		return CODE_PERMISSION;
	case -EEXIST:
	case -EBUSY:
		return CODE_BUSY;
	case -ETIMEDOUT:
		return CODE_TIMEOUT;
	case -EOPNOTSUPP:
	case -ENOSYS:
		return CODE_UNSUPPORTED;
	default:
		return CODE_FAILURE;
	}
}

static void make_uuid(uint8_t uuid[16])
{
	/* A UUID is no secret: it does not wait for the kernel's pool. */
	if (getrandom(uuid, 16, GRND_INSECURE) != 16) {
		uint64_t t[2] = { journal_boot_ns(), (uint64_t)journal_now() };

		memcpy(uuid, t, 16);
	}
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

/* ---- Reading a description ---- */

/* What a document may describe: a guest, or a lone device. */
typedef int parse_fn(const char *xml, size_t len, const char *file,
		     struct guest_config **out,
		     struct guest_config_report *report);

/* The configuration of a request; NULL when it has been answered. */
static struct guest_config *read_document(struct job *j, const char *name,
					  parse_fn *parse, const char **file)
{
	const char *xml = request_document(j, name, file);
	struct guest_config_report report;
	struct guest_config *config;
	int rc;

	if (!xml)
		return NULL;
	rc = parse(xml, strlen(xml), *file, &config, &report);
	request_report(j, &report, !rc);
	return rc ? NULL : config;
}

static struct guest_config *read_guest(struct job *j)
{
	const char *file;

	return read_document(j, "guest", guest_config_parse, &file);
}

void life_validate(struct worker *w, struct job *j)
{
	struct guest_config *config = read_guest(j);

	(void)w;
	if (!config)
		return;
	conn_ok(j->conn, json_pack("{s:s}", "name", config->name));
	guest_config_free(config);
}

/* ---- Create ---- */

struct teller {
	struct conn *conn;	/* NULL: nobody wants to know */
	uint64_t begun;
};

static void tell_step(void *ctx, const struct ctrl_progress *p)
{
	struct teller *t = ctx;

	if (!t->conn)
		return;
	if (p->done)
		conn_note(t->conn, json_pack("{s:s, s:b, s:I}", "step",
					     p->step, "done", 1, "ns",
					     (json_int_t)p->ns));
	else
		conn_note(t->conn, json_pack("{s:s, s:b}", "step", p->step,
					     "done", 0));
}

/* Takes the name and the UUID; the new guest is STARTING.  NULL when the
 * request has been answered. */
static void pick_uuid(const struct guest_config *config, uint8_t uuid[16])
{
	if (config->uuid_given)
		memcpy(uuid, config->uuid, 16);
	else
		make_uuid(uuid);
}

/* Held.  Has another guest this name or this UUID?  Then *why says so. */
static bool taken(const struct guest_config *config, const uint8_t uuid[16],
		  char **why)
{
	const struct guest *other = guest_by_name(config->name);
	char text[UUID_TEXT];

	*why = NULL;
	if (other && other->life == GUEST_STARTING) {
		say(why, "guest \"%s\": a guest of this name is being started",
		    config->name);
		return true;
	}
	if (other || !strcmp(config->name, "Domain-0")) {
		say(why, "guest \"%s\": a guest of this name exists already, with id %u",
		    config->name, other ? other->domid : 0);
		return true;
	}
	other = guest_by_uuid(uuid);
	if (!other)
		return false;
	uuid_format(uuid, text);
	say(why, "guest \"%s\": its UUID %s is that of guest \"%s\"",
	    config->name, text, other->name);
	return true;
}

static struct guest *reserve(const struct guest_config *config,
			     struct conn *c)
{
	struct guest *g;
	uint8_t uuid[16];
	char *why;

	pick_uuid(config, uuid);
	pthread_mutex_lock(&guests_lock);
	if (taken(config, uuid, &why)) {
		pthread_mutex_unlock(&guests_lock);
		conn_fail(c, CODE_BUSY, "%s", why ? why : "out of memory");
		free(why);
		return NULL;
	}
	g = guest_add(config->name, uuid);
	if (g) {
		g->managed = true;
		guest_set(&g->file, config->file);
		guest_set(&g->xml, config->xml);
		g->on_poweroff = config->on_poweroff;
		g->on_reboot = config->on_reboot;
		g->on_crash = config->on_crash;
	}
	pthread_mutex_unlock(&guests_lock);
	if (!g)
		conn_fail(c, CODE_FAILURE, "out of memory");
	return g;
}

/*
 * Makes the domain of a STARTING guest.  Its id, and it is LIVE and may end at
 * any time; or -errno and *why (malloc'ed), and it is still STARTING, with
 * nothing of it left.
 */
static int launch(struct worker *w, struct guest *g,
		  struct guest_config *config, bool paused,
		  struct teller *teller, char **why)
{
	struct device_set *devices = NULL;
	struct ctrl_create_options o = {
		.paused = paused, .progress = teller->conn ? tell_step : NULL,
		.ctx = teller,
	};
	unsigned int scans = server_scans();
	const char *reason;
	struct ctrl *ctrl = worker_ctrl(w, &reason);
	char name[GUEST_NAME_MAX + 1], *document;
	int domid, rc;

	*why = NULL;
	if (!ctrl) {
		*why = strdup(reason);
		return -ENODEV;
	}
	memcpy(o.uuid, g->uuid, 16);
	g->started = journal_now();
	g->born_ns = journal_boot_ns();
	g->ended = 0;
	rc = guest_record_starting(g);
	if (rc < 0)
		return refuse(why, rc, "guest \"%s\": its record cannot be written: %s",
			      g->name, strerror(-rc));
	/* A disk that cannot be had is known before there is a domain. */
	document = g->xml ? strdup(g->xml) : NULL;
	rc = device_set_open(config, &document, &devices, why);
	if (rc < 0) {
		free(document);
		return rc;
	}
	if (document) {
		pthread_mutex_lock(&guests_lock);
		guest_set(&g->xml, document);
		pthread_mutex_unlock(&guests_lock);
	}
	free(document);
	o.devices = device_set_hooks(devices);
	domid = ctrl_guest_create(ctrl, config, &o);
	if (domid < 0) {
		device_set_settle(devices, false, why);
		if (!*why)
			*why = strdup(ctrl_error(ctrl));
		worker_drop_ctrl(w);
		return domid;
	}
	/* After this g is the table's, and may be gone. */
	pthread_mutex_lock(&guests_lock);
	g->domid = (uint16_t)domid;
	g->life = GUEST_LIVE;
	rc = guest_record_started(g);
	snprintf(name, sizeof(name), "%s", g->name);
	pthread_mutex_unlock(&guests_lock);
	device_set_settle(devices, true, NULL);
	if (rc)
		journal_line("guest \"%s\": its record cannot be kept: %s",
			     name, strerror(-rc));
	/* It may have ended before it was in the table. */
	if (server_scans() != scans)
		server_scan_soon();
	return domid;
}

/* Could the disks be had?  They are opened, and let go again. */
static int check_devices(struct guest_config *config, char **why)
{
	struct device_set *set;
	int rc = device_set_open(config, NULL, &set, why);

	device_set_settle(set, false, NULL);
	return rc;
}

static void check_only(struct worker *w, struct job *j,
		       struct guest_config *config)
{
	const char *why;
	struct ctrl *ctrl = worker_ctrl(w, &why);
	char *text = NULL;
	uint8_t uuid[16];
	bool other;
	int rc;

	pick_uuid(config, uuid);
	pthread_mutex_lock(&guests_lock);
	other = taken(config, uuid, &text);
	pthread_mutex_unlock(&guests_lock);
	rc = ctrl ? ctrl_guest_check(ctrl, config) : -ENODEV;
	if (rc < 0) {
		conn_fail(j->conn, code_of(rc), "%s",
			  ctrl ? ctrl_error(ctrl) : why);
		worker_drop_ctrl(w);
	} else if (other) {
		conn_fail(j->conn, CODE_BUSY, "%s", text ? text :
			  "out of memory");
	} else if ((rc = check_devices(config, &text)) < 0) {
		conn_fail(j->conn, code_of(rc), "%s", text ? text :
			  strerror(-rc));
	} else {
		conn_ok(j->conn, json_pack("{s:s, s:b}", "name", config->name,
					   "dry_run", 1));
	}
	free(text);
}

void life_create(struct worker *w, struct job *j)
{
	struct teller teller = { .begun = journal_boot_ns() };
	struct ctrl_progress parse = { .step = "parse", .done = true };
	struct guest_config *config = read_guest(j);
	struct guest *g;
	char uuid[UUID_TEXT], *why;
	int rc;

	if (!config)
		return;
	if (request_flag(j->request, "progress"))
		teller.conn = j->conn;
	parse.ns = journal_boot_ns() - teller.begun;
	tell_step(&teller, &parse);
	if (request_flag(j->request, "dry_run")) {
		check_only(w, j, config);
		goto out_config;
	}
	g = reserve(config, j->conn);
	if (!g)
		goto out_config;
	uuid_format(g->uuid, uuid);
	rc = launch(w, g, config, request_flag(j->request, "paused"), &teller,
		    &why);
	if (rc < 0) {
		journal_line("create: %s", why ? why : strerror(-rc));
		pthread_mutex_lock(&guests_lock);
		guest_forget(g);
		pthread_mutex_unlock(&guests_lock);
		conn_fail(j->conn, code_of(rc), "%s", why ? why :
			  strerror(-rc));
		free(why);
		goto out_config;
	}
	journal_line("guest \"%s\": started with id %d", config->name, rc);
	conn_ok(j->conn, json_pack("{s:i, s:s, s:s}", "id", rc, "uuid", uuid,
				   "name", config->name));
out_config:
	guest_config_free(config);
}

/* ---- Finding a guest ---- */

struct target {
	uint16_t domid;
	char name[GUEST_NAME_MAX + 1];
	struct guest *guest;	/* only if claimed */
	enum guest_life life;
	bool managed;
	char reason[32];	/* of a KEPT one */
};

static void target_fill(struct target *t, const struct guest *g)
{
	t->domid = g->domid;
	t->life = g->life;
	t->managed = g->managed;
	snprintf(t->name, sizeof(t->name), "%s", g->name);
	snprintf(t->reason, sizeof(t->reason), "%s", g->reason ? g->reason :
		 "");
}

/* A domain that is not in the table: another program's. */
static bool target_foreign(struct ctrl *ctrl, struct conn *c, const char *name,
			   struct target *t)
{
	int domid = ctrl_guest_find(ctrl, name);

	if (domid < 0) {
		conn_fail(c, CODE_NOT_FOUND, "there is no guest \"%s\"", name);
		return false;
	}
	if (domid == 0) {
		conn_fail(c, CODE_PERMISSION, "domain 0 is this control domain itself");
		return false;
	}
	t->domid = (uint16_t)domid;
	t->life = GUEST_LIVE;
	snprintf(t->name, sizeof(t->name), "%s", name);
	return true;
}

/*
 * Finds the guest of a request.  With CLAIM it becomes ENDING, so that nobody
 * else ends it; false when the request has been answered.
 */
static bool target_find(struct ctrl *ctrl, struct conn *c, const char *name,
			bool claim, struct target *t)
{
	struct guest *g;
	const struct guest *e;

	memset(t, 0, sizeof(*t));
	if (!strcmp(name, "0") || !strcmp(name, "Domain-0")) {
		conn_fail(c, CODE_PERMISSION, "domain 0 is this control domain itself");
		return false;
	}
	pthread_mutex_lock(&guests_lock);
	g = guest_find(name);
	if (g) {
		target_fill(t, g);
		if (claim && (g->life == GUEST_LIVE || g->life == GUEST_KEPT)) {
			g->life = GUEST_ENDING;
			t->guest = g;
		}
	}
	e = g ? NULL : guest_epitaph(name);
	if (e) {
		char reason[32], ename[GUEST_NAME_MAX + 1];

		snprintf(reason, sizeof(reason), "%s", e->reason);
		snprintf(ename, sizeof(ename), "%s", e->name);
		pthread_mutex_unlock(&guests_lock);
		if (ctrl_guest_find(ctrl, name) >= 0)
			return target_foreign(ctrl, c, name, t);
		conn_fail(c, CODE_NOT_FOUND, "guest \"%s\": it is not running; it ended (%s)",
			  ename, reason);
		return false;
	}
	pthread_mutex_unlock(&guests_lock);
	if (!g)
		return target_foreign(ctrl, c, name, t);
	if (t->life == GUEST_STARTING || t->life == GUEST_ENDING) {
		conn_fail(c, CODE_BUSY, "guest \"%s\": it is just being %s",
			  t->name, t->life == GUEST_STARTING ? "started" :
			  "taken down");
		return false;
	}
	return true;
}

/* The guest of a request that must be running. */
static bool target_running(struct ctrl *ctrl, struct conn *c, const char *name,
			   struct target *t)
{
	if (!target_find(ctrl, c, name, false, t))
		return false;
	if (t->life != GUEST_KEPT)
		return true;
	conn_fail(c, CODE_FAILURE, "guest \"%s\": it has ended (%s) and is only kept for a look at it",
		  t->name, t->reason);
	return false;
}

/* The handle and the guest's name of a request; NULL: it is answered. */
static struct ctrl *job_begin(struct worker *w, struct job *j,
			      const char **name)
{
	const char *why;
	struct ctrl *ctrl = worker_ctrl(w, &why);

	*name = request_string(j->request, "name");
	if (!ctrl)
		conn_fail(j->conn, CODE_FAILURE, "%s", why);
	return ctrl;
}

/* ---- Destroy, pause, rename, requests ---- */

/* What is begun now is finished by a next supervisor if need be. */
static void intend(struct guest *g, const char *finish)
{
	pthread_mutex_lock(&guests_lock);
	guest_set(&g->finish, finish);
	guest_record_save(g);
	pthread_mutex_unlock(&guests_lock);
}

void life_destroy(struct worker *w, struct job *j)
{
	const char *name;
	struct ctrl *ctrl = job_begin(w, j, &name);
	struct target t;
	int rc;

	if (!ctrl || !target_find(ctrl, j->conn, name, true, &t))
		return;
	if (t.guest && devices_any(t.domid)) {
		/* Without its devices it must not be found alive. */
		intend(t.guest, "");
		devices_end_guest(t.domid);
	}
	rc = ctrl_guest_destroy(ctrl, t.domid);
	if (rc == -ESRCH && t.guest)
		rc = 0;
	if (rc < 0) {
		conn_fail(j->conn, code_of(rc), "%s", ctrl_error(ctrl));
		worker_drop_ctrl(w);
	}
	pthread_mutex_lock(&guests_lock);
	if (t.guest && rc < 0) {
		t.guest->life = t.life;
		guest_set(&t.guest->finish, NULL);
		guest_record_save(t.guest);
	} else if (t.guest)
		guest_bury(t.guest, t.life == GUEST_KEPT ? t.guest->reason :
			   "destroyed", t.life == GUEST_KEPT ?
			   t.guest->detail : "on request");
	pthread_mutex_unlock(&guests_lock);
	if (rc < 0)
		return;
	journal_line("guest \"%s\": destroyed on request", t.name);
	server_guest_ended(t.domid, "destroyed");
	conn_ok(j->conn, json_pack("{s:i}", "id", t.domid));
}

void life_pause(struct worker *w, struct job *j)
{
	bool pause = !strcmp(request_string(j->request, "do"), "pause");
	struct ctrl_domain_info info;
	const char *name;
	struct ctrl *ctrl = job_begin(w, j, &name);
	struct target t;
	int rc;

	if (!ctrl || !target_running(ctrl, j->conn, name, &t))
		return;
	rc = ctrl_domain_info(ctrl, t.domid, &info);
	/* The hypervisor counts pauses; we have only on and off. */
	if (!rc && info.paused != pause)
		rc = pause ? ctrl_domain_pause(ctrl, t.domid) :
			     ctrl_domain_unpause(ctrl, t.domid);
	if (rc < 0)
		conn_fail(j->conn, code_of(rc), "guest \"%s\": %s", t.name,
			  ctrl_error(ctrl));
	else
		conn_ok(j->conn, json_pack("{s:i}", "id", t.domid));
}

/* Held by whom target_find() gave it: others may do with it again what they
 * like.  Its end may have come meanwhile and been passed over. */
static void unclaim_locked(struct target *t)
{
	t->guest->life = t->life;
	server_scan_soon();
}

/* The new name into the table and, with the rest, back out of it. */
static bool take_name(struct target *t, const char *to)
{
	bool taken;

	pthread_mutex_lock(&guests_lock);
	taken = guest_by_name(to) || !strcmp(to, "Domain-0");
	if (!taken && t->guest)
		guest_set(&t->guest->name, to);
	else if (t->guest)
		unclaim_locked(t);
	pthread_mutex_unlock(&guests_lock);
	return !taken;
}

void life_rename(struct worker *w, struct job *j)
{
	const char *to = request_string(j->request, "to");
	const char *name, *why;
	struct ctrl *ctrl = job_begin(w, j, &name);
	struct target t;
	int rc;

	if (!ctrl)
		return;
	if (!to || !guest_name_valid(to, &why)) {
		conn_fail(j->conn, CODE_USAGE, "\"%.70s\" %s", to ? to : "",
			  to ? why : "is missing");
		return;
	}
	/* Claimed: nobody reads its name, or ends it, while that changes. */
	if (!target_find(ctrl, j->conn, name, true, &t))
		return;
	if (!take_name(&t, to)) {
		conn_fail(j->conn, CODE_BUSY, "guest \"%s\": there is a guest \"%s\" already",
			  t.name, to);
		return;
	}
	rc = ctrl_guest_rename(ctrl, t.domid, to);
	pthread_mutex_lock(&guests_lock);
	if (t.guest) {
		if (rc < 0)
			guest_set(&t.guest->name, t.name);
		unclaim_locked(&t);
		if (!rc)
			guest_record_save(t.guest);
	}
	pthread_mutex_unlock(&guests_lock);
	if (rc < 0) {
		conn_fail(j->conn, code_of(rc), "guest \"%s\": %s", t.name,
			  ctrl_error(ctrl));
		return;
	}
	devices_rename_guest(t.domid, to);
	journal_line("guest \"%s\": its name is \"%s\" now", t.name, to);
	conn_ok(j->conn, json_pack("{s:i, s:s}", "id", t.domid, "name", to));
}

/* ---- Devices ---- */

/* The running guest of a request that is ours to give devices to. */
static bool target_ours(struct ctrl *ctrl, struct conn *c, const char *name,
			struct target *t)
{
	if (!target_running(ctrl, c, name, t))
		return false;
	if (t->managed)
		return true;
	conn_fail(c, CODE_UNSUPPORTED, "guest \"%s\": it was made by another program, which has to serve its devices",
		  t->name);
	return false;
}

/* The lone device of a request; NULL when it has been answered. */
static struct guest_config *read_device(struct job *j, bool disk)
{
	const char *file;
	struct guest_config *config = read_document(j, "device",
						    guest_device_parse, &file);

	if (!config || (disk ? config->disk_count : config->nic_count))
		return config;
	conn_fail(j->conn, CODE_USAGE, "%s: it describes no %s", file, disk ?
		  "disk" : "interface");
	guest_config_free(config);
	return NULL;
}

/* What the guest has now is what it is started again with. */
static void edit_document(const struct target *t, const char *add,
			  const char *drop)
{
	struct guest *g;
	char *xml;

	pthread_mutex_lock(&guests_lock);
	g = guest_by_domid(t->domid);
	xml = g && g->xml && (add || drop) ?
	      guest_config_edit(g->xml, strlen(g->xml), add, drop) : NULL;
	if (xml) {
		guest_set(&g->xml, xml);
		guest_record_save(g);
	}
	pthread_mutex_unlock(&guests_lock);
	free(xml);
}

static bool is_disk(struct job *j)
{
	return strstr(request_string(j->request, "do"), "disk");
}

static unsigned int seconds_of(struct job *j)
{
	unsigned int n = request_number(j->request, "timeout");

	return n ? n : DEVICE_SECONDS;
}

void life_attach(struct worker *w, struct job *j)
{
	struct guest_config *config;
	char *device, *xml, *why = NULL;
	const char *name;
	struct ctrl *ctrl = job_begin(w, j, &name);
	struct target t;
	int rc;

	if (!ctrl || !target_ours(ctrl, j->conn, name, &t))
		return;
	config = read_device(j, is_disk(j));
	if (!config)
		return;
	rc = device_attach(ctrl, config, t.domid, t.name, life_lives,
			   seconds_of(j), &device, &xml, &why);
	guest_config_free(config);
	if (rc < 0) {
		conn_fail(j->conn, code_of(rc), "%s", why ? why :
			  strerror(-rc));
	} else {
		edit_document(&t, xml, NULL);
		journal_line("guest \"%s\": %s attached", t.name, device);
		if (rc)
			conn_note(j->conn, json_pack("{s:s}", "warning",
				"the guest has not connected to it yet"));
		conn_ok(j->conn, json_pack("{s:i, s:s*, s:s}", "id", t.domid,
					   "device", device, "text", ""));
	}
	free(device);
	free(xml);
	free(why);
}

void life_detach(struct worker *w, struct job *j)
{
	const char *device = request_string(j->request, "device"), *name;
	struct ctrl *ctrl = job_begin(w, j, &name);
	struct target t;
	char *xml, *why;
	int rc;

	if (!ctrl || !target_ours(ctrl, j->conn, name, &t))
		return;
	if (!device) {
		conn_fail(j->conn, CODE_USAGE, "no device is named");
		return;
	}
	rc = device_detach(t.domid, is_disk(j) ? DEVICE_VBD : DEVICE_VIF,
			   device, seconds_of(j), request_flag(j->request,
							       "force"), &xml,
			   &why);
	if (rc < 0) {
		conn_fail(j->conn, code_of(rc), "guest \"%s\": %s", t.name,
			  why ? why : strerror(-rc));
	} else {
		edit_document(&t, NULL, xml);
		journal_line("guest \"%s\": %s detached", t.name, device);
		conn_ok(j->conn, json_pack("{s:i}", "id", t.domid));
	}
	free(xml);
	free(why);
}

void life_resize(struct worker *w, struct job *j)
{
	const char *device = request_string(j->request, "device"), *name;
	json_int_t size = json_integer_value(json_object_get(j->request,
							     "size"));
	struct ctrl *ctrl = job_begin(w, j, &name);
	struct target t;
	char *why;
	int rc;

	if (!ctrl || !target_ours(ctrl, j->conn, name, &t))
		return;
	if (!device || size < 0) {
		conn_fail(j->conn, CODE_USAGE, "no device is named, or no size");
		return;
	}
	rc = device_resize(t.domid, device, (uint64_t)size, &why);
	if (rc < 0)
		conn_fail(j->conn, code_of(rc), "guest \"%s\": %s", t.name,
			  why ? why : strerror(-rc));
	else
		conn_ok(j->conn, json_pack("{s:i}", "id", t.domid));
	free(why);
}

void life_devices(struct worker *w, struct job *j)
{
	enum device_kind kind = is_disk(j) ? DEVICE_VBD : DEVICE_VIF;
	const char *name;
	struct ctrl *ctrl = job_begin(w, j, &name);
	struct target t;
	char *text;

	if (!ctrl || !target_find(ctrl, j->conn, name, false, &t))
		return;
	if (request_flag(j->request, "json")) {
		conn_ok(j->conn, json_pack("{s:{s:i, s:o}}", "json", "version",
			1, kind == DEVICE_VBD ? "disks" : "interfaces",
			devices_json(t.domid, kind)));
		return;
	}
	text = devices_text(t.domid, kind);
	conn_ok(j->conn, json_pack("{s:s}", "text", text ? text : ""));
	free(text);
}

void life_info(struct worker *w, struct job *j)
{
	const char *name;
	struct ctrl *ctrl = job_begin(w, j, &name);

	if (ctrl)
		view_guest(j->conn, ctrl, name, request_flag(j->request,
							     "json"));
}

/* Whether the guest's kernel has said that it acts on such requests. */
static bool guest_listens(struct ctrl *ctrl, uint16_t domid, const char *what)
{
	struct ctrl_store *s = ctrl_store(ctrl);
	char path[64], value[8];

	snprintf(path, sizeof(path), "/local/domain/%u/control/feature-%s",
		 domid, what);
	return s && ctrl_store_read_into(s, 0, path, value,
					 sizeof(value)) >= 0 &&
	       !strcmp(value, "1");
}

void life_request(struct worker *w, struct job *j)
{
	const char *word = request_string(j->request, "do");
	const char *what = !strcmp(word, "reboot") ? "reboot" : "poweroff";
	bool wait = request_flag(j->request, "wait");
	struct ctrl_domain_info info;
	const char *name;
	struct ctrl *ctrl = job_begin(w, j, &name);
	struct target t;
	int rc;

	if (!ctrl || !target_running(ctrl, j->conn, name, &t))
		return;
	rc = ctrl_domain_info(ctrl, t.domid, &info);
	if (!rc && info.paused) {
		conn_fail(j->conn, CODE_FAILURE, "guest \"%s\": it is paused and cannot answer; ctl unpause lets it run",
			  t.name);
		return;
	}
	if (!rc && !guest_listens(ctrl, t.domid, what)) {
		char text[200];

		snprintf(text, sizeof(text), "guest \"%s\": its kernel has not said that it listens to such requests; it may be starting still",
			 t.name);
		conn_note(j->conn, json_pack("{s:s}", "warning", text));
	}
	if (wait)
		conn_wait_end(j->conn, t.domid, t.name,
			      request_number(j->request, "timeout"));
	if (!rc)
		rc = ctrl_guest_request(ctrl, t.domid, what);
	if (rc < 0) {
		if (!wait || conn_wait_cancel(j->conn))
			conn_fail(j->conn, code_of(rc), "guest \"%s\": %s",
				  t.name, ctrl_error(ctrl));
		return;
	}
	if (!wait)
		conn_ok(j->conn, json_pack("{s:i}", "id", t.domid));
	else if (!t.managed)
		server_scan_soon();
}

/* ---- The hypervisor's log ---- */

static char *hypervisor_log(struct ctrl *ctrl, bool clear, size_t *len)
{
	size_t room = 64 << 10, have = 0;
	char *text = malloc(room);
	uint32_t index = 0;
	long n;

	while (text && have < HYP_LOG_MAX) {
		n = ctrl_log_read(ctrl, text + have, room - have, &index,
				  clear);
		if (n <= 0)
			break;
		have += (size_t)n;
		if (have == room) {
			char *grown = realloc(text, room *= 2);

			if (!grown)
				break;
			text = grown;
		}
	}
	*len = have;
	return text;
}

/* The log may hold any byte; JSON takes UTF-8. */
static void make_ascii(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c >= 0x7f)
			s[i] = '?';
	}
}

void life_dmesg(struct worker *w, struct job *j)
{
	const char *name;
	struct ctrl *ctrl = job_begin(w, j, &name);
	size_t len;
	char *text;

	if (!ctrl)
		return;
	text = hypervisor_log(ctrl, request_flag(j->request, "clear"), &len);
	if (!text) {
		conn_fail(j->conn, CODE_FAILURE, "out of memory");
		return;
	}
	make_ascii(text, len);
	conn_ok(j->conn, json_pack("{s:s%}", "text", text, len));
	free(text);
}

/* ---- A guest ended by itself ---- */

/* What the hypervisor said when it was the one who killed the guest. */
static bool kill_reason(struct ctrl *ctrl, uint16_t domid, char *out, size_t n)
{
	size_t len;
	char *log = hypervisor_log(ctrl, false, &len);
	bool found = log && hyplog_reason(log, len, domid, out, n);

	free(log);
	return found;
}

/* A name beside NAME that nobody has: NAME-1, NAME-2 ...  guests_lock held. */
static void spare_name(const char *name, char out[GUEST_NAME_MAX + 1])
{
	int len = (int)utf8_cut(name, 50);

	for (unsigned int i = 1; ; i++) {
		snprintf(out, GUEST_NAME_MAX + 1, "%.*s-%u", len, name, i);
		if (!guest_by_name(out))
			return;
	}
}

static void keep(struct guest *g, const char *reason, const char *detail)
{
	pthread_mutex_lock(&guests_lock);
	guest_set(&g->reason, reason);
	guest_set(&g->detail, detail);
	g->ended = journal_now();
	g->life = GUEST_KEPT;
	guest_record_save(g);
	pthread_mutex_unlock(&guests_lock);
}

static int take_down(struct worker *w, struct ctrl *ctrl, struct guest *g)
{
	int rc = ctrl_guest_destroy(ctrl, g->domid);

	if (!rc || rc == -ESRCH)
		return 0;
	journal_line("guest \"%s\": it cannot be removed: %s", g->name,
		 ctrl_error(ctrl));
	worker_drop_ctrl(w);
	return rc;
}

static void bury(struct guest *g, const char *reason, const char *detail)
{
	pthread_mutex_lock(&guests_lock);
	guest_bury(g, reason, detail);
	pthread_mutex_unlock(&guests_lock);
}

/*
 * Starts a guest anew from what OLD was made of.  OLD is out of the way
 * already (destroyed, or renamed); NAME and the rest are copies.
 */
static void start_again(struct worker *w, const struct guest *old,
			const char *name, unsigned int short_lives)
{
	struct guest_config_report report;
	struct guest_config *config = NULL;
	struct teller nobody = { 0 };
	struct guest *g;
	char *why = NULL, *detail = NULL;
	int rc;

	rc = guest_config_parse(old->xml, strlen(old->xml), old->file, &config,
				&report);
	guest_config_report_free(&report);
	if (rc) {
		journal_line("guest \"%s\": it is not started again: its description cannot be read",
			 name);
		return;
	}
	free(config->name);
	config->name = strdup(name);
	pthread_mutex_lock(&guests_lock);
	g = config->name && !guest_by_name(name) ?
	    guest_add(name, old->uuid) : NULL;
	if (g) {
		g->managed = true;
		guest_set(&g->file, old->file);
		guest_set(&g->xml, old->xml);
		g->on_poweroff = old->on_poweroff;
		g->on_reboot = old->on_reboot;
		g->on_crash = old->on_crash;
		g->short_lives = short_lives;
		g->restarts = old->restarts + 1;
	}
	pthread_mutex_unlock(&guests_lock);
	if (!g) {
		journal_line("guest \"%s\": it is not started again: its name is taken",
			 name);
		goto out;
	}
	rc = launch(w, g, config, false, &nobody, &why);
	if (rc < 0) {
		journal_line("guest \"%s\": it cannot be started again: %s", name,
			 why ? why : strerror(-rc));
		if (asprintf(&detail, "it could not be started again: %s",
			     why ? why : strerror(-rc)) < 0)
			detail = NULL;
		bury(g, "restart-failed", detail);
		free(detail);
		free(why);
		goto out;
	}
	journal_line("guest \"%s\": started again", name);
out:
	guest_config_free(config);
}

/* A copy that outlives the table's; freed with guest_fields_free(). */
static void guest_copy(struct guest *to, const struct guest *from)
{
	*to = *from;
	to->name = strdup(from->name);
	to->file = strdup(from->file ? from->file : "guest");
	to->xml = strdup(from->xml ? from->xml : "");
	to->reason = to->detail = to->finish = NULL;
}

/* rename-restart: the dead one makes room for the name and is kept. */
static void rename_away(struct ctrl *ctrl, struct guest *g)
{
	char spare[GUEST_NAME_MAX + 1];

	pthread_mutex_lock(&guests_lock);
	spare_name(g->name, spare);
	guest_set(&g->name, spare);
	/* Two guests with one UUID would be one too many. */
	make_uuid(g->uuid);
	pthread_mutex_unlock(&guests_lock);
	if (ctrl_guest_rename(ctrl, g->domid, spare) < 0)
		journal_line("guest \"%s\": %s", spare, ctrl_error(ctrl));
}

/* The kept one has a successor. */
static void finished(uint16_t domid)
{
	struct guest *g;

	pthread_mutex_lock(&guests_lock);
	g = guest_by_domid(domid);
	if (g) {
		guest_set(&g->finish, NULL);
		guest_record_save(g);
	}
	pthread_mutex_unlock(&guests_lock);
}

/* G, whose domain is gone, makes room for its next life; until that has a
 * record, its own says what is to be done. */
static void replace(struct worker *w, struct guest *g, const struct guest *old,
		    const char *reason, const char *detail)
{
	pthread_mutex_lock(&guests_lock);
	guest_bury_unfinished(g, reason, detail);
	pthread_mutex_unlock(&guests_lock);
	start_again(w, old, old->name, old->short_lives);
	guest_record_drop(old->domid);
}

/* What a supervisor before this one had begun. */
static void life_finish(struct worker *w, struct job *j)
{
	struct ctrl *ctrl;
	struct guest *g, old;
	const char *why;
	char *name;

	pthread_mutex_lock(&guests_lock);
	g = guest_by_domid(j->domid);
	pthread_mutex_unlock(&guests_lock);
	ctrl = worker_ctrl(w, &why);
	if (!g || !ctrl)
		return;
	guest_copy(&old, g);
	name = strdup(g->finish);
	if (j->shutdown) {		/* it is kept, and stays so */
		g->life = GUEST_KEPT;
		make_uuid(old.uuid);
		start_again(w, &old, name, old.short_lives);
		finished(old.domid);
	} else {
		journal_line("guest \"%s\": its end is finished now", old.name);
		devices_end_guest(old.domid);
		if (take_down(w, ctrl, g))
			keep(g, "destroyed", "its end was interrupted");
		else if (*name)
			replace(w, g, &old, "restart",
				"a supervisor died while it was started again");
		else
			bury(g, "destroyed", "on request");
	}
	free(name);
	guest_fields_free(&old);
	server_guest_ended(j->domid, "destroyed");
}

static void act(struct worker *w, struct ctrl *ctrl, struct guest *g,
		const struct policy_verdict *v, const char *reason,
		const char *detail)
{
	struct guest old;

	if (v->action == GUEST_ACTION_RESTART ||
	    v->action == GUEST_ACTION_RENAME_RESTART) {
		g->short_lives = v->short_lives;
		intend(g, g->name);
	}
	/* Also a guest that is kept for a look lets go of its disks. */
	devices_end_guest(g->domid);
	guest_copy(&old, g);
	switch (v->action) {
	case GUEST_ACTION_PRESERVE:
		keep(g, reason, detail);
		break;
	case GUEST_ACTION_DESTROY:
		if (take_down(w, ctrl, g))
			keep(g, reason, detail);
		else
			bury(g, reason, detail);
		break;
	case GUEST_ACTION_RENAME_RESTART:
		rename_away(ctrl, g);
		keep(g, reason, detail);
		start_again(w, &old, old.name, v->short_lives);
		finished(old.domid);
		break;
	case GUEST_ACTION_RESTART:
		if (take_down(w, ctrl, g)) {
			guest_set(&g->finish, NULL);
			keep(g, reason, detail);
			break;
		}
		replace(w, g, &old, reason, detail);
		break;
	}
	guest_fields_free(&old);
}

/* Is there such a node, and with nothing in it? */
static bool is_empty(struct ctrl_store *s, const char *path)
{
	char value[64];

	return !ctrl_store_read_into(s, 0, path, value, sizeof(value)) &&
	       !value[0];
}

/*
 * What a guest wrote stays in its ring until consoled, which meets guests in
 * its own time, has mapped that; the name of a terminal says so.  A guest may
 * be over before.  Then its last words wait for their listener, if one runs.
 */
static void await_console(struct ctrl *ctrl, uint16_t domid)
{
	const uint64_t end = journal_boot_ns() + CONSOLE_MS * 1000000ull;
	struct ctrl_store *s = ctrl_store(ctrl);
	struct pollfd fd = { .events = POLLIN };
	const char *where, *token;
	char path[48], consoled[8];
	uint64_t now;

	snprintf(path, sizeof(path), "/local/domain/%u/console/tty", domid);
	if (!s || !is_empty(s, path) ||
	    ctrl_store_read_into(s, 0, "/tool/xenconsoled/domid", consoled,
				 sizeof(consoled)) ||
	    ctrl_store_watch(s, path, "tty"))
		return;
	fd.fd = ctrl_store_fd(s);
	do {
		while (ctrl_store_event(s, &where, &token) > 0)
			;
		if (!is_empty(s, path))
			break;
		now = journal_boot_ns();
		if (now >= end || ctrl_store_pending(s))
			continue;
		job_waits(true);
		poll(&fd, 1, (int)((end - now) / 1000000) + 1);
		job_waits(false);
	} while (now < end);
	ctrl_store_unwatch(s, path, "tty");
	while (ctrl_store_event(s, &where, &token) > 0)
		;
}

/* The guest is ENDING since the scan that found it. */
void life_react(struct worker *w, struct job *j)
{
	const char *reason = policy_reason(j->shutdown), *why;
	struct ctrl *ctrl = worker_ctrl(w, &why);
	char killed[400] = "", detail[700];
	struct policy_verdict v;
	enum guest_action action;
	struct guest *g;
	uint64_t uptime;

	pthread_mutex_lock(&guests_lock);
	g = guest_by_domid(j->domid);
	pthread_mutex_unlock(&guests_lock);
	if (!g)
		return;
	if (!ctrl) {
		keep(g, reason, NULL);
		return;
	}
	policy_action(j->shutdown, g->on_poweroff, g->on_reboot, g->on_crash,
		      &action);
	uptime = (journal_boot_ns() - g->born_ns) / 1000000000u;
	v = policy_decide(action, uptime, g->short_lives);
	if (!strcmp(reason, "crash") &&
	    !kill_reason(ctrl, j->domid, killed, sizeof(killed)))
		killed[0] = '\0';
	snprintf(detail, sizeof(detail), "%s%s%s", killed,
		 killed[0] && v.gave_up ? "; " : "", v.gave_up ?
		 "not started again: it ended too soon, too often" : "");
	journal_line("guest \"%s\": domain %u ended (%s) after %llu s; the action is %s%s%s",
		 g->name, j->domid, reason, (unsigned long long)uptime,
		 guest_action_name(v.action), detail[0] ? ": " : "", detail);
	if (v.gave_up)
		journal_line("guest \"%s\": %u lives in a row were shorter than %u s; giving up",
			 g->name, v.short_lives, BRAKE_SECONDS);
	await_console(ctrl, j->domid);
	act(w, ctrl, g, &v, reason, detail[0] ? detail : NULL);
	server_guest_ended(j->domid, reason);
}

/* ---- Scans ---- */

/* All domains there are; the count, or -errno.  The caller frees. */
static int all_domains(struct ctrl *ctrl, struct ctrl_domain_info **out)
{
	struct ctrl_domain_info *all = NULL, *grown;
	size_t have = 0;
	uint16_t first = 1;
	int n;

	do {
		grown = reallocarray(all, have + DOMAINS_AT_ONCE,
				     sizeof(*all));
		if (!grown) {
			free(all);
			return -ENOMEM;
		}
		all = grown;
		n = ctrl_domain_list(ctrl, first, all + have,
				     DOMAINS_AT_ONCE);
		if (n < 0) {
			free(all);
			return n;
		}
		have += (size_t)n;
		if (n)
			first = (uint16_t)(all[have - 1].domid + 1);
	} while (n == DOMAINS_AT_ONCE);
	*out = all;
	return (int)have;
}

static const struct ctrl_domain_info *
find_domain(const struct ctrl_domain_info *all, int n, uint16_t domid)
{
	int low = 0;

	/* They come ordered by id. */
	while (low < n) {
		int middle = low + (n - low) / 2;

		if (all[middle].domid == domid)
			return &all[middle];
		if (all[middle].domid < domid)
			low = middle + 1;
		else
			n = middle;
	}
	return NULL;
}

static void scan_one(struct guest *g, const struct ctrl_domain_info *info)
{
	uint16_t domid = g->domid;

	if (!info && !g->managed) {
		guest_forget(g);
	} else if (!info) {
		journal_line("guest \"%s\": domain %u is gone; another program removed it",
			 g->name, domid);
		guest_bury(g, g->reason ? g->reason : "gone", g->reason ?
			   g->detail : "another program removed it");
	} else if (g->life == GUEST_LIVE && g->managed &&
		   info->shutdown >= 0 && info->shutdown !=
		   CTRL_SHUTDOWN_SUSPEND) {
		g->life = GUEST_ENDING;
		job_submit(&(struct job){ .run = life_react, .domid = domid,
					  .shutdown = info->shutdown });
	}
}

void life_scan(struct ctrl *ctrl)
{
	struct ctrl_domain_info *all;
	struct guest *g, *next;
	uint16_t gone[64];
	size_t gone_count = 0;
	int n;

	/* A guest that comes into the table after the domains were listed is
	 * not in the list, and yet not gone. */
	pthread_mutex_lock(&guests_lock);
	for (g = guest_first(); g; g = g->next)
		g->in_scan = g->life == GUEST_LIVE || g->life == GUEST_KEPT;
	pthread_mutex_unlock(&guests_lock);
	n = all_domains(ctrl, &all);
	if (n < 0) {
		journal_line("the domains cannot be listed: %s", ctrl_error(ctrl));
		return;
	}
	pthread_mutex_lock(&guests_lock);
	for (g = guest_first(); g; g = next) {
		const struct ctrl_domain_info *info;

		next = g->next;
		if (!g->in_scan || g->life == GUEST_STARTING ||
		    g->life == GUEST_ENDING)
			continue;
		info = find_domain(all, n, g->domid);
		if (!info && gone_count < 64)
			gone[gone_count++] = g->domid;
		scan_one(g, info);
	}
	pthread_mutex_unlock(&guests_lock);
	free(all);
	for (size_t i = 0; i < gone_count; i++)
		server_guest_ended(gone[i], "gone");
}

/* ---- Taking over ---- */

/* Domains that no record names: of another tool, or half made. */
static void adopt(struct ctrl *ctrl, const struct ctrl_domain_info *info)
{
	char name[GUEST_NAME_MAX + 1];
	struct guest *g = guest_by_domid(info->domid);

	if (g)
		return;
	g = guest_starting(info->uuid);
	if (g) {
		journal_line("domain %u was being made when a supervisor died; it is removed",
			 info->domid);
		if (ctrl_guest_destroy(ctrl, info->domid) < 0)
			journal_line("domain %u: %s", info->domid,
				 ctrl_error(ctrl));
		return;
	}
	if (ctrl_guest_name(ctrl, info->domid, name, sizeof(name)) < 0)
		snprintf(name, sizeof(name), "(domain %u)", info->domid);
	g = guest_add(name, info->uuid);
	if (g) {
		g->domid = info->domid;
		g->life = GUEST_LIVE;
	}
}

bool life_lives(uint16_t domid)
{
	const struct guest *g;
	bool lives;

	pthread_mutex_lock(&guests_lock);
	g = guest_by_domid(domid);
	lives = g && g->managed && g->life == GUEST_LIVE;
	pthread_mutex_unlock(&guests_lock);
	return lives;
}

void life_take_over(struct ctrl *ctrl)
{
	struct ctrl_domain_info *all;
	struct guest *g, *next;
	int n = all_domains(ctrl, &all);
	unsigned int found = 0;

	if (n < 0) {
		journal_line("the domains cannot be listed: %s", ctrl_error(ctrl));
		return;
	}
	pthread_mutex_lock(&guests_lock);
	for (int i = 0; i < n; i++)
		adopt(ctrl, &all[i]);
	for (g = guest_first(); g; g = next) {
		next = g->next;
		if (g->life == GUEST_STARTING) {
			guest_forget(g);
			continue;
		}
		found++;
		if (g->finish) {
			job_submit(&(struct job){ .run = life_finish,
				.domid = g->domid,
				.shutdown = g->life == GUEST_KEPT });
			g->life = GUEST_ENDING;
		}
	}
	pthread_mutex_unlock(&guests_lock);
	free(all);
	if (found)
		journal_line("took over %u guests", found);
	life_scan(ctrl);
}
