/* SPDX-License-Identifier: MIT */
/* blkback itself: disks of NBD servers are served by blkback-nbd. */
#include "image.h"

#include <errno.h>
#include <stdio.h>

int image_nbd_open(struct image **out, struct loop *loop, int fd,
		   const char *export, void (*gone)(void *arg, const char *why),
		   void *gone_arg, char *why, unsigned int why_len)
{
	(void)out, (void)loop, (void)fd, (void)export, (void)gone;
	(void)gone_arg;
	snprintf(why, why_len, "an NBD source needs blkback-nbd");
	return -ENOSYS;
}
