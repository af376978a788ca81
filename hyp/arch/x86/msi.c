/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space and message-signalled interrupts.
 *
 * A message is a write to the APIC that a device makes: whoever chooses its
 * address and data chooses a vector on a CPU.  So the hypervisor alone writes
 * them: the MSI capability is guarded against the control domain's writes,
 * and frames with an MSI-X table in use are read-only to it.
 */
#include <asm/machine.h>

#define CONF_ADDRESS	0xcf8
#define CONF_DATA	0xcfc
#define CONF_ENABLE	0x80000000

#define PCI_STATUS	0x06
#define PCI_STATUS_CAPS	0x10
#define PCI_CAPS	0x34
#define PCI_CAP_MSI	0x05
#define PCI_CAP_MSIX	0x11
#define CAPS_MAX	48

#define MSI_CONTROL	2
#define MSI_64		0x80
#define MSI_ENABLE	0x01
#define MSI_MULTIPLE	0x70
#define MSIX_ENABLE	0x8000
#define MSIX_MASK_ALL	0x4000
#define MSIX_ENTRY	16

#define MESSAGE_ADDRESS	0xfee00000

static struct lock conf_lock = LOCK_INIT(RANK_CONSOLE);

static void conf_select(u16 bdf, u32 reg)
{
	outl(CONF_ADDRESS, CONF_ENABLE | (u32)bdf << 8 | (reg & 0xfc));
}

u32 pci_conf_read(u16 bdf, u32 reg, u32 size)
{
	HOLD(&conf_lock);

	conf_select(bdf, reg);
	return port_read(CONF_DATA + (reg & 3), size);
}

void pci_conf_write(u16 bdf, u32 reg, u32 size, u32 value)
{
	HOLD(&conf_lock);

	conf_select(bdf, reg);
	port_write(CONF_DATA + (reg & 3), size, value);
}

/* Offset of a capability in configuration space; 0: it has none. */
static u32 find_cap(u16 bdf, u8 id)
{
	u32 at, n;

	if (pci_conf_read(bdf, 0, 4) == ~0U ||
	    !(pci_conf_read(bdf, PCI_STATUS, 2) & PCI_STATUS_CAPS))
		return 0;
	at = pci_conf_read(bdf, PCI_CAPS, 1) & 0xfc;
	for (n = 0; at >= 0x40 && n < CAPS_MAX; n++) {
		if (pci_conf_read(bdf, at, 1) == id)
			return at;
		at = pci_conf_read(bdf, at + 1, 1) & 0xfc;
	}
	return 0;
}

/* One message in use.  A slot belongs to a pirq; under msi_lock. */
struct msi {
	bool used;
	u16 bdf;
	u32 cap;
	volatile u32 *entry;	/* MSI-X: the entry, mapped; else NULL */
};

static struct lock msi_lock = LOCK_INIT(RANK_MSI);
static struct msi msis[NR_PIRQS];

/* Mapped table frames, kept for good: devices are few. */
#define TABLES_MAX 128
static struct table { mfn_t frame; u8 *at; } tables[TABLES_MAX];

/* The table in that frame, or the first free place; NULL: neither. */
static struct table *table_of(mfn_t m)
{
	struct table *t = tables;

	while (t < tables + TABLES_MAX && t->at && t->frame != m)
		t++;
	return t < tables + TABLES_MAX ? t : NULL;
}

bool msi_table_frame(mfn_t m)
{
	const struct table *t = table_of(m);

	return t && t->at;
}

bool msi_is(u32 pirq)
{
	return pirq < NR_PIRQS && READ_ONCE(msis[pirq].used);
}

/* The address that a BAR holds, 0 when it is not memory. */
static u64 bar_address(u16 bdf, unsigned bar)
{
	u32 low, high = 0;

	if (bar > 5)
		return 0;
	low = pci_conf_read(bdf, 0x10 + 4 * bar, 4);
	if (low & 1)
		return 0;
	if ((low & 6) == 4 && bar < 5)
		high = pci_conf_read(bdf, 0x14 + 4 * bar, 4);
	return (u64)high << 32 | (low & ~15U);
}

