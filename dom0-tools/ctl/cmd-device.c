/* SPDX-License-Identifier: MIT */
/*
 * Disks and interfaces of running guests.  What the options of attach-* say
 * becomes a <disk> or <interface>, as a file would have it: there is one way
 * to describe a device.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"

/* ---- Writing XML ---- */

/* An attribute, with a blank before it. */
static void attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s='", name);
	for (; *value; value++) {
		if (strchr("&<>'\"", *value))
			fprintf(out, "&#%d;", *value);
		else
			fputc(*value, out);
	}
	fputc('\'', out);
}

/* ---- Options ---- */

struct device_options {
	const char *format, *cache, *serial, *network, *bridge, *mac, *target,
		*mtu;
	bool readonly, shareable, cdrom, discard, force;
	unsigned long timeout;
};

enum {
	OPT_FORMAT = 256, OPT_CACHE, OPT_SERIAL, OPT_NETWORK, OPT_BRIDGE,
	OPT_MAC, OPT_TARGET, OPT_MTU, OPT_READONLY, OPT_SHAREABLE, OPT_CDROM,
	OPT_DISCARD,
};

#define ATTACH_COMMON { "timeout", required_argument, NULL, 't' }

static const struct option disk_longs[] = {
	ATTACH_COMMON,
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "cache", required_argument, NULL, OPT_CACHE },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "readonly", no_argument, NULL, OPT_READONLY },
	{ "shareable", no_argument, NULL, OPT_SHAREABLE },
	{ "cdrom", no_argument, NULL, OPT_CDROM },
	{ "discard", no_argument, NULL, OPT_DISCARD }, { 0 }
};

static const struct option nic_longs[] = {
	ATTACH_COMMON,
	{ "network", required_argument, NULL, OPT_NETWORK },
	{ "bridge", required_argument, NULL, OPT_BRIDGE },
	{ "mac", required_argument, NULL, OPT_MAC },
	{ "target", required_argument, NULL, OPT_TARGET },
	{ "mtu", required_argument, NULL, OPT_MTU }, { 0 }
};

static const struct option detach_longs[] = {
	ATTACH_COMMON, { "force", no_argument, NULL, 'f' }, { 0 }
};

static bool options_read(struct device_options *o, int argc, char **argv,
			 const struct option *longs)
{
	int c;

	memset(o, 0, sizeof(*o));
	while ((c = getopt_long(argc, argv, longs == detach_longs ? "ft:" :
				"t:", longs, NULL)) != -1) {
		switch (c) {
		case 't':
			if (!seconds_read(optarg, &o->timeout))
				return false;
			break;
		case 'f':
			o->force = true;
			break;
		case OPT_FORMAT:
			o->format = optarg;
			break;
		case OPT_CACHE:
			o->cache = optarg;
			break;
		case OPT_SERIAL:
			o->serial = optarg;
			break;
		case OPT_NETWORK:
			o->network = optarg;
			break;
		case OPT_BRIDGE:
			o->bridge = optarg;
			break;
		case OPT_MAC:
			o->mac = optarg;
			break;
		case OPT_TARGET:
			o->target = optarg;
			break;
		case OPT_MTU:
			o->mtu = optarg;
			break;
		case OPT_READONLY:
			o->readonly = true;
			break;
		case OPT_SHAREABLE:
			o->shareable = true;
			break;
		case OPT_CDROM:
			o->cdrom = true;
			break;
		case OPT_DISCARD:
			o->discard = true;
			break;
		default:
			return false;
		}
	}
	return true;
}

/* ---- Documents ---- */

static char *absolute(const char *path)
{
	char *cwd, *out = NULL;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&out, "%s/%s", cwd, path) < 0)
		out = NULL;
	free(cwd);
	return out;
}

static char *disk_xml(const struct device_options *o, const char *source,
		      const char *target)
{
	char *path = absolute(source), *text = NULL;
	FILE *out = open_memstream(&text, &(size_t){ 0 });
	struct stat st;
	bool block;

	if (!out || !path) {
		free(path);
		return NULL;
	}
	block = !stat(path, &st) && S_ISBLK(st.st_mode);
	fprintf(out, "<disk type='%s' device='%s'><driver",
		block ? "block" : "file", o->cdrom ? "cdrom" : "disk");
	if (o->format)
		attribute(out, "type", o->format);
	if (o->cache)
		attribute(out, "cache", o->cache);
	fprintf(out, "%s/><source", o->discard ? " discard='unmap'" : "");
	attribute(out, block ? "dev" : "file", path);
	fputs("/><target", out);
	attribute(out, "dev", target);
	fputs("/>", out);
	if (o->readonly)
		fputs("<readonly/>", out);
	if (o->shareable)
		fputs("<shareable/>", out);
	if (o->serial) {
		fputs("<serial>", out);
		for (const char *s = o->serial; *s; s++)
			fprintf(out, strchr("&<>", *s) ? "&#%d;" : "%c", *s);
		fputs("</serial>", out);
	}
	fputs("</disk>", out);
	fclose(out);
	free(path);
	return text;
}

