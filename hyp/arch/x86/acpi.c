/* SPDX-License-Identifier: MIT */
/*
 * ACPI: what the tables MADT, FADT and HPET say (ACPI 6.4, 5.2).
 *
 * Firmware is not an enemy but it is often wrong, and the tests feed us
 * garbage: no length, count or offset is believed.
 */
#include <asm/firmware.h>

#include <hyp/lib.h>

#define HEADER 36		/* bytes of a table's common header */

enum madt_type {
	MADT_APIC, MADT_IOAPIC, MADT_OVERRIDE, MADT_X2APIC = 9,
};

static bool sums_to_zero(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum += *p++;
	return sum == 0;
}

bool acpi_table_ok(const u8 *p, size_t n)
{
	return n >= HEADER && get32(p + 4) >= HEADER && get32(p + 4) <= n &&
	       sums_to_zero(p, get32(p + 4));
}

bool acpi_parse_rsdp(const u8 *p, size_t n, u64 *rsdt, u64 *xsdt)
{
	*rsdt = *xsdt = 0;
	if (n < 20 || memcmp(p, "RSD PTR ", 8) || !sums_to_zero(p, 20))
		return false;
	*rsdt = get32(p + 16);
	if (p[15] >= 2 && n >= 36 && get32(p + 20) >= 36 &&
	    sums_to_zero(p, 36))
		*xsdt = get64(p + 24);
	return *rsdt || *xsdt;
}

static void add_cpu(struct acpi_info *a, u32 apic_id, u32 acpi_id, u32 flags)
{
	if (!(flags & 1))
		return;
	for (u32 i = 0; i < a->cpu_count; i++)
		if (a->cpu[i].apic_id == apic_id)
			return;
	if (a->cpu_count == MAX_CPUS) {
		a->cpus_left_out++;
		return;
	}
	a->cpu[a->cpu_count].apic_id = apic_id;
	a->cpu[a->cpu_count++].acpi_id = acpi_id;
}

static void add_ioapic(struct acpi_info *a, const u8 *e)
{
	struct acpi_ioapic *io;

	if (a->ioapic_count == ACPI_IOAPICS_MAX)
		return;
	io = &a->ioapic[a->ioapic_count++];
	io->id = e[2];
	io->address = get32(e + 4);
	io->gsi_base = get32(e + 8);
}

/* Polarity in bits 1:0 (3 low), trigger in 3:2 (3 level); else as ISA has it. */
static void add_override(struct acpi_info *a, const u8 *e)
{
	const u16 flags = get16(e + 8);

	if (e[2] != 0 || e[3] > 15)
		return;
	a->isa[e[3]].gsi = get32(e + 4);
	a->isa[e[3]].low = (flags & 3) == 3;
	a->isa[e[3]].level = (flags >> 2 & 3) == 3;
}

static void madt_entry(const u8 *e, u8 size, struct acpi_info *a)
{
	switch (e[0]) {
	case MADT_APIC:
		if (size >= 8)
			add_cpu(a, e[3], e[2], get32(e + 4));
		break;
	case MADT_IOAPIC:
		if (size >= 12)
			add_ioapic(a, e);
		break;
	case MADT_OVERRIDE:
		if (size >= 10)
			add_override(a, e);
		break;
	case MADT_X2APIC:
		if (size >= 16)
			add_cpu(a, get32(e + 4), get32(e + 12), get32(e + 8));
		break;
	}
}

void acpi_parse_madt(const u8 *p, size_t n, struct acpi_info *a)
{
	for (u32 i = 0; i < 16; i++)
		a->isa[i] = (struct acpi_isa){ .gsi = i };
	if (n < HEADER + 8)
		return;
	for (size_t at = HEADER + 8; n - at >= 2; at += p[at + 1]) {
		if (p[at + 1] < 2 || p[at + 1] > n - at)
			return;
		madt_entry(p + at, p[at + 1], a);
	}
}

/* A generic address in I/O space (5.2.3.2), or 0. */
static u32 gas_port(const u8 *p, size_t n, size_t at)
{
	const u64 address = n >= at + 12 ? get64(p + at + 4) : 0;

	return address && p[at] == 1 && address <= 0xffff ? address : 0;
}

static u32 either(u32 extended, u32 legacy)
{
	if (extended)
		return extended;
	return legacy <= 0xffff ? legacy : 0;
}

void acpi_parse_fadt(const u8 *p, size_t n, struct acpi_info *a)
{
	if (n < 116)
		return;
	a->pm1a_control = either(gas_port(p, n, 172), get32(p + 64));
	a->pm1b_control = either(gas_port(p, n, 184), get32(p + 68));
	a->pm_timer = either(gas_port(p, n, 208), get32(p + 76));
	if (get32(p + 112) & BIT(10) && n >= 129) {
		a->reset = gas_port(p, n, 116);
		a->reset_value = p[128];
	}
}

void acpi_parse_hpet(const u8 *p, size_t n, struct acpi_info *a)
{
	/* An address in memory space. */
	if (n >= 56 && p[40] == 0)
		a->hpet = get64(p + 44);
}
