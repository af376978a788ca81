/* SPDX-License-Identifier: MIT */
/* What list-disks, list-interfaces and info say of devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

static const char *source_text(const struct device *d, char out[300])
{
	const struct guest_disk *k = &d->disk;

	if (k->type != GUEST_DISK_NETWORK)
		return k->source ? k->source : "(no disc)";
	if (k->socket)
		snprintf(out, 300, "nbd+unix:///%s?socket=%s", k->source ?
			 k->source : "", k->socket);
	else
		snprintf(out, 300, "nbd://%s:%s/%s", k->host ? k->host :
			 "localhost", k->port ? k->port : "10809",
			 k->source ? k->source : "");
	return out;
}

static const char *const format_names[] = {
	[GUEST_DISK_RAW] = "raw", [GUEST_DISK_QCOW2] = "qcow2",
	[GUEST_DISK_VPC] = "vpc", [GUEST_DISK_VHDX] = "vhdx",
	[GUEST_DISK_VDI] = "vdi",
};

static json_t *disk_json(const struct device *d)
{
	char source[300];

	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:I}",
			 "target", d->disk.target, "source",
			 source_text(d, source), "format",
			 format_names[d->disk.format], "readonly",
			 d->disk.readonly, "shareable", d->disk.shareable,
			 "cdrom", d->disk.cdrom, "size",
			 (json_int_t)d->size);
}

static json_t *nic_json(const struct device *d)
{
	const uint8_t *m = d->nic.mac;
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
		 m[2], m[3], m[4], m[5]);
	return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:i}", "interface",
			 device_name(d), "mac", mac, "type",
			 d->nic.type == GUEST_NIC_NETWORK ? "network" :
			 d->nic.type == GUEST_NIC_BRIDGE ? "bridge" :
			 "ethernet", "source", d->nic.source ? d->nic.source :
			 "", "bridge", d->place.bridge[0] ? d->place.bridge :
			 NULL, "mtu", (int)d->link.mtu);
}

json_t *devices_json(uint16_t domid, enum device_kind kind)
{
	json_t *all = json_array(), *o;

	pthread_mutex_lock(&devices_lock);
	for (const struct device *d = device_first(); d; d = d->next) {
		if (d->domid != domid || d->kind != kind || !d->made)
			continue;
		o = kind == DEVICE_VBD ? disk_json(d) : nic_json(d);
		if (!o)		/* a name that is not UTF-8 */
			o = json_object();
		json_object_update_new(o, json_pack(
			"{s:I, s:s, s:s*, s:i}", "id", (json_int_t)d->devid,
			"state", xenbus_word(&d->xb), "reason", d->why,
			"restarts", (int)d->restarts));
		/* The table has the newest first. */
		json_array_insert_new(all, 0, o);
	}
	pthread_mutex_unlock(&devices_lock);
	return all;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && *s ? s : "-";
}

char *devices_text(uint16_t domid, enum device_kind kind)
{
	json_t *all = devices_json(domid, kind), *o;
	char *text = NULL;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);

	if (!out) {
		json_decref(all);
		return NULL;
	}
	if (kind == DEVICE_VBD)
		fprintf(out, "%-8s %12s  %-6s %-4s %-10s %s\n", "Target",
			"Size(KiB)", "Format", "Mode", "State", "Source");
	else
		fprintf(out, "%-15s %-17s  %-8s %-15s %s\n", "Interface",
			"MAC", "Type", "Source", "State");
	json_array_foreach(all, i, o) {
		const char *reason = json_string_value(
			json_object_get(o, "reason"));

		if (kind == DEVICE_VBD)
			fprintf(out, "%-8s %12lld  %-6s %-4s %-10s %s\n",
				text_of(o, "target"), (long long)
				json_integer_value(json_object_get(o, "size")) /
				1024, text_of(o, "format"), json_is_true(
				json_object_get(o, "readonly")) ? "ro" : "rw",
				text_of(o, "state"), text_of(o, "source"));
		else
			fprintf(out, "%-15s %-17s  %-8s %-15s %s\n",
				text_of(o, "interface"), text_of(o, "mac"),
				text_of(o, "type"), text_of(o, "source"),
				text_of(o, "state"));
		if (reason)
			fprintf(out, "  %s\n", reason);
	}
	fclose(out);
	json_decref(all);
	return text;
}
