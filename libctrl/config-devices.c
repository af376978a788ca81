/* SPDX-License-Identifier: MIT */
/* <devices> of a guest's XML: consoles, disks, interfaces, and the rest. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <stdlib.h>
#include <string.h>

#include "config-doc.h"
#include "config-value.h"

/* ---- Consoles ---- */

static void take_console(struct parse *p, xmlNode *n, void *at)
{
	const char *type = doc_attr(n, "type");
	struct guest_console *grown;
	struct guest_config *c = p->config;

	(void)at;
	if (type && strcmp(type, "pty"))
		doc_error(p, n, "type", "only consoles of type pty are supported");
	if (c->console_count) {
		doc_error(p, n, NULL, "a second console is not supported yet (the first is in line %u)",
			  c->consoles[0].line);
		return;
	}
	grown = calloc(1, sizeof(*grown));
	if (!grown) {
		p->oom = true;
		return;
	}
	c->consoles = grown;
	c->console_count = 1;
	grown->line = (unsigned int)xmlGetLineNo(n);
	grown->type = doc_copy(p, "pty");
}

static void take_console_target(struct parse *p, xmlNode *n, void *at)
{
	const char *type = doc_attr(n, "type");
	uint32_t port;

	(void)at;
	if (type && strcmp(type, "xen") && strcmp(type, "serial"))
		doc_error(p, n, "type", "only a xen console is supported");
	if (doc_attr_u32(p, n, "port", 0, 255, &port) && port)
		doc_error(p, n, "port", "only the primary console, port 0, is supported yet");
}

static void take_serial(struct parse *p, xmlNode *n, void *at)
{
	const char *type = doc_attr(n, "type");

	(void)at;
	p->serial_line = (unsigned int)xmlGetLineNo(n);
	if (type && strcmp(type, "pty"))
		doc_error(p, n, "type", "only consoles of type pty are supported");
	else
		doc_warning(p, n, NULL, "a PV guest has no serial port; this is its console");
}

static const struct element console_children[] = {
	{ "target", TAKE, .attrs = "type port", .take = take_console_target },
	{ "log", WARN, .why = "the log is always kept, in /var/log/bulkhead/console/NAME.log" },
	NOISE("source"), NOISE("protocol"), NOISE("alias"),
	NOISE("address"), NOISE("acl"),
	{ 0 }
};

static const struct element serial_children[] = {
	NOISE("target"), NOISE("log"),
	NOISE("source"), NOISE("protocol"), NOISE("alias"),
	NOISE("address"), NOISE("acl"),
	{ 0 }
};

/* ---- Disks ---- */

static const char *const disk_types[] = { "file", "block", "network", NULL };

/* "aio" is what older tools called raw, "vhd" what people call vpc. */
static bool disk_format(const char *type, enum guest_disk_format *out)
{
	static const struct { const char *word; enum guest_disk_format is; }
	words[] = {
		{ "raw", GUEST_DISK_RAW }, { "aio", GUEST_DISK_RAW },
		{ "qcow2", GUEST_DISK_QCOW2 }, { "vpc", GUEST_DISK_VPC },
		{ "vhd", GUEST_DISK_VPC }, { "vhdx", GUEST_DISK_VHDX },
		{ "vdi", GUEST_DISK_VDI },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(type, words[i].word)) {
			*out = words[i].is;
			return true;
		}
	}
	return false;
}

static void take_disk_driver(struct parse *p, xmlNode *n, void *at)
{
	static const char *const names[] = {
		"phy", "qemu", "file", "tap", "tap2", NULL
	};
	static const char *const caches[] = {
		"default", "none", "writethrough", "writeback",
		"directsync", "unsafe", NULL
	};
	static const char *const ios[] = {
		"native", "threads", "io_uring", NULL
	};
	struct guest_disk *d = at;
	const char *name = doc_attr(n, "name"), *type = doc_attr(n, "type");
	const char *cache = doc_attr(n, "cache"), *io = doc_attr(n, "io");
	const char *discard = doc_attr(n, "discard");

	if (name && doc_pick(name, names) < 0)
		doc_error(p, n, "name", "no such driver is known");
	else
		doc_set(p, &d->driver, name);
	if (type && !disk_format(type, &d->format))
		doc_error(p, n, "type", "the format may be raw, qcow2, vpc, vhdx or vdi");
	if (cache && doc_pick(cache, caches) < 0)
		doc_error(p, n, "cache", "no such cache mode is known");
	else
		doc_set(p, &d->cache, cache);
	if (io && doc_pick(io, ios) < 0)
		doc_error(p, n, "io", "no such way of doing I/O is known");
	else if (io && strcmp(io, "io_uring"))
		doc_warning(p, n, "io", "it is ignored: images are read and written by io_uring");
	if (discard && strcmp(discard, "unmap") && strcmp(discard, "ignore"))
		doc_error(p, n, "discard", "discard must be unmap or ignore");
	else
		d->discard = discard && !strcmp(discard, "unmap");
	doc_attr_u32(p, n, "queues", 1, 16, &d->queues);
}

