/* SPDX-License-Identifier: MIT */
/* The ABI's bitmaps in guest memory. */
#include <hyp/hypercall.h>

#include <hyp/lib.h>

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
	u64 words[BITMAP_MAX / 64] = { 0 }, at = (u64)to->bitmap.p;
	u32 n = MIN(MIN(to->nr_bits, bits), BITMAP_MAX);
	u32 ours = DIV_UP(n, 8), all = to->nr_bits / 8 + !!(to->nr_bits % 8);

	memcpy(words, from, ours);
	if (n % 8)
		((u8 *)words)[n / 8] &= (u8)(BIT(n % 8) - 1);
	if (copy_to_guest(at, words, ours))
		return -XEN_EFAULT;
	if (all > ours && clear_guest(at + ours, MIN(all - ours, 4096U)))
		return -XEN_EFAULT;
	return 0;
}
