/* SPDX-License-Identifier: MIT */
/*
 * Kernel files.  A plain ELF file is used as it is.  A boot image, or a file
 * packed as a whole, is unpacked into another file, which the cache keeps
 * under the hash of the packed bytes: who starts it again finds it there.
 */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "bzimage.h"
#include "hash.h"
#include "unpack.h"

#define HASH_STEP	65536

/* A packed kernel within a file. */
struct packed {
	const char *path;
	int fd;
	uint64_t offset, length;
	enum packing packing;
	uint64_t size;			/* unpacked; 0: not known */
	char name[2 * HASH_BYTES + 1];	/* in the cache */
};

static int bad(struct ctrl *c, const char *path, const char *sentence)
{
	return ctrl_fail(c, -ENOEXEC, "kernel %s %s", path, sentence);
}

static int bad_file(struct ctrl *c, const char *path, int rc)
{
	return ctrl_fail(c, rc, "kernel %s: %s", path, ctrl_cause(rc));
}

static int open_file(struct ctrl *c, const char *path, uint64_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) {
		int rc = bad_file(c, path, -errno);

		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return bad(c, path, "is not a file");
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

/* ---- ELF ---------------------------------------------------------------- */

static int read_notes(struct ctrl *c, const char *path, struct kernel *k,
		      const struct elf_range *r)
{
	const char *sentence;
	void *bytes = malloc(r->size);
	int rc;

	if (!bytes)
		return bad_file(c, path, -ENOMEM);
	rc = bytes_read(k->fd, bytes, r->size, r->offset);
	if (rc) {
		free(bytes);
		return bad_file(c, path, rc);
	}
	sentence = elf_parse_notes(bytes, r->size, r->align, &k->elf);
	free(bytes);
	return sentence ? bad(c, path, sentence) : 0;
}

/* Headers from the first n bytes, then the notes that they name. */
static int read_elf(struct ctrl *c, const char *path, const void *head,
		    size_t n, uint64_t size, struct kernel *k)
{
	const char *sentence = elf_parse_headers(head, n, size, &k->elf);
	uint32_t i;
	int rc = 0;

	if (sentence)
		return bad(c, path, sentence);
	for (i = 0; !rc && i < k->elf.nr_note_ranges; i++)
		rc = read_notes(c, path, k, &k->elf.note_range[i]);
	if (rc)
		return rc;
	sentence = elf_finish(&k->elf);
	return sentence ? bad(c, path, sentence) : 0;
}

/* ---- Packed ------------------------------------------------------------- */

/* Where is the packed kernel, and how is it packed? */
static int find_packed(struct ctrl *c, const void *head, size_t n,
		       uint64_t size, struct packed *p)
{
	uint8_t magic[PACKING_MAGIC_BYTES], tail[4];
	struct bzimage b = { .offset = 0, .length = size };
	const char *sentence = NULL;
	bool whole = !bzimage_is(head, n);
	int rc;

	if (!whole)
		sentence = bzimage_parse(head, n, size, &b);
	else if (packing_of(head, n) == PACKING_UNKNOWN)
		sentence = "is neither an ELF file nor a Linux boot image";
	if (sentence)
		return bad(c, p->path, sentence);
	rc = bytes_read(p->fd, magic, sizeof(magic), b.offset);
	if (!rc)
		rc = bytes_read(p->fd, tail, sizeof(tail),
			     b.offset + b.length - sizeof(tail));
	if (rc)
		return bad_file(c, p->path, rc);
	p->packing = packing_of(magic, sizeof(magic));
	if (p->packing == PACKING_UNKNOWN || p->packing >= PACKING_BZIP2)
		return ctrl_fail(c, -ENOEXEC, "kernel %s is packed with %s, which is not supported", p->path,
				 packing_name(p->packing));
	p->offset = b.offset;
	p->length = b.length;
	/* The last four bytes are the unpacked size; only gzip's own. */
	if (!whole)
		p->size = tail[0] | tail[1] << 8 | tail[2] << 16 |
			  (uint64_t)tail[3] << 24;
	if (!whole && p->packing != PACKING_GZIP)
		p->length -= sizeof(tail);
	if (p->size > UNPACK_MAX_BYTES)
		return bad(c, p->path, unpack_sentence(UNPACK_TOO_LARGE));
	return 0;
}

static int name_packed(struct ctrl *c, struct packed *p)
{
	uint64_t at = p->offset, left = p->length;
	uint8_t sum[HASH_BYTES];
	uint8_t *step = malloc(HASH_STEP);
	struct hash h;
	int rc = step ? 0 : -ENOMEM;
	size_t n, i;

	hash_init(&h);
	for (; !rc && left; at += n, left -= n) {
		n = left < HASH_STEP ? (size_t)left : HASH_STEP;
		rc = bytes_read(p->fd, step, n, at);
		if (!rc)
			hash_add(&h, step, n);
	}
	free(step);
	if (rc)
		return bad_file(c, p->path, rc);
	hash_end(&h, sum);
	for (i = 0; i < sizeof(sum); i++)
		snprintf(p->name + 2 * i, 3, "%02x", sum[i]);
	return 0;
}

/* Unpack into a new file; its descriptor. */
static int unpack_packed(struct ctrl *c, const struct packed *p, int out,
			 uint64_t *size)
{
	struct unpack u = {
		.in = p->fd, .offset = p->offset, .length = p->length,
		.packing = p->packing, .out = out,
		.max = p->size ? p->size : UNPACK_MAX_BYTES,
	};
	enum unpack_verdict v = unpack_sandboxed(&u);

	if (v != UNPACK_FINE)
		return bad(c, p->path, unpack_sentence(v));
	if (p->size && u.size != p->size)
		return bad(c, p->path, unpack_sentence(UNPACK_DAMAGED));
	*size = u.size;
	return 0;
}

/* Read the ELF file that k->fd is. */
static int read_unpacked(struct ctrl *c, const char *path, uint64_t size,
			 struct kernel *k)
{
	uint8_t head[ELF_HEAD_BYTES];
	size_t n = size < sizeof(head) ? (size_t)size : sizeof(head);
	int rc = bytes_read(k->fd, head, n, 0);

	return rc ? bad_file(c, path, rc) :
	       read_elf(c, path, head, n, size, k);
}

/*
 * From the cache if it is there.  What is unpacked goes into the cache only
 * after it was found to be a kernel.
 */
static int open_packed(struct ctrl *c, struct packed *p, const char *cache,
		       struct kernel *k)
{
	uint64_t size = 0;
	int rc = *cache ? name_packed(c, p) : 0;

	if (rc)
		return rc;
	k->fd = *cache ? cache_find(cache, p->name, p->size, &size) : -ENOENT;
	if (k->fd >= 0)
		return read_unpacked(c, p->path, size, k);
	k->fd = cache_new(cache);
	if (k->fd < 0)
		return ctrl_fail(c, k->fd, "kernel %s cannot be unpacked: %s",
				 p->path, ctrl_cause(k->fd));
	rc = unpack_packed(c, p, k->fd, &size);
	if (!rc)
		rc = read_unpacked(c, p->path, size, k);
	if (!rc && *cache)
		cache_keep(cache, k->fd, p->name);
	return rc;
}

int kernel_open(struct ctrl *c, const char *path, const char *cache,
		struct kernel *k)
{
	uint8_t head[ELF_HEAD_BYTES];
	struct packed p = { .path = path };
	uint64_t size = 0;
	size_t n;
	int rc;

	k->fd = -1;
	p.fd = open_file(c, path, &size);
	if (p.fd < 0)
		return p.fd;
	n = size < sizeof(head) ? (size_t)size : sizeof(head);
	rc = bytes_read(p.fd, head, n, 0);
	if (rc) {
		rc = bad_file(c, path, rc);
	} else if (elf_is_elf(head, n)) {
		k->fd = p.fd;
		p.fd = -1;
		rc = read_elf(c, path, head, n, size, k);
	} else {
		rc = find_packed(c, head, n, size, &p);
		if (!rc)
			rc = open_packed(c, &p, cache, k);
	}
	if (p.fd >= 0)
		close(p.fd);
	if (rc)
		kernel_close(k);
	return rc;
}

void kernel_close(struct kernel *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}
