/* SPDX-License-Identifier: MIT */
/*
 * Workers: a few threads that take jobs from one queue.  Each has a control
 * handle of its own, opened when it is first needed and after failures.
 *
 * Of the workers that have nothing to do, the one that worked last is woken:
 * its handle is open and its memory is there, and in a control domain a page
 * that has to be brought in costs more than most jobs.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "supervisor.h"

#define THREADS_MAX 16

/* queue_lock protects all of this. */
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *queue_head, **queue_tail = &queue_head;
static bool stopping;
static struct idler {
	struct idler *next;
	pthread_cond_t wake;
	bool woken;
} *idlers;			/* the last to fall idle comes first */

static pthread_t threads[THREADS_MAX];
static unsigned int thread_count;

static void wake_one_locked(void)
{
	struct idler *i = idlers;

	if (!i)
		return;
	idlers = i->next;
	i->woken = true;
	pthread_cond_signal(&i->wake);
}

/* The next job, or NULL when there is none left and we stop. */
static struct job *job_take(struct idler *me)
{
	struct job *j;

	pthread_mutex_lock(&queue_lock);
	while (!queue_head && !stopping) {
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
	}
	pthread_mutex_unlock(&queue_lock);
	return j;
}

static void job_free(struct job *j)
{
	if (j->conn)
		conn_put(j->conn);
	json_decref(j->request);
	free(j);
}

static void *worker_main(void *arg)
{
	struct idler me = { .wake = PTHREAD_COND_INITIALIZER };
	struct worker w = { 0 };
	const char *why;
	struct job *j;

	/* The one that falls idle last is the first to be woken. */
	if (arg && worker_ctrl(&w, &why))
		ctrl_store(w.ctrl);
	while ((j = job_take(&me))) {
		j->run(&w, j);
		job_free(j);
	}
	worker_drop_ctrl(&w);
	return NULL;
}

int jobs_start(unsigned int count)
{
	pthread_attr_t attr;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 << 10);
	while (thread_count < count && thread_count < THREADS_MAX) {
		rc = -pthread_create(&threads[thread_count], &attr,
				     worker_main,
				     thread_count + 1 == count ?
				     &threads[thread_count] : NULL);
		if (rc)
			break;
		thread_count++;
	}
	pthread_attr_destroy(&attr);
	return rc;
}

void jobs_stop(void)
{
	pthread_mutex_lock(&queue_lock);
	stopping = true;
	while (idlers)
		wake_one_locked();
	pthread_mutex_unlock(&queue_lock);
	for (unsigned int i = 0; i < thread_count; i++)
		pthread_join(threads[i], NULL);
	thread_count = 0;
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
	wake_one_locked();
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
