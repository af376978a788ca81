/* SPDX-License-Identifier: MIT */
/*
 * What list and info say, for people and for programs.
 *
 * The table of list is for people, and for awk by its columns.  JSON objects carry "version": 1; members may be added, none
 * changes its meaning or goes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "file.h"
#include "journal.h"
#include "policy.h"
#include "sentence.h"
#include "supervisor.h"

#define DOMAINS_AT_ONCE 128

/* One domain as we show it: the hypervisor's part, and ours copied. */
struct row {
	struct ctrl_domain_info info;
	char name[GUEST_NAME_MAX + 1];
};

static const char *state_word(const struct ctrl_domain_info *i)
{
	if (i->dying)
		return "dying";
	if (i->shutdown == CTRL_SHUTDOWN_CRASH ||
	    i->shutdown == CTRL_SHUTDOWN_WATCHDOG)
		return "crashed";
	if (i->shutdown >= 0)
		return "ended";
	if (i->paused)
		return "paused";
	if (i->running || !i->blocked)
		return "running";
	return "idle";
}

/* Other tools may have written any bytes, of which no line could be sent. */
static bool is_utf8(const char *text)
{
	json_t *s = json_string(text);
	bool is = s;

	json_decref(s);
	return is;
}

/* The name of a domain; those of other tools are asked for once. */
static void row_name(struct row *r, struct ctrl *ctrl)
{
	struct guest *g;

	r->name[0] = '\0';
	if (!r->info.domid) {
		strcpy(r->name, "Domain-0");
		return;
	}
	pthread_mutex_lock(&guests_lock);
	g = guest_by_domid(r->info.domid);
	if (g)
		snprintf(r->name, sizeof(r->name), "%s", g->name);
	else if ((g = guest_by_uuid(r->info.uuid)))
		snprintf(r->name, sizeof(r->name), "%s", g->name);
	pthread_mutex_unlock(&guests_lock);
	if ((!r->name[0] && ctrl_guest_name(ctrl, r->info.domid, r->name,
					    sizeof(r->name)) < 0) ||
	    !is_utf8(r->name))
		strcpy(r->name, "(null)");
}

static int list_rows(struct ctrl *ctrl, struct row **out)
{
	struct ctrl_domain_info infos[DOMAINS_AT_ONCE];
	struct row *rows = NULL, *grown;
	uint16_t first = 0;
	size_t have = 0;
	int n;

	do {
		n = ctrl_domain_list(ctrl, first, infos, DOMAINS_AT_ONCE);
		grown = n < 0 ? NULL : reallocarray(rows, have + (size_t)n + 1,
						    sizeof(*rows));
		if (!grown) {
			free(rows);
			return n < 0 ? n : -1;
		}
		rows = grown;
		for (int i = 0; i < n; i++) {
			rows[have].info = infos[i];
			row_name(&rows[have++], ctrl);
		}
		if (n)
			first = (uint16_t)(infos[n - 1].domid + 1);
	} while (n == DOMAINS_AT_ONCE);
	*out = rows;
	return (int)have;
}

static json_t *row_json(const struct row *r)
{
	const struct ctrl_domain_info *i = &r->info;
	char uuid[UUID_TEXT];
	json_t *o;

	uuid_format(i->uuid, uuid);
	o = json_pack("{s:i, s:s, s:s, s:s}", "id", i->domid, "name", r->name,
		      "uuid", uuid, "state", state_word(i));
	json_object_update_new(o, json_pack("{s:s?, s:i, s:i, s:I, s:I, s:I}",
		"reason", i->shutdown >= 0 ? policy_reason(i->shutdown) : NULL,
		"vcpus", (int)i->vcpus_online, "max_vcpus", (int)i->vcpus,
		"mem_kib", (json_int_t)i->memory_kib,
		"max_kib", (json_int_t)i->max_kib,
		"cpu_ns", (json_int_t)i->cpu_ns));
	return o;
}

