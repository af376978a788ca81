/* SPDX-License-Identifier: MIT */
/* The life of a handle. */
#include <errno.h>
#include <stdlib.h>

#include "private.h"

int ctrl_open(struct ctrl **out)
{
	struct ctrl *c = calloc(1, sizeof(*c));

	*out = c;
	if (!c)
		return -ENOMEM;
	c->privcmd = -1;
	return privcmd_open(c);
}

void ctrl_close(struct ctrl *c)
{
	if (!c)
		return;
	ctrl_store_close(c->store);
	privcmd_close(c);
	free(c->window);
	free(c);
}
