/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pins, address-space switches, flushes, the LDT.  Each operation
 * is one function; it gets its argument by value and the domain whose tables
 * are meant.
 */
#include <hyp/mmu.h>

#include <hyp/arch.h>
#include <hyp/desc.h>
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/hypercall.h>
#include <hyp/lib.h>
#include <hyp/mmu-batch.h>
#include <hyp/page.h>
#include <hyp/priv.h>

#define CHUNK 8

/* ---- Pins ---- */

static int pin(struct domain *d, mfn_t m, enum page_kind kind)
{
	struct page *p = page_get(m, d);
	int rc;

	if (!p)
		return -XEN_EINVAL;
	rc = p->type & PGT_PINNED ? -XEN_EINVAL : page_type_get(p, kind);
	if (rc) {
		page_put(p);
		return rc == -XEN_EBUSY ? -XEN_EINVAL : rc;
	}
	atomic_or64(&p->type, PGT_PINNED);
	return 0;
}

static int unpin(struct domain *d, mfn_t m)
{
	struct page *p = page_get(m, d);
	int rc;

	if (!p)
		return -XEN_EINVAL;
	rc = mmu_unpin(p) ? 0 : -XEN_EINVAL;
	page_put(p);
	return rc;
}

/* ---- Address spaces ---- */

static int new_base(struct vcpu *v, mfn_t m)
{
	const mfn_t old = v->mmu.kernel;
	int rc;

	if (m != old) {
		rc = mmu_base_get(v->domain, m);
		if (rc)
			return rc;
		v->mmu.kernel = m;
	}
	arch_load_tables(v);
	if (m != old && old != MFN_NONE)
		mmu_base_put(old);
	return 0;
}

static int new_user_base(struct vcpu *v, mfn_t m)
{
	const mfn_t old = v->mmu.user;
	int rc;

	if (m == old)
		return 0;
	if (m) {
		rc = mmu_base_get(v->domain, m);
		if (rc)
			return rc;
	}
	v->mmu.user = m ? m : MFN_NONE;
	if (old != MFN_NONE)
		mmu_base_put(old);
	return 0;
}

/* ---- Flushes ---- */

static int flush_vcpus(struct domain *d, u64 bitmap, u64 va)
{
	struct cpumask m;
	int rc = mmu_vcpus_cpus(d, bitmap, &m);

	if (!rc)
		mmu_flush(&m, va);
	return rc;
}

/* ---- Contents ---- */

/* dst becomes zero, or a copy of src; it must be ordinary memory of d. */
static int fill_page(struct domain *d, mfn_t dst, bool copy, mfn_t src)
{
	struct page *to, *from = NULL;
	int rc = -XEN_EINVAL;

	if (copy) {
		from = page_get(src, d);
		if (!from)
			return rc;
	}
	to = page_get_writable(dst, d);
	if (to) {
		if (copy)
			memcpy(frame_to_virt(dst), frame_to_virt(src),
			       PAGE_SIZE);
		else
			arch_clear_page(frame_to_virt(dst));
		page_put_writable(to);
		rc = 0;
	}
	if (from)
		page_put(from);
	return rc;
}

/* ---- The operation ---- */

/* Those that only concern the caller itself, whose own domain must be named. */
static bool is_own(unsigned cmd)
{
	return cmd == MMUEXT_NEW_BASEPTR || cmd == MMUEXT_NEW_USER_BASEPTR ||
	       (cmd >= MMUEXT_TLB_FLUSH_LOCAL && cmd <= MMUEXT_SET_LDT);
}

static int ext_one(struct vcpu *v, struct domain *d,
		   const struct mmuext_op *op)
{
	const u64 va = op->arg1.linear_addr;
	const u64 bitmap = (u64)op->arg2.vcpumask.p;
	const mfn_t m = op->arg1.mfn;

	if (unlikely(d != v->domain) && is_own(op->cmd))
		return -XEN_EPERM;
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE ... MMUEXT_PIN_L4_TABLE:
		return pin(d, m, op->cmd - MMUEXT_PIN_L1_TABLE + PGT_L1);
	case MMUEXT_UNPIN_TABLE:
		return unpin(d, m);
	case MMUEXT_NEW_BASEPTR:
		return new_base(v, m);
	case MMUEXT_NEW_USER_BASEPTR:
		return new_user_base(v, m);
	case MMUEXT_TLB_FLUSH_LOCAL:
		mmu_flush_local(FLUSH_ALL);
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		mmu_flush_local(va);
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
		return flush_vcpus(d, bitmap, FLUSH_ALL);
	case MMUEXT_INVLPG_MULTI:
		return flush_vcpus(d, bitmap, va);
	case MMUEXT_TLB_FLUSH_ALL:
		mmu_flush(&d->dirty, FLUSH_ALL);
		return 0;
	case MMUEXT_INVLPG_ALL:
		mmu_flush(&d->dirty, va);
		return 0;
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		/* RAM is never mapped other than write-back: nothing to do. */
		return priv_hardware(d) ? 0 : -XEN_EACCES;
	case MMUEXT_SET_LDT:
		return pv_set_ldt(v, va, op->arg2.nr_ents);
	case MMUEXT_CLEAR_PAGE:
		return fill_page(d, m, false, 0);
	case MMUEXT_COPY_PAGE:
		return fill_page(d, m, true, op->arg2.src_mfn);
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return -XEN_EOPNOTSUPP;
	}
	return -XEN_ENOSYS;
}

static int ext_chunk(struct vcpu *v, struct domain *d,
		     const struct mmuext_op *op, u32 count, u32 *n)
{
	int rc = mmu_enter(d);
	u32 i = 0;

	*n = 0;
	if (unlikely(rc))
		return rc;
	if (unlikely(d->life != DOMAIN_ALIVE))
		rc = -XEN_ESRCH;
	while (!rc && i < count) {
		rc = ext_one(v, d, &op[i]);
		if (!rc)
			i++;
		if (unlikely(mmu_has_job(&d->mmu)))
			rc = -XEN_ERESTART;
	}
	mmu_leave(d);
	*n = i;
	return rc;
}

long do_mmuext_op(u64 ops, u64 ucount, u64 done, u64 foreigndom)
{
	const bool again = ucount & MMU_UPDATE_PREEMPTED;
	u32 count = (u32)ucount & ~MMU_UPDATE_PREEMPTED, n = 0, step, i;
	struct vcpu *v = current_vcpu();
	struct mmuext_op op[CHUNK];
	struct domain *d;
	int rc;

	rc = mmu_foreign_find(foreigndom, &d);
	if (unlikely(rc))
		return rc;
	if (d == &dom_io || d == &dom_xen)
		return -XEN_EINVAL;
	do {
		step = MIN(count - n, (u32)CHUNK);
		rc = copy_from_guest(op, ops + n * sizeof(*op),
				     step * sizeof(*op));
		if (unlikely(rc))
			break;
		rc = ext_chunk(v, d, op, step, &i);
		n += i;
		if (!rc && n < count && hypercall_should_rest(step))
			rc = -XEN_ERESTART;
	} while (!rc && n < count);
	mmu_foreign_put(d);

	if (mmu_report_done(done, n, again) && (!rc || rc == -XEN_ERESTART))
		rc = -XEN_EFAULT;
	if (rc != -XEN_ERESTART)
		return rc;
	return hypercall_restart(__HYPERVISOR_mmuext_op, 4,
				 ops + n * sizeof(*op),
				 (u64)(count - n) | MMU_UPDATE_PREEMPTED,
				 done, foreigndom);
}