static char *rows_text(const struct row *rows, int n)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out, "%-32s %5s %7s %5s  %-8s %9s\n", "Name", "ID", "Mem",
		"VCPUs", "State", "Time(s)");
	for (int i = 0; i < n; i++) {
		const struct ctrl_domain_info *d = &rows[i].info;

		fprintf(out, "%-32s %5u %7llu %5u  %-8s %7llu.%llu\n",
			rows[i].name, d->domid,
			(unsigned long long)(d->memory_kib + d->claimed_kib) /
			1024, d->vcpus_online, state_word(d),
			(unsigned long long)d->cpu_ns / 1000000000u,
			(unsigned long long)d->cpu_ns / 100000000u % 10);
	}
	fclose(out);
	return text;
}

void view_list(struct conn *c, struct ctrl *ctrl, bool json)
{
	struct row *rows;
	int n = list_rows(ctrl, &rows);

	if (n < 0) {
		conn_fail(c, CODE_FAILURE, "the domains cannot be listed: %s",
			  ctrl_error(ctrl));
		return;
	}
	if (json) {
		json_t *all = json_array();

		for (int i = 0; i < n; i++)
			json_array_append_new(all, row_json(&rows[i]));
		conn_ok(c, json_pack("{s:{s:i, s:o}}", "json", "version", 1,
				     "domains", all));
	} else {
		char *text = rows_text(rows, n);

		conn_ok(c, json_pack("{s:s}", "text", text ? text : ""));
		free(text);
	}
	free(rows);
}

/* ---- One guest ---- */

/* A copy of what the table or the epitaphs know. */
struct known {
	bool found, ended;
	uint16_t domid;
	enum guest_life life;
	bool managed;
	char name[GUEST_NAME_MAX + 1], uuid[UUID_TEXT];
	char reason[32], detail[700];
	int64_t started, ended_at;
	uint64_t born_ns;
	unsigned int restarts, short_lives;
	enum guest_action on_poweroff, on_reboot, on_crash;
	/* How the life before this one ended. */
	char last_reason[32], last_detail[700];
	int64_t last_ended;
};

static void copy_text(char *out, size_t size, const char *text)
{
	size_t n = utf8_cut(text ? text : "", size - 1);

	memcpy(out, text ? text : "", n);
	out[n] = '\0';
}

static void known_fill(struct known *k, const struct guest *g)
{
	k->found = true;
	k->domid = g->domid;
	k->life = g->life;
	k->managed = g->managed;
	snprintf(k->name, sizeof(k->name), "%s", g->name);
	uuid_format(g->uuid, k->uuid);
	snprintf(k->reason, sizeof(k->reason), "%s", g->reason ? g->reason :
		 "");
	copy_text(k->detail, sizeof(k->detail), g->detail);
	k->started = g->started;
	k->ended_at = g->ended;
	k->born_ns = g->born_ns;
	k->restarts = g->restarts;
	k->short_lives = g->short_lives;
	k->on_poweroff = g->on_poweroff;
	k->on_reboot = g->on_reboot;
	k->on_crash = g->on_crash;
}

static void known_find(struct known *k, const char *name)
{
	const struct guest *g, *e;

	memset(k, 0, sizeof(*k));
	pthread_mutex_lock(&guests_lock);
	g = guest_find(name);
	e = guest_epitaph(g ? g->name : name);
	if (g)
		known_fill(k, g);
	else if (e)
		known_fill(k, e);
	k->ended = !g && e;
	if (g && e) {
		snprintf(k->last_reason, sizeof(k->last_reason), "%s",
			 e->reason);
		copy_text(k->last_detail, sizeof(k->last_detail), e->detail);
		k->last_ended = e->ended;
	}
	pthread_mutex_unlock(&guests_lock);
}

