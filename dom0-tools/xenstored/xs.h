/* SPDX-License-Identifier: MIT */
/*
 * The whole state of the store in one struct: what a restart would have to
 * bring back is reachable from here and nowhere else. The core (this struct
 * and the modules that take it) knows no socket, no ring and no clock; the
 * shell around it fills in struct xs_shell.
 */
#ifndef XS_H
#define XS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/list.h"
#include "dom.h"
#include "journal.h"
#include "quota.h"
#include "store.h"
#include "watch.h"

#define DOM0_BIRTH	1

/* What the core asks of the world around it. */
struct xs_shell {
	/* Does the hypervisor have such a domain, not dying? */
	bool (*domain_exists)(void *arg, uint32_t domid);
	/* Make (or make anew) the ring connection of @d; 0 or -errno. */
	int (*introduce)(void *arg, struct domain *d, uint32_t port);
	/* Unmap and unbind; d->conn is freed by this. */
	void (*release)(void *arg, struct domain *d);
	void *arg;
};

struct xs {
	struct store store;
	struct watch_table watches;
	struct domain **by_domid;	/* DOMAIN_IDS entries */
	struct link domains;		/* every record */
	uint32_t nr_domains;
	struct domain *dom0;
	uint64_t births;
	struct quota quota;
	int64_t reserve;	/* common write credit, times 1000 */
	struct link conns;
	struct link dirty;	/* connections that the shell should look at */
	struct link throttled;	/* rings that wait for write credit */
	uint32_t next_conn_id;
	bool scan_fire;		/* the running scan found something */
	struct path req_path;	/* scratch: the path of the running request */
	struct path path2;	/* scratch: paths found while walking */
	const struct xs_shell *shell;
	struct journal *journal;	/* NULL: nothing is kept */
};

/* @key: a secret random number. 0 or -ENOMEM. */
int xs_init(struct xs *xs, uint64_t key, const struct xs_shell *shell);
/* All connections must be gone. */
void xs_free(struct xs *xs);

#endif
