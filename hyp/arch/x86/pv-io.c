/* SPDX-License-Identifier: MIT */
/*
 * I/O ports.  A guest may use them by its virtual IOPL or its port bitmap;
 * which of them reach the hardware is decided for the domain.  The others
 * read as ones and swallow writes: kernels probe freely.
 */
#include <hyp/guest.h>
#include <hyp/priv.h>

#include <asm/insn.h>
#include <asm/irq.h>
#include <asm/machine.h>
#include <asm/pv.h>

#define PIT_COUNTER_2	0x42
#define PCI_ADDRESS	0xcf8
#define PCI_DATA	0xcfc
#define PCI_ENABLE	BIT(31)

/* Its kernel's memory, which user space's tables do not show. */
static int read_bitmap(struct vcpu *v, u8 *to, u64 gva, size_t n)
{
	int rc;

	if (v->arch.kernel_mode)
		return copy_from_guest(to, gva, n);
	write_cr3(v->mmu.kernel << PAGE_SHIFT);
	rc = copy_from_guest(to, gva, n);
	write_cr3(v->mmu.user << PAGE_SHIFT);
	return rc;
}

bool pv_io_permitted(struct vcpu *v, u16 port, unsigned size)
{
	const u8 needed = v->arch.kernel_mode ? 1 : 3;
	u8 bits[2] = { 0xff, 0xff };
	const u32 mask = (BIT(size) - 1) << (port & 7);
	const u32 last = port + size - 1u;

	if (v->arch.iopl >= needed)
		return true;
	if (last >= v->arch.iobitmap_ports ||
	    read_bitmap(v, bits, v->arch.iobitmap + port / 8,
			last / 8 - port / 8 + 1))
		return false;
	return !((bits[0] | (u32)bits[1] << 8) & mask);
}

/* ---- PCI configuration, mechanism 1 ---- */

struct pci_access {
	u16 bdf;
	u32 reg;
};

static bool pci_data_port(u16 port, unsigned size)
{
	return port >= PCI_DATA && port + size <= PCI_DATA + 4;
}

/* False: the address latch does not select anything. */
static bool pci_access(const struct domain *d, u16 port, struct pci_access *a)
{
	const u32 latch = d->arch.pci_cf8;

	a->bdf = (u16)(latch >> 8);
	a->reg = (latch & 0xfc) | (port & 3);
	return latch & PCI_ENABLE;
}

/* ---- What a domain's port access does ---- */

u32 pv_port_read(struct vcpu *v, u16 port, unsigned size)
{
	struct domain *d = v->domain;
	const u32 ones = (u32)(BIT(8 * size) - 1);
	struct pci_access a;

	/* Linux waits 100,000 reads for a counter of all ones to go down; one
	 * that stands at 0 tells it at once to ask our clock instead. */
	if (port == PIT_COUNTER_2)
		return 0;
	if (!priv_hardware(d))
		return ones;
	if (port == PCI_ADDRESS && size == 4)
		return d->arch.pci_cf8;
	if (pci_data_port(port, size))
		return pci_access(d, port, &a) ?
		       pci_conf_read(a.bdf, a.reg, size) & ones : ones;
	if (!arch_ioport_ok(port, size))
		return ones;
	switch (size) {
	case 1:
		return inb(port);
	case 2:
		return inw(port);
	default:
		return inl(port);
	}
}

void pv_port_write(struct vcpu *v, u16 port, unsigned size, u32 value)
{
	struct domain *d = v->domain;
	struct pci_access a;

	if (!priv_hardware(d))
		return;
	if (port == PCI_ADDRESS && size == 4) {
		d->arch.pci_cf8 = value;
		return;
	}
	if (pci_data_port(port, size)) {
		if (pci_access(d, port, &a) && !msi_guards(a.bdf, a.reg, size))
			pci_conf_write(a.bdf, a.reg, size, value);
		return;
	}
	if (!arch_ioport_ok(port, size))
		return;
	switch (size) {
	case 1:
		outb(port, (u8)value);
		break;
	case 2:
		outw(port, (u16)value);
		break;
	default:
		outl(port, value);
		break;
	}
}
