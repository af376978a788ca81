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

#include <hyp/arch.h>
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/hypercall.h>
#include <hyp/lib.h>
#include <hyp/mmu-batch.h>
#include <hyp/priv.h>
#include <hyp/pt-entry.h>

#define CHUNK 32

void mmu_domain_init(struct domain *d)
{
	lock_init(&d->mmu.lock, RANK_MMU, d->id);
}

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

/* Writes an entry; keep_ad adds the A and D bits that it had. */
static inline u64 pte_swap(u64 *slot, u64 new, bool keep_ad)
{
	u64 old;

	if (likely(!keep_ad))
		return atomic_xchg(slot, new);
	old = READ_ONCE(*slot);
	while (!atomic_cas(slot, &old, new | (old & (PTE_A | PTE_D))))
		;
	return old;
}

/* The same frame, but RW changes: only the writable use comes or goes. */
static int l1_set_rw(const struct domain *d, const struct domain *fd,
		     u64 *slot, struct page *p, u64 new, bool keep_ad)
{
	if (new & PTE_RW) {
		/* Who may only read a foreign frame gets no further by this. */
		if (p->owner != fd || fd == &dom_xen || !page_writable_get(p))
			return -XEN_EINVAL;
		pte_swap(slot, new, keep_ad);
		return 0;
	}
	pte_swap(slot, new, keep_ad);
	page_writable_put(p, p->owner != d);
	return 0;
}

static inline int l1_set(const struct domain *d, const struct domain *fd,
			 u64 *slot, u64 new, bool keep_ad)
{
	u64 old = READ_ONCE(*slot), diff;
	struct page *p;
	int rc;

	if (new & PTE_P) {
		diff = old ^ pt_adjust_l1(new);
		if (old & PTE_P && !(diff & ~(PT_FLAGS_L1 | PTE_RW))) {
			new = pt_adjust_l1(new);
			if (!(diff & PTE_RW)) {
				pte_swap(slot, new, keep_ad);
				return 0;
			}
			p = pt_entry_page(new);
			if (likely(p))
				return l1_set_rw(d, fd, slot, p, new, keep_ad);
		}
		rc = pt_l1_get(d, fd, &new);
		if (unlikely(rc))
			return rc;
	}
	old = pte_swap(slot, new, keep_ad);
	if (old & PTE_P)
		pt_l1_put(d, old);
	return 0;
}

/* An entry of level 2 to 4; -XEN_ERESTART: nothing changed, come again. */
static int table_set(struct domain *d, unsigned level, u64 *slot, u64 new,
		     bool keep_ad)
{
	u64 old = READ_ONCE(*slot);
	struct page *p;
	int rc;

	if (new & PTE_P) {
		if (!pt_check_table(level, new))
			return -XEN_EINVAL;
		new = pt_adjust_table(level, new);
		if (old & PTE_P && !((old ^ new) & ~PT_FLAGS_TABLE)) {
			pte_swap(slot, new, keep_ad);
			return 0;
		}
		p = page_get(pte_mfn(new), d);
		if (!p)
			return -XEN_EINVAL;
		rc = page_type_get(p, level - 1);
		if (rc) {
			page_put(p);
			return rc;
		}
	}
	old = pte_swap(slot, new, keep_ad);
	if (old & PTE_P) {
		arch_flush_tlb(&d->dirty, FLUSH_ALL);
		p = page_of(pte_mfn(old));
		page_type_put(p);
		page_put(p);
	}
	return 0;
}

/* A word in a frame that is no table: the guest could write it itself. */
static int plain_set(struct page *p, u64 *slot, u64 val)
{
	if (!page_writable_get(p))
		return -XEN_EINVAL;
	atomic_store(slot, val);
	page_writable_put(p, false);
	return 0;
}

/* ---- Batches of requests ---- */

int mmu_foreign_find(u16 id, struct domain **fd)
{
	struct domain *d = current_domain();

	switch (id) {
	case DOMID_SELF:
		*fd = d;
		return 0;
	case DOMID_IO:
		*fd = &dom_io;
		return priv_hardware(d) ? 0 : -XEN_EPERM;
	case DOMID_XEN:
		*fd = &dom_xen;
		return priv_system(d) ? 0 : -XEN_EPERM;
	}
	if (id == d->id) {
		*fd = d;
		return 0;
	}
	return domain_find_controlled(id, fd);
}

void mmu_foreign_put(struct domain *fd)
{
	if (fd != current_domain() && fd != &dom_io && fd != &dom_xen)
		domain_put(fd);
}

/* What do the requests of one mmu_update have in common? */
struct batch {
	struct domain *d;	/* owner of the tables */
	struct domain *fd;	/* owner of what they map */
	struct page *page;	/* the table in hand: we hold a reference */
	mfn_t mfn;
};

