/* SPDX-License-Identifier: MIT */
/* What we ask of the compiler beyond C11. */
#pragma once

#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))
#ifndef __noreturn
#define __noreturn	__attribute__((noreturn))
#endif
#define __noinline	__attribute__((noinline))
#define __printf(f, a)	__attribute__((format(printf, f, a)))
#ifndef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#endif
#define __must_check	__attribute__((warn_unused_result))

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)	(((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define DIV_UP(x, a)	(((x) + (a) - 1) / (a))
#define BIT(n)		(1ULL << (n))

/* One access, of the object's own size, that the compiler may not repeat. */
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier()	__asm__ volatile("" ::: "memory")
