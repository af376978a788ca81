/* SPDX-License-Identifier: MIT */
/* Opening what a guest's disk is made of; see disk-source.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk-source.h"

int disk_source_open(const struct guest_disk *d, const char *guest, bool again,
		     struct disk_source *out, char **why)
{
	(void)guest, (void)again;
	memset(out, 0, sizeof(*out));
	out->fd = -1;
	if (asprintf(why, "%s: disks are not supported yet",
		     d->source ? d->source : "an empty drive") < 0)
		*why = NULL;
	return -EOPNOTSUPP;
}

int disk_source_adopt(const struct guest_disk *d, const char *guest,
		      struct disk_source *out)
{
	(void)d, (void)guest;
	memset(out, 0, sizeof(*out));
	out->fd = -1;
	return -EOPNOTSUPP;
}

void disk_source_handed(struct disk_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void disk_source_close(struct disk_source *s)
{
	disk_source_handed(s);
	free(s->export_name);
	s->export_name = NULL;
}

const char *disk_source_mode_name(enum disk_source_mode mode)
{
	return mode == DISK_SOURCE_NBD ? "nbd" : "file";
}
