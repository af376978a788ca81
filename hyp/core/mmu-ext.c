/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pins, address-space switches, flushes, the LDT.  Each operation
 * is one function; it gets its argument by value and the domain whose tables
 * are meant.
 */
#include <hyp/mmu.h>

#include <hyp/desc.h>
#include <hyp/core.h>
#include <hyp/mmu-batch.h>

/* ---- Pins ---- */

int mmu_pin(struct domain *d, mfn_t m, enum page_kind kind)
{
	int rc;

	if (mfn_valid(m) && page_of(m)->owner == d &&
	    page_of(m)->type & PGT_PINNED)
		return -XEN_EINVAL;
	rc = mmu_table_get(d, m, kind);
	if (!rc)
		atomic_fetch_or(&page_of(m)->type, PGT_PINNED);
	return rc;
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

/* base is one of v's two; the user's may be taken away, with m 0. */
static int new_base(struct vcpu *v, mfn_t *base, mfn_t m)
{
	const bool kernel = base == &v->mmu.kernel;
	const mfn_t old = *base, new = m || kernel ? m : MFN_NONE;
	int rc;

	if (new != old && (m || kernel)) {
		rc = mmu_table_get(v->domain, m, PGT_L4);
		if (rc)
			return rc;
	}
	*base = new;
	/* The same one again is a flush. */
	if (kernel)
		arch_load_tables(v);
	if (new != old && old != MFN_NONE)
		mmu_table_put(old);
	return 0;
}

/* ---- Contents ---- */

/* It must be ordinary memory of d. */
static int clear_page(struct domain *d, mfn_t m)
{
	struct page *p = page_get_writable(m, d);

	if (!p)
		return -XEN_EINVAL;
	arch_clear_page(frame_to_virt(m));
	page_put_writable(p);
	return 0;
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
		return mmu_pin(d, m, op->cmd - MMUEXT_PIN_L1_TABLE + PGT_L1);
	case MMUEXT_UNPIN_TABLE:
		return unpin(d, m);
	case MMUEXT_NEW_BASEPTR:
		return new_base(v, &v->mmu.kernel, m);
	case MMUEXT_NEW_USER_BASEPTR:
		return new_base(v, &v->mmu.user, m);
	case MMUEXT_TLB_FLUSH_LOCAL:
		return mmu_flush(FLUSH_ALL, UVMF_LOCAL);
	case MMUEXT_INVLPG_LOCAL:
		return mmu_flush(va, UVMF_LOCAL);
	case MMUEXT_TLB_FLUSH_MULTI:
		return mmu_flush(FLUSH_ALL, bitmap);
	case MMUEXT_INVLPG_MULTI:
		return mmu_flush(va, bitmap);
	case MMUEXT_TLB_FLUSH_ALL:
		return mmu_flush(FLUSH_ALL, UVMF_ALL);
	case MMUEXT_INVLPG_ALL:
		return mmu_flush(va, UVMF_ALL);
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		/* RAM is never mapped other than write-back: nothing to do. */
		return priv_hardware(d) ? 0 : -XEN_EACCES;
	case MMUEXT_SET_LDT:
		return pv_set_ldt(v, va, op->arg2.nr_ents);
	case MMUEXT_CLEAR_PAGE:
		return clear_page(d, m);
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return -XEN_EOPNOTSUPP;
	}
	return -XEN_ENOSYS;
}

static int ext_chunk(struct mmu_batch *b, const void *ops, u32 count, u32 *n)
{
	const struct mmuext_op *op = ops;
	struct vcpu *v = current_vcpu();
	int rc = 0;

	for (*n = 0; !rc && *n < count && !mmu_has_job(&b->d->mmu);) {
		rc = ext_one(v, b->d, &op[*n]);
		*n += !rc;
	}
	return rc;
}

long do_mmuext_op(u64 ops, u64 count, u64 done, u64 foreigndom)
{
	struct mmu_batch b = {
		.hypercall = __HYPERVISOR_mmuext_op, .chunk = ext_chunk,
		.size = sizeof(struct mmuext_op),
		.per_chunk = MMU_BATCH_WORDS * 8 / sizeof(struct mmuext_op),
		.fd = current_domain(),
	};
	int rc = mmu_foreign_find(foreigndom, &b.d);

	if (unlikely(rc))
		return rc;
	if (b.d == &dom_io || b.d == &dom_xen)
		return -XEN_EINVAL;
	return mmu_batch_run(&b, ops, count, done, foreigndom);
}
