/* SPDX-License-Identifier: MIT */
/* Links, bridges, addresses and queues by rtnetlink; see netlink.h. */
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

/* A request is small; answers come in pieces of this size at most. */
#define REQUEST_ROOM	2048
#define ANSWER_ROOM	32768

static int open_socket(struct netlink *nl, int flags, unsigned int groups)
{
	*nl = (struct netlink){ .seq = 1 };
	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
	if (!nl->socket)
		return -errno;
	if (mnl_socket_bind(nl->socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		int rc = -errno;

		netlink_close(nl);
		return rc;
	}
	nl->port = mnl_socket_get_portid(nl->socket);
	return 0;
}

int netlink_open(struct netlink *nl)
{
	return open_socket(nl, 0, 0);
}

int netlink_listen(struct netlink *nl)
{
	return open_socket(nl, SOCK_NONBLOCK, RTMGRP_LINK);
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

static struct nlmsghdr *begin(void *room, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(room);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	return h;
}

static struct ifinfomsg *put_link(struct nlmsghdr *h, unsigned int index)
{
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_family = AF_UNSPEC;
	i->ifi_index = (int)index;
	return i;
}

/* Sends H and gives every answer to FN; returns when the kernel is done. */
static int talk(struct netlink *nl, struct nlmsghdr *h, mnl_cb_t fn,
		void *ctx)
{
	char answer[ANSWER_ROOM];
	ssize_t n;
	int r;

	h->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->socket, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl->socket, answer, sizeof(answer));
		if (n < 0)
			return -errno;
		r = mnl_cb_run(answer, (size_t)n, nl->seq, nl->port, fn, ctx);
		if (r < 0)
			return -errno;
	} while (r > 0);
	return 0;
}

static int ask(struct netlink *nl, struct nlmsghdr *h)
{
	h->nlmsg_flags |= NLM_F_ACK;
	return talk(nl, h, NULL, NULL);
}

/* ---- Reading links ---- */

static void read_kind(const struct nlattr *info, struct netlink_link *l)
{
	const struct nlattr *a, *b;

	mnl_attr_for_each_nested(a, info) {
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND) {
			l->bridge = !strcmp(mnl_attr_get_str(a), "bridge");
			l->tun = !strcmp(mnl_attr_get_str(a), "tun");
		}
		if (mnl_attr_get_type(a) != IFLA_INFO_DATA || !l->bridge)
			continue;
		mnl_attr_for_each_nested(b, a) {
			if (mnl_attr_get_type(b) == IFLA_BR_VLAN_FILTERING)
				l->vlan_filtering = mnl_attr_get_u8(b);
		}
	}
}

static void read_link(const struct nlmsghdr *h, struct netlink_link *l)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	*l = (struct netlink_link){
		.index = (unsigned int)i->ifi_index,
		.up = i->ifi_flags & IFF_UP,
		.running = i->ifi_flags & IFF_RUNNING,
	};
	mnl_attr_for_each(a, h, sizeof(*i)) {
		const size_t len = mnl_attr_get_payload_len(a);

		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			memcpy(l->name, mnl_attr_get_str(a),
			       strnlen(mnl_attr_get_str(a),
				       sizeof(l->name) - 1));
			break;
		case IFLA_MTU:
			l->mtu = mnl_attr_get_u32(a);
			break;
		case IFLA_MASTER:
			l->master = mnl_attr_get_u32(a);
			break;
		case IFLA_ADDRESS:
			if (len == sizeof(l->mac))
				memcpy(l->mac, mnl_attr_get_payload(a), len);
			break;
		case IFLA_LINKINFO:
			read_kind(a, l);
			break;
		}
	}
}

static int found_link(const struct nlmsghdr *h, void *ctx)
{
	if (h->nlmsg_type == RTM_NEWLINK)
		read_link(h, ctx);
	return MNL_CB_OK;
}

int netlink_link_find(struct netlink *nl, const char *name,
		      struct netlink_link *out)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_GETLINK, NLM_F_ACK);

	put_link(h, 0);
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return talk(nl, h, found_link, out);
}

struct each {
	unsigned int master;
	bool (*fn)(void *ctx, const struct netlink_link *l);
	void *ctx;
	bool ended;
};

static int each_link(const struct nlmsghdr *h, void *ctx)
{
	struct netlink_link l;
	struct each *e = ctx;

	if (h->nlmsg_type != RTM_NEWLINK || e->ended)
		return MNL_CB_OK;
	read_link(h, &l);
	if (!e->master || e->master == l.master)
		e->ended = !e->fn(e->ctx, &l);
	return MNL_CB_OK;
}

int netlink_link_each(struct netlink *nl, unsigned int master,
		      bool (*fn)(void *ctx, const struct netlink_link *l),
		      void *ctx)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_GETLINK, NLM_F_DUMP);
	struct each e = { master, fn, ctx, false };

	put_link(h, 0);
	if (master)
		mnl_attr_put_u32(h, IFLA_MASTER, master);
	return talk(nl, h, each_link, &e);
}

