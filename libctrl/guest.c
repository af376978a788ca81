/* SPDX-License-Identifier: MIT */
/* Guests that run: their names, and what they are asked to do. */
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ctrl-config.h>

#define LIST_STEP	64

static int store_fail(struct ctrl *c, int rc)
{
	return ctrl_fail(c, rc, "%s", ctrl_store_error(c->store));
}

/* A write would make the nodes of a guest anew that has just gone, and nobody
 * would remove those: its home is looked at in the same transaction. */
static int write_to_living(struct ctrl_store *s, uint32_t tx, uint16_t domid,
			   const char *node, const char *value)
{
	char home[32], path[64], *at;
	int rc;

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	rc = ctrl_store_read(s, tx, home, &at, NULL);
	if (rc)
		return rc;
	free(at);
	snprintf(path, sizeof(path), "%s/%s", home, node);
	return ctrl_store_write(s, tx, path, value, strlen(value));
}

int ctrl_guest_request(struct ctrl *c, uint16_t domid, const char *what)
{
	struct ctrl_store *s = ctrl_store(c);
	uint32_t tx;
	int rc, r;

	if (!s)
		return -EIO;
	do {
		rc = ctrl_store_begin(s, &tx);
		if (rc)
			break;
		rc = write_to_living(s, tx, domid, "control/shutdown", what);
		r = ctrl_store_end(s, tx, !rc);
		rc = rc ? rc : r;
	} while (rc == -EAGAIN);
	if (rc == -ENOENT)
		return ctrl_fail(c, -ESRCH, "it has ended");
	return rc ? store_fail(c, rc) : 0;
}

int ctrl_guest_name(struct ctrl *c, uint16_t domid, char *buf, size_t n)
{
	struct ctrl_store *s = ctrl_store(c);
	char path[64];
	int rc;

	if (!s)
		return -EIO;
	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	rc = ctrl_store_read_into(s, 0, path, buf, n);
	return rc ? store_fail(c, rc) : 0;
}

int ctrl_guest_rename(struct ctrl *c, uint16_t domid, const char *name)
{
	struct ctrl_store *s = ctrl_store(c);
	struct ctrl_batch *b;
	char path[128], vm[64];
	int rc;

	if (!s)
		return -EIO;
	snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
	rc = ctrl_store_read_into(s, 0, path, vm, sizeof(vm));
	b = rc ? NULL : ctrl_batch_new(s);
	if (!b)
		return rc ? store_fail(c, rc) :
			    ctrl_fail(c, -ENOMEM, "out of memory");
	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	ctrl_batch_write_text(b, path, "%s", name);
	snprintf(path, sizeof(path), "%s/name", vm);
	ctrl_batch_write_text(b, path, "%s", name);
	rc = ctrl_batch_run(b, true);
	ctrl_batch_free(b);
	return rc ? store_fail(c, rc) : 0;
}

/* A whole decimal number that can be a domain's id, or -1. */
static int as_domid(const char *text)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return -1;
	n = strtoul(text, &end, 10);
	return *end || n >= CTRL_DOMID_FIRST_RESERVED ? -1 : (int)n;
}

/* Which of n domains has this name?  -ENOENT. */
static int find_name(struct ctrl *c, const struct ctrl_domain_info *d, int n,
		     const char *name)
{
	struct ctrl_store *s = ctrl_store(c);
	struct ctrl_batch *b = s ? ctrl_batch_new(s) : NULL;
	char path[64], *value[LIST_STEP] = { NULL };
	int i, rc, found = -ENOENT;

	if (!b)
		return s ? ctrl_fail(c, -ENOMEM, "out of memory") : -EIO;
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/name",
			 d[i].domid);
		ctrl_batch_read(b, path, &value[i]);
	}
	rc = ctrl_batch_run(b, false);
	ctrl_batch_free(b);
	for (i = 0; i < n; i++) {
		if (found < 0 && value[i] && !strcmp(value[i], name))
			found = d[i].domid;
		free(value[i]);
	}
	return rc ? store_fail(c, rc) : found;
}

int ctrl_guest_find(struct ctrl *c, const char *name)
{
	struct ctrl_domain_info d[LIST_STEP];
	int id = as_domid(name), n = LIST_STEP, rc = -ENOENT;
	uint16_t first = 0;

	if (id >= 0) {
		rc = ctrl_domain_info(c, (uint16_t)id, d);
		return rc ? rc : id;
	}
	while (n == LIST_STEP && rc == -ENOENT) {
		n = ctrl_domain_list(c, first, d, LIST_STEP);
		if (n > 0)
			rc = find_name(c, d, n, name);
		else
			rc = n ? n : rc;
		first = n > 0 ? d[n - 1].domid + 1 : 0;
	}
	if (rc == -ENOENT)
		rc = ctrl_fail(c, -ESRCH, "there is no guest \"%s\"", name);
	return rc;
}
