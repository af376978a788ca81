/* SPDX-License-Identifier: MIT */
/*
 * The description of a network: what stands in its XML, checked.
 *
 * network_config_parse() turns the bytes of a libvirt network document into a
 * struct network_config, or into sentences that say what is wrong with it, as
 * guest_config_parse() does for guests (ctrl-config.h), and is as pure.
 */
#ifndef NETWORK_CONFIG_H
#define NETWORK_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctrl-config.h"

#define NETWORK_NAME_MAX	50
#define NETWORK_BRIDGE_MAX	15
#define NETWORK_HOSTS_MAX	1024
#define NETWORK_NAMES_MAX	256

enum network_forward {
	NETWORK_ISOLATED,	/* no <forward>: guest to guest only */
	NETWORK_NAT,
	NETWORK_ROUTE,
	NETWORK_BRIDGE,		/* a bridge that somebody else made */
};

/* <host> of <dhcp>: this card always gets this address. */
struct network_host {
	uint8_t mac[6];
	bool has_mac;
	char *name;		/* or NULL; a host has a MAC or a name */
	struct in_addr ip;	/* inside the network */
	unsigned int line;
};

/* <host> of <dns>: a name and its address. */
struct network_name {
	char *ip;		/* IPv4 or IPv6, as text */
	char *name;
};

struct network_config {
	char *name;		/* 1..NETWORK_NAME_MAX of A-Za-z0-9_.-, no
				 * '.' or '-' first */
	char *uuid;		/* as written, or NULL */
	char *title;
	enum network_forward forward;
	char dev[16];		/* the only way out, or "" */
	char bridge[16];	/* "" = choose one; never "" with
				 * NETWORK_BRIDGE */
	bool stp;
	uint32_t delay_cs;
	uint8_t mac[6];
	bool mac_given;
	uint32_t mtu;		/* 0 = 1500 */
	uint16_t vlan;		/* of every card, 0 = none */
	bool isolated;		/* every card from every other */

	/* IPv4; prefix 0 = the control domain has no address here. */
	struct in_addr ip;
	unsigned int prefix;	/* 8..30 */
	unsigned int ip_line;
	bool dhcp;
	struct in_addr first, last;	/* if dhcp; inside the network */
	uint32_t lease_seconds;		/* 0 = dnsmasq's own */
	struct network_host *hosts;	/* if dhcp */
	size_t host_count;

	/* IPv6; prefix6 0 = none. */
	struct in6_addr ip6;
	unsigned int prefix6;

	char *domain;		/* or NULL */
	bool domain_local;
	bool dns;		/* names are answered; true unless switched off */
	struct network_name *names;
	size_t name_count;
	char **forwarders;	/* addresses that are asked instead of those of
				 * the control domain's resolv.conf */
	size_t forwarder_count;

	char *xml;		/* the document as it came, xml_len bytes + NUL */
	size_t xml_len;
};

/* As guest_config_parse(): 0, or -EINVAL and an error in REPORT, or -ENOMEM.
 * REPORT is freed with guest_config_report_free(). */
int network_config_parse(const char *xml, size_t len, const char *file,
			 struct network_config **out,
			 struct guest_config_report *report);
void network_config_free(struct network_config *n);

bool network_name_valid(const char *name);
const char *network_forward_name(enum network_forward f);
/* 255.255.255.0 for 24, in network byte order; 0 for 0. */
uint32_t network_mask(unsigned int prefix);

/* The text of the network "default", for 192.168.THIRD.0/24; malloc'ed. */
char *network_default_xml(unsigned int third);

#endif
