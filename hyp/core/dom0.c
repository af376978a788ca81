/* SPDX-License-Identifier: MIT */
/*
 * Building the control domain.
 *
 * The kernel is an ELF file that lies unpacked in module 0: unpacking is the
 * work of whoever writes the boot entry, so that no decompressor runs here.
 * Where everything goes is planned by lib/pv-layout.c, the same code that
 * libctrl plans guests with.  A step that fails here stops the machine: there
 * is nothing to go back to, so the sentence must say what to do.
 */
#include <hyp/core.h>

#include <xen/elfnote.h>

#include <hyp/elf.h>
#include <hyp/param.h>
#include <hyp/pv-layout.h>

#define MEM_DEFAULT_MAX		(4ULL << 30)
#define RESERVE_PAGES		4096	/* 16 MiB for tables and small things */
#define LOW_PFNS		256ULL
#define FEATURE_DOM0		BIT(11)

/* What the steps hand to each other. */
struct plan {
	const struct boot_module *kernel, *initrd;
	struct elf_image elf;
	struct pv_layout layout;
	u64 *p2m;		/* nr_pages machine frames */
};

/* ---- Reading the kernel ---- */

static const u8 *module_bytes(const struct boot_module *m)
{
	return paddr_to_virt(m->start);
}

static u64 module_size(const struct boot_module *m)
{
	return m ? m->end - m->start : 0;
}

/* A Linux boot image says "HdrS" at 0x202. */
static bool is_packed_linux(const struct boot_module *m)
{
	return module_size(m) > 0x210 &&
	       !memcmp(module_bytes(m) + 0x202, "HdrS", 4);
}

static void refuse(const char *wrong)
{
	if (wrong)
		panic("the control domain's kernel (first module2 line) %s",
		      wrong);
}

static void read_kernel(struct plan *p)
{
	if (!boot_info.module_count)
		panic("no control domain: the boot entry has no module2 line with a kernel");
	p->kernel = &boot_info.module[0];
	if (boot_info.module_count > 1)
		p->initrd = &boot_info.module[1];

	if (is_packed_linux(p->kernel))
		panic("the control domain's kernel is a packed vmlinuz: unpack it when the boot entry is written (images/unpack-kernel VMLINUZ OUT) and name the result in module2");
	refuse(elf_parse(module_bytes(p->kernel), module_size(p->kernel),
			 &p->elf));
	if (elf_has_note(&p->elf, XEN_ELFNOTE_SUPPORTED_FEATURES) &&
	    !(p->elf.notes.supported_features & FEATURE_DOM0))
		panic("this kernel cannot be a control domain: it was built without CONFIG_XEN_PV_DOM0");
}

/* ---- Memory ---- */

/* dom0_mem=, else half of what is free, up to 4 GiB. */
static u64 wanted_pages(void)
{
	const u64 free = frame_free_count();
	const u64 most = free > RESERVE_PAGES ? free - RESERVE_PAGES : 0;
	u64 want = params.dom0_mem >> PAGE_SHIFT;

	if (!want)
		want = MIN(free / 2, MEM_DEFAULT_MAX >> PAGE_SHIFT);
	if (want > most) {
		log_warn("dom0_mem=%luM is more than there is: using %luM",
			 want >> 8, most >> 8);
		want = most;
	}
	return want;
}

static void plan_layout(struct plan *p)
{
	const struct pv_layout_want want = {
		.nr_pages = wanted_pages(),
		.initrd_bytes = module_size(p->initrd),
		.start_info_pages = 1,
	};
	const char *wrong;
	uint64_t needed;

	wrong = pv_layout_plan(&p->elf, &want, &p->layout, &needed);
	if (wrong && needed)
		panic("dom0_mem=%luM is too little for the control domain: it needs %luM",
		      want.nr_pages >> 8, (needed >> 8) + 1);
	refuse(wrong);
}

