/* SPDX-License-Identifier: MIT */
/*
 * What the supervisor does when a guest ends: the guest's own description
 * says it, and the brake has the last word.  Pure.
 */
#ifndef SUPERVISOR_POLICY_H
#define SUPERVISOR_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "ctrl-config.h"

/* A life shorter than this is a short one; so many of them in a row, and the
 * guest is not started again. */
#define BRAKE_SECONDS	60
#define BRAKE_LIVES	5

struct policy_verdict {
	enum guest_action action;
	unsigned int short_lives;	/* of the guest that is started next */
	bool gave_up;			/* the brake changed the action */
};

/*
 * A guest that was up for UPTIME seconds ended, and its description wants
 * ACTION.  SHORT_LIVES counts the short lives before this one.
 */
struct policy_verdict policy_decide(enum guest_action action, uint64_t uptime,
				    unsigned int short_lives);

/* The word for a shutdown code of the hypervisor: "poweroff", "crash" ... */
const char *policy_reason(int shutdown);

/* Which of a guest's three actions a shutdown code asks for.  False for a
 * suspend, which nobody acts on. */
bool policy_action(int shutdown, enum guest_action on_poweroff,
		   enum guest_action on_reboot, enum guest_action on_crash,
		   enum guest_action *action);

#endif
