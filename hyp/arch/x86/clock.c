/* SPDX-License-Identifier: MIT */
/*
 * Time: the TSC, scaled to nanoseconds since boot, and the deadline of this
 * CPU.  The TSC is measured once against the ACPI PM timer, and the APIC timer
 * in the same 10 ms.
 *
 * ns = (tsc << shift) * mul >> 32, the form that guests use too,
 * so that both sides always agree.
 */
#include <asm/machine.h>

#define CALIBRATE_US	10000
#define PM_HZ		3579545ULL
#define PM_MASK		0xffffff	/* some count in 24 bits only */
#define NS_PER_S	1000000000ULL

u64 tsc_khz;
bool tsc_stable;
static u32 mul = 1U << 31;	/* until calibrated: 1 GHz */
static s8 shift = 1;

/* One moment on all clocks, of the quickest of some tries: an SMI or a
 * sleeping host between the reads would spoil it. */
struct moment {
	u64 tsc;
	u32 ref;		/* the PM timer, which all PCs and their imitations have */
	u32 apic;
};

static void take_moment(struct moment *m)
{
	u64 before, took, best = ~0ULL;
	u32 ref;

	for (unsigned i = 0; i < 5; i++) {
		before = rdtsc();
		ref = inl(acpi.pm_timer);
		took = rdtsc() - before;
		if (took >= best)
			continue;
		best = took;
		*m = (struct moment){ before + took / 2, ref, apic_timer_left() };
	}
}

/* mul and shift so that (ticks << shift) * mul >> 32 are nanoseconds. */
static void set_scale(u64 hz)
{
	/* So that mul uses all of its 32 bits. */
	for (shift = 0; hz > 2 * NS_PER_S; hz >>= 1)
		shift--;
	for (; hz <= NS_PER_S; hz <<= 1)
		shift++;
	mul = (NS_PER_S << 32) / hz;
}

void clock_init(void)
{
	const u64 want = PM_HZ * CALIBRATE_US / 1000000;
	struct moment a, b;
	u64 ticks;

	if (!acpi.pm_timer)
		panic("this machine has no ACPI PM timer: no clock");
	apic_timer_oneshot(~0u);
	take_moment(&a);
	do {
		take_moment(&b);
		ticks = (b.ref - a.ref) & PM_MASK;
	} while (ticks < want && b.tsc - a.tsc < 1ULL << 34);
	apic_timer_oneshot(0);
	if (ticks < want)
		panic("the ACPI PM timer does not count: no clock");
	tsc_khz = (b.tsc - a.tsc) * PM_HZ / ticks / 1000;
	apic_timer_hz = (u64)(a.apic - b.apic) * PM_HZ / ticks;
	set_scale(tsc_khz * 1000);
	tsc_stable = true;
	log_info("clock: TSC %lu.%03lu MHz, APIC timer %lu.%03lu MHz",
		 tsc_khz / 1000, tsc_khz % 1000, apic_timer_hz / 1000000,
		 apic_timer_hz / 1000 % 1000);
}

static u64 tsc_to_ns(u64 tsc)
{
	const u64 scaled = shift >= 0 ? tsc << shift : tsc >> -shift;

	return (unsigned __int128)scaled * mul >> 32;
}

u64 arch_now(void)
{
	return tsc_to_ns(rdtsc());
}

void arch_pvclock(struct vcpu_time_info *t)
{
	t->tsc_timestamp = rdtsc();
	t->system_time = tsc_to_ns(t->tsc_timestamp);
	t->tsc_to_system_mul = mul;
	t->tsc_shift = shift;
	t->flags = tsc_stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
}

void delay_us(u64 us)
{
	const u64 end = rdtsc() + us * tsc_khz / 1000;

	while (rdtsc() < end)
		arch_poll();
}

/* ---- Deadlines. ---- */

void arch_set_deadline(u64 ns)
{
	const u64 now = arch_now(), wait = ns > now ? ns - now : 0;
	const u64 ticks = wait / NS_PER_S * apic_timer_hz +
			  wait % NS_PER_S * apic_timer_hz / NS_PER_S + 1;

	this_cpu()->arch.deadline = ns;
	apic_timer_oneshot(ns == ~0ULL ? 0 : MIN(ticks, 0xffffffffULL));
}

/* A far deadline does not fit the counter: fired early, it is set again. */
void clock_timer_interrupt(void)
{
	const u64 deadline = this_cpu()->arch.deadline;

	if (deadline > arch_now())
		arch_set_deadline(deadline);
	else
		cpu_post_work(this_cpu(), WORK_TIMER);
}

/* ---- The wall clock: CMOS, BCD or binary, 24 hours as every PC has it. ---- */

static u8 cmos(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

/* Counted from March on, so that a leap day is the last of its year. */
static u64 days_since_1970(u64 year, u64 month, u64 day)
{
	if (month < 3) {
		month += 12;
		year--;
	}
	return 365 * year + year / 4 - year / 100 + year / 400 +
	       (153 * month - 457) / 5 + day - 719469;
}

u64 arch_wallclock(void)
{
	/* Seconds, minutes, hours, day, month, year. */
	static const u8 reg[6] = { 0, 2, 4, 7, 8, 9 };
	u8 t[6], again[6];
	unsigned i, tries;

	/* Read until two readings agree: no update came between. */
	for (tries = 0; tries < 10; tries++) {
		for (i = 0; i < 6; i++)
			t[i] = cmos(reg[i]);
		for (i = 0; i < 6; i++)
			again[i] = cmos(reg[i]);
		if (!memcmp(t, again, 6) && !(cmos(10) & 0x80))
			break;
	}
	for (i = 0; i < 6 && !(cmos(11) & 4); i++)
		t[i] = (t[i] >> 4) * 10 + (t[i] & 15);
	return days_since_1970(2000 + t[5], MAX(t[4], 1), MAX(t[3], 1)) * 86400 +
	       t[2] * 3600 + t[1] * 60 + t[0];
}
