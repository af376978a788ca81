/* SPDX-License-Identifier: MIT */
/*
 * Changing page-table entries: mmu_update, update_va_mapping, the emulated
 * store and grant mappings.
 *
 * Every change is: check the new entry and take what it holds; write it with
 * one locked store; drop what the old one held.  Under the domain's mmu.lock
 * nobody but the processor's A and D bits changes an entry.
 *
 * An entry of an upper level that goes away is flushed from all CPUs of the
 * domain before its table is let go, because they may still walk through it.
 * For an L1 entry that is the guest's own affair; what protects the
 * hypervisor is the flush when a writable frame becomes a table.
 */
#include <hyp/mmu.h>

#include <hyp/core.h>
#include <hyp/mmu-batch.h>
#include <hyp/pt-entry.h>

int pt_device_get(const struct domain *d, const struct domain *fd, u64 *e)
{
	mfn_t m = pte_mfn(*e);

	if (!priv_hardware(d) ||
	    (fd != d && fd != &dom_io && !priv_hardware(fd)))
		return -XEN_EPERM;
	if (!arch_iomem_ok(m))
		return m == pte_mfn(~0ULL) ? -XEN_EINVAL : -XEN_EPERM;
	if (arch_iomem_readonly(m))
		*e &= ~PTE_RW;
	*e = pt_cache_device(*e);
	return 0;
}

/* ---- One entry ---- */

/* How an entry is written: whatever it was; adding the A and D bits that it
 * had; or only if it still is what it was. */
enum how { SWAP, KEEP_AD, EXACT };

/* *old is what we think it is; gets what it was.  False: EXACT, and it was not. */
static __always_inline bool pte_write(u64 *slot, u64 *old, u64 new,
				      enum how how)
{
	if (how == EXACT)
		return atomic_cas(slot, old, new);
	if (likely(how == SWAP))
		*old = atomic_xchg(slot, new);
	else
		while (!atomic_cas(slot, old, new | (*old & (PTE_A | PTE_D))))
			;
	return true;
}

/* The same frame, but RW changes: only the writable use comes or goes. */
static __always_inline int l1_set_rw(const struct domain *d,
				     const struct domain *fd, u64 *slot,
				     u64 old, u64 new, enum how how)
{
	struct page *p = page_of(pte_mfn(new));

	/* Who may only read a foreign frame gets no further by this. */
	if (new & PTE_RW && (p->owner != fd || fd == &dom_xen ||
			     !page_writable_get(p)))
		return -XEN_EINVAL;
	if (!pte_write(slot, &old, new, how)) {
		if (new & PTE_RW)
			page_writable_put(p, p->owner != d);
		return -XEN_EAGAIN;
	}
	if (!(new & PTE_RW))
		page_writable_put(p, p->owner != d);
	return 0;
}

/* An L1 entry of d, which maps frames of fd.  -XEN_EAGAIN: EXACT failed. */
static __always_inline int l1_set(const struct domain *d,
				  const struct domain *fd, u64 *slot, u64 old,
				  u64 new, enum how how)
{
	u64 diff;
	int rc;

	if (new & PTE_P) {
		new = pt_adjust_l1(new);
		diff = old ^ new;
		if (old & PTE_P && !(diff & ~(PT_FLAGS_L1 | PTE_RW))) {
			if (!(diff & PTE_RW))
				return pte_write(slot, &old, new, how) ?
				       0 : -XEN_EAGAIN;
			if (likely(pt_entry_page(new)))
				return l1_set_rw(d, fd, slot, old, new, how);
		}
		rc = pt_l1_get(d, fd, &new);
		if (unlikely(rc))
			return rc;
	}
	if (!pte_write(slot, &old, new, how)) {
		if (new & PTE_P)
			pt_l1_put(d, new);
		return -XEN_EAGAIN;
	}
	if (old & PTE_P)
		pt_l1_put(d, old);
	return 0;
}

/* An entry of level 2 to 4; -XEN_ERESTART: nothing changed, come again. */
static int table_set(struct domain *d, unsigned level, u64 *slot, u64 new,
		     enum how how)
{
	u64 old = READ_ONCE(*slot);
	int rc;

	if (new & PTE_P) {
		if (!pt_check_table(level, new))
			return -XEN_EINVAL;
		new = pt_adjust_table(level, new);
		if (old & PTE_P && !((old ^ new) & ~PT_FLAGS_TABLE)) {
			pte_write(slot, &old, new, how);
			return 0;
		}
		rc = mmu_table_get(d, pte_mfn(new), level - 1);
		if (rc)
			return rc;
	}
	pte_write(slot, &old, new, how);
	if (old & PTE_P) {
		arch_flush_tlb(&d->dirty, FLUSH_ALL);
		mmu_table_put(pte_mfn(old));
	}
	return 0;
}

