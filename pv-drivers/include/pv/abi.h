/* SPDX-License-Identifier: MIT */
/*
 * The contract with the hypervisor: Xen's public headers, of one version, and
 * the barriers that they expect from us.  Error numbers are theirs (XEN_EIO)
 * and negative when returned; they are those of Linux.
 */
#ifndef PV_ABI_H
#define PV_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__XEN_INTERFACE_VERSION__) && !defined(__XEN_TOOLS__)
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#endif
#include <xen/xen.h>
#define XEN_ERRNO_DEFAULT_INCLUDE
#include <xen/errno.h>

#define PV_PAGE_SHIFT	12
#define PV_PAGE_SIZE	4096

/* x86 keeps stores in order and loads in order; only a load may pass a store. */
#define pv_barrier()	__asm__ volatile("" ::: "memory")
#define xen_rmb()	pv_barrier()
#define xen_wmb()	pv_barrier()
#define xen_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)

/* One look at, or one store to, memory that somebody else can change. */
#define PV_READ(x)	(*(const volatile __typeof__(x) *)&(x))
#define PV_WRITE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))

#endif
