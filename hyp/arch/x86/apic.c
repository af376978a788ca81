/* SPDX-License-Identifier: MIT */
/*
 * The local APIC, by memory or by MSR (x2APIC), and its timer.  The old
 * interrupt controllers are masked for good.
 */
#include <asm/machine.h>

/* Registers, by their offset in the memory window. */
enum apic_reg {
	APIC_ID = 0x20, APIC_TPR = 0x80, APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0, APIC_ESR = 0x280, APIC_ICR = 0x300,
	APIC_ICR_HIGH = 0x310, APIC_LVT_TIMER = 0x320,
	APIC_LVT_LINT0 = 0x350, APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370, APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390, APIC_TIMER_DIVIDE = 0x3e0,
};

#define LVT_MASKED		0x10000
#define LVT_NMI			0x00400
#define ICR_BUSY		0x01000
#define ICR_ASSERT		0x04000
#define SPURIOUS_ENABLE		0x100
#define BASE_ENABLE		0x800
#define BASE_X2			0x400
#define DIVIDE_BY_1		0xb

static bool apic_x2;
paddr_t apic_paddr;
u64 apic_timer_hz;
static volatile u32 *window;

static u32 apic_read(enum apic_reg r)
{
	if (apic_x2)
		return rdmsr(MSR_X2APIC + (r >> 4));
	return window[r / 4];
}

static void apic_write(enum apic_reg r, u32 v)
{
	if (apic_x2)
		wrmsr(MSR_X2APIC + (r >> 4), v);
	else
		window[r / 4] = v;
}

u32 apic_id(void)
{
	const u32 id = apic_read(APIC_ID);

	return apic_x2 ? id : id >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_send(u32 id, u32 what)
{
	what |= ICR_ASSERT;
	if (apic_x2) {
		/* The MSR is not ordered behind our stores by itself. */
		__asm__ volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_X2APIC + (APIC_ICR >> 4), (u64)id << 32 | what);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_BUSY)
		cpu_relax();
	apic_write(APIC_ICR_HIGH, id << 24);
	apic_write(APIC_ICR, what);
}

void apic_init_bsp(void)
{
	const u64 msr = rdmsr(MSR_APIC_BASE);

	apic_paddr = msr & PTE_ADDR;
	/* Once on, it can only be left through a reset of the APIC. */
	apic_x2 = msr & BASE_X2 || cpu_features.x2apic;
	window = iomap(apic_paddr, PAGE_SIZE);
	apic_init_this();
	log_info("APIC: %s, boot CPU has id %u", apic_x2 ? "x2APIC" : "xAPIC",
		 apic_id());
}

void apic_init_this(void)
{
	const u64 msr = rdmsr(MSR_APIC_BASE);

	if (apic_x2 && !(msr & BASE_X2)) {
		wrmsr(MSR_APIC_BASE, msr | BASE_ENABLE);
		wrmsr(MSR_APIC_BASE, msr | BASE_ENABLE | BASE_X2);
	} else if (!(msr & BASE_ENABLE)) {
		wrmsr(MSR_APIC_BASE, msr | BASE_ENABLE);
	}
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_TPR, 0);
	/* One shot: it rests until it gets a count. */
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_LVT_ERROR, LVT_MASKED | VECTOR_SPURIOUS);
	apic_write(APIC_ESR, 0);
}

u32 apic_timer_left(void)
{
	return apic_read(APIC_TIMER_CURRENT);
}

void apic_timer_oneshot(u32 count)
{
	apic_write(APIC_TIMER_INITIAL, count);
}

/* ---- The 8259s: remapped away from the exceptions, all masked. ---- */

void pic_disable(void)
{
	static const struct { u8 port, value; } steps[] = {
		{ 0x20, 0x11 }, { 0xa0, 0x11 },		/* begin */
		{ 0x21, 0x20 }, { 0xa1, 0x28 },		/* vectors */
		{ 0x21, 0x04 }, { 0xa1, 0x02 },		/* cascade */
		{ 0x21, 0x01 }, { 0xa1, 0x01 },		/* 8086 mode */
		{ 0x21, 0xff }, { 0xa1, 0xff },		/* mask all */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
		outb(steps[i].port, steps[i].value);
}
