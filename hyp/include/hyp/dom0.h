/* SPDX-License-Identifier: MIT */
/* Building the control domain from the boot modules. */
#ifndef HYP_DOM0_H
#define HYP_DOM0_H

/*
 * Module 0 is its kernel (an ELF file with Xen notes), module 1 its initrd.
 * Sets dom0 and lets it run.  Panics with one sentence when there is no way
 * to start it.  Boot CPU, once.
 */
void dom0_build(void);

#endif
