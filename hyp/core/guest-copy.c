/* SPDX-License-Identifier: MIT */
/* Range checks in front of the machine's copies to and from a guest. */
#include <hyp/arch.h>
#include <hyp/hypercall.h>

#include <asm/layout.h>

#define CANONICAL_LOW	(1ULL << 47)

bool guest_range_ok(u64 gva, u64 n, size_t size)
{
	u64 bytes, end;

	if (__builtin_mul_overflow(n, size, &bytes) ||
	    __builtin_add_overflow(gva, bytes, &end))
		return false;
	/* Wholly below the hypervisor's range and the gap, or wholly above. */
	return end <= CANONICAL_LOW || gva >= HYP_END;
}

int copy_from_guest(void *to, u64 gva, size_t n)
{
	if (unlikely(!guest_range_ok(gva, n, 1)))
		return -XEN_EFAULT;
	return arch_copy_from_guest(to, gva, n);
}

int copy_to_guest(u64 gva, const void *from, size_t n)
{
	if (unlikely(!guest_range_ok(gva, n, 1)))
		return -XEN_EFAULT;
	return arch_copy_to_guest(gva, from, n);
}

int clear_guest(u64 gva, size_t n)
{
	static const u8 zeros[64];

	while (n) {
		const size_t part = MIN(n, sizeof(zeros));

		if (copy_to_guest(gva, zeros, part))
			return -XEN_EFAULT;
		gva += part;
		n -= part;
	}
	return 0;
}
