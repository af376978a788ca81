/* SPDX-License-Identifier: MIT */
/*
 * I/O ports.  A guest may use them by its virtual IOPL or its port bitmap;
 * which of them reach the hardware is decided for the domain.  The others
 * read as ones and swallow writes: kernels probe freely.
 */

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

/* ---- What a domain's port access does ---- */

static bool pci_data_port(u16 port, unsigned size)
{
	return port >= PCI_DATA && port + size <= PCI_DATA + 4;
}

/* The register that mechanism 1 reaches by a data port and our latch. */
static u32 pci_reg(u32 cf8, u16 port)
{
	return (cf8 & 0xfc) | (port & 3);
}

u32 pv_port_read(struct vcpu *v, u16 port, unsigned size)
{
	const u32 ones = (u32)(BIT(8 * size) - 1);
	const u32 cf8 = v->domain->arch.pci_cf8;

	/* Linux waits 100,000 reads for a counter of all ones to go down; one
	 * that stands at 0 tells it at once to ask our clock instead. */
	if (port == PIT_COUNTER_2)
		return 0;
	if (!priv_hardware(v->domain))
		return ones;
	if (port == PCI_ADDRESS && size == 4)
		return cf8;
	if (pci_data_port(port, size) && cf8 & PCI_ENABLE)
		return pci_conf_read((u16)(cf8 >> 8), pci_reg(cf8, port), size);
	return arch_ioport_ok(port, size) ? port_read(port, size) : ones;
}

void pv_port_write(struct vcpu *v, u16 port, unsigned size, u32 value)
{
	const u32 cf8 = v->domain->arch.pci_cf8, reg = pci_reg(cf8, port);
	const u16 bdf = (u16)(cf8 >> 8);

	if (!priv_hardware(v->domain))
		return;
	if (port == PCI_ADDRESS && size == 4)
		v->domain->arch.pci_cf8 = value;
	else if (pci_data_port(port, size) && cf8 & PCI_ENABLE &&
		 !msi_guards(bdf, reg, size))
		pci_conf_write(bdf, reg, size, value);
	else if (arch_ioport_ok(port, size))
		port_write(port, size, value);
}
