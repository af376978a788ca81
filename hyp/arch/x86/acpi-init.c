/* SPDX-License-Identifier: MIT */
/* Finds the ACPI tables in memory and gives them to the parsers. */
#include <asm/acpi.h>

#include <hyp/lib.h>
#include <hyp/printk.h>

#include <asm/bytes.h>
#include <asm/hyp-map.h>

#define TABLE_MAX	(64 * 1024)
#define TABLES_MAX	256

struct acpi_info acpi;
static u8 table[TABLE_MAX];

/* Copies the table at `at` and its length; false: it is damaged. */
static bool read_table(paddr_t at, size_t *size)
{
	u8 head[8];

	if (!phys_read(head, at, sizeof(head)))
		return false;
	*size = get32(head + 4);
	if (*size > sizeof(table) || !phys_read(table, at, *size) ||
	    !acpi_table_ok(table, *size))
		return false;
	return true;
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
	size_t n;
	char name[5];
	unsigned i;

	if (!phys_read(name, at, 4))
		return;
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (memcmp(name, known[i].name, 4))
			continue;
		if (read_table(at, &n))
			known[i].parse(table, n, &acpi);
		else
			log_warn("ACPI: table %s at 0x%llx is damaged",
				 known[i].name, (unsigned long long)at);
	}
}

/* The root table: an array of 4 or 8-byte addresses behind a header. */
static bool read_root(paddr_t at, unsigned width)
{
	static u64 list[TABLES_MAX];
	unsigned count, i;
	size_t n;

	if (!at || !read_table(at, &n))
		return false;
	count = MIN((n - 36) / width, (size_t)TABLES_MAX);
	for (i = 0; i < count; i++) {
		list[i] = 0;
		memcpy(&list[i], table + 36 + i * width, width);
	}
	for (i = 0; i < count; i++)
		read_one(list[i]);
	return true;
}

static bool read_rsdp(paddr_t at)
{
	u8 rsdp[36];
	u64 rsdt, xsdt;

	if (!phys_read(rsdp, at, sizeof(rsdp)) ||
	    !acpi_parse_rsdp(rsdp, sizeof(rsdp), &rsdt, &xsdt))
		return false;
	return read_root(xsdt, 8) || read_root(rsdt, 4);
}

void acpi_init(paddr_t rsdp)
{
	if (!rsdp || !read_rsdp(rsdp)) {
		log_warn("ACPI: no tables found: one CPU, no clock");
		return;
	}
	log_debug("ACPI: %u CPUs, %u IOAPICs, PM timer 0x%x, HPET 0x%llx",
		  acpi.cpu_count, acpi.ioapic_count, acpi.pm_timer,
		  (unsigned long long)acpi.hpet);
	if (acpi.cpus_left_out)
		log_warn("ACPI: %u CPUs beyond %u are not used",
			 acpi.cpus_left_out, MAX_CPUS);
}
