/* SPDX-License-Identifier: MIT */
/* A guest's TAP device and all that belongs to it; see nic-link.h. */
#include "nic-link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "hash.h"
#include "netlink.h"
#include "network.h"
#include "nft.h"
#include "sentence.h"

#define TUN_DEVICE	"/dev/net/tun"
#define MTU_DEFAULT	1500

/* The control domain's end has an address above all others, so that no bridge
 * takes it for its own. */
static const uint8_t end_mac[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };

/* One link on its way: who asked, and where to say what went wrong. */
struct opening {
	const struct guest_nic *nic;
	struct nic_link *link;
	bool again;
	struct netlink nl;
	struct network_port port;
	char **why;
};

/* ---- Names and addresses ---- */

void nic_link_name(const struct guest_nic *nic, uint16_t domid,
		   unsigned int devid, char name[NIC_NAME_MAX])
{
	if (nic->target)
		snprintf(name, NIC_NAME_MAX, "%s", nic->target);
	else
		snprintf(name, NIC_NAME_MAX, "vif%u.%u", domid, devid & 0xffff);
}

void nic_mac_make(const char *guest, unsigned int devid, unsigned int attempt,
		  uint8_t mac[6])
{
	uint8_t digest[HASH_BYTES];
	struct hash h;
	char text[32];
	int n = snprintf(text, sizeof(text), "/%u/%u", devid, attempt);

	hash_init(&h);
	hash_add(&h, guest, strlen(guest));
	hash_add(&h, text, (size_t)n);
	hash_end(&h, digest);
	memcpy(mac, (const uint8_t[]){ 0x00, 0x16, 0x3e, digest[0] & 0x7f,
				       digest[1], digest[2] }, 6);
}

const char *nic_link_network(const struct guest_nic *nic)
{
	if (nic->type == GUEST_NIC_ETHERNET ||
	    (nic->type == GUEST_NIC_BRIDGE && nic->source))
		return NULL;
	return nic->source ? nic->source : "default";
}

void nic_link_plan(const struct guest_nic *nic,
		   const struct network_port *port, struct nic_place *out)
{
	const char *bridge = nic_link_network(nic) ? port->bridge :
			     nic->type == GUEST_NIC_BRIDGE ? nic->source : "";

	*out = (struct nic_place){ .vlan = nic->vlan ? nic->vlan : port->vlan };
	snprintf(out->bridge, sizeof(out->bridge), "%s", bridge);
}

bool nic_place_same(const struct nic_place *a, const struct nic_place *b)
{
	return a->bridge[0] && !strcmp(a->bridge, b->bridge) &&
	       a->vlan == b->vlan;
}

/* ---- The device ---- */

/*
 * With IFF_NAPI_FRAGS a packet's pages come from the network's own store of
 * larger ones, which is half the price; but a packet of 65,472 bytes is one
 * too many then.  netback makes two of it if it can.
 */
#define FRAGS		(IFF_NAPI | IFF_NAPI_FRAGS)
#define FRAGS_MTU_MAX	65000u

