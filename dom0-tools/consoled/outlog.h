/* SPDX-License-Identifier: MIT */
/*
 * A log file that never grows beyond a limit: when it would, it becomes
 * FILE.1 (replacing the one before) and a new one begins. Opened at the first
 * byte.
 */
#ifndef CONSOLED_OUTLOG_H
#define CONSOLED_OUTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outlog {
	char *path;
	int fd;			/* -1: not open */
	bool failed;		/* said so once; no more tries */
	uint64_t size, limit;
};

/* 0 or -ENOMEM. */
int outlog_init(struct outlog *l, const char *dir, const char *name,
		uint64_t limit);
void outlog_write(struct outlog *l, const void *data, size_t n);
void outlog_close(struct outlog *l);
/* A file name for a guest's name: only letters that are safe in one. */
void outlog_safe_name(char *out, size_t size, const char *name);

#endif
