/* SPDX-License-Identifier: MIT */
/*
 * A Linux boot image: real-mode sectors, then the protected-mode part, in
 * which the packed ELF file lies at payload_offset (boot protocol 2.08).
 */
#include "bzimage.h"

#include <string.h>

enum {
	AT_SETUP_SECTS = 0x1f1,
	AT_BOOT_FLAG = 0x1fe,
	AT_MAGIC = 0x202,
	AT_VERSION = 0x206,
	AT_PAYLOAD_OFFSET = 0x248,
	AT_PAYLOAD_LENGTH = 0x24c,
	HEADER_END = 0x250,
	SECTOR = 512,
	PAYLOAD_MIN = 16,
};

static uint32_t get(const uint8_t *p, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

bool bzimage_is(const void *head, size_t n)
{
	const uint8_t *p = head;

	return n >= HEADER_END && get(p + AT_BOOT_FLAG, 2) == 0xaa55 &&
	       !memcmp(p + AT_MAGIC, "HdrS", 4);
}

const char *bzimage_parse(const void *head, size_t n, uint64_t file_size,
			  struct bzimage *b)
{
	const uint8_t *p = head;
	uint64_t sectors, offset, length;

	if (!bzimage_is(head, n))
		return "is not a Linux boot image";
	if (get(p + AT_VERSION, 2) < 0x0208)
		return "is a Linux boot image from before 2008, which does not say where its kernel lies";
	sectors = p[AT_SETUP_SECTS] ? p[AT_SETUP_SECTS] : 4;
	offset = (sectors + 1) * SECTOR + get(p + AT_PAYLOAD_OFFSET, 4);
	length = get(p + AT_PAYLOAD_LENGTH, 4);
	if (length < PAYLOAD_MIN)
		return "is a boot image without a packed kernel";
	if (offset > file_size || length > file_size - offset)
		return "is cut short: its packed kernel lies beyond its end";
	b->offset = offset;
	b->length = length;
	return NULL;
}

enum packing packing_of(const void *magic, size_t n)
{
	static const struct {
		enum packing packing;
		size_t n;
		char bytes[6];
	} known[] = {
		{ PACKING_GZIP, 2, { 0x1f, (char)0x8b } },
		{ PACKING_XZ, 6, { (char)0xfd, '7', 'z', 'X', 'Z', 0 } },
		{ PACKING_ZSTD, 4, { 0x28, (char)0xb5, 0x2f, (char)0xfd } },
		{ PACKING_LZ4, 4, { 0x02, 0x21, 0x4c, 0x18 } },
		{ PACKING_BZIP2, 3, { 'B', 'Z', 'h' } },
		{ PACKING_LZMA, 3, { 0x5d, 0, 0 } },
		{ PACKING_LZO, 4, { (char)0x89, 'L', 'Z', 'O' } },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (n >= known[i].n && !memcmp(magic, known[i].bytes,
					       known[i].n))
			return known[i].packing;
	return PACKING_UNKNOWN;
}

const char *packing_name(enum packing p)
{
	static const char *const name[] = {
		"unknown", "gzip", "xz", "zstd", "lz4", "bzip2", "lzma", "lzo",
	};

	return (size_t)p < sizeof(name) / sizeof(name[0]) ? name[p] : name[0];
}
