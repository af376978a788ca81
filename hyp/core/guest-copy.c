/* SPDX-License-Identifier: MIT */
/* Range checks in front of the machine's copies to and from a guest, and the
 * bitmaps of the ABI. */
#include <hyp/core.h>

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

/* ---- Bitmaps ---- */

#define BITMAP_MAX 256		/* bits we ever hold */

int bitmap_read(const struct xenctl_bitmap *from, u64 *to, u32 bits)
{
	u32 n = MIN(from->nr_bits, bits);

	memset(to, 0, bits / 8);
	if (copy_from_guest(to, (u64)from->bitmap.p, DIV_UP(n, 8)))
		return -XEN_EFAULT;
	/* The last byte may have bits that were not meant. */
	if (n % 8)
		((u8 *)to)[n / 8] &= (u8)(BIT(n % 8) - 1);
	return 0;
}

int bitmap_write(const struct xenctl_bitmap *to, const u64 *from, u32 bits)
{
	static const u8 zeros[512];	/* no tool has room for so many CPUs */
	u64 words[BITMAP_MAX / 64] = { 0 }, at = (u64)to->bitmap.p;
	u32 n = MIN(MIN(to->nr_bits, bits), BITMAP_MAX);
	u32 ours = DIV_UP(n, 8), all = to->nr_bits / 8 + !!(to->nr_bits % 8);

	memcpy(words, from, ours);
	if (n % 8)
		((u8 *)words)[n / 8] &= (u8)(BIT(n % 8) - 1);
	if (copy_to_guest(at, words, ours) ||
	    copy_to_guest(at + ours, zeros,
			  MIN(all - ours, (u32)sizeof(zeros))))
		return -XEN_EFAULT;
	return 0;
}