static void take_source_host(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;
	const char *transport = doc_attr(n, "transport");
	uint32_t port;

	if (transport && !strcmp(transport, "unix")) {
		if (doc_attr(n, "socket"))
			doc_set_path(p, n, "socket", &d->socket,
				     doc_attr(n, "socket"));
		else
			doc_error(p, n, "transport", "a unix transport needs a socket");
		return;
	}
	if (transport && strcmp(transport, "tcp"))
		doc_error(p, n, "transport", "the transport may be tcp or unix");
	if (!doc_attr(n, "name"))
		doc_error(p, n, NULL, "it needs the attribute name");
	doc_set(p, &d->host, doc_attr(n, "name"));
	if (doc_attr_u32(p, n, "port", 1, 65535, &port))
		doc_set(p, &d->port, doc_attr(n, "port"));
}

#define NO_LABELS "it is ignored: there are no security labels"

static const struct element disk_source_children[] = {
	{ "host", TAKE, .attrs = "name port transport socket",
	  .take = take_source_host, .children = doc_nothing },
	NOISE("address"),
	{ "seclabel", WARN, .why = NO_LABELS },
	{ "reservations", WARN, .why = "it is ignored" },
	{ "reconnect", WARN, .why = "it is ignored: a lost connection is always made again" },
	{ "snapshot", REFUSE, .why = "a snapshot in an image cannot be a disk" },
	{ "slices", REFUSE, .why = "a part of an image cannot be a disk" },
	{ "encryption", REFUSE, .why = "encrypted images are not supported" },
	{ "auth", REFUSE, .why = "disks that need a secret are not supported" },
	{ 0 }
};

static void take_disk_source(struct parse *p, xmlNode *n, void *at)
{
	static const char *const wanted[] = { "file", "dev", "name" };
	struct guest_disk *d = at;
	const char *v = doc_attr(n, wanted[d->type]);
	const char *protocol = doc_attr(n, "protocol"), *tls = doc_attr(n, "tls");
	const char *policy = doc_attr(n, "startupPolicy");

	if (policy && strcmp(policy, "mandatory"))
		doc_warning(p, n, "startupPolicy", "it is ignored: a disk without its source is always an error");
	if (d->type == GUEST_DISK_NETWORK) {
		if (!protocol || strcmp(protocol, "nbd"))
			doc_error(p, n, "protocol", "the only network protocol for disks is nbd");
		doc_set(p, &d->source, v ? v : "");
		if (tls && strcmp(tls, "no"))
			doc_error(p, n, "tls", "encrypted connections are not supported");
		if (!doc_has_child(n, "host"))
			doc_error(p, n, NULL, "it needs a <host>, the server");
	} else if (!v) {
		doc_error(p, n, NULL, "a disk of type %s needs the attribute %s",
			  disk_types[d->type], wanted[d->type]);
	} else {
		doc_set_path(p, n, wanted[d->type], &d->source, v);
	}
	doc_walk(p, n, disk_source_children, d);
}

static void take_disk_target(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;
	const char *dev = doc_attr(n, "dev"), *bus = doc_attr(n, "bus");

	if (!dev)
		doc_error(p, n, NULL, "it needs the attribute dev, such as xvda");
	else if (!value_vdev(dev, &d->vdev))
		doc_error(p, n, "dev", "it is not a disk name such as xvda");
	else
		doc_set(p, &d->target, dev);
	if (bus && strcmp(bus, "xen"))
		doc_error(p, n, "bus", "the only bus is xen");
	doc_attr_bool(p, n, "removable", &d->removable);
}

static void take_readonly(struct parse *p, xmlNode *n, void *at)
{
	(void)p, (void)n;
	((struct guest_disk *)at)->readonly = true;
}

