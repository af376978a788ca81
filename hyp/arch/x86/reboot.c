/* SPDX-License-Identifier: MIT */
/* Stopping the machine: halt, reset, power off. */
#include <hyp/arch.h>
#include <hyp/lib.h>
#include <hyp/printk.h>

#include <asm/acpi.h>
#include <asm/cpu.h>
#include <asm/entry.h>
#include <asm/hyp-map.h>
#include <asm/machine.h>

#define SLP_EN		BIT(13)
#define SLP_TYPE(v)	((v) << 10)
#define SLP_MASK	0x3c00
#define PM1_SCI_EN	1
#define RESET_PORT	0xcf9

void arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* An interrupt between sti and hlt still wakes: sti takes effect late. */
void arch_idle(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

void arch_take_interrupts(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

/* The reset register of the FADT, then what PCs have had for ever. */
static void acpi_reset(void)
{
	if (!acpi.reset_address)
		return;
	if (acpi.reset_space == 1 && acpi.reset_address <= 0xffff)
		outb(acpi.reset_address, acpi.reset_value);
}

void arch_reboot(void)
{
	static const struct { u16 limit; u64 base; } __packed no_idt = { 0 };
	unsigned i;

	irq_off();
	smp_stop_others();
	for (i = 0; i < 2; i++) {
		acpi_reset();
		outb(RESET_PORT, 0x02);
		outb(RESET_PORT, 0x06);
		outb(0x64, 0xfe);	/* the keyboard controller's line */
		delay_us(50000);
	}
	/* No table, no handler: a triple fault resets every PC. */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	arch_halt();
}

static void pm1_write(u32 port, u16 type)
{
	if (port)
		outw(port, (inw(port) & ~SLP_MASK) | type | SLP_EN);
}

int arch_acpi_sleep(u32 state, u16 val_a, u16 val_b)
{
	/* S5 only: S3 would lose every guest's processor state. */
	if (state != 5)
		return -XEN_EOPNOTSUPP;
	if (!acpi.pm1a_control)
		return -XEN_ENODEV;
	log_info("power off");
	smp_stop_others();
	pm1_write(acpi.pm1a_control, val_a & SLP_MASK);
	pm1_write(acpi.pm1b_control, val_b & SLP_MASK);
	delay_us(1000000);
	log_err("the machine did not power off");
	return -XEN_EIO;
}

void arch_power_off(void)
{
	irq_off();
	if (acpi.has_s5)
		arch_acpi_sleep(5, SLP_TYPE(acpi.s5_a), SLP_TYPE(acpi.s5_b));
	log_err("cannot power off: halted");
	smp_stop_others();
	arch_halt();
}