static int batch_open(struct batch *b, u32 foreigndom)
{
	u16 owner = foreigndom >> 16;
	int rc;

	*b = (struct batch){ .d = current_domain(), .mfn = MFN_NONE };
	rc = mmu_foreign_find(foreigndom, &b->fd);
	if (rc || likely(!owner))
		return rc;
	rc = mmu_foreign_find(owner - 1, &b->d);
	if (!rc && (b->d == &dom_io || b->d == &dom_xen))
		rc = -XEN_EINVAL;
	if (rc)
		mmu_foreign_put(b->fd);
	return rc;
}

static void batch_close(struct batch *b)
{
	mmu_foreign_put(b->fd);
	mmu_foreign_put(b->d);
}

static void batch_drop_table(struct batch *b)
{
	if (b->page)
		page_put(b->page);
	b->page = NULL;
	b->mfn = MFN_NONE;
}

static bool batch_take_table(struct batch *b, mfn_t m)
{
	batch_drop_table(b);
	b->page = page_get(m, b->d);
	if (!b->page)
		return false;
	b->mfn = m;
	return true;
}

static inline int update_entry(struct batch *b, paddr_t at, u64 val,
			       bool keep_ad)
{
	mfn_t m = at >> PAGE_SHIFT;
	u64 type, *slot;

	if (unlikely(m != b->mfn) && !batch_take_table(b, m))
		return -XEN_EINVAL;
	slot = (u64 *)frame_to_virt(m) + (at & ~PAGE_MASK) / 8;
	type = READ_ONCE(b->page->type);
	if (unlikely(!type_count(type)))
		return plain_set(b->page, slot, val);
	switch (type_kind(type)) {
	case PGT_L1:
		return l1_set(b->d, b->fd, slot, val, keep_ad);
	case PGT_L4:
		if (pt_slot_reserved(4, (at & ~PAGE_MASK) / 8))
			return -XEN_EINVAL;
		/* fall through */
	case PGT_L2:
	case PGT_L3:
		return table_set(b->d, type_kind(type), slot, val, keep_ad);
	case PGT_WRITABLE:
		return plain_set(b->page, slot, val);
	default:
		return -XEN_EINVAL;
	}
}

/* The guest says which of its pfns frame m is. */
static int update_m2p(struct batch *b, mfn_t m, u64 pfn)
{
	struct page *p = page_get(m, b->fd);

	if (!p)
		return -XEN_EINVAL;
	if (p->refs & PGC_ALLOCATED)
		m2p_set(m, pfn);
	page_put(p);
	return 0;
}

static inline int update_one(struct batch *b, const mmu_update_t *r)
{
	switch (r->ptr & 7) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		return update_entry(b, r->ptr & ~7ULL, r->val, false);
	case MMU_PT_UPDATE_PRESERVE_AD:
		return update_entry(b, r->ptr & ~7ULL, r->val, true);
	case MMU_MACHPHYS_UPDATE:
		return update_m2p(b, r->ptr >> PAGE_SHIFT, r->val);
	}
	return -XEN_EINVAL;
}

/*
 * One chunk under the lock; *n gets the number of requests that are done.
 * -XEN_ERESTART: a job was left, or must be finished first.
 */
static int update_chunk(struct batch *b, const mmu_update_t *req, u32 count,
			u32 *n)
{
	int rc = mmu_enter(b->d);
	u32 i = 0;

	*n = 0;
	if (unlikely(rc))
		return rc;
	if (unlikely(b->d->life != DOMAIN_ALIVE))
		rc = -XEN_ESRCH;
	while (!rc && i < count) {
		rc = update_one(b, &req[i]);
		if (!rc)
			i++;
		if (unlikely(mmu_has_job(&b->d->mmu)))
			rc = -XEN_ERESTART;
	}
	batch_drop_table(b);
	mmu_leave(b->d);
	*n = i;
	return rc;
}

/* Adds to the guest's count of requests done; the first call starts it at 0. */
int mmu_report_done(u64 done, u32 n, bool again)
{
	u32 v = 0;

	if (!done)
		return 0;
	if (again && copy_from_guest(&v, done, sizeof(v)))
		return -XEN_EFAULT;
	v += n;
	return copy_to_guest(done, &v, sizeof(v));
}

