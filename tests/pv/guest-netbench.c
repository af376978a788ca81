/* SPDX-License-Identifier: MIT */
/*
 * bench/netbench.c for netfront: the same streams and datagrams to the same
 * server, in the same order, with the same markers.  The words ip= and peer= of
 * the command line are the two addresses.
 *
 * Its TCP is what a stream needs where nothing gets lost: segments of up to
 * 44 times what fits into a frame, which the other side cuts or not, and an
 * answer to each that comes.  Data that is not the next is not taken.
 */
#include <pv/netfront.h>

#include "guest-bench.h"

enum { PORT = 5001, OURS = 5002, DATAGRAM = 1472, DATAGRAMS = 8192, STEP = 32,
       ROUNDS = 500, STREAM = 32 << 20, HEADERS = 14 + 20 + 8 };
enum { TCP_HEADERS = 14 + 20 + 20, MSS = 1460, MOST = 44 * MSS, WINDOW_SHIFT = 3 };
enum { IP_TCP = 6, IP_UDP = 17 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static struct pv_net card = { .rx_pages = 256, .tx_pages = 256, .offload = true };
static uint8_t ip[4], peer[4];
/* Headers to the server, and the data behind them. */
static uint8_t out[TCP_HEADERS + MOST], in[PV_NET_MOST + 1];

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

static void put_long(uint8_t *p, uint32_t v)
{
	put_word(p, v >> 16);
	put_word(p + 2, v & 0xffff);
}

static uint32_t get_long(const uint8_t *p)
{
	return (uint32_t)word(p) << 16 | word(p + 2);
}

static void put_frame_offload(const uint8_t *frame, size_t n,
			      const struct pv_net_offload *o)
{
	int rc;

	while ((rc = pv_net_put_offload(&card, frame, n, o)) == -XEN_EAGAIN)
		pv_os_wait(&pv, UINT64_MAX);
	if (rc)
		give_up("the card went");
}

static void put_frame(const uint8_t *frame, size_t n)
{
	put_frame_offload(frame, n, NULL);
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

/* ---- IP ---- */

static unsigned int fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum + (sum >> 16)) & 0xffff;
}

static uint32_t sum_words(const uint8_t *p, unsigned int bytes)
{
	uint32_t sum = 0;

	for (; bytes; bytes -= 2, p += 2)
		sum += word(p);
	return sum;
}

static void ip_header(unsigned int protocol, size_t bytes)
{
	put_word(out + 16, 20 + bytes);
	out[23] = protocol;
	put_word(out + 24, 0);
	put_word(out + 24, ~fold(sum_words(out + 14, 20)));
}

/* The next packet of that kind for this port is at `in`; its bytes behind the
 * IP header. */
static unsigned int get_packet(unsigned int protocol, unsigned int port)
{
	int n;

	for (;;) {
		n = pv_net_receive(&card, in, sizeof(in), UINT64_MAX);
		if (n < 0)
			give_up("the card went");
		if (n >= HEADERS && word(in + 12) == 0x0800 && in[14] == 0x45 &&
		    in[23] == protocol && word(in + 36) == port &&
		    word(in + 16) >= 20u && word(in + 16) <= n - 14u)
			return word(in + 16) - 20;
		other(in, n);
	}
}

static void headers(void)
{
	memcpy(out + 6, card.mac, 6);
	memcpy(out + 12, "\x08\0\x45\0", 4);
	put_word(out + 20, 0x4000);		/* not to be cut */
	out[22] = 64;
	memcpy(out + 26, ip, 4);
	memcpy(out + 30, peer, 4);
	put_word(out + 36, PORT);
}

/* ---- UDP ---- */

static void put(size_t bytes)
{
	ip_header(IP_UDP, 8 + bytes);
	put_word(out + 34, OURS);
	put_word(out + 38, 8 + bytes);
	put_word(out + 40, 0);			/* no checksum */
	put_frame(out, HEADERS + bytes);
}

