/* SPDX-License-Identifier: MIT */
/* A viewer's request line; see attach.h. */
#include "attach.h"

#include <string.h>

#define DOMIDS	0x7ff0u		/* DOMID_FIRST_RESERVED */

bool attach_parse(const char *line, uint32_t *domid, bool *wait)
{
	uint32_t id = 0;
	const char *s;

	if (strncmp(line, "attach ", 7))
		return false;
	for (s = line + 7; *s >= '0' && *s <= '9'; s++) {
		id = id * 10 + (*s - '0');
		if (id >= DOMIDS)
			return false;
	}
	if (s == line + 7 || (*s && strcmp(s, " wait")))
		return false;
	*domid = id;
	*wait = *s != 0;
	return true;
}
