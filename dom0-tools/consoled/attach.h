/* SPDX-License-Identifier: MIT */
/* A viewer's request line (consoled.h). Pure. */
#ifndef CONSOLED_ATTACH_H
#define CONSOLED_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#define ATTACH_LINE_MAX	64

/* "attach 7" or "attach 7 wait"; false: something else. */
bool attach_parse(const char *line, uint32_t *domid, bool *wait);

#endif
