/* SPDX-License-Identifier: MIT */
/*
 * Going into the background such that whoever started the daemon may use it
 * as soon as the command returns: the first process waits until the second
 * one says that it is ready, or has died with its reason on stderr.
 */
#ifndef COMMON_DAEMON_H
#define COMMON_DAEMON_H

/* Fork; the parent never returns. Call before opening anything. */
void daemon_start(void);
/*
 * The daemon can be used now: write @pid_file (unless NULL), release the
 * starter, and, if in the background, let go of its terminal: standard output
 * and error go to @log (unless NULL).
 */
void daemon_ready(const char *pid_file, const char *log);

#endif
