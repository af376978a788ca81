/* SPDX-License-Identifier: MIT */
/*
 * What dnsmasq is told, and what it tells: texts for and from its files.  Pure.
 */
#ifndef SUPERVISOR_NETWORK_DNSMASQ_H
#define SUPERVISOR_NETWORK_DNSMASQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "network-config.h"

/* Has dnsmasq anything to do in this network? */
bool network_dnsmasq_needed(const struct network_config *n);

/* Each is a file's text, malloc'ed, or NULL.  RUN is the folder of the files
 * below, STATE the folder of the leases. */
char *network_dnsmasq_conf(const struct network_config *n, const char *bridge,
			   const char *run, const char *state);
char *network_dnsmasq_hosts(const struct network_config *n);
char *network_dnsmasq_names(const struct network_config *n);

struct network_lease {
	int64_t expires;		/* seconds since 1970; 0: never */
	char mac[18], ip[46];
	char name[256];			/* "" if the guest gave none */
};

/* The next line of a file of leases, from *AT on; false at its end.  Lines
 * that are none are passed over. */
bool network_lease_next(const char *text, size_t len, size_t *at,
			struct network_lease *out);

#endif
