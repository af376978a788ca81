/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: interrupts and devices for the control domain.
 *
 * A line's pirq is its gsi.  Message-signalled interrupts get the numbers
 * above the last gsi.  Every guest may set its virtual IOPL and port bitmap,
 * which give it nothing that arch_ioport_ok() does not.
 */
#include <hyp/hypercall.h>

#include <xen/physdev.h>

#include <hyp/arch.h>
#include <hyp/domain.h>
#include <hyp/guest.h>
#include <hyp/lock.h>
#include <hyp/priv.h>

#include <asm/irq.h>
#include <asm/machine.h>

#define IOBITMAP_PORTS 65536

/* One map or unmap at a time: a number is looked for and then taken. */
static struct lock pirq_lock = LOCK_INIT(RANK_DOMCTL);

static long set_iopl(u64 arg)
{
	struct physdev_set_iopl op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.iopl > 3)
		return -XEN_EINVAL;
	current_vcpu()->arch.iopl = op.iopl;
	return 0;
}

static long set_iobitmap(u64 arg)
{
	struct physdev_set_iobitmap op;
	struct arch_vcpu *a = &current_vcpu()->arch;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.nr_ports > IOBITMAP_PORTS ||
	    !guest_range_ok((u64)op.bitmap.p, DIV_UP(op.nr_ports, 8), 1))
		return -XEN_EINVAL;
	a->iobitmap = (u64)op.bitmap.p;
	a->iobitmap_ports = op.nr_ports;
	return 0;
}

static long irq_status_query(u64 arg)
{
	struct physdev_irq_status_query op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.irq >= NR_PIRQS)
		return -XEN_EINVAL;
	op.flags = arch_pirq_needs_eoi(op.irq) ? XENIRQSTAT_needs_eoi : 0;
	return copy_to_guest(arg, &op, sizeof(op));
}

static long eoi(u64 arg)
{
	struct physdev_eoi op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.irq >= NR_PIRQS)
		return -XEN_EINVAL;
	arch_pirq_eoi(op.irq);
	return 0;
}

static long apic_access(u64 arg, bool write)
{
	struct physdev_apic op;
	bool ok;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	/* Redirection entries are ours alone. */
	if (write)
		return -XEN_EPERM;
	op.value = ioapic_read_at(op.apic_physbase, op.reg, &ok);
	if (!ok)
		return -XEN_EINVAL;
	return copy_to_guest(arg, &op, sizeof(op));
}

static long alloc_irq_vector(u64 arg)
{
	struct physdev_irq op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.irq >= ioapic_gsi_count())
		return -XEN_EINVAL;
	/* Only a name; the real vector comes with the binding. */
	op.vector = op.irq;
	return copy_to_guest(arg, &op, sizeof(op));
}

static long setup_gsi(u64 arg)
{
	struct physdev_setup_gsi op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.gsi < 0 || (u32)op.gsi >= ioapic_gsi_count())
		return -XEN_EINVAL;
	return ioapic_setup(op.gsi, op.triggering == 1, op.polarity == 1);
}

/* The lowest free number above the lines; -XEN_ENOSPC. */
static int free_pirq(void)
{
	u32 i;

	for (i = ioapic_gsi_count(); i < NR_PIRQS; i++)
		if (!msi_is(i))
			return i;
	return -XEN_ENOSPC;
}

static int map_gsi(struct physdev_map_pirq *op)
{
	if (op->index < 0 || (u32)op->index >= ioapic_gsi_count())
		return -XEN_EINVAL;
	/* A line keeps its own number. */
	if (op->pirq >= 0 && op->pirq != op->index)
		return -XEN_EINVAL;
	op->pirq = op->index;
	return 0;
}

static int map_msi(struct physdev_map_pirq *op)
{
	const struct msi_request r = {
		.segment = op->type == MAP_PIRQ_TYPE_MSI_SEG ?
			   (u32)op->bus >> 16 : 0,
		.bus = op->bus,
		.devfn = op->devfn,
		.entry_nr = op->entry_nr,
		.table_base = op->table_base,
	};
	int pirq = op->pirq, rc;

	if (pirq < 0)
		pirq = free_pirq();
	if (pirq < 0)
		return pirq;
	if ((u32)pirq < ioapic_gsi_count() || pirq >= NR_PIRQS)
		return -XEN_EINVAL;
	if (msi_is(pirq))
		return -XEN_EEXIST;
	rc = msi_setup(&r, pirq);
	if (!rc)
		op->pirq = pirq;
	return rc;
}

/* Lines and messages are the caller's own: no other domain has devices. */
static bool is_own(domid_t id)
{
	return id == DOMID_SELF || id == current_domain()->id;
}

static long map_pirq(u64 arg)
{
	struct physdev_map_pirq op;
	int rc;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (!is_own(op.domid))
		return -XEN_EOPNOTSUPP;
	lock(&pirq_lock);
	switch (op.type) {
	case MAP_PIRQ_TYPE_GSI:
		rc = map_gsi(&op);
		break;
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
		rc = map_msi(&op);
		break;
	default:
		/* Several messages at once: drivers do with one. */
		rc = -XEN_EOPNOTSUPP;
	}
	unlock(&pirq_lock);
	return rc ? rc : copy_to_guest(arg, &op, sizeof(op));
}

static long unmap_pirq(u64 arg)
{
	struct physdev_unmap_pirq op;

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (!is_own(op.domid))
		return -XEN_EOPNOTSUPP;
	if (op.pirq < 0 || op.pirq >= NR_PIRQS)
		return -XEN_EINVAL;
	lock(&pirq_lock);
	msi_release(op.pirq);
	unlock(&pirq_lock);
	return 0;
}

static long get_free_pirq(u64 arg)
{
	struct physdev_get_free_pirq op;
	int pirq = free_pirq();

	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (pirq < 0)
		return pirq;
	op.pirq = pirq;
	return copy_to_guest(arg, &op, sizeof(op));
}

long do_physdev_op(u64 cmd, u64 arg)
{
	switch (cmd) {
	case PHYSDEVOP_set_iopl:
		return set_iopl(arg);
	case PHYSDEVOP_set_iobitmap:
		return set_iobitmap(arg);
	}
	if (!priv_hardware(current_domain()))
		return -XEN_EPERM;
	switch (cmd) {
	case PHYSDEVOP_irq_status_query:
		return irq_status_query(arg);
	case PHYSDEVOP_eoi:
		return eoi(arg);
	case PHYSDEVOP_apic_read:
		return apic_access(arg, false);
	case PHYSDEVOP_apic_write:
		return apic_access(arg, true);
	case PHYSDEVOP_alloc_irq_vector:
		return alloc_irq_vector(arg);
	case PHYSDEVOP_setup_gsi:
		return setup_gsi(arg);
	case PHYSDEVOP_map_pirq:
		return map_pirq(arg);
	case PHYSDEVOP_unmap_pirq:
		return unmap_pirq(arg);
	case PHYSDEVOP_get_free_pirq:
		return get_free_pirq(arg);
	/* We look at configuration space ourselves when we need to. */
	case PHYSDEVOP_free_irq_vector:
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_add_ext:
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_pci_device_add:
	case PHYSDEVOP_pci_device_remove:
	case PHYSDEVOP_pci_mmcfg_reserved:
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}
