/* SPDX-License-Identifier: MIT */
/* Stopping the machine: halt, reset, power off. */
#include <asm/machine.h>

#define SLP_EN		BIT(13)
#define SLP_MASK	0x3c00
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

void arch_reboot(void)
{
	static const struct { u16 limit; u64 base; } __packed no_idt = { 0 };

	irq_off();
	smp_stop_others();
	for (unsigned i = 0; i < 2; i++) {
		/* The FADT's register, then what PCs have had for ever. */
		if (acpi.reset)
			outb(acpi.reset, acpi.reset_value);
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

/* Only the control domain can read in AML how S5 is entered. */
void arch_power_off(void)
{
	irq_off();
	log_err("the control domain did not power off by ACPI: halted");
	smp_stop_others();
	arch_halt();
}
