/* SPDX-License-Identifier: MIT */
/*
 * A byte queue: written at the tail, read at the head, in one piece of memory
 * so that one write() empties it.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *data;
	size_t head, tail, cap;
};

/* Room for @n more bytes at the tail; NULL when memory is short. */
uint8_t *buf_room(struct buf *b, size_t n);
/* Append @n bytes; 0 or -ENOMEM. */
int buf_put(struct buf *b, const void *p, size_t n);
/* Drop @n bytes from the head. An empty queue gives large memory back. */
void buf_drop(struct buf *b, size_t n);
void buf_free(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
	return b->tail - b->head;
}

static inline uint8_t *buf_head(const struct buf *b)
{
	return b->data + b->head;
}

#endif
