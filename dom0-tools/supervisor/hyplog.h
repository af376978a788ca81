/* SPDX-License-Identifier: MIT */
/* What the hypervisor's log says about the death of a domain.  Pure. */
#ifndef SUPERVISOR_HYPLOG_H
#define SUPERVISOR_HYPLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Looks for the last line of LOG that says that domain DOMID crashed or was
 * killed, and copies it, without the log's own prefix, as one printable line
 * of at most N - 1 bytes.  A domain is named dID, dIDvN, or Domain ID.
 */
bool hyplog_reason(const char *log, size_t len, uint16_t domid, char *out,
		   size_t n);

#endif
