/* SPDX-License-Identifier: MIT */
/* Bounded log files; see outlog.h. */
#include "outlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int outlog_init(struct outlog *l, const char *dir, const char *name,
		uint64_t limit)
{
	*l = (struct outlog){ .fd = -1, .limit = limit };
	if (asprintf(&l->path, "%s/%s.log", dir, name) < 0) {
		l->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

void outlog_safe_name(char *out, size_t size, const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+.";
	size_t n = 0;

	for (; *name && n + 1 < size; name++, n++)
		out[n] = strchr(ok, *name) && (n || *name != '.') ? *name
								  : '_';
	out[n] = 0;
}

static int log_open(struct outlog *l)
{
	struct stat st;
	int rc = 0;

	l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
		     O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
	if (l->fd < 0 || fstat(l->fd, &st))
		rc = -errno;
	l->failed = rc;
	if (rc)
		return rc;
	l->bounded = S_ISREG(st.st_mode);
	l->size = l->bounded ? st.st_size : 0;
	l->opened++;
	return 0;
}

int outlog_open(struct outlog *l, const char *path, uint64_t limit)
{
	*l = (struct outlog){ .fd = -1, .limit = limit };
	l->path = strdup(path);
	return l->path ? log_open(l) : -ENOMEM;
}

static int reopen(struct outlog *l)
{
	close(l->fd);
	l->fd = -1;
	return log_open(l);
}

static int log_rotate(struct outlog *l)
{
	char *old;
	int rc;

	if (asprintf(&old, "%s.1", l->path) < 0)
		return 0;
	rename(l->path, old);
	free(old);
	rc = reopen(l);
	/* Still the old file: start it over rather than outgrow the limit. */
	if (!rc && l->size && !ftruncate(l->fd, 0))
		l->size = 0;
	return rc;
}

int outlog_write(struct outlog *l, const void *data, size_t n)
{
	ssize_t r;
	int rc = 0;

	if (l->fd < 0 && !l->failed && l->path)
		rc = log_open(l);
	if (l->fd >= 0 && l->bounded && l->size + n > l->limit && l->size)
		rc = log_rotate(l);
	if (l->fd < 0)
		return rc;
	/* A full disk loses log, never the guest's progress. */
	r = write(l->fd, data, n);
	if (r > 0 && l->bounded)
		l->size += r;
	return 0;
}

void outlog_follow(struct outlog *l)
{
	struct stat is, was;

	if (l->fd < 0 && l->path)
		log_open(l);
	if (l->fd < 0 || !l->bounded || fstat(l->fd, &was))
		return;
	if (stat(l->path, &is) || is.st_dev != was.st_dev ||
	    is.st_ino != was.st_ino)
		reopen(l);
	else
		l->size = (uint64_t)is.st_size;
}

void outlog_close(struct outlog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	free(l->path);
	l->path = NULL;
}
