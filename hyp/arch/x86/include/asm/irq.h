/* SPDX-License-Identifier: MIT */
/*
 * Interrupts.  Vectors from 0x20: device vectors are handed out one for each
 * line or message; the top ones are ours.
 *
 * A line is named by its pirq: 0..nr_gsis-1 are the IOAPICs' inputs (pirq =
 * gsi), those above are message-signalled and allocated.
 */
#pragma once

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

/* The vector of a line or message; 0: it has none. */
extern u8 pirq_vector[NR_PIRQS];
/* Gives the pirq one; -XEN_ENOSPC when all are taken. */
int irq_vector_alloc(u32 pirq);
void irq_vector_free(u32 pirq);
/* APIC id of the CPU that takes the pirq's interrupts. */
u32 irq_target(u32 pirq);

/* IOAPICs. */
void ioapic_init(void);
extern u32 ioapic_gsi_count;	/* lines, with gaps */
bool ioapic_has(u32 gsi);
bool ioapic_owns(paddr_t a);
/* Trigger and polarity of a line that is not in use; -XEN_EINVAL: no line. */
int ioapic_setup(u32 gsi, bool level, bool low);
/* Programs a line that is there as its vector says, or masks it. */
void ioapic_mask(u32 gsi, bool mask);
bool ioapic_is_level(u32 gsi);
/* A register of the IOAPIC at base; false: none is there. */
bool ioapic_read_at(paddr_t base, u32 reg, u32 *value);

/* Message-signalled interrupts of the device bdf; x: MSI-X, entry number. */
int msi_setup(u32 pirq, u16 bdf, bool x, u32 number);
void msi_release(u32 pirq);
void msi_mask(u32 pirq, bool mask);
bool msi_is(u32 pirq);
/* True when a configuration write would touch an MSI register we own. */
bool msi_guards(u16 bdf, u32 reg, u32 size);
/* True when frame m holds an MSI-X table that is in use. */
bool msi_table_frame(mfn_t m);

#endif
