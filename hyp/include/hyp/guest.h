/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing the memory of the guest that made the hypercall, by
 * its virtual addresses.  Each returns 0 or -XEN_EFAULT: an address in the
 * hypervisor's range, or not mapped.  Read once, into private memory, then
 * check.
 */
#ifndef HYP_GUEST_H
#define HYP_GUEST_H

#include <hyp/types.h>

int copy_from_guest(void *to, u64 gva, size_t n) __must_check;
int copy_to_guest(u64 gva, const void *from, size_t n) __must_check;
int clear_guest(u64 gva, size_t n) __must_check;

/* True when [gva, gva + n * size) lies outside the hypervisor and does not wrap. */
bool guest_range_ok(u64 gva, u64 n, size_t size);

#endif
