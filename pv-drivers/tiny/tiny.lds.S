/* SPDX-License-Identifier: MIT */
/* One segment: the image at pfn 0, mapped at VIRT_BASE. */
#include "tiny.h"

ENTRY(_start)
PHDRS
{
	image PT_LOAD FLAGS(7);
	notes PT_NOTE FLAGS(4);
}
SECTIONS
{
	. = VIRT_BASE;
	.text : AT(0) { *(.start) *(.text .text.*) } :image
	.rodata : { *(.rodata .rodata.*) } :image
	.note.Xen : { *(.note.Xen) } :image :notes
	.data : { *(.data .data.*) } :image
	.bss : { *(.bss .bss.* COMMON) } :image
	. = ALIGN(4096);
	image_end = .;
	/DISCARD/ : { *(.comment) *(.note.GNU-stack) *(.note.gnu.*) *(.eh_frame) }
}
