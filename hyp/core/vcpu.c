/* SPDX-License-Identifier: MIT */
/*
 * One vCPU: made down and without a context, then initialised once, then up
 * and down as its guest likes.  It runs when nothing speaks against it: not
 * down, not blocked, no reason to pause it or its domain.
 *
 * info is where its events are flagged.  The first 32 begin in shared_info;
 * the others, and those that register a place of their own later, point to
 * a page of the guest that we hold writable.
 */
#include <hyp/core.h>

/* For vCPUs above the first 32 that have not registered: nobody reads it. */
static struct vcpu_info nowhere;

bool vcpu_is_runnable(const struct vcpu *v)
{
	return !READ_ONCE(v->blocked) && !READ_ONCE(v->pauses) &&
	       !READ_ONCE(v->domain->pauses) && !READ_ONCE(v->down);
}

bool vcpu_try_pause(struct vcpu *v)
{
	atomic_add(&v->pauses, 1);
	sched_sleep(v);
	if (!atomic_load(&v->sched.running))
		return true;
	vcpu_unpause(v);
	return false;
}

void vcpu_unpause(struct vcpu *v)
{
	if (!atomic_sub(&v->pauses, 1))
		sched_wake(v);
}

void vcpu_unblock(struct vcpu *v)
{
	WRITE_ONCE(v->evtchn.poll_port, 0);
	if (atomic_xchg(&v->blocked, false))
		sched_wake(v);
}

/*
 * Whoever flags an event sets pending and then looks at blocked; whoever
 * blocks sets blocked and then looks at pending.  So one of them sees the
 * other.  A vCPU that runs here looks by itself when it returns to the guest.
 */
void vcpu_kick(struct vcpu *v)
{
	struct cpu *c;

	memory_barrier();
	if (READ_ONCE(v->blocked)) {
		vcpu_unblock(v);
		return;
	}
	c = READ_ONCE(v->sched.cpu);
	if (READ_ONCE(v->sched.running) && c != this_cpu())
		arch_kick_cpu(c);
}

/* ---- vcpu_info ---- */

static struct vcpu_info *first_info(const struct vcpu *v)
{
	return v->id < XEN_LEGACY_MAX_VCPUS ?
	       &v->domain->shared->vcpu_info[v->id] : &nowhere;
}

bool vcpu_has_info(const struct vcpu *v)
{
	return v->info != &nowhere;
}

/* Whatever was pending anywhere is looked for once more. */
static void look_everywhere(struct vcpu *v)
{
	WRITE_ONCE(v->info->evtchn_pending_sel, ~0UL);
	memory_barrier();
	atomic_store(&v->info->evtchn_upcall_pending, 1);
	vcpu_kick(v);
}

int vcpu_register_info(struct vcpu *v, mfn_t m, u32 offset)
{
	struct vcpu_info *to, *from = v->info;
	struct page *p;

	/* It must lie in one page, where 64-bit words may be changed at once. */
	if (offset > PAGE_SIZE - sizeof(*to) || offset % 8)
		return -XEN_EINVAL;
	if (v->info_page)
		return -XEN_EINVAL;
	p = page_get_writable(m, v->domain);
	if (!p)
		return -XEN_EINVAL;

	to = (struct vcpu_info *)((char *)frame_to_virt(m) + offset);
	if (from == &nowhere) {
		memset(to, 0, sizeof(*to));
		to->evtchn_upcall_mask = 1;
	} else {
		*to = *from;
	}
	v->info_page = p;
	atomic_store(&v->info, to);
	memory_barrier();
	/* An event that was flagged in the old place meanwhile is not lost. */
	look_everywhere(v);
	vtime_refresh(v);
	return 0;
}

/* ---- Life ---- */

int vcpu_create(struct domain *d, u32 id)
{
	struct vcpu *v;
	int rc;

	v = heap_alloc(sizeof(*v));
	if (!v)
		return -XEN_ENOMEM;
	v->domain = d;
	v->id = id;
	v->down = true;
	v->info = first_info(v);
	/* Its kernel begins with events off. */
	v->info->evtchn_upcall_mask = 1;
	v->mmu.kernel = v->mmu.user = MFN_NONE;
	vtime_vcpu_init(v);
	sched_vcpu_init(v);
	rc = arch_vcpu_init(v);
	if (rc) {
		heap_free(v);
		return rc;
	}
	atomic_store(&d->vcpu[id], v);
	return 0;
}

int vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c)
{
	u32 nobody = 0;
	int rc;

	if (!atomic_cas(&v->claimed, &nobody, 1))
		return -XEN_EEXIST;
	rc = arch_vcpu_set_context(v, c);
	if (rc) {
		atomic_store(&v->claimed, 0);
		return rc;
	}
	vtime_refresh(v);
	atomic_store(&v->initialised, true);
	return 0;
}

void vcpu_drop_pages(struct vcpu *v)
{
	struct page *p = v->info_page;

	vtime_vcpu_exit(v);
	arch_vcpu_exit(v);
	atomic_store(&v->initialised, false);
	atomic_store(&v->info, first_info(v));
	v->info_page = NULL;
	if (p)
		page_put_writable(p);
}
