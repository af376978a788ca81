/* SPDX-License-Identifier: MIT */
/* Decisions at a guest's end; see policy.h. */
#include "policy.h"

/* The shutdown codes of the ABI (SHUTDOWN_* in <xen/sched.h>). */
enum { POWEROFF, REBOOT, SUSPEND, CRASH, WATCHDOG, SOFT_RESET };

struct policy_verdict policy_decide(enum guest_action action, uint64_t uptime,
				    unsigned int short_lives)
{
	struct policy_verdict v = { .action = action };

	if (action != GUEST_ACTION_RESTART &&
	    action != GUEST_ACTION_RENAME_RESTART)
		return v;
	v.short_lives = uptime < BRAKE_SECONDS ? short_lives + 1 : 0;
	if (v.short_lives < BRAKE_LIVES)
		return v;
	/* What rename-restart meant to keep is kept. */
	v.action = action == GUEST_ACTION_RESTART ? GUEST_ACTION_DESTROY :
		   GUEST_ACTION_PRESERVE;
	v.gave_up = true;
	return v;
}

const char *policy_reason(int shutdown)
{
	switch (shutdown) {
	case POWEROFF:
		return "poweroff";
	case REBOOT:
		return "reboot";
	case SUSPEND:
		return "suspend";
	case CRASH:
		return "crash";
	case WATCHDOG:
		return "watchdog";
	case SOFT_RESET:
		return "soft-reset";
	default:
		return "unknown";
	}
}

bool policy_action(int shutdown, enum guest_action on_poweroff,
		   enum guest_action on_reboot, enum guest_action on_crash,
		   enum guest_action *action)
{
	switch (shutdown) {
	case SUSPEND:
		return false;
	case POWEROFF:
		*action = on_poweroff;
		return true;
	case REBOOT:
		*action = on_reboot;
		return true;
	default:
		/* A crash, the watchdog, and what no PV guest should say. */
		*action = on_crash;
		return true;
	}
}
