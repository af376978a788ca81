/* SPDX-License-Identifier: MIT */
/* The decisions of nft.c, as data; see nft-rules.h. */
#include "nft-rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define ETHER_IP4	0x0800
#define ETHER_ARP	0x0806
#define ETHER_IP6	0x86dd
#define PROTO_ICMP	1
#define PROTO_TCP	6
#define PROTO_UDP	17
#define PROTO_ICMP6	58

/* The bits of a connection's state, as the kernel counts them. */
#define STATE_ESTABLISHED	2u
#define STATE_RELATED		4u

/* ---- Making rules ---- */

static struct nft_rule *rule(struct nft_rules *r, enum nft_verdict verdict)
{
	struct nft_rule *new = &r->rule[r->count < NFT_RULES_MAX ?
					r->count++ : NFT_RULES_MAX - 1];

	new->count = 0;
	new->verdict = verdict;
	return new;
}

static struct nft_test *test(struct nft_rule *r, enum nft_what what, bool not,
			     unsigned int offset, const void *value,
			     size_t len)
{
	struct nft_test *t = &r->test[r->count < NFT_TESTS_MAX ?
				      r->count++ : NFT_TESTS_MAX - 1];

	*t = (struct nft_test){ .what = what, .not = not,
				.offset = (uint8_t)offset,
				.len = (uint8_t)len };
	memcpy(t->value, value, len);
	return t;
}

static void mask(struct nft_test *t, const void *bytes)
{
	t->masked = true;
	memcpy(t->mask, bytes, t->len);
}

static void is_type(struct nft_rule *r, uint16_t ethertype)
{
	const uint16_t v = htons(ethertype);

	test(r, NFT_ETHERTYPE, false, 0, &v, 2);
}

static void is_proto(struct nft_rule *r, uint8_t proto)
{
	test(r, NFT_L4PROTO, false, 0, &proto, 1);
}

static void is_port(struct nft_rule *r, bool source, uint16_t port)
{
	const uint16_t v = htons(port);

	test(r, NFT_SEGMENT, false, source ? 0 : 2, &v, 2);
}

static void is_link(struct nft_rule *r, enum nft_what what, bool not,
		    const char *name)
{
	char v[16] = "";

	memcpy(v, name, strnlen(name, sizeof(v) - 1));
	test(r, what, not, 0, v, sizeof(v));
}

/* ---- A guest's link ---- */

#define NO_FOREIGN_IP	(NFT_NO_FOREIGN_ARP_IP | NFT_NO_FOREIGN_IP4 | \
			 NFT_NO_FOREIGN_IP6)
#define NO_FOREIGN_ARP	(NFT_NO_FOREIGN_ARP_MAC | NFT_NO_FOREIGN_ARP_IP)

static const struct {
	const char *name;
	unsigned int refused;
} filters[] = {
	{ "clean-traffic", NFT_NO_FOREIGN_MAC | NO_FOREIGN_IP |
			   NO_FOREIGN_ARP | NFT_NO_OTHER_L2 | NFT_NO_SERVERS },
	{ "no-mac-spoofing", NFT_NO_FOREIGN_MAC },
	{ "no-arp-mac-spoofing", NFT_NO_FOREIGN_ARP_MAC },
	{ "no-arp-ip-spoofing", NFT_NO_FOREIGN_ARP_IP },
	{ "no-arp-spoofing", NO_FOREIGN_ARP },
	{ "no-ip-spoofing", NFT_NO_FOREIGN_IP4 },
	{ "no-ipv6-spoofing", NFT_NO_FOREIGN_IP6 },
	{ "no-other-l2-traffic", NFT_NO_OTHER_L2 },
	{ "no-mac-broadcast", NFT_NO_BROADCAST },
	{ "no-ip-multicast", NFT_NO_MULTICAST4 },
	{ "no-ipv6-multicast", NFT_NO_MULTICAST6 },
	/* What is not refused is allowed, so these add nothing. */
	{ "allow-arp", 0 }, { "allow-dhcp", 0 }, { "allow-dhcpv6", 0 },
	{ "allow-dhcp-server", 0 }, { "allow-dhcpv6-server", 0 },
	{ "allow-ipv4", 0 }, { "allow-ipv6", 0 },
	{ "allow-incoming-ipv4", 0 }, { "allow-incoming-ipv6", 0 },
};

