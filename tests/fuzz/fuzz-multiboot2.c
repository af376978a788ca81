/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as boot information.  What must hold of what is accepted: strings
 * end inside the bytes, modules and ranges are in order.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <asm/firmware.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x)	do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info bi;
	uint32_t i;

	if (multiboot2_parse(data, size, &bi))
		return 0;
	PROMISE(bi.loader_size <= size);
	PROMISE(strlen(bi.cmdline) < size);
	PROMISE(bi.module_count <= BOOT_MODULES_MAX);
	PROMISE(bi.range_count <= BOOT_RANGES_MAX);
	for (i = 0; i < bi.module_count; i++) {
		PROMISE(bi.module[i].start <= bi.module[i].end);
		PROMISE(strlen(bi.module[i].cmdline) < size);
	}
	for (i = 0; i < bi.range_count; i++) {
		PROMISE(bi.range[i].size > 0);
		PROMISE(bi.range[i].type >= 1 && bi.range[i].type <= 5);
		PROMISE(!i || bi.range[i - 1].start + bi.range[i - 1].size <=
			bi.range[i].start);
	}
	return 0;
}