/* Takes frames for all pfns in the largest pieces there are. */
static void take_memory(struct plan *p, struct domain *d)
{
	const u64 end = p->layout.nr_pages;
	unsigned order = FRAME_ORDER_MAX;
	u64 pfn = 0, i;
	mfn_t m;

	while (pfn < end) {
		while (order && (1ULL << order) > end - pfn)
			order--;
		m = memory_alloc_dirty(d, order);
		if (m == MFN_NONE && !order)
			panic("no memory for the control domain: %luM of dom0_mem=%luM found",
			      pfn >> 8, end >> 8);
		if (m == MFN_NONE) {
			order--;
			continue;
		}
		for (i = 0; i < 1ULL << order; i++, pfn++) {
			p->p2m[pfn] = m + i;
			m2p_set(m + i, pfn);
		}
	}
}

/* ---- Contents ---- */

/* Copies into consecutive pfns, whose frames need not be consecutive; from
 * nowhere come zeroes. */
static void write_pfns(const struct plan *p, paddr_t at, const u8 *from,
		       u64 size)
{
	u64 n;
	u8 *to;

	for (; size; at += n, size -= n) {
		n = MIN(size, PAGE_SIZE - (at & ~PAGE_MASK));
		to = (u8 *)frame_to_virt(p->p2m[at >> PAGE_SHIFT]) +
		     (at & ~PAGE_MASK);
		if (!from) {
			memset(to, 0, n);
			continue;
		}
		memcpy(to, from, n);
		from += n;
	}
}

static void clear_pfns(const struct plan *p, struct pv_range r)
{
	write_pfns(p, r.pfn << PAGE_SHIFT, NULL, r.nr << PAGE_SHIFT);
}

/*
 * Memory comes as the firmware left it, as on a bare machine.  Zero is what
 * the tables and start_info are written into, and the first MiB, where Linux
 * looks for what a BIOS would have left.
 */
static void clear_what_counts(const struct plan *p)
{
	const struct pv_layout *l = &p->layout;

	clear_pfns(p, (struct pv_range){ 0, MIN(LOW_PFNS, l->nr_pages) });
	clear_pfns(p, l->start_info);
	clear_pfns(p, l->tables);
	clear_pfns(p, l->stack);
	clear_pfns(p, l->p2m);
	clear_pfns(p, l->p2m_tables);
}

static void load_modules(const struct plan *p)
{
	const struct elf_segment *s;

	for (u32 i = 0; i < p->elf.nr_segments; i++) {
		s = &p->elf.segment[i];
		write_pfns(p, s->paddr, module_bytes(p->kernel) + s->offset,
			   s->filesz);
		write_pfns(p, s->paddr + s->filesz, NULL,
			   s->memsz - s->filesz);
	}
	if (p->initrd)
		write_pfns(p, p->layout.initrd.pfn << PAGE_SHIFT,
			   module_bytes(p->initrd), module_size(p->initrd));
}

static uint64_t *page_at(void *ctx, uint64_t pfn)
{
	const struct plan *p = ctx;

	return frame_to_virt(p->p2m[pfn]);
}

static void write_tables(struct plan *p)
{
	pv_layout_write_tables(&p->layout, p->p2m, page_at, p);
	write_pfns(p, p->layout.p2m.pfn << PAGE_SHIFT, (const u8 *)p->p2m,
		   p->layout.nr_pages * sizeof(u64));
}

/* pv-abi: start_info.  The frame is zero before. */
static void write_start_info(const struct plan *p, const struct domain *d)
{
	const struct pv_layout *l = &p->layout;
	struct start_info *si = frame_to_virt(p->p2m[l->start_info.pfn]);

	memcpy(si->magic, "xen-3.0-x86_64p", 16);
	si->nr_pages = l->nr_pages;
	si->shared_info = page_mfn(d->shared_page) << PAGE_SHIFT;
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	si->pt_base = pv_va(l, l->tables.pfn);
	si->nr_pt_frames = l->tables.nr;
	si->mfn_list = l->p2m_va;
	if (l->p2m_outside) {
		si->first_p2m_pfn = l->p2m.pfn;
		si->nr_p2m_frames = l->p2m.nr + l->p2m_tables.nr;
	}
	if (p->initrd) {
		si->mod_start = l->initrd_unmapped ? l->initrd.pfn
						   : pv_va(l, l->initrd.pfn);
		si->mod_len = module_size(p->initrd);
		if (l->initrd_unmapped)
			si->flags |= SIF_MOD_START_PFN;
	}
	str_copy((char *)si->cmd_line, p->kernel->cmdline,
		 sizeof(si->cmd_line));
	si->console.dom0.info_off = sizeof(*si);
	si->console.dom0.info_size = sizeof(struct dom0_vga_console_info);
	*(struct dom0_vga_console_info *)(si + 1) = boot_info.screen;
}

