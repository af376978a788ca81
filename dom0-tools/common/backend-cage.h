/* SPDX-License-Identifier: MIT */
/* Giving up every right, once and for all; see backend-cage.c. */
#ifndef COMMON_BACKEND_CAGE_H
#define COMMON_BACKEND_CAGE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * From now on this process is @uid, sees no files and no network, and may use
 * the system calls of a back-end, those of @syscalls (ends with -1; may be
 * NULL) and the ioctls of a back-end and of @ioctls (ends with 0; may be NULL).
 * 0, or a negative errno with what failed in @why.
 */
int backend_cage(uid_t uid, const int *syscalls, const unsigned long *ioctls,
		 char *why, size_t why_len);

#endif
