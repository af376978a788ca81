/* SPDX-License-Identifier: MIT */
/*
 * Workers: a few threads that take jobs from one queue.  Each has a control
 * handle of its own, opened when it is first needed and after failures.
 *
 * Of the workers that have nothing to do, the one that worked last is woken:
 * its handle is open and its memory is there, and in a control domain a page
 * that has to be brought in costs more than most jobs.
 *
 * A job that waits for somebody else, a disk's server or a guest, says so, and
 * as long as it waits it does not count: another worker is started for the next
 * job, up to a bound, and ends when there is nothing left for it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "supervisor.h"

#define THREADS_MAX 64

/* queue_lock protects all of this. */
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *queue_head, **queue_tail = &queue_head;
static bool stopping;
static unsigned int queued;
static unsigned int wanted;	/* workers that are not waiting */
static unsigned int threads, running, waiting;
static pthread_cond_t last_gone = PTHREAD_COND_INITIALIZER;
static struct idler {
	struct idler *next;
	pthread_cond_t wake;
	bool woken;
} *idlers;			/* the last to fall idle comes first */

static __thread bool is_worker;

static void wake_one_locked(void)
{
	struct idler *i = idlers;

	if (!i)
		return;
	idlers = i->next;
	i->woken = true;
	pthread_cond_signal(&i->wake);
}

/* The next job, or NULL when there is none left and we stop, or when there are
 * enough without this worker. */
static struct job *job_take(struct idler *me)
{
	struct job *j;

	pthread_mutex_lock(&queue_lock);
	while (!queue_head && !stopping && threads - running <= wanted) {
		me->woken = false;
		me->next = idlers;
		idlers = me;
		while (!me->woken)
			pthread_cond_wait(&me->wake, &queue_lock);
	}
	j = queue_head;
	if (j) {
		queue_head = j->next;
		if (!queue_head)
			queue_tail = &queue_head;
		queued--;
		running++;
	} else if (!--threads) {
		pthread_cond_signal(&last_gone);
	}
	pthread_mutex_unlock(&queue_lock);
	return j;
}

static void job_done(struct job *j)
{
	if (j->conn)
		conn_put(j->conn);
	json_decref(j->request);
	free(j);
	pthread_mutex_lock(&queue_lock);
	running--;
	pthread_mutex_unlock(&queue_lock);
}

static void *worker_main(void *arg)
{
	struct idler me = { .wake = PTHREAD_COND_INITIALIZER };
	struct worker w = { 0 };
	const char *why;
	struct job *j;

	is_worker = true;
	/* The one that falls idle last is the first to be woken. */
	if (arg && worker_ctrl(&w, &why))
		ctrl_store(w.ctrl);
	while ((j = job_take(&me))) {
		j->run(&w, j);
		job_done(j);
	}
	worker_drop_ctrl(&w);
	return NULL;
}

static int start_worker_locked(bool prepared)
{
	pthread_attr_t attr;
	pthread_t t;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = -pthread_create(&t, &attr, worker_main, prepared ? &threads :
			     NULL);
	pthread_attr_destroy(&attr);
	threads += !rc;
	return rc;
}

/* A job for which there is no worker goes to a new one, where it may; if that
 * cannot be started, the job waits for the others. */
static void relieve_locked(void)
{
	if (queued > threads - running && running - waiting < wanted &&
	    threads < THREADS_MAX)
		start_worker_locked(false);
}

void job_waits(bool begins)
{
	if (!is_worker)
		return;
	pthread_mutex_lock(&queue_lock);
	waiting += begins ? 1 : -1;
	if (begins)
		relieve_locked();
	pthread_mutex_unlock(&queue_lock);
}

int jobs_start(unsigned int count)
{
	int rc = 0;

	pthread_mutex_lock(&queue_lock);
	wanted = count;
	while (!rc && threads < count)
		rc = start_worker_locked(threads + 1 == count);
	pthread_mutex_unlock(&queue_lock);
	return rc;
}

void jobs_stop(void)
{
	pthread_mutex_lock(&queue_lock);
	stopping = true;
	while (idlers)
		wake_one_locked();
	while (threads)
		pthread_cond_wait(&last_gone, &queue_lock);
	pthread_mutex_unlock(&queue_lock);
}

int job_submit(const struct job *job)
{
	struct job *j = malloc(sizeof(*j));

	if (!j) {
		if (job->conn) {
			conn_fail(job->conn, CODE_FAILURE, "out of memory");
			conn_put(job->conn);
		}
		json_decref(job->request);
		return -ENOMEM;
	}
	*j = *job;
	j->next = NULL;
	pthread_mutex_lock(&queue_lock);
	*queue_tail = j;
	queue_tail = &j->next;
	queued++;
	wake_one_locked();
	relieve_locked();
	pthread_mutex_unlock(&queue_lock);
	return 0;
}

struct ctrl *worker_ctrl(struct worker *w, const char **why)
{
	if (w->ctrl)
		return w->ctrl;
	if (!ctrl_open(&w->ctrl))
		return w->ctrl;
	*why = "the hypervisor's devices cannot be opened";
	journal_line("%s: %s", *why, w->ctrl ? ctrl_error(w->ctrl) : "no memory");
	worker_drop_ctrl(w);
	return NULL;
}

void worker_drop_ctrl(struct worker *w)
{
	if (w->ctrl)
		ctrl_close(w->ctrl);
	w->ctrl = NULL;
}
