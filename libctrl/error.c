/* SPDX-License-Identifier: MIT */
/* The last error of a handle, as a sentence for people. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

/* The text of a negative errno; strerrordesc_np() needs no locale, no lock. */
const char *ctrl_cause(int rc)
{
	const char *text = strerrordesc_np(-rc);

	return text ? text : "Unknown error";
}

int ctrl_fail(struct ctrl *c, int rc, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(c->error, sizeof(c->error), format, ap);
	va_end(ap);
	return rc;
}

int ctrl_fail_domain(struct ctrl *c, int rc, uint16_t domid, const char *what)
{
	if (rc == -ESRCH)
		return ctrl_fail(c, rc, "domain %u: there is no such domain",
				 domid);
	return ctrl_fail(c, rc, "domain %u: cannot %s: %s", domid, what,
			 ctrl_cause(rc));
}

const char *ctrl_error(const struct ctrl *c)
{
	return c ? c->error : "out of memory";
}
