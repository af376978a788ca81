/* SPDX-License-Identifier: MIT */
/*
 * The process of a back-end as the supervisor sees it: how it is started, the
 * socket on which one speaks with it, and how it ends.  What is said is
 * docs/devices.md.
 */
#ifndef SUPERVISOR_BACKEND_PROC_H
#define SUPERVISOR_BACKEND_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

#define BACKEND_PACKET		65536
#define BACKEND_FDS		17	/* the journal and sixteen more */

struct backend_proc {
	pid_t pid;		/* 0: none */
	int pidfd;		/* readable when it has ended; -1: none */
	int conn;		/* -1: none */
};

#define BACKEND_PROC_NONE { 0, -1, -1 }

/*
 * Starts PROGRAM for device DEVID of domain DOMID with its socket at PATH, and
 * connects to it.  0, or -errno and *why.
 */
int backend_proc_spawn(struct backend_proc *p, const char *program,
		       const char *path, unsigned int domid,
		       unsigned int devid, unsigned int uid, char **why);
/* Connects to the one that listens at PATH; PID is who it is said to be, or 0.
 * -ECONNREFUSED, -ENOENT: there is none. */
int backend_proc_adopt(struct backend_proc *p, const char *path, pid_t pid);

/* One that does not listen any more: it can only be ended. */
void backend_proc_adopt_pid(struct backend_proc *p, pid_t pid);

/* Sends one message, which is used up, and copies of N descriptors. */
int backend_proc_send(struct backend_proc *p, json_t *message, const int *fds,
		      size_t n);
/*
 * The next message: 1 and *OUT, 0 when there is none now, -errno when the
 * connection is of no more use.  BUFFER has BACKEND_PACKET bytes.
 */
int backend_proc_receive(struct backend_proc *p, char *buffer, json_t **out);

void backend_proc_hang_up(struct backend_proc *p);
void backend_proc_kill(struct backend_proc *p);
/*
 * Is it over?  Then it is reaped, all is closed, and *status is what waitid()
 * said: the exit code, minus the signal, or -1000 if it was not ours to wait
 * for.
 */
#define BACKEND_STATUS_UNKNOWN	(-1000)
bool backend_proc_ended(struct backend_proc *p, int *status);

#endif
