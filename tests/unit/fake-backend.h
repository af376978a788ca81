/* SPDX-License-Identifier: MIT */
/*
 * The frame of a back-end without Xen: a guest's pages are memory of ours,
 * and a grant is the number of a page.
 */
#ifndef FAKE_BACKEND_H
#define FAKE_BACKEND_H

#include "common/backend.h"

#define FAKE_PAGES	1024u

extern uint8_t *fake_page[FAKE_PAGES];	/* NULL: that grant does not hold */
extern struct backend fake_backend;
extern unsigned int fake_copies;	/* calls, not segments */
extern unsigned int fake_notified;	/* calls */
extern char fake_reason[BACKEND_REASON_MAX];	/* of a stop, or "" */

void fake_backend_start(void);
void fake_backend_end(void);

#endif