static void take_shareable(struct parse *p, xmlNode *n, void *at)
{
	(void)p, (void)n;
	((struct guest_disk *)at)->shareable = true;
}

static void take_disk_serial(struct parse *p, xmlNode *n, void *at)
{
	((struct guest_disk *)at)->serial = doc_text(p, n);
}

static bool block_size_valid(uint32_t n)
{
	return n >= 512 && n <= 65536 && !(n & (n - 1));
}

static void take_blockio(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;

	doc_attr_u32(p, n, "logical_block_size", 512, 65536,
		     &d->logical_block_size);
	doc_attr_u32(p, n, "physical_block_size", 512, 65536,
		     &d->physical_block_size);
	if (d->logical_block_size && !block_size_valid(d->logical_block_size))
		doc_error(p, n, "logical_block_size", "a block size is a power of two");
	if (d->physical_block_size && !block_size_valid(d->physical_block_size))
		doc_error(p, n, "physical_block_size", "a block size is a power of two");
}

#define IOTUNE(field) { #field, offsetof(struct guest_iotune, field) }
static const struct { const char *name; size_t offset; } iotune_fields[] = {
	IOTUNE(total_bytes_sec), IOTUNE(read_bytes_sec),
	IOTUNE(write_bytes_sec), IOTUNE(total_iops_sec),
	IOTUNE(read_iops_sec), IOTUNE(write_iops_sec),
	IOTUNE(total_bytes_sec_max), IOTUNE(read_bytes_sec_max),
	IOTUNE(write_bytes_sec_max), IOTUNE(total_iops_sec_max),
	IOTUNE(read_iops_sec_max), IOTUNE(write_iops_sec_max),
	IOTUNE(total_bytes_sec_max_length), IOTUNE(read_bytes_sec_max_length),
	IOTUNE(write_bytes_sec_max_length), IOTUNE(total_iops_sec_max_length),
	IOTUNE(read_iops_sec_max_length), IOTUNE(write_iops_sec_max_length),
	IOTUNE(size_iops_sec),
};

static void take_iotune_field(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;

	for (size_t i = 0; i < sizeof(iotune_fields) / sizeof(iotune_fields[0]);
	     i++) {
		if (strcmp((const char *)n->name, iotune_fields[i].name))
			continue;
		doc_text_number(p, n, 0, UINT64_MAX,
				(uint64_t *)(void *)((char *)&d->iotune +
						     iotune_fields[i].offset));
	}
}

#define IOTUNE_ROW(name) { name, TAKE, .take = take_iotune_field }
static const struct element iotune_children[] = {
	IOTUNE_ROW("total_bytes_sec"), IOTUNE_ROW("read_bytes_sec"),
	IOTUNE_ROW("write_bytes_sec"), IOTUNE_ROW("total_iops_sec"),
	IOTUNE_ROW("read_iops_sec"), IOTUNE_ROW("write_iops_sec"),
	IOTUNE_ROW("total_bytes_sec_max"), IOTUNE_ROW("read_bytes_sec_max"),
	IOTUNE_ROW("write_bytes_sec_max"), IOTUNE_ROW("total_iops_sec_max"),
	IOTUNE_ROW("read_iops_sec_max"), IOTUNE_ROW("write_iops_sec_max"),
	IOTUNE_ROW("total_bytes_sec_max_length"),
	IOTUNE_ROW("read_bytes_sec_max_length"),
	IOTUNE_ROW("write_bytes_sec_max_length"),
	IOTUNE_ROW("total_iops_sec_max_length"),
	IOTUNE_ROW("read_iops_sec_max_length"),
	IOTUNE_ROW("write_iops_sec_max_length"), IOTUNE_ROW("size_iops_sec"),
	{ "group_name", WARN, .why = "it is ignored: every disk has limits of its own" },
	{ 0 }
};

static void take_backing_format(struct parse *p, xmlNode *n, void *at)
{
	struct guest_backing *b = at;
	const char *type = doc_attr(n, "type");

	if (!type || !disk_format(type, &b->format))
		doc_error(p, n, "type", "the format may be raw, qcow2, vpc, vhdx or vdi");
}

