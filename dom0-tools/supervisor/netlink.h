/* SPDX-License-Identifier: MIT */
/*
 * What the supervisor asks of the kernel's network: links, bridges and their
 * ports, addresses, and the queue in front of a link.  Each function is one
 * request with its answer; all of them return 0 or a negative errno, as the
 * kernel gave it.
 */
#ifndef SUPERVISOR_NETLINK_H
#define SUPERVISOR_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mnl_socket;

struct netlink {
	struct mnl_socket *socket;
	unsigned int seq, port;
};

int netlink_open(struct netlink *nl);
void netlink_close(struct netlink *nl);

struct netlink_link {
	unsigned int index, master;	/* 0: none */
	uint32_t mtu;
	bool up, running;
	bool bridge, vlan_filtering, tun;
	char name[16];
	uint8_t mac[6];
};

/* -ENODEV when there is no such link. */
int netlink_link_find(struct netlink *nl, const char *name,
		      struct netlink_link *out);
/* Calls FN for every link, or those with this master (0: all); ends early
 * when FN returns false. */
int netlink_link_each(struct netlink *nl, unsigned int master,
		      bool (*fn)(void *ctx, const struct netlink_link *l),
		      void *ctx);

/* To hear what happens to links, in NL, which is for nothing else then. */
int netlink_listen(struct netlink *nl);
int netlink_fd(const struct netlink *nl);
/* Calls FN for every link of which there is news; does not wait for any.
 * -ENOBUFS: some was lost. */
int netlink_news(struct netlink *nl,
		 bool (*fn)(void *ctx, const struct netlink_link *l),
		 void *ctx);

/* What shall change; a member that is zero stays as it is. */
struct netlink_change {
	uint32_t mtu;
	const uint8_t *mac;
	unsigned int master;
	bool up, down;
	bool no_ipv6;			/* no address of its own accord */
};

int netlink_link_set(struct netlink *nl, unsigned int index,
		     const struct netlink_change *c);
int netlink_link_del(struct netlink *nl, unsigned int index);

struct netlink_bridge {
	const char *name;
	const uint8_t *mac;
	uint32_t mtu;			/* 0: 1500 */
	bool stp;
	uint32_t delay_cs;		/* forward delay, hundredths of seconds */
};

int netlink_bridge_add(struct netlink *nl, const struct netlink_bridge *b);
/* Tell ports apart by VLAN.  -EOPNOTSUPP when the kernel cannot. */
int netlink_bridge_filter_vlans(struct netlink *nl, unsigned int index);
/* Isolated ports reach no other isolated port. */
int netlink_port_isolate(struct netlink *nl, unsigned int index, bool on);
/* The port's one VLAN: untagged on its side. */
int netlink_port_vlan(struct netlink *nl, unsigned int index, uint16_t vid);

int netlink_addr_add(struct netlink *nl, unsigned int index, int family,
		     const void *addr, unsigned int prefix);

/* Is there a route, other than the default, or an address that overlaps with
 * this IPv4 network (host byte order)?  1 and the link's name, 0, or an
 * error.  Links called EXCEPT do not count. */
int netlink_overlap(struct netlink *nl, uint32_t net, unsigned int prefix,
		    const char *except, char name[16]);

/* At most RATE bytes a second leave through this link, in bursts of BURST
 * bytes, at PEAK bytes a second within them (0: no limit).  RATE 0: no limit
 * at all. */
int netlink_rate(struct netlink *nl, unsigned int index, uint64_t rate,
		 uint64_t peak, uint32_t burst, uint32_t mtu);

#endif
