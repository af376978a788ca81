/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables of this CPU: GDT, TSS, IDT, and the MSRs of SYSCALL.
 *
 * The GDT is a window of virtual pages in the CPU's area.  Pages 0 to 13
 * show the frames that the running guest registered, page 14 is ours and
 * ends with GDT_LIMIT; behind the limit it holds the TSS.  The LDT window
 * shows the frames of the guest's LDT.
 */

#include <asm/machine.h>
#include <asm/pv.h>

#define LDT_WINDOW	(PERCPU_LDT / PAGE_SIZE)	/* behind the GDT's */
#define TSS_OFFSET	0x100		/* in page 14 */
#define GDT_SLOT(sel)	(((sel) - SEL_GUEST_END) >> 3)

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;
_Static_assert(sizeof(struct tss) == 104, "the processor's TSS");

struct table_pointer {
	u16 limit;
	u64 base;
} __packed;

enum { IST_DF = 1, IST_NMI, IST_MCE, IST_DB };

extern char entry_stubs[], entry_page_fault[];
extern char syscall_stubs[], syscall32[];
#define STUB_SIZE 64			/* entry.S */

static u64 idt[256][2] __aligned(PAGE_SIZE);
static u8 zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);
static u64 gdt_empty;		/* L1 entry that shows a page of zeros */

/* An interrupt gate, type 14. */
static void set_gate(unsigned vector, u64 entry, u64 dpl, u64 ist)
{
	idt[vector][0] = (entry & 0xffff) | (u64)SEL_HYP_CS << 16 | ist << 32 |
			 14ULL << 40 | dpl << 45 | BIT(47) |
			 (entry >> 16 & 0xffff) << 48;
	idt[vector][1] = entry >> 32;
}

static void fill_idt(void)
{
	static const u8 ist[32] = {
		[TRAP_DF] = IST_DF, [TRAP_NMI] = IST_NMI,
		[TRAP_MC] = IST_MCE, [TRAP_DB] = IST_DB,
	};
	bool open;

	for (unsigned v = 0; v < 256; v++) {
		open = v == TRAP_BP || v == TRAP_OF || v == TRAP_INT80;
		set_gate(v, (u64)entry_stubs + 16 * v, open ? 3 : 0,
			 v < 32 ? ist[v] : 0);
	}
	set_gate(TRAP_PF, (u64)entry_page_fault, 0, 0);
}

