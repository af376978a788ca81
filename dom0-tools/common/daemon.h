/* SPDX-License-Identifier: MIT */
/*
 * How a daemon of ours starts, and starts again.
 *
 * Going into the background happens such that whoever started the daemon may
 * use it as soon as the command returns: the first process waits until the
 * daemon says that it is ready, or has died with its reason on stderr.
 *
 * Between the two stands the keeper, a process that does nothing but to wait
 * for the daemon's death, and then to start another one, which goes on with
 * what the last one left.  It holds the listening socket meanwhile, so that
 * clients who connect just then wait instead of being refused.  A daemon that
 * ends by itself (exit code 0) or by SIGTERM ends its keeper too.  One that dies
 * again and again is never given up, but started after longer and longer pauses
 * (brake.h); a file beside the pid file, NAME.deaths, then says so.
 *
 * In the foreground there is no keeper: then systemd is one.  The supervisor
 * has none either: bulkhead-start, or systemd, starts it again.
 */
#ifndef COMMON_DAEMON_H
#define COMMON_DAEMON_H

#include <stdbool.h>

struct daemon_options {
	bool foreground;
	bool kept;		/* in the background, with a keeper */
	const char *pid_file;	/* written when ready, or NULL */
	const char *log;	/* where stderr goes then, or NULL */
	const char *socket;	/* to listen at (mode 0600), or NULL */
	int backlog;
};

/* The part of a usage text that is the same for all. */
#define DAEMON_OPTIONS_USAGE \
"  -f, --foreground       stay in the foreground\n" \
"  -p, --pid-file FILE    write the process id there when ready\n" \
"  -l, --log FILE         messages go there (default: standard error's file)\n" \
"  -h, --help             this text\n"

/*
 * Reads the options above, and -s if o->socket is set; every other one
 * ("--name" or "--name=value", "--name value" with a value that @own takes)
 * goes to @own, which says whether it knows it.  Exits with @usage otherwise.
 */
void daemon_options(int argc, char **argv, const char *usage,
		    struct daemon_options *o,
		    bool (*own)(void *arg, const char *name,
				const char *value), void *arg);
/*
 * Fork, unless in the foreground; only the daemon returns, each time one is
 * started.  Call before opening anything.  Returns the listening socket, or
 * -1 if there is none.  Raises the limit of open files and ignores SIGPIPE
 * and SIGHUP.
 */
int daemon_start(const struct daemon_options *o);
/* A listening socket, mode 0600. Says why and exits if that cannot be. */
int daemon_listen(const char *path, int backlog);
/*
 * The daemon can be used now: write the pid file, release the starter, and, in
 * the background, let go of its terminal.
 */
void daemon_ready(const struct daemon_options *o);

#endif
