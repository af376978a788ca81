/* SPDX-License-Identifier: MIT */
/*
 * Helpers that need no machine, no lock and no global.  The memory and string
 * functions keep their C names, because the compiler calls them by itself.
 */
#pragma once

#include <stdarg.h>

#include <hyp/types.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/* Copies at most size - 1 bytes and always ends with a NUL (size > 0). */
void str_copy(char *to, const char *from, size_t size);

/*
 * printf for us: %s %% and %d %u %x with l ll z, width and zeroes in front,
 * precision for %s.  Returns the length that the whole
 * text would have, like C's snprintf.
 */
int hyp_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int hyp_snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/*
 * Reads an unsigned number (decimal, 0x hex, 0 octal) with an optional
 * suffix K M G T (powers of 1024).  *end points behind what was read.
 * Returns false when there is no digit or the value does not fit.
 */
bool str_to_u64(const char *s, const char **end, u64 *value);