static void take_backing_source(struct parse *p, xmlNode *n, void *at)
{
	struct guest_backing *b = at;
	const char *file = doc_attr(n, "file"), *dev = doc_attr(n, "dev");

	if (!file == !dev)
		doc_error(p, n, NULL, "it needs the attribute file or dev");
	else
		doc_set_path(p, n, file ? "file" : "dev", &b->source,
			     file ? file : dev);
}

static const struct element backing_children[] = {
	{ "format", TAKE, .attrs = "type", .take = take_backing_format,
	  .children = doc_nothing },
	{ "source", TAKE, .attrs = "file dev -index -startupPolicy",
	  .take = take_backing_source },
	NOISE("backingStore"), NOISE("privateData"),
	{ 0 }
};

/* One element per image, each inside the one above it; the last is empty. */
static void take_backing_store(struct parse *p, xmlNode *n, void *at)
{
	struct guest_disk *d = at;
	struct guest_backing *b;
	const char *type = doc_attr(n, "type");

	for (; n && xmlFirstElementChild(n); n = doc_child(n, "backingStore")) {
		if (d->backing_count >= GUEST_BACKING_MAX) {
			doc_error(p, n, NULL, "a chain may have at most %u images",
				  GUEST_BACKING_MAX);
			return;
		}
		b = reallocarray(d->backing, d->backing_count + 1, sizeof(*b));
		if (!b) {
			p->oom = true;
			return;
		}
		d->backing = b;
		b += d->backing_count++;
		memset(b, 0, sizeof(*b));
		b->line = (unsigned int)xmlGetLineNo(n);
		type = doc_attr(n, "type");
		if (type && strcmp(type, "file") && strcmp(type, "block"))
			doc_error(p, n, "type", "an image below another may be of type file or block");
		doc_walk(p, n, backing_children, b);
		if (!doc_has_child(n, "source"))
			doc_error(p, n, NULL, "it needs a <source>");
	}
}

#define BOOTS_KERNEL "it is ignored: the guest starts from its <kernel>"

static const struct element disk_children[] = {
	{ "driver", TAKE,
	  .attrs = "name type cache io discard queues ~error_policy ~rerror_policy ~iothread ~detect_zeroes ~copy_on_read ~event_idx ~ioeventfd ~packed",
	  .take = take_disk_driver, .children = doc_nothing },
	{ "source", TAKE,
	  .attrs = "file dev protocol name tls startupPolicy -index",
	  .take = take_disk_source },
	{ "target", TAKE, .attrs = "dev bus removable ~tray ~rotation_rate",
	  .take = take_disk_target, .children = doc_nothing },
	{ "readonly", TAKE, .take = take_readonly, .children = doc_nothing },
	{ "shareable", TAKE, .take = take_shareable, .children = doc_nothing },
	{ "serial", TAKE, .take = take_disk_serial },
	{ "blockio", TAKE,
	  .attrs = "logical_block_size physical_block_size ~discard_granularity",
	  .take = take_blockio, .children = doc_nothing },
	{ "iotune", TAKE, .children = iotune_children },
	{ "boot", WARN, .why = BOOTS_KERNEL },
	{ "backingStore", TAKE, .attrs = "-type -index",
	  .take = take_backing_store },
	NOISE("alias"), NOISE("address"),
	{ "seclabel", WARN, .why = NO_LABELS },
	{ "wwn", WARN, .why = "it is ignored: a PV disk has no such name" },
	{ "vendor", WARN, .why = "it is ignored: a PV disk has no such name" },
	{ "product", WARN, .why = "it is ignored: a PV disk has no such name" },
	{ "geometry", WARN, .why = "it is ignored: a PV disk has no geometry" },
	{ "transient", REFUSE, .why = "disks that forget what was written are not supported" },
	{ "backenddomain", REFUSE, .why = "disks are served by the control domain only" },
	{ "encryption", REFUSE, .why = "encrypted images are not supported" },
	{ "auth", REFUSE, .why = "disks that need a secret are not supported" },
	{ "mirror", REFUSE, .why = "mirrors are not supported" },
	{ 0 }
};

