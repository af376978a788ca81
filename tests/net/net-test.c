/* SPDX-License-Identifier: MIT */
/*
 * Guests' links, for real: TAP devices in a bridge in a network namespace of
 * this test's own, and frames that go through them, or do not.  A kernel that
 * forbids this is named in a sentence and the test is skipped (77).
 *
 * That a frame does not arrive is seen without waiting: a second frame, which
 * is allowed, is sent behind it, and arrives first.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "netlink.h"
#include "network.h"
#include "nft.h"
#include "nic-link.h"

#define SKIP	77
#define PATIENCE_MS	10000

static unsigned int checks, failures;

#define CHECK(x) do {						\
	checks++;						\
	if (!(x)) {						\
		failures++;					\
		printf("FAIL: %s:%d: %s\n", __func__, __LINE__, #x); \
	}							\
} while (0)

/* The networks' half is tested on its own (networks.sh): here a network is
 * a bridge that is always there. */
int network_join(const char *name, const uint8_t mac[6],
		 struct network_port *out, char **why)
{
	(void)mac;
	if (strcmp(name, "default")) {
		*why = strdup("there is no such network");
		return -ENOENT;
	}
	*out = (struct network_port){ .bridge = "br0", .ours = true };
	return 0;
}

int network_check(const char *name, char **why)
{
	struct network_port port;
	static const uint8_t any[6];

	*why = NULL;
	return network_join(name, any, &port, why);
}

/* ---- Frames ---- */

struct frame {
	uint8_t header[NIC_VNET_HDR];
	uint8_t to[6], from[6];
	uint16_t type;
	uint8_t body[64];
} __attribute__((packed));

static struct frame frame_to(const uint8_t *to, const uint8_t *from,
			     uint16_t type, uint8_t mark)
{
	struct frame f = { .type = htons(type) };

	memcpy(f.to, to, 6);
	memcpy(f.from, from, 6);
	f.body[63] = mark;
	return f;
}

static void send_frame(const struct nic_link *l, const struct frame *f)
{
	CHECK(write(l->fd[0], f, sizeof(*f)) == sizeof(*f));
}

/* The next frame of our making that comes out of a link; its mark, or -1. */
static int next_mark(const struct nic_link *l, int patience)
{
	struct pollfd p = { .fd = l->fd[0], .events = POLLIN };
	struct frame f;

	while (poll(&p, 1, patience) == 1) {
		ssize_t n = read(l->fd[0], &f, sizeof(f));

		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n == sizeof(f) && !memcmp(f.from, "\x00\x16\x3e", 3) &&
		    f.body[63])
			return f.body[63];
	}
	return -1;
}

static void put_ip(struct frame *f, const char *from, const char *to)
{
	uint32_t sum = 0;

	f->type = htons(0x0800);
	f->body[0] = 0x45;
	f->body[3] = 64;
	f->body[8] = 64;
	f->body[9] = 17;
	inet_pton(AF_INET, from, f->body + 12);
	inet_pton(AF_INET, to, f->body + 16);
	f->body[10] = f->body[11] = 0;
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)f->body[i] << 8 | f->body[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	f->body[10] = (uint8_t)(sum >> 8);
	f->body[11] = (uint8_t)sum;
}

static void put_arp(struct frame *f, const uint8_t *mac, const char *ip)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	f->type = htons(0x0806);
	memcpy(f->body, head, sizeof(head));
	memcpy(f->body + 8, mac, 6);
	inet_pton(AF_INET, ip, f->body + 14);
}

/* ---- The bench: a bridge and two guests ---- */

static const uint8_t mac_a[6] = { 0, 0x16, 0x3e, 0, 0, 0xa };
static const uint8_t mac_b[6] = { 0, 0x16, 0x3e, 0, 0, 0xb };
static const uint8_t mac_x[6] = { 0, 0x16, 0x3e, 0, 0, 0xc };
static struct netlink nl;

static struct guest_nic card(const uint8_t *mac)
{
	struct guest_nic nic = { .type = GUEST_NIC_BRIDGE,
				 .source = (char *)"br0" };

	memcpy(nic.mac, mac, 6);
	return nic;
}

static struct nic_link open_link(const struct guest_nic *nic, uint16_t domid,
				 bool again)
{
	struct nic_link l;
	char *why = NULL;
	int rc = nic_link_open(nic, domid, 0, again, &l, &why);

	CHECK(!rc);
	if (rc)
		printf("  %d: %s\n", rc, why ? why : "no sentence");
	free(why);
	return l;
}

