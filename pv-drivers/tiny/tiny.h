/* SPDX-License-Identifier: MIT */
/*
 * tiny: a guest to start from.  It runs in what the builder gives it, one
 * processor, no interrupts (it sleeps in SCHEDOP_poll), no libc.
 *
 * Pseudo-physical memory is mapped in one line from VIRT_BASE on.  The builder
 * maps the start of it, up to a multiple of 4 MiB with half a MiB to spare;
 * VIRT_BASE lies 1 MiB before such a multiple, so that a guest of 1 MiB is
 * possible.  tiny/mm.c maps the rest when somebody wants it.
 */
#ifndef TINY_H
#define TINY_H

#define VIRT_BASE	0xffffffff80300000
#define VIRT_END	0xffffffffc0000000
#define STACK_BYTES	16384
#define NR_TRAPS	20

#define MARK_FIRST	0x030001
#define MARK_MAIN	0x030002

#ifndef __ASSEMBLER__
#include <pv/pv.h>

/* ---- mm.c: pages ---- */
void mm_init(struct pv *pv);
void *mm_pages(struct pv *pv, unsigned int nr);
void mm_free(void *at, unsigned int nr);
unsigned long mm_free_pages(void);

/* ---- trap.c ---- */
void trap_init(void);

/* ---- os.c ---- */
void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
/* To the console: %s, %c, %d, %u, %lu, %x, %lx with widths like %8u, %02x. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The value of "name=value" on the command line, or NULL; ends at a space. */
const char *argument(const char *name);
unsigned long argument_number(const char *name, unsigned long otherwise);

/* ---- start.c ---- */
extern struct pv pv;
void tiny_start(struct start_info *start) __attribute__((noreturn));

/* What the guest does: tiny/main.c, or an example.  0: power off; else the
 * guest ends as a crash. */
int main(void);
#endif

#endif