bool nft_filter_find(const char *name, unsigned int *refused)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if (strcmp(name, filters[i].name))
			continue;
		*refused = filters[i].refused;
		return true;
	}
	return false;
}

#define ADDRESSES_MAX	16

struct addresses {
	uint32_t ip4[ADDRESSES_MAX + 1];
	uint8_t ip6[ADDRESSES_MAX + 1][16];
	size_t count4, count6;
};

/* An address, without the prefix that may stand behind it. */
static bool add_address(struct addresses *a, const char *s)
{
	const size_t len = strcspn(s, "/");
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof(text) || a->count4 + a->count6 >= ADDRESSES_MAX)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, &a->ip4[a->count4]) == 1)
		a->count4++;
	else if (inet_pton(AF_INET6, text, a->ip6[a->count6]) == 1)
		a->count6++;
	else
		return false;
	return true;
}

static int read_addresses(const struct guest_nic *nic, uint32_t leased,
			  struct addresses *a, const char **why)
{
	memset(a, 0, sizeof(*a));
	for (size_t i = 0; i < nic->ip_count; i++) {
		if (!add_address(a, nic->ips[i])) {
			*why = "it has too many addresses";
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < nic->filter_param_count; i++) {
		if (!strcmp(nic->filter_params[i].name, "IP") &&
		    !add_address(a, nic->filter_params[i].value)) {
			*why = "the parameter IP of its filter is no address, or one too many";
			return -EINVAL;
		}
	}
	if (leased && !a->count4 && !a->count6)
		a->ip4[a->count4++] = leased;
	return 0;
}

/* Four bytes at OFFSET of the packet are none of the guest's addresses, nor
 * the one it has before it has one. */
static void not_own4(struct nft_rule *r, const struct addresses *a,
		     unsigned int offset)
{
	const uint32_t none = 0;

	for (size_t i = 0; i < a->count4; i++)
		test(r, NFT_PACKET, true, offset, &a->ip4[i], 4);
	test(r, NFT_PACKET, true, offset, &none, 4);
}

/* The same for IPv6; addresses that reach one link only are free. */
static void not_own6(struct nft_rule *r, const struct addresses *a,
		     enum nft_what what, unsigned int offset)
{
	static const uint8_t local[16] = { 0xfe, 0x80 };
	static const uint8_t ten[16] = { 0xff, 0xc0 };
	static const uint8_t none[16];

