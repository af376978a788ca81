/* SPDX-License-Identifier: MIT */
/* ctl net-*: networks of guests. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

int cmd_net_define(int argc, char **argv)
{
	struct jline_out o;
	int code = CODE_OK;
	char *xml;

	if (!no_options(argc, argv, 1))
		return usage_error();
	xml = document_read(argv[optind], &code);
	if (!xml)
		return code;
	request_begin(&o, "net-define", NULL);
	jline_add_string(&o, "file", argv[optind]);
	jline_add_string(&o, "xml", xml);
	free(xml);
	return client_simple(&o);
}

int cmd_net(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "force", no_argument, NULL, 'f' },
		{ "off", no_argument, NULL, 'o' }, { 0 }
	};
	/* Which of these options a command has. */
	static const struct { const char *command, *letters; } has[] = {
		{ "net-info", "j" }, { "net-stop", "f" },
		{ "net-autostart", "o" },
	};
	bool json = false, force = false, off = false;
	const char *letters = "";
	struct jline_out o;
	int c;

	for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		if (!strcmp(argv[0], has[i].command))
			letters = has[i].letters;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (c == '?' || !strchr(letters, c))
			return usage_error();
		json |= c == 'j';
		force |= c == 'f';
		off |= c == 'o';
	}
	if (argc - optind != 1)
		return usage_error();
	if (!name_ok(argv[optind], NETWORK_NAME))
		return CODE_USAGE;
	request_begin(&o, argv[0], argv[optind]);
	if (json)
		jline_add_bool(&o, "json", true);
	if (force)
		jline_add_bool(&o, "force", true);
	if (off)
		jline_add_bool(&o, "off", true);
	return client_simple(&o);
}
