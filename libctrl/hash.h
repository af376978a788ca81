/* SPDX-License-Identifier: MIT */
/* BLAKE2b with 256-bit results (RFC 7693), unkeyed. */
#ifndef CTRL_HASH_H
#define CTRL_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_BYTES	32
#define HASH_BLOCK	128

struct hash {
	uint64_t h[8];
	uint64_t count;			/* bytes in whole blocks so far */
	size_t used;			/* bytes in block[] */
	uint8_t block[HASH_BLOCK];
};

void hash_init(struct hash *s);
void hash_add(struct hash *s, const void *bytes, size_t n);
void hash_end(struct hash *s, uint8_t out[HASH_BYTES]);

#endif
