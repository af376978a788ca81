/* SPDX-License-Identifier: MIT */
/*
 * The few ACPI tables that a hypervisor needs.  The parsers are pure: bytes
 * in, struct acpi_info out; acpi_init() finds the bytes.
 */
#pragma once

#include <hyp/cpu.h>

#define ACPI_IOAPICS_MAX	16

struct acpi_info {
	/* MADT */
	u32 cpu_count;
	struct acpi_cpu { u32 apic_id, acpi_id; } cpu[MAX_CPUS];
	u32 cpus_left_out;	/* more than MAX_CPUS */
	u32 ioapic_count;
	struct acpi_ioapic {
		u32 id, address, gsi_base;
	} ioapic[ACPI_IOAPICS_MAX];
	struct acpi_isa { u32 gsi; bool level, low; } isa[16];
	/* FADT; a port of 0 is absent */
	u32 pm1a_control, pm1b_control, pm_timer, reset;
	u8 reset_value;
	/* HPET; 0: none */
	paddr_t hpet;
};

extern struct acpi_info acpi;

/* n bytes at p are a table: length fits and bytes add up to 0. */
bool acpi_table_ok(const u8 *p, size_t n);
/* Root pointers from an RSDP of n bytes; false: not one. */
bool acpi_parse_rsdp(const u8 *p, size_t n, u64 *rsdt, u64 *xsdt);
/* Each takes a table that passed acpi_table_ok(), n its length. */
void acpi_parse_madt(const u8 *p, size_t n, struct acpi_info *a);
void acpi_parse_fadt(const u8 *p, size_t n, struct acpi_info *a);
void acpi_parse_hpet(const u8 *p, size_t n, struct acpi_info *a);

/* Reads all tables, from the root pointer that the boot loader found; on the
 * boot tables. */
void acpi_init(const u8 *rsdp);