static struct nic_link open_ok(const struct guest_nic *nic, uint16_t domid)
{
	struct nic_link l = open_link(nic, domid, false);

	nic_link_keep(&l);
	return l;
}

static bool refused(const struct guest_nic *nic, const char *needle)
{
	struct nic_link l;
	char *why = NULL;
	int rc = nic_link_open(nic, 9, 0, false, &l, &why);
	bool ok = rc < 0 && why && strstr(why, needle);

	if (!ok)
		printf("  got %d: %s\n", rc, why ? why : "no sentence");
	if (!rc)
		nic_link_close(&l);
	ok = ok && !if_nametoindex("vif9.0");
	free(why);
	return ok;
}

/* Only what is allowed arrives, in this order. */
static bool only(const struct nic_link *from, const struct nic_link *to,
		 const struct frame *bad, const struct frame *good)
{
	send_frame(from, bad);
	send_frame(from, good);
	return next_mark(to, PATIENCE_MS) == good->body[63];
}

/* ---- The claims ---- */

static void guests_in_one_bridge_talk(void)
{
	struct guest_nic a = card(mac_a), b = card(mac_b);
	struct nic_link la = open_ok(&a, 1), lb = open_ok(&b, 2);
	struct frame f = frame_to(mac_b, mac_a, 0x88b5, 1);
	struct netlink_link found = { 0 };

	CHECK(!strcmp(la.name, "vif1.0") && la.mtu == 1500 && la.queues == 1);
	CHECK(!netlink_link_find(&nl, "vif1.0", &found));
	CHECK(found.up && found.tun && found.master == if_nametoindex("br0"));
	send_frame(&la, &f);
	CHECK(next_mark(&lb, PATIENCE_MS) == 1);
	nic_link_close(&la);
	nic_link_close(&lb);
	CHECK(!if_nametoindex("vif1.0") && !if_nametoindex("vif2.0"));
}

static void no_other_mac(void)
{
	struct guest_nic a = card(mac_a), b = card(mac_b);
	struct nic_link la = open_ok(&a, 1), lb = open_ok(&b, 2);
	struct frame bad = frame_to(mac_b, mac_x, 0x88b5, 1);
	struct frame good = frame_to(mac_b, mac_a, 0x88b5, 2);

	CHECK(only(&la, &lb, &bad, &good));
	nic_link_close(&la);
	a.mac_any = true;
	la = open_ok(&a, 1);
	send_frame(&la, &bad);
	CHECK(next_mark(&lb, PATIENCE_MS) == 1);
	nic_link_close(&la);
	nic_link_close(&lb);
}

static void no_other_ip(void)
{
	char *ips[] = { (char *)"10.0.0.1/24" };
	struct guest_nic a = card(mac_a), b = card(mac_b);
	struct frame bad = frame_to(mac_b, mac_a, 0, 1);
	struct frame good = frame_to(mac_b, mac_a, 0, 2);
	struct nic_link la, lb;

	a.ips = ips;
	a.ip_count = 1;
	la = open_ok(&a, 1);
	lb = open_ok(&b, 2);
	put_ip(&bad, "10.0.0.9", "10.0.0.2");
	put_ip(&good, "10.0.0.1", "10.0.0.2");
	CHECK(only(&la, &lb, &bad, &good));
	put_ip(&good, "0.0.0.0", "10.0.0.2");	/* asks for an address */
	CHECK(only(&la, &lb, &bad, &good));
	put_arp(&bad, mac_a, "10.0.0.9");
	put_arp(&good, mac_a, "10.0.0.1");
	CHECK(only(&la, &lb, &bad, &good));
	nic_link_close(&la);

	/* A filter is more than addresses: other protocols, other MACs. */
	a.filter = (char *)"clean-traffic";
	la = open_ok(&a, 1);
	put_arp(&bad, mac_x, "10.0.0.1");
	CHECK(only(&la, &lb, &bad, &good));
	bad = frame_to(mac_b, mac_a, 0x88b5, 1);
	CHECK(only(&la, &lb, &bad, &good));
	put_ip(&bad, "10.0.0.1", "10.0.0.2");
	bad.body[21] = 67;			/* a DHCP server's port */
	CHECK(only(&la, &lb, &bad, &good));
	nic_link_close(&la);
	nic_link_close(&lb);
	a.ip_count = 0;
	CHECK(refused(&a, "needs the address"));
	a.filter = (char *)"tidy";
	CHECK(refused(&a, "no filter of this name"));
}