int mmu_table_get(struct domain *d, mfn_t m, enum page_kind kind)
{
	struct page *p = page_get(m, d);
	int rc;

	if (!p)
		return -XEN_EINVAL;
	if (likely(p != d->mmu.held) && page_table_share(p, kind))
		return 0;
	rc = page_type_get(p, kind);
	if (rc)
		page_put(p);
	return rc == -XEN_EBUSY ? -XEN_EINVAL : rc;
}

void mmu_table_put(mfn_t m)
{
	if (!page_table_unshare(page_of(m)))
		page_type_put(page_of(m));
	page_put(page_of(m));
}

/*
 * The kind of table that frame m is in use as by d, under d's mmu.lock; then
 * it stays that while we hold the lock.  PGT_NONE: no table of d.
 */
static enum page_kind table_kind(const struct domain *d, mfn_t m)
{
	const struct page *p = page_of(m);
	u64 type;

	if (!mfn_valid(m) || READ_ONCE(p->owner) != d)
		return PGT_NONE;
	type = READ_ONCE(p->type);
	/* It has not become ours between the two looks. */
	if (!type_count(type) || type_kind(type) > PGT_L4 ||
	    READ_ONCE(p->owner) != d)
		return PGT_NONE;
	return type_kind(type);
}

/* A word in a frame that is no table: the guest could write it itself. */
static int plain_set(const struct domain *d, mfn_t m, unsigned slot, u64 val)
{
	struct page *p = page_get_writable(m, d);

	if (!p)
		return -XEN_EINVAL;
	atomic_store((u64 *)frame_to_virt(m) + slot, val);
	page_put_writable(p);
	return 0;
}

/* ---- Batches of requests ---- */

int mmu_foreign_find(u16 id, struct domain **fd)
{
	struct domain *d = current_domain();

	if (id == DOMID_IO) {
		*fd = &dom_io;
		return priv_hardware(d) ? 0 : -XEN_EPERM;
	}
	if (id == DOMID_XEN) {
		*fd = &dom_xen;
		return priv_system(d) ? 0 : -XEN_EPERM;
	}
	if (id != DOMID_SELF && id != d->id)
		return domain_find_controlled(id, fd);
	*fd = d;
	return 0;
}

static void foreign_put(struct domain *fd)
{
	if (fd != current_domain() && fd != &dom_io && fd != &dom_xen)
		domain_put(fd);
}

/* Writes n to the guest's count of requests done, or adds it later on. */
static int report_done(u64 done, u32 n, bool again)
{
	u32 v = 0;

	if (!done)
		return 0;
	if (again && copy_from_guest(&v, done, sizeof(v)))
		return -XEN_EFAULT;
	v += n;
	return copy_to_guest(done, &v, sizeof(v));
}

/* One chunk under the lock; -XEN_ERESTART: a job is to be finished first. */
static int run_chunk(struct mmu_batch *b, const void *req, u32 count, u32 *n)
{
	int rc = mmu_enter(b->d);

	*n = 0;
	if (unlikely(rc))
		return rc;
	b->table = MMU_NO_TABLE;
	rc = unlikely(b->d->life != DOMAIN_ALIVE) ? -XEN_ESRCH :
	     b->chunk(b, req, count, n);
	if (unlikely(mmu_has_job(&b->d->mmu)))
		rc = -XEN_ERESTART;
	unlock(&b->d->mmu.lock);
	return rc;
}

long mmu_batch_run(struct mmu_batch *b, u64 reqs, u64 ucount, u64 done,
		   u64 foreigndom)
{
	const bool again = ucount & MMU_UPDATE_PREEMPTED;
	const u32 count = (u32)ucount & ~MMU_UPDATE_PREEMPTED;
	u64 req[MMU_BATCH_WORDS];
	u32 n = 0, step, i;
	int rc;

	do {
		step = MIN(count - n, b->per_chunk);
		rc = copy_from_guest(req, reqs + n * b->size, step * b->size);
		if (unlikely(rc))
			break;
		rc = run_chunk(b, req, step, &i);
		n += i;
		if (!rc && n < count && hypercall_should_rest(step))
			rc = -XEN_ERESTART;
	} while (!rc && n < count);
	foreign_put(b->fd);
	foreign_put(b->d);

	if (report_done(done, n, again) && (!rc || rc == -XEN_ERESTART))
		rc = -XEN_EFAULT;
	if (rc != -XEN_ERESTART)
		return rc;
	return hypercall_restart(b->hypercall, 4, reqs + n * b->size,
				 (u64)(count - n) | MMU_UPDATE_PREEMPTED,
				 done, foreigndom);
}

/* ---- mmu_update ---- */