static void take_disk(struct parse *p, xmlNode *n, void *at)
{
	struct guest_config *c = p->config;
	const char *type = doc_attr(n, "type"), *device = doc_attr(n, "device");
	int which = type ? doc_pick(type, disk_types) : GUEST_DISK_FILE;
	struct guest_disk *d;

	(void)at;
	if (c->disk_count >= GUEST_DISKS_MAX) {
		doc_error(p, n, NULL, "a guest may have at most %u disks",
			  GUEST_DISKS_MAX);
		return;
	}
	d = reallocarray(c->disks, c->disk_count + 1, sizeof(*d));
	if (!d) {
		p->oom = true;
		return;
	}
	c->disks = d;
	d += c->disk_count++;
	memset(d, 0, sizeof(*d));
	d->line = (unsigned int)xmlGetLineNo(n);
	if (which < 0) {
		doc_error(p, n, "type", "a disk may be of type file, block or network");
		return;
	}
	d->type = (enum guest_disk_type)which;
	if (device && !strcmp(device, "cdrom"))
		d->cdrom = d->readonly = true;
	else if (device && strcmp(device, "disk"))
		doc_error(p, n, "device", "the device may be disk or cdrom");
	d->xml = doc_element(p, n);
	doc_walk(p, n, disk_children, d);
	if (!d->cdrom && !doc_has_child(n, "source"))
		doc_error(p, n, NULL, "a disk needs a <source>");
	if (!doc_has_child(n, "target"))
		doc_error(p, n, NULL, "a disk needs a <target>");
	for (struct guest_disk *o = c->disks; d->target && o < d; o++) {
		if (o->target && o->vdev == d->vdev)
			doc_error(p, n, NULL, "the disk in line %u is \"%s\" already",
				  o->line, o->target);
	}
}

/* ---- Interfaces ---- */

static void take_mac(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *v = doc_attr(n, "address"), *why;

	if (!v) {
		doc_error(p, n, NULL, "it needs an address");
		return;
	}
	nic->mac_given = value_mac(v, nic->mac, &why);
	if (!nic->mac_given)
		doc_error(p, n, "address", "the address %s", why);
}

/* What Linux takes as the name of a network device. */
static bool ifname_valid(const char *s)
{
	size_t len = strlen(s);

	return len && len <= 15 && strcmp(s, ".") && strcmp(s, "..") &&
	       strcspn(s, "/: \t\r\n") == len;
}

static void take_nic_source(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *name = nic->type == GUEST_NIC_NETWORK ? "network" : "bridge";
	const char *v = doc_attr(n, name);

	if (doc_attr(n, "portgroup"))
		doc_error(p, n, "portgroup", "groups of ports are not supported");
	if (nic->type == GUEST_NIC_ETHERNET)
		return;
	if (!v)
		doc_error(p, n, NULL, "it needs the attribute %s", name);
	else if (nic->type == GUEST_NIC_BRIDGE && !ifname_valid(v))
		doc_error(p, n, name, "it cannot be the name of a bridge");
	else
		doc_set(p, &nic->source, v);
}

static void take_vlan(struct parse *p, xmlNode *n, void *at)
{
	bool trunk = false;

	(void)at;
	if (doc_attr_bool(p, n, "trunk", &trunk) && trunk)
		doc_error(p, n, "trunk", "trunks of several VLANs are not supported; an interface can be in one");
}

static void take_nic_target(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *v = doc_attr(n, "dev");

	/* Names that other tools made up are theirs to forget. */
	if (!v || !strncmp(v, "vif", 3) || !strncmp(v, "vnet", 4))
		return;
	if (!ifname_valid(v))
		doc_error(p, n, "dev", "it cannot be the name of a network device");
	else
		doc_set(p, &nic->target, v);
}

static void take_nic_model(struct parse *p, xmlNode *n, void *at)
{
	const char *v = doc_attr(n, "type");

	(void)at;
	if (v && strcmp(v, "netfront"))
		doc_warning(p, n, "type", "a PV guest's interface is always a netfront");
}

/* What Xen's vif-bridge does is done anyway; what another one would do to the
 * link is not. */
static void take_script(struct parse *p, xmlNode *n, void *at)
{
	const struct guest_nic *nic = at;
	const char *path = doc_attr(n, "path");
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (nic->type == GUEST_NIC_NETWORK)
		doc_error(p, n, NULL, "an interface of type network takes no script");
	else if (!path)
		doc_error(p, n, NULL, "it needs a path");
	else if (nic->type == GUEST_NIC_BRIDGE &&
		 !strcmp(slash ? slash + 1 : path, "vif-bridge"))
		doc_warning(p, n, "path", "it is ignored: the interface joins its bridge without a script");
	else
		doc_error(p, n, "path", "no scripts are run for interfaces");
}

