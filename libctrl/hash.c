/* SPDX-License-Identifier: MIT */
/*
 * BLAKE2b (RFC 7693).  It names unpacked kernels by their packed form: who
 * may choose a kernel file must not be able to make one that is taken for
 * another, so the hash has to be a strong one, and this is the fastest of
 * those on a plain 64-bit machine.
 */
#include "hash.h"

#include <string.h>

static const uint64_t iv[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
	0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
	0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static inline uint64_t turn(uint64_t x, unsigned int n)
{
	return x >> n | x << (64 - n);
}

static inline void mix(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d,
		       uint64_t x, uint64_t y)
{
	*a += *b + x;
	*d = turn(*d ^ *a, 32);
	*c += *d;
	*b = turn(*b ^ *c, 24);
	*a += *b + y;
	*d = turn(*d ^ *a, 16);
	*c += *d;
	*b = turn(*b ^ *c, 63);
}

/*
 * One round; the arguments are the order of the message words.  Always
 * inlined with constants, so that nothing is looked up while it runs.
 */
static inline __attribute__((always_inline)) void
mix_round(uint64_t *v, const uint64_t *m, int a, int b, int c, int d, int e,
	  int f, int g, int h, int i, int j, int k, int l, int n, int o,
	  int p, int q)
{
	mix(&v[0], &v[4], &v[8], &v[12], m[a], m[b]);
	mix(&v[1], &v[5], &v[9], &v[13], m[c], m[d]);
	mix(&v[2], &v[6], &v[10], &v[14], m[e], m[f]);
	mix(&v[3], &v[7], &v[11], &v[15], m[g], m[h]);
	mix(&v[0], &v[5], &v[10], &v[15], m[i], m[j]);
	mix(&v[1], &v[6], &v[11], &v[12], m[k], m[l]);
	mix(&v[2], &v[7], &v[8], &v[13], m[n], m[o]);
	mix(&v[3], &v[4], &v[9], &v[14], m[p], m[q]);
}

static void compress(struct hash *s, const uint8_t *block, uint64_t last)
{
	uint64_t v[16], m[16];
	int i;

	memcpy(m, block, sizeof(m));
	for (i = 0; i < 8; i++) {
		v[i] = s->h[i];
		v[i + 8] = iv[i];
	}
	v[12] ^= s->count;
	v[14] ^= last;
	mix_round(v, m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	mix_round(v, m, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
	mix_round(v, m, 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
	mix_round(v, m, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
	mix_round(v, m, 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
	mix_round(v, m, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
	mix_round(v, m, 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
	mix_round(v, m, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
	mix_round(v, m, 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
	mix_round(v, m, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
	mix_round(v, m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	mix_round(v, m, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
	for (i = 0; i < 8; i++)
		s->h[i] ^= v[i] ^ v[i + 8];
}

void hash_init(struct hash *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->h, iv, sizeof(iv));
	/* Parameter block: result length, no key, one leaf. */
	s->h[0] ^= 0x01010000 | HASH_BYTES;
}

void hash_add(struct hash *s, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	/* The last block is kept back: it is compressed differently. */
	while (n) {
		size_t take = HASH_BLOCK - s->used;

		if (!take) {
			s->count += HASH_BLOCK;
			compress(s, s->block, 0);
			s->used = 0;
			take = HASH_BLOCK;
		}
		if (!s->used && n > HASH_BLOCK) {
			s->count += HASH_BLOCK;
			compress(s, p, 0);
			p += HASH_BLOCK;
			n -= HASH_BLOCK;
			continue;
		}
		take = take < n ? take : n;
		memcpy(s->block + s->used, p, take);
		s->used += take;
		p += take;
		n -= take;
	}
}

void hash_end(struct hash *s, uint8_t out[HASH_BYTES])
{
	memset(s->block + s->used, 0, HASH_BLOCK - s->used);
	s->count += s->used;
	compress(s, s->block, UINT64_MAX);
	memcpy(out, s->h, HASH_BYTES);
}
