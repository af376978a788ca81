/* SPDX-License-Identifier: MIT */
/*
 * A guest's segment descriptors.  The processor reads them, so a frame that
 * holds them has type PGT_SEG and no writable mapping, and no descriptor in
 * it can open ring 0: code and data segments get privilege level 3, gates
 * and system segments are refused.
 */
#include <hyp/desc.h>

#include <asm/pv.h>

#define SLOTS		512		/* of a page */
#define GDT_ENTRIES_MAX	(14 * SLOTS)
#define LDT_ENTRIES_MAX	8192

/* ---- Frames with descriptors ---- */

/* A general and a typed reference; mmu.lock is held. */
static struct page *get_desc_page(struct domain *d, mfn_t m)
{
	struct page *p = page_get(m, d);

	if (p && page_type_get(p, PGT_SEG)) {
		page_put(p);
		return NULL;
	}
	return p;
}

static void put_desc_page(struct page *p)
{
	page_type_put(p);
	page_put(p);
}

void pv_gdt_drop(struct vcpu *v)
{
	unsigned i;

	v->arch.gdt_entries = 0;
	for (i = 0; i < ARRAY_SIZE(v->arch.gdt_page); i++) {
		if (v->arch.gdt_page[i])
			put_desc_page(v->arch.gdt_page[i]);
		v->arch.gdt_page[i] = NULL;
	}
}

int pv_gdt_set(struct vcpu *v, const u64 *frames, u32 entries)
{
	struct page *page[ARRAY_SIZE(v->arch.gdt_page)] = { NULL };
	struct domain *d = v->domain;
	const unsigned n = DIV_UP(entries, SLOTS);
	unsigned i;

	if (entries > GDT_ENTRIES_MAX)
		return -XEN_EINVAL;
	lock(&d->mmu.lock);
	for (i = 0; i < n; i++) {
		page[i] = get_desc_page(d, frames[i]);
		if (!page[i])
			goto err_put;
	}
	pv_gdt_drop(v);
	for (i = 0; i < n; i++)
		v->arch.gdt_page[i] = page[i];
	v->arch.gdt_entries = entries;
	unlock(&d->mmu.lock);
	return 0;

err_put:
	while (i-- > 0)
		put_desc_page(page[i]);
	unlock(&d->mmu.lock);
	return -XEN_EINVAL;
}

long do_set_gdt(u64 list, u64 entries)
{
	struct vcpu *v = current_vcpu();
	u64 frames[14];
	int rc;

	if (entries > GDT_ENTRIES_MAX)
		return -XEN_EINVAL;
	if (copy_from_guest(frames, list, DIV_UP(entries, SLOTS) * sizeof(u64)))
		return -XEN_EFAULT;
	rc = pv_gdt_set(v, frames, (u32)entries);
	if (rc)
		return rc;
	desc_load_windows(v);
	arch_load_tables(v);		/* flushes the windows */
	return 0;
}

long do_update_descriptor(u64 addr, u64 desc)
{
	struct domain *d = current_domain();
	const mfn_t m = addr >> PAGE_SHIFT;
	struct page *p;
	long rc = -XEN_EINVAL;
	u64 *slot;

	if ((addr & 7) || !desc_fix(&desc))
		return -XEN_EINVAL;
	p = page_get(m, d);
	if (!p)
		return -XEN_EINVAL;
	slot = (u64 *)((u8 *)frame_to_virt(m) + (addr & ~PAGE_MASK));
	lock(&d->mmu.lock);
	if (!page_type_get(p, PGT_SEG) || !page_type_get(p, PGT_WRITABLE)) {
		WRITE_ONCE(*slot, desc);
		page_type_put(p);
		rc = 0;
	}
	unlock(&d->mmu.lock);
	page_put(p);
	return rc;
}

/* ---- LDT ---- */

void pv_ldt_drop(struct vcpu *v)
{
	const bool loaded = stack_top()->vcpu == v;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(v->arch.ldt_page); i++) {
		if (!v->arch.ldt_page[i])
			continue;
		if (loaded)
			desc_map_ldt(i, MFN_NONE);
		put_desc_page(v->arch.ldt_page[i]);
		v->arch.ldt_page[i] = NULL;
	}
	v->arch.ldt_mapped = 0;
}

int pv_set_ldt(struct vcpu *v, u64 base, u32 entries)
{
	if (entries > LDT_ENTRIES_MAX ||
	    (entries && ((base & ~PAGE_MASK) || !guest_range_ok(base, entries, 8))))
		return -XEN_EINVAL;
	pv_ldt_drop(v);
	v->arch.ldt_base = base;
	v->arch.ldt_entries = entries;
	if (stack_top()->vcpu == v)
		desc_load_ldt(v);
	return 0;
}

bool pv_ldt_fault(struct vcpu *v, u64 va)
{
	const u64 offset = va - desc_ldt_window();
	struct domain *d = v->domain;
	struct page *p = NULL;
	const unsigned i = (unsigned)(offset >> PAGE_SHIFT);
	paddr_t at;
	u64 pte;

	if (offset >= (u64)v->arch.ldt_entries * 8 || v->arch.ldt_page[i])
		return false;
	lock(&d->mmu.lock);
	if (mmu_walk(v, v->arch.ldt_base + i * PAGE_SIZE, &pte, &at) &&
	    (pte & PTE_P))
		p = get_desc_page(d, pte_mfn(pte));
	unlock(&d->mmu.lock);
	if (!p)
		return false;
	v->arch.ldt_page[i] = p;
	v->arch.ldt_mapped |= (u16)BIT(i);
	desc_map_ldt(i, page_mfn(p));
	return true;
}