static void put_time(json_t *o, const char *key, int64_t t)
{
	char text[32];
	time_t tt = (time_t)t;
	struct tm tm;

	if (!t)
		return;
	gmtime_r(&tt, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(o, key, json_string(text));
}

static void put_text(json_t *o, const char *key, const char *value)
{
	if (value[0])
		json_object_set_new(o, key, json_string(value));
}

static json_t *known_json(const struct known *k,
			  const struct ctrl_domain_info *i)
{
	json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:b}", "name",
			      is_utf8(k->name) ? k->name : "(null)",
			      "id", k->domid, "uuid", k->uuid, "state",
			      k->ended ? "gone" : i ? state_word(i) :
			      guest_life_name(k->life), "managed",
			      k->managed);

	put_text(o, "reason", k->reason);
	put_text(o, "detail", k->detail);
	put_time(o, "started", k->started);
	put_time(o, "ended", k->ended_at);
	if (i)
		json_object_update_new(o,
			json_pack("{s:i, s:i, s:I, s:I, s:I, s:I}",
				  "vcpus", (int)i->vcpus_online,
				  "max_vcpus", (int)i->vcpus,
				  "mem_kib", (json_int_t)i->memory_kib,
				  "max_kib", (json_int_t)i->max_kib,
				  "cpu_ns", (json_int_t)i->cpu_ns,
				  "uptime_s", (json_int_t)(k->born_ns ?
				  (journal_boot_ns() - k->born_ns) / 1000000000u :
				  0)));
	if (!k->managed)
		return o;
	json_object_update_new(o, json_pack("{s:s, s:s, s:s, s:i, s:i}",
		"on_poweroff", guest_action_name(k->on_poweroff),
		"on_reboot", guest_action_name(k->on_reboot),
		"on_crash", guest_action_name(k->on_crash),
		"restarts", (int)k->restarts,
		"short_lives", (int)k->short_lives));
	put_text(o, "last_reason", k->last_reason);
	put_text(o, "last_detail", k->last_detail);
	put_time(o, "last_ended", k->last_ended);
	return o;
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* One line per device; one that was stopped says what the guest did. */
static void devices_lines(FILE *out, const json_t *all)
{
	const json_t *o;
	size_t i;

	json_array_foreach(all, i, o) {
		const char *target = text_at(o, "target"), *reason;

		reason = text_at(o, "reason");
		fprintf(out, "%-16s %s, %s%s%s%s%s\n", *target ? "disk" :
			"interface", *target ? target : text_at(o, "interface"),
			text_at(o, "state"), *reason ? ": " : "", reason,
			*target ? ", " : "", *target ? text_at(o, "source") :
			"");
	}
}

/* An object as lines "key: value", in its order. */
static char *object_text(json_t *o)
{
	char *text = NULL;
	const char *key;
	size_t len;
	json_t *v;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	json_object_foreach(o, key, v) {
		if (json_is_string(v))
			fprintf(out, "%-16s %s\n", key, json_string_value(v));
		else if (json_is_integer(v))
			fprintf(out, "%-16s %lld\n", key,
				(long long)json_integer_value(v));
		else if (json_is_boolean(v))
			fprintf(out, "%-16s %s\n", key, json_is_true(v) ?
				"yes" : "no");
		else if (json_is_array(v))
			devices_lines(out, v);
	}
	fclose(out);
	return text;
}

/* Answers with O (used up) as JSON under KEY, or as lines. */
static void answer_object(struct conn *c, json_t *o, const char *key,
			  bool json)
{
	char *text;

	if (json) {
		conn_ok(c, json_pack("{s:{s:i, s:o}}", "json", "version", 1,
				     key, o));
		return;
	}
	text = object_text(o);
	json_decref(o);
	conn_ok(c, json_pack("{s:s}", "text", text ? text : ""));
	free(text);
}

static void put_devices(json_t *o, const char *key, uint16_t domid,
			enum device_kind kind)
{
	json_t *all = devices_json(domid, kind);

	if (json_array_size(all))
		json_object_set(o, key, all);
	json_decref(all);
}

