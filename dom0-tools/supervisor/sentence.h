/* SPDX-License-Identifier: MIT */
/* Why something is not done, as a sentence that travels up to who asked. */
#ifndef SUPERVISOR_SENTENCE_H
#define SUPERVISOR_SENTENCE_H

#include <stddef.h>

/* *WHY becomes the sentence, the caller's to free; NULL for want of memory.
 * What was there is not freed. */
void say(char **why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, and returns RC. */
int refuse(char **why, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* How much of TEXT, which is UTF-8 but for where it was cut, is in its first
 * MAX bytes and whole letters: with half a one it could not be written down. */
size_t utf8_cut(const char *text, size_t max);

#endif
