/* SPDX-License-Identifier: MIT */
/* The table of networks; see network.h. */
#include "network.h"

#include <errno.h>
#include <stdio.h>

int network_join(const char *name, const uint8_t mac[6],
		 struct network_port *out, char **why)
{
	(void)mac, (void)out;
	if (asprintf(why, "there is no network \"%s\"", name) < 0)
		*why = NULL;
	return -ENOENT;
}
