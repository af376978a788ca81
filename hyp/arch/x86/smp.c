/* SPDX-License-Identifier: MIT */
/*
 * Starting the other CPUs, one after the other: INIT, two start-up IPIs, and
 * the CPU says that it is there.
 */
#include <hyp/page.h>

#include <asm/machine.h>

#define START_TIMEOUT_US	50000	/* for each of two tries */
#define INIT_WAIT_US		200	/* enough since the P6 family */
#define LOW_MEMORY		0x9f000	/* the EBDA may begin here */

u32 cpu_count = 1;
static struct cpu cpus[MAX_CPUS];
static bool may_run;		/* a: core is ready, run guests */
static u64 boot_tsc;		/* a: the boot CPU's clock, for comparison */

static struct cpu *starting;

/* boot.S: where a CPU begins, and what it runs at last on the boot stack. */
extern u8 ap_start16[], ap_start32[], ap_end16[], boot_gdt[];
extern u32 ap_gdt, ap_entry;
extern void (*boot_main)(void);

struct cpu *cpu_get(unsigned id)
{
	return id < cpu_count ? &cpus[id] : NULL;
}

static paddr_t low_page;	/* RAM below 640 KiB; 0: none */

static void find_low_page(paddr_t start, paddr_t end)
{
	end = MIN(end, (paddr_t)LOW_MEMORY);
	if (end > start + PAGE_SIZE)
		low_page = MAX(low_page, end - PAGE_SIZE);
}

static void wait_online(const struct cpu *c)
{
	const u64 end = rdtsc() + START_TIMEOUT_US * tsc_khz / 1000;

	while (!atomic_load(&c->online) && rdtsc() < end) {
		atomic_store(&boot_tsc, rdtsc());
		arch_poll();
	}
}

/* All CPUs share one TSC, or time would jump when a vCPU moves. */
static void compare_tsc(void)
{
	const u64 theirs = atomic_load(&boot_tsc);
	const u64 mine = rdtsc();

	if (mine < theirs) {
		log_warn("CPU %u: its TSC is %lu cycles behind", this_cpu()->id,
			 theirs - mine);
		if (theirs - mine > tsc_khz)
			tsc_stable = false;
	}
}

static void setup_ap(void)
{
	struct cpu *c = this_cpu();

	apic_init_this();
	desc_cpu_init(c);
	compare_tsc();
	sched_cpu_init(c);
	timer_cpu_init(c);
	atomic_store(&c->online, true);
	while (!atomic_load(&may_run))
		arch_poll();
	enter_guest();
}

/* One CPU at a time is on the boot stack and the boot tables. */
static void leave_boot_stack(void)
{
	cpu_init_this();
	write_cr3(hyp_l4_mfn << PAGE_SHIFT);
	run_on_own_stack(starting, setup_ap);
}

static bool start_cpu(struct cpu *c)
{
	unsigned tries;

	starting = c;
	boot_main = leave_boot_stack;
	ap_gdt = (u32)image_phys(boot_gdt);
	ap_entry = (u32)image_phys(ap_start32);
	memcpy(paddr_to_virt(low_page), ap_start16, ap_end16 - ap_start16);
	memory_barrier();
	apic_send(c->arch.apic_id, APIC_INIT);
	delay_us(INIT_WAIT_US);
	for (tries = 0; tries < 2 && !atomic_load(&c->online); tries++) {
		apic_send(c->arch.apic_id, APIC_STARTUP | low_page >> PAGE_SHIFT);
		wait_online(c);
	}
	return atomic_load(&c->online);
}

void smp_init(void)
{
	const u32 wanted = params.maxcpus ? params.maxcpus : MAX_CPUS;
	const u32 self = apic_id();

	boot_ram_each(find_low_page);
	for (u32 i = 0; i < acpi.cpu_count && cpu_count < wanted; i++) {
		struct cpu *c = &cpus[cpu_count];

		if (acpi.cpu[i].apic_id == self) {
			cpus[0].arch.acpi_id = acpi.cpu[i].acpi_id;
			continue;
		}
		if (!low_page) {
			log_warn("no memory below 640 KiB: only one CPU is used");
			break;
		}
		c->id = cpu_count;
		c->arch.apic_id = acpi.cpu[i].apic_id;
		c->arch.acpi_id = acpi.cpu[i].acpi_id;
		hyp_map_cpu(c->id);
		/* It counts only when it is there: cpu_get() finds it. */
		cpu_count++;
		if (!start_cpu(c)) {
			log_warn("CPU with APIC id %u does not start",
				 c->arch.apic_id);
			/* Its slot may wake up late: never used again. */
			cpu_count--;
			break;
		}
	}
	log_info("%u of %u CPUs run", cpu_count, MAX(acpi.cpu_count, 1U));
}

void arch_run(void)
{
	atomic_store(&may_run, true);
	enter_guest();
}

void arch_kick_cpu(struct cpu *c)
{
	apic_send(c->arch.apic_id, VECTOR_KICK);
}

void smp_stop_others(void)
{
	nmi_stops_cpu = true;
	memory_barrier();
	for_each_cpu(c)
		if (c != this_cpu() && atomic_load(&c->online))
			apic_send(c->arch.apic_id, APIC_NMI);
}
