/* SPDX-License-Identifier: MIT */
/* Small files, read and written as a whole; see file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_write(int at, const char *path, const char *text, size_t len,
	       mode_t mode, enum file_how how)
{
	char tmp[PATH_MAX];
	int fd, rc;

	snprintf(tmp, sizeof(tmp), "%s%s", path, how == FILE_PLAIN ? "" :
		 ".tmp");
	fd = openat(at, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, len);
	if (!rc && how == FILE_KEPT && fsync(fd))
		rc = -errno;
	close(fd);
	if (!rc && how != FILE_PLAIN && renameat(at, tmp, at, path))
		rc = -errno;
	if (rc)
		unlinkat(at, tmp, 0);
	return rc;
}

/* How many bytes there were, or -1. */
static ssize_t read_all(int fd, char *text, size_t max)
{
	size_t have = 0;

	while (have < max) {
		ssize_t n = read(fd, text + have, max - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

char *file_read(int at, const char *path, size_t max, size_t *len)
{
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : malloc(max + 1), *fit;
	ssize_t n = text ? read_all(fd, text, max) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*len = (size_t)n;
	fit = realloc(text, *len + 1);
	return fit ? fit : text;
}
