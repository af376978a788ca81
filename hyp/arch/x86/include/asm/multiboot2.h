/* SPDX-License-Identifier: MIT */
/* Parsing what the multiboot2 loader left in memory; pure. */
#pragma once

#include <hyp/arch.h>

#define MB2_BOOT_MAGIC	0x36d76289

/* Types in struct boot_range: those of E820. */
enum boot_range_type {
	BOOT_RAM = 1, BOOT_RESERVED, BOOT_ACPI, BOOT_NVS, BOOT_UNUSABLE,
};

/*
 * Reads the structure of at most limit bytes at mbi.  NULL, or a sentence
 * that says what is wrong.  Pointers in *bi lead into mbi.
 */
const char *multiboot2_parse(const void *mbi, size_t limit,
			     struct boot_info *bi);