void view_guest(struct conn *c, struct ctrl *ctrl, const char *name, bool json)
{
	struct ctrl_domain_info info;
	struct known k;
	bool alive;
	int domid;
	json_t *o;

	known_find(&k, name);
	if (!k.found || k.ended) {
		domid = ctrl_guest_find(ctrl, name);
		if (domid < 0 && !strcmp(name, "Domain-0"))
			domid = 0;
		if (domid >= 0 && !ctrl_domain_info(ctrl, (uint16_t)domid,
						    &info)) {
			struct row r = { .info = info };

			row_name(&r, ctrl);
			answer_object(c, row_json(&r), "guest", json);
			return;
		}
	}
	if (!k.found) {
		conn_fail(c, CODE_NOT_FOUND, "there is no guest \"%s\", and none that ended lately",
			  name);
		return;
	}
	alive = !k.ended && k.domid && !ctrl_domain_info(ctrl, k.domid, &info);
	o = known_json(&k, alive ? &info : NULL);
	if (alive && k.managed) {
		put_devices(o, "disks", k.domid, DEVICE_VBD);
		put_devices(o, "interfaces", k.domid, DEVICE_VIF);
	}
	answer_object(c, o, "guest", json);
}

/* ---- The machine, and a guest's document ---- */

/* What a daemon's keeper says of its deaths, if there is something to say. */
static void put_deaths(json_t *o, const char *daemon)
{
	char path[80], *text;
	size_t len = 0;

	snprintf(path, sizeof(path), RUN_DIR "/%s.deaths", daemon);
	text = file_read(AT_FDCWD, path, 400, &len);
	if (!text)
		return;
	text[strcspn(text, "\n")] = '\0';
	if (text[0])
		json_object_set_new(o, daemon, json_string(text));
	free(text);
}

void view_host(struct conn *c, struct ctrl *ctrl, bool json)
{
	struct ctrl_version v;
	struct ctrl_host h;
	unsigned int guests = 0;
	char version[64];
	json_t *o;

	if (ctrl_host(ctrl, &h) || ctrl_version(ctrl, &v)) {
		conn_fail(c, CODE_FAILURE, "%s", ctrl_error(ctrl));
		return;
	}
	pthread_mutex_lock(&guests_lock);
	for (const struct guest *g = guest_first(); g; g = g->next)
		guests++;
	pthread_mutex_unlock(&guests_lock);
	snprintf(version, sizeof(version), "%u.%u%s", v.major, v.minor,
		 v.extra);
	o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}",
		      "hypervisor", version,
		      "capabilities", v.capabilities,
		      "total_kib", (json_int_t)h.total_kib,
		      "free_kib", (json_int_t)h.free_kib,
		      "claimed_kib", (json_int_t)h.claimed_kib,
		      "scrub_kib", (json_int_t)h.scrub_kib);
	json_object_update_new(o, json_pack("{s:i, s:i, s:i, s:i, s:I, s:i}",
		"cpus", (int)h.cpus, "nodes", (int)h.nodes,
		"cores_per_socket", (int)h.cores_per_socket,
		"threads_per_core", (int)h.threads_per_core,
		"cpu_khz", (json_int_t)h.cpu_khz, "guests", (int)guests));
	json_object_update_new(o, json_pack("{s:s, s:s, s:s}",
		"compiler", v.compiler, "changeset", v.changeset,
		"command_line", v.command_line));
	put_deaths(o, "xenstored");
	put_deaths(o, "consoled");
	answer_object(c, o, "host", json);
}

void view_xml(struct conn *c, const char *name)
{
	char uuid[UUID_TEXT], *xml = NULL, *as_is = NULL, *gname = NULL;
	const struct guest *g;
	bool ours = false;

	pthread_mutex_lock(&guests_lock);
	g = guest_find(name);
	if (g && g->xml) {
		ours = true;
		uuid_format(g->uuid, uuid);
		as_is = strdup(g->xml);
		gname = strdup(g->name);
	}
	pthread_mutex_unlock(&guests_lock);
	if (ours && as_is && gname)
		xml = guest_config_amend(as_is, strlen(as_is), gname, uuid);
	if (xml)
		conn_ok(c, json_pack("{s:s}", "text", xml));
	else if (ours)
		conn_fail(c, CODE_FAILURE, "out of memory");
	else if (g)
		conn_fail(c, CODE_UNSUPPORTED, "guest \"%s\" was made by another program, so its description is not known",
			  name);
	else
		conn_fail(c, CODE_NOT_FOUND, "there is no guest \"%s\"", name);
	free(xml);
	free(as_is);
	free(gname);
}