static char *nic_xml(const struct device_options *o)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, &(size_t){ 0 });

	if (!out)
		return NULL;
	fprintf(out, "<interface type='%s'><source", o->bridge ? "bridge" :
		"network");
	attribute(out, o->bridge ? "bridge" : "network", o->bridge ? o->bridge :
		  o->network ? o->network : "default");
	fputs("/>", out);
	if (o->mac) {
		fputs("<mac", out);
		attribute(out, "address", o->mac);
		fputs("/>", out);
	}
	if (o->target) {
		fputs("<target", out);
		attribute(out, "dev", o->target);
		fputs("/>", out);
	}
	if (o->mtu) {
		fputs("<mtu", out);
		attribute(out, "size", o->mtu);
		fputs("/>", out);
	}
	fputs("</interface>", out);
	fclose(out);
	return text;
}

/* ---- Commands ---- */

static int attach(const char *word, const char *guest, const char *file,
		  char *xml, unsigned long timeout)
{
	struct client c = { .fd = -1 };
	struct jline_out o;
	char *device;
	int code;

	if (!jline_text_valid(xml, strlen(xml))) {
		complain("it is not UTF-8 text");
		free(xml);
		return CODE_USAGE;
	}
	request_begin(&o, word, guest);
	jline_add_string(&o, "file", file);
	jline_add_string(&o, "xml", xml);
	free(xml);
	if (timeout)
		jline_add_number(&o, "timeout", timeout);
	code = client_open(&c);
	if (code) {
		free(o.text);
		return code;
	}
	code = client_ask(&c, &o);
	device = code ? NULL : jline_member_string(c.line, c.line_len,
						   "device");
	if (device)
		printf("%s attached\n", device);
	free(device);
	client_close(&c);
	return code;
}

int cmd_attach(int argc, char **argv)
{
	bool disk = !strcmp(argv[0], "attach-disk");
	struct device_options o;
	int code = CODE_FAILURE, given;
	char *xml;

	if (!options_read(&o, argc, argv, disk ? disk_longs : nic_longs))
		return usage_error();
	given = argc - optind;
	if (given < 1 || given > (disk ? 3 : 2) || (disk && given == 1))
		return usage_error();
	if (!name_ok(argv[optind], GUEST_NAME))
		return CODE_USAGE;
	if (given == 2) {
		xml = document_read(argv[optind + 1], &code);
		return xml ? attach(argv[0], argv[optind], argv[optind + 1],
				    xml, o.timeout) : code;
	}
	if (!disk && o.network && o.bridge) {
		complain("--network and --bridge exclude each other");
		return usage_error();
	}
	xml = disk ? disk_xml(&o, argv[optind + 1], argv[optind + 2]) :
	      nic_xml(&o);
	if (!xml) {
		complain("out of memory");
		return CODE_FAILURE;
	}
	return attach(argv[0], argv[optind], "command line", xml, o.timeout);
}

int cmd_detach(int argc, char **argv)
{
	struct device_options opt;
	struct jline_out o;

	if (!options_read(&opt, argc, argv, detach_longs) ||
	    argc - optind != 2)
		return usage_error();
	if (!name_ok(argv[optind], GUEST_NAME) ||
	    !name_ok(argv[optind + 1], DEVICE_NAME))
		return CODE_USAGE;
	request_begin(&o, argv[0], argv[optind]);
	jline_add_string(&o, "device", argv[optind + 1]);
	if (opt.force)
		jline_add_bool(&o, "force", true);
	if (opt.timeout)
		jline_add_number(&o, "timeout", opt.timeout);
	return client_simple(&o);
}

/* Bytes, or with one of K, M, G, T behind the number. */
static bool size_read(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno || text[0] < '0' || text[0] > '9' || !*out)
		return false;
	if (!*end)
		return *out <= INT64_MAX;
	/* Not a blank, whose capital would be the end of the units. */
	unit = *end == ' ' ? NULL : strchr(units, *end & ~0x20);
	if (!unit || (end[1] && strcmp(end + 1, "iB")))
		return false;
	for (const char *u = units; u <= unit; u++) {
		if (*out > INT64_MAX / 1024)
			return false;
		*out *= 1024;
	}
	return true;
}

int cmd_resize(int argc, char **argv)
{
	static const struct option none[] = { { 0 } };
	struct jline_out o;
	uint64_t size = 0;
	int given;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		return usage_error();
	given = argc - optind;
	if (given < 2 || given > 3)
		return usage_error();
	if (!name_ok(argv[optind], GUEST_NAME) ||
	    !name_ok(argv[optind + 1], DEVICE_NAME))
		return CODE_USAGE;
	if (given == 3 && !size_read(argv[optind + 2], &size)) {
		complain("%s: a size is a number of bytes, or one with K, M, G or T",
			 argv[optind + 2]);
		return CODE_USAGE;
	}
	request_begin(&o, argv[0], argv[optind]);
	jline_add_string(&o, "device", argv[optind + 1]);
	jline_add_number(&o, "size", size);
	return client_simple(&o);
}

int cmd_list_devices(int argc, char **argv)
{
	struct jline_out o;
	bool json;

	if (!only_json(argc, argv, 1, &json))
		return usage_error();
	if (!name_ok(argv[optind], GUEST_NAME))
		return CODE_USAGE;
	request_begin(&o, argv[0], argv[optind]);
	if (json)
		jline_add_bool(&o, "json", true);
	return client_simple(&o);
}
