/* SPDX-License-Identifier: MIT */
/*
 * Time as guests see it.
 *
 * pvclock: the guest computes ns since boot from its own RDTSC and the
 * parameters in vcpu_info.time, written when that has a new place; version is
 * odd meanwhile.
 *
 * Runstate: how long the vCPU was in each of four states, for the guest's
 * steal time.  The guest names a virtual address in its kernel half once; we
 * look the page up then, hold it writable, and write through our own map.  So
 * it does not matter which of the guest's tables are loaded at a switch.
 */
#include <hyp/vtime.h>

#include <hyp/core.h>

#include <asm/pte.h>

#define NSEC 1000000000ULL

static u64 wallclock_at_boot;	/* ns since 1970 */

/* ---- Guest memory that we keep writing ---- */

static void area_drop(struct guest_area *a)
{
	for (unsigned i = 0; i < 2; i++)
		if (a->at[i])
			page_put_writable(page_of(virt_to_frame(a->at[i])));
	*a = (struct guest_area){ .first = 0 };
}

/*
 * Where gva is, held writable; NULL: not mapped.  In the tables of the vCPU
 * that asks, which may be another one than v.
 */
static void *area_page(struct vcpu *v, u64 gva)
{
	paddr_t where;
	u64 pte;

	if (!mmu_walk(current_vcpu(), gva, &pte, &where) || !(pte & PTE_P) ||
	    !page_get_writable(pte_mfn(pte), v->domain))
		return NULL;
	return (char *)frame_to_virt(pte_mfn(pte)) + (gva & ~PAGE_MASK);
}

static int area_set(struct vcpu *v, struct guest_area *a, u64 gva, u32 size)
{
	const u32 room = PAGE_SIZE - (gva & ~PAGE_MASK);
	struct guest_area new = { .first = MIN(size, room) };

	if (gva & 3)
		return -XEN_EINVAL;
	/* Null takes the area back. */
	if (gva) {
		new.at[0] = area_page(v, gva);
		new.at[1] = size > room ? area_page(v, gva + room) : NULL;
		if (!new.at[0] || (size > room && !new.at[1])) {
			area_drop(&new);
			return -XEN_EFAULT;
		}
	}
	area_drop(a);
	if (gva)
		*a = new;
	return 0;
}

static void area_write(const struct guest_area *a, const void *from, u32 size)
{
	memcpy(a->at[0], from, a->first);
	if (size > a->first)
		memcpy(a->at[1], (const char *)from + a->first,
		       size - a->first);
}

/* ---- pvclock ---- */

/* The scale is found once, at boot, so every (tsc, ns) pair of every CPU lies
 * on the same line and what was written once stays right. */
void vtime_refresh(struct vcpu *v)
{
	struct vcpu_time_info t = { .version = v->time.version | 1 };
	struct vcpu_time_info *to = &v->info->time;

	arch_pvclock(&t);
	WRITE_ONCE(to->version, t.version);
	memory_barrier();
	*to = t;
	memory_barrier();
	t.version = v->time.version += 2;
	WRITE_ONCE(to->version, t.version);
	if (v->time.time_area.first)
		area_write(&v->time.time_area, &t, sizeof(t));
	if (v->id == 0)
		vtime_update_wallclock(v->domain);
}

/* ---- Wall clock ---- */

void vtime_update_wallclock(struct domain *d)
{
	struct shared_info *s = d->shared;
	u64 ns = wallclock_at_boot +
		 (u64)d->time.offset_seconds * NSEC;
	u64 sec = ns / NSEC;
	u32 version = s->wc_version | 1;

	WRITE_ONCE(s->wc_version, version);
	memory_barrier();
	s->wc_sec = (u32)sec;
	s->wc_sec_hi = (u32)(sec >> 32);
	s->wc_nsec = (u32)(ns % NSEC);
	memory_barrier();
	WRITE_ONCE(s->wc_version, version + 1);
}

