/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a packed kernel; the first one chooses how it is packed.  The
 * result stays within its bound, and a good verdict means that all of it was
 * written.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x)	do { if (!(x)) abort(); } while (0)
#define MAX_BYTES	(1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum packing all[] = {
		PACKING_GZIP, PACKING_XZ, PACKING_ZSTD, PACKING_LZ4,
	};
	struct unpack u = { .max = MAX_BYTES };
	struct stat st;

	if (!size)
		return 0;
	u.packing = all[data[0] & 3];
	u.length = size - 1;
	u.in = memfd_create("in", 0);
	u.out = memfd_create("out", 0);
	if (u.in >= 0 && u.out >= 0 &&
	    write(u.in, data + 1, size - 1) == (ssize_t)(size - 1) &&
	    unpack(&u) == UNPACK_FINE)
		PROMISE(!fstat(u.out, &st) && (uint64_t)st.st_size == u.size);
	PROMISE(u.size <= MAX_BYTES);
	close(u.in);
	close(u.out);
	return 0;
}
