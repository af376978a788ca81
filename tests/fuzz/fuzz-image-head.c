/* SPDX-License-Identifier: MIT */
/* The head of an image that a guest may have written. */
#include <stdlib.h>
#include <string.h>

#include "supervisor/image-head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_head h;

	for (int f = GUEST_DISK_RAW; f <= GUEST_DISK_VDI; f++) {
		const uint8_t *tail = size >= IMAGE_TAIL_SIZE ?
			data + size - IMAGE_TAIL_SIZE : NULL;
		const char *bad = image_head_check((enum guest_disk_format)f,
						   data, size, tail, &h);

		if (bad && !*bad)
			abort();
		for (const char *c = h.backing; *c; c++) {
			if (*c < 0x20 || *c > 0x7e)
				abort();
		}
		if (strlen(h.backing) >= sizeof(h.backing))
			abort();
	}
	return 0;
}
