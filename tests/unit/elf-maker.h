/* SPDX-License-Identifier: MIT */
/* A small correct kernel image for tests to spoil. */
#ifndef ELF_MAKER_H
#define ELF_MAKER_H

#include <stdint.h>
#include <string.h>

#define MADE_ELF_BYTES	0x1200
#define MADE_BASE	UINT64_C(0xffffffff80000000)
#define MADE_PADDR	UINT64_C(0x1000000)
#define MADE_MEMSZ	UINT64_C(0x3000)

/* Where things stand in it. */
enum {
	MADE_PHDR = 64,			/* PT_LOAD, then PT_NOTE */
	MADE_NOTES = 0x800,
	MADE_DATA = 0x1000,
};

static inline void made_put(uint8_t *f, size_t at, unsigned int n, uint64_t v)
{
	while (n--) {
		f[at++] = (uint8_t)v;
		v >>= 8;
	}
}

/* Append a note; returns where the next one goes. */
static inline size_t made_note(uint8_t *f, size_t at, uint32_t type,
			       const void *desc, uint32_t n)
{
	made_put(f, at, 4, 4);
	made_put(f, at + 4, 4, n);
	made_put(f, at + 8, 4, type);
	memcpy(f + at + 12, "Xen", 4);
	memcpy(f + at + 16, desc, n);
	return at + 16 + ((n + 3) & ~3u);
}

static inline size_t made_number(uint8_t *f, size_t at, uint32_t type,
				 uint64_t v)
{
	return made_note(f, at, type, &v, 8);
}

static inline void make_elf(uint8_t *f)
{
	size_t at = MADE_NOTES, p = MADE_PHDR;

	memset(f, 0, MADE_ELF_BYTES);
	memcpy(f, "\177ELF\2\1\1", 7);
	made_put(f, 16, 2, 2);
	made_put(f, 18, 2, 62);
	made_put(f, 24, 8, MADE_PADDR);
	made_put(f, 32, 8, MADE_PHDR);
	made_put(f, 54, 2, 56);
	made_put(f, 56, 2, 2);
	made_put(f, p, 4, 1);
	made_put(f, p + 8, 8, MADE_DATA);
	made_put(f, p + 24, 8, MADE_PADDR);
	made_put(f, p + 32, 8, 0x200);
	made_put(f, p + 40, 8, MADE_MEMSZ);
	p += 56;
	at = made_number(f, at, 1, MADE_BASE + MADE_PADDR + 0x10);
	at = made_number(f, at, 3, MADE_BASE);
	at = made_note(f, at, 5, "xen-3.0", 8);
	at = made_note(f, at, 6, "linux", 6);
	at = made_note(f, at, 8, "generic", 8);
	at = made_number(f, at, 15, UINT64_C(0x8000000000));
	at = made_number(f, at, 16, 1);
	at = made_number(f, at, 17, 0x8801);
	made_put(f, p, 4, 4);
	made_put(f, p + 8, 8, MADE_NOTES);
	made_put(f, p + 32, 8, at - MADE_NOTES);
	made_put(f, p + 48, 8, 4);
}

#endif
