/* SPDX-License-Identifier: MIT */
/*
 * The integers and frame numbers everybody uses.
 *
 * In PV every frame number that a guest passes is a machine frame number
 * (mfn).  A pfn is a guest's own index into its memory; the hypervisor only
 * meets it in the M2P table and in the dom0 builder.
 *
 * Errors are the ABI's own: XEN_EINVAL and friends of <xen/errno.h>, negated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/errno.h>

#include <hyp/compiler.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

struct cpu;
struct domain;
struct page;
struct vcpu;
struct vcpu_guest_context;

typedef u64 mfn_t;	/* machine frame number */
typedef u64 pfn_t;	/* a guest's pseudo-physical frame number */
typedef u64 paddr_t;	/* machine address, bytes */

/* Inside only, never returned to a guest: more to do, call again. */
#define XEN_ERESTART	85

#define MFN_NONE	(~(mfn_t)0)

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL
#define PAGE_MASK	(~(PAGE_SIZE - 1))
