/* SPDX-License-Identifier: MIT */
/*
 * The image: text, read-only data, data, each on pages of its own so that
 * each gets its own rights.  GRUB loads it at any 2 MiB boundary.
 */
#include <asm/layout.h>

#define LOAD_AT		0x200000

ENTRY(_start32)
OUTPUT_FORMAT(elf64-x86-64)
OUTPUT_ARCH(i386:x86-64)

PHDRS
{
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = IMAGE_START;
	_start = .;
	.text : AT(ADDR(.text) - IMAGE_START + LOAD_AT) {
		*(.head)
		*(.text.hot .text.hot.*)
		*(.text .text.*)
		. = ALIGN(4096);
		_text_end = .;
	} :text

	.rodata : AT(ADDR(.rodata) - IMAGE_START + LOAD_AT) {
		*(.rodata .rodata.*)
		. = ALIGN(8);
		/* Pairs for faults in guest copies: where, then where to. */
		_extable_start = .;
		KEEP(*(.extable))
		_extable_end = .;
		. = ALIGN(8);
		KEEP(*(.ksyms))
		. = ALIGN(4096);
		_rodata_end = .;
	} :rodata

	.data : AT(ADDR(.data) - IMAGE_START + LOAD_AT) {
		*(.data .data.*)
	} :data

	.bss : AT(ADDR(.bss) - IMAGE_START + LOAD_AT) {
		. = ALIGN(32768);
		*(.bss.boot)
		*(.bss .bss.* COMMON)
		. = ALIGN(4096);
		_end = .;
	} :data

	/DISCARD/ : {
		*(.note .note.*)
		*(.comment .eh_frame .eh_frame_hdr)
	}
	/* Nothing may need a run-time linker. */
	ASSERT(_end - _start <= 8 * 0x200000, "the image outgrew the early tables")
}
