/* SPDX-License-Identifier: MIT */
/*
 * A domain and its vCPUs.  A domain is found by id in one table, kept by
 * references, and freed by domain.c when the last one goes.
 *
 * Keys: I set at birth; a atomic; d domain lock; m mmu.lock; e evtchn.lock;
 *       g gnttab.lock; s run-queue lock of the vCPU's CPU; o only the CPU
 *       that runs the vCPU, or anyone while it is paused.
 */
#pragma once

#include <hyp/types.h>

#include <xen/vcpu.h>

#include <hyp/arch.h>
#include <hyp/evtchn.h>
#include <hyp/gnttab.h>
#include <hyp/memory.h>
#include <hyp/mmu.h>
#include <hyp/page.h>
#include <hyp/sched.h>
#include <hyp/vtime.h>

#include <asm/arch-domain.h>

#define MAX_VCPUS	MAX_CPUS	/* per domain */
#define WATCHDOGS	2

enum domain_life { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

struct domain {
	domid_t id;			/* I */
	bool is_control;		/* I: dom0 */
	u32 refs;			/* a */
	struct lock lock;		/* RANK_DOMAIN; d */
	enum domain_life life;		/* d, read anywhere */
	u32 pauses;			/* a: reasons not to run */
	u32 control_pauses;		/* d: of those, by domctl */
	bool shutting_down, shut_down;	/* a: asked; all vCPUs stopped */
	u8 shutdown_code;		/* set by who set shutting_down; 255 none */
	bool killed;			/* a: it was said why */
	xen_domain_handle_t handle;	/* d: uuid */
	u32 max_vcpus;			/* I */
	struct vcpu **vcpu;		/* I: max_vcpus pointers, NULL until made */
	struct cpumask dirty;		/* a: CPUs that may cache its mappings */

	struct domain_mem mem;
	struct domain_mmu mmu;
	struct domain_evtchn evtchn;
	struct domain_gnttab gnttab;
	struct domain_time time;
	struct arch_domain arch;

	struct page *shared_page;	/* I */
	struct shared_info *shared;	/* I: direct-map address */
	u32 assist;			/* a: vm_assist bits */
	u32 suspend_port;		/* d: domctl subscribe; 0 none */
	u32 weight;			/* DOMCTL: scheduler_op */
	struct timer watchdog[WATCHDOGS];	/* d: SCHEDOP_watchdog */
	u64 lines_paid_until;		/* printk.c: each costs a period */
	u32 lines_lost;
	u32 teardown;			/* DOMCTL: steps of destroy that are done */
	struct timer reaper;		/* frees it when nobody holds it */
};

struct vcpu {
	struct domain *domain;		/* I */
	u32 id;				/* I */
	u32 pauses;			/* a */
	u32 claimed;			/* a: somebody initialises it */
	bool initialised;		/* a: has a context */
	bool down;			/* a: VCPUOP_down, or not yet up */
	bool blocked;			/* a: waits for an event */
	struct vcpu_info *info;		/* o: where events are flagged; never NULL */
	struct page *info_page;		/* d: registered page, else NULL */
	struct vcpu_sched sched;
	struct vcpu_mmu mmu;
	struct vcpu_evtchn evtchn;
	struct vcpu_time time;
	struct arch_vcpu arch;
};

extern struct domain *dom0;
/* Pseudo-domains: device memory, and frames the hypervisor shares read-only. */
extern struct domain dom_io, dom_xen;

/* Finds a domain and takes a reference, NULL if there is none.  DOMID_SELF is the caller. */
struct domain *domain_find(domid_t id);
/* The same for the controls: 0 with a reference, -XEN_ESRCH, -XEN_EPERM. */
int domain_find_controlled(domid_t id, struct domain **d);
/* The next higher existing id >= id, with a reference; NULL: none. */
struct domain *domain_find_from(domid_t id);
bool domain_get(struct domain *d);
void domain_put(struct domain *d);

/* The table, and dom_io and dom_xen.  Boot. */
void domain_init(void);

struct domain_params {
	u32 max_vcpus, max_evtchn_port, max_grant_frames, max_maptrack_frames;
	xen_domain_handle_t handle;
	bool is_control;
};

/* Makes a domain without vCPUs or memory, paused.  id or DOMID_INVALID for any. */
int domain_create(domid_t id, const struct domain_params *p, struct domain **d);
int vcpu_create(struct domain *d, u32 id);
/*
 * Puts v's vcpu_info where the guest wants it.  The current vCPU's, or one
 * that does not run.  -XEN_EINVAL: a second time, or a bad place.
 */
int vcpu_register_info(struct vcpu *v, mfn_t m, u32 offset);
/* False while a vCPU above the first 32 has no vcpu_info of its own. */
bool vcpu_has_info(const struct vcpu *v);
/* Lets go of every page it holds (not its tables); it does not run again. */
void vcpu_drop_pages(struct vcpu *v);
/* Checks and loads a context, once; -XEN_EEXIST when it has one. */
int vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c);