static void take_nic_ip(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *v = doc_attr(n, "address");
	uint32_t prefix = 0;
	bool has_prefix = doc_attr_u32(p, n, "prefix", 0, 128, &prefix);
	char **grown, *s;

	if (!v || !value_ip(v)) {
		doc_error(p, n, "address", "it needs an IPv4 or IPv6 address");
		return;
	}
	if (nic->ip_count >= 16) {
		doc_error(p, n, NULL, "an interface may have at most 16 addresses");
		return;
	}
	grown = reallocarray(nic->ips, nic->ip_count + 1, sizeof(*grown));
	s = has_prefix ? doc_format("%s/%u", v, prefix) : doc_copy(p, v);
	if (grown)
		nic->ips = grown;
	if (!grown || !s) {
		free(s);
		p->oom = true;
		return;
	}
	grown[nic->ip_count++] = s;
}

static void take_mtu(struct parse *p, xmlNode *n, void *at)
{
	if (!doc_attr(n, "size"))
		doc_error(p, n, NULL, "it needs a size");
	doc_attr_u32(p, n, "size", 68, 65535, &((struct guest_nic *)at)->mtu);
}

static void take_link(struct parse *p, xmlNode *n, void *at)
{
	const char *v = doc_attr(n, "state");

	if (!v || (strcmp(v, "up") && strcmp(v, "down")))
		doc_error(p, n, "state", "the state must be up or down");
	else
		((struct guest_nic *)at)->link_down = !strcmp(v, "down");
}

static void take_nic_driver(struct parse *p, xmlNode *n, void *at)
{
	doc_attr_u32(p, n, "queues", 1, 16, &((struct guest_nic *)at)->queues);
}

static void take_port(struct parse *p, xmlNode *n, void *at)
{
	doc_attr_bool(p, n, "isolated", &((struct guest_nic *)at)->isolated);
}

static void take_tag(struct parse *p, xmlNode *n, void *at)
{
	uint32_t v;

	if (!doc_attr(n, "id"))
		doc_error(p, n, NULL, "it needs an id");
	else if (doc_attr_u32(p, n, "id", 1, 4094, &v))
		((struct guest_nic *)at)->vlan = (uint16_t)v;
}

static void take_bandwidth(struct parse *p, xmlNode *n,
			   struct guest_bandwidth *b)
{
	if (!doc_attr(n, "average"))
		doc_error(p, n, NULL, "it needs an average");
	doc_attr_u32(p, n, "average", 1, UINT32_MAX, &b->average);
	doc_attr_u32(p, n, "peak", 1, UINT32_MAX, &b->peak);
	doc_attr_u32(p, n, "burst", 1, UINT32_MAX, &b->burst);
	if (doc_attr(n, "floor"))
		doc_warning(p, n, "floor", "a guaranteed minimum is not supported and is ignored");
}

static void take_inbound(struct parse *p, xmlNode *n, void *at)
{
	take_bandwidth(p, n, &((struct guest_nic *)at)->inbound);
}

static void take_outbound(struct parse *p, xmlNode *n, void *at)
{
	take_bandwidth(p, n, &((struct guest_nic *)at)->outbound);
}

static const struct element nic_driver_children[] = {
	{ "host", WARN, .why = "it is ignored: the guest chooses what its interface does" },
	{ "guest", WARN, .why = "it is ignored: the guest chooses what its interface does" },
	{ 0 }
};

static const struct element bandwidth_children[] = {
	{ "inbound", TAKE, .attrs = "average peak burst floor",
	  .take = take_inbound, .children = doc_nothing },
	{ "outbound", TAKE, .attrs = "average peak burst",
	  .take = take_outbound, .children = doc_nothing },
	{ 0 }
};

static const struct element vlan_children[] = {
	{ "tag", TAKE, .attrs = "id", .take = take_tag, .children = doc_nothing },
	{ 0 }
};

static void take_filter_param(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *name = doc_attr(n, "name"), *value = doc_attr(n, "value");
	struct guest_filter_param *f;

	if (!name || !value) {
		doc_error(p, n, NULL, "it needs a name and a value");
		return;
	}
	if (nic->filter_param_count >= GUEST_FILTER_PARAMS_MAX) {
		doc_error(p, n, NULL, "a filter may have at most %u parameters",
			  GUEST_FILTER_PARAMS_MAX);
		return;
	}
	f = reallocarray(nic->filter_params, nic->filter_param_count + 1,
			 sizeof(*f));
	if (!f) {
		p->oom = true;
		return;
	}
	nic->filter_params = f;
	f += nic->filter_param_count++;
	f->name = doc_copy(p, name);
	f->value = doc_copy(p, value);
}

