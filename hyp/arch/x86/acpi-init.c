/* SPDX-License-Identifier: MIT */
/*
 * Finds the ACPI tables in memory and gives them to the parsers, while the
 * boot tables show all memory that firmware puts them in.
 */
#include <asm/machine.h>

#define TABLE_MAX	(64 * 1024)
#define HEADER		36

struct acpi_info acpi;

/* The table at `at` and its length; NULL: it is damaged. */
static const u8 *find_table(paddr_t at, size_t *size)
{
	const u8 *p = boot_memory(at, HEADER);

	*size = p ? get32(p + 4) : 0;
	if (!p || *size > TABLE_MAX || !boot_memory(at, *size) ||
	    !acpi_table_ok(p, *size))
		return NULL;
	return p;
}

static void read_one(paddr_t at)
{
	static const struct {
		char name[5];
		void (*parse)(const u8 *p, size_t n, struct acpi_info *a);
	} known[] = {
		{ "APIC", acpi_parse_madt }, { "FACP", acpi_parse_fadt },
		{ "HPET", acpi_parse_hpet },
	};
	const u8 *name = boot_memory(at, 4), *table;
	size_t n;

	for (unsigned i = 0; name && i < ARRAY_SIZE(known); i++) {
		if (memcmp(name, known[i].name, 4))
			continue;
		table = find_table(at, &n);
		if (table)
			known[i].parse(table, n, &acpi);
		else
			log_warn("ACPI: table %s at 0x%lx is damaged",
				 known[i].name, at);
	}
}

/* The root table: an array of 4 or 8-byte addresses behind a header. */
static bool read_root(paddr_t at, unsigned width)
{
	const u8 *p, *entry;
	size_t n;

	p = find_table(at, &n);
	if (!p)
		return false;
	for (entry = p + HEADER; entry + width <= p + n; entry += width)
		read_one(width == 8 ? get64(entry) : get32(entry));
	return true;
}

void acpi_init(const u8 *rsdp)
{
	u64 rsdt, xsdt;

	/* An old one is shorter, and says so before the rest is looked at. */
	if (!rsdp || !acpi_parse_rsdp(rsdp, 36, &rsdt, &xsdt) ||
	    !(read_root(xsdt, 8) || read_root(rsdt, 4))) {
		log_warn("ACPI: no tables found: one CPU, no clock");
		return;
	}
	log_debug("ACPI: %u CPUs, %u IOAPICs, PM timer 0x%x, HPET 0x%lx",
		  acpi.cpu_count, acpi.ioapic_count, acpi.pm_timer, acpi.hpet);
	if (acpi.cpus_left_out)
		log_warn("ACPI: %u CPUs beyond %u are not used",
			 acpi.cpus_left_out, MAX_CPUS);
}
