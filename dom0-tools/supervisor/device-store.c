/* SPDX-License-Identifier: MIT */
/* What the store knows of a device; the rules of rights are those of libctrl's
 * build-devices.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

void device_store_path(const struct device *d, bool front, char out[80])
{
	if (front)
		snprintf(out, 80, "/local/domain/%u/device/%s/%u", d->domid,
			 device_kind_name(d->kind), d->devid);
	else
		snprintf(out, 80, "/local/domain/0/backend/%s/%u/%u",
			 device_backend_name(d->kind), d->domid, d->devid);
}

static void put(struct ctrl_batch *b, const char *dir, const char *name,
		const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ctrl_batch_write(b, path, value, strlen(value));
}

static void put_number(struct ctrl_batch *b, const char *dir,
		       const char *name, unsigned int value)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", value);
	put(b, dir, name, text);
}

static void put_mac(struct ctrl_batch *b, const char *dir,
		    const uint8_t *mac)
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	put(b, dir, "mac", text);
}

static void make_directory(struct ctrl_batch *b, const char *path,
			   const char *perms, size_t len)
{
	ctrl_batch_mkdir(b, path);
	ctrl_batch_set_perms(b, path, perms, len);
}

static void make_front(const struct device *d, struct ctrl_batch *b,
		       const char *front, const char *back)
{
	char theirs[16];
	size_t len = (size_t)snprintf(theirs, sizeof(theirs), "n%u%cr0",
				      d->domid, '\0') + 1;

	make_directory(b, front, theirs, len);
	put(b, front, "backend", back);
	put(b, front, "backend-id", "0");
	put_number(b, front, "state", XENBUS_INITIALISING);
	put(b, front, "trusted", "1");
	if (d->kind == DEVICE_VBD) {
		put_number(b, front, "virtual-device", d->devid);
		put(b, front, "device-type", d->disk.cdrom ? "cdrom" : "disk");
		return;
	}
	put_number(b, front, "handle", d->devid);
	put_mac(b, front, d->link.mac);
	put_number(b, front, "mtu", d->link.mtu);
}

static void make_back(const struct device *d, struct ctrl_batch *b,
		      const char *front, const char *back)
{
	char shown[16];
	size_t len = (size_t)snprintf(shown, sizeof(shown), "n0%cr%u", '\0',
				      d->domid) + 1;

	make_directory(b, back, shown, len);
	put(b, back, "frontend", front);
	put_number(b, back, "frontend-id", d->domid);
	put(b, back, "online", "1");
	if (d->kind == DEVICE_VBD) {
		put(b, back, "dev", d->disk.target);
		put(b, back, "mode", d->disk.readonly ? "r" : "w");
		put(b, back, "device-type", d->disk.cdrom ? "cdrom" : "disk");
		put(b, back, "removable", d->disk.removable ? "1" : "0");
	} else {
		put_number(b, back, "handle", d->devid);
		put_mac(b, back, d->link.mac);
		put_number(b, back, "mtu", d->link.mtu);
	}
	device_store_nodes(d, b, d->nodes);
	put_number(b, back, "state", d->xb.state);
}

void device_store_make(const struct device *d, struct ctrl_batch *b)
{
	char front[80], back[80];

	device_store_path(d, true, front);
	device_store_path(d, false, back);
	/* The front-end comes last: it is what the guest looks for. */
	make_back(d, b, front, back);
	make_front(d, b, front, back);
}

void device_store_remove(const struct device *d, struct ctrl_batch *b,
			 bool front_too)
{
	char path[80];

	device_store_path(d, true, path);
	if (front_too)
		ctrl_batch_rm(b, path);
	device_store_path(d, false, path);
	ctrl_batch_rm(b, path);
}

/* A node's name as a back-end may give it: below its own directory. */
static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len < 64 && name[0] != '/' && name[len - 1] != '/' &&
	       !strstr(name, "//") &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_/") == len;
}

void device_store_nodes(const struct device *d, struct ctrl_batch *b,
			const json_t *nodes)
{
	char back[80];
	const char *name;
	json_t *value;

	device_store_path(d, false, back);
	json_object_foreach((json_t *)nodes, name, value) {
		if (json_is_string(value) && name_valid(name) &&
		    strcmp(name, "state") && strcmp(name, "online"))
			put(b, back, name, json_string_value(value));
	}
}

/* ---- The front-end's nodes ---- */

struct reading {
	struct ctrl_store *s;
	const char *dir;		/* the front-end's */
	json_t *out;
	size_t count;
	const char **why;
};

static int too_much(struct reading *r)
{
	*r->why = "its directory has more than 256 nodes of 256 bytes";
	return -E2BIG;
}

static const char *next_name(const char *name)
{
	return name + strlen(name) + 1;
}

/* The values of the nodes NAMES below DIR; PREFIX is before their names. */
static int read_values(struct reading *r, const char *prefix,
		       const char *names, size_t len)
{
	char path[400], *value[FRONT_NODES_MAX] = { NULL };
	struct ctrl_batch *b = ctrl_batch_new(r->s);
	size_t n = 0;
	const char *name;
	int rc = b ? 0 : -ENOMEM;

	for (name = names; !rc && name < names + len; name = next_name(name)) {
		if (r->count++ >= FRONT_NODES_MAX || strlen(name) > 128) {
			rc = too_much(r);
			break;
		}
		snprintf(path, sizeof(path), "%s/%s%s", r->dir, prefix, name);
		ctrl_batch_read(b, path, &value[n++]);
	}
	if (!rc)
		rc = ctrl_batch_run(b, false);
	ctrl_batch_free(b);
	n = 0;
	for (name = names; !rc && name < names + len; name = next_name(name)) {
		char *v = value[n++];

		/* Gone since they were listed, or not text: not ours. */
		if (!v)
			continue;
		if (strlen(v) > FRONT_VALUE_MAX) {
			rc = too_much(r);
			break;
		}
		snprintf(path, sizeof(path), "%s%s", prefix, name);
		json_object_set_new(r->out, path, json_string(v));
	}
	for (n = 0; n < FRONT_NODES_MAX; n++)
		free(value[n]);
	return rc;
}

static int read_level(struct reading *r, const char *sub, bool deeper)
{
	char path[240], prefix[140], *names;
	size_t len;
	int n, rc = 0;

	snprintf(path, sizeof(path), "%s%s%s", r->dir, *sub ? "/" : "", sub);
	snprintf(prefix, sizeof(prefix), "%s%s", sub, *sub ? "/" : "");
	n = ctrl_store_list(r->s, 0, path, &names, &len);
	if (n == -E2BIG)
		return too_much(r);
	if (n < 0)
		return n == -ENOENT ? 0 : n;
	rc = read_values(r, prefix, names, len);
	for (const char *name = names; !rc && deeper && name < names + len;
	     name = next_name(name)) {
		if (!strncmp(name, "queue-", 6) && strlen(name) < 16)
			rc = read_level(r, name, false);
	}
	free(names);
	return rc;
}

int device_store_front(const struct device *d, struct ctrl_store *s,
		       json_t **out, const char **why)
{
	char dir[80];
	struct reading r = { .s = s, .dir = dir, .why = why,
			     .out = json_object() };
	int rc;

	*why = NULL;
	device_store_path(d, true, dir);
	rc = r.out ? read_level(&r, "", true) : -ENOMEM;
	if (rc) {
		json_decref(r.out);
		r.out = NULL;
	}
	*out = r.out;
	return rc;
}
