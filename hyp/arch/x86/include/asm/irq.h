/* SPDX-License-Identifier: MIT */
/*
 * Interrupts.  Vectors from 0x20: device vectors are handed out one for each
 * line or message; the top ones are ours.
 *
 * A line is named by its pirq: 0..nr_gsis-1 are the IOAPICs' inputs (pirq =
 * gsi), those above are message-signalled and allocated.
 */
#ifndef ASM_IRQ_H
#define ASM_IRQ_H

#define VECTOR_DEVICE	0x30	/* devices, but for the guests' 0x80 */
#define VECTOR_DEVICE_END 0xf0
#define VECTOR_TIMER	0xf1
#define VECTOR_KICK	0xf2	/* look at your work bits */
#define VECTOR_FLUSH	0xf3	/* answer flush requests */
#define VECTOR_UART	0xf4	/* our serial port */
#define VECTOR_SPURIOUS	0xff

#ifndef __ASSEMBLY__

#include <hyp/types.h>

#define NR_PIRQS	256

/* APIC id of the CPU that takes the pirq's interrupts. */
u32 irq_target(u32 pirq);
/* Routes a device vector to this CPU's pirq; see msi.c and ioapic.c. */
int irq_vector_alloc(u32 pirq);
void irq_vector_free(unsigned vector);

/* IOAPICs. */
struct acpi_info;
void ioapic_init(const struct acpi_info *a);
u32 ioapic_gsi_count(void);
bool ioapic_owns(paddr_t a);
/* Programs trigger and polarity of a line, masked.  -XEN_EEXIST: was so already. */
int ioapic_setup(u32 gsi, bool level, bool low);
void ioapic_mask(u32 gsi, bool mask);
bool ioapic_is_level(u32 gsi);
/* Sends a line to that vector, unmasked; 0: masks it.  -XEN_EINVAL: no line. */
int ioapic_route(u32 gsi, unsigned vector);
u32 ioapic_read_at(paddr_t base, u32 reg, bool *ok);

/* Message-signalled interrupts; pci.h address as the ABI has it. */
struct msi_request {
	u16 segment;
	u8 bus, devfn;
	u32 entry_nr;
	u64 table_base;		/* MSI-X: the BAR's address; 0: MSI */
	u32 count;		/* MSI: messages wanted */
};
int msi_setup(const struct msi_request *r, u32 pirq);
void msi_release(u32 pirq);
void msi_mask(u32 pirq, bool mask);
bool msi_is(u32 pirq);
/* True when a configuration write would touch an MSI register we own. */
bool msi_guards(u16 bdf, u32 reg, u32 size);
/* True when frame m holds an MSI-X table that is in use. */
bool msi_table_frame(mfn_t m);

#endif
#endif
