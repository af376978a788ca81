/* SPDX-License-Identifier: MIT */
/* Two small things that several files do with bytes. */
#ifndef CTRL_BYTES_H
#define CTRL_BYTES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Are all of these (at least one) zero? */
static inline bool bytes_are_zero(const uint8_t *p, size_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

/* Exactly n bytes of a file, or -errno; -ENODATA if it ends before. */
static inline int bytes_read(int fd, void *to, size_t n, uint64_t at)
{
	char *p = to;

	while (n) {
		ssize_t r = pread(fd, p, n, (off_t)at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -ENODATA;
		p += r;
		n -= (size_t)r;
		at += (uint64_t)r;
	}
	return 0;
}

#endif
