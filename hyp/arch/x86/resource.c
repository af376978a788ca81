/* SPDX-License-Identifier: MIT */
/* Which ports and which device memory the control domain may use. */
#include <asm/machine.h>

/* Ours: interrupt controllers, PIT, PCI data (emulated), ACPI's timer. */
static const struct { u16 first, last; } our_ports[] = {
	{ 0x20, 0x21 }, { 0xa0, 0xa1 }, { 0x40, 0x43 }, { 0x61, 0x61 },
	{ 0xcfc, 0xcff },
};

static bool port_is_ours(u16 port)
{
	for (unsigned i = 0; i < ARRAY_SIZE(our_ports); i++)
		if (port >= our_ports[i].first && port <= our_ports[i].last)
			return true;
	if (acpi.pm_timer && port >= acpi.pm_timer && port < acpi.pm_timer + 4)
		return true;
	return uart_owns_port(port);
}

bool arch_ioport_ok(u16 port, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		if (port + i > 0xffff || port_is_ours(port + i))
			return false;
	return true;
}

/* Addresses at which a write is an interrupt message. */
static bool is_message_window(mfn_t m)
{
	return m >= 0xfee00 && m <= 0xfeeff;
}

/* Frame m is RAM. */
static bool is_ram(mfn_t m)
{
	const struct boot_range *r = boot_info.range;
	const paddr_t at = m << PAGE_SHIFT;

	for (u32 i = 0; i < boot_info.range_count && r[i].start <= at; i++)
		if (r[i].type == BOOT_RAM &&
		    at + PAGE_SIZE <= r[i].start + r[i].size)
			return true;
	return false;
}

bool arch_iomem_ok(mfn_t m)
{
	/* RAM has an owner, and is no device; but for what the BIOS had. */
	if (m >> (cpu_features.phys_bits - PAGE_SHIFT) ||
	    (m >= LOW_FRAMES && is_ram(m)))
		return false;
	return !is_message_window(m) && m != apic_paddr >> PAGE_SHIFT;
}

bool arch_iomem_readonly(mfn_t m)
{
	return ioapic_owns(m << PAGE_SHIFT) || msi_table_frame(m) ||
	       (acpi.hpet && m == acpi.hpet >> PAGE_SHIFT) || is_ram(m);
}
