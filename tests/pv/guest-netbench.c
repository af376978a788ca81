/* SPDX-License-Identifier: MIT */
/*
 * The UDP part of bench/netbench.c for netfront: the same datagrams to the
 * same server, in the same order, with the same markers.  The words ip= and
 * peer= of the command line are the two addresses.
 */
#include <pv/netfront.h>

#include "guest-bench.h"

enum { PORT = 5001, OURS = 5002, DATAGRAM = 1472, DATAGRAMS = 8192, STEP = 32,
       ROUNDS = 500, HEADERS = 14 + 20 + 8 };

static struct pv_net card = { .rx_pages = 128, .tx_pages = 128 };
static uint8_t ip[4], peer[4];
/* Ethernet, IP and UDP headers to the server, and the data behind them. */
static uint8_t out[HEADERS + DATAGRAM], in[4096];

static void give_up(const char *why)
{
	print("netbench: %s\n", why);
	pv_shutdown(&pv, SHUTDOWN_crash);
}

static unsigned int word(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void put_word(uint8_t *p, unsigned int v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put_frame(const uint8_t *frame, size_t n)
{
	if (pv_net_send(&card, frame, n, UINT64_MAX))
		give_up("the card went");
}

/* ---- ARP: who has the server's address, and that we have ours ---- */

static void arp(uint8_t *to, const uint8_t *to_mac, unsigned int op)
{
	uint8_t f[42] = { 0 };

	memcpy(f, to_mac, 6);
	memcpy(f + 6, card.mac, 6);
	memcpy(f + 12, "\x08\x06\0\x01\x08\0\x06\x04", 8);
	put_word(f + 20, op);
	memcpy(f + 22, card.mac, 6);
	memcpy(f + 28, ip, 4);
	if (op == 2)
		memcpy(f + 32, to_mac, 6);
	memcpy(f + 38, to, 4);
	put_frame(f, sizeof(f));
}

/* A frame that is no datagram for us. */
static void other(const uint8_t *f, int n)
{
	if (n < 42 || word(f + 12) != 0x0806 || memcmp(f + 38, ip, 4))
		return;
	if (word(f + 20) == 1)
		arp((uint8_t *)f + 28, f + 22, 2);
	else if (!memcmp(f + 28, peer, 4))
		memcpy(out, f + 22, 6);
}

/* ---- UDP ---- */

static void put(size_t bytes)
{
	unsigned int sum = 0, i;

	put_word(out + 16, 28 + bytes);
	put_word(out + 24, 0);
	for (i = 14; i < 34; i += 2)
		sum += word(out + i);
	sum = (sum & 0xffff) + (sum >> 16);
	put_word(out + 24, ~(sum + (sum >> 16)));
	put_word(out + 38, 8 + bytes);
	put_frame(out, HEADERS + bytes);
}

/* The data of the next datagram is at in + HEADERS; its length. */
static unsigned int get(void)
{
	int n;

	for (;;) {
		n = pv_net_receive(&card, in, sizeof(in), UINT64_MAX);
		if (n < 0)
			give_up("the card went");
		if (n >= HEADERS && word(in + 12) == 0x0800 &&
		    in[23] == 17 && word(in + 36) == OURS)
			return word(in + 38) - 8;
		other(in, n);
	}
}

static void headers(void)
{
	memcpy(out + 6, card.mac, 6);
	memcpy(out + 12, "\x08\0\x45\0", 4);
	put_word(out + 20, 0x4000);		/* not to be cut */
	out[22] = 64;
	out[23] = 17;
	memcpy(out + 26, ip, 4);
	memcpy(out + 30, peer, 4);
	put_word(out + 34, OURS);
	put_word(out + 36, PORT);
}

static void put_text(const void *text, size_t n)
{
	memcpy(out + HEADERS, text, n);
	put(n);
}

static void wish(char what)
{
	const uint32_t n = DATAGRAMS;

	out[HEADERS] = what;
	memcpy(out + HEADERS + 1, &n, 4);
	put(5);
}

static void expect(unsigned int bytes)
{
	if (get() != bytes)
		give_up("a datagram has another length");
}

/* ---- What is measured ---- */

static void rounds(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		put_text("x", 1);
		expect(1);
	}
}

static void udp_send(void)
{
	int sent = 0, back;

	wish('s');
	for (back = 0; back < DATAGRAMS; back += STEP) {
		for (; sent < DATAGRAMS && sent < back + 2 * STEP; sent++)
			put(DATAGRAM);
		expect(2);
	}
}

static void udp_receive(void)
{
	int i;

	wish('r');
	for (i = 1; i <= DATAGRAMS; i++) {
		expect(DATAGRAM);
		if (i % STEP == 0)
			put_text("ok", 2);
	}
}

#define TEST(id, name, bytes, rounds, run)                                   \
	do {                                                                 \
		uint64_t own = own_ns(), t0 = pv_clock_now(&pv);             \
		MARK(0x400 + 2 * (id));                                      \
		run();                                                       \
		MARK(0x401 + 2 * (id));                                      \
		t0 = pv_clock_now(&pv) - t0;                                 \
		print("net %s %lu %d %lu #%d own %lu\n", name,               \
		      (unsigned long)(bytes), (rounds), t0, id,              \
		      own_ns() - own);                                       \
	} while (0)

static void parse_ip(const char *s, uint8_t *to)
{
	int i;

	if (!s)
		give_up("ip= and peer= are needed");
	for (i = 0; i < 4; i++, s++)
		for (; *s >= '0' && *s <= '9'; s++)
			to[i] = to[i] * 10 + *s - '0';
}

int main(void)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	unsigned int pass;
	int n;

	parse_ip(argument("ip"), ip);
	parse_ip(argument("peer"), peer);
	pv_net_open(&pv, &card, 0);
	if (pv_device_wait_up(&card.dev, UINT64_MAX))
		give_up("there is no card");
	headers();
	while (!memcmp(out, "\0\0\0\0\0\0", 6)) {
		arp(peer, all, 1);
		n = pv_net_receive(&card, in, sizeof(in),
				   pv_clock_now(&pv) + 100000000);
		if (n > 0)
			other(in, n);
	}
	MARK(0x10000 + 46);
	for (pass = 0; pass < 2; pass++) {
		TEST(3, "udp_pingpong", ROUNDS, ROUNDS, rounds);
		TEST(4, "udp_send", DATAGRAMS * DATAGRAM, DATAGRAMS, udp_send);
		TEST(5, "udp_receive", DATAGRAMS * DATAGRAM, DATAGRAMS,
		     udp_receive);
	}
	MARK(0x10000 + 47);
	print("net-done\n");
	return 0;
}
