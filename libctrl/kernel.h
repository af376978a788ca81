/* SPDX-License-Identifier: MIT */
/* A guest's kernel as an ELF file, however it came. */
#ifndef CTRL_KERNEL_H
#define CTRL_KERNEL_H

#include <hyp/elf.h>

#include "private.h"

struct kernel {
	int fd;				/* the ELF file */
	struct elf_image elf;
};

/*
 * Open the kernel at path, unpack it if it is packed (or find it unpacked in
 * the directory cache, "" for none), and read its notes.
 */
int kernel_open(struct ctrl *c, const char *path, const char *cache,
		struct kernel *k);
void kernel_close(struct kernel *k);

/* cache.c: unpacked kernels, by the hash of their packed form. */

/* The cached file of this name (and size, if that is known), or -errno. */
int cache_find(const char *dir, const char *name, uint64_t expected,
	       uint64_t *size);
/* An empty file that may go into the cache later; anonymous until then. */
int cache_new(const char *dir);
/* Put it there under its name and throw out the oldest beyond the bound. */
void cache_keep(const char *dir, int fd, const char *name);

#endif