static const struct element filter_children[] = {
	{ "parameter", TAKE, .many = true, .attrs = "name value",
	  .take = take_filter_param, .children = doc_nothing },
	{ 0 }
};

static void take_filterref(struct parse *p, xmlNode *n, void *at)
{
	struct guest_nic *nic = at;
	const char *v = doc_attr(n, "filter");

	nic->filter_line = (unsigned int)xmlGetLineNo(n);
	if (!v || !*v)
		doc_error(p, n, NULL, "it needs the attribute filter");
	else
		doc_set(p, &nic->filter, v);
}

static const struct element nic_children[] = {
	{ "mac", TAKE, .attrs = "address -type -check", .take = take_mac,
	  .children = doc_nothing },
	{ "source", TAKE, .attrs = "bridge network portgroup -portid",
	  .take = take_nic_source, .children = doc_nothing },
	{ "target", TAKE, .attrs = "dev ~managed", .take = take_nic_target,
	  .children = doc_nothing },
	{ "model", TAKE, .attrs = "type", .take = take_nic_model,
	  .children = doc_nothing },
	{ "script", TAKE, .attrs = "path", .take = take_script,
	  .children = doc_nothing },
	{ "ip", TAKE, .many = true, .attrs = "address prefix -family ~peer",
	  .take = take_nic_ip, .children = doc_nothing },
	{ "mtu", TAKE, .attrs = "size", .take = take_mtu, .children = doc_nothing },
	{ "link", TAKE, .attrs = "state", .take = take_link,
	  .children = doc_nothing },
	{ "driver", TAKE,
	  .attrs = "queues ~name ~txmode ~ioeventfd ~event_idx",
	  .take = take_nic_driver, .children = nic_driver_children },
	{ "port", TAKE, .attrs = "isolated", .take = take_port,
	  .children = doc_nothing },
	{ "vlan", TAKE, .attrs = "trunk", .take = take_vlan,
	  .children = vlan_children },
	{ "bandwidth", TAKE, .children = bandwidth_children },
	NOISE("alias"), NOISE("address"),
	{ "boot", WARN, .why = BOOTS_KERNEL },
	{ "guest", WARN, .why = "it is ignored: the guest names its interfaces itself" },
	{ "rom", WARN, .why = "it is ignored: a PV interface has no ROM" },
	{ "coalesce", WARN, .why = "it is ignored" },
	{ "tune", WARN, .why = "it is ignored" },
	{ "route", WARN, .why = "it is ignored" },
	{ "virtualport", REFUSE, .why = "Open vSwitch ports are not supported" },
	{ "filterref", TAKE, .attrs = "filter", .take = take_filterref,
	  .children = filter_children },
	{ "backenddomain", REFUSE, .why = "interfaces are served by the control domain only" },
	{ 0 }
};

static void take_nic(struct parse *p, xmlNode *n, void *at)
{
	static const char *const types[] = {
		"bridge", "network", "ethernet", NULL
	};
	struct guest_config *c = p->config;
	const char *type = doc_attr(n, "type");
	int which = type ? doc_pick(type, types) : -1;
	struct guest_nic *nic;

	(void)at;
	if (which < 0) {
		doc_error(p, n, "type", "an interface may be of type bridge, network or ethernet");
		return;
	}
	if (c->nic_count >= GUEST_NICS_MAX) {
		doc_error(p, n, NULL, "a guest may have at most %u interfaces",
			  GUEST_NICS_MAX);
		return;
	}
	nic = reallocarray(c->nics, c->nic_count + 1, sizeof(*nic));
	if (!nic) {
		p->oom = true;
		return;
	}
	c->nics = nic;
	nic += c->nic_count++;
	memset(nic, 0, sizeof(*nic));
	nic->type = (enum guest_nic_type)which;
	nic->line = (unsigned int)xmlGetLineNo(n);
	doc_attr_bool(p, n, "trustGuestRxFilters", &nic->mac_any);
	nic->xml = doc_element(p, n);
	doc_walk(p, n, nic_children, nic);
	for (struct guest_nic *o = c->nics; nic->mac_given && o < nic; o++) {
		if (o->mac_given && !memcmp(o->mac, nic->mac, 6))
			doc_error(p, n, NULL, "the interface in line %u has the same address",
				  o->line);
	}
}

