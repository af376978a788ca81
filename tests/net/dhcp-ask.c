/* SPDX-License-Identifier: MIT */
/*
 * dhcp-ask LINK - take an address by DHCP and print it: DISCOVER, OFFER,
 * REQUEST, ACK, on a packet socket.  Nothing is set on the link.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct packet {
	uint8_t ip[20], udp[8];
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16], sname[64], file[128];
	uint32_t cookie;
	uint8_t options[64];
} __attribute__((packed));

static uint16_t sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	s = (s & 0xffff) + (s >> 16);
	return htons((uint16_t)~((s & 0xffff) + (s >> 16)));
}

static void fill(struct packet *p, const uint8_t *mac, uint8_t type,
		 uint32_t wanted, uint32_t server)
{
	uint8_t *o = p->options;
	uint16_t check;

	memset(p, 0, sizeof(*p));
	p->op = p->htype = 1;
	p->hlen = 6;
	p->xid = 0x12345678;
	p->flags = htons(0x8000);
	memcpy(p->chaddr, mac, 6);
	p->cookie = htonl(0x63825363);
	*o++ = 53, *o++ = 1, *o++ = type;
	if (wanted) {
		*o++ = 50, *o++ = 4, memcpy(o, &wanted, 4), o += 4;
		*o++ = 54, *o++ = 4, memcpy(o, &server, 4), o += 4;
	}
	*o = 255;
	p->ip[0] = 0x45;
	p->ip[2] = sizeof(*p) >> 8, p->ip[3] = sizeof(*p) & 255;
	p->ip[8] = 64, p->ip[9] = 17;
	memset(p->ip + 16, 255, 4);
	check = sum(p->ip, 20);
	memcpy(p->ip + 10, &check, 2);
	p->udp[1] = 68, p->udp[3] = 67;
	p->udp[4] = (sizeof(*p) - 20) >> 8, p->udp[5] = (sizeof(*p) - 20) & 255;
}

static uint32_t option(const struct packet *p, uint8_t code, size_t len)
{
	const uint8_t *o = p->options;
	uint32_t v = 0;

	while (o + 2 < p->options + sizeof(p->options) && *o != 255) {
		if (*o == code && o[1] <= 4) {
			memcpy(&v, o + 2, len);
			return v;
		}
		o += *o ? o[1] + 2 : 1;
	}
	return 0;
}

/* Sends TYPE and waits for ANSWER; asks again, as one does. */
static int ask(int fd, const struct sockaddr_ll *to, const uint8_t *mac,
	       uint8_t type, uint8_t answer, uint32_t *ip, uint32_t *server)
{
	struct pollfd w = { .fd = fd, .events = POLLIN };
	struct packet p;
	uint8_t in[1600];

	for (int try = 0; try < 5; try++) {
		fill(&p, mac, type, type == 3 ? *ip : 0, *server);
		if (sendto(fd, &p, sizeof(p), 0, (const void *)to,
			   sizeof(*to)) < 0)
			return -1;
		while (poll(&w, 1, 3000) == 1) {
			ssize_t n = recv(fd, in, sizeof(in), 0);

			if (n < 240)
				continue;
			memset(&p, 0, sizeof(p));
			memcpy(&p, in, (size_t)n < sizeof(p) ? (size_t)n :
			       sizeof(p));
			if (p.op != 2 || p.xid != 0x12345678 ||
			    (option(&p, 53, 1) & 255) != answer)
				continue;
			*ip = p.yiaddr;
			*server = option(&p, 54, 4);
			return 0;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETHERTYPE_IP));
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6,
				  .sll_protocol = htons(ETHERTYPE_IP) };
	struct ifreq r = { 0 };
	uint32_t ip = 0, server = 0;
	char text[INET_ADDRSTRLEN];

	if (argc != 2 || fd < 0)
		return 2;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", argv[1]);
	if (ioctl(fd, SIOCGIFHWADDR, &r))
		return 2;
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	memset(to.sll_addr, 255, 6);
	if (ask(fd, &to, (uint8_t *)r.ifr_hwaddr.sa_data, 1, 2, &ip,
		&server) ||
	    ask(fd, &to, (uint8_t *)r.ifr_hwaddr.sa_data, 3, 5, &ip, &server))
		return 1;
	puts(inet_ntop(AF_INET, &ip, text, sizeof(text)));
	return 0;
}
