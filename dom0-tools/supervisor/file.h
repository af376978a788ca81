/* SPDX-License-Identifier: MIT */
/* Small files, read and written as a whole. */
#ifndef SUPERVISOR_FILE_H
#define SUPERVISOR_FILE_H

#include <stddef.h>
#include <sys/types.h>

enum file_how {
	FILE_PLAIN,	/* half of it may stay there: a reader can tell */
	FILE_WHOLE,	/* all of it or what was there, for a process that dies */
	FILE_KEPT,	/* ... and for a machine that loses its power */
};

/* PATH below the folder AT (AT_FDCWD: here), made with MODE.  0 or -errno. */
int file_write(int at, const char *path, const char *text, size_t len,
	       mode_t mode, enum file_how how);
/* At most MAX bytes, and a zero behind them; the caller frees.  NULL: it cannot
 * be read. */
char *file_read(int at, const char *path, size_t max, size_t *len);

#endif
