/* SPDX-License-Identifier: MIT */
/* The table of guests and their records; see guest.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "file.h"
#include "guest.h"
#include "journal.h"

#define RECORD_MAX (16u << 20)

pthread_mutex_t guests_lock = PTHREAD_MUTEX_INITIALIZER;

static struct guest *table;
/* A ring of the ended: the next one overwrites epitaphs[buried % MAX]. */
static struct guest epitaphs[EPITAPHS_MAX];
static uint64_t buried;
static int folder_fd = -1;

/* ---- Pure helpers ---- */

void uuid_format(const uint8_t uuid[16], char out[UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	char *p = out;

	for (unsigned int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid[i] >> 4];
		*p++ = digits[uuid[i] & 15];
	}
	*p = '\0';
}

static bool uuid_parse(const char *s, uint8_t out[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int byte;

		if (*s == '-')
			s++;
		if (sscanf(s, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
		s += 2;
	}
	return !*s;
}

static const char *const life_names[] = {
	[GUEST_STARTING] = "starting", [GUEST_LIVE] = "live",
	[GUEST_ENDING] = "ending", [GUEST_KEPT] = "kept",
};

const char *guest_life_name(enum guest_life life)
{
	return life_names[life];
}

char *guest_record_text(const struct guest *g)
{
	char uuid[UUID_TEXT], *text;
	json_t *o;

	uuid_format(g->uuid, uuid);
	o = json_pack("{s:i, s:s, s:i, s:b, s:s, s:s, s:s*, s:s*}",
		      "version", 1, "life", life_names[g->life],
		      "id", g->domid, "managed", g->managed,
		      "name", g->name, "uuid", uuid,
		      "file", g->file, "xml", g->xml);
	if (!o)
		return NULL;
	json_object_update_new(o,
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:s*, s:s*, s:s*}",
			  "on_poweroff", guest_action_name(g->on_poweroff),
			  "on_reboot", guest_action_name(g->on_reboot),
			  "on_crash", guest_action_name(g->on_crash),
			  "started", (json_int_t)g->started,
			  "ended", (json_int_t)g->ended,
			  "born_ns", (json_int_t)g->born_ns,
			  "short_lives", (int)g->short_lives,
			  "restarts", (int)g->restarts,
			  "reason", g->reason, "detail", g->detail,
			  "finish", g->finish));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static bool action_parse(const char *s, enum guest_action *out)
{
	for (int a = GUEST_ACTION_DESTROY; a <= GUEST_ACTION_RENAME_RESTART;
	     a++) {
		if (!strcmp(s, guest_action_name((enum guest_action)a))) {
			*out = (enum guest_action)a;
			return true;
		}
	}
	return false;
}

static bool life_parse(const char *s, enum guest_life *out)
{
	for (int i = GUEST_STARTING; i <= GUEST_KEPT; i++) {
		if (!strcmp(s, life_names[i])) {
			*out = (enum guest_life)i;
			return true;
		}
	}
	return false;
}

static int record_fields(json_t *o, struct guest *g)
{
	const char *name, *uuid, *life, *off, *reboot, *crash;
	const char *file = NULL, *xml = NULL, *reason = NULL, *detail = NULL;
	const char *finish = NULL;
	json_int_t started, ended, born;
	int version, domid, managed, lives, restarts;

	if (json_unpack(o, "{s:i, s:s, s:i, s:b, s:s, s:s, s:s, s:s, s:s}",
			"version", &version, "life", &life, "id", &domid,
			"managed", &managed, "name", &name, "uuid", &uuid,
			"on_poweroff", &off, "on_reboot", &reboot,
			"on_crash", &crash) ||
	    json_unpack(o, "{s:I, s:I, s:I, s:i, s:i, s?s, s?s, s?s, s?s, s?s}",
			"started", &started, "ended", &ended, "born_ns", &born,
			"short_lives", &lives, "restarts", &restarts,
			"file", &file, "xml", &xml, "reason", &reason,
			"detail", &detail, "finish", &finish))
		return -EINVAL;
	if (version != 1 || domid < 0 || domid > 0x7fef || lives < 0 ||
	    restarts < 0 || !uuid_parse(uuid, g->uuid) ||
	    !life_parse(life, &g->life) ||
	    !action_parse(off, &g->on_poweroff) ||
	    !action_parse(reboot, &g->on_reboot) ||
	    !action_parse(crash, &g->on_crash))
		return -EINVAL;
	g->domid = (uint16_t)domid;
	g->managed = managed;
	g->started = started;
	g->ended = ended;
	g->born_ns = (uint64_t)born;
	g->short_lives = (unsigned int)lives;
	g->restarts = (unsigned int)restarts;
	guest_set(&g->name, name);
	guest_set(&g->file, file);
	guest_set(&g->xml, xml);
	guest_set(&g->reason, reason);
	guest_set(&g->detail, detail);
	guest_set(&g->finish, finish);
	return g->name ? 0 : -ENOMEM;
}

int guest_record_parse(const char *text, size_t len, struct guest *g)
{
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	int rc;

	memset(g, 0, sizeof(*g));
	rc = o ? record_fields(o, g) : -EINVAL;
	json_decref(o);
	if (rc)
		guest_fields_free(g);
	return rc;
}

void guest_fields_free(struct guest *g)
{
	free(g->name);
	free(g->file);
	free(g->xml);
	free(g->reason);
	free(g->detail);
	free(g->finish);
	memset(g, 0, sizeof(*g));
}

/* ---- Files ---- */

static void record_path(const struct guest *g, char out[64])
{
	char uuid[UUID_TEXT];

	if (g->life == GUEST_STARTING) {
		uuid_format(g->uuid, uuid);
		snprintf(out, 64, "%s.starting", uuid);
	} else {
		snprintf(out, 64, "%u.json", g->domid);
	}
}

static int write_record(const char *path, const char *text, bool fresh)
{
	return file_write(folder_fd, path, text, strlen(text), 0600,
			  fresh ? FILE_PLAIN : FILE_WHOLE);
}

static int record_write(const struct guest *g, bool fresh)
{
	char path[64], *text = guest_record_text(g);
	int rc;

	if (!text)
		return -ENOMEM;
	record_path(g, path);
	rc = write_record(path, text, fresh);
	free(text);
	return rc;
}

/* The file says starting by its name, so it needs no second name to be
 * written under: half of one reads as a guest that has to be removed. */
int guest_record_starting(const struct guest *g)
{
	return record_write(g, true);
}

int guest_record_started(const struct guest *g)
{
	char uuid[UUID_TEXT], from[64], to[64];

	uuid_format(g->uuid, uuid);
	snprintf(from, sizeof(from), "%s.starting", uuid);
	record_path(g, to);
	return renameat(folder_fd, from, folder_fd, to) ? -errno : 0;
}

int guest_record_save(const struct guest *g)
{
	int rc = record_write(g, false);

	if (rc)
		journal_line("guest \"%s\": its record cannot be written: %s",
			 g->name, strerror(-rc));
	return rc;
}

static void record_remove(const struct guest *g)
{
	char path[64];

	record_path(g, path);
	unlinkat(folder_fd, path, 0);
}

static void epitaph_path(uint64_t slot, char out[64])
{
	snprintf(out, 64, "ended-%02u.json", (unsigned int)slot);
}

/* ---- The table ---- */

void guest_set(char **where, const char *value)
{
	char *s = value ? strdup(value) : NULL;

	free(*where);
	*where = s;
}

struct guest *guest_first(void)
{
	return table;
}

struct guest *guest_by_name(const char *name)
{
	for (struct guest *g = table; g; g = g->next) {
		if (!strcmp(g->name, name))
			return g;
	}
	return NULL;
}

struct guest *guest_by_domid(uint16_t domid)
{
	for (struct guest *g = table; g; g = g->next) {
		if (g->domid == domid && g->life != GUEST_STARTING)
			return g;
	}
	return NULL;
}

struct guest *guest_by_uuid(const uint8_t uuid[16])
{
	for (struct guest *g = table; g; g = g->next) {
		if (!memcmp(g->uuid, uuid, 16))
			return g;
	}
	return NULL;
}

struct guest *guest_starting(const uint8_t uuid[16])
{
	for (struct guest *g = table; g; g = g->next) {
		if (g->life == GUEST_STARTING && !memcmp(g->uuid, uuid, 16))
			return g;
	}
	return NULL;
}

static bool parse_domid(const char *s, uint16_t *out)
{
	unsigned long v;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno || *end || v >= 0x7ff0)
		return false;
	*out = (uint16_t)v;
	return true;
}