int netlink_fd(const struct netlink *nl)
{
	return mnl_socket_get_fd(nl->socket);
}

/* A bridge speaks of its ports as such, too: these are not links. */
static int news_of_link(const struct nlmsghdr *h, void *ctx)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);

	return i->ifi_family == AF_UNSPEC ? each_link(h, ctx) : MNL_CB_OK;
}

int netlink_news(struct netlink *nl,
		 bool (*fn)(void *ctx, const struct netlink_link *l),
		 void *ctx)
{
	struct each e = { 0, fn, ctx, false };
	char news[ANSWER_ROOM];
	ssize_t n;

	for (;;) {
		n = mnl_socket_recvfrom(nl->socket, news, sizeof(news));
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (mnl_cb_run(news, (size_t)n, 0, 0, news_of_link, &e) < 0)
			return -errno;
	}
}

/* ---- Changing links ---- */

static bool have_ipv6(void)
{
	return !access("/proc/sys/net/ipv6", F_OK);
}

static void put_no_ipv6(struct nlmsghdr *h)
{
	struct nlattr *families = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	struct nlattr *six = mnl_attr_nest_start(h, AF_INET6);

	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, six);
	mnl_attr_nest_end(h, families);
}

int netlink_link_set(struct netlink *nl, unsigned int index,
		     const struct netlink_change *c)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_NEWLINK, 0);
	struct ifinfomsg *i = put_link(h, index);

	if (c->up || c->down) {
		i->ifi_flags = c->up ? IFF_UP : 0;
		i->ifi_change = IFF_UP;
	}
	if (c->mtu)
		mnl_attr_put_u32(h, IFLA_MTU, c->mtu);
	if (c->mac)
		mnl_attr_put(h, IFLA_ADDRESS, 6, c->mac);
	if (c->master)
		mnl_attr_put_u32(h, IFLA_MASTER, c->master);
	if (c->no_ipv6 && have_ipv6())
		put_no_ipv6(h);
	return ask(nl, h);
}

int netlink_link_del(struct netlink *nl, unsigned int index)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_DELLINK, 0);

	put_link(h, index);
	return ask(nl, h);
}

int netlink_bridge_add(struct netlink *nl, const struct netlink_bridge *b)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_NEWLINK,
				   NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data;

	put_link(h, 0);
	mnl_attr_put_strz(h, IFLA_IFNAME, b->name);
	if (b->mtu)
		mnl_attr_put_u32(h, IFLA_MTU, b->mtu);
	if (b->mac)
		mnl_attr_put(h, IFLA_ADDRESS, 6, b->mac);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	mnl_attr_put_u32(h, IFLA_BR_STP_STATE, b->stp);
	/* The kernel takes a delay only within what the protocol allows. */
	if (b->stp && b->delay_cs)
		mnl_attr_put_u32(h, IFLA_BR_FORWARD_DELAY, b->delay_cs);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return ask(nl, h);
}

int netlink_bridge_filter_vlans(struct netlink *nl, unsigned int index)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_NEWLINK, 0);
	struct nlattr *info, *data;

	put_link(h, index);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	mnl_attr_put_u8(h, IFLA_BR_VLAN_FILTERING, 1);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return ask(nl, h);
}

int netlink_port_isolate(struct netlink *nl, unsigned int index, bool on)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_SETLINK, 0);
	struct nlattr *port;

	put_link(h, index)->ifi_family = AF_BRIDGE;
	port = mnl_attr_nest_start(h, IFLA_PROTINFO);
	mnl_attr_put_u8(h, IFLA_BRPORT_ISOLATED, on);
	mnl_attr_nest_end(h, port);
	return ask(nl, h);
}

static int port_vlan(struct netlink *nl, unsigned int index, uint16_t type,
		     uint16_t vid, uint16_t flags)
{
	struct bridge_vlan_info v = { .flags = flags, .vid = vid };
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, type, 0);
	struct nlattr *spec;

	put_link(h, index)->ifi_family = AF_BRIDGE;
	spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	mnl_attr_put(h, IFLA_BRIDGE_VLAN_INFO, sizeof(v), &v);
	mnl_attr_nest_end(h, spec);
	return ask(nl, h);
}

int netlink_port_vlan(struct netlink *nl, unsigned int index, uint16_t vid)
{
	int rc = port_vlan(nl, index, RTM_SETLINK, vid,
			   BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);

	/* A new port is in VLAN 1 by itself. */
	if (!rc && vid != 1)
		rc = port_vlan(nl, index, RTM_DELLINK, 1, 0);
	return rc == -ENOENT ? 0 : rc;
}

/* ---- Addresses and routes ---- */

