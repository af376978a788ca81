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
/* Both under irq_lock; the handler reads vector_pirq alone. */
static u16 vector_pirq[256];	/* 1 + pirq, 0: free */
static u8 pirq_vector[NR_PIRQS];
static u8 next_vector = VECTOR_DEVICE;

/* Devices are spread over the CPUs; lines and messages name one by 8 bits. */
u32 irq_target(u32 pirq)
{
	const u32 id = cpu_get(pirq % cpu_count)->arch.apic_id;

	return id < 0xff ? id : cpu_get(0)->arch.apic_id;
}

/* A vector for the pirq; -XEN_ENOSPC when all are taken. */
int irq_vector_alloc(u32 pirq)
{
	unsigned i, v;
	int rc = -XEN_ENOSPC;

	lock(&irq_lock);
	for (i = VECTOR_DEVICE; i < VECTOR_DEVICE_END; i++) {
		v = next_vector++;
		if (next_vector == VECTOR_DEVICE_END)
			next_vector = VECTOR_DEVICE;
		if (vector_pirq[v] || v == TRAP_INT80)
			continue;
		vector_pirq[v] = 1 + pirq;
		pirq_vector[pirq] = v;
		rc = v;
		break;
	}
	unlock(&irq_lock);
	return rc;
}

void irq_vector_free(unsigned vector)
{
	lock(&irq_lock);
	if (vector_pirq[vector])
		pirq_vector[vector_pirq[vector] - 1] = 0;
	vector_pirq[vector] = 0;
	unlock(&irq_lock);
}

static void device_interrupt(unsigned vector)
{
	const u16 pirq = READ_ONCE(vector_pirq[vector]);

	if (!pirq) {
		apic_eoi();
		return;
	}
	if (arch_pirq_needs_eoi(pirq - 1))
		ioapic_mask(pirq - 1, true);
	apic_eoi();
	guest_irq(pirq - 1);
}

void interrupt_handle(struct regs *r)
{
	switch (r->vector) {
	case VECTOR_TIMER:
		apic_eoi();
		clock_timer_interrupt();
		break;
	case VECTOR_KICK:
		apic_eoi();
		break;
	case VECTOR_FLUSH:
		apic_eoi();
		flush_answer();
		break;
	case VECTOR_UART:
		uart_interrupt();
		apic_eoi();
		break;
	case VECTOR_SPURIOUS:
		break;
	default:
		/* Below VECTOR_DEVICE: a spurious one of the old 8259s. */
		if (r->vector >= VECTOR_DEVICE)
			device_interrupt(r->vector);
	}
}

int arch_pirq_bind(u32 pirq, bool share)
{
	int vector;

	if (pirq >= NR_PIRQS || uart_owns_gsi(pirq))
		return -XEN_EINVAL;
	if (msi_is(pirq)) {
		msi_mask(pirq, false);
		return 0;
	}
	if (pirq_vector[pirq])
		return -XEN_EEXIST;
	vector = irq_vector_alloc(pirq);
	if (vector < 0)
		return vector;
	if (!ioapic_route(pirq, vector))
		return 0;
	irq_vector_free(vector);
	return -XEN_EINVAL;
}

void arch_pirq_unbind(u32 pirq)
{
	if (pirq >= NR_PIRQS)
		return;
	if (msi_is(pirq)) {
		msi_mask(pirq, true);
	} else if (pirq_vector[pirq]) {
		ioapic_route(pirq, 0);
		irq_vector_free(pirq_vector[pirq]);
	}
}

void arch_pirq_eoi(u32 pirq)
{
	if (arch_pirq_needs_eoi(pirq) && pirq_vector[pirq])
		ioapic_mask(pirq, false);
}

bool arch_pirq_needs_eoi(u32 pirq)
{
	return pirq < NR_PIRQS && !msi_is(pirq) && ioapic_is_level(pirq);
}