struct guest *guest_find(const char *name_or_id)
{
	uint16_t domid;

	if (parse_domid(name_or_id, &domid))
		return guest_by_domid(domid);
	return guest_by_name(name_or_id);
}

struct guest *guest_add(const char *name, const uint8_t uuid[16])
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->name = strdup(name);
	if (!g->name) {
		free(g);
		return NULL;
	}
	memcpy(g->uuid, uuid, 16);
	g->on_poweroff = g->on_crash = GUEST_ACTION_DESTROY;
	g->on_reboot = GUEST_ACTION_RESTART;
	g->next = table;
	table = g;
	return g;
}

static void unlink_guest(struct guest *g)
{
	struct guest **p = &table;

	while (*p != g)
		p = &(*p)->next;
	*p = g->next;
	g->next = NULL;
}

void guest_forget(struct guest *g)
{
	record_remove(g);
	unlink_guest(g);
	guest_fields_free(g);
	free(g);
}

void guest_record_drop(uint16_t domid)
{
	char path[64];

	snprintf(path, sizeof(path), "%u.json", domid);
	unlinkat(folder_fd, path, 0);
}

void guest_bury(struct guest *g, const char *reason, const char *detail)
{
	record_remove(g);
	guest_bury_unfinished(g, reason, detail);
}

