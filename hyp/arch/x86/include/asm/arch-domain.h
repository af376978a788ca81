/* SPDX-License-Identifier: MIT */
/* The machine's part of struct domain and struct vcpu. */
#ifndef ASM_ARCH_DOMAIN_H
#define ASM_ARCH_DOMAIN_H

#include <hyp/types.h>

#include <asm/regs.h>

struct page;

struct arch_domain {
	u32 pci_cf8;		/* latch of port 0xcf8 */
};

struct arch_vcpu {
	struct regs regs;	/* o: while not running */
	bool kernel_mode;	/* o: guest kernel, not its user space */
	/* All below: o. */
	u64 kernel_sp;
	u16 kernel_ss;
	u64 fs_base, gs_base_kernel, gs_base_user;
	u16 ds, es, fs, gs;
	u64 event_entry, failsafe_entry, syscall_entry, sysenter_entry, syscall32_entry;
	u32 callback_masks;	/* bit per CALLBACKTYPE_*: mask events on entry */
	struct trap_info *traps;	/* 256 */
	struct page *gdt_page[14];
	u32 gdt_entries;
	u64 ldt_base;
	u32 ldt_entries;
	struct page *ldt_page[16];
	u64 cr2, cr4, dr[8];
	u64 xcr0;
	bool ts;		/* virtual CR0.TS */
	u8 iopl;
	void *fpu;		/* XSAVE area, 64-aligned */
	u64 iobitmap;		/* guest address */
	u32 iobitmap_ports;
};

#endif
