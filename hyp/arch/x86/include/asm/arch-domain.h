/* SPDX-License-Identifier: MIT */
/* The machine's part of struct domain and struct vcpu. */
#pragma once

#include <hyp/types.h>

#include <asm/layout.h>
#include <asm/regs.h>

struct arch_domain {
	u32 pci_cf8;		/* latch of port 0xcf8 */
};

struct arch_vcpu {
	struct regs regs;	/* o: while not running */
	/* All below: o. */
	bool kernel_mode;	/* guest kernel, not its user space */
	/* Copies for entry.S, kept by pv_hot_update(). */
	u8 hot_syscall;		/* syscall_entry is there and masks events */
	u64 hot_pf;		/* handler of #PF if it masks events, else 0 */
	u64 kernel_sp;		/* 16-aligned, outside the hypervisor */
	u16 kernel_ss;
	u64 fs_base, gs_base_kernel, gs_base_user;
	u16 ds, es, fs, gs;
	u64 callback[3];	/* event, failsafe, syscall: CALLBACKTYPE_*; 0: none */
	u32 callback_masks;	/* bit per CALLBACKTYPE_*: mask events on entry */
	struct trap_info *traps;	/* 256 */
	struct page *gdt_page[GDT_PAGES];
	u32 gdt_entries;
	u64 ldt_base;
	u32 ldt_entries;
	struct page *ldt_page[LDT_PAGES];
	u64 cr4, dr[8];
	u64 xcr0;
	bool ts;		/* virtual CR0.TS */
	u8 iopl;
	void *fpu;		/* XSAVE area, one frame */
	u64 iobitmap;		/* guest address */
	u32 iobitmap_ports;
	u32 loaded_on;		/* CPU whose registers hold all but the frame, ~0 none */
	u32 tsc_aux;
};
