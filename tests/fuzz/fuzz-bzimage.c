/* SPDX-License-Identifier: MIT */
/* Any bytes as a boot image: what is taken lies in the file. */
#include <stdint.h>
#include <stdlib.h>

#include "bzimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bzimage b;

	if (bzimage_parse(data, size, size, &b) == NULL &&
	    (b.offset > size || b.length > size - b.offset))
		abort();
	packing_of(data, size);
	return 0;
}
