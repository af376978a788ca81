/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: interrupts and devices for the control domain.
 *
 * A line's pirq is its gsi.  Message-signalled interrupts get the numbers
 * above the last gsi.  Every guest may set its virtual IOPL and port bitmap,
 * which give it nothing that arch_ioport_ok() does not.
 */
#include <hyp/core.h>

#include <xen/physdev.h>

#include <asm/irq.h>

#define IOBITMAP_PORTS 65536

/* One map or unmap at a time: a number is looked for and then taken. */
static struct lock pirq_lock = LOCK_INIT(RANK_DOMCTL);

static long set_iopl(struct physdev_set_iopl *op)
{
	if (op->iopl > 3)
		return -XEN_EINVAL;
	current_vcpu()->arch.iopl = op->iopl;
	return 0;
}

static long set_iobitmap(struct physdev_set_iobitmap *op)
{
	struct arch_vcpu *v = &current_vcpu()->arch;
	const u64 at = (u64)op->bitmap.p;

	if (op->nr_ports > IOBITMAP_PORTS ||
	    !guest_range_ok(at, DIV_UP(op->nr_ports, 8), 1))
		return -XEN_EINVAL;
	v->iobitmap = at;
	v->iobitmap_ports = op->nr_ports;
	return 0;
}

static long irq_status_query(struct physdev_irq_status_query *op)
{
	if (op->irq >= NR_PIRQS)
		return -XEN_EINVAL;
	op->flags = arch_pirq_needs_eoi(op->irq) ?
			  XENIRQSTAT_needs_eoi : 0;
	return 0;
}

static long eoi(struct physdev_eoi *op)
{
	if (op->irq >= NR_PIRQS)
		return -XEN_EINVAL;
	arch_pirq_eoi(op->irq);
	return 0;
}

static long apic_read(struct physdev_apic *op)
{
	return ioapic_read_at(op->apic_physbase, op->reg, &op->value) ?
	       0 : -XEN_EINVAL;
}

/* Only a name; the real vector comes with the binding. */
static long alloc_irq_vector(struct physdev_irq *op)
{
	if (op->irq >= ioapic_gsi_count)
		return -XEN_EINVAL;
	op->vector = op->irq;
	return 0;
}

static long setup_gsi(struct physdev_setup_gsi *op)
{
	if (op->gsi < 0 || (u32)op->gsi >= ioapic_gsi_count)
		return -XEN_EINVAL;
	return ioapic_setup(op->gsi, op->triggering == 1,
			    op->polarity == 1);
}

/* The lowest free number above the lines; -XEN_ENOSPC. */
static int free_pirq(void)
{
	for (u32 i = ioapic_gsi_count; i < NR_PIRQS; i++)
		if (!msi_is(i))
			return i;
	return -XEN_ENOSPC;
}

static int map_gsi(struct physdev_map_pirq *op)
{
	if (op->index < 0 || (u32)op->index >= ioapic_gsi_count)
		return -XEN_EINVAL;
	/* A line keeps its own number. */
	if (op->pirq >= 0 && op->pirq != op->index)
		return -XEN_EINVAL;
	op->pirq = op->index;
	return 0;
}

static int map_msi(struct physdev_map_pirq *op)
{
	int pirq = op->pirq, rc;

	if (pirq < 0)
		pirq = free_pirq();
	if (pirq < 0)
		return pirq;
	if ((u32)pirq < ioapic_gsi_count || pirq >= NR_PIRQS)
		return -XEN_EINVAL;
	if (msi_is(pirq))
		return -XEN_EEXIST;
	/* Configuration space is reached by ports: segment 0 only. */
	if (op->type == MAP_PIRQ_TYPE_MSI_SEG && (u32)op->bus >> 16)
		return -XEN_EOPNOTSUPP;
	rc = msi_setup(pirq, (u8)op->bus << 8 | (u8)op->devfn,
		       op->table_base != 0, op->entry_nr);
	if (!rc)
		op->pirq = pirq;
	return rc;
}

/* Lines and messages are the caller's own: no other domain has devices. */
static bool is_own(domid_t id)
{
	return id == DOMID_SELF || id == current_domain()->id;
}

static long map_pirq(struct physdev_map_pirq *op)
{
	HOLD(&pirq_lock);

	if (!is_own(op->domid))
		return -XEN_EOPNOTSUPP;
	switch (op->type) {
	case MAP_PIRQ_TYPE_GSI:
		return map_gsi(op);
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
		return map_msi(op);
	default:
		/* Several messages at once: drivers do with one. */
		return -XEN_EOPNOTSUPP;
	}
}

static long unmap_pirq(struct physdev_unmap_pirq *op)
{
	HOLD(&pirq_lock);

	if (!is_own(op->domid))
		return -XEN_EOPNOTSUPP;
	if (op->pirq < 0 || op->pirq >= NR_PIRQS)
		return -XEN_EINVAL;
	msi_release(op->pirq);
	return 0;
}

/* We look at configuration space ourselves when we need to. */
static long nothing(void)
{
	return 0;
}

#define IN(name, fn, arg)	OP(PHYSDEVOP_##name, fn, struct physdev_##arg)
#define INOUT(name, fn, arg) \
	OP(PHYSDEVOP_##name, fn, struct physdev_##arg, ANSWERS)

static const struct guest_op ops[] = {
	INOUT(irq_status_query, irq_status_query, irq_status_query),
	IN(set_iopl, set_iopl, set_iopl),
	IN(set_iobitmap, set_iobitmap, set_iobitmap),
	INOUT(apic_read, apic_read, apic),
	INOUT(alloc_irq_vector, alloc_irq_vector, irq),
	IN(eoi, eoi, eoi),
	INOUT(map_pirq, map_pirq, map_pirq),
	IN(unmap_pirq, unmap_pirq, unmap_pirq),
	IN(setup_gsi, setup_gsi, setup_gsi),
	OP_BARE(PHYSDEVOP_pci_mmcfg_reserved, nothing),
	OP_BARE(PHYSDEVOP_pci_device_add, nothing),
	OP_BARE(PHYSDEVOP_pci_device_remove, nothing),
};

long do_physdev_op(u64 cmd, u64 arg)
{
	/* Every guest may ask for these two, the rest is for who has devices. */
	if (cmd != PHYSDEVOP_set_iopl && cmd != PHYSDEVOP_set_iobitmap &&
	    !priv_hardware(current_domain()))
		return -XEN_EPERM;
	return guest_op_run(ops, ARRAY_SIZE(ops), cmd, arg, current_vcpu());
}