int netlink_addr_add(struct netlink *nl, unsigned int index, int family,
		     const void *addr, unsigned int prefix)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_NEWADDR,
				   NLM_F_CREATE | NLM_F_REPLACE);
	struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof(*a));
	size_t len = family == AF_INET ? 4 : 16;
	uint32_t broadcast;

	a->ifa_family = (uint8_t)family;
	a->ifa_prefixlen = (uint8_t)prefix;
	a->ifa_index = index;
	/* A bridge without ports has no carrier, and nobody to ask. */
	a->ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0;
	mnl_attr_put(h, IFA_LOCAL, len, addr);
	mnl_attr_put(h, IFA_ADDRESS, len, addr);
	if (family == AF_INET && prefix < 31) {
		memcpy(&broadcast, addr, 4);
		broadcast |= htonl((uint32_t)((1ull << (32 - prefix)) - 1));
		mnl_attr_put(h, IFA_BROADCAST, 4, &broadcast);
	}
	return ask(nl, h);
}

struct overlap {
	uint32_t net;
	unsigned int prefix;
	unsigned int except;		/* link */
	unsigned int index;		/* found; 0: none */
};

static int each_route(const struct nlmsghdr *h, void *ctx)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(h);
	struct overlap *o = ctx;
	unsigned int index = 0, prefix;
	uint32_t net = 0, mask;
	const struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWROUTE || r->rtm_family != AF_INET ||
	    r->rtm_type != RTN_UNICAST || !r->rtm_dst_len)
		return MNL_CB_OK;
	mnl_attr_for_each(a, h, sizeof(*r)) {
		if (mnl_attr_get_type(a) == RTA_DST)
			net = ntohl(mnl_attr_get_u32(a));
		else if (mnl_attr_get_type(a) == RTA_OIF)
			index = mnl_attr_get_u32(a);
	}
	prefix = r->rtm_dst_len < o->prefix ? r->rtm_dst_len : o->prefix;
	mask = (uint32_t)~((1ull << (32 - prefix)) - 1);
	if (index && index != o->except && !((net ^ o->net) & mask))
		o->index = index;
	return MNL_CB_OK;
}

int netlink_overlap(struct netlink *nl, uint32_t net, unsigned int prefix,
		    const char *except, char name[16])
{
	struct overlap o = { net, prefix, if_nametoindex(except), 0 };
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
	int rc;

	r->rtm_family = AF_INET;
	rc = talk(nl, h, each_route, &o);
	if (rc || !o.index)
		return rc;
	if (!if_indextoname(o.index, name))
		strcpy(name, "?");
	return 1;
}

/* ---- Rates ---- */

static uint32_t at_most_u32(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void put_token_bucket(struct nlmsghdr *h, uint64_t rate, uint64_t peak,
			     uint32_t burst, uint32_t mtu)
{
	struct tc_tbf_qopt q = {
		.rate = { .linklayer = TC_LINKLAYER_ETHERNET,
			  .rate = at_most_u32(rate) },
		.peakrate = { .linklayer = TC_LINKLAYER_ETHERNET,
			      .rate = at_most_u32(peak) },
		/* What may wait: the burst, and a quarter second more. */
		.limit = at_most_u32(burst + rate / 4),
	};
	struct nlattr *options;

	mnl_attr_put_strz(h, TCA_KIND, "tbf");
	options = mnl_attr_nest_start(h, TCA_OPTIONS);
	mnl_attr_put(h, TCA_TBF_PARMS, sizeof(q), &q);
	mnl_attr_put_u32(h, TCA_TBF_BURST, burst);
	if (rate > UINT32_MAX)
		mnl_attr_put_u64(h, TCA_TBF_RATE64, rate);
	if (peak) {
		mnl_attr_put_u32(h, TCA_TBF_PBURST, mtu);
		if (peak > UINT32_MAX)
			mnl_attr_put_u64(h, TCA_TBF_PRATE64, peak);
	}
	mnl_attr_nest_end(h, options);
}

int netlink_rate(struct netlink *nl, unsigned int index, uint64_t rate,
		 uint64_t peak, uint32_t burst, uint32_t mtu)
{
	char room[REQUEST_ROOM];
	struct nlmsghdr *h = begin(room, rate ? RTM_NEWQDISC : RTM_DELQDISC,
				   rate ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct tcmsg *t = mnl_nlmsg_put_extra_header(h, sizeof(*t));
	int rc;

	t->tcm_family = AF_UNSPEC;
	t->tcm_ifindex = (int)index;
	t->tcm_parent = TC_H_ROOT;
	if (rate)
		put_token_bucket(h, rate, peak, burst, mtu);
	rc = ask(nl, h);
	/* The queue a link is born with cannot be taken away. */
	return !rate && (rc == -ENOENT || rc == -EINVAL) ? 0 : rc;
}
