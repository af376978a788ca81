/* SPDX-License-Identifier: MIT */
/*
 * Bringing the machine up, from boot.S to hyp_main().
 *
 *	boot stack, early tables	read what GRUB left, command line,
 *					serial port, banner, memory, own tables
 *	own stack, final tables		frame table, allocator, ACPI, APIC,
 *					clock, other CPUs
 */
#include <hyp/core.h>

#include <asm/machine.h>

#define BOOT_REACH	(1ULL << 32)	/* what the boot tables show, see boot.S */
#define MBI_MAX		0x1000000

struct boot_info boot_info;
paddr_t image_paddr;

/* What was logged before the console was known. */
static void log_replay(void)
{
	char part[256];
	u32 index = 0;
	size_t n;

	while ((n = log_read(part, sizeof(part), &index, false)))
		console_write(part, n);
}

/* What lies in RAM and must stay: real-mode memory, us, GRUB's tags, modules. */
static void find_memory(paddr_t mbi)
{
	boot_ram_each(boot_mem_add);
	boot_mem_reserve(0, LOW_FRAMES << PAGE_SHIFT);
	boot_mem_reserve(image_paddr, image_paddr + (_end - _start));
	boot_mem_reserve(mbi, mbi + boot_info.loader_size);
	for (u32 i = 0; i < boot_info.module_count; i++)
		boot_mem_reserve(boot_info.module[i].start,
				 boot_info.module[i].end);
}

void arch_boot_done(void)
{
	const struct boot_module *m = boot_info.module;

	for (; m < boot_info.module + boot_info.module_count; m++)
		frame_alloc_add(MAX(DIV_UP(m->start, PAGE_SIZE), LOW_FRAMES),
				m->end >> PAGE_SHIFT);
}

const u8 *boot_memory(paddr_t at, size_t n)
{
	return at && at < BOOT_REACH && n <= BOOT_REACH - at ?
	       paddr_to_virt(at) : NULL;
}

/* The system table is the firmware's: read it once, believe its signature. */
static void read_efi_table(void)
{
	struct efi_info *e = &boot_info.efi_info;
	const u8 *t = boot_memory(boot_info.efi_system_table, 120), *runtime;

	if (!t)
		return;
	if (get64(t) != 0x5453595320494249) {	/* "IBI SYST" */
		log_warn("EFI: no system table at 0x%lx",
			 boot_info.efi_system_table);
		return;
	}
	e->revision = get32(t + 8);
	e->table_count = get32(t + 104);
	e->tables = get64(t + 112);
	runtime = boot_memory(get64(t + 88), 12);
	if (runtime)
		e->runtime_revision = get32(runtime + 8);
}

/* On this CPU's own stack, with the final tables. */
static void __noreturn setup_rest(void)
{
	struct cpu *c = cpu_get(0);

	page_init();
	/* The control domain reads there what tables the BIOS left. */
	for (mfn_t m = 0; m < LOW_FRAMES; m++)
		page_of(m)->owner = &dom_io;
	boot_mem_hand_over();
	fpu_init();
	desc_cpu_init(c);
	pic_disable();
	apic_init_bsp();
	c->arch.apic_id = apic_id();
	clock_init();
	ioapic_init();
	sched_cpu_init(c);
	timer_cpu_init(c);
	c->online = true;
	uart_irq_init();
	smp_init();
	hyp_main();
}

void run_on_own_stack(struct cpu *c, void (*f)(void))
{
	struct stack_top *top = cpu_stack_top(c->id);

	top->cpu = c;
	/* Two zero words end every stack trace. */
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "push %%rbp\n\t"
			 "push %%rbp\n\t"
			 "call *%1\n\t"
			 "ud2" : : "r"(top), "r"(f) : "memory");
	__builtin_unreachable();
}

void setup_bsp(paddr_t mbi, paddr_t image)
{
	const char *wrong;

	_Static_assert(sizeof(struct stack_top) <= 256,
		       "boot.S leaves 256 bytes (BOOT_STACK_TOP)");
	stack_top()->cpu = cpu_get(0);
	image_paddr = image;
	wrong = multiboot2_parse(paddr_to_virt(mbi), MBI_MAX, &boot_info);
	param_parse(boot_info.cmdline);
	uart_init();
	log_replay();
	log_info("Bulkhead " PACKAGE_VERSION);
	if (wrong)
		panic("cannot start: %s", wrong);
	log_info("started by multiboot2%s, image at 0x%lx, options \"%s\"",
		 boot_info.efi ? " on EFI" : "", image, boot_info.cmdline);
	cpu_features_init();
	cpu_init_this();
	read_efi_table();
	acpi_init(boot_info.rsdp);
	find_memory(mbi);
	hyp_map_init();
	run_on_own_stack(cpu_get(0), setup_rest);
}