static void isolated_ports_do_not_talk(void)
{
	struct guest_nic a = card(mac_a), b = card(mac_b), x = card(mac_x);
	struct frame f = frame_to((const uint8_t *)"\xff\xff\xff\xff\xff\xff",
				  mac_a, 0x88b5, 1);
	struct nic_link la, lb, lx;

	a.isolated = b.isolated = true;
	la = open_ok(&a, 1);
	lb = open_ok(&b, 2);
	lx = open_ok(&x, 3);
	/* Broadcasts go out in order of ports: when the one that may has it
	 * and answers to the one that may not hear it, that comes first. */
	send_frame(&la, &f);
	CHECK(next_mark(&lx, PATIENCE_MS) == 1);
	f = frame_to(mac_b, mac_x, 0x88b5, 2);
	send_frame(&lx, &f);
	CHECK(next_mark(&lb, PATIENCE_MS) == 2);
	nic_link_close(&la);
	nic_link_close(&lb);
	nic_link_close(&lx);
}

static void mtu_queues_name(void)
{
	struct guest_nic a = card(mac_a);
	struct nic_link l;

	a.mtu = 9000;
	a.queues = 4;
	a.target = (char *)"webnic";
	l = open_ok(&a, 1);
	CHECK(!strcmp(l.name, "webnic") && l.mtu == 9000 && l.queues == 4);
	CHECK(l.fd[3] >= 0 && l.fd[4] < 0);
	nic_link_close(&l);
	CHECK(!if_nametoindex("webnic"));
	a.mtu = 65535;
	a.target = NULL;
	CHECK(refused(&a, "<mtu size"));
}

static void a_link_outlives_its_users(void)
{
	struct guest_nic a = card(mac_a), b = card(mac_b);
	struct nic_link la = open_ok(&a, 1), lb = open_ok(&b, 2), again;
	struct frame bad = frame_to(mac_b, mac_x, 0x88b5, 1);
	struct frame good = frame_to(mac_b, mac_a, 0x88b5, 2);

	nic_link_release(&la);
	CHECK(if_nametoindex("vif1.0") == la.ifindex);
	again = open_link(&a, 1, true);
	CHECK(again.ifindex == la.ifindex);
	CHECK(only(&again, &lb, &bad, &good));
	nic_link_release(&again);
	nic_link_remove("vif1.0");
	CHECK(!if_nametoindex("vif1.0"));
	nic_link_close(&lb);
}

/* A guest's link is nobody else's, whatever name somebody else asks for. */
static void a_name_is_one_guests(void)
{
	struct guest_nic a = card(mac_a), b = card(mac_b), x = card(mac_x);
	struct frame f = frame_to(mac_a, mac_b, 0x88b5, 1);
	struct nic_link la, lb;

	a.target = x.target = (char *)"webnic";
	la = open_ok(&a, 1);
	lb = open_ok(&b, 2);
	CHECK(refused(&x, "\"webnic\" already"));
	CHECK(if_nametoindex("webnic") == la.ifindex);
	send_frame(&lb, &f);
	CHECK(next_mark(&la, PATIENCE_MS) == 1);
	f = frame_to(mac_b, mac_a, 0x88b5, 2);
	send_frame(&la, &f);
	CHECK(next_mark(&lb, PATIENCE_MS) == 2);
	nic_link_close(&la);
	nic_link_close(&lb);
}

/* Until it is kept, a link goes with who made it. */
static void a_link_that_is_not_kept_goes(void)
{
	struct guest_nic a = card(mac_a);
	struct nic_link l = open_link(&a, 1, false);

	CHECK(if_nametoindex("vif1.0"));
	nic_link_release(&l);
	CHECK(!if_nametoindex("vif1.0"));
}

static void a_link_that_was_taken_away_is_made_again(void)
{
	struct guest_nic a = card(mac_a), b = card(mac_b);
	struct nic_link la = open_ok(&a, 1), lb = open_ok(&b, 2), again;
	struct frame bad = frame_to(mac_b, mac_x, 0x88b5, 1);
	struct frame good = frame_to(mac_b, mac_a, 0x88b5, 2);

	CHECK(nic_link_lives(&la));
	CHECK(!netlink_link_del(&nl, la.ifindex));
	CHECK(!nic_link_lives(&la));
	nic_link_release(&la);
	again = open_link(&a, 1, true);
	CHECK(nic_link_lives(&again));
	CHECK(only(&again, &lb, &bad, &good));
	nic_link_release(&again);
	CHECK(if_nametoindex("vif1.0"));
	nic_link_close(&again);
	nic_link_close(&lb);
}

