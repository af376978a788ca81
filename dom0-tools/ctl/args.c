/* SPDX-License-Identifier: MIT */
/* What the words behind a command have in common. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define SECONDS_MAX 1000000

void request_begin(struct jline_out *o, const char *word, const char *name)
{
	jline_begin(o);
	jline_add_string(o, "do", word);
	if (name)
		jline_add_string(o, "name", name);
}

bool name_ok(const char *name, const char *what)
{
	if (name[0] && jline_text_valid(name, strlen(name)))
		return true;
	complain("\"%s\" cannot be %s", name, what);
	return false;
}

bool number_read(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return !errno && !*end && text[0] >= '0' && text[0] <= '9' && *out &&
	       *out <= max;
}

bool seconds_read(const char *text, unsigned long *out)
{
	if (number_read(text, SECONDS_MAX, out))
		return true;
	complain("--timeout %s: it must be a number of seconds from 1 to %d",
		 text, SECONDS_MAX);
	return false;
}

bool only_json(int argc, char **argv, int args, bool *json)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' }, { 0 }
	};
	int c;

	*json = false;
	while ((c = getopt_long(argc, argv, "j", longs, NULL)) != -1) {
		if (c != 'j')
			return false;
		*json = true;
	}
	return argc - optind == args;
}

bool no_options(int argc, char **argv, int args)
{
	static const struct option none[] = { { 0 } };

	return getopt_long(argc, argv, "", none, NULL) == -1 &&
	       argc - optind == args;
}