void guest_bury_unfinished(struct guest *g, const char *reason,
			   const char *detail)
{
	uint64_t slot = buried++ % EPITAPHS_MAX;
	struct guest *e = &epitaphs[slot];
	char path[64], *text;

	unlink_guest(g);
	if (!g->ended)
		g->ended = journal_now();
	guest_set(&g->reason, reason);
	guest_set(&g->detail, detail);
	guest_fields_free(e);
	*e = *g;
	free(g);
	/* An epitaph needs no description any more. */
	guest_set(&e->xml, NULL);
	guest_set(&e->finish, NULL);
	text = guest_record_text(e);
	epitaph_path(slot, path);
	if (text)
		write_record(path, text, false);
	free(text);
}

const struct guest *guest_epitaph(const char *name_or_id)
{
	uint64_t n = buried < EPITAPHS_MAX ? buried : EPITAPHS_MAX;
	uint16_t domid;
	bool by_id = parse_domid(name_or_id, &domid);

	for (uint64_t i = 0; i < n; i++) {
		const struct guest *e =
			&epitaphs[(buried - 1 - i) % EPITAPHS_MAX];

		if (by_id ? e->domid == domid :
		    !strcmp(e->name, name_or_id))
			return e;
	}
	return NULL;
}

/* ---- Taking over ---- */

/* A record of a guest that was starting may be cut short; what matters is its
 * UUID, and that is its name. */
static void load_starting(const char *name, struct guest *read)
{
	char uuid_text[UUID_TEXT];
	uint8_t uuid[16];
	struct guest *g;

	snprintf(uuid_text, sizeof(uuid_text), "%.36s", name);
	if (!uuid_parse(uuid_text, uuid))
		return;
	g = guest_add(read->name ? read->name : uuid_text, uuid);
	if (g)
		g->life = GUEST_STARTING;
}

static void load_live(const struct guest *read)
{
	struct guest *g = guest_add(read->name, read->uuid);
	struct guest *next;

	if (!g)
		return;
	next = g->next;
	guest_fields_free(g);
	*g = *read;
	g->next = next;
	if (g->life == GUEST_ENDING)
		g->life = GUEST_LIVE;
}

static int by_end(const void *a, const void *b)
{
	const struct guest *x = a, *y = b;

	return (x->ended > y->ended) - (x->ended < y->ended);
}

static void load_one(const char *name)
{
	const char *dot = strrchr(name, '.');
	struct guest g = { 0 };
	size_t len = 0;
	char *text;
	int rc;

	if (!dot || (strcmp(dot, ".json") && strcmp(dot, ".starting"))) {
		if (dot && !strcmp(dot, ".tmp"))
			unlinkat(folder_fd, name, 0);
		return;
	}
	text = file_read(folder_fd, name, RECORD_MAX, &len);
	rc = text ? guest_record_parse(text, len, &g) : -EIO;
	free(text);
	if (!strcmp(dot, ".starting")) {
		load_starting(name, &g);
		guest_fields_free(&g);
	} else if (rc) {
		journal_line("the record %s is unreadable and is put aside", name);
		unlinkat(folder_fd, name, 0);
	} else if (!strncmp(name, "ended-", 6)) {
		if (buried < EPITAPHS_MAX)
			epitaphs[buried++] = g;
		else
			guest_fields_free(&g);
	} else {
		/* The name knows the domid also when the record, written
		 * before there was one, does not. */
		g.domid = (uint16_t)atoi(name);
		if (g.life == GUEST_STARTING)
			g.life = GUEST_LIVE;
		load_live(&g);
	}
}

void guest_records_load(const char *folder)
{
	struct dirent *e;
	DIR *dir;

	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = folder_fd < 0 ? NULL : fdopendir(dup(folder_fd));
	if (!dir) {
		journal_line("%s: %s", folder, strerror(errno));
		return;
	}
	while ((e = readdir(dir)))
		load_one(e->d_name);
	closedir(dir);
	qsort(epitaphs, buried, sizeof(epitaphs[0]), by_end);
	/* The slots have new numbers now; so do their files. */
	for (uint64_t i = 0; i < buried; i++) {
		char path[64], *text = guest_record_text(&epitaphs[i]);

		epitaph_path(i, path);
		if (text)
			write_record(path, text, false);
		free(text);
	}
}
