/* SPDX-License-Identifier: MIT */
/* Any bytes as each ACPI table; the first byte says which. */
#include <stdint.h>
#include <stdlib.h>

#include <asm/firmware.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x)	do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parse[])(const u8 *, size_t, struct acpi_info *) = {
		acpi_parse_madt, acpi_parse_fadt, acpi_parse_hpet,
	};
	struct acpi_info *a;
	u64 rsdt, xsdt;

	if (!size)
		return 0;
	a = calloc(1, sizeof(*a));
	PROMISE(a);
	(void)acpi_table_ok(data + 1, size - 1);
	(void)acpi_parse_rsdp(data + 1, size - 1, &rsdt, &xsdt);
	parse[data[0] % ARRAY_SIZE(parse)](data + 1, size - 1, a);
	PROMISE(a->cpu_count <= MAX_CPUS);
	PROMISE(a->ioapic_count <= ACPI_IOAPICS_MAX);
	PROMISE(a->pm1a_control <= 0xffff && a->pm_timer <= 0xffff);
	free(a);
	return 0;
}
