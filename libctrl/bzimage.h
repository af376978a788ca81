/* SPDX-License-Identifier: MIT */
/* Finding the packed kernel in a bzImage, and telling how it is packed. */
#ifndef CTRL_BZIMAGE_H
#define CTRL_BZIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BZIMAGE_HEAD_BYTES	1024	/* always enough for the header */
#define PACKING_MAGIC_BYTES	8

enum packing {
	PACKING_UNKNOWN,
	PACKING_GZIP,
	PACKING_XZ,
	PACKING_ZSTD,
	PACKING_LZ4,
	PACKING_BZIP2,		/* from here on: known by name only */
	PACKING_LZMA,
	PACKING_LZO,
};

/* Bytes [offset, offset + length) of the file are the packed kernel. */
struct bzimage {
	uint64_t offset;
	uint64_t length;
};

/* Do the first n bytes of a file begin a Linux boot image? */
bool bzimage_is(const void *head, size_t n);

/* NULL, or the end of a sentence about the file. */
const char *bzimage_parse(const void *head, size_t n, uint64_t file_size,
			  struct bzimage *b);

/* How the bytes that begin like this are packed. */
enum packing packing_of(const void *magic, size_t n);
const char *packing_name(enum packing p);

#endif
