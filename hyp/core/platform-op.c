/* SPDX-License-Identifier: MIT */
/* platform_op: what the control domain asks of the whole machine. */
#include <hyp/core.h>

#include <xen/platform.h>

#define NS 1000000000ULL
#define MAX_SECONDS (1ULL << 34)	/* keeps the sum in 64 bits */

/* The wall clock was secs.nsecs when ours said system_time. */
static long set_time(u64 secs, u64 nsecs, u64 system_time)
{
	if (secs >= MAX_SECONDS || nsecs >= NS || system_time > secs * NS)
		return -XEN_EINVAL;
	vtime_set_wallclock(secs * NS + nsecs - system_time);
	return 0;
}

static long efi_info(struct xenpf_firmware_info *f)
{
	const struct efi_info *e = &boot_info.efi_info;

	if (!boot_info.efi)
		return -XEN_ENOSYS;
	switch (f->index) {
	case XEN_FW_EFI_VERSION:
		f->u.efi_info.version = e->revision;
		return 0;
	case XEN_FW_EFI_RT_VERSION:
		f->u.efi_info.version = e->runtime_revision;
		return 0;
	case XEN_FW_EFI_CONFIG_TABLE:
		if (!e->table_count)
			return -XEN_ENOENT;
		f->u.efi_info.cfg.addr = e->tables;
		f->u.efi_info.cfg.nent = e->table_count;
		return 0;
	default:
		return -XEN_EOPNOTSUPP;
	}
}

static long firmware_info(struct xenpf_firmware_info *f)
{
	switch (f->type) {
	case XEN_FW_EFI_INFO:
		return efi_info(f);
	case XEN_FW_KBD_SHIFT_FLAGS:
		f->u.kbd_shift_flags = 0;
		return 0;
	/* The BIOS was left behind in GRUB: there is no such list. */
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
		return -XEN_ESRCH;
	default:
		return -XEN_EOPNOTSUPP;
	}
}

static long get_cpuinfo(struct xenpf_pcpuinfo *p)
{
	const struct cpu *c = cpu_get(p->xen_cpuid);

	p->max_present = cpu_count - 1;
	if (!c) {
		p->flags = XEN_PCPU_FLAGS_INVALID;
		p->apic_id = p->acpi_id = ~0U;
		return 0;
	}
	p->flags = atomic_load(&c->online) ? XEN_PCPU_FLAGS_ONLINE : 0;
	p->apic_id = c->arch.apic_id;
	p->acpi_id = c->arch.acpi_id;
	return 0;
}

/* Fills op with the answer; 0 or an error. */
static long run(struct xen_platform_op *op)
{
	const struct xenpf_enter_acpi_sleep *s = &op->u.enter_acpi_sleep;

	switch (op->cmd) {
	case XENPF_settime64:
		if (op->u.settime64.mbz)
			return -XEN_EINVAL;
		return set_time(op->u.settime64.secs, op->u.settime64.nsecs,
				op->u.settime64.system_time);
	case XENPF_firmware_info:
		return firmware_info(&op->u.firmware_info);
	case XENPF_get_cpuinfo:
		return get_cpuinfo(&op->u.pcpu_info);
	case XENPF_enter_acpi_sleep:
		if (s->flags & ~XENPF_ACPI_SLEEP_EXTENDED)
			return -XEN_EINVAL;
		/* The extended form is for machines without PM1 blocks. */
		if (s->flags & XENPF_ACPI_SLEEP_EXTENDED)
			return -XEN_EOPNOTSUPP;
		return arch_acpi_sleep(s->sleep_state, s->val_a, s->val_b);
	default:
		return -XEN_ENOSYS;
	}
}

long do_platform_op(u64 arg)
{
	struct xen_platform_op op;
	long rc;

	if (!priv_system(current_domain()))
		return -XEN_EPERM;
	if (copy_from_guest(&op, arg, sizeof(op)))
		return -XEN_EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return -XEN_EACCES;
	rc = run(&op);
	if (!rc && copy_to_guest(arg, &op, sizeof(op)))
		return -XEN_EFAULT;
	return rc;
}
