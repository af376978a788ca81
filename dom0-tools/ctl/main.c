/* SPDX-License-Identifier: MIT */
/*
 * ctl - what one says to Bulkhead's control domain.
 *
 * A command is a row of the table below.  Each has its own options, which it
 * reads with getopt; --help is the same for all and is answered here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;
	const char *about;	/* one line for the overview */
	const char *help;	/* options and remarks, or NULL */
};

static const struct command commands[] = {
	{ "create", cmd_create, "[OPTION]... FILE",
	  "make and start the guest that FILE describes",
	  "  -c, --console    show its console; Ctrl-] leaves it\n"
	  "  -p, --paused     leave it paused; ctl unpause starts it\n"
	  "  -n, --dry-run    check everything, make nothing\n"
	  "  -t, --timing     print how long each step takes\n"
	  "FILE is a libvirt domain document; - is standard input.\n" },
	{ "list", cmd_list, "[--json]", "list the domains",
	  "  -j, --json       for programs\n"
	  "Mem is in MiB. State is running, idle, paused, ended, crashed or dying.\n" },
	{ "info", cmd_info, "[--json] NAME | --host",
	  "tell about a guest, also an ended one, or the machine",
	  "  -H, --host       the machine instead of a guest\n"
	  "  -j, --json       for programs\n" },
	{ "console", cmd_console, "NAME",
	  "show a guest's console; Ctrl-] leaves it", NULL },
	{ "pause", cmd_name_only, "NAME", "stop a guest's processors", NULL },
	{ "unpause", cmd_name_only, "NAME",
	  "let a guest's processors run again", NULL },
	{ "shutdown", cmd_request, "[--wait] [--timeout SECONDS] NAME",
	  "ask a guest to switch itself off",
	  "  -w, --wait           return when it has ended\n"
	  "  -t, --timeout N      but not later than after N seconds (exit code 4)\n" },
	{ "reboot", cmd_request, "[--wait] [--timeout SECONDS] NAME",
	  "ask a guest to start anew",
	  "  -w, --wait           return when the old one has ended\n"
	  "  -t, --timeout N      but not later than after N seconds (exit code 4)\n" },
	{ "destroy", cmd_name_only, "NAME", "end a guest at once", NULL },
	{ "rename", cmd_rename, "NAME NEW-NAME", "give a guest another name",
	  NULL },
	{ "attach-disk", cmd_attach, "[OPTION]... NAME SOURCE TARGET | NAME FILE",
	  "give a running guest a disk",
	  "  --format raw|qcow2  the image's format (raw; it is never guessed)\n"
	  "  --readonly  --shareable  --cdrom  --discard  --cache MODE  --serial TEXT\n"
	  "  -t, --timeout N     wait so many seconds for the guest to take it (10)\n"
	  "SOURCE is a file or a block device, TARGET a name such as xvdb. FILE holds a\n"
	  "lone <disk> as in a guest's document; - is standard input.\n" },
	{ "detach-disk", cmd_detach, "[--timeout N] [--force] NAME TARGET",
	  "take a disk away from a guest",
	  "  -t, --timeout N  wait so many seconds for the guest to let go (10)\n"
	  "  -f, --force      do not ask the guest\n" },
	{ "resize-disk", cmd_resize, "NAME TARGET [SIZE]",
	  "make a disk larger, or look at its size again",
	  "SIZE is a number of bytes, or one with K, M, G or T.\n" },
	{ "list-disks", cmd_list_devices, "[--json] NAME", "list a guest's disks",
	  "  -j, --json       for programs\n" },
	{ "attach-interface", cmd_attach,
	  "[OPTION]... NAME [FILE]",
	  "give a running guest a network card",
	  "  --network NAME (default)  --bridge NAME  --mac ADDRESS  --mtu N\n"
	  "  --target NAME       name of the control domain's end\n"
	  "  -t, --timeout N     wait so many seconds for the guest to take it (10)\n"
	  "FILE holds a lone <interface> as in a guest's document.\n" },
	{ "detach-interface", cmd_detach,
	  "[--timeout N] [--force] NAME INTERFACE|MAC",
	  "take a network card away from a guest",
	  "  -t, --timeout N  wait so many seconds for the guest to let go (10)\n"
	  "  -f, --force      do not ask the guest\n" },
	{ "list-interfaces", cmd_list_devices, "[--json] NAME",
	  "list a guest's network cards",
	  "  -j, --json       for programs\n" },
	{ "validate", cmd_validate, "FILE", "check a guest's document", NULL },
	{ "dump-xml", cmd_dump_xml, "NAME",
	  "print the document that a guest was made from", NULL },
	{ "dmesg", cmd_dmesg, "[--clear]", "print the hypervisor's log",
	  "  -c, --clear      and empty it\n" },
	{ "store", cmd_store, "ls|read|write|rm|watch [ARGUMENT]...",
	  "look into the store and change it",
	  "  ls [-r] [-p] [PATH]     children, all below (-r), permissions (-p)\n"
	  "  read PATH...            values\n"
	  "  write PATH VALUE        one value\n"
	  "  rm PATH...              nodes and all below\n"
	  "  watch [-n N] PATH...    print paths as they change; N times, then end\n" },
	{ "net-list", cmd_list, "[--json]", "list the networks",
	  "  -j, --json       for programs\n" },
	{ "net-info", cmd_net, "[--json] NAME",
	  "tell about a network, its cards and leases",
	  "  -j, --json       for programs\n" },
	{ "net-define", cmd_net_define, "FILE",
	  "keep the network that FILE describes, or change it",
	  "FILE is a libvirt network document; - is standard input.\n" },
	{ "net-undefine", cmd_net, "NAME", "forget a network", NULL },
	{ "net-start", cmd_net, "NAME", "start a network", NULL },
	{ "net-stop", cmd_net, "[--force] NAME", "end a network",
	  "  -f, --force      also if guests use it\n" },
	{ "net-autostart", cmd_net, "[--off] NAME",
	  "start a network with the control domain",
	  "  -o, --off        do not\n" },
	{ "net-dump-xml", cmd_net, "NAME", "print a network's document", NULL },
	{ "version", cmd_version, "[--json]",
	  "print the versions of ctl, supervisor and hypervisor", NULL },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *running;

void complain(const char *fmt, ...)
{
	va_list ap;

	fputs("ctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void command_help(const struct command *c, FILE *to)
{
	fprintf(to, "Usage: ctl %s %s\n%c%s.\n", c->name, c->args,
		c->about[0] & ~0x20, c->about + 1);
	if (c->help)
		fprintf(to, "\n%s", c->help);
}

int usage_error(void)
{
	fprintf(stderr, "Usage: ctl %s %s\n", running->name, running->args);
	return CODE_USAGE;
}

static void overview(FILE *to)
{
	fputs("Usage: ctl COMMAND [ARGUMENT]...\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-16s %s\n", commands[i].name,
			commands[i].about);
	fputs("\nctl COMMAND --help tells more. A guest's NAME may be its id.\n"
	      "Exit codes: 0 fine, 1 failure, 2 wrong usage, 3 not found, 4 time is over,\n"
	      "5 not permitted, 6 exists already or busy, 7 not supported.\n", to);
}

/* --help among the options, not behind a "--". */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	}
	return false;
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

/* What was printed is out, or the exit code says that it is not. */
static int said(int code)
{
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	if (code == CODE_OK)
		complain("standard output: %s", strerror(errno));
	return code == CODE_OK ? CODE_FAILURE : code;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		overview(stderr);
		return CODE_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    (!strcmp(argv[1], "help") && argc == 2)) {
		overview(stdout);
		return said(CODE_OK);
	}
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	if (!strcmp(argv[1], "help"))
		running = command_find(argv[2]);
	else
		running = command_find(argv[1]);
	if (!running) {
		complain("there is no command \"%s\"; ctl --help lists them",
			 strcmp(argv[1], "help") ? argv[1] : argv[2]);
		return CODE_USAGE;
	}
	if (!strcmp(argv[1], "help") || wants_help(argc - 1, argv + 1)) {
		command_help(running, stdout);
		return said(CODE_OK);
	}
	return said(running->run(argc - 1, argv + 1));
}
