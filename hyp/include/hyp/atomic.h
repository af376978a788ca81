/* SPDX-License-Identifier: MIT */
/*
 * Atomic access to shared words, sequentially consistent unless the name
 * says otherwise.  Built on the compiler's own, so the host's sanitisers
 * understand them.
 */
#pragma once

#include <hyp/types.h>

#define atomic_load(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_store(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define atomic_xchg(p, v)	__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define atomic_add(p, v)	__atomic_add_fetch(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_add(p, v)	__atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define atomic_sub(p, v)	__atomic_sub_fetch(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_or(p, v)	__atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_and(p, v)	__atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
/* True when *p was *old and is now new; else *old holds what *p was. */
#define atomic_cas(p, old, new) \
	__atomic_compare_exchange_n(p, old, new, false, \
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define memory_barrier()	__atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Bit operations on arrays of 64-bit words, as the ABI's bitmaps are. */
static inline bool bit_test(const u64 *map, unsigned bit)
{
	return READ_ONCE(map[bit / 64]) & BIT(bit % 64);
}

static inline bool bit_test_and_set(u64 *map, unsigned bit)
{
	return atomic_fetch_or(&map[bit / 64], BIT(bit % 64)) & BIT(bit % 64);
}

static inline bool bit_test_and_clear(u64 *map, unsigned bit)
{
	return atomic_fetch_and(&map[bit / 64], ~BIT(bit % 64)) &
	       BIT(bit % 64);
}
