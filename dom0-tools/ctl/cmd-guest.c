/* SPDX-License-Identifier: MIT */
/* Commands that ask the supervisor one thing, other than create. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

int cmd_list(int argc, char **argv)
{
	struct jline_out o;
	bool json;

	if (!only_json(argc, argv, 0, &json))
		return usage_error();
	request_begin(&o, argv[0], NULL);
	if (json)
		jline_add_bool(&o, "json", true);
	return client_simple(&o);
}

int cmd_info(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "host", no_argument, NULL, 'H' }, { 0 }
	};
	bool json = false, host = false;
	struct jline_out o;
	int c;

	while ((c = getopt_long(argc, argv, "jH", longs, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'H')
			host = true;
		else
			return usage_error();
	}
	if (argc - optind != (host ? 0 : 1))
		return usage_error();
	if (!host && !name_ok(argv[optind], GUEST_NAME))
		return CODE_USAGE;
	request_begin(&o, host ? "host" : "info", host ? NULL : argv[optind]);
	if (json)
		jline_add_bool(&o, "json", true);
	return client_simple(&o);
}

int cmd_name_only(int argc, char **argv)
{
	struct jline_out o;

	if (!no_options(argc, argv, 1))
		return usage_error();
	if (!name_ok(argv[optind], GUEST_NAME))
		return CODE_USAGE;
	request_begin(&o, argv[0], argv[optind]);
	return client_simple(&o);
}

int cmd_dump_xml(int argc, char **argv)
{
	return cmd_name_only(argc, argv);
}

int cmd_request(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "wait", no_argument, NULL, 'w' },
		{ "timeout", required_argument, NULL, 't' }, { 0 }
	};
	unsigned long timeout = 0;
	bool wait = false;
	struct jline_out o;
	int c;

	while ((c = getopt_long(argc, argv, "wt:", longs, NULL)) != -1) {
		switch (c) {
		case 'w':
			wait = true;
			break;
		case 't':
			if (!seconds_read(optarg, &timeout))
				return usage_error();
			wait = true;
			break;
		default:
			return usage_error();
		}
	}
	if (argc - optind != 1)
		return usage_error();
	if (!name_ok(argv[optind], GUEST_NAME))
		return CODE_USAGE;
	request_begin(&o, argv[0], argv[optind]);
	if (wait)
		jline_add_bool(&o, "wait", true);
	if (timeout)
		jline_add_number(&o, "timeout", timeout);
	return client_simple(&o);
}

int cmd_rename(int argc, char **argv)
{
	struct jline_out o;

	if (!no_options(argc, argv, 2))
		return usage_error();
	if (!name_ok(argv[optind], GUEST_NAME) ||
	    !name_ok(argv[optind + 1], GUEST_NAME))
		return CODE_USAGE;
	request_begin(&o, "rename", argv[optind]);
	jline_add_string(&o, "to", argv[optind + 1]);
	return client_simple(&o);
}

int cmd_dmesg(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "clear", no_argument, NULL, 'c' }, { 0 }
	};
	bool clear = false;
	struct jline_out o;
	int c;

	while ((c = getopt_long(argc, argv, "c", longs, NULL)) != -1) {
		if (c != 'c')
			return usage_error();
		clear = true;
	}
	if (optind != argc)
		return usage_error();
	request_begin(&o, "dmesg", NULL);
	if (clear)
		jline_add_bool(&o, "clear", true);
	return client_simple(&o);
}

static int version_json(const char *raw, size_t len)
{
	printf("{\"version\":1,\"ctl\":\"%s\",%.*s\n", PACKAGE_VERSION,
	       (int)len - 1, raw + 1);
	return CODE_OK;
}

static int version_text(const char *raw, size_t len)
{
	char *supervisor = jline_member_string(raw, len, "supervisor");
	char *extra = jline_member_string(raw, len, "extra");
	char *caps = jline_member_string(raw, len, "capabilities");

	printf("ctl         " PACKAGE_VERSION "\nsupervisor  %s\nhypervisor  %llu.%llu%s (%s)\n",
	       supervisor ? supervisor : "?",
	       (unsigned long long)jline_member_number(raw, len, "major"),
	       (unsigned long long)jline_member_number(raw, len, "minor"),
	       extra ? extra : "", caps ? caps : "");
	free(supervisor);
	free(extra);
	free(caps);
	return CODE_OK;
}

int cmd_version(int argc, char **argv)
{
	struct client c = { .fd = -1 };
	struct jline_out o;
	const char *raw;
	bool json;
	size_t n;
	int code;

	if (!only_json(argc, argv, 0, &json))
		return usage_error();
	code = client_open(&c);
	if (code) {
		/* ctl's own version is known in any case. */
		if (json)
			printf("{\"version\":1,\"ctl\":\"%s\"}\n",
			       PACKAGE_VERSION);
		else
			puts("ctl         " PACKAGE_VERSION);
		return code;
	}
	request_begin(&o, "version", NULL);
	code = client_ask(&c, &o);
	raw = code ? NULL : jline_member(c.line, c.line_len, "json", &n);
	if (raw)
		code = json ? version_json(raw, n) : version_text(raw, n);
	client_close(&c);
	return code;
}
