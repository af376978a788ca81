/* SPDX-License-Identifier: MIT */
/*
 * A kernel image: an ELF64 file with Xen notes, read from foreign bytes.
 *
 * Pure code: no machine, no memory of its own, nothing from libc.  The
 * hypervisor reads its control domain with it, libctrl reads guests.
 *
 * Whoever has the whole file calls elf_parse().  Whoever has only pieces
 * calls elf_parse_headers() with the first bytes, then elf_parse_notes() for
 * each note range that this named, then elf_finish().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_MAX_SEGMENTS	16
#define ELF_MAX_NOTE_RANGES	4
#define ELF_MAX_NOTE_BYTES	65536
#define ELF_HEAD_BYTES		4096	/* always enough for the headers */

/* Bytes [offset, offset + filesz) of the file go to paddr; zeroes follow. */
struct elf_segment {
	uint64_t offset;
	uint64_t filesz;
	uint64_t paddr;		/* p_paddr less the PADDR_OFFSET note */
	uint64_t memsz;
};

struct elf_range {
	uint64_t offset;
	uint64_t size;
	uint32_t align;
};

/* What the Xen notes say; `seen` has bit n set when note n was there. */
struct elf_notes {
	uint32_t seen;
	uint64_t entry;
	uint64_t hypercall_page;	/* meaningful when its note was seen */
	uint64_t virt_base;
	uint64_t paddr_offset;
	uint64_t init_p2m;
	uint64_t mod_start_pfn;		/* non-zero: initrd need not be mapped */
	uint64_t supported_features;
	char loader[16];
	char guest_os[16];
	char xen_version[16];
};

/*
 * A checked image.  Every segment lies inside the file, every placed byte
 * inside [start, end), and virt = paddr + virt_base does not wrap there.
 */
struct elf_image {
	uint64_t file_size;
	uint64_t e_entry;
	uint32_t nr_segments;
	uint32_t nr_note_ranges;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
	struct elf_range note_range[ELF_MAX_NOTE_RANGES];
	struct elf_notes notes;
	uint64_t start;			/* lowest paddr */
	uint64_t end;			/* end of the highest segment */
};

static inline bool elf_has_note(const struct elf_image *e, unsigned int type)
{
	return type < 32 && (e->notes.seen & (UINT32_C(1) << type));
}

/* Does this file claim to be ELF at all? */
bool elf_is_elf(const void *bytes, uint64_t size);

/*
 * Each of these returns NULL when all is well, else the end of a sentence
 * that begins with the name of the file: "is not an ELF file".
 */

/* Read the file header and program headers out of the first n bytes. */
const char *elf_parse_headers(const void *bytes, uint64_t n,
			      uint64_t file_size, struct elf_image *e);

/* Read the Xen notes in the n bytes of one note range. */
const char *elf_parse_notes(const void *bytes, uint64_t n, uint32_t align,
			    struct elf_image *e);

/* After all notes: apply defaults and check that it can start as a PV guest. */
const char *elf_finish(struct elf_image *e);

/* All three for a file that is wholly in memory. */
const char *elf_parse(const void *bytes, uint64_t size, struct elf_image *e);