void vtime_set_wallclock(u64 ns_at_boot)
{
	wallclock_at_boot = ns_at_boot;
	for_each_domain(d)
		vtime_update_wallclock(d);
}

/* ---- Runstate ---- */

void vtime_runstate(struct vcpu *v, int state, u64 now)
{
	struct vcpu_runstate_info *r = &v->time.runstate;

	/* CPUs' clocks may differ by a hair; time never runs backwards. */
	if ((s64)(now - r->state_entry_time) > 0) {
		r->time[r->state] += now - r->state_entry_time;
		r->state_entry_time = now;
	}
	r->state = state;
}

void vtime_get_runstate(const struct vcpu *v, struct vcpu_runstate_info *r)
{
	u64 now = arch_now();

	*r = v->time.runstate;
	if ((s64)(now - r->state_entry_time) > 0 && (u32)r->state < 4)
		r->time[r->state] += now - r->state_entry_time;
}

u64 vtime_cpu_time(const struct vcpu *v)
{
	struct vcpu_runstate_info r;

	vtime_get_runstate(v, &r);
	return r.time[RUNSTATE_running];
}

/* With VMASST_TYPE_runstate_update_flag the guest's other vCPUs may read it
 * too: the top bit of the entry time says that we are writing. */
void vtime_publish_runstate(struct vcpu *v)
{
	struct guest_area *a = &v->time.runstate_area;
	struct vcpu_runstate_info *to = a->at[0], copy = v->time.runstate;

	if (!a->first)
		return;
	if (unlikely(a->first < sizeof(copy))) {
		area_write(a, &copy, sizeof(copy));
		return;
	}
	copy.state_entry_time |= XEN_RUNSTATE_UPDATE;
	WRITE_ONCE(to->state_entry_time, copy.state_entry_time);
	memory_barrier();
	*to = copy;
	memory_barrier();
	WRITE_ONCE(to->state_entry_time, v->time.runstate.state_entry_time);
}

void vtime_switched_in(struct vcpu *v)
{
	vtime_publish_runstate(v);
	timer_migrate(&v->time.singleshot);
}

/* ---- Timers ---- */

static void timer_fired(void *arg)
{
	evtchn_vcpu_virq(arg, VIRQ_TIMER);
}

static void poll_over(void *arg)
{
	vcpu_unblock(arg);
}

long vtime_set_singleshot(struct vcpu *v, u64 deadline)
{
	if (deadline > arch_now()) {
		timer_set(&v->time.singleshot, deadline);
		return 0;
	}
	vtime_stop_singleshot(v);
	evtchn_vcpu_virq(v, VIRQ_TIMER);
	return 0;
}

long vtime_stop_singleshot(struct vcpu *v)
{
	if (READ_ONCE(v->time.singleshot.set))
		timer_cancel(&v->time.singleshot);
	return 0;
}

long vtime_set_area(struct vcpu *v, struct guest_area *a, u64 gva)
{
	bool runstate = a == &v->time.runstate_area;
	u32 size = runstate ? sizeof(struct vcpu_runstate_info) :
			      sizeof(struct vcpu_time_info);
	int rc = guest_range_ok(gva, 1, size) ? area_set(v, a, gva, size) :
						-XEN_EFAULT;

	if (!rc && runstate)
		vtime_publish_runstate(v);
	else if (!rc)
		vtime_refresh(v);
	return rc;
}

void vtime_vcpu_init(struct vcpu *v)
{
	timer_init(&v->time.singleshot, timer_fired, v);
	timer_init(&v->time.poll, poll_over, v);
	v->time.runstate.state = RUNSTATE_offline;
	v->time.runstate.state_entry_time = arch_now();
}

void vtime_vcpu_stop(struct vcpu *v)
{
	timer_cancel(&v->time.singleshot);
	timer_cancel(&v->time.poll);
}

void vtime_vcpu_exit(struct vcpu *v)
{
	area_drop(&v->time.runstate_area);
	area_drop(&v->time.time_area);
}
