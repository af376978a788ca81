/* SPDX-License-Identifier: MIT */
/* Time as guests see it: pvclock pages, wall clock, one-shot timers, runstate. */
#pragma once

#include <hyp/timer.h>

#include <xen/vcpu.h>

struct domain_time {
	s64 offset_seconds;	/* d: settimeoffset */
	u32 tsc_mode;		/* d: settscinfo; native always */
	u32 tsc_incarnation;
};

/* Guest memory that we keep writing: at most two pages, held writable. */
struct guest_area {
	void *at[2];		/* NULL: not there */
	u32 first;		/* bytes in the first page; 0: no area */
};

struct vcpu_time {
	struct timer singleshot;
	struct timer poll;	/* SCHEDOP_poll time-out */
	struct vcpu_runstate_info runstate;	/* s */
	struct guest_area runstate_area;	/* o */
	struct guest_area time_area;		/* o: secondary pvclock */
	u32 version;		/* o: of the guest's pvclock */
};

void vtime_vcpu_init(struct vcpu *v);
/* Stops the timers of a vCPU that will not run again. */
void vtime_vcpu_stop(struct vcpu *v);
/* Lets go of guest memory: teardown, after the vCPU ran for the last time. */
void vtime_vcpu_exit(struct vcpu *v);
/* v's vcpu_info is new or was wiped: writes its pvclock and wall clock. */
void vtime_refresh(struct vcpu *v);
/* Accounts a change of state (RUNSTATE_*) at time now. */
void vtime_runstate(struct vcpu *v, int state, u64 now);
/* Copies v's runstate where the guest wants it. */
void vtime_publish_runstate(struct vcpu *v);
/* A consistent copy of it, with the time that is not yet accounted. */
void vtime_get_runstate(const struct vcpu *v, struct vcpu_runstate_info *r);
u64 vtime_cpu_time(const struct vcpu *v);
/* v was just switched in: guest-visible copies are brought up to date. */
void vtime_switched_in(struct vcpu *v);

/* The wall clock at boot, ns since 1970; platform_op settime moves it. */
void vtime_set_wallclock(u64 ns_at_boot);
/* Writes d's wall clock into its shared_info. */
void vtime_update_wallclock(struct domain *d);

/* The handlers of vcpu_op and set_timer_op for the current vCPU. */
long vtime_set_singleshot(struct vcpu *v, u64 deadline);
long vtime_stop_singleshot(struct vcpu *v);
/* a is one of v's two areas; gva 0 takes it back.  -XEN_EFAULT, -XEN_EINVAL. */
long vtime_set_area(struct vcpu *v, struct guest_area *a, u64 gva);
