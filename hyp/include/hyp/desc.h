/* SPDX-License-Identifier: MIT */
/* Segment descriptors that a guest may use, and its LDT. */
#pragma once

#include <hyp/types.h>

/*
 * May this descriptor stand in a guest's table?  Raises its privilege level
 * to 3 where it must.  Pure.
 */
bool desc_fix(u64 *slot);

/* The same for the 512 slots of a page (validation of PGT_SEG).  Pure. */
bool desc_page_fix(u64 *slots);

/*
 * MMUEXT_SET_LDT of the current vCPU: its LDT is what base shows now, with
 * this many entries (0: none).  -XEN_EINVAL: bad address or size, or frames
 * that may hold no descriptors.  mmu.lock is held.
 */
int pv_set_ldt(struct vcpu *v, u64 base, u32 entries);