/* Pause counts; the sync forms return when no vCPU of it runs any more. */
void domain_pause(struct domain *d);
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
void vcpu_unpause(struct vcpu *v);
/* Pauses v if it does not run; waits for nobody, so two vCPUs may do it to
 * each other. */
bool vcpu_try_pause(struct vcpu *v);
bool vcpu_is_runnable(const struct vcpu *v);

/* An event was flagged in v->info: wake it, or make its CPU look.  Any CPU. */
void vcpu_kick(struct vcpu *v);
/* Ends a block or poll: clears blocked and wakes. */
void vcpu_unblock(struct vcpu *v);

/* The guest asked, or broke a rule (SHUTDOWN_crash).  Pauses it for good. */
void domain_shutdown(struct domain *d, u8 code);
/* Kills the current or another guest with a reason for the log and ctl. */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);
/* The scheduler tells: a vCPU of a domain that shuts down has stopped. */
void domain_check_stopped(struct domain *d);
/* resumedomain: undoes a shutdown, the guest goes on (a suspend was cancelled,
 * or done); 0, also when there is none. */
int domain_resume(struct domain *d);
/* destroydomain; -XEN_ERESTART: call again.  DOMCTL lock. */
int domain_kill(struct domain *d);

struct xen_domctl_getdomaininfo;
void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/*
 * Builds the control domain: module 0 is its kernel (an ELF file with Xen
 * notes), module 1 its initrd.  Sets dom0 and lets it run.  Panics with one
 * sentence when there is no way to start it.  Boot CPU, once.
 */
void dom0_build(void);

/* Guards changes of domains by domctl; RANK_DOMCTL. */
extern struct lock domctl_lock;

static inline struct vcpu *domain_vcpu(const struct domain *d, u32 id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* The first vCPU of d that was made, from this id on; NULL: none. */
static inline struct vcpu *vcpu_from(const struct domain *d, u32 id)
{
	while (id < d->max_vcpus && !d->vcpu[id])
		id++;
	return domain_vcpu(d, id);
}

#define for_each_vcpu(d, v) \
	for (struct vcpu *v = vcpu_from(d, 0); v; v = vcpu_from(d, v->id + 1))

/* From one domain to the next higher, with its reference. */
static inline struct domain *domain_next(struct domain *d)
{
	const domid_t next = d->id + 1;

	domain_put(d);
	return domain_find_from(next);
}

#define for_each_domain(d) \
	for (struct domain *d = domain_find_from(0); d; d = domain_next(d))

static inline struct domain *current_domain(void)
{
	return current_vcpu()->domain;
}

/*
 * May domain a do this (to domain b)?  The one place that decides.  Today: a
 * domain may do everything to itself that is not privileged, and the control
 * domain may control every domain.
 */

/* a may build, inspect and destroy b, and map b's frames. */
static inline bool priv_control(const struct domain *a, const struct domain *b)
{
	return a->is_control || a == b;
}

/* a may ask for system-wide things (sysctl, platform_op, console). */
static inline bool priv_system(const struct domain *a)
{
	return a->is_control;
}

/* a may use ports, interrupts and device memory. */
static inline bool priv_hardware(const struct domain *a)
{
	return a->is_control;
}
