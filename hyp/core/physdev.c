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

/* Every argument that a command may have. */
union physdev_arg {
	struct physdev_set_iopl iopl;
	struct physdev_set_iobitmap iobitmap;
	struct physdev_irq_status_query status;
	struct physdev_eoi eoi;
	struct physdev_apic apic;
	struct physdev_irq irq;
	struct physdev_setup_gsi gsi;
	struct physdev_map_pirq map;
	struct physdev_unmap_pirq unmap;
	struct physdev_get_free_pirq free;
};

static long set_iopl(union physdev_arg *a)
{
	if (a->iopl.iopl > 3)
		return -XEN_EINVAL;
	current_vcpu()->arch.iopl = a->iopl.iopl;
	return 0;
}

static long set_iobitmap(union physdev_arg *a)
{
	struct arch_vcpu *v = &current_vcpu()->arch;
	const u64 at = (u64)a->iobitmap.bitmap.p;

	if (a->iobitmap.nr_ports > IOBITMAP_PORTS ||
	    !guest_range_ok(at, DIV_UP(a->iobitmap.nr_ports, 8), 1))
		return -XEN_EINVAL;
	v->iobitmap = at;
	v->iobitmap_ports = a->iobitmap.nr_ports;
	return 0;
}

static long irq_status_query(union physdev_arg *a)
{
	if (a->status.irq >= NR_PIRQS)
		return -XEN_EINVAL;
	a->status.flags = arch_pirq_needs_eoi(a->status.irq) ?
			  XENIRQSTAT_needs_eoi : 0;
	return 0;
}

static long eoi(union physdev_arg *a)
{
	if (a->eoi.irq >= NR_PIRQS)
		return -XEN_EINVAL;
	arch_pirq_eoi(a->eoi.irq);
	return 0;
}

static long apic_read(union physdev_arg *a)
{
	bool ok;

	a->apic.value = ioapic_read_at(a->apic.apic_physbase, a->apic.reg, &ok);
	return ok ? 0 : -XEN_EINVAL;
}

/* Redirection entries are ours alone. */
static long apic_write(union physdev_arg *a)
{
	return -XEN_EPERM;
}

/* Only a name; the real vector comes with the binding. */
static long alloc_irq_vector(union physdev_arg *a)
{
	if (a->irq.irq >= ioapic_gsi_count())
		return -XEN_EINVAL;
	a->irq.vector = a->irq.irq;
	return 0;
}

static long setup_gsi(union physdev_arg *a)
{
	if (a->gsi.gsi < 0 || (u32)a->gsi.gsi >= ioapic_gsi_count())
		return -XEN_EINVAL;
	return ioapic_setup(a->gsi.gsi, a->gsi.triggering == 1,
			    a->gsi.polarity == 1);
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

static long map_pirq(union physdev_arg *a)
{
	int rc;

	if (!is_own(a->map.domid))
		return -XEN_EOPNOTSUPP;
	lock(&pirq_lock);
	switch (a->map.type) {
	case MAP_PIRQ_TYPE_GSI:
		rc = map_gsi(&a->map);
		break;
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
		rc = map_msi(&a->map);
		break;
	default:
		/* Several messages at once: drivers do with one. */
		rc = -XEN_EOPNOTSUPP;
	}
	unlock(&pirq_lock);
	return rc;
}

static long unmap_pirq(union physdev_arg *a)
{
	if (!is_own(a->unmap.domid))
		return -XEN_EOPNOTSUPP;
	if (a->unmap.pirq < 0 || a->unmap.pirq >= NR_PIRQS)
		return -XEN_EINVAL;
	lock(&pirq_lock);
	msi_release(a->unmap.pirq);
	unlock(&pirq_lock);
	return 0;
}

static long get_free_pirq(union physdev_arg *a)
{
	const int pirq = free_pirq();

	a->free.pirq = pirq;
	return pirq < 0 ? pirq : 0;
}

/* We look at configuration space ourselves when we need to. */
static long nothing(union physdev_arg *a)
{
	return 0;
}

static const struct command {
	long (*run)(union physdev_arg *a);
	u8 size;		/* of the argument, copied in ... */
	bool answers;		/* ... and, if all went well, out */
	bool everybody;		/* not only who has devices */
} commands[] = {
#define IN(m)	sizeof(((union physdev_arg *)0)->m)
	[PHYSDEVOP_irq_status_query] = { irq_status_query, IN(status), true },
	[PHYSDEVOP_set_iopl] = { set_iopl, IN(iopl), false, true },
	[PHYSDEVOP_set_iobitmap] = { set_iobitmap, IN(iobitmap), false, true },
	[PHYSDEVOP_apic_read] = { apic_read, IN(apic), true },
	[PHYSDEVOP_apic_write] = { apic_write, IN(apic) },
	[PHYSDEVOP_alloc_irq_vector] = { alloc_irq_vector, IN(irq), true },
	[PHYSDEVOP_free_irq_vector] = { nothing },
	[PHYSDEVOP_eoi] = { eoi, IN(eoi) },
	[PHYSDEVOP_map_pirq] = { map_pirq, IN(map), true },
	[PHYSDEVOP_unmap_pirq] = { unmap_pirq, IN(unmap) },
	[PHYSDEVOP_manage_pci_add] = { nothing },
	[PHYSDEVOP_manage_pci_remove] = { nothing },
	[PHYSDEVOP_manage_pci_add_ext] = { nothing },
	[PHYSDEVOP_setup_gsi] = { setup_gsi, IN(gsi) },
	[PHYSDEVOP_get_free_pirq] = { get_free_pirq, IN(free), true },
	[PHYSDEVOP_pci_mmcfg_reserved] = { nothing },
	[PHYSDEVOP_pci_device_add] = { nothing },
	[PHYSDEVOP_pci_device_remove] = { nothing },
	[PHYSDEVOP_prepare_msix] = { nothing },
	[PHYSDEVOP_release_msix] = { nothing },
#undef IN
};

long do_physdev_op(u64 cmd, u64 arg)
{
	const struct command *c = cmd < ARRAY_SIZE(commands) ?
				  &commands[cmd] : NULL;
	union physdev_arg a = { 0 };
	long rc;

	if (!(c && c->everybody) && !priv_hardware(current_domain()))
		return -XEN_EPERM;
	if (!c || !c->run)
		return -XEN_ENOSYS;
	if (c->size && copy_from_guest(&a, arg, c->size))
		return -XEN_EFAULT;
	rc = c->run(&a);
	if (!rc && c->answers && copy_to_guest(arg, &a, c->size))
		return -XEN_EFAULT;
	return rc;
}