/* Somebody takes a bridge away and makes it anew. */
static void a_link_goes_back_into_its_bridge(void)
{
	static const struct netlink_bridge br1 = { .name = "br1" };
	static const struct netlink_change up = { .up = true };
	const struct network_port port = { .bridge = "br1" };
	struct guest_nic a = card(mac_a), b = card(mac_b);
	struct nic_place where = { .index = 0 };
	struct netlink_link found = { 0 };
	struct frame f = frame_to(mac_b, mac_a, 0x88b5, 1);
	struct nic_link la, lb;
	char *why;

	a.source = b.source = (char *)"br1";
	CHECK(!netlink_bridge_add(&nl, &br1));
	CHECK(!netlink_link_set(&nl, if_nametoindex("br1"), &up));
	la = open_ok(&a, 1);
	lb = open_ok(&b, 2);
	CHECK(la.place.index == if_nametoindex("br1"));
	/* It is in there, or there is no bridge. */
	CHECK(!nic_link_rejoin(&a, 1, 0, &port, &where, &why) && !why);
	CHECK(!netlink_link_del(&nl, if_nametoindex("br1")));
	where.index = 0;
	CHECK(!nic_link_rejoin(&a, 1, 0, &port, &where, &why) && !why);
	CHECK(!where.index);
	CHECK(!netlink_bridge_add(&nl, &br1));
	CHECK(!netlink_link_set(&nl, if_nametoindex("br1"), &up));
	/* Not past a wall that is not there yet. */
	a.vlan = 5;
	CHECK(nic_link_rejoin(&a, 1, 0, &port, &where, &why) == -EAGAIN && why);
	free(why);
	CHECK(!netlink_link_find(&nl, "vif1.0", &found) && !found.master);
	a.vlan = 0;
	CHECK(nic_link_rejoin(&a, 1, 0, &port, &where, &why) == 1 && !why);
	CHECK(nic_link_rejoin(&b, 2, 0, &port, &where, &why) == 1 && !why);
	CHECK(where.index == if_nametoindex("br1"));
	send_frame(&la, &f);
	CHECK(next_mark(&lb, PATIENCE_MS) == 1);
	/* Whoever put it elsewhere meant it. */
	CHECK(!netlink_link_set(&nl, la.ifindex, &(struct netlink_change){
			.master = if_nametoindex("br0") }));
	CHECK(!nic_link_rejoin(&a, 1, 0, &port, &where, &why) && !why);
	CHECK(!netlink_link_find(&nl, "vif1.0", &found));
	CHECK(found.master == if_nametoindex("br0"));
	nic_link_close(&la);
	nic_link_close(&lb);
	CHECK(!netlink_link_del(&nl, if_nametoindex("br1")));
}

static bool is_br2(void *ctx, const struct netlink_link *l)
{
	*(unsigned int *)ctx += l->bridge && !strcmp(l->name, "br2");
	return true;
}

static void a_bridge_that_appears_is_heard(void)
{
	static const struct netlink_bridge br2 = { .name = "br2" };
	struct netlink news;
	unsigned int heard = 0;

	CHECK(!netlink_listen(&news));
	CHECK(!netlink_news(&news, is_br2, &heard) && !heard);
	CHECK(!netlink_bridge_add(&nl, &br2));
	CHECK(!netlink_news(&news, is_br2, &heard) && heard);
	heard = 0;
	CHECK(!netlink_news(&news, is_br2, &heard) && !heard);
	CHECK(!netlink_link_del(&nl, if_nametoindex("br2")));
	netlink_close(&news);
}

static void wrong_places_are_refused(void)
{
	struct guest_nic a = card(mac_a);

	a.source = (char *)"nobr";
	CHECK(refused(&a, "no bridge \"nobr\""));
	a.source = (char *)"lo";
	CHECK(refused(&a, "\"lo\" is no bridge"));
	a.type = GUEST_NIC_NETWORK;
	a.source = (char *)"none";
	CHECK(refused(&a, "no such network"));
	a = card(mac_a);
	a.target = (char *)"lo";
	CHECK(refused(&a, "\"lo\" already"));
	CHECK(if_nametoindex("lo"));
	a.target = (char *)"br0";
	CHECK(refused(&a, "\"br0\" already"));
	CHECK(if_nametoindex("br0"));
}

