/* SPDX-License-Identifier: MIT */
/*
 * What GRUB tells: the multiboot2 information structure, a list of tags.
 * Everything here reads bytes that we did not write, so it is a pure function
 * of those bytes; it believes no length before comparing it with the end.
 */
#include <asm/firmware.h>

#include <hyp/lib.h>

enum mb2_tag {
	TAG_END, TAG_CMDLINE, TAG_MODULE = 3, TAG_MMAP = 6, TAG_FRAMEBUFFER = 8,
	TAG_EFI64 = 12, TAG_RSDP_OLD = 14, TAG_RSDP_NEW, TAG_EFI_MMAP = 17,
	TAG_EFI_BS,
};

#define FB_TYPE_RGB	1

/* A string that ends inside its tag, or "". */
static const char *tag_string(const u8 *tag, u32 size, u32 at)
{
	if (at >= size || strnlen((const char *)tag + at, size - at) == size - at)
		return "";
	return (const char *)tag + at;
}

static const char *read_module(const u8 *tag, u32 size, struct boot_info *bi)
{
	struct boot_module *m;

	if (size < 16)
		return "a module tag is too short";
	if (bi->module_count == BOOT_MODULES_MAX)
		return "there are more than 8 modules";
	m = &bi->module[bi->module_count];
	m->start = get32(tag + 8);
	m->end = get32(tag + 12);
	m->cmdline = tag_string(tag, size, 16);
	if (m->end < m->start)
		return "a module ends before it starts";
	bi->module_count++;
	return NULL;
}

/* GRUB gives them in order and disjoint, which everything else relies on. */
static const char *add_range(struct boot_info *bi, u64 start, u64 size, u32 type)
{
	struct boot_range *r = &bi->range[bi->range_count];
	const u64 last = bi->range_count ? r[-1].start + r[-1].size : 0;

	/* Kinds that E820 does not know (EFI's own among them) are not for us. */
	if (type < BOOT_RAM || type > BOOT_UNUSABLE)
		type = BOOT_RESERVED;
	if (!size)
		return NULL;
	if (start < last || start + size < start)
		return "the memory map is not in order";
	if (bi->range_count && start == last && r[-1].type == type) {
		r[-1].size += size;
		return NULL;
	}
	if (bi->range_count == BOOT_RANGES_MAX)
		return "the memory map has too many pieces";
	*r = (struct boot_range){ start, size, type };
	bi->range_count++;
	return NULL;
}

static const char *read_mmap(const u8 *tag, u32 size, struct boot_info *bi)
{
	const char *error = NULL;
	u32 entry, at;

	if (size < 16)
		return "the memory map tag is too short";
	entry = get32(tag + 8);
	if (entry < 20)
		return "the memory map has entries shorter than 20 bytes";
	for (at = 16; !error && size - at >= entry; at += entry)
		error = add_range(bi, get64(tag + at), get64(tag + at + 8),
				  get32(tag + at + 16));
	return error;
}

/* Address, bytes per line, size, bits, type, and where the colours are. */
static void read_framebuffer(const u8 *tag, u32 size, struct boot_info *bi)
{
	struct dom0_vga_console_info *v = &bi->screen;

	if (size < 38 || tag[29] != FB_TYPE_RGB)
		return;
	v->video_type = XEN_VGATYPE_VESA_LFB;
	v->u.vesa_lfb.lfb_base = get32(tag + 8);
	v->u.vesa_lfb.ext_lfb_base = get32(tag + 12);
	v->u.vesa_lfb.bytes_per_line = get32(tag + 16);
	v->u.vesa_lfb.width = get32(tag + 20);
	v->u.vesa_lfb.height = get32(tag + 24);
	v->u.vesa_lfb.bits_per_pixel = tag[28];
	v->u.vesa_lfb.lfb_size =
		DIV_UP((u64)get32(tag + 16) * get32(tag + 24), 65536);
	memcpy(&v->u.vesa_lfb.red_pos, tag + 32, 6);
}

static const char *read_tag(const u8 *tag, u32 type, u32 size,
			    struct boot_info *bi)
{
	switch (type) {
	case TAG_CMDLINE:
		bi->cmdline = tag_string(tag, size, 8);
		break;
	case TAG_MODULE:
		return read_module(tag, size, bi);
	case TAG_MMAP:
		return read_mmap(tag, size, bi);
	case TAG_FRAMEBUFFER:
		read_framebuffer(tag, size, bi);
		break;
	case TAG_EFI64:
		if (size >= 16)
			bi->efi_system_table = get64(tag + 8);
		bi->efi = true;
		break;
	case TAG_EFI_BS:
		return "the boot loader left EFI boot services running";
	case TAG_EFI_MMAP:
		bi->efi = true;
		break;
	case TAG_RSDP_OLD:
		if (size >= 8 + 20 && !bi->rsdp)
			bi->rsdp = tag + 8;
		break;
	case TAG_RSDP_NEW:
		if (size >= 8 + 36)
			bi->rsdp = tag + 8;
		break;
	}
	return NULL;
}

const char *multiboot2_parse(const void *mbi, size_t limit,
			     struct boot_info *bi)
{
	const u8 *p = mbi;
	const char *error;
	u32 total, at, type, size;

	memset(bi, 0, sizeof(*bi));
	bi->cmdline = "";
	bi->screen = (struct dom0_vga_console_info){
		.video_type = XEN_VGATYPE_TEXT_MODE_3,
		.u.text_mode_3 = { .font_height = 16, .rows = 25, .columns = 80 },
	};
	if (limit < 16)
		return "the boot information is too short";
	total = get32(p);
	if (total > limit || total < 16)
		return "the boot information has an impossible size";
	/* Tags begin on 8-byte boundaries; total is the end of everything. */
	for (at = 8; ; at += ALIGN_UP(size, 8u)) {
		if (at > total || total - at < 8)
			return "the boot information has no end tag";
		type = get32(p + at);
		size = get32(p + at + 4);
		if (size < 8 || size > total - at)
			return "a boot information tag has an impossible size";
		if (type == TAG_END)
			break;
		error = read_tag(p + at, type, size, bi);
		if (error)
			return error;
	}
	bi->loader_size = total;
	if (!bi->range_count)
		return "the boot loader gave no memory map";
	return NULL;
}
