/* SPDX-License-Identifier: MIT */
/* Texts for and from dnsmasq; see network-dnsmasq.h. */
#include "network-dnsmasq.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool network_dnsmasq_needed(const struct network_config *n)
{
	return n->forward != NETWORK_BRIDGE && (n->prefix || n->prefix6) &&
	       (n->dhcp || n->dns || n->prefix6);
}

static const char *ip4(struct in_addr a, char out[INET_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, &a, out, INET_ADDRSTRLEN);
}

static void put_dns(FILE *f, const struct network_config *n, const char *run)
{
	if (!n->dns) {
		fprintf(f, "port=0\n");
		return;
	}
	/* Names without a dot, and addresses of private networks, are nobody
	 * else's business. */
	fprintf(f, "domain-needed\nbogus-priv\nno-hosts\nexpand-hosts\n"
		"addn-hosts=%s/names\n", run);
	if (n->forward == NETWORK_ISOLATED || n->forwarder_count)
		fprintf(f, "no-resolv\n");
	for (size_t i = 0; i < n->forwarder_count; i++)
		fprintf(f, "server=%s\n", n->forwarders[i]);
	if (n->domain && n->domain_local)
		fprintf(f, "local=/%s/\n", n->domain);
}

static void put_dhcp(FILE *f, const struct network_config *n, const char *run,
		     const char *state)
{
	const struct in_addr mask = { network_mask(n->prefix) };
	char a[INET_ADDRSTRLEN], b[INET_ADDRSTRLEN], c[INET_ADDRSTRLEN];

	if (!n->dhcp)
		return;
	fprintf(f, "dhcp-range=%s,%s,%s", ip4(n->first, a), ip4(n->last, b),
		ip4(mask, c));
	if (n->lease_seconds == UINT32_MAX)
		fprintf(f, ",infinite");
	else if (n->lease_seconds)
		fprintf(f, ",%us", n->lease_seconds);
	fprintf(f, "\ndhcp-authoritative\ndhcp-no-override\n"
		"dhcp-lease-max=%u\ndhcp-hostsfile=%s/hosts\n"
		"dhcp-leasefile=%s/leases\n",
		(unsigned int)(ntohl(n->last.s_addr) - ntohl(n->first.s_addr) +
			       1 + n->host_count), run, state);
	/* No way out, no router. */
	if (n->forward == NETWORK_ISOLATED)
		fprintf(f, "dhcp-option=3\n");
	if (n->mtu)
		fprintf(f, "dhcp-option=26,%u\n", n->mtu);
}

char *network_dnsmasq_conf(const struct network_config *n, const char *bridge,
			   const char *run, const char *state)
{
	char *text = NULL, six[INET6_ADDRSTRLEN];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "# Of network \"%s\"; written anew at every start.\n"
		"interface=%s\nexcept-interface=lo\nbind-dynamic\n"
		"pid-file=%s/dnsmasq.pid\n", n->name, bridge, run);
	if (n->domain)
		fprintf(f, "domain=%s\n", n->domain);
	put_dns(f, n, run);
	put_dhcp(f, n, run, state);
	if (n->prefix6)
		fprintf(f, "enable-ra\ndhcp-range=%s,ra-only,%u\n",
			inet_ntop(AF_INET6, &n->ip6, six, sizeof(six)),
			n->prefix6 < 64 ? 64 : n->prefix6);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

char *network_dnsmasq_hosts(const struct network_config *n)
{
	char *text = NULL, ip[INET_ADDRSTRLEN];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n->host_count; i++) {
		const struct network_host *h = &n->hosts[i];

		if (h->has_mac)
			fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x,", h->mac[0],
				h->mac[1], h->mac[2], h->mac[3], h->mac[4],
				h->mac[5]);
		if (h->name && !h->has_mac)
			fprintf(f, "%s,", h->name);
		fprintf(f, "%s", ip4(h->ip, ip));
		if (h->name && h->has_mac)
			fprintf(f, ",%s", h->name);
		fprintf(f, "\n");
	}
	fclose(f);
	return text;
}

char *network_dnsmasq_names(const struct network_config *n)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n->name_count; i++)
		fprintf(f, "%s\t%s\n", n->names[i].ip, n->names[i].name);
	fclose(f);
	return text;
}

/* ---- Leases ---- */

/* One word of at most ROOM - 1 bytes that are printed as they are. */
static bool word(const char **s, const char *end, char *out, size_t room)
{
	size_t n = 0;

	while (*s < end && **s == ' ')
		(*s)++;
	while (*s < end && **s != ' ') {
		if (n + 1 >= room || **s <= 0x20 || **s >= 0x7f ||
		    **s == '"' || **s == '\\')
			return false;
		out[n++] = *(*s)++;
	}
	out[n] = '\0';
	return n;
}

static bool lease_line(const char *s, const char *end,
		       struct network_lease *out)
{
	uint8_t address[16];
	char number[20];
	char *tail;

	if (!word(&s, end, number, sizeof(number)) ||
	    !word(&s, end, out->mac, sizeof(out->mac)) ||
	    !word(&s, end, out->ip, sizeof(out->ip)) ||
	    !word(&s, end, out->name, sizeof(out->name)))
		return false;
	out->expires = strtoll(number, &tail, 10);
	if (*tail || out->expires < 0 || strlen(out->mac) != 17 ||
	    (inet_pton(AF_INET, out->ip, address) != 1 &&
	     inet_pton(AF_INET6, out->ip, address) != 1))
		return false;
	if (!strcmp(out->name, "*"))
		out->name[0] = '\0';
	return true;
}

bool network_lease_next(const char *text, size_t len, size_t *at,
			struct network_lease *out)
{
	while (*at < len) {
		const char *s = text + *at;
		const char *end = memchr(s, '\n', len - *at);

		if (!end)
			end = text + len;
		*at = (size_t)(end - text) + 1;
		if (lease_line(s, end, out))
			return true;
	}
	return false;
}
