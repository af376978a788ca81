/* SPDX-License-Identifier: MIT */
/*
 * ctl's parts: main.c has the table of commands, cmd-*.c have the commands,
 * client.c talks to the supervisor.  ctl is linked statically and to libc
 * only: it is started for every question.
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jline.h"
#include "supervisor/protocol.h"

/* A sentence to standard error, with "ctl: " in front of it. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* After complain(): the usage of the running command; returns CODE_USAGE. */
int usage_error(void);

/* ---- client.c ---- */

struct client {
	int fd;
	char *in;		/* bytes received, not yet taken */
	size_t len, room, taken;
	char *line;		/* the answer, after client_ask() */
	size_t line_len;
	/* Called for each note; NULL: warnings are printed, no more. */
	void (*note)(void *ctx, const char *line, size_t len);
	void *ctx;
};

/* Connects; a CODE_*, and the failure has been told. */
int client_open(struct client *c);
/*
 * Sends a request (used up) and waits for its answer.  Returns the answer's
 * code; an error has been printed.  c->line is the answer.
 */
int client_ask(struct client *c, struct jline_out *request);
void client_close(struct client *c);
/* Open, ask, print "text" or "json" of the answer, close. */
int client_simple(struct jline_out *request);
/* Writes all of it to standard output; a CODE_*. */
int print_bytes(const char *bytes, size_t len);

/* ---- args.c ---- */

/* Begins a request: what to do and, if not NULL, to whom. */
void request_begin(struct jline_out *o, const char *word, const char *name);
/* Can JSON carry it?  Else it has been complained: it cannot be WHAT. */
bool name_ok(const char *name, const char *what);
/* A whole number from 1 to MAX; says nothing. */
bool number_read(const char *text, unsigned long max, unsigned long *out);
/* The value of --timeout; false, and it has been complained about. */
bool seconds_read(const char *text, unsigned long *out);
/* The options of a command that has only --json, and ARGS arguments; false:
 * usage. */
bool only_json(int argc, char **argv, int args, bool *json);
bool no_options(int argc, char **argv, int args);

/* What a name may be the name of. */
#define GUEST_NAME "a guest's name"
#define DEVICE_NAME "a device's name"
#define NETWORK_NAME "a network's name"

/* ---- cmd-create.c ---- */

/* The text of file PATH ("-": standard input), or NULL and *code, and it has
 * been complained about. */
char *document_read(const char *path, int *code);

/* ---- commands: argv[0] is the command's own name ---- */

int cmd_create(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_list(int argc, char **argv);		/* list, net-list */
int cmd_info(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_name_only(int argc, char **argv);	/* pause, unpause, destroy */
int cmd_request(int argc, char **argv);		/* shutdown, reboot */
int cmd_rename(int argc, char **argv);
int cmd_dump_xml(int argc, char **argv);
int cmd_dmesg(int argc, char **argv);
int cmd_store(int argc, char **argv);
int cmd_attach(int argc, char **argv);		/* -disk, -interface */
int cmd_detach(int argc, char **argv);		/* -disk, -interface */
int cmd_resize(int argc, char **argv);
int cmd_list_devices(int argc, char **argv);	/* -disks, -interfaces */
int cmd_version(int argc, char **argv);
int cmd_net_define(int argc, char **argv);
int cmd_net(int argc, char **argv);		/* the other net-* */

/* The console of a domain, until the user leaves or it ends.  STARTED, if not
 * NULL, is called once the console is attached. */
int console_run(const char *name, uint64_t domid,
		int (*started)(void *ctx), void *ctx);

#endif
