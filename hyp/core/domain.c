/* SPDX-License-Identifier: MIT */
/*
 * The life of a domain.
 *
 * alive -> (shutting down -> shut down) -> dying -> dead -> freed.
 *
 * A domain shuts down when the guest asks, or when it broke a rule; it is
 * shut down when all its vCPUs have stopped, and the toolstack is told.  It
 * dies when the toolstack destroys it: then everything it holds is given
 * back, step by step.  It is freed when nobody refers to it any more: the
 * table has one reference, each other user one, and memory.c one for as long
 * as the domain owns any frame.
 *
 * Finding takes no lock: a pointer read from the table may be looked at until
 * this CPU next answers other CPUs, because a domain that left the table is
 * freed only when every CPU has answered once (reap()).  When its count can
 * be raised and its id is the one wanted, it is that domain.
 */
#include <hyp/core.h>

#include <xen/domctl.h>
#include <xen/sched.h>

#include <hyp/param.h>

#define DOMIDS 0x7ff0		/* DOMID_FIRST_RESERVED */

struct domain *dom0;
struct domain dom_io, dom_xen;
struct lock domctl_lock = LOCK_INIT(RANK_DOMCTL);

static struct lock list_lock = LOCK_INIT(RANK_DOMLIST);
static struct domain *table[DOMIDS];	/* list_lock to write */
static u64 used[DOMIDS / 64 + 1];	/* list_lock to write: ids that are taken */
static u32 rover = 1;			/* list_lock: next id to try */

/* ---- Finding ---- */

bool domain_get(struct domain *d)
{
	u32 refs = atomic_load(&d->refs);

	do {
		if (!refs)
			return false;
	} while (!atomic_cas(&d->refs, &refs, refs + 1));
	return true;
}

void domain_put(struct domain *d)
{
	/* Whoever drops it may hold any lock: freeing is left to a timer. */
	if (!atomic_sub(&d->refs, 1))
		timer_set(&d->reaper, 0);
}

struct domain *domain_find(domid_t id)
{
	struct domain *d;

	if (id == DOMID_SELF) {
		d = current_domain();
		return domain_get(d) ? d : NULL;
	}
	d = id < DOMIDS ? atomic_load(&table[id]) : NULL;
	if (!d || !domain_get(d))
		return NULL;
	if (likely(d->id == id))
		return d;
	domain_put(d);
	return NULL;
}

int domain_find_controlled(domid_t id, struct domain **d)
{
	*d = domain_find(id);
	if (!*d)
		return -XEN_ESRCH;
	if (priv_control(current_domain(), *d))
		return 0;
	domain_put(*d);
	*d = NULL;
	return -XEN_EPERM;
}

struct domain *domain_find_from(domid_t id)
{
	struct domain *d;
	u64 word;

	for (u32 i = id; i < DOMIDS; i = (i | 63) + 1) {
		word = READ_ONCE(used[i / 64]) & (~0ULL << (i % 64));
		while (word) {
			d = domain_find((i & ~63U) + __builtin_ctzll(word));
			if (d)
				return d;
			word &= word - 1;
		}
	}
	return NULL;
}

/* ---- Pausing ---- */

void domain_pause_nosync(struct domain *d)
{
	atomic_add(&d->pauses, 1);
	for_each_vcpu(d, v)
		sched_sleep(v);
}

void domain_pause(struct domain *d)
{
	domain_pause_nosync(d);
	for_each_vcpu(d, v)
		while (v != current_vcpu() && atomic_load(&v->sched.running))
			arch_poll();
}

void domain_unpause(struct domain *d)
{
	if (atomic_sub(&d->pauses, 1))
		return;
	for_each_vcpu(d, v)
		sched_wake(v);
}

/* ---- Shutting down ---- */

/* What the control domain does to itself it does to the machine. */
static void __noreturn machine_shutdown(u8 code)
{
	if (code == SHUTDOWN_poweroff) {
		log_info("dom0 asks for power off");
		arch_power_off();
	}
	if (code == SHUTDOWN_reboot || !params.noreboot) {
		log_info("dom0 ended with code %u: reboot", code);
		arch_reboot();
	}
	log_err("dom0 ended with code %u: halted (noreboot)", code);
	arch_halt();
}