/* ---- Other devices ---- */

static void take_controller(struct parse *p, xmlNode *n, void *at)
{
	const char *type = doc_attr(n, "type"), *model = doc_attr(n, "model");
	uint64_t v;

	(void)at;
	if (!type) {
		doc_error(p, n, NULL, "it needs a type");
		return;
	}
	if (strcmp(type, "xenbus")) {
		if (!model || strcmp(model, "none"))
			doc_warning(p, n, "type", "it is ignored: a PV guest's devices need no controller");
		return;
	}
	if (doc_attr_number(p, n, "maxGrantFrames", 1, 4096, &v))
		p->config->max_grant_frames = (int)v;
	if (doc_attr_number(p, n, "maxEventChannels", 16, 131071, &v))
		p->config->max_event_channels = (int)v;
}

static void take_memballoon(struct parse *p, xmlNode *n, void *at)
{
	const char *model = doc_attr(n, "model");

	(void)at;
	if (!model || (strcmp(model, "xen") && strcmp(model, "none")))
		doc_error(p, n, "model", "the balloon's model may be xen or none");
}

static const struct element memballoon_children[] = {
	{ "stats", WARN, .why = "it is ignored: the guest is not asked" },
	{ "driver", WARN, .why = "it is ignored" },
	NOISE("alias"), NOISE("address"),
	{ 0 }
};

#define NO_DISPLAY "the guest has no display to show it; it is ignored"
#define NO_DEVICE "guests cannot have such a device"
#define NO_HOST_DEVICE "devices of the machine cannot be given to a guest"

const struct element config_devices[] = {
	{ "disk", TAKE, .many = true,
	  .attrs = "type device ~snapshot ~model ~rawio ~sgio",
	  .take = take_disk },
	{ "interface", TAKE, .many = true,
	  .attrs = "type ~managed trustGuestRxFilters", .take = take_nic },
	{ "console", TAKE, .many = true, .attrs = "type -tty",
	  .take = take_console, .children = console_children },
	{ "serial", TAKE, .attrs = "type -tty", .take = take_serial,
	  .children = serial_children },
	{ "controller", TAKE, .many = true,
	  .attrs = "type maxGrantFrames maxEventChannels model -index -ports -vectors",
	  .take = take_controller },
	{ "memballoon", TAKE, .attrs = "model ~autodeflate ~freePageReporting",
	  .take = take_memballoon, .children = memballoon_children },
	NOISE("emulator"),
	{ "input", WARN, .why = NO_DISPLAY },
	{ "video", WARN, .why = NO_DISPLAY },
	{ "audio", WARN, .why = NO_DISPLAY },
	{ "rng", WARN, .why = "it is ignored: guests have no such device" },
	{ "watchdog", WARN, .why = "it is ignored: guests have no such device" },
	{ "panic", WARN, .why = "it is ignored: a crash is always reported" },
	{ "graphics", REFUSE, .why = "guests have no display yet; use the console" },
	{ "channel", REFUSE, .why = "channels are not supported yet" },
	{ "filesystem", REFUSE, .why = "shared directories are not supported yet" },
	{ "parallel", REFUSE, .why = NO_DEVICE },
	{ "sound", REFUSE, .why = NO_DEVICE },
	{ "tpm", REFUSE, .why = NO_DEVICE },
	{ "nvram", REFUSE, .why = NO_DEVICE },
	{ "hub", REFUSE, .why = NO_DEVICE },
	{ "redirdev", REFUSE, .why = NO_DEVICE },
	{ "redirfilter", REFUSE, .why = NO_DEVICE },
	{ "smartcard", REFUSE, .why = NO_DEVICE },
	{ "shmem", REFUSE, .why = NO_DEVICE },
	{ "vsock", REFUSE, .why = NO_DEVICE },
	{ "crypto", REFUSE, .why = NO_DEVICE },
	{ "memory", REFUSE, .why = "memory modules cannot be plugged into a guest" },
	{ "iommu", REFUSE, .why = NO_DEVICE },
	{ "lease", REFUSE, .why = "disk leases are not supported" },
	{ "hostdev", REFUSE, .why = NO_HOST_DEVICE },
	{ 0 }
};
