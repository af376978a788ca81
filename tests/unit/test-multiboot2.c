/* SPDX-License-Identifier: MIT */
/* What the boot loader left in memory: believed only as far as it goes. */
#include <string.h>

#include <CUnit/CUnit.h>

#include <asm/firmware.h>

CU_ErrorCode test_multiboot2_register(void);

static u8 mbi[4096] __attribute__((aligned(8)));
static u32 used;
static struct boot_info bi;

static void put32(u32 at, u32 v)
{
	memcpy(mbi + at, &v, 4);
}

static void put64(u32 at, u64 v)
{
	memcpy(mbi + at, &v, 8);
}

static void begin(void)
{
	memset(mbi, 0, sizeof(mbi));
	used = 8;
}

/* Returns where the tag begins. */
static u32 tag(u32 type, u32 size)
{
	const u32 at = used;

	put32(at, type);
	put32(at + 4, size);
	used += (size + 7) & ~7U;
	return at;
}

static void text_tag(u32 type, const char *text)
{
	const u32 at = tag(type, 8 + strlen(text) + 1);

	memcpy(mbi + at + 8, text, strlen(text) + 1);
}

static void module(u32 start, u32 end, const char *text)
{
	const u32 at = tag(3, 16 + strlen(text) + 1);

	put32(at + 8, start);
	put32(at + 12, end);
	memcpy(mbi + at + 16, text, strlen(text) + 1);
}

struct range {
	u64 start, size;
	u32 type;
};

static void memory_map(const struct range *r, unsigned n)
{
	const u32 at = tag(6, 16 + 24 * n);
	unsigned i;

	put32(at + 8, 24);
	for (i = 0; i < n; i++) {
		put64(at + 16 + 24 * i, r[i].start);
		put64(at + 24 + 24 * i, r[i].size);
		put32(at + 32 + 24 * i, r[i].type);
	}
}

static const char *parse(void)
{
	tag(0, 8);
	put32(0, used);
	return multiboot2_parse(mbi, sizeof(mbi), &bi);
}

static const struct range plain[] = {
	{ 0, 0x9fc00, 1 }, { 0x9fc00, 0x400, 2 }, { 0x100000, 0x7ff00000, 1 },
};

static void a_usual_boot_is_read(void)
{
	begin();
	text_tag(1, "com1=115200 loglvl=all");
	module(0x300000, 0x400000, "console=hvc0");
	module(0x400000, 0x500000, "");
	memory_map(plain, 3);
	CU_ASSERT_PTR_NULL(parse());
	CU_ASSERT_STRING_EQUAL(bi.cmdline, "com1=115200 loglvl=all");
	CU_ASSERT_EQUAL(bi.module_count, 2);
	CU_ASSERT_EQUAL(bi.module[0].end, 0x400000);
	CU_ASSERT_STRING_EQUAL(bi.module[0].cmdline, "console=hvc0");
	CU_ASSERT_STRING_EQUAL(bi.module[1].cmdline, "");
	CU_ASSERT_EQUAL(bi.range_count, 3);
	CU_ASSERT_EQUAL(bi.range[2].start, 0x100000);
	CU_ASSERT_FALSE(bi.efi);
	CU_ASSERT_EQUAL(bi.screen.video_type, XEN_VGATYPE_TEXT_MODE_3);
	CU_ASSERT_EQUAL(bi.loader_size, used);
}

static void efi_is_noticed(void)
{
	u32 at;

	begin();
	at = tag(12, 16);
	put64(at + 8, 0x7f9ec018);
	at = tag(15, 8 + 36);
	memcpy(mbi + at + 8, "RSD PTR ", 8);
	memory_map(plain, 3);
	CU_ASSERT_PTR_NULL(parse());
	CU_ASSERT_TRUE(bi.efi);
	CU_ASSERT_EQUAL(bi.efi_system_table, 0x7f9ec018);
	CU_ASSERT_PTR_NOT_NULL(bi.rsdp);
}

