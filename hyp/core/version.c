/* SPDX-License-Identifier: MIT */
/*
 * xen_version: who we say we are.  Tools of release 4.17 look for that
 * number; the rest of the text says our own name.
 */
#include <hyp/core.h>

#include <xen/version.h>

#include <hyp/param.h>

#include <asm/layout.h>

#define VERSION_MAJOR 4
#define VERSION_MINOR 17

static const struct xen_compile_info compiled = {
	.compiler = __VERSION__,
	.compile_by = "bulkhead",
	.compile_domain = "bulkhead",
};

static long put_text(u64 to, const char *text, size_t size)
{
	char buf[1024];

	memset(buf, 0, size);
	str_copy(buf, text, size);
	return copy_to_guest(to, buf, size);
}

static long features(const struct domain *d, u64 arg)
{
	struct xen_feature_info f;

	if (copy_from_guest(&f, arg, sizeof(f)))
		return -XEN_EFAULT;
	if (f.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -XEN_EINVAL;
	f.submap = BIT(XENFEAT_mmu_pt_update_preserve_ad) |
		   BIT(XENFEAT_highmem_assist) |
		   BIT(XENFEAT_gnttab_map_avail_bits) |
		   BIT(XENFEAT_memory_op_vnode_supported) |
		   BIT(XENFEAT_direct_mapped);
	if (READ_ONCE(d->assist) & BIT(VMASST_TYPE_pae_extended_cr3))
		f.submap |= BIT(XENFEAT_pae_pgdir_above_4gb);
	if (d->is_control)
		f.submap |= BIT(XENFEAT_dom0);
	return copy_to_guest(arg, &f, sizeof(f));
}

long do_xen_version(u64 cmd, u64 arg)
{
	const struct xen_platform_parameters platform = { HYP_START };
	const struct domain *d = current_domain();

	switch (cmd) {
	case XENVER_version:
		return VERSION_MAJOR << 16 | VERSION_MINOR;
	case XENVER_extraversion:
		return put_text(arg, "-bulkhead", XEN_EXTRAVERSION_LEN);
	case XENVER_compile_info:
		return copy_to_guest(arg, &compiled, sizeof(compiled));
	case XENVER_capabilities:
		return put_text(arg, "xen-3.0-x86_64 ",
				XEN_CAPABILITIES_INFO_LEN);
	case XENVER_changeset:
		return put_text(arg, "", XEN_CHANGESET_INFO_LEN);
	case XENVER_platform_parameters:
		return copy_to_guest(arg, &platform, sizeof(platform));
	case XENVER_get_features:
		return features(d, arg);
	case XENVER_pagesize:
		return PAGE_SIZE;
	case XENVER_guest_handle:
		return copy_to_guest(arg, d->handle, sizeof(d->handle));
	case XENVER_commandline:
		return put_text(arg, priv_system(d) ? params.cmdline : "",
				sizeof(xen_commandline_t));
	case XENVER_build_id:
		return -XEN_ENODATA;
	default:
		return -XEN_ENOSYS;
	}
}
