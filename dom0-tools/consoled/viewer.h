/* SPDX-License-Identifier: MIT */
/* The one pure piece of viewer.c: the request line. */
#ifndef CONSOLED_VIEWER_H
#define CONSOLED_VIEWER_H

#include <stdbool.h>
#include <stdint.h>

#define VIEWER_LINE_MAX	64

/* "attach 7" or "attach 7 wait"; false: something else. */
bool viewer_parse(const char *line, uint32_t *domid, bool *wait);

#endif
