/* SPDX-License-Identifier: MIT */
/* The console page; see ring.h. */
#include "ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define PAGE_READ(field)	(*(volatile uint32_t *)&(field))
#define PAGE_WRITE(field, v)	(*(volatile uint32_t *)&(field) = (v))

void console_ring_init(struct console_ring *r, struct xencons_interface *page)
{
	r->page = page;
	r->out_cons = PAGE_READ(page->out_cons);
	r->in_prod = PAGE_READ(page->in_prod);
}

ssize_t console_ring_look(struct console_ring *r, void *to, size_t max)
{
	const uint32_t size = sizeof(r->page->out);
	const uint32_t prod = PAGE_READ(r->page->out_prod);
	const uint32_t at = r->out_cons & (size - 1);
	uint32_t n = prod - r->out_cons;

	if (n > size) {
		r->out_cons = prod;
		PAGE_WRITE(r->page->out_cons, prod);
		return -EIO;
	}
	if (n > max)
		n = max;
	/* The bytes are read after the index that announced them. */
	atomic_thread_fence(memory_order_acquire);
	if (n <= size - at) {
		memcpy(to, r->page->out + at, n);
	} else {
		memcpy(to, r->page->out + at, size - at);
		memcpy((char *)to + (size - at), r->page->out,
		       n - (size - at));
	}
	return n;
}

void console_ring_pass(struct console_ring *r, size_t n)
{
	/* The space is given back after it was read. */
	atomic_thread_fence(memory_order_seq_cst);
	r->out_cons += (uint32_t)n;
	PAGE_WRITE(r->page->out_cons, r->out_cons);
}

ssize_t console_ring_put(struct console_ring *r, const void *from, size_t n)
{
	const uint32_t size = sizeof(r->page->in);
	const uint32_t at = r->in_prod & (size - 1);
	const uint32_t used = r->in_prod - PAGE_READ(r->page->in_cons);

	if (used > size)
		return -EIO;
	if (n > size - used)
		n = size - used;
	atomic_thread_fence(memory_order_acquire);
	if (n <= size - at) {
		memcpy(r->page->in + at, from, n);
	} else {
		memcpy(r->page->in + at, from, size - at);
		memcpy(r->page->in, (const char *)from + (size - at),
		       n - (size - at));
	}
	/* The bytes are there before the index says so. */
	atomic_thread_fence(memory_order_release);
	r->in_prod += n;
	PAGE_WRITE(r->page->in_prod, r->in_prod);
	return n;
}
