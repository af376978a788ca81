/* SPDX-License-Identifier: MIT */
/*
 * What a supervisor writes down of a device, for the one after it: the element
 * of the XML it came from, who serves it, and the front-end's nodes while it
 * has a ring.  What the store and the back-end know is asked of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "file.h"
#include "journal.h"

void device_path(const struct device *d, const char *folder, char out[108])
{
	snprintf(out, 108, RUN_DIR "/%s/%u.%s.%u", folder, d->domid,
		 device_kind_name(d->kind), d->devid);
}

char *device_record_text(const struct device *d)
{
	char *text;
	json_t *o = json_pack("{s:i, s:s, s:i, s:I, s:I, s:s, s:s*, s:s*, s:i}",
			      "version", 1, "kind", device_kind_name(d->kind),
			      "domid", d->domid, "devid", (json_int_t)d->devid,
			      "slot", (json_int_t)d->slot, "guest", d->guest,
			      "file", d->file, "xml", d->xml,
			      "pid", (int)d->proc.pid);

	if (!o)
		return NULL;
	json_object_update_new(o, json_pack(
		"{s:i, s:b, s:b, s:b, s:b, s:s*, s:O*, s:i, s:s*}",
		"line", (int)(d->kind == DEVICE_VBD ? d->disk.line :
			      d->nic.line),
		"made", d->made || d->with_guest, "online", d->xb.online,
		"stopped", d->xb.stopped, "ring", d->xb.ring, "why", d->why,
		"front", d->front, "restarts", (int)d->restarts, "link",
		d->link.name[0] ? d->link.name : NULL));
	json_object_set_new(o, "size", json_integer((json_int_t)d->size));
	if (d->kind == DEVICE_VIF) {
		const uint8_t *m = d->nic.mac;
		char mac[18];

		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
			 m[0], m[1], m[2], m[3], m[4], m[5]);
		json_object_set_new(o, "mac", json_string(mac));
		json_object_set_new(o, "mtu", json_integer(d->link.mtu));
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static bool take_text(char **where, const char *value)
{
	*where = value ? strdup(value) : NULL;
	return !value || *where;
}

static bool link_fields(json_t *o, struct device *d)
{
	const char *mac;
	int mtu;

	if (d->kind != DEVICE_VIF)
		return true;
	if (json_unpack(o, "{s:s, s:i}", "mac", &mac, "mtu", &mtu) || mtu < 0)
		return false;
	d->link.mtu = (uint32_t)mtu;
	return sscanf(mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx",
		      &d->link.mac[0], &d->link.mac[1], &d->link.mac[2],
		      &d->link.mac[3], &d->link.mac[4], &d->link.mac[5]) == 6;
}

static int fields(json_t *o, struct device *d)
{
	const char *kind, *guest, *file = NULL, *xml = NULL, *why = NULL;
	const char *link = NULL;
	int version, domid, pid, line, made, online, stopped, ring, restarts;
	json_int_t devid, slot;
	json_t *front = NULL;

	if (json_unpack(o, "{s:i, s:s, s:i, s:I, s:I, s:s, s?s, s?s, s:i}",
			"version", &version, "kind", &kind, "domid", &domid,
			"devid", &devid, "slot", &slot, "guest", &guest,
			"file", &file, "xml", &xml, "pid", &pid) ||
	    json_unpack(o, "{s:i, s:b, s:b, s:b, s:b, s?s, s?o, s:i, s?s}",
			"line", &line, "made", &made, "online", &online,
			"stopped", &stopped, "ring", &ring, "why", &why,
			"front", &front, "restarts", &restarts, "link", &link))
		return -EINVAL;
	if (version != 1 || domid <= 0 || domid >= 0x7ff0 || devid < 0 ||
	    devid > UINT32_MAX || slot < 0 || slot >= DEVICE_SLOTS ||
	    pid < 0 || line < 0 || restarts < 0 ||
	    strlen(guest) > GUEST_NAME_MAX ||
	    (strcmp(kind, "vbd") && strcmp(kind, "vif")) ||
	    (link && strlen(link) >= NIC_NAME_MAX) ||
	    (front && !json_is_object(front)))
		return -EINVAL;
	d->kind = strcmp(kind, "vif") ? DEVICE_VBD : DEVICE_VIF;
	d->domid = (uint16_t)domid;
	d->devid = (uint32_t)devid;
	d->slot = (uint32_t)slot;
	d->proc.pid = (pid_t)pid;
	d->disk.line = d->nic.line = (unsigned int)line;
	d->made = made;
	d->restarts = (unsigned int)restarts;
	d->size = (uint64_t)json_integer_value(json_object_get(o, "size"));
	xenbus_init(&d->xb);
	d->xb.online = online;
	d->xb.stopped = stopped;
	d->xb.ring = ring && front;
	strcpy(d->guest, guest);
	if (!link_fields(o, d))
		return -EINVAL;
	if (link)
		strcpy(d->link.name, link);
	if (d->xb.ring)
		d->front = json_incref(front);
	return take_text(&d->file, file) && take_text(&d->xml, xml) &&
	       take_text(&d->why, why) ? 0 : -ENOMEM;
}

int device_record_parse(const char *text, size_t len, struct device *d)
{
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	int rc;

	memset(d, 0, sizeof(*d));
	d->proc = (struct backend_proc)BACKEND_PROC_NONE;
	d->journal = d->source.fd = -1;
	for (size_t i = 0; i < NIC_QUEUES_MAX; i++)
		d->link.fd[i] = -1;
	rc = o ? fields(o, d) : -EINVAL;
	json_decref(o);
	if (rc)
		device_fields_free(d);
	return rc;
}

void device_fields_free(struct device *d)
{
	free(d->file);
	free(d->xml);
	free(d->why);
	guest_disk_free(&d->disk);
	guest_nic_free(&d->nic);
	json_decref(d->front);
	json_decref(d->nodes);
	json_decref(d->wish);
	json_decref(d->answer);
	d->file = d->xml = d->why = NULL;
	d->front = d->nodes = d->wish = d->answer = NULL;
}

void device_record_save(const struct device *d)
{
	char path[108], title[160], *text = device_record_text(d);
	int rc = -ENOMEM;

	device_path(d, "devices", path);
	if (text)
		rc = file_write(AT_FDCWD, path, text, strlen(text), 0600,
				FILE_WHOLE);
	free(text);
	if (rc)
		journal_line("%s: its record cannot be written: %s",
			     device_title(d, title), strerror(-rc));
}

void device_record_remove(const struct device *d)
{
	char path[108];

	device_path(d, "devices", path);
	unlink(path);
}
