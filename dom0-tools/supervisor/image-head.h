/* SPDX-License-Identifier: MIT */
/*
 * What the head of a disk image says of itself, as far as it decides whether
 * we hand the image to a server.  Pure: bytes in, a verdict out.
 *
 * The format is known before (the XML names it); this only finds out that the
 * bytes contradict it, and whether the image leans on other files.  Those are
 * names that whoever wrote the image chose, so they are never opened because
 * an image says so.
 */
#ifndef IMAGE_HEAD_H
#define IMAGE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctrl-config.h"

#define IMAGE_HEAD_SIZE		4096	/* bytes that are worth reading */
#define IMAGE_TAIL_SIZE		512	/* a VHD of fixed size ends in its mark */

struct image_head {
	bool has_backing;
	char backing[256];	/* its name, cut and made printable */
};

/*
 * Looks at the first LEN bytes of an image of FORMAT and at its last
 * IMAGE_TAIL_SIZE bytes (TAIL; NULL if it is shorter).  Returns NULL and fills
 * *OUT, or says in a few words why it cannot be served.
 */
const char *image_head_check(enum guest_disk_format format,
			     const uint8_t *head, size_t len,
			     const uint8_t *tail, struct image_head *out);

/* The name QEMU has for it, which is also the XML's. */
const char *image_format_name(enum guest_disk_format format);

#endif