/* The guest says which of its pfns frame m is. */
static int update_m2p(const struct domain *fd, mfn_t m, u64 pfn)
{
	struct page *p = page_get(m, fd);

	if (!p)
		return -XEN_EINVAL;
	if (p->refs & PGC_ALLOCATED)
		m2p_set(m, pfn);
	page_put(p);
	return 0;
}

/* Any request but another one for the L1 table in hand. */
static __noinline int update_slow(struct mmu_batch *b, u64 ptr, u64 val)
{
	const mfn_t m = ptr >> PAGE_SHIFT;
	const unsigned slot = (ptr & ~PAGE_MASK) / 8;
	enum page_kind kind;
	enum how how = SWAP;
	u64 *t;

	b->table = MMU_NO_TABLE;
	switch (ptr & 7) {
	case MMU_MACHPHYS_UPDATE:
		return update_m2p(b->fd, m, val);
	case MMU_PT_UPDATE_PRESERVE_AD:
		how = KEEP_AD;
		break;
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		break;
	default:
		return -XEN_EINVAL;
	}
	kind = table_kind(b->d, m);
	if (kind == PGT_NONE)
		return plain_set(b->d, m, slot, val);
	t = frame_to_virt(m);
	if (kind != PGT_L1)
		return pt_slot_reserved(kind, slot) ? -XEN_EINVAL :
		       table_set(b->d, kind, &t[slot], val, how);
	b->table = m << PAGE_SHIFT;
	return l1_set(b->d, b->fd, &t[slot], READ_ONCE(t[slot]), val, how);
}

static int update_chunk(struct mmu_batch *b, const void *reqs, u32 count,
			u32 *n)
{
	const mmu_update_t *r = reqs;
	u64 *slot, in;
	int rc = 0;
	u32 i;

	for (i = 0; i < count; i++, r++) {
		in = (r->ptr & ~0xff8ULL) ^ b->table;
		if (likely(!(in & ~(u64)MMU_PT_UPDATE_PRESERVE_AD))) {
			slot = paddr_to_virt(r->ptr & ~7ULL);
			rc = l1_set(b->d, b->fd, slot, READ_ONCE(*slot),
				    r->val, in ? KEEP_AD : SWAP);
		} else {
			rc = update_slow(b, r->ptr, r->val);
		}
		if (unlikely(rc))
			break;
		/* A table that was let go of may need a rest. */
		if (unlikely(mmu_has_job(&b->d->mmu))) {
			i++;
			break;
		}
	}
	*n = i;
	return rc;
}

long do_mmu_update(u64 reqs, u64 count, u64 done, u64 foreigndom)
{
	struct mmu_batch b = {
		.hypercall = __HYPERVISOR_mmu_update, .chunk = update_chunk,
		.size = sizeof(mmu_update_t),
		.per_chunk = MMU_BATCH_WORDS * 8 / sizeof(mmu_update_t),
		.d = current_domain(),
	};
	int rc;

	/* The upper half names the owner of the tables: only the caller. */
	if ((u32)foreigndom >> 16)
		return -XEN_EOPNOTSUPP;
	rc = mmu_foreign_find(foreigndom, &b.fd);
	return rc ? rc : mmu_batch_run(&b, reqs, count, done, foreigndom);
}

/* ---- One virtual address ---- */

/*
 * The L1 entry for va in the tree of L4 frame l4, which is validated, under
 * the lock or on the vCPU itself; NULL: not there, or the hypervisor's.
 */
static u64 *walk(mfn_t l4, u64 va)
{
	unsigned level = 4;
	u64 *t, e;

	if (unlikely(l4 == MFN_NONE) || pt_slot_reserved(4, pt_index(va, 4)))
		return NULL;
	t = frame_to_virt(l4);
	for (; level > 1; level--) {
		e = READ_ONCE(t[pt_index(va, level)]);
		if (unlikely(!(e & PTE_P)))
			return NULL;
		t = frame_to_virt(pte_mfn(e));
	}
	return &t[pt_index(va, 1)];
}

bool mmu_walk(const struct vcpu *v, u64 va, u64 *pte, paddr_t *pte_addr)
{
	u64 *slot = walk(v->mmu.kernel, va);

	if (!slot)
		return false;
	*pte = READ_ONCE(*slot);
	*pte_addr = (virt_to_frame(slot) << PAGE_SHIFT) |
		    ((uintptr_t)slot & ~PAGE_MASK);
	return true;
}

/* The CPUs that may cache mappings of the vCPUs in a guest's bitmap. */
static int vcpus_cpus(const struct domain *d, u64 bitmap, struct cpumask *m)
{
	u8 bits[MAX_VCPUS / 8];
	struct cpu *c;

	if (copy_from_guest(bits, bitmap, DIV_UP(d->max_vcpus, 8)))
		return -XEN_EFAULT;
	for_each_vcpu(d, v) {
		c = READ_ONCE(v->sched.cpu);
		if (bits[v->id / 8] & 1 << v->id % 8 &&
		    cpumask_test(&d->dirty, c->id))
			cpumask_set(m, c->id);
	}
	return 0;
}

