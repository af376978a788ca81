/* SPDX-License-Identifier: MIT */
/*
 * vm_assist: a guest chooses among ways the hypervisor helps it.
 *
 * Writable page tables are emulated for everybody and 64-bit tables may lie
 * anywhere, so those bits are only remembered.  The runstate flag is always
 * written.  What would change a rule we do not have is refused.
 */
#include <hyp/core.h>

#define KNOWN (BIT(VMASST_TYPE_4gb_segments) | \
	       BIT(VMASST_TYPE_writable_pagetables) | \
	       BIT(VMASST_TYPE_pae_extended_cr3) | \
	       BIT(VMASST_TYPE_runstate_update_flag))

long do_vm_assist(u64 cmd, u64 type)
{
	struct domain *d = current_domain();

	if (type >= 32 || !(KNOWN & BIT(type)))
		return -XEN_EINVAL;
	switch (cmd) {
	case VMASST_CMD_enable:
		atomic_fetch_or(&d->assist, (u32)BIT(type));
		return 0;
	case VMASST_CMD_disable:
		atomic_fetch_and(&d->assist, ~(u32)BIT(type));
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}