/* A 16-byte system descriptor: TSS (9) or LDT (2). */
static void set_system_descriptor(u64 *slot, u64 base, u32 limit, u64 type)
{
	slot[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | type << 40 |
		  BIT(47) | (u64)(limit >> 16) << 48 | (base >> 24 & 0xff) << 56;
	slot[1] = base >> 32;
}

static u64 *own_gdt_page(u64 area)
{
	return (u64 *)(area + GDT_PAGES * PAGE_SIZE);
}

static void make_gdt(struct cpu *c, u64 area)
{
	u64 *gdt = own_gdt_page(area), *window = hyp_map_entry(area);
	struct tss *tss = (struct tss *)((u64)gdt + TSS_OFFSET);
	const u64 stack = area + PERCPU_STACK;
	const mfn_t m = frame_alloc(0, 0, FRAME_ZERO);

	if (m == MFN_NONE)
		panic("CPU %u: no memory for its GDT", c->id);
	c->arch.window = window;
	gdt_empty = image_phys(zero_page) | HYP_RODATA;
	for (unsigned i = 0; i < GDT_PAGES; i++)
		window[i] = gdt_empty;
	window[GDT_PAGES] = pte_make(m, HYP_DATA);
	write_cr3(read_cr3());
	/* Accessed bits are set, so the processor writes none. */
	gdt[GDT_SLOT(SEL_HYP_CS)] = 0x00af9b000000ffff;
	gdt[GDT_SLOT(SEL_HYP_DS)] = 0x00cf93000000ffff;
	gdt[GDT_SLOT(SEL_USER_CS32)] = 0x00cffb000000ffff;
	gdt[GDT_SLOT(SEL_USER_DS)] = 0x00cff3000000ffff;
	gdt[GDT_SLOT(SEL_USER_CS64)] = 0x00affb000000ffff;
	set_system_descriptor(&gdt[GDT_SLOT(SEL_TSS)], (u64)tss,
			      sizeof(*tss) - 1, 9);
	tss->rsp[0] = (u64)(&cpu_stack_top(c->id)->regs + 1);
	tss->ist[IST_DF - 1] = stack + STACK_IST_DF;
	tss->ist[IST_NMI - 1] = stack + STACK_IST_NMI;
	tss->ist[IST_MCE - 1] = stack + STACK_IST_MCE;
	tss->ist[IST_DB - 1] = stack + STACK_IST_DB;
	tss->iomap = sizeof(*tss);	/* no bitmap: every port traps */
}

static void load_tables(u64 area)
{
	const struct table_pointer gdt = { GDT_LIMIT, area };
	const struct table_pointer idtr = { sizeof(idt) - 1, (u64)idt };

	__asm__ volatile("lgdt %0" : : "m"(gdt));
	__asm__ volatile("push %0\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %1, %%ss\n\t"
			 "mov %2, %%ds\n\t"
			 "mov %2, %%es\n\t"
			 "mov %2, %%fs\n\t"
			 "mov %2, %%gs\n\t"
			 "lldt %w2\n\t"
			 "ltr %w3"
			 : : "i"(SEL_HYP_CS), "r"(SEL_HYP_DS), "r"(0),
			     "r"(SEL_TSS) : "rax", "memory");
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

void desc_cpu_init(struct cpu *c)
{
	const u64 area = percpu_area(c->id);

	if (c->id == 0)
		fill_idt();
	make_gdt(c, area);
	load_tables(area);
	wrmsr(MSR_STAR, (u64)SEL_USER_CS32 << 48 | (u64)SEL_HYP_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_stubs + (u64)c->id * STUB_SIZE);
	wrmsr(MSR_CSTAR, (u64)syscall32);
	wrmsr(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL |
	      RFLAGS_NT | RFLAGS_RF | RFLAGS_AC);
	/* SYSENTER faults. */
	wrmsr(MSR_SYSENTER_CS, 0);
	fpu_cpu_init();
}

void enter_guest(void)
{
	atomic_fetch_or(&this_cpu()->work, WORK_RESCHED);
	__asm__ volatile("xor %%ebp, %%ebp\n\t"
			 "jmp exit_to_guest" : : : "memory");
	__builtin_unreachable();
}

/* ---- The windows ---- */

static void show(u64 *window, struct page *const *page, unsigned n, u64 empty)
{
	for (unsigned i = 0; i < n; i++)
		window[i] = page[i] ? pte_make(page_mfn(page[i]), HYP_DATA) :
				      empty;
}

void desc_load_windows(const struct vcpu *v)
{
	struct arch_cpu *c = &this_cpu()->arch;
	const u32 pages = DIV_UP(v->arch.gdt_entries, 512);

	/* What the windows show now is in them: the vCPU that they were made
	 * for may have changed its tables on another CPU since. */
	show(c->window, v->arch.gdt_page, MAX(pages, c->gdt_shown), gdt_empty);
	c->gdt_shown = pages;
	if (v->arch.ldt_entries || c->ldt_shown)
		show(c->window + LDT_WINDOW, v->arch.ldt_page, LDT_PAGES, 0);
	c->ldt_shown = v->arch.ldt_entries;
}

void desc_load_ldt(const struct vcpu *v)
{
	const u64 area = percpu_area(this_cpu()->id);
	u16 sel = 0;

	if (v->arch.ldt_entries) {
		set_system_descriptor(&own_gdt_page(area)[GDT_SLOT(SEL_LDT)],
				      area + PERCPU_LDT,
				      v->arch.ldt_entries * 8 - 1, 2);
		sel = SEL_LDT;
	}
	__asm__ volatile("lldt %0" : : "r"(sel));
}
