/* SPDX-License-Identifier: MIT */
/*
 * Networks of guests: a bridge each, what may pass it, and a dnsmasq for
 * addresses and names.
 *
 * A network is described by a file in NETWORK_DIR (the XML, NAME.xml; a file
 * NAME.autostart beside it says that it starts with the supervisor).  One that
 * runs has a record in NETWORK_RUN, from which a supervisor that comes up
 * finds it again; bridge, rules and dnsmasq do not need the supervisor.  The
 * network "default" is written when there is no NETWORK_DIR yet.
 *
 * One lock in network.c protects the table; it is held while a network is
 * started or stopped, which takes milliseconds.
 */
#ifndef SUPERVISOR_NETWORK_H
#define SUPERVISOR_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "network-config.h"

struct conn;
struct worker;
struct job;

/* Reads what there is, and starts what shall start by itself.  Called once. */
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

/* ---- Jobs: net-define, net-undefine, net-start, net-stop, net-autostart,
 * net-list, net-info, net-dump-xml ---- */

void network_request(struct worker *w, struct job *j);

#endif
