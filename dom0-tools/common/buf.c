/* SPDX-License-Identifier: MIT */
/* The byte queue; see buf.h. Always: head <= tail <= cap. */
#include "buf.h"

#include <errno.h>
#include <stdlib.h>

#define BUF_KEEP	65536u

uint8_t *buf_room(struct buf *b, size_t n)
{
	const size_t len = buf_len(b);
	size_t cap = b->cap ? b->cap : 1024;
	uint8_t *data;

	if (b->cap - b->tail >= n)
		return b->data + b->tail;
	/* Slide down when that alone makes room and is cheap. */
	if (b->cap - len >= n && b->head >= len) {
		memcpy(b->data, b->data + b->head, len);
		b->head = 0;
		b->tail = len;
		return b->data + len;
	}
	if (n > SIZE_MAX / 4 || len > SIZE_MAX / 4)
		return NULL;
	while (cap < len + n)
		cap *= 2;
	data = malloc(cap);
	if (!data)
		return NULL;
	if (len)
		memcpy(data, b->data + b->head, len);
	free(b->data);
	b->data = data;
	b->cap = cap;
	b->head = 0;
	b->tail = len;
	return data + len;
}

int buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to = buf_room(b, n);

	if (!to)
		return -ENOMEM;
	memcpy(to, p, n);
	b->tail += n;
	return 0;
}

void buf_drop(struct buf *b, size_t n)
{
	b->head += n;
	if (b->head < b->tail)
		return;
	b->head = b->tail = 0;
	if (b->cap > BUF_KEEP)
		buf_free(b);
}

void buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}
