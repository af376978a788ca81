/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader and the firmware left in memory: multiboot2's tags and
 * the few ACPI tables that a hypervisor needs.  The parsers are pure: bytes
 * in, structs out.
 */
#pragma once

#include <hyp/arch.h>

/* ---- Little-endian numbers in foreign bytes, at any alignment. ---- */

static inline u16 get16(const u8 *p)
{
	return p[0] | p[1] << 8;
}

static inline u32 get32(const u8 *p)
{
	return get16(p) | (u32)get16(p + 2) << 16;
}

static inline u64 get64(const u8 *p)
{
	return get32(p) | (u64)get32(p + 4) << 32;
}

/* ---- multiboot2 ---- */

/* Types in struct boot_range: those of E820. */
enum boot_range_type {
	BOOT_RAM = 1, BOOT_RESERVED, BOOT_ACPI, BOOT_NVS, BOOT_UNUSABLE,
};

/*
 * Reads the structure of at most limit bytes at mbi.  NULL, or a sentence
 * that says what is wrong.  Pointers in *bi lead into mbi.
 */
const char *multiboot2_parse(const void *mbi, size_t limit,
			     struct boot_info *bi);

/* ---- ACPI ---- */

#define ACPI_IOAPICS_MAX	16

struct acpi_info {
	/* MADT */
	u32 cpu_count;
	struct acpi_cpu { u32 apic_id, acpi_id; } cpu[MAX_CPUS];
	u32 cpus_left_out;	/* more than MAX_CPUS */
	u32 ioapic_count;
	struct acpi_ioapic {
		u32 id, address, gsi_base;
		u32 lines;		/* ioapic.c: in use, and its registers */
		volatile u32 *window;
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
