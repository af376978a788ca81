/* SPDX-License-Identifier: MIT */
/*
 * Unpacking.  Each format is a loop between a source, which reads the file
 * in steps, and a sink, which writes the result, leaves out pages of zeroes,
 * and says no when it grows too large.
 */
#include <config.h>

#include "unpack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#ifdef HAVE_LZ4
#include <lz4.h>
#endif

#include "bytes.h"

#define IN_BYTES	(64 * 1024)
#define OUT_BYTES	(256 * 1024)
#define PAGE		4096
#define MEMORY_MAX	(UINT64_C(256) << 20)	/* of a decoder */
#define WINDOW_LOG_MAX	27			/* 128 MiB, for zstd */

struct stream {
	struct unpack *u;
	uint64_t left;			/* of the input */
	uint8_t in[IN_BYTES];
	uint8_t out[OUT_BYTES];
};

/* ---- Source and sink -------------------------------------------------- */

const char *unpack_sentence(enum unpack_verdict v)
{
	static const char *const text[] = {
		NULL,
		"is damaged: its packed kernel cannot be unpacked",
		"unpacks to more than a kernel may have",
		"cannot be unpacked: out of memory",
		"cannot be read to its end",
		"cannot be unpacked: the cache of unpacked kernels is full or refuses it",
		"is packed in a way that this build cannot unpack",
		"cannot be unpacked: no sandbox can be made for that",
		"cannot be unpacked: that takes too long",
		"cannot be unpacked: its decoder crashed or did what it may not do",
	};

	return (size_t)v < sizeof(text) / sizeof(text[0]) ? text[v] :
	       text[UNPACK_KILLED];
}

/* The next bytes of the input into to[]; how many, 0 at the end, -1. */
static ssize_t source_read(struct stream *s, void *to, size_t room)
{
	struct unpack *u = s->u;
	size_t n = s->left < room ? (size_t)s->left : room;
	ssize_t r = n ? pread(u->in, to, n, (off_t)u->offset) : 0;

	if (r < 0 || (n && !r))
		return -1;
	u->offset += (uint64_t)r;
	s->left -= (uint64_t)r;
	return r;
}

static bool write_all(int fd, const uint8_t *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t r = pwrite(fd, p, n, (off_t)at);

		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
		at += (uint64_t)r;
	}
	return true;
}

/* Write runs of pages that have something in them. */
static enum unpack_verdict sink_write(struct stream *s, const uint8_t *p,
				      size_t n)
{
	struct unpack *u = s->u;
	size_t i, run = 0;

	if (n > u->max - u->size)
		return UNPACK_TOO_LARGE;
	for (i = 0; i < n; i += PAGE) {
		size_t k = n - i < PAGE ? n - i : PAGE;

		if (!bytes_are_zero(p + i, k))
			continue;
		if (!write_all(u->out, p + run, i - run, u->size + run))
			return UNPACK_UNWRITABLE;
		run = i + k;
	}
	if (run < n && !write_all(u->out, p + run, n - run, u->size + run))
		return UNPACK_UNWRITABLE;
	u->size += n;
	return UNPACK_FINE;
}

/* ---- Formats ------------------------------------------------------------ */

static enum unpack_verdict unpack_gzip(struct stream *s)
{
	z_stream z = { .next_out = s->out, .avail_out = OUT_BYTES };
	enum unpack_verdict bad = UNPACK_FINE;
	int r = inflateInit2(&z, 15 + 16);

	if (r != Z_OK)
		return UNPACK_NO_MEMORY;
	while (!bad && r != Z_STREAM_END) {
		if (!z.avail_in) {
			ssize_t n = source_read(s, s->in, IN_BYTES);

			z.next_in = s->in;
			z.avail_in = n > 0 ? (unsigned int)n : 0;
			if (n <= 0)
				bad = n ? UNPACK_UNREADABLE : UNPACK_DAMAGED;
		}
		if (!bad)
			r = inflate(&z, Z_NO_FLUSH);
		if (r != Z_OK && r != Z_STREAM_END)
			bad = UNPACK_DAMAGED;
		if (!bad && (!z.avail_out || r == Z_STREAM_END)) {
			bad = sink_write(s, s->out, OUT_BYTES - z.avail_out);
			z.next_out = s->out;
			z.avail_out = OUT_BYTES;
		}
	}
	inflateEnd(&z);
	return bad;
}

static enum unpack_verdict unpack_xz(struct stream *s)
{
	lzma_stream z = LZMA_STREAM_INIT;
	enum unpack_verdict bad = UNPACK_FINE;
	lzma_ret r = lzma_stream_decoder(&z, MEMORY_MAX, 0);

