/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: from a vector to who cares.
 *
 * A level line is masked until the control domain says that it served the
 * device (arch_pirq_eoi), so a guest that never does cannot drown us; an edge
 * or a message is acknowledged at once.
 */
#include <asm/machine.h>

static struct lock irq_lock = LOCK_INIT(RANK_IRQ);
/* Both written under irq_lock; the handler reads vector_pirq alone. */
static u16 vector_pirq[256];	/* 1 + pirq, 0: free */
u8 pirq_vector[NR_PIRQS];

/* Devices are spread over the CPUs; lines and messages name one by 8 bits. */
u32 irq_target(u32 pirq)
{
	const u32 id = cpu_get(pirq % cpu_count)->arch.apic_id;

	return id < 0xff ? id : cpu_get(0)->arch.apic_id;
}

int irq_vector_alloc(u32 pirq)
{
	unsigned v = VECTOR_DEVICE;
	HOLD(&irq_lock);

	while (vector_pirq[v] || v == TRAP_INT80)
		if (++v == VECTOR_DEVICE_END)
			return -XEN_ENOSPC;
	vector_pirq[v] = 1 + pirq;
	pirq_vector[pirq] = v;
	return 0;
}

void irq_vector_free(u32 pirq)
{
	HOLD(&irq_lock);

	vector_pirq[pirq_vector[pirq]] = 0;
	pirq_vector[pirq] = 0;
}

void interrupt_handle(struct regs *r)
{
	const u16 pirq = READ_ONCE(vector_pirq[r->vector]);

	/* Below VECTOR_DEVICE: a spurious one of the old 8259s. */
	if (r->vector < VECTOR_DEVICE || r->vector == VECTOR_SPURIOUS)
		return;
	if (pirq && arch_pirq_needs_eoi(pirq - 1))
		ioapic_mask(pirq - 1, true);
	apic_eoi();
	switch (r->vector) {
	case VECTOR_TIMER:
		clock_timer_interrupt();
		break;
	case VECTOR_FLUSH:
		flush_answer();
		break;
	case VECTOR_UART:
		uart_interrupt();
		break;
	default:
		if (pirq)
			guest_irq(pirq - 1);
	}
}

int arch_pirq_bind(u32 pirq, bool share)
{
	int rc;

	if (msi_is(pirq)) {
		msi_mask(pirq, false);
		return 0;
	}
	if (!ioapic_has(pirq))
		return -XEN_EINVAL;
	/* Bound already, or our serial port's. */
	if (pirq_vector[pirq])
		return -XEN_EEXIST;
	rc = irq_vector_alloc(pirq);
	if (!rc)
		ioapic_mask(pirq, false);
	return rc;
}

void arch_pirq_unbind(u32 pirq)
{
	if (msi_is(pirq)) {
		msi_mask(pirq, true);
	} else if (ioapic_has(pirq)) {
		ioapic_mask(pirq, true);
		irq_vector_free(pirq);
	}
}

void arch_pirq_eoi(u32 pirq)
{
	if (arch_pirq_needs_eoi(pirq) && pirq_vector[pirq])
		ioapic_mask(pirq, false);
}

bool arch_pirq_needs_eoi(u32 pirq)
{
	return !msi_is(pirq) && ioapic_is_level(pirq);
}