	for (size_t i = 0; i < a->count6; i++)
		test(r, what, true, offset, a->ip6[i], 16);
	test(r, what, true, offset, none, 16);
	mask(test(r, what, true, offset, local, 16), ten);
}

static void refuse_types(struct nft_rules *out)
{
	struct nft_rule *r = rule(out, NFT_REFUSE);
	static const uint16_t known[] = { ETHER_IP4, ETHER_ARP, ETHER_IP6 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const uint16_t v = htons(known[i]);

		test(r, NFT_ETHERTYPE, true, 0, &v, 2);
	}
}

static void refuse_spoofed_arp(struct nft_rules *out, unsigned int refused,
			       const uint8_t mac[6],
			       const struct addresses *a)
{
	struct nft_rule *r;

	if (refused & NFT_NO_FOREIGN_ARP_MAC) {
		r = rule(out, NFT_REFUSE);
		is_type(r, ETHER_ARP);
		test(r, NFT_PACKET, true, 8, mac, 6);
	}
	if (refused & NFT_NO_FOREIGN_ARP_IP) {
		r = rule(out, NFT_REFUSE);
		is_type(r, ETHER_ARP);
		not_own4(r, a, 14);
	}
}

static void refuse_spoofed_ip(struct nft_rules *out, unsigned int refused,
			      const struct addresses *a)
{
	static const uint8_t advertises = 136;
	struct nft_rule *r;

	if (refused & NFT_NO_FOREIGN_IP4) {
		r = rule(out, NFT_REFUSE);
		is_type(r, ETHER_IP4);
		not_own4(r, a, 12);
	}
	if (refused & NFT_NO_FOREIGN_IP6) {
		r = rule(out, NFT_REFUSE);
		is_type(r, ETHER_IP6);
		not_own6(r, a, NFT_PACKET, 8);
		r = rule(out, NFT_REFUSE);
		is_type(r, ETHER_IP6);
		is_proto(r, PROTO_ICMP6);
		test(r, NFT_SEGMENT, false, 0, &advertises, 1);
		not_own6(r, a, NFT_SEGMENT, 8);
	}
}

/* A guest that pretends to be the network: DHCP answers, routers. */
static void refuse_servers(struct nft_rules *out)
{
	static const uint8_t router = 134;
	struct nft_rule *r = rule(out, NFT_REFUSE);

	is_type(r, ETHER_IP4);
	is_proto(r, PROTO_UDP);
	is_port(r, true, 67);
	r = rule(out, NFT_REFUSE);
	is_type(r, ETHER_IP6);
	is_proto(r, PROTO_UDP);
	is_port(r, true, 547);
	r = rule(out, NFT_REFUSE);
	is_type(r, ETHER_IP6);
	is_proto(r, PROTO_ICMP6);
	test(r, NFT_SEGMENT, false, 0, &router, 1);
}

static void refuse_many(struct nft_rules *out, unsigned int refused)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t class_d = 0xe0, four = 0xf0, ff = 0xff;
	struct nft_rule *r;

	if (refused & NFT_NO_BROADCAST)
		test(rule(out, NFT_REFUSE), NFT_FRAME, false, 0, all, 6);
	if (refused & NFT_NO_MULTICAST4) {
		r = rule(out, NFT_REFUSE);
		is_type(r, ETHER_IP4);
		mask(test(r, NFT_PACKET, false, 16, &class_d, 1), &four);
	}
	if (refused & NFT_NO_MULTICAST6) {
		r = rule(out, NFT_REFUSE);
		is_type(r, ETHER_IP6);
		test(r, NFT_PACKET, false, 24, &ff, 1);
	}
}

int nft_filter_read(const struct guest_nic *nic, unsigned int *refused,
		    const char **why)
{
	*refused = 0;
	if (nic->filter && !nft_filter_find(nic->filter, refused)) {
		*why = "there is no filter of this name: clean-traffic, no-mac-spoofing, no-ip-spoofing, no-ipv6-spoofing, no-arp-spoofing, no-other-l2-traffic, no-mac-broadcast, no-ip-multicast and no-ipv6-multicast are known";
		return -EINVAL;
	}
	if (!nic->mac_any)
		*refused |= NFT_NO_FOREIGN_MAC;
	if (nic->ip_count)
		*refused |= NO_FOREIGN_IP;
	return 0;
}

int nft_link_rules(const struct guest_nic *nic, uint32_t leased,
		   struct nft_rules *out, const char **why)
{
	unsigned int refused;
	struct addresses a;

	out->count = 0;
	if (nft_filter_read(nic, &refused, why) ||
	    read_addresses(nic, leased, &a, why))
		return -EINVAL;
	if (refused & NO_FOREIGN_IP && !a.count4 && !a.count6) {
		*why = "its filter needs the address that the guest will have: name it in <ip address=\"...\"/>, or as a <host> of the network";
		return -EINVAL;
	}
	if (refused & NFT_NO_FOREIGN_MAC)
		test(rule(out, NFT_REFUSE), NFT_FRAME, true, 6, nic->mac, 6);
	if (refused & NFT_NO_OTHER_L2)
		refuse_types(out);
	refuse_spoofed_arp(out, refused, nic->mac, &a);
	refuse_spoofed_ip(out, refused, &a);
	if (refused & NFT_NO_SERVERS)
		refuse_servers(out);
	refuse_many(out, refused);
	return 0;
}

