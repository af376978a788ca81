/* SPDX-License-Identifier: MIT */
/* The rest of the machine: APIC, clock, serial port, CPUs, power. */
#pragma once

#include <hyp/arch.h>
#include <hyp/lib.h>
#include <hyp/lock.h>
#include <hyp/param.h>
#include <hyp/printk.h>

#include <asm/firmware.h>
#include <asm/cpu.h>
#include <asm/entry.h>
#include <asm/hyp-map.h>
#include <asm/irq.h>

/* setup.c: from boot.S, on the boot stack, with early tables. */
void setup_bsp(paddr_t mbi, paddr_t image) __noreturn;
/* n bytes of physical memory while the boot tables are used; NULL: out of reach. */
const u8 *boot_memory(paddr_t at, size_t n);
/* Leaves the boot stack, on the final tables, for f, which never returns. */
void run_on_own_stack(struct cpu *c, void (*f)(void)) __noreturn;
/* The image in physical memory. */
extern paddr_t image_paddr;
extern char _start[], _text_end[], _rodata_end[], _end[];
static inline paddr_t image_phys(const void *p)
{
	return (u64)p - IMAGE_START + image_paddr;
}

/* apic.c */
extern paddr_t apic_paddr;
void apic_init_bsp(void);
void apic_init_this(void);
u32 apic_id(void);
void apic_eoi(void);
/* An interrupt to that CPU: a vector, or one of these. */
#define APIC_NMI	0x400
#define APIC_INIT	0x500
#define APIC_STARTUP	0x600	/* | page where it starts */
void apic_send(u32 apic_id, u32 what);
void apic_timer_oneshot(u32 count);	/* 0 stops it */
u32 apic_timer_left(void);
extern u64 apic_timer_hz;
void pic_disable(void);

/* clock.c */
void clock_init(void);		/* calibrates TSC and APIC timer */
void clock_timer_interrupt(void);
extern bool tsc_stable;
void delay_us(u64 us);

/* smp.c */
void smp_init(void);
void smp_stop_others(void);

static inline struct stack_top *cpu_stack_top(unsigned id)
{
	return (struct stack_top *)(percpu_area(id) + PERCPU_STACK +
				    STACK_SIZE - sizeof(struct stack_top));
}

/* uart.c */
void uart_init(void);
bool uart_owns_port(u16 port);
void uart_irq_init(void);
void uart_interrupt(void);

/* flush.c */
void flush_answer(void);

/* pci.c part of msi.c: configuration space, mechanism 1, under a lock. */
u32 pci_conf_read(u16 bdf, u32 reg, u32 size);
void pci_conf_write(u16 bdf, u32 reg, u32 size, u32 value);

/* Real-mode memory is never allocated: it is dom_io's, its RAM to be read only. */
#define LOW_FRAMES	0x100UL

/* I/O ports and device memory that dom0 may not use. */
bool arch_ioport_ok(u16 port, unsigned size);
