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

#include "../common/log.h"

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

static void log_open(struct outlog *l)
{
	struct stat st;

	l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
		     O_NOFOLLOW | O_NONBLOCK, 0640);
	if (l->fd < 0 || fstat(l->fd, &st)) {
		log_msg("%s: %s: this console is not logged", l->path,
			strerror(errno));
		l->failed = true;
		return;
	}
	l->size = st.st_size;
}

static void log_rotate(struct outlog *l)
{
	char *old;

	if (asprintf(&old, "%s.1", l->path) < 0)
		return;
	if (rename(l->path, old))
		log_msg("%s: cannot be renamed: %s", l->path, strerror(errno));
	free(old);
	close(l->fd);
	l->fd = -1;
	log_open(l);
	/* Still the old file: start it over rather than outgrow the limit. */
	if (!l->failed && l->size && !ftruncate(l->fd, 0))
		l->size = 0;
}

void outlog_write(struct outlog *l, const void *data, size_t n)
{
	ssize_t r;

	if (l->fd < 0 && !l->failed && l->path)
		log_open(l);
	if (l->fd >= 0 && l->size + n > l->limit && l->size)
		log_rotate(l);
	if (l->fd < 0)
		return;
	/* A full disk loses log, never the guest's progress. */
	r = write(l->fd, data, n);
	if (r > 0)
		l->size += r;
}

void outlog_close(struct outlog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	free(l->path);
	l->path = NULL;
}
