/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's parts and how they call each other.
 *
 *   server.c    the socket, its connections, the loop of the main thread
 *   request.c   one request line -> an answer, or a job
 *   job.c       worker threads and their queue
 *   life.c      the jobs: create, destroy, and what happens at a guest's end
 *   view.c      what list and info say
 *   guest.c     the table and the records;  journal.c  the log
 *   policy.c, hyplog.c  decisions and reading, pure
 *
 * Threads.  The main thread owns the sockets, the watch on @releaseDomain and
 * a control handle for quick questions.  Workers own a handle each.  Between
 * them stand guests_lock (guest.h), the queue's lock (job.c) and one lock per
 * connection (server.c), taken in this order, each for a few lines.  Under the
 * queue's lock no other is taken.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "ctrl.h"
#include "ctrl-config.h"
#include "guest.h"
#include "protocol.h"

/* ---- server.c ---- */

struct conn;

struct conn *conn_get(struct conn *c);
void conn_put(struct conn *c);
/* Sends one line that is not the last; O is used up.  Failures are silent: a
 * client that went away does not stop the work. */
void conn_note(struct conn *c, json_t *o);
/* Send the answer, and be ready for the next request. */
void conn_ok(struct conn *c, json_t *o);
void conn_fail(struct conn *c, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The answer comes when the guest ends, or says timeout after SECONDS (0:
 * never); NAME is for the sentence. */
void conn_wait_end(struct conn *c, uint16_t domid, const char *name,
		   unsigned int seconds);
/* Takes the wait back; false if it has been answered already. */
bool conn_wait_cancel(struct conn *c);
/* Any thread: this domain's life is over, tell who waits for it. */
void server_guest_ended(uint16_t domid, const char *reason);
/* Any thread: look at all domains again soon. */
void server_scan_soon(void);
/* How many scans have begun; a guest that starts during one may be missed. */
unsigned int server_scans(void);

int server_listen(const char *path);
/* Until SIGTERM or SIGINT. */
int server_run(int listen_fd, struct ctrl *ctrl);

/* ---- job.c ---- */

struct worker {
	struct ctrl *ctrl;
};

struct job {
	struct job *next;
	void (*run)(struct worker *w, struct job *j);
	struct conn *conn;	/* held; NULL if nobody asked */
	json_t *request;	/* held; NULL likewise */
	uint16_t domid;
	int shutdown;
};

int jobs_start(unsigned int threads);
/* Lets the running ones end and the queue empty. */
void jobs_stop(void);
/* A copy of J is queued, the references move with it. */
int job_submit(const struct job *j);
/* Around what a job waits for and nobody here works on: others may have a worker
 * meanwhile.  Any thread may call, and under any lock; it is for workers. */
void job_waits(bool begins);
/* The worker's handle, opened if need be; NULL: *why says why. */
struct ctrl *worker_ctrl(struct worker *w, const char **why);
/* After a failure that may have been the handle's: open a new one next. */
void worker_drop_ctrl(struct worker *w);

/* ---- request.c ---- */

/* LINE is one request without its newline. */
void request_run(struct conn *c, struct ctrl *ctrl, const char *line,
		 size_t len);
const char *request_string(const json_t *request, const char *key);
bool request_flag(const json_t *request, const char *key);
unsigned int request_number(const json_t *request, const char *key);
/* The document of a request, and in *FILE what it is called (NAME, if the
 * request does not say); NULL: it has been answered. */
const char *request_document(struct job *j, const char *name,
			     const char **file);
/* What was noted of a document: warnings are sent, and unless it is OK its
 * errors are the answer.  REPORT is freed. */
void request_report(struct job *j, struct guest_config_report *report, bool ok);

/* ---- life.c: jobs ---- */

void life_create(struct worker *w, struct job *j);
void life_validate(struct worker *w, struct job *j);
void life_destroy(struct worker *w, struct job *j);
void life_request(struct worker *w, struct job *j);	/* shutdown, reboot */
void life_pause(struct worker *w, struct job *j);	/* and unpause */
void life_rename(struct worker *w, struct job *j);
void life_dmesg(struct worker *w, struct job *j);
void life_react(struct worker *w, struct job *j);
void life_attach(struct worker *w, struct job *j);	/* disk, interface */
void life_detach(struct worker *w, struct job *j);
void life_resize(struct worker *w, struct job *j);
void life_devices(struct worker *w, struct job *j);	/* lists */
void life_info(struct worker *w, struct job *j);

/* Compares the table with the domains there are; queues what follows. */
void life_scan(struct ctrl *ctrl);
/* After a start: adopt, bury, clean up. */
void life_take_over(struct ctrl *ctrl);
/* Is this domain a guest of ours that has not ended? */
bool life_lives(uint16_t domid);

/* ---- view.c ---- */

void view_list(struct conn *c, struct ctrl *ctrl, bool json);
void view_guest(struct conn *c, struct ctrl *ctrl, const char *name,
		bool json);
void view_host(struct conn *c, struct ctrl *ctrl, bool json);
void view_xml(struct conn *c, const char *name);

#endif
