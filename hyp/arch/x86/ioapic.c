/* SPDX-License-Identifier: MIT */
/*
 * IOAPICs: each input line (a gsi) has a redirection entry that says which
 * vector it raises on which CPU.  All lines start masked.
 */
#include <asm/machine.h>

#define RTE_LOW		0x02000
#define RTE_LEVEL	0x08000
#define RTE_MASKED	0x10000

static struct lock ioapic_lock = LOCK_INIT(RANK_CONSOLE);
u32 ioapic_gsi_count;
static u16 line_flags[NR_PIRQS];	/* RTE_LOW, RTE_LEVEL */

static u32 reg_read(const struct acpi_ioapic *io, u32 reg)
{
	io->window[0] = reg;
	return io->window[4];
}

static void reg_write(const struct acpi_ioapic *io, u32 reg, u32 v)
{
	io->window[0] = reg;
	io->window[4] = v;
}

static const struct acpi_ioapic *ioapic_of(u32 gsi)
{
	for (u32 i = 0; i < acpi.ioapic_count; i++)
		if (gsi - acpi.ioapic[i].gsi_base < acpi.ioapic[i].lines)
			return &acpi.ioapic[i];
	return NULL;
}

bool ioapic_has(u32 gsi)
{
	return ioapic_of(gsi) != NULL;
}

/* Writes the whole entry; masked first, so no half entry ever fires. */
void ioapic_mask(u32 gsi, bool mask)
{
	const struct acpi_ioapic *io = ioapic_of(gsi);
	const u32 low = pirq_vector[gsi] | line_flags[gsi];
	const u32 pin = 0x10 + 2 * (gsi - io->gsi_base);
	HOLD(&ioapic_lock);

	reg_write(io, pin, low | RTE_MASKED);
	if (!mask) {
		reg_write(io, pin + 1, irq_target(gsi) << 24);
		reg_write(io, pin, low);
	}
}

static void ioapic_add(struct acpi_ioapic *io)
{
	io->window = iomap(io->address, 0x20);
	if (!io->window || io->gsi_base >= NR_PIRQS) {
		log_warn("IOAPIC %u: its lines from %u on are not used",
			 io->id, io->gsi_base);
		return;
	}
	io->lines = MIN((reg_read(io, 1) >> 16 & 0xff) + 1,
			NR_PIRQS - io->gsi_base);
	ioapic_gsi_count = MAX(ioapic_gsi_count, io->gsi_base + io->lines);
	for (u32 i = 0; i < io->lines; i++) {
		const u32 gsi = io->gsi_base + i;

		/* PCI's way, unless it is one of the ISA lines below. */
		line_flags[gsi] = gsi < 16 ? 0 : RTE_LOW | RTE_LEVEL;
		ioapic_mask(gsi, true);
	}
}

static u16 flags_of(bool level, bool low)
{
	return (level ? RTE_LEVEL : 0) | (low ? RTE_LOW : 0);
}

void ioapic_init(void)
{
	const struct acpi_isa *isa = acpi.isa;

	for (u32 i = 0; i < acpi.ioapic_count; i++)
		ioapic_add(&acpi.ioapic[i]);
	for (u32 i = 0; i < 16; i++, isa++)
		if (isa->gsi < NR_PIRQS &&
		    (isa->gsi != i || isa->level || isa->low))
			line_flags[isa->gsi] = flags_of(isa->level, isa->low);
	if (!ioapic_gsi_count)
		log_warn("no IOAPIC: the control domain gets no line interrupts");
}

int ioapic_setup(u32 gsi, bool level, bool low)
{
	if (!ioapic_of(gsi))
		return -XEN_EINVAL;
	/* A line in use keeps what it has. */
	if (!pirq_vector[gsi])
		line_flags[gsi] = flags_of(level, low);
	return 0;
}

bool ioapic_is_level(u32 gsi)
{
	return gsi < NR_PIRQS && line_flags[gsi] & RTE_LEVEL;
}

/* The one whose registers are at that address, or in that frame; NULL: none. */
static const struct acpi_ioapic *ioapic_at(paddr_t a, u64 mask)
{
	for (u32 i = 0; i < acpi.ioapic_count; i++)
		if ((a & mask) == (acpi.ioapic[i].address & mask))
			return &acpi.ioapic[i];
	return NULL;
}

bool ioapic_owns(paddr_t a)
{
	return ioapic_at(a, PAGE_MASK) != NULL;
}

bool ioapic_read_at(paddr_t base, u32 reg, u32 *value)
{
	const struct acpi_ioapic *io = ioapic_at(base, ~0ULL);
	HOLD(&ioapic_lock);

	if (!io || !io->window)
		return false;
	*value = reg_read(io, reg & 0xff);
	return true;
}
