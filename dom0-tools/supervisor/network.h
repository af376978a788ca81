/* SPDX-License-Identifier: MIT */
/*
 * Networks of guests: a bridge each, what may pass it, and a dnsmasq for
 * addresses and names.
 *
 * A network is described by a file in NETWORK_DIR (the XML, NAME.xml; a file
 * NAME.autostart beside it says that it starts with the supervisor).  One that
 * runs has a folder NETWORK_RUN/NAME with what it was started as, from which
 * a supervisor that comes up finds it again; bridge, rules and dnsmasq do not
 * need the supervisor.  The network "default" is written when there is no
 * NETWORK_DIR yet.
 *
 *   network.c         the table, the files, requests
 *   network-run.c     starting and stopping one
 *   network-dnsmasq.c, nft-rules.c   what dnsmasq and the kernel are told, pure
 *
 * One lock in network.c protects the table and is held while a network is
 * started or stopped, which takes milliseconds.
 */
#ifndef SUPERVISOR_NETWORK_H
#define SUPERVISOR_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "network-config.h"

#ifndef NETWORK_DIR
#define NETWORK_DIR	"/etc/bulkhead/networks"
#endif
#ifndef NETWORK_RUN
#define NETWORK_RUN	"/run/bulkhead/networks"
#endif
#ifndef NETWORK_STATE
#define NETWORK_STATE	"/var/lib/bulkhead/networks"
#endif

struct worker;
struct job;

/* Reads what there is, takes over what runs, starts what shall start by
 * itself.  Called once, before threads. */
void networks_load(void);

/* What a link needs to know of the network it shall be in. */
struct network_port {
	char bridge[16];
	uint32_t mtu;
	bool isolated;
	uint16_t vlan;			/* 0: none */
	bool ours;			/* the bridge is, so it may be changed */
	uint32_t leased;		/* the guest's fixed address, or 0 */
};

/*
 * Gives a card with address MAC a place in network NAME, which is started if
 * it does not run.  0, or a negative errno with *why, a sentence for the
 * caller to free.
 */
int network_join(const char *name, const uint8_t mac[6],
		 struct network_port *out, char **why);

/* Is there network NAME?  -ENOENT with *why, as network_join() says it. */
int network_check(const char *name, char **why);

/* What is known of network NAME without starting it; all zero: nothing. */
void network_look(const char *name, struct network_port *out);
/* Guests' cards have come to the supervisor: bridges that are there may be
 * theirs. */
void networks_look_at_bridges(void);

/* The jobs net-define, net-undefine, net-start, net-stop, net-autostart,
 * net-list, net-info and net-dump-xml. */
void network_request(struct worker *w, struct job *j);

/* ---- network-run.c; the caller holds the lock ---- */

struct network {
	struct network *next;
	char *name;
	struct network_config *defined;	/* NULL: gone when it stops */
	struct network_config *running;	/* what it was started as, or NULL */
	char bridge[16];		/* while it runs */
	bool autostart;
	int dnsmasq;			/* pidfd, or -1 */
	unsigned int deaths;		/* of dnsmasq, lately */
	uint64_t died_ns;
};

/* 0, or a negative errno with *why; nothing is left then. */
int network_run_start(struct network *n, char **why);
/* Ends it, also if half of it is gone. */
void network_run_stop(struct network *n);
/* After a restart of the supervisor: n->running and n->bridge come from its
 * folder.  False: it does not run (any more), and what was left is gone. */
bool network_run_find(struct network *n);
/* dnsmasq ended by itself: start it again. */
void network_run_revive(struct network *n);
int network_run_pid(const struct network *n);
/* Its leases, as JSON, or NULL. */
struct json_t *network_run_leases(const struct network *n);
/* The links of guests in it, as a JSON array of names. */
struct json_t *network_run_ports(const struct network *n);

#endif