long do_mmu_update(u64 reqs, u64 ucount, u64 done, u64 foreigndom)
{
	const bool again = ucount & MMU_UPDATE_PREEMPTED;
	u32 count = (u32)ucount & ~MMU_UPDATE_PREEMPTED, n = 0, step, i;
	mmu_update_t req[CHUNK];
	struct batch b;
	int rc;

	rc = batch_open(&b, foreigndom);
	if (unlikely(rc))
		return rc;
	do {
		step = MIN(count - n, (u32)CHUNK);
		rc = copy_from_guest(req, reqs + n * sizeof(*req),
				     step * sizeof(*req));
		if (unlikely(rc))
			break;
		rc = update_chunk(&b, req, step, &i);
		n += i;
		if (!rc && n < count && hypercall_should_rest(step))
			rc = -XEN_ERESTART;
	} while (!rc && n < count);
	batch_close(&b);

	if (mmu_report_done(done, n, again) && (!rc || rc == -XEN_ERESTART))
		rc = -XEN_EFAULT;
	if (rc != -XEN_ERESTART)
		return rc;
	return hypercall_restart(__HYPERVISOR_mmu_update, 4,
				 reqs + n * sizeof(*req),
				 (u64)(count - n) | MMU_UPDATE_PREEMPTED,
				 done, foreigndom);
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

/* Is va one that a guest may ask to flush?  Others are in no TLB of its. */
static bool va_is_guests(u64 va)
{
	return (va < 1ULL << 47 || va >= -1ULL << 47) &&
	       !pt_slot_reserved(4, pt_index(va, 4));
}

int mmu_vcpus_cpus(const struct domain *d, u64 bitmap, struct cpumask *m)
{
	u32 i, bytes = DIV_UP(d->max_vcpus, 8);
	u8 bits[MAX_VCPUS / 8];
	struct cpu *c;

	*m = (struct cpumask){ { 0 } };
	if (copy_from_guest(bits, bitmap, bytes))
		return -XEN_EFAULT;
	for (i = 0; i < d->max_vcpus; i++) {
		if (!(bits[i / 8] & 1 << i % 8) || !d->vcpu[i])
			continue;
		c = READ_ONCE(d->vcpu[i]->sched.cpu);
		if (c && cpumask_test(&d->dirty, c->id))
			m->bits[c->id / 64] |= BIT(c->id % 64);
	}
	return 0;
}

void mmu_flush_local(u64 va)
{
	struct cpumask m = { { 0 } };
	u32 id = this_cpu()->id;

	m.bits[id / 64] = BIT(id % 64);
	mmu_flush(&m, va);
}

void mmu_flush(const struct cpumask *m, u64 va)
{
	if (va == FLUSH_ALL || va_is_guests(va))
		arch_flush_tlb(m, va);
}

/* What UVMF_* asks for. */
static int flush_flags(u64 va, u64 flags)
{
	const u64 who = flags & ~UVMF_FLUSHTYPE_MASK;
	struct cpumask m;
	int rc;

	switch (flags & UVMF_FLUSHTYPE_MASK) {
	case UVMF_NONE:
		return 0;
	case UVMF_TLB_FLUSH:
		va = FLUSH_ALL;
		break;
	case UVMF_INVLPG:
		break;
	default:
		return -XEN_EINVAL;
	}
	if (who == UVMF_LOCAL) {
		mmu_flush_local(va);
		return 0;
	}
	if (who == UVMF_ALL) {
		mmu_flush(&current_domain()->dirty, va);
		return 0;
	}
	rc = mmu_vcpus_cpus(current_domain(), who, &m);
	if (!rc)
		mmu_flush(&m, va);
	return rc;
}

static long update_va(u64 va, u64 val, u64 flags, const struct domain *fd)
{
	struct vcpu *v = current_vcpu();
	struct domain *d = v->domain;
	int rc = -XEN_EINVAL, rc2;
	u64 *slot;

	lock(&d->mmu.lock);
	slot = walk(v->mmu.kernel, va);
	if (likely(slot))
		rc = l1_set(d, fd, slot, val, false);
	unlock(&d->mmu.lock);
	if (likely(!flags))
		return rc;
	rc2 = flush_flags(va, flags);
	return rc ? rc : rc2;
}

long do_update_va_mapping(u64 va, u64 pte, u64 flags)
{
	return update_va(va, pte, flags, current_domain());
}

long do_update_va_mapping_otherdomain(u64 va, u64 pte, u64 flags, u64 domid)
{
	struct domain *fd;
	long rc = mmu_foreign_find(domid, &fd);

	if (rc)
		return rc;
	rc = update_va(va, pte, flags, fd);
	mmu_foreign_put(fd);
	return rc;
}

/* ---- For the emulator and for grants ---- */

/* The slot of an L1 table of d at this machine address; *page: a reference. */
static u64 *slot_at(struct domain *d, paddr_t at, struct page **page)
{
	struct page *p;

	*page = NULL;
	if (at & 7)
		return NULL;
	p = page_get(at >> PAGE_SHIFT, d);
	if (!p)
		return NULL;
	if (type_kind(p->type) != PGT_L1 || !type_count(p->type)) {
		page_put(p);
		return NULL;
	}
	*page = p;
	return (u64 *)frame_to_virt(at >> PAGE_SHIFT) + (at & ~PAGE_MASK) / 8;
}

int mmu_emulated_write(struct vcpu *v, paddr_t pte_addr, u64 old, u64 new)
{
	struct domain *d = v->domain;
	int rc = -XEN_EINVAL;
	struct page *p;
	u64 *slot;

	lock(&d->mmu.lock);
	slot = slot_at(d, pte_addr, &p);
	if (slot) {
		/* A stale value may differ from the true one in A and D only. */
		if (READ_ONCE(*slot) != old)
			rc = -XEN_EAGAIN;
		else
			rc = l1_set(d, d, slot, new, false);
		page_put(p);
	}
	unlock(&d->mmu.lock);
	return rc;
}

/* Where a grant mapping's entry is, under the lock. */
static u64 *grant_slot(struct vcpu *v, u64 addr, bool contains_pte,
		       struct page **p)
{
	*p = NULL;
	if (contains_pte)
		return slot_at(v->domain, addr, p);
	return walk(v->mmu.kernel, addr);
}

int mmu_grant_set(struct vcpu *v, u64 addr, bool contains_pte, u64 pte,
		  struct domain *owner)
{
	struct domain *d = v->domain;
	int rc = -XEN_EINVAL;
	struct page *p;
	u64 *slot;

	lock(&d->mmu.lock);
	slot = grant_slot(v, addr, contains_pte, &p);
	if (slot)
		rc = l1_set(d, owner, slot, pte, false);
	if (p)
		page_put(p);
	unlock(&d->mmu.lock);
	return rc;
}

int mmu_grant_clear(struct vcpu *v, u64 addr, bool contains_pte, mfn_t m,
		    bool readonly, u64 new_pte)
{
	struct domain *d = v->domain;
	int rc = -XEN_ENOENT;
	struct page *p;
	u64 *slot, old;

	lock(&d->mmu.lock);
	slot = grant_slot(v, addr, contains_pte, &p);
	old = slot ? READ_ONCE(*slot) : 0;
	if (old & PTE_P && pte_mfn(old) == m && !(readonly && old & PTE_RW))
		rc = l1_set(d, d, slot, new_pte, false);
	if (p)
		page_put(p);
	unlock(&d->mmu.lock);
	return rc;
}

/* ---- A vCPU's address spaces ---- */

int mmu_base_get(struct domain *d, mfn_t m)
{
	struct page *p = page_get(m, d);
	int rc;

	if (!p)
		return -XEN_EINVAL;
	rc = page_type_get(p, PGT_L4);
	if (rc)
		page_put(p);
	return rc == -XEN_EBUSY ? -XEN_EINVAL : rc;
}

void mmu_base_put(mfn_t m)
{
	struct page *p = page_of(m);

	page_type_put(p);
	page_put(p);
}

static bool is_base(mfn_t m)
{
	return m && m != MFN_NONE;
}

/* Tables that nobody validated yet could take long, and we cannot rest. */
static bool is_l4(struct domain *d, mfn_t m)
{
	u64 x = mfn_valid(m) ? READ_ONCE(page_of(m)->type) : 0;
	const struct vcpu *v = current_vcpu();

	return (type_kind(x) == PGT_L4 && x & PGT_VALIDATED) ||
	       !v || v->domain != d;
}

static int base_get_now(struct domain *d, mfn_t m)
{
	int rc = -XEN_EINVAL;

	if (is_l4(d, m))
		do
			rc = mmu_base_get(d, m);
		while (rc == -XEN_ERESTART);
	return rc;
}

int mmu_vcpu_set_bases(struct vcpu *v, mfn_t kernel, mfn_t user)
{
	struct domain *d = v->domain;
	int rc = -XEN_EINVAL;

	do
		rc = mmu_enter(d);
	while (rc);
	d->mmu.hurry = true;
	rc = base_get_now(d, kernel);
	if (!rc && is_base(user)) {
		rc = base_get_now(d, user);
		if (rc)
			mmu_base_put(kernel);
	}
	if (!rc) {
		v->mmu.kernel = kernel;
		v->mmu.user = is_base(user) ? user : MFN_NONE;
	}
	d->mmu.hurry = false;
	mmu_leave(d);
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
	mmu_base_put(m);
	rc = mmu_has_job(&d->mmu) ? -XEN_ERESTART : 0;
	mmu_leave(d);
	return rc;
}

int mmu_vcpu_drop_bases(struct vcpu *v)
{
	int rc = drop_base(v->domain, &v->mmu.user);

	return rc ? rc : drop_base(v->domain, &v->mmu.kernel);
}