int mmu_flush(u64 va, u64 who)
{
	const struct domain *d = current_domain();
	struct cpumask m = { { 0 } };
	int rc = 0;

	/* Other addresses than a guest's own are in no TLB of it. */
	if (va != FLUSH_ALL && (pt_slot_reserved(4, pt_index(va, 4)) ||
				(u64)((s64)(va << 16) >> 16) != va))
		return 0;
	if (who == UVMF_LOCAL)
		cpumask_set(&m, this_cpu()->id);
	else if (who == UVMF_ALL)
		m = d->dirty;
	else
		rc = vcpus_cpus(d, who, &m);
	if (!rc)
		arch_flush_tlb(&m, va);
	return rc;
}

/*
 * Changes the L1 entry for a virtual address of v, or at a machine address of
 * its domain, if of its bits those in mask are as wanted; if not: `mismatch`.
 */
static int change(struct vcpu *v, u64 at, bool is_machine,
		  const struct domain *fd, u64 mask, u64 want, int mismatch,
		  u64 new, enum how how)
{
	struct domain *d = v->domain;
	u64 *slot = NULL, old;
	HOLD(&d->mmu.lock);

	if (!is_machine)
		slot = walk(v->mmu.kernel, at);
	else if (!(at & 7) && table_kind(d, at >> PAGE_SHIFT) == PGT_L1)
		slot = paddr_to_virt(at);
	if (unlikely(!slot))
		return -XEN_EINVAL;
	old = READ_ONCE(*slot);
	return (old & mask) == want ? l1_set(d, fd, slot, old, new, how) :
				      mismatch;
}

long do_update_va_mapping(u64 va, u64 pte, u64 flags)
{
	struct vcpu *v = current_vcpu();
	int rc = change(v, va, false, v->domain, 0, 0, 0, pte, SWAP), rc2;

	if (likely(!(flags & UVMF_FLUSHTYPE_MASK)))
		return rc;
	rc2 = mmu_flush(flags & UVMF_TLB_FLUSH ? FLUSH_ALL : va,
			flags & ~UVMF_FLUSHTYPE_MASK);
	return rc ? rc : rc2;
}

int mmu_emulated_write(struct vcpu *v, paddr_t pte_addr, u64 old, u64 new)
{
	return change(v, pte_addr, true, v->domain, ~0ULL, old, -XEN_EAGAIN,
		      new, EXACT);
}

int mmu_grant_set(struct vcpu *v, paddr_t at, u64 pte, struct domain *owner)
{
	return change(v, at, true, owner, 0, 0, 0, pte, SWAP);
}

void mmu_grant_clear(struct vcpu *v, paddr_t at, mfn_t m)
{
	change(v, at, true, v->domain, PTE_P | PTE_ADDR, pte_make(m, PTE_P),
	       0, 0, SWAP);
}

/* ---- A vCPU's address spaces ---- */

static bool is_base(mfn_t m)
{
	return m && m != MFN_NONE;
}

/* Another domain's tables may be new; the caller's own could take too long. */
static int base_get(struct domain *d, mfn_t m)
{
	const struct vcpu *v = current_vcpu();
	int rc;

	if (v && v->domain == d && (table_kind(d, m) != PGT_L4))
		return -XEN_EINVAL;
	do
		rc = mmu_table_get(d, m, PGT_L4);
	while (rc == -XEN_ERESTART);
	return rc;
}

int mmu_vcpu_set_bases(struct vcpu *v, mfn_t kernel, mfn_t user)
{
	struct domain *d = v->domain;
	int rc;

	do
		rc = mmu_enter(d);
	while (rc);
	d->mmu.hurry = true;
	rc = base_get(d, kernel);
	if (!rc && is_base(user)) {
		rc = base_get(d, user);
		if (rc)
			mmu_table_put(kernel);
	}
	if (!rc) {
		v->mmu.kernel = kernel;
		v->mmu.user = is_base(user) ? user : MFN_NONE;
	}
	d->mmu.hurry = false;
	unlock(&d->mmu.lock);
	return rc;
}

static int drop_base(struct domain *d, mfn_t *base)
{
	const mfn_t m = *base;
	int rc;

	if (!is_base(m))
		return 0;
	rc = mmu_enter(d);
	if (rc)
		return rc;
	*base = MFN_NONE;
	mmu_table_put(m);
	rc = mmu_has_job(&d->mmu) ? -XEN_ERESTART : 0;
	unlock(&d->mmu.lock);
	return rc;
}

int mmu_vcpu_drop_bases(struct vcpu *v)
{
	int rc = drop_base(v->domain, &v->mmu.user);

	return rc ? rc : drop_base(v->domain, &v->mmu.kernel);
}
