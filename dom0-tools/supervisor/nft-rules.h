/* SPDX-License-Identifier: MIT */
/*
 * Which packets may pass: rules as plain data, made by pure functions.
 *
 * A rule is a list of tests, all of which must hold, and what happens then.
 * A packet that no rule decides is accepted.  "None of these addresses" is
 * several tests in one rule, so no rule needs a set.  nft.c tells the kernel.
 */
#ifndef SUPERVISOR_NFT_RULES_H
#define SUPERVISOR_NFT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctrl-config.h"

#define NFT_TESTS_MAX	24
#define NFT_RULES_MAX	24

enum nft_what {
	NFT_FRAME,		/* bytes of the Ethernet header */
	NFT_PACKET,		/* bytes of the network header */
	NFT_SEGMENT,		/* bytes of the transport header */
	NFT_ETHERTYPE,		/* 2 bytes, network order; past a VLAN tag */
	NFT_L4PROTO,		/* 1 byte */
	NFT_IN, NFT_OUT,	/* the names of links, 16 bytes with NULs */
	NFT_STATE,		/* of the connection: 4 bytes, host order */
};

struct nft_test {
	enum nft_what what;
	bool not;		/* holds when the bytes differ */
	bool masked;
	uint8_t offset, len;	/* len <= 16 */
	uint8_t value[16], mask[16];
};

enum nft_verdict { NFT_TAKE, NFT_REFUSE, NFT_MASQUERADE };

struct nft_rule {
	struct nft_test test[NFT_TESTS_MAX];
	size_t count;
	enum nft_verdict verdict;
};

struct nft_rules {
	struct nft_rule rule[NFT_RULES_MAX];
	size_t count;
};

/* ---- What a guest's link may send ---- */

/* What is refused. */
enum {
	NFT_NO_FOREIGN_MAC = 1,
	NFT_NO_FOREIGN_ARP_MAC = 2,
	NFT_NO_FOREIGN_ARP_IP = 4,
	NFT_NO_FOREIGN_IP4 = 8,
	NFT_NO_FOREIGN_IP6 = 16,
	NFT_NO_OTHER_L2 = 32,		/* than ARP, IPv4 and IPv6 */
	NFT_NO_SERVERS = 64,		/* DHCP servers, IPv6 routers */
	NFT_NO_BROADCAST = 128,
	NFT_NO_MULTICAST4 = 256,
	NFT_NO_MULTICAST6 = 512,
};

/* What the filter of this name, one of libvirt's, refuses; false: unknown. */
bool nft_filter_find(const char *name, unsigned int *refused);
/* The same of all that an interface says; -EINVAL and *why, a static sentence,
 * when its filter is unknown. */
int nft_filter_read(const struct guest_nic *nic, unsigned int *refused,
		    const char **why);

/*
 * The rules for this interface, whose MAC address is set: no other address
 * unless mac_any, no foreign IP address if the XML names its own in <ip>, and
 * what its <filterref> says.  LEASED is the address that its network always
 * gives it (network byte order, 0: none).  Returns 0; -EINVAL and *why, a
 * static sentence, when the filter is unknown, or needs an address and none is
 * known.
 */
int nft_link_rules(const struct guest_nic *nic, uint32_t leased,
		   struct nft_rules *out, const char **why);

/* ---- A network ---- */

enum nft_forward {
	NFT_FORWARD_NONE,	/* isolated: guest to guest only */
	NFT_FORWARD_NAT,
	NFT_FORWARD_ROUTE,
};

struct nft_network {
	enum nft_forward forward;
	char bridge[16];
	char dev[16];		/* the only way out, or "" */
	uint32_t net, mask;	/* IPv4, network byte order; mask 0: none */
};

/* The rules for packets to dom0, through it, and on their way out of it. */
void nft_network_input(const struct nft_network *n, struct nft_rules *out);
void nft_network_forward(const struct nft_network *n, struct nft_rules *out);
void nft_network_leave(const struct nft_network *n, struct nft_rules *out);

#endif