static int setup_msix(struct msi *m, u32 number, u32 address, u32 data)
{
	const u32 control = pci_conf_read(m->bdf, m->cap + MSI_CONTROL, 2);
	const u32 where = pci_conf_read(m->bdf, m->cap + 4, 4);
	u64 at = bar_address(m->bdf, where & 7);
	struct table *t;

	/* The entry must exist, in a table outside RAM. */
	if (number > (control & 0x7ff) || !at)
		return -XEN_EINVAL;
	at += (where & ~7U) + number * MSIX_ENTRY;
	if (!arch_iomem_ok(at >> PAGE_SHIFT) || at >> PAGE_SHIFT < LOW_FRAMES)
		return -XEN_EINVAL;
	t = table_of(at >> PAGE_SHIFT);
	if (t && !t->at) {
		t->frame = at >> PAGE_SHIFT;
		t->at = iomap(at & PAGE_MASK, PAGE_SIZE);
	}
	if (!t || !t->at)
		return -XEN_ENOMEM;
	m->entry = (volatile u32 *)(t->at + (at & ~PAGE_MASK));
	/* The device decodes memory and the table is on, all masked, while
	 * we write; the control domain takes the overall mask away. */
	if (!(control & MSIX_ENABLE))
		pci_conf_write(m->bdf, m->cap + MSI_CONTROL, 2,
			       control | MSIX_ENABLE | MSIX_MASK_ALL);
	m->entry[3] = 1;
	m->entry[0] = address;
	m->entry[1] = 0;
	m->entry[2] = data;
	return 0;
}

static void setup_msi(const struct msi *m, u32 address, u32 data)
{
	const u32 control = pci_conf_read(m->bdf, m->cap + MSI_CONTROL, 2);

	pci_conf_write(m->bdf, m->cap + MSI_CONTROL, 2,
		       control & ~(MSI_ENABLE | MSI_MULTIPLE));
	pci_conf_write(m->bdf, m->cap + 4, 4, address);
	if (control & MSI_64)
		pci_conf_write(m->bdf, m->cap + 8, 4, 0);
	pci_conf_write(m->bdf, m->cap + (control & MSI_64 ? 12 : 8), 2, data);
}

int msi_setup(u32 pirq, u16 bdf, bool x, u32 number)
{
	struct msi m = { .used = true, .bdf = bdf };
	const u32 address = MESSAGE_ADDRESS | irq_target(pirq) << 12;
	int rc;
	HOLD(&msi_lock);

	m.cap = find_cap(bdf, x ? PCI_CAP_MSIX : PCI_CAP_MSI);
	if (!m.cap)
		return -XEN_ENODEV;
	rc = irq_vector_alloc(pirq);
	if (rc)
		return rc;
	if (x)
		rc = setup_msix(&m, number, address, pirq_vector[pirq]);
	else
		setup_msi(&m, address, pirq_vector[pirq]);
	if (rc)
		irq_vector_free(pirq);
	else
		msis[pirq] = m;
	return rc;
}

/* Under msi_lock. */
static void set_masked(const struct msi *m, bool mask)
{
	u32 control;

	if (m->entry) {
		m->entry[3] = mask;
		return;
	}
	control = pci_conf_read(m->bdf, m->cap + MSI_CONTROL, 2) & ~MSI_ENABLE;
	pci_conf_write(m->bdf, m->cap + MSI_CONTROL, 2,
		       mask ? control : control | MSI_ENABLE);
}

void msi_release(u32 pirq)
{
	HOLD(&msi_lock);

	if (!msi_is(pirq))
		return;
	set_masked(&msis[pirq], true);
	irq_vector_free(pirq);
	msis[pirq] = (struct msi){ 0 };
}

void msi_mask(u32 pirq, bool mask)
{
	HOLD(&msi_lock);

	if (msi_is(pirq))
		set_masked(&msis[pirq], mask);
}

/* Address and data of the MSI capability; the control word stays dom0's. */
bool msi_guards(u16 bdf, u32 reg, u32 size)
{
	u32 cap, first, end;

	/* The header has no capabilities. */
	if (reg + size <= 0x40)
		return false;
	cap = find_cap(bdf, PCI_CAP_MSI);
	if (!cap)
		return false;
	first = cap + 4;
	end = cap + (pci_conf_read(bdf, cap + MSI_CONTROL, 2) & MSI_64 ?
		     14 : 10);
	return reg < end && reg + size > first;
}
