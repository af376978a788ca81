/* SPDX-License-Identifier: MIT */
/*
 * The serial port: a 16550.  Output polls the transmitter; input comes by
 * interrupt.  The port belongs to the hypervisor; dom0 cannot reach it.
 */
#include <asm/machine.h>

enum uart_reg {
	UART_DATA, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR, UART_MSR,
	UART_SCRATCH,
};

#define LSR_DATA	0x01
#define LSR_THR_EMPTY	0x20
#define LCR_8N1		0x03
#define LCR_DLAB	0x80
#define FIFO_SIZE	16
#define SPIN_MAX	200000	/* a port that never drains is given up */

static u16 base;		/* 0: no port */

static u8 uart_in(enum uart_reg r)
{
	return inb(base + r);
}

static void uart_out(enum uart_reg r, u8 v)
{
	outb(base + r, v);
}

void uart_init(void)
{
	if (!params.console_com1 || !params.com1_port)
		return;
	base = params.com1_port;
	/* A port that does not remember what we wrote is not there. */
	uart_out(UART_SCRATCH, 0x5a);
	if (uart_in(UART_SCRATCH) != 0x5a) {
		base = 0;
		log_warn("com1: no serial port at 0x%x", params.com1_port);
		return;
	}
	uart_out(UART_IER, 0);
	if (params.com1_baud) {
		const u16 divisor = 115200 / params.com1_baud;

		uart_out(UART_LCR, LCR_8N1 | LCR_DLAB);
		uart_out(UART_DATA, divisor & 0xff);
		uart_out(UART_IER, divisor >> 8);
	}
	uart_out(UART_LCR, LCR_8N1);
	uart_out(UART_FCR, 0x07);	/* FIFOs on and empty, trigger at 1 */
	uart_out(UART_MCR, 0x0b);	/* DTR, RTS, and OUT2: the interrupt gate */
}

void arch_console_write(const char *s, size_t n)
{
	u32 spins;

	while (base && n) {
		for (spins = 0; !(uart_in(UART_LSR) & LSR_THR_EMPTY); spins++)
			if (spins == SPIN_MAX)
				return;
		for (unsigned i = 0; i < FIFO_SIZE && n; i++, n--)
			uart_out(UART_DATA, *s++);
	}
}

bool uart_owns_port(u16 port)
{
	return base && port >= base && port < base + 8;
}

void uart_interrupt(void)
{
	for (unsigned n = 0; n < 4096 && uart_in(UART_LSR) & LSR_DATA; n++)
		console_input(uart_in(UART_DATA));
	/* Reading the identification ends a pending condition. */
	uart_in(UART_FCR);
}

/* Lets input interrupt us; after ioapic_init(). */
void uart_irq_init(void)
{
	const u32 gsi = acpi.isa[params.com1_irq & 15].gsi;

	if (!base || !ioapic_has(gsi))
		return;
	pirq_vector[gsi] = VECTOR_UART;
	ioapic_mask(gsi, false);
	uart_out(UART_IER, 0x01);
	uart_interrupt();
}
