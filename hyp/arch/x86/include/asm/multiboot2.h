/* SPDX-License-Identifier: MIT */
/* Parsing what the multiboot2 loader left in memory; pure. */
#ifndef ASM_MULTIBOOT2_H
#define ASM_MULTIBOOT2_H

#include <hyp/arch.h>

#define MB2_BOOT_MAGIC	0x36d76289

/* Types in struct boot_range: those of E820. */
enum boot_range_type {
	BOOT_RAM = 1, BOOT_RESERVED, BOOT_ACPI, BOOT_NVS, BOOT_UNUSABLE,
};

/* What only the parser's caller needs; pointers lead into the tags. */
struct mb2_extra {
	u32 size;		/* of the whole structure */
	const u8 *rsdp;		/* a copy of it, 20 or 36 bytes; or NULL */
	bool boot_services;
};

/*
 * Reads the structure of at most limit bytes at mbi.  NULL, or a sentence
 * that says what is wrong.  Strings of *bi point into mbi; bi->rsdp stays 0.
 */
const char *multiboot2_parse(const void *mbi, size_t limit,
			     struct boot_info *bi, struct mb2_extra *x);

#endif