/* ---- Networks ---- */

static void take_answers(struct nft_rules *out, enum nft_what what,
			 const char *bridge)
{
	static const uint32_t known = STATE_ESTABLISHED | STATE_RELATED;
	static const uint32_t none;
	struct nft_rule *r = rule(out, NFT_TAKE);

	is_link(r, what, false, bridge);
	mask(test(r, NFT_STATE, true, 0, &none, 4), &known);
}

void nft_network_input(const struct nft_network *n, struct nft_rules *out)
{
	static const struct { uint8_t proto; uint16_t port; } open[] = {
		{ PROTO_UDP, 53 }, { PROTO_TCP, 53 }, { PROTO_UDP, 67 },
		{ PROTO_UDP, 547 }, { PROTO_ICMP, 0 }, { PROTO_ICMP6, 0 },
	};
	struct nft_rule *r;

	out->count = 0;
	if (n->forward != NFT_FORWARD_NONE)
		return;
	take_answers(out, NFT_IN, n->bridge);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		r = rule(out, NFT_TAKE);
		is_link(r, NFT_IN, false, n->bridge);
		is_proto(r, open[i].proto);
		if (open[i].port)
			is_port(r, false, open[i].port);
	}
	is_link(rule(out, NFT_REFUSE), NFT_IN, false, n->bridge);
}

/* What leaves a network by another way than by DEV, or at all. */
static void refuse_leaving(const struct nft_network *n, struct nft_rules *out)
{
	struct nft_rule *r = rule(out, NFT_REFUSE);

	is_link(r, NFT_IN, false, n->bridge);
	is_link(r, NFT_OUT, true, n->bridge);
	if (n->dev[0])
		is_link(r, NFT_OUT, true, n->dev);
}

static void refuse_entering(const struct nft_network *n,
			    struct nft_rules *out, bool by_dev)
{
	struct nft_rule *r = rule(out, NFT_REFUSE);

	is_link(r, NFT_OUT, false, n->bridge);
	is_link(r, NFT_IN, true, n->bridge);
	if (by_dev)
		is_link(r, NFT_IN, true, n->dev);
}

/* Nobody in the network speaks for somebody outside. */
static void refuse_foreign(const struct nft_network *n, struct nft_rules *out)
{
	struct nft_rule *r;

	if (!n->mask)
		return;
	r = rule(out, NFT_REFUSE);
	is_link(r, NFT_IN, false, n->bridge);
	is_type(r, ETHER_IP4);
	mask(test(r, NFT_PACKET, true, 12, &n->net, 4), &n->mask);
}

void nft_network_forward(const struct nft_network *n, struct nft_rules *out)
{
	out->count = 0;
	switch (n->forward) {
	case NFT_FORWARD_NONE:
		refuse_leaving(n, out);
		refuse_entering(n, out, false);
		break;
	case NFT_FORWARD_NAT:
		refuse_foreign(n, out);
		if (n->dev[0])
			refuse_leaving(n, out);
		take_answers(out, NFT_OUT, n->bridge);
		refuse_entering(n, out, false);
		break;
	case NFT_FORWARD_ROUTE:
		refuse_foreign(n, out);
		if (n->dev[0]) {
			refuse_leaving(n, out);
			refuse_entering(n, out, true);
		}
		break;
	}
}

void nft_network_leave(const struct nft_network *n, struct nft_rules *out)
{
	struct nft_rule *r;

	out->count = 0;
	if (n->forward != NFT_FORWARD_NAT || !n->mask)
		return;
	r = rule(out, NFT_MASQUERADE);
	is_type(r, ETHER_IP4);
	mask(test(r, NFT_PACKET, false, 12, &n->net, 4), &n->mask);
	mask(test(r, NFT_PACKET, true, 16, &n->net, 4), &n->mask);
	is_link(r, NFT_OUT, true, n->bridge);
}
