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
#define GDT_ENTRIES_MAX	(GDT_PAGES * SLOTS)
#define LDT_ENTRIES_MAX	(LDT_PAGES * SLOTS)

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

/* These frames instead of those in a table of that size, or none of them;
 * mmu.lock is held. */
static int replace(struct domain *d, struct page **table, unsigned size,
		   const u64 *frames, unsigned n)
{
	struct page *page[MAX(GDT_PAGES, LDT_PAGES)];
	unsigned i;

	for (i = 0; i < n; i++) {
		page[i] = get_desc_page(d, frames[i]);
		if (!page[i])
			goto err_put;
	}
	for (i = 0; i < size; i++) {
		if (table[i])
			put_desc_page(table[i]);
		table[i] = i < n ? page[i] : NULL;
	}
	return 0;

err_put:
	while (i-- > 0)
		put_desc_page(page[i]);
	return -XEN_EINVAL;
}

int pv_gdt_set(struct vcpu *v, const u64 *frames, u32 entries)
{
	int rc;
	HOLD(&v->domain->mmu.lock);

	rc = replace(v->domain, v->arch.gdt_page, GDT_PAGES, frames,
		     DIV_UP(entries, SLOTS));
	if (!rc)
		v->arch.gdt_entries = entries;
	return rc;
}

void pv_desc_drop(struct vcpu *v)
{
	HOLD(&v->domain->mmu.lock);

	replace(v->domain, v->arch.gdt_page, GDT_PAGES, NULL, 0);
	replace(v->domain, v->arch.ldt_page, LDT_PAGES, NULL, 0);
	v->arch.gdt_entries = v->arch.ldt_entries = 0;
}

long do_set_gdt(u64 list, u64 entries)
{
	struct vcpu *v = current_vcpu();
	u64 frames[GDT_PAGES];
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
	bool plain;
	HOLD(&d->mmu.lock);

	if ((addr & 7) || !desc_fix(&desc))
		return -XEN_EINVAL;
	p = get_desc_page(d, m);
	plain = !p;
	if (plain)
		p = page_get_writable(m, d);
	if (!p)
		return -XEN_EINVAL;
	WRITE_ONCE(*(u64 *)paddr_to_virt(addr), desc);
	if (plain)
		page_put_writable(p);
	else
		put_desc_page(p);
	return 0;
}

int pv_set_ldt(struct vcpu *v, u64 base, u32 entries)
{
	const unsigned n = DIV_UP(entries, SLOTS);
	u64 frames[LDT_PAGES], pte;
	paddr_t at;

	if (entries > LDT_ENTRIES_MAX ||
	    (entries && ((base & ~PAGE_MASK) || !guest_range_ok(base, entries, 8))))
		return -XEN_EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (!mmu_walk(v, base + i * PAGE_SIZE, &pte, &at) ||
		    !(pte & PTE_P))
			return -XEN_EINVAL;
		frames[i] = pte_mfn(pte);
	}
	if (replace(v->domain, v->arch.ldt_page, LDT_PAGES, frames, n))
		return -XEN_EINVAL;
	v->arch.ldt_base = base;
	v->arch.ldt_entries = entries;
	desc_load_windows(v);
	arch_load_tables(v);
	desc_load_ldt(v);
	return 0;
}
