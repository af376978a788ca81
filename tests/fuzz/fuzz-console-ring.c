/* SPDX-License-Identifier: MIT */
/*
 * A guest that sets the console's indices as it likes, between our own steps.
 * Input: bytes, each two bits of what happens and the rest by how much.
 */
#include <stdlib.h>
#include <string.h>

#include "consoled/attach.h"
#include "consoled/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(const uint8_t *data, size_t size)
{
	char text[ATTACH_LINE_MAX] = "";
	uint32_t domid;
	bool wait;

	if (size >= sizeof(text))
		size = sizeof(text) - 1;
	memcpy(text, data, size);
	if (attach_parse(text, &domid, &wait) && domid >= 0x7ff0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly sized memory: a step outside is seen. */
	struct xencons_interface *page = calloc(1, sizeof(*page));
	struct console_ring ring;
	uint8_t bytes[3000];
	uint32_t *index[4];
	ssize_t n;

	if (!page)
		return 0;
	line(data, size);
	index[0] = &page->in_cons;
	index[1] = &page->in_prod;
	index[2] = &page->out_cons;
	index[3] = &page->out_prod;
	if (size >= sizeof(uint32_t) * 2)
		memcpy(&page->out_cons, data, 2 * sizeof(uint32_t));
	console_ring_init(&ring, page);
	for (size_t i = 0; i < size; i++) {
		const uint32_t by = (uint32_t)(data[i] >> 4) *
				    (data[i] & 8 ? 171 : 1);

		if (data[i] & 1)
			*index[data[i] >> 1 & 3] += by;
		n = data[i] & 4 ? console_ring_look(&ring, bytes, by)
				: console_ring_put(&ring, bytes, by);
		if (n > (ssize_t)by)
			abort();
		if (data[i] & 4 && n > 0)
			console_ring_pass(&ring, (size_t)n);
	}
	free(page);
	return 0;
}