/* ---- Starting it ---- */

static void pin_tables(const struct plan *p, struct domain *d)
{
	int rc;

	lock(&d->mmu.lock);
	do
		rc = mmu_pin(d, p->p2m[p->layout.tables.pfn], PGT_L4);
	while (rc == -XEN_ERESTART);
	unlock(&d->mmu.lock);
	if (rc)
		panic("the control domain's own page tables break a rule: error %d",
		      -rc);
}

static void set_context(const struct plan *p, struct vcpu *v)
{
	static struct vcpu_guest_context c;
	const struct pv_layout *l = &p->layout;
	int rc;

	c.flags = VGCF_in_kernel | VGCF_online;
	c.user_regs.rip = p->elf.notes.entry;
	c.user_regs.rsp = pv_stack_end(l);
	c.user_regs.rsi = pv_va(l, l->start_info.pfn);
	c.user_regs.rflags = 0x200;
	c.user_regs.cs = FLAT_KERNEL_CS64;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = pv_stack_end(l);
	c.debugreg[6] = 0xffff0ff0;
	c.debugreg[7] = 0x400;
	c.ctrlreg[3] = p->p2m[l->tables.pfn] << PAGE_SHIFT;
	rc = vcpu_initialise(v, &c);
	if (rc)
		panic("the control domain's first context is refused: error %d",
		      -rc);
}

static struct domain *create(void)
{
	struct domain_params dp = {
		.max_vcpus = params.dom0_max_vcpus ? params.dom0_max_vcpus
						   : cpu_count,
		.max_evtchn_port = EVTCHN_FIFO_NR_CHANNELS - 1,
		.max_grant_frames = GNTTAB_FRAMES_DEFAULT,
		.max_maptrack_frames = MAPTRACK_FRAMES_DEFAULT,
		.is_control = true,
	};
	struct domain *d;

	dp.max_vcpus = MIN(dp.max_vcpus, (u32)MAX_VCPUS);
	if (domain_create(0, &dp, &d))
		panic("no memory for the control domain's own records");
	for (u32 i = 0; i < dp.max_vcpus; i++)
		if (vcpu_create(d, i))
			panic("no memory for vCPU %u of the control domain", i);
	d->mem.max_pages = params.dom0_mem_max ?
			   params.dom0_mem_max >> PAGE_SHIFT : 0xffffffff;
	return d;
}

void dom0_build(void)
{
	static struct plan plan;
	struct domain *d;

	read_kernel(&plan);
	d = create();
	plan_layout(&plan);
	plan.p2m = heap_alloc(plan.layout.nr_pages * sizeof(u64));
	if (!plan.p2m)
		panic("no memory for the control domain's frame list");
	take_memory(&plan, d);
	clear_what_counts(&plan);
	load_modules(&plan);
	write_tables(&plan);
	write_start_info(&plan, d);
	pin_tables(&plan, d);
	set_context(&plan, d->vcpu[0]);
	heap_free(plan.p2m);
	log_info("control domain: %luM, %u vCPUs, kernel at 0x%lx, entry 0x%lx",
		 plan.layout.nr_pages >> 8, d->max_vcpus,
		 pv_va(&plan.layout, plan.layout.kernel.pfn),
		 plan.elf.notes.entry);
	d->vcpu[0]->down = false;
	domain_unpause(d);
}
