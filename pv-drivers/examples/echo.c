/* SPDX-License-Identifier: MIT */
/*
 * echo ip=10.0.0.2: answers ARP and ping, and sends UDP datagrams to port 7
 * back to where they came from.  No stack: an answer is the question with its
 * addresses exchanged.
 */
#include <pv/netfront.h>

#include "tiny.h"

#define ETHERTYPE_IP	0x0800
#define ETHERTYPE_ARP	0x0806
#define IP_ICMP		1
#define IP_UDP		17
#define ECHO_PORT	7

static struct pv_net card;
static uint8_t our_ip[4], frame[2048];

static unsigned int word(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void exchange(uint8_t *a, uint8_t *b, size_t n)
{
	for (; n; n--, a++, b++) {
		uint8_t c = *a;

		*a = *b;
		*b = c;
	}
}

/* "Who has our address?" becomes "I do". */
static bool arp(uint8_t *p, size_t n)
{
	if (n < 28 || word(p + 6) != 1 || memcmp(p + 24, our_ip, 4))
		return false;
	p[7] = 2;
	memcpy(p + 18, p + 8, 10);
	memcpy(p + 8, card.mac, 6);
	memcpy(p + 14, our_ip, 4);
	return true;
}

/* Type 8 becomes type 0, and the checksum that much larger. */
static bool ping(uint8_t *p)
{
	unsigned int sum = word(p + 2) + 0x0800;

	if (p[0] != 8)
		return false;
	sum = (sum & 0xffff) + (sum >> 16);
	p[0] = 0;
	p[2] = sum >> 8;
	p[3] = sum;
	return true;
}

/* Exchanging words does not change their sum. */
static bool ip(uint8_t *p, size_t n)
{
	size_t header = (p[0] & 15) * 4;
	uint8_t *body = p + header;

	if (p[0] >> 4 != 4 || header < 20 || n < header + 8 ||
	    memcmp(p + 16, our_ip, 4))
		return false;
	exchange(p + 12, p + 16, 4);
	if (p[9] == IP_ICMP)
		return ping(body);
	exchange(body, body + 2, 2);
	return p[9] == IP_UDP && word(body) == ECHO_PORT;
}

/* Turn a frame into the answer to it; false: there is none. */
static bool answer(uint8_t *f, size_t n)
{
	if (n < 34 ||
	    !(word(f + 12) == ETHERTYPE_ARP ? arp(f + 14, n - 14) :
	      word(f + 12) == ETHERTYPE_IP && ip(f + 14, n - 14)))
		return false;
	memcpy(f, f + 6, 6);
	memcpy(f + 6, card.mac, 6);
	return true;
}

static void parse_ip(const char *s)
{
	int i;

	for (i = 0; i < 4; i++, s++)
		for (; *s >= '0' && *s <= '9'; s++)
			our_ip[i] = our_ip[i] * 10 + *s - '0';
}

/* A back-end may go and come back; the card is up again then. */
int main(void)
{
	const char *address = argument("ip");
	unsigned long answered = 0;
	int n;

	parse_ip(address ? address : "10.0.0.2");
	pv_net_open(&pv, &card, 0);
	while (!pv_device_wait_up(&card.dev, UINT64_MAX)) {
		print("echo: %u.%u.%u.%u is up\n", our_ip[0], our_ip[1],
		      our_ip[2], our_ip[3]);
		while ((n = pv_net_receive(&card, frame, sizeof(frame),
					   UINT64_MAX)) >= 0)
			if (answer(frame, n)) {
				pv_net_send(&card, frame, n, UINT64_MAX);
				answered++;
			}
	}
	print("echo: %s; %lu answered\n", card.dev.trouble ?
	      card.dev.trouble : "the card went", answered);
	return card.dev.trouble != NULL;
}
