/* SPDX-License-Identifier: MIT */
/* Time as guests see it: pvclock pages, wall clock, one-shot timers, runstate. */
#ifndef HYP_VTIME_H
#define HYP_VTIME_H

#include <hyp/timer.h>
#include <hyp/types.h>

#include <xen/vcpu.h>

struct domain;
struct vcpu;

struct domain_time {
	s64 offset_seconds;	/* d: settimeoffset */
	u32 tsc_mode;		/* d: settscinfo; native always */
	u32 tsc_incarnation;
};

struct vcpu_time {
	struct timer singleshot;
	struct timer periodic;
	u64 period_ns;		/* 0: none */
	struct timer poll;	/* SCHEDOP_poll time-out */
	struct vcpu_runstate_info runstate;	/* s */
	u64 runstate_area;	/* o: guest virtual address or 0 */
	bool runstate_late;	/* o: area was unreachable, try again */
	u64 time_area;		/* o: secondary pvclock, guest address or 0 */
};

void vtime_domain_init(struct domain *d);
void vtime_vcpu_init(struct vcpu *v);
void vtime_vcpu_exit(struct vcpu *v);
/* Rewrites v's pvclock; cheap when the TSC parameters did not change. */
void vtime_update(struct vcpu *v);
/* Accounts a change of state (RUNSTATE_*) at time now. */
void vtime_runstate(struct vcpu *v, int state, u64 now);
/* v was just switched in: guest-visible copies are brought up to date. */
void vtime_switched_in(struct vcpu *v);
/* The wall clock at boot, ns since 1970; platform_op settime moves it. */
void vtime_set_wallclock(u64 ns_at_boot);

#endif