static void a_rate_is_kept(void)
{
	struct guest_nic a = card(mac_a);
	struct guest_bandwidth none = { 0 };
	struct nic_link l;
	char *why = NULL;

	a.inbound.average = 1000;
	a.inbound.peak = 2000;
	l = open_ok(&a, 1);
	CHECK(!system("tc qdisc show dev vif1.0 | grep -q 'tbf.*rate 8192Kbit'"));
	CHECK(!nic_link_limit(&l, &none, &why) && !why);
	CHECK(!nic_link_limit(&l, &none, &why) && !why);
	CHECK(system("tc qdisc show dev vif1.0 | grep -q tbf"));
	nic_link_close(&l);
}

static void a_vlan_is_a_wall(void)
{
	struct guest_nic a = card(mac_a), b = card(mac_b), x = card(mac_x);
	struct frame f = frame_to((const uint8_t *)"\xff\xff\xff\xff\xff\xff",
				  mac_a, 0x88b5, 1);
	struct nic_link la, lb, lx;

	a.vlan = 5;
	CHECK(refused(&a, "does not tell VLANs apart"));
	if (netlink_bridge_filter_vlans(&nl, if_nametoindex("br0"))) {
		puts("SKIP: this kernel's bridges know no VLANs");
		return;
	}
	b.vlan = 5;
	la = open_ok(&a, 1);
	lb = open_ok(&b, 2);
	lx = open_ok(&x, 3);
	send_frame(&la, &f);
	CHECK(next_mark(&lb, PATIENCE_MS) == 1);
	f = frame_to((const uint8_t *)"\xff\xff\xff\xff\xff\xff", mac_b,
		     0x88b5, 2);
	send_frame(&lb, &f);
	CHECK(next_mark(&la, PATIENCE_MS) == 2);
	/* It heard neither of them. */
	CHECK(next_mark(&lx, 0) == -1);
	nic_link_close(&la);
	nic_link_close(&lb);
	nic_link_close(&lx);
}

static void nothing_is_left(void)
{
	CHECK(system("nft list ruleset | grep -q bulkhead"));
	CHECK(system("ip -o link | grep -q vif"));
}

static void macs_are_stable_and_differ(void)
{
	uint8_t a[6], b[6];

	nic_mac_make("web", 0, 0, a);
	nic_mac_make("web", 0, 0, b);
	CHECK(!memcmp(a, b, 6) && !memcmp(a, "\x00\x16\x3e", 3) && a[3] < 128);
	nic_mac_make("web", 1, 0, b);
	CHECK(memcmp(a, b, 6));
	nic_mac_make("web", 0, 1, b);
	CHECK(memcmp(a, b, 6));
	nic_mac_make("web1", 0, 0, b);
	CHECK(memcmp(a, b, 6));
}

/* ---- */

static int prepare(void)
{
	static const struct netlink_change up = { .up = true };
	static const struct netlink_bridge br0 = { .name = "br0" };
	int rc;

	if (unshare(CLONE_NEWNET)) {
		printf("SKIP: no network namespace can be made here: %s\n",
		       strerror(errno));
		return SKIP;
	}
	if (access("/dev/net/tun", R_OK | W_OK)) {
		printf("SKIP: /dev/net/tun: %s\n", strerror(errno));
		return SKIP;
	}
	rc = netlink_open(&nl);
	if (!rc)
		rc = netlink_bridge_add(&nl, &br0);
	if (rc) {
		printf("SKIP: this kernel makes no bridges here: %s\n",
		       strerror(-rc));
		return SKIP;
	}
	return netlink_link_set(&nl, if_nametoindex("br0"), &up) ? 1 : 0;
}

int main(void)
{
	int rc = prepare();

	if (rc)
		return rc;
	macs_are_stable_and_differ();
	guests_in_one_bridge_talk();
	no_other_mac();
	no_other_ip();
	isolated_ports_do_not_talk();
	mtu_queues_name();
	a_link_outlives_its_users();
	a_name_is_one_guests();
	a_link_that_is_not_kept_goes();
	a_link_that_was_taken_away_is_made_again();
	a_link_goes_back_into_its_bridge();
	a_bridge_that_appears_is_heard();
	wrong_places_are_refused();
	a_rate_is_kept();
	a_vlan_is_a_wall();
	nothing_is_left();
	netlink_close(&nl);
	printf("net-test: %u checks, %u failed\n", checks, failures);
	return failures ? 1 : 0;
}