/* The data of the next datagram is at in + HEADERS; its length. */
static unsigned int get(void)
{
	return get_packet(IP_UDP, OURS) - 8;
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

/* ---- TCP ---- */

static struct {
	unsigned int port;
	uint32_t next, unanswered, theirs;	/* sequence numbers */
	uint32_t window;
	unsigned int shift;
} tcp = { .port = 40000 };

/* A segment with `bytes` of data, which stand behind the headers. */
static void segment(unsigned int flags, unsigned int options, size_t bytes)
{
	const size_t length = 20 + options + bytes;
	const struct pv_net_offload o = {
		.csum_blank = true,
		.gso_size = bytes > MSS ? MSS : 0,
	};

	ip_header(IP_TCP, length);
	put_word(out + 34, tcp.port);
	put_long(out + 38, tcp.next);
	put_long(out + 42, tcp.theirs);
	out[46] = (20 + options) / 4 << 4;
	out[47] = flags;
	put_word(out + 48, 0xffff);
	put_long(out + 50, 0);
	/* The sum of the pseudo header; the rest is for others to do. */
	put_word(out + 50, fold(sum_words(out + 26, 8) + IP_TCP + length));
	put_frame_offload(out, 34 + length, &o);
	tcp.next += bytes + !!(flags & SYN);
}

/* Take a segment; the bytes of it that are next, at *data. */
static unsigned int take_segment(const uint8_t **data)
{
	unsigned int length = get_packet(IP_TCP, tcp.port);
	unsigned int header = in[46] >> 4 << 2;

	if (length < 20 || header < 20 || length < header || (in[47] & RST))
		give_up("the server ended the stream");
	tcp.window = word(in + 48) << tcp.shift;
	if (in[47] & SYN) {
		tcp.theirs = get_long(in + 38) + 1;
		tcp.unanswered = get_long(in + 42);
		return 0;
	}
	if ((int32_t)(get_long(in + 42) - tcp.unanswered) > 0)
		tcp.unanswered = get_long(in + 42);
	length -= header;
	if (!length)
		return 0;
	if (get_long(in + 38) != tcp.theirs)
		length = 0;
	*data = in + 34 + header;
	tcp.theirs += length;
	return length;
}

static void dial(char what, uint32_t bytes)
{
	static const uint8_t options[] = { 2, 4, MSS >> 8, MSS & 255, 1, 3, 3, WINDOW_SHIFT };
	const uint8_t *data;
	unsigned int i;

	tcp.port++;
	tcp.next = 1000;
	tcp.theirs = tcp.shift = 0;
	memcpy(out + TCP_HEADERS, options, sizeof(options));
	segment(SYN, sizeof(options), 0);
	do
		take_segment(&data);
	while (!(in[47] & SYN));
	for (i = 54; i < 34u + (in[46] >> 4 << 2);
	     i += in[i] < 2 ? 1 : in[i + 1] ? in[i + 1] : 99)
		if (in[i] == 3)
			tcp.shift = in[i + 2] & 15;
	out[TCP_HEADERS] = what;
	memcpy(out + TCP_HEADERS + 1, &bytes, 4);
	segment(ACK | PSH, 0, 5);
}

static void hang_up(void)
{
	segment(RST | ACK, 0, 0);
}

static void await_byte(void)
{
	const uint8_t *data;

	while (!take_segment(&data))
		;
}

static void tcp_send(void)
{
	const uint32_t end = tcp.next + STREAM;
	const uint8_t *data;
	uint32_t room, n;

	while (tcp.next != end) {
		room = tcp.unanswered + tcp.window - tcp.next;
		n = end - tcp.next < MOST ? end - tcp.next : MOST;
		/* Small pieces only where nothing else would bring more room. */
		if ((int32_t)room > 0 && room < n &&
		    tcp.unanswered == tcp.next)
			n = room;
		if ((int32_t)room >= (int32_t)n)
			segment(ACK, 0, n);
		else
			take_segment(&data);
	}
	await_byte();
}

static void tcp_receive(void)
{
	const uint8_t *data;
	uint32_t left;

	for (left = STREAM; left;) {
		left -= take_segment(&data);
		segment(ACK, 0, 0);
	}
}

static void tcp_rounds(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		out[TCP_HEADERS] = 'x';
		segment(ACK | PSH, 0, 1);
		await_byte();
	}
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
		dial('s', STREAM);
		TEST(0, "tcp_send", STREAM, 1, tcp_send);
		hang_up();
		dial('r', STREAM);
		TEST(1, "tcp_receive", STREAM, 1, tcp_receive);
		hang_up();
		dial('p', 0);
		TEST(2, "tcp_pingpong", ROUNDS, ROUNDS, tcp_rounds);
		hang_up();
		TEST(3, "udp_pingpong", ROUNDS, ROUNDS, rounds);
		TEST(4, "udp_send", DATAGRAMS * DATAGRAM, DATAGRAMS, udp_send);
		TEST(5, "udp_receive", DATAGRAMS * DATAGRAM, DATAGRAMS,
		     udp_receive);
	}
	MARK(0x10000 + 47);
	print("net-done\n");
	return 0;
}
