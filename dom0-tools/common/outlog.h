/* SPDX-License-Identifier: MIT */
/*
 * A log file that never grows beyond a limit: when it would, it becomes
 * FILE.1 (replacing the one before) and a new one begins. Opened at the first
 * byte.
 */
#ifndef COMMON_OUTLOG_H
#define COMMON_OUTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outlog {
	char *path;
	int fd;			/* -1: not open */
	bool failed;		/* no more tries */
	bool bounded;		/* it is a file, and no device */
	unsigned int opened;	/* how many times */
	uint64_t size, limit;
};

#define OUTLOG_NONE { .fd = -1 }

/* 0 or -ENOMEM. */
int outlog_init(struct outlog *l, const char *dir, const char *name,
		uint64_t limit);
/* The same for a file by its path, which is opened now: 0 or -errno. */
int outlog_open(struct outlog *l, const char *path, uint64_t limit);
/*
 * 0; or -errno, once, when the file cannot be opened, and nothing is logged
 * from then on.
 */
int outlog_write(struct outlog *l, const void *data, size_t n);
/* Goes on at the path if what was opened there has been moved away, by another
 * process that made a new one or by somebody else; and if it could not be opened
 * before, but can now. */
void outlog_follow(struct outlog *l);
void outlog_close(struct outlog *l);
/* A file name for a guest's name: only letters that are safe in one. */
void outlog_safe_name(char *out, size_t size, const char *name);

#endif