static int open_queue(const char *name, unsigned int flags)
{
	struct ifreq r = { 0 };
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int header = NIC_VNET_HDR, rc;

	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
			      IFF_MULTI_QUEUE | flags);
	if (ioctl(fd, TUNSETIFF, &r) || ioctl(fd, TUNSETVNETHDRSZ, &header)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/*
 * A device of this name that is there already is the one that was opened
 * before, or somebody else's, another guest's among others: the kernel would
 * give us a queue of it.
 */
static int open_queues(struct opening *o)
{
	struct nic_link *l = o->link;
	unsigned int flags = l->mtu <= FRAGS_MTU_MAX ? FRAGS : 0;

	for (unsigned int i = 0; i < l->queues; i++) {
		l->fd[i] = open_queue(l->name, flags |
				      (i || o->again ? 0 : IFF_TUN_EXCL));
		if (l->fd[i] >= 0)
			continue;
		switch (l->fd[i]) {
		case -ENOENT:
		case -ENODEV:
		case -ENXIO:
			return refuse(o->why, l->fd[i], "%s: the control domain's kernel has no TAP devices (is its module tun there?)",
				      TUN_DEVICE);
		case -EINVAL:
		case -EBUSY:
		case -EEXIST:
			return refuse(o->why, -EBUSY, "there is a network device \"%s\" already, which is not this card's",
				      l->name);
		default:
			return refuse(o->why, l->fd[i], "the network device \"%s\" cannot be made: %s",
				      l->name, strerror(-l->fd[i]));
		}
	}
	return 0;
}

/* ---- Where it belongs ---- */

static int find_bridge(struct opening *o, struct netlink_link *bridge)
{
	const char *name = o->link->place.bridge;
	int rc;

	if (!name[0])
		return 0;
	rc = netlink_link_find(&o->nl, name, bridge);
	if (rc == -ENODEV)
		return refuse(o->why, rc, "there is no bridge \"%s\"", name);
	if (rc)
		return refuse(o->why, rc, "bridge \"%s\" cannot be looked at: %s",
			      name, strerror(-rc));
	if (!bridge->bridge)
		return refuse(o->why, -EINVAL, "\"%s\" is no bridge", name);
	return 0;
}

static int find_place(struct opening *o, struct netlink_link *bridge)
{
	const struct guest_nic *nic = o->nic;
	const char *network = nic_link_network(nic);
	struct nic_link *l = o->link;
	int rc;

	if (network) {
		rc = network_join(network, nic->mac, &o->port, o->why);
		if (rc)
			return rc;
	}
	nic_link_plan(nic, &o->port, &l->place);
	rc = find_bridge(o, bridge);
	l->place.index = bridge->index;
	l->mtu = nic->mtu ? nic->mtu : o->port.mtu ? o->port.mtu :
		 bridge->mtu ? bridge->mtu : MTU_DEFAULT;
	return rc;
}

static int set_vlan(struct opening *o, const struct netlink_link *bridge,
		    const struct netlink_link *link)
{
	const uint16_t vid = o->link->place.vlan;
	int rc = 0;

	if (!vid)
		return 0;
	if (!bridge->index)
		return refuse(o->why, -EINVAL, "a VLAN needs a bridge");
	if (!bridge->vlan_filtering && !o->port.ours)
		return refuse(o->why, -EINVAL, "bridge \"%s\" does not tell VLANs apart: set its vlan_filtering first",
			      bridge->name);
	if (!bridge->vlan_filtering)
		rc = netlink_bridge_filter_vlans(&o->nl, bridge->index);
	if (!rc)
		rc = netlink_port_vlan(&o->nl, link->index, vid);
	return rc ? refuse(o->why, rc, "VLAN %u on bridge \"%s\": %s", vid,
			   bridge->name, rc == -EOPNOTSUPP ?
			   "the control domain's kernel cannot" :
			   strerror(-rc)) : 0;
}

/* Into the bridge, with its size and address, but not up yet. */
static int place(struct opening *o, const struct netlink_link *bridge,
		 const struct netlink_link *link)
{
	const struct netlink_change change = {
		.mtu = link->mtu == o->link->mtu ? 0 : o->link->mtu,
		.mac = end_mac,
		.master = bridge->index,
		.no_ipv6 = bridge->index != 0,
	};
	int rc = netlink_link_set(&o->nl, link->index, &change);

	if (rc == -EINVAL && change.mtu)
		return refuse(o->why, rc, "<mtu size=\"%u\">: no network device can be set to this",
			      change.mtu);
	if (rc)
		return refuse(o->why, rc, "\"%s\" cannot join bridge \"%s\": %s",
			      link->name, bridge->name, strerror(-rc));
	if (!o->nic->isolated && !o->port.isolated)
		return 0;
	if (!bridge->index)
		return 0;
	rc = netlink_port_isolate(&o->nl, link->index, true);
	return rc ? refuse(o->why, rc, "\"%s\" cannot be isolated in bridge \"%s\": %s",
			   link->name, bridge->name, strerror(-rc)) : 0;
}

/* ---- What may pass, and how fast ---- */

static int set_rules(struct opening *o)
{
	struct nft_rules *rules = malloc(sizeof(*rules));
	const char *why;
	int rc;

	if (!rules)
		return -ENOMEM;
	rc = nft_link_rules(o->nic, o->port.leased, rules, &why);
	if (rc) {
		free(rules);
		return refuse(o->why, rc, "%s", why);
	}
	if (rules->count)
		rc = nft_link_set(o->link->name, rules);
	free(rules);
	return rc ? refuse(o->why, rc, "the packet filter of \"%s\" cannot be set: %s (is the module nf_tables there?)",
			   o->link->name, strerror(-rc)) : 0;
}

static int set_rate(struct netlink *nl, const struct nic_link *l,
		    const struct guest_bandwidth *b, char **why)
{
	const uint64_t rate = (uint64_t)b->average << 10;
	uint64_t burst = (uint64_t)b->burst << 10;
	int rc;

	/* A burst holds what comes in one go: a large segment, or a tick. */
	if (burst < 65536)
		burst = 65536;
	if (burst < rate / 50)
		burst = rate / 50;
	if (burst > UINT32_MAX / 2)
		burst = UINT32_MAX / 2;
	rc = netlink_rate(nl, l->ifindex, rate, (uint64_t)b->peak << 10,
			  (uint32_t)burst, 65536);
	if (rc)
		say(why, "the rate of \"%s\" cannot be limited: %s (is the module sch_tbf there?)",
		    l->name, strerror(-rc));
	return rc;
}

int nic_link_limit(const struct nic_link *link,
		   const struct guest_bandwidth *b, char **why)
{
	struct netlink nl;
	int rc = netlink_open(&nl);

	*why = NULL;
	if (rc)
		return rc;
	rc = set_rate(&nl, link, b, why);
	netlink_close(&nl);
	return rc;
}

/* ---- All of it ---- */

static int set_up(struct opening *o, const struct netlink_link *bridge)
{
	static const struct netlink_change up = { .up = true };
	struct netlink_link link = { 0 };
	int rc;

	rc = netlink_link_find(&o->nl, o->link->name, &link);
	if (rc)
		return refuse(o->why, rc, "\"%s\" is gone: %s", o->link->name,
			      strerror(-rc));
	o->link->ifindex = link.index;
	if ((rc = place(o, bridge, &link)) ||
	    (rc = set_vlan(o, bridge, &link)) ||
	    (rc = set_rules(o)))
		return rc;
	if (o->nic->inbound.average) {
		rc = set_rate(&o->nl, o->link, &o->nic->inbound, o->why);
		if (rc)
			return rc;
	}
	rc = netlink_link_set(&o->nl, link.index, &up);
	return rc ? refuse(o->why, rc, "\"%s\" cannot be switched on: %s",
			   link.name, strerror(-rc)) : 0;
}

static void start_with(const struct guest_nic *nic, uint16_t domid,
		       unsigned int devid, struct nic_link *l)
{
	memset(l, 0, sizeof(*l));
	memset(l->fd, -1, sizeof(l->fd));
	nic_link_name(nic, domid, devid, l->name);
	memcpy(l->mac, nic->mac, sizeof(l->mac));
	l->mac_any = nic->mac_any;
	l->queues = nic->queues ? nic->queues : 1;
	if (l->queues > NIC_QUEUES_MAX)
		l->queues = NIC_QUEUES_MAX;
}

static int open_link(struct opening *o)
{
	struct netlink_link bridge = { 0 };
	int rc;

	if ((rc = find_place(o, &bridge)) || (rc = open_queues(o)) ||
	    (rc = set_up(o, &bridge)))
		return rc;
	return 0;
}

/* A bridge of the operator's own. */
static int check_bridge(const struct guest_nic *nic, char **why)
{
	struct nic_link link = { .mtu = 0 };
	struct opening o = { .nic = nic, .link = &link, .why = why };
	struct netlink_link bridge;
	int rc = netlink_open(&o.nl);

	if (rc)
		return 0;	/* nic_link_open() will say it */
	snprintf(link.place.bridge, sizeof(link.place.bridge), "%s",
		 nic->source);
	rc = find_bridge(&o, &bridge);
	netlink_close(&o.nl);
	return rc;
}

int nic_link_check(const struct guest_nic *nic, char **why)
{
	const char *network = nic_link_network(nic), *sentence;
	unsigned int refused;

	*why = NULL;
	if (nft_filter_read(nic, &refused, &sentence))
		return refuse(why, -EINVAL, "%s", sentence);
	if (network)
		return network_check(network, why);
	return nic->type == GUEST_NIC_BRIDGE ? check_bridge(nic, why) : 0;
}

int nic_link_open(const struct guest_nic *nic, uint16_t domid,
		  unsigned int devid, bool again, struct nic_link *out,
		  char **why)
{
	struct opening o = { .nic = nic, .link = out, .again = again,
			     .why = why };
	int rc;

	*why = NULL;
	start_with(nic, domid, devid, out);
	rc = netlink_open(&o.nl);
	if (rc)
		return refuse(why, rc, "the kernel's network cannot be asked: %s",
			      strerror(-rc));
	rc = open_link(&o);
	netlink_close(&o.nl);
	if (!rc && again)
		nic_link_keep(out);
	if (!rc)
		return 0;
	/* Only what this call opened: not a stranger's device. */
	if (out->fd[0] >= 0)
		nic_link_close(out);
	return rc;
}

/*
 * Into a bridge while the guest may send: what a VLAN is to keep apart does not
 * pass before it does.
 */
static int join(struct opening *o, const struct netlink_link *bridge,
		const struct netlink_link *link)
{
	static const struct netlink_change down = { .down = true };
	static const struct netlink_change up = { .up = true };
	const bool wall = o->link->place.vlan;
	int rc = 0;

	if (wall && !bridge->vlan_filtering && !o->port.ours)
		return refuse(o->why, -EAGAIN, "bridge \"%s\" does not tell VLANs apart: set its vlan_filtering first",
			      bridge->name);
	if (wall)
		rc = netlink_link_set(&o->nl, link->index, &down);
	if (!rc)
		rc = place(o, bridge, link);
	if (!rc)
		rc = set_vlan(o, bridge, link);
	if (!rc && wall)
		rc = netlink_link_set(&o->nl, link->index, &up);
	return rc;
}

int nic_link_rejoin(const struct guest_nic *nic, uint16_t domid,
		    unsigned int devid, const struct network_port *port,
		    struct nic_place *where, char **why)
{
	struct nic_link l = { 0 };
	struct opening o = { .nic = nic, .link = &l, .port = *port,
			     .why = why };
	struct netlink_link bridge = { 0 }, link = { 0 };
	int rc = netlink_open(&o.nl);

	*why = NULL;
	if (rc)
		return rc;
	nic_link_name(nic, domid, devid, l.name);
	nic_link_plan(nic, port, &l.place);
	rc = netlink_link_find(&o.nl, l.place.bridge, &bridge);
	if (!rc)
		rc = netlink_link_find(&o.nl, l.name, &link);
	l.mtu = link.mtu;
	l.place.index = bridge.index;
	if (!rc && !link.master) {
		rc = join(&o, &bridge, &link);
		rc = rc ? rc : 1;
	}
	netlink_close(&o.nl);
	if (rc >= 0)
		*where = l.place;
	/* Whoever took one of them away does with it what he likes. */
	return rc == -ENODEV ? 0 : rc;
}

void nic_link_keep(const struct nic_link *l)
{
	ioctl(l->fd[0], TUNSETPERSIST, 1);
}

bool nic_link_lives(const struct nic_link *l)
{
	struct ifreq r;

	return l->fd[0] >= 0 && !ioctl(l->fd[0], TUNGETIFF, &r);
}

void nic_link_release(struct nic_link *l)
{
	for (unsigned int i = 0; i < NIC_QUEUES_MAX; i++) {
		if (l->fd[i] >= 0)
			close(l->fd[i]);
		l->fd[i] = -1;
	}
}

void nic_link_remove(const char *name)
{
	struct netlink_link found = { 0 };
	struct netlink nl;

	if (!netlink_open(&nl)) {
		if (!netlink_link_find(&nl, name, &found) && found.tun)
			netlink_link_del(&nl, found.index);
		netlink_close(&nl);
	}
	nft_link_remove(name);
}

void nic_link_close(struct nic_link *l)
{
	nic_link_release(l);
	if (l->name[0])
		nic_link_remove(l->name);
	l->name[0] = '\0';
}