static void the_framebuffer_is_read(void)
{
	u32 at;

	begin();
	memory_map(plain, 3);
	at = tag(8, 38);
	put64(at + 8, 0x1280000000);
	put32(at + 16, 3200);
	put32(at + 20, 800);
	put32(at + 24, 600);
	mbi[at + 28] = 32;
	mbi[at + 29] = 1;
	memcpy(mbi + at + 32, (u8[]){ 16, 8, 8, 8, 0, 8 }, 6);
	CU_ASSERT_PTR_NULL(parse());
	CU_ASSERT_EQUAL(bi.screen.video_type, XEN_VGATYPE_VESA_LFB);
	CU_ASSERT_EQUAL(bi.screen.u.vesa_lfb.lfb_base, 0x80000000);
	CU_ASSERT_EQUAL(bi.screen.u.vesa_lfb.ext_lfb_base, 0x12);
	CU_ASSERT_EQUAL(bi.screen.u.vesa_lfb.width, 800);
	CU_ASSERT_EQUAL(bi.screen.u.vesa_lfb.lfb_size, 30);
	CU_ASSERT_EQUAL(bi.screen.u.vesa_lfb.red_pos, 16);
	CU_ASSERT_EQUAL(bi.screen.u.vesa_lfb.blue_size, 8);
}

static void ranges_stand_in_order(void)
{
	static const struct range r[] = {
		{ 0x100000, 0x1000, 1 }, { 0x101000, 0x1000, 1 },
		{ 0x103000, 0x1000, 3 }, { 0x104000, 0x1000, 20 },
		{ 0x104800, 0x1000, 2 },
	};
	static const struct range high[] = { { ~0ULL - 0xfff, 0x2000, 1 } };

	begin();
	memory_map(r, 4);
	CU_ASSERT_PTR_NULL(parse());
	CU_ASSERT_EQUAL(bi.range_count, 3);
	CU_ASSERT_EQUAL(bi.range[0].size, 0x2000);
	CU_ASSERT_EQUAL(bi.range[1].type, BOOT_ACPI);
	CU_ASSERT_EQUAL(bi.range[2].type, BOOT_RESERVED);
	begin();
	memory_map(r, 5);
	CU_ASSERT_STRING_EQUAL(parse(), "the memory map is not in order");
	begin();
	memory_map(high, 1);
	CU_ASSERT_STRING_EQUAL(parse(), "the memory map is not in order");
}

static void damage_is_named(void)
{
	u32 at;

	begin();
	CU_ASSERT_STRING_EQUAL(parse(),
			       "the boot loader gave no memory map");
	begin();
	memory_map(plain, 3);
	put32(0, used);		/* no end tag */
	CU_ASSERT_STRING_EQUAL(multiboot2_parse(mbi, sizeof(mbi), &bi),
			       "the boot information has no end tag");
	begin();
	memory_map(plain, 3);
	put32(tag(1, 16) + 4, 0x7ffffff0);
	CU_ASSERT_STRING_EQUAL(parse(),
		"a boot information tag has an impossible size");
	begin();
	memory_map(plain, 3);
	module(0x5000, 0x4000, "");
	CU_ASSERT_STRING_EQUAL(parse(), "a module ends before it starts");
	begin();
	at = tag(6, 16 + 24);
	put32(at + 8, 3);
	CU_ASSERT_STRING_EQUAL(parse(),
		"the memory map has entries shorter than 20 bytes");
	begin();
	memory_map(plain, 3);
	tag(18, 8);
	CU_ASSERT_STRING_EQUAL(parse(),
		"the boot loader left EFI boot services running");
	put32(0, 0xffffffff);
	CU_ASSERT_STRING_EQUAL(multiboot2_parse(mbi, sizeof(mbi), &bi),
		"the boot information has an impossible size");
}

static void a_string_without_end_is_empty(void)
{
	u32 at;

	begin();
	memory_map(plain, 3);
	at = tag(1, 16);
	memset(mbi + at + 8, 'x', 8);
	CU_ASSERT_PTR_NULL(parse());
	CU_ASSERT_STRING_EQUAL(bi.cmdline, "");
}

static void too_many_modules_are_refused(void)
{
	unsigned i;

	begin();
	memory_map(plain, 3);
	for (i = 0; i < BOOT_MODULES_MAX + 1; i++)
		module(0x300000, 0x300000, "");
	CU_ASSERT_STRING_EQUAL(parse(), "there are more than 8 modules");
}

CU_ErrorCode test_multiboot2_register(void)
{
	CU_pSuite s = CU_add_suite("multiboot2", NULL, NULL);

	CU_ADD_TEST(s, a_usual_boot_is_read);
	CU_ADD_TEST(s, efi_is_noticed);
	CU_ADD_TEST(s, the_framebuffer_is_read);
	CU_ADD_TEST(s, ranges_stand_in_order);
	CU_ADD_TEST(s, damage_is_named);
	CU_ADD_TEST(s, a_string_without_end_is_empty);
	CU_ADD_TEST(s, too_many_modules_are_refused);
	return CU_get_error();
}