void domain_check_stopped(struct domain *d)
{
	for_each_vcpu(d, v)
		if (atomic_load(&v->sched.running))
			return;
	if (!READ_ONCE(d->shutting_down) || atomic_xchg(&d->shut_down, true))
		return;
	if (d->shutdown_code == SHUTDOWN_suspend &&
	    evtchn_notify(d, READ_ONCE(d->suspend_port)))
		return;
	evtchn_global_virq(VIRQ_DOM_EXC);
}

void domain_shutdown(struct domain *d, u8 code)
{
	if (d->is_control)
		machine_shutdown(code);
	if (atomic_xchg(&d->shutting_down, true))
		return;
	WRITE_ONCE(d->shutdown_code, code);
	domain_pause_nosync(d);
	domain_check_stopped(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char reason[96];
	va_list ap;

	if (!atomic_xchg(&d->killed, true)) {
		va_start(ap, fmt);
		hyp_vsnprintf(reason, sizeof(reason), fmt, ap);
		va_end(ap);
		/* Tools look for this form; see docs/abi.md. */
		log_err("d%u killed: %s", d->id, reason);
		/* Its own doing: where it was, and where we noticed. */
		if (current_vcpu() && current_domain() == d) {
			regs_show(guest_regs());
			stack_show(0, (u64)__builtin_frame_address(0));
		}
	}
	domain_shutdown(d, SHUTDOWN_crash);
}

int domain_resume(struct domain *d)
{
	if (!READ_ONCE(d->shut_down))
		return 0;
	d->shutdown_code = 255;
	WRITE_ONCE(d->shut_down, false);
	WRITE_ONCE(d->shutting_down, false);
	domain_unpause(d);
	return 0;
}

static void watchdog_bites(void *arg)
{
	struct domain *d = arg;

	log_guest(LOG_WARN, d, "watchdog");
	domain_shutdown(d, SHUTDOWN_watchdog);
}

/* ---- Making ---- */

static void free_domain(struct domain *d)
{
	for (u32 i = 0; d->vcpu && i < d->max_vcpus; i++)
		heap_free(d->vcpu[i]);
	heap_free(d->vcpu);
	gnttab_domain_exit(d);
	evtchn_domain_exit(d);
	memory_domain_exit(d);
	page_free_shared(d->shared_page);
}

/* Reserves an id for d, which is not in the table yet. */
static int take_id(domid_t id, struct domain *d)
{
	HOLD(&list_lock);

	for (u32 tries = 0; id == DOMID_INVALID && tries < DOMIDS; tries++) {
		if (!bit_test(used, rover))
			id = rover;
		rover = rover + 1 < DOMIDS ? rover + 1 : 1;
	}
	if (id >= DOMIDS)
		return -XEN_EINVAL;
	if (bit_test_and_set(used, id))
		return -XEN_EEXIST;
	d->id = id;
	return 0;
}

static void give_id(struct domain *d)
{
	HOLD(&list_lock);

	atomic_store(&table[d->id], NULL);
	bit_test_and_clear(used, d->id);
}

/* Nobody refers to d any more: it leaves the table and is freed. */
static void reap(void *arg)
{
	struct domain *d = arg;

	give_id(d);
	free_domain(d);
	/* A finder may still look at its count: any request that all answer. */
	flush_everywhere(arch_tlb_clock());
	heap_free(d);
	/* The toolstack learns that the last of it is gone. */
	evtchn_global_virq(VIRQ_DOM_EXC);
}

static void set_fields(struct domain *d, const struct domain_params *p)
{
	d->refs = 1;
	d->is_control = p->is_control;
	lock_init(&d->lock, RANK_DOMAIN, d->id);
	d->pauses = 1;
	/* The control domain is started by its builder, not by a tool. */
	d->control_pauses = !p->is_control;
	d->shutdown_code = 255;
	memcpy(d->handle, p->handle, sizeof(d->handle));
	d->max_vcpus = p->max_vcpus;
	d->weight = SCHED_WEIGHT_DEFAULT;
	timer_init(&d->reaper, reap, d);
	timer_init(&d->watchdog[0], watchdog_bites, d);
	timer_init(&d->watchdog[1], watchdog_bites, d);
	lock_init(&d->mmu.lock, RANK_MMU, d->id);
}

static int fill_domain(struct domain *d, const struct domain_params *p)
{
	int rc;

	set_fields(d, p);
	d->vcpu = heap_alloc(p->max_vcpus * sizeof(*d->vcpu));
	d->shared_page = page_alloc_shared(d);
	if (!d->vcpu || !d->shared_page)
		return -XEN_ENOMEM;
	d->shared = frame_to_virt(page_mfn(d->shared_page));
	vtime_update_wallclock(d);
	rc = evtchn_domain_init(d, p->max_evtchn_port);
	if (!rc)
		rc = gnttab_domain_init(d, p->max_grant_frames,
					p->max_maptrack_frames);
	return rc;
}

int domain_create(domid_t id, const struct domain_params *p,
		  struct domain **made)
{
	struct domain *d;
	int rc;

	if (!p->max_vcpus || p->max_vcpus > MAX_VCPUS)
		return -XEN_EINVAL;
	d = heap_alloc(sizeof(*d));
	if (!d)
		return -XEN_ENOMEM;
	rc = take_id(id, d);
	if (rc) {
		heap_free(d);
		return rc;
	}
	rc = fill_domain(d, p);
	if (rc) {
		free_domain(d);
		d->refs = 0;
		give_id(d);
		heap_free(d);
		return rc;
	}
	if (p->is_control)
		dom0 = d;
	/* From now on it can be found. */
	atomic_store(&table[d->id], d);
	*made = d;
	return 0;
}

static void pseudo_init(struct domain *d, domid_t id)
{
	d->id = id;
	d->refs = 1;
	lock_init(&d->lock, RANK_DOMAIN, id);
	lock_init(&d->mmu.lock, RANK_MMU, d->id);
}

void domain_init(void)
{
	pseudo_init(&dom_io, DOMID_IO);
	pseudo_init(&dom_xen, DOMID_XEN);
}

/* ---- Unmaking ---- */

static int stop_for_good(struct domain *d)
{
	lock(&d->lock);
	d->life = DOMAIN_DYING;
	unlock(&d->lock);
	domain_pause(d);
	for_each_vcpu(d, v)
		vtime_vcpu_stop(v);
	timer_cancel(&d->watchdog[0]);
	timer_cancel(&d->watchdog[1]);
	/* Idle CPUs may have a vCPU of it loaded, which d->dirty does not tell:
	 * with a full flush they let go of it. */
	flush_everywhere(arch_tlb_clock());
	return 0;
}

/* Page tables, descriptor tables and other pages that vCPUs hold. */
static int drop_tables(struct domain *d)
{
	int rc;

	for_each_vcpu(d, v) {
		rc = mmu_vcpu_drop_bases(v);
		if (rc)
			return rc;
		vcpu_drop_pages(v);
	}
	return 0;
}

/* Nothing is left but what others hold. */
static int is_dead(struct domain *d)
{
	lock(&d->lock);
	d->life = DOMAIN_DEAD;
	unlock(&d->lock);
	evtchn_global_virq(VIRQ_DOM_EXC);
	/* The table's own. */
	domain_put(d);
	return 0;
}

int domain_kill(struct domain *d)
{
	static int (*const steps[])(struct domain *) = {
		stop_for_good, evtchn_domain_close, gnttab_domain_release,
		drop_tables, memory_relinquish, is_dead,
	};
	int rc;

	if (d->is_control || d == current_domain())
		return -XEN_EINVAL;
	for (; d->teardown < ARRAY_SIZE(steps); d->teardown++) {
		rc = steps[d->teardown](d);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- Telling ---- */

static u32 life_flags(const struct domain *d)
{
	return (d->life == DOMAIN_DEAD ? XEN_DOMINF_dying : 0) |
	       (d->shut_down ? XEN_DOMINF_shutdown : 0) |
	       (d->control_pauses ? XEN_DOMINF_paused : 0) |
	       (u32)d->shutdown_code << XEN_DOMINF_shutdownshift;
}

void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	u32 run = XEN_DOMINF_blocked;

	memset(info, 0, sizeof(*info));
	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for_each_vcpu(d, v) {
		info->max_vcpu_id = v->id;
		info->cpu_time += vtime_cpu_time(v);
		if (v->down)
			continue;
		info->nr_online_vcpus++;
		if (!v->blocked)
			run &= ~XEN_DOMINF_blocked;
		if (v->sched.running)
			run |= XEN_DOMINF_running;
	}
	info->domain = d->id;
	info->flags = life_flags(d) | run;
	info->tot_pages = d->mem.tot_pages;
	info->max_pages = d->mem.max_pages;
	info->outstanding_pages = d->mem.claim;
	info->shared_info_frame = page_mfn(d->shared_page);
	memcpy(info->handle, d->handle, sizeof(info->handle));
	info->gpaddr_bits = 52;
}
