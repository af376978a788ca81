/* SPDX-License-Identifier: MIT */
/* Little-endian numbers in foreign bytes, at any alignment. */
#pragma once

#include <hyp/types.h>

static inline u16 get16(const u8 *p)
{
	return p[0] | p[1] << 8;
}

static inline u32 get32(const u8 *p)
{
	return get16(p) | (u32)get16(p + 2) << 16;
}

static inline u64 get64(const u8 *p)
{
	return get32(p) | (u64)get32(p + 4) << 32;
}
