/* SPDX-License-Identifier: MIT */
/* From a network's XML to struct network_config; see network-config.h. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config-doc.h"
#include "config-value.h"
#include "network-config.h"

const char *network_forward_name(enum network_forward f)
{
	static const char *const names[] = {
		[NETWORK_ISOLATED] = "isolated", [NETWORK_NAT] = "nat",
		[NETWORK_ROUTE] = "route", [NETWORK_BRIDGE] = "bridge",
	};

	return names[f];
}

uint32_t network_mask(unsigned int prefix)
{
	return htonl((uint32_t)~((1ull << (32 - prefix)) - 1));
}

bool network_name_valid(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t len = strlen(name);

	return len && len <= NETWORK_NAME_MAX && name[0] != '.' &&
	       name[0] != '-' && strspn(name, letters) == len;
}

/* What Linux takes as the name of a network device, and no file's path or
 * dnsmasq's option could be. */
static bool device_valid(const char *s)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t len = strlen(s);

	return len && len <= NETWORK_BRIDGE_MAX && s[0] != '.' &&
	       s[0] != '-' && strspn(s, letters) == len;
}

/* A name in the DNS: letters, digits, dashes, and dots between them. */
static bool host_valid(const char *s)
{
	size_t len = strlen(s), label = 0;

	if (!len || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char c = s[i];

		if (c == '.') {
			if (!label || s[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || (c == '-' && label) ||
		      c == '_'))
			return false;
		if (++label > 63)
			return false;
	}
	return label && s[len - 1] != '-';
}

static bool inside(const struct network_config *n, struct in_addr a)
{
	const uint32_t mask = network_mask(n->prefix);

	return n->prefix && !((a.s_addr ^ n->ip.s_addr) & mask);
}

/* Inside, and neither the network itself nor its broadcast address. */
static bool usable(const struct network_config *n, struct in_addr a)
{
	const uint32_t host = a.s_addr & ~network_mask(n->prefix);

	return inside(n, a) && host && host != ~network_mask(n->prefix);
}

/* ---- The head ---- */

static void take_name(struct parse *p, xmlNode *x, void *at)
{
	struct network_config *n = at;

	n->name = doc_text(p, x);
	if (n->name && !network_name_valid(n->name))
		doc_error(p, x, NULL, "a network's name has 1 to %u letters, digits, '_', '.' and '-', and begins with none of the last two",
			  NETWORK_NAME_MAX);
}

static void take_uuid(struct parse *p, xmlNode *x, void *at)
{
	struct network_config *n = at;
	uint8_t bytes[16];

	n->uuid = doc_text(p, x);
	if (n->uuid && !value_uuid(n->uuid, bytes))
		doc_error(p, x, NULL, "it is not a UUID");
}

static void take_title(struct parse *p, xmlNode *x, void *at)
{
	((struct network_config *)at)->title = doc_text(p, x);
}

/* Attribute NAME as a device's name into OUT. */
static void take_device(struct parse *p, xmlNode *x, const char *name,
			char out[16])
{
	const char *v = doc_attr(x, name);

	if (v && device_valid(v))
		memcpy(out, v, strlen(v) + 1);
	else if (v)
		doc_error(p, x, name, "it cannot be the name of a network device: up to %u letters, digits, '_', '.' and '-'",
			  NETWORK_BRIDGE_MAX);
}

static void take_forward(struct parse *p, xmlNode *x, void *at)
{
	static const char *const modes[] = {
		"none", "nat", "route", "bridge", NULL
	};
	struct network_config *n = at;
	const char *mode = doc_attr(x, "mode");
	int which = mode ? doc_pick(mode, modes) : NETWORK_NAT;

	if (which < 0)
		doc_error(p, x, "mode", "the mode may be nat, route, bridge or none");
	else
		n->forward = (enum network_forward)which;
	take_device(p, x, "dev", n->dev);
}

static void take_forward_interface(struct parse *p, xmlNode *x, void *at)
{
	take_device(p, x, "dev", ((struct network_config *)at)->dev);
}

static const struct element forward_children[] = {
	{ "interface", TAKE, .attrs = "dev -connections",
	  .take = take_forward_interface, .children = doc_nothing },
	{ "nat", WARN, .why = "it is ignored: the kernel chooses ports" },
	{ "driver", REFUSE, .why = "devices are not passed through" },
	{ "pf", REFUSE, .why = "devices are not passed through" },
	{ "address", REFUSE, .why = "devices are not passed through" },
	{ 0 }
};

static void take_bridge(struct parse *p, xmlNode *x, void *at)
{
	struct network_config *n = at;
	const char *delay = doc_attr(x, "delay");
	bool stp = false;
	uint32_t seconds;

	take_device(p, x, "name", n->bridge);
	/* libvirt's STP is on by default, with a delay of 0, which is off. */
	if (doc_attr_bool(p, x, "stp", &stp) && delay &&
	    doc_attr_u32(p, x, "delay", 0, 30, &seconds) && seconds) {
		n->stp = stp;
		n->delay_cs = (seconds < 2 ? 2 : seconds) * 100;
	}
}

static void take_mac(struct parse *p, xmlNode *x, void *at)
{
	struct network_config *n = at;
	const char *v = doc_attr(x, "address"), *why;

	if (!v)
		doc_error(p, x, NULL, "it needs an address");
	else if (!value_mac(v, n->mac, &why))
		doc_error(p, x, "address", "the address %s", why);
	else
		n->mac_given = true;
}

static void take_mtu(struct parse *p, xmlNode *x, void *at)
{
	if (!doc_attr(x, "size"))
		doc_error(p, x, NULL, "it needs a size");
	doc_attr_u32(p, x, "size", 68, 65535,
		     &((struct network_config *)at)->mtu);
}

static void take_tag(struct parse *p, xmlNode *x, void *at)
{
	uint32_t v;

	if (!doc_attr(x, "id"))
		doc_error(p, x, NULL, "it needs an id");
	else if (doc_attr_u32(p, x, "id", 1, 4094, &v))
		((struct network_config *)at)->vlan = (uint16_t)v;
}

static void take_vlan(struct parse *p, xmlNode *x, void *at)
{
	bool trunk = false;

	(void)at;
	if (doc_attr_bool(p, x, "trunk", &trunk) && trunk)
		doc_error(p, x, "trunk", "trunks of several VLANs are not supported; a network can be in one");
}

static const struct element vlan_children[] = {
	{ "tag", TAKE, .attrs = "id", .take = take_tag,
	  .children = doc_nothing },
	{ 0 }
};

static void take_port(struct parse *p, xmlNode *x, void *at)
{
	doc_attr_bool(p, x, "isolated",
		      &((struct network_config *)at)->isolated);
}

static void take_domain(struct parse *p, xmlNode *x, void *at)
{
	struct network_config *n = at;
	const char *v = doc_attr(x, "name");

	if (!v || !host_valid(v))
		doc_error(p, x, v ? "name" : NULL, "it needs a name of letters, digits, dashes and dots");
	else
		doc_set(p, &n->domain, v);
	doc_attr_bool(p, x, "localOnly", &n->domain_local);
}

/* ---- <ip> and <dhcp> ---- */

static bool read_ip4(struct parse *p, xmlNode *x, const char *name,
		     struct in_addr *out)
{
	const char *v = doc_attr(x, name);

	if (v && inet_pton(AF_INET, v, out) == 1)
		return true;
	doc_error(p, x, v ? name : NULL, "it needs an IPv4 address as %s",
		  name);
	return false;
}

static void take_range(struct parse *p, xmlNode *x, void *at)
{
	struct network_config *n = at;
	xmlNode *lease = doc_child(x, "lease");
	struct in_addr first, last;
	const char *unit;
	uint32_t count;

	if (!n->prefix || !read_ip4(p, x, "start", &first) ||
	    !read_ip4(p, x, "end", &last))
		return;
	if (!usable(n, first) || !usable(n, last))
		doc_error(p, x, usable(n, first) ? "end" : "start", "it is not an address of this network");
	else if (ntohl(first.s_addr) > ntohl(last.s_addr))
		doc_error(p, x, "end", "the range ends before it begins");
	n->first = first;
	n->last = last;
	n->dhcp = true;
	if (!lease || !doc_attr_u32(p, lease, "expiry", 0, 1000000, &count))
		return;
	unit = doc_attr(lease, "unit");
	n->lease_seconds = count * (!unit || !strcmp(unit, "minutes") ? 60 :
				    !strcmp(unit, "hours") ? 3600 : 1);
	if (!count)
		n->lease_seconds = UINT32_MAX;
	else if (n->lease_seconds < 120)
		n->lease_seconds = 120;
}

static void take_host(struct parse *p, xmlNode *x, void *at)
{
	struct network_config *n = at;
	const char *mac = doc_attr(x, "mac"), *name = doc_attr(x, "name");
	struct network_host h = { .line = (unsigned int)xmlGetLineNo(x) };
	struct network_host *grown;
	const char *why;

	if (!n->prefix || !read_ip4(p, x, "ip", &h.ip))
		return;
	if (!usable(n, h.ip) || h.ip.s_addr == n->ip.s_addr)
		doc_error(p, x, "ip", "it is not an address for a guest of this network");
	if (mac && !value_mac(mac, h.mac, &why))
		doc_error(p, x, "mac", "the address %s", why);
	if (name && !host_valid(name))
		doc_error(p, x, "name", "a name has letters, digits and dashes");
	if (!mac && !name)
		doc_error(p, x, NULL, "it needs a mac or a name");
	for (size_t i = 0; i < n->host_count; i++) {
		if (n->hosts[i].ip.s_addr == h.ip.s_addr)
			doc_error(p, x, "ip", "the host in line %u has this address",
				  n->hosts[i].line);
	}
	if (n->host_count >= NETWORK_HOSTS_MAX) {
		doc_error(p, x, NULL, "a network may have at most %u hosts",
			  NETWORK_HOSTS_MAX);
		return;
	}
	grown = reallocarray(n->hosts, n->host_count + 1, sizeof(*grown));
	if (!grown) {
		p->oom = true;
		return;
	}
	n->hosts = grown;
	h.has_mac = mac != NULL;
	h.name = name ? doc_copy(p, name) : NULL;
	grown[n->host_count++] = h;
}

static const struct element range_children[] = {
	{ "lease", TAKE, .attrs = "expiry unit", .children = doc_nothing },
	{ 0 }
};

static const struct element host_children[] = {
	{ "lease", WARN, .why = "it is ignored: all leases are as long as the <range> says" },
	{ 0 }
};

static const struct element dhcp_children[] = {
	{ "range", TAKE, .attrs = "start end", .take = take_range,
	  .children = range_children },
	{ "host", TAKE, .many = true, .attrs = "mac name ip ~id",
	  .take = take_host, .children = host_children },
	{ "bootp", REFUSE, .why = "guests do not boot from the network" },
	{ 0 }
};

static const struct element ip_children[] = {
	{ "dhcp", TAKE, .children = dhcp_children },
	{ "tftp", REFUSE, .why = "guests do not boot from the network" },
	{ 0 }
};

static void take_ip6(struct parse *p, xmlNode *x, struct network_config *n)
{
	const char *v = doc_attr(x, "address");
	uint32_t prefix = 64;

	if (n->prefix6) {
		doc_error(p, x, NULL, "a network has one IPv6 address");
		return;
	}
	if (!v || inet_pton(AF_INET6, v, &n->ip6) != 1) {
		doc_error(p, x, v ? "address" : NULL, "it needs an IPv6 address");
		return;
	}
	doc_attr_u32(p, x, "prefix", 8, 126, &prefix);
	n->prefix6 = prefix;
	if (doc_has_child(x, "dhcp"))
		doc_warning(p, x, NULL, "<dhcp> is ignored here: IPv6 guests choose addresses by themselves, from the router's advertisements");
}

/* The prefix that a mask like 255.255.255.0 says; 0 if it is none. */
static unsigned int mask_prefix(const char *s)
{
	struct in_addr a;
	unsigned int n = 0;

	if (inet_pton(AF_INET, s, &a) != 1)
		return 0;
	while (n < 32 && ntohl(a.s_addr) & 1u << (31 - n))
		n++;
	return n && network_mask(n) == a.s_addr ? n : 0;
}

static void take_ip4(struct parse *p, xmlNode *x, struct network_config *n)
{
	const char *mask = doc_attr(x, "netmask");
	uint32_t prefix = 0;

	if (n->ip_line) {
		doc_error(p, x, NULL, "a network has one IPv4 address (the first is in line %u)",
			  n->ip_line);
		return;
	}
	n->ip_line = (unsigned int)xmlGetLineNo(x);
	if (!read_ip4(p, x, "address", &n->ip))
		return;
	if (mask)
		prefix = mask_prefix(mask);
	else
		doc_attr_u32(p, x, "prefix", 1, 32, &prefix);
	if (prefix < 8 || prefix > 30) {
		doc_error(p, x, mask ? "netmask" : NULL, "it needs a netmask from 255.0.0.0 to 255.255.255.252, or a prefix from 8 to 30");
		return;
	}
	n->prefix = prefix;
	if (!usable(n, n->ip) || (ntohl(n->ip.s_addr) >> 24) == 127 ||
	    (ntohl(n->ip.s_addr) >> 28) >= 14)
		doc_error(p, x, "address", "it cannot be the control domain's address in this network");
	doc_walk(p, x, ip_children, n);
}

static void take_ip(struct parse *p, xmlNode *x, void *at)
{
	const char *family = doc_attr(x, "family");

	if (family && !strcmp(family, "ipv6"))
		take_ip6(p, x, at);
	else if (!family || !strcmp(family, "ipv4"))
		take_ip4(p, x, at);
	else
		doc_error(p, x, "family", "it must be ipv4 or ipv6");
}

/* ---- <dns> ---- */

static void add_name(struct parse *p, xmlNode *x, struct network_config *n,
		     const char *ip)
{
	struct network_name *grown;
	char *name = doc_text(p, x);

	if (!name)
		return;
	grown = n->name_count < NETWORK_NAMES_MAX ?
		reallocarray(n->names, n->name_count + 1, sizeof(*grown)) :
		NULL;
	if (!host_valid(name) || !grown) {
		doc_error(p, x, NULL, grown ? "a name has letters, digits, dashes and dots" :
			  "there are too many names");
		free(name);
		if (grown)
			n->names = grown;
		return;
	}
	n->names = grown;
	grown[n->name_count++] = (struct network_name){ doc_copy(p, ip), name };
}

static void take_dns_host(struct parse *p, xmlNode *x, void *at)
{
	const char *ip = doc_attr(x, "ip");

	if (!ip || !value_ip(ip)) {
		doc_error(p, x, ip ? "ip" : NULL, "it needs an IPv4 or IPv6 address as ip");
		return;
	}
	for (xmlNode *c = xmlFirstElementChild(x); c;
	     c = xmlNextElementSibling(c)) {
		if (!strcmp((const char *)c->name, "hostname"))
			add_name(p, c, at, ip);
		else
			doc_error(p, c, NULL, "only <hostname> may stand here");
	}
}

static void take_forwarder(struct parse *p, xmlNode *x, void *at)
{
	struct network_config *n = at;
	const char *v = doc_attr(x, "addr");
	char **grown;

	if (!v || !value_ip(v) || n->forwarder_count >= 16) {
		doc_error(p, x, v ? "addr" : NULL, "it needs an IPv4 or IPv6 address as addr, and there may be 16 of them");
		return;
	}
	grown = reallocarray(n->forwarders, n->forwarder_count + 1,
			     sizeof(*grown));
	if (!grown) {
		p->oom = true;
		return;
	}
	n->forwarders = grown;
	grown[n->forwarder_count++] = doc_copy(p, v);
}

static void take_dns(struct parse *p, xmlNode *x, void *at)
{
	bool plain = false;

	doc_attr_bool(p, x, "enable", &((struct network_config *)at)->dns);
	if (doc_attr_bool(p, x, "forwardPlainNames", &plain) && plain)
		doc_warning(p, x, "forwardPlainNames", "it is ignored: names without a dot stay here");
}

static const struct element dns_children[] = {
	{ "host", TAKE, .many = true, .attrs = "ip", .take = take_dns_host },
	{ "forwarder", TAKE, .many = true, .attrs = "addr",
	  .take = take_forwarder, .children = doc_nothing },
	{ "txt", WARN, .why = "it is ignored" },
	{ "srv", WARN, .why = "it is ignored" },
	{ 0 }
};

/* ---- <network> ---- */

static const struct element network_children[] = {
	{ "name", TAKE, .take = take_name },
	{ "uuid", TAKE, .take = take_uuid },
	{ "title", TAKE, .take = take_title },
	{ "forward", TAKE, .attrs = "mode dev -managed", .take = take_forward,
	  .children = forward_children },
	{ "bridge", TAKE, .attrs = "name stp delay ~zone ~macTableManager",
	  .take = take_bridge, .children = doc_nothing },
	{ "mac", TAKE, .attrs = "address", .take = take_mac,
	  .children = doc_nothing },
	{ "mtu", TAKE, .attrs = "size", .take = take_mtu,
	  .children = doc_nothing },
	{ "vlan", TAKE, .attrs = "trunk", .take = take_vlan,
	  .children = vlan_children },
	{ "port", TAKE, .attrs = "isolated", .take = take_port,
	  .children = doc_nothing },
	{ "domain", TAKE, .attrs = "name localOnly ~register",
	  .take = take_domain, .children = doc_nothing },
	{ "dns", TAKE, .attrs = "enable forwardPlainNames", .take = take_dns,
	  .children = dns_children },
	{ "ip", TAKE, .many = true,
	  .attrs = "address netmask prefix family ~localPtr",
	  .take = take_ip },
	{ "bandwidth", WARN, .why = "it is ignored: give it to the guests' interfaces" },
	{ "route", REFUSE, .why = "routes to networks behind guests are not supported" },
	{ "portgroup", REFUSE, .why = "groups of ports are not supported" },
	{ "virtualport", REFUSE, .why = "Open vSwitch is not supported" },
	NOISE("metadata"), NOISE("description"),
	{ 0 }
};

/* A bridge of somebody else's is only joined. */
static void finish_bridge(struct parse *p, const xmlNode *root,
			  const struct network_config *n)
{
	static const char *const ours[] = { "ip", "dns", "domain", "mac", NULL };

	if (!n->bridge[0])
		doc_error(p, root, NULL, "<forward mode=\"bridge\"> needs a <bridge name=\"...\"/>, the bridge that is there already");
	for (size_t i = 0; ours[i]; i++) {
		const xmlNode *x = doc_child(root, ours[i]);

		if (x)
			doc_error(p, x, NULL, "it cannot stand in a network with <forward mode=\"bridge\">, whose bridge is not ours");
	}
}

static void finish(struct parse *p, const xmlNode *root,
		   const struct network_config *n)
{
	if (!doc_has_child(root, "name"))
		doc_error(p, root, NULL, "the network has no <name>");
	if (n->forward == NETWORK_BRIDGE)
		finish_bridge(p, root, n);
	else if (n->forward != NETWORK_ISOLATED && !n->ip_line && !n->prefix6)
		doc_error(p, root, NULL, "a network that leads outside needs an <ip address=\"...\" netmask=\"...\">");
	if (n->dev[0] && !strcmp(n->dev, n->bridge))
		doc_error(p, root, NULL, "its way out cannot be its own bridge");
	if (n->host_count && !n->dhcp)
		doc_error_at(p, n->hosts[0].line, "<host>: <dhcp> needs a <range> too");
}

static void read_network(struct parse *p, xmlNode *root,
			 struct network_config *n)
{
	if (root->ns || strcmp((const char *)root->name, "network")) {
		doc_error(p, root, NULL, "a network's document begins with <network>");
		return;
	}
	doc_check_attrs(p, root, "-ipv6 ~trustGuestRxFilters -connections");
	doc_walk(p, root, network_children, n);
	finish(p, root, n);
}

static int parse_into(struct parse *p, const char *xml, size_t len,
		      struct network_config *n)
{
	xmlDoc *doc;

	n->xml = malloc(len + 1);
	if (!n->xml)
		return -ENOMEM;
	memcpy(n->xml, xml, len);
	n->xml[len] = '\0';
	n->xml_len = len;
	n->dns = true;
	doc = doc_read(p, xml, len);
	if (!doc)
		return p->oom ? -ENOMEM : -EINVAL;
	read_network(p, xmlDocGetRootElement(doc), n);
	xmlFreeDoc(doc);
	if (p->oom)
		return -ENOMEM;
	return p->report->errors ? -EINVAL : 0;
}

int network_config_parse(const char *xml, size_t len, const char *file,
			 struct network_config **out,
			 struct guest_config_report *report)
{
	struct parse p = { .report = report, .file = file,
			   .what = "a network's document" };
	struct network_config *n;
	int rc;

	*out = NULL;
	memset(report, 0, sizeof(*report));
	if (!doc_check_bytes(&p, xml, len))
		return -EINVAL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	rc = parse_into(&p, xml, len, n);
	if (rc)
		network_config_free(n);
	else
		*out = n;
	return rc;
}

void network_config_free(struct network_config *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->host_count; i++)
		free(n->hosts[i].name);
	for (size_t i = 0; i < n->name_count; i++) {
		free(n->names[i].ip);
		free(n->names[i].name);
	}
	for (size_t i = 0; i < n->forwarder_count; i++)
		free(n->forwarders[i]);
	free(n->hosts);
	free(n->names);
	free(n->forwarders);
	free(n->name);
	free(n->uuid);
	free(n->title);
	free(n->domain);
	free(n->xml);
	free(n);
}

char *network_default_xml(unsigned int third)
{
	return doc_format("<network>\n"
			  "  <name>default</name>\n"
			  "  <forward mode=\"nat\"/>\n"
			  "  <bridge name=\"bhbr0\"/>\n"
			  "  <ip address=\"192.168.%u.1\" netmask=\"255.255.255.0\">\n"
			  "    <dhcp>\n"
			  "      <range start=\"192.168.%u.2\" end=\"192.168.%u.254\"/>\n"
			  "    </dhcp>\n"
			  "  </ip>\n"
			  "</network>\n", third, third, third);
}
