/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a network's document, and as dnsmasq's file of leases.  What
 * must hold: either a configuration that keeps the promises of
 * network-config.h, whose texts for dnsmasq have only lines that we wrote; or
 * at least one error.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "network-config.h"
#include "supervisor/network-dnsmasq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x) do { if (!(x)) abort(); } while (0)

static bool inside(const struct network_config *n, struct in_addr a)
{
	return !((a.s_addr ^ n->ip.s_addr) & network_mask(n->prefix));
}

static size_t lines(const char *s)
{
	size_t n = 0;

	while ((s = strchr(s, '\n')))
		s++, n++;
	return n;
}

static void check_texts(const struct network_config *n)
{
	char *conf = network_dnsmasq_conf(n, "b", "/r", "/s");
	char *hosts = network_dnsmasq_hosts(n);
	char *names = network_dnsmasq_names(n);

	PROMISE(conf && hosts && names);
	PROMISE(lines(conf) <= 24 + n->forwarder_count);
	PROMISE(lines(hosts) == n->host_count);
	PROMISE(lines(names) == n->name_count);
	free(conf);
	free(hosts);
	free(names);
}

static void check_promises(const struct network_config *n)
{
	PROMISE(network_name_valid(n->name) && !strchr(n->name, '/'));
	PROMISE(n->forward != NETWORK_BRIDGE || n->bridge[0]);
	PROMISE(!n->prefix || (n->prefix >= 8 && n->prefix <= 30));
	PROMISE(!n->dhcp || (n->prefix && inside(n, n->first) &&
			     inside(n, n->last)));
	PROMISE(!n->host_count || n->dhcp);
	for (size_t i = 0; i < n->host_count; i++)
		PROMISE(inside(n, n->hosts[i].ip) &&
			(n->hosts[i].has_mac || n->hosts[i].name));
	check_texts(n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_config_report report;
	struct network_config *n;
	struct network_lease l;
	size_t at = 0;
	int rc = network_config_parse((const char *)data, size, "f", &n,
				      &report);

	if (!rc)
		check_promises(n);
	else
		PROMISE(!n && (report.errors || rc != -22));
	guest_config_report_free(&report);
	network_config_free(n);
	while (network_lease_next((const char *)data, size, &at, &l))
		PROMISE(!strpbrk(l.name, "\n\"\\\033") && strlen(l.mac) == 17);
	return 0;
}