	if (r != LZMA_OK)
		return UNPACK_NO_MEMORY;
	z.next_out = s->out;
	z.avail_out = OUT_BYTES;
	while (!bad && r != LZMA_STREAM_END) {
		if (!z.avail_in) {
			ssize_t n = source_read(s, s->in, IN_BYTES);

			z.next_in = s->in;
			z.avail_in = n > 0 ? (size_t)n : 0;
			if (n <= 0)
				bad = n ? UNPACK_UNREADABLE : UNPACK_DAMAGED;
		}
		if (!bad)
			r = lzma_code(&z, LZMA_RUN);
		if (r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR)
			bad = UNPACK_NO_MEMORY;
		else if (r != LZMA_OK && r != LZMA_STREAM_END)
			bad = UNPACK_DAMAGED;
		if (!bad && (!z.avail_out || r == LZMA_STREAM_END)) {
			bad = sink_write(s, s->out, OUT_BYTES - z.avail_out);
			z.next_out = s->out;
			z.avail_out = OUT_BYTES;
		}
	}
	lzma_end(&z);
	return bad;
}

static enum unpack_verdict zstd_loop(struct stream *s, ZSTD_DCtx *d)
{
	ZSTD_inBuffer in = { .src = s->in };
	size_t left = 1;

	while (left) {
		ZSTD_outBuffer out = { .dst = s->out, .size = OUT_BYTES };
		enum unpack_verdict bad;

		/* It keeps a byte of its input until all output is out. */
		if (in.pos == in.size) {
			ssize_t n = source_read(s, s->in, IN_BYTES);

			if (n <= 0)
				return n ? UNPACK_UNREADABLE : UNPACK_DAMAGED;
			in.size = (size_t)n;
			in.pos = 0;
		}
		left = ZSTD_decompressStream(d, &out, &in);
		if (ZSTD_isError(left))
			return UNPACK_DAMAGED;
		bad = out.pos ? sink_write(s, s->out, out.pos) : UNPACK_FINE;
		if (bad)
			return bad;
	}
	return UNPACK_FINE;
}

static enum unpack_verdict unpack_zstd(struct stream *s)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	enum unpack_verdict bad = UNPACK_NO_MEMORY;

	if (d) {
		ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
		bad = zstd_loop(s, d);
	}
	ZSTD_freeDCtx(d);
	return bad;
}

#ifdef HAVE_LZ4
/* The old frame that kernels use: a size and a block of up to 8 MiB each. */
#define LZ4_BLOCK	(8 * 1024 * 1024)

static bool read_whole(struct stream *s, uint8_t *to, size_t n)
{
	while (n) {
		ssize_t r = source_read(s, to, n);

		if (r <= 0)
			return false;
		to += r;
		n -= (size_t)r;
	}
	return true;
}

static enum unpack_verdict lz4_loop(struct stream *s, uint8_t *in, uint8_t *out)
{
	enum unpack_verdict bad = UNPACK_FINE;
	uint32_t size;
	int n;

	if (!read_whole(s, in, 4))
		return UNPACK_DAMAGED;
	while (!bad && s->left > 4) {
		if (!read_whole(s, (uint8_t *)&size, 4))
			return UNPACK_UNREADABLE;
		if (size > s->left || size > (uint32_t)LZ4_compressBound(LZ4_BLOCK) ||
		    !read_whole(s, in, size))
			return UNPACK_DAMAGED;
		n = LZ4_decompress_safe((char *)in, (char *)out, (int)size,
					LZ4_BLOCK);
		if (n <= 0)
			return UNPACK_DAMAGED;
		bad = sink_write(s, out, (size_t)n);
	}
	return bad;
}

static enum unpack_verdict unpack_lz4(struct stream *s)
{
	uint8_t *in = malloc(LZ4_compressBound(LZ4_BLOCK));
	uint8_t *out = malloc(LZ4_BLOCK);
	enum unpack_verdict bad = in && out ? lz4_loop(s, in, out) : UNPACK_NO_MEMORY;

	free(in);
	free(out);
	return bad;
}
#else
static enum unpack_verdict unpack_lz4(struct stream *s)
{
	(void)s;
	return UNPACK_UNSUPPORTED;
}
#endif

static enum unpack_verdict unpack_stream(struct stream *s)
{
	switch (s->u->packing) {
	case PACKING_GZIP:
		return unpack_gzip(s);
	case PACKING_XZ:
		return unpack_xz(s);
	case PACKING_ZSTD:
		return unpack_zstd(s);
	case PACKING_LZ4:
		return unpack_lz4(s);
	default:
		return UNPACK_UNSUPPORTED;
	}
}

enum unpack_verdict unpack(struct unpack *u)
{
	struct stream *s = malloc(sizeof(*s));
	enum unpack_verdict bad;

	if (!s)
		return UNPACK_NO_MEMORY;
	s->u = u;
	s->left = u->length;
	u->size = 0;
	bad = unpack_stream(s);
	free(s);
	/* Zeroes at the end were not written. */
	if (!bad && ftruncate(u->out, (off_t)u->size))
		bad = UNPACK_UNWRITABLE;
	return bad;
}
