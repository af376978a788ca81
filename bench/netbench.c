/* SPDX-License-Identifier: MIT */
/*
 * netbench: a TCP stream each way, a stream of UDP datagrams each way, and
 * round trips of one byte, between two machines.
 *
 *   netbench serve                answer for ever, TCP and UDP, port 5001
 *   netbench HOST [MIB] [ROUNDS]  measure against a netbench that serves
 *
 * A TCP client first says what it wants: 's', then it sends so many bytes and
 * gets one back; 'r', then it gets so many; 'p', then each byte comes back.
 *
 * A UDP datagram of one byte comes back.  A wish in one names a number of
 * datagrams of DATAGRAM bytes: 's', the client sends them; 'r', it gets them.
 * Whoever gets them says TOKEN after each STEP of them, and at most two steps
 * are under way without a token, so that no queue on the way runs over.
 * tests/pv/guest-netbench.c is the same client on libpv.
 *
 * Everything is done twice, the second time warm.  Output, at the end: "net
 * NAME BYTES ROUNDS TICKS #ID"; each test stands between MARK(0x400+2*ID) and
 * MARK(0x401+2*ID), from which the plugin counts its instructions.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <x86intrin.h>

#include "marker.h"

#define PORT	5001
#define CHUNK	65536u
#define DATAGRAM	1472u	/* a frame of 1514 bytes */
#define DATAGRAMS	8192
#define STEP	32
#define TOKEN	"ok"

struct wish {
	char what;
	uint32_t bytes;
} __attribute__((packed));

static char chunk[CHUNK];
static struct sockaddr_in peer = { .sin_family = AF_INET };
static int udp = -1;

/* All of a small thing. */
static void put(int fd, const void *p, size_t n)
{
	if (write(fd, p, n) != (ssize_t)n)
		exit(3);
}

static void get(int fd, void *p, size_t n)
{
	if (recv(fd, p, n, MSG_WAITALL) != (ssize_t)n)
		exit(4);
}

static void stream(int fd, size_t bytes, int out)
{
	ssize_t n;

	for (; bytes; bytes -= n) {
		n = bytes < CHUNK ? bytes : CHUNK;
		n = out ? write(fd, chunk, n) : read(fd, chunk, n);
		if (n <= 0)
			exit(5);
	}
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void serve_one(int fd)
{
	struct wish w;
	char c = 'k';

	no_delay(fd);
	get(fd, &w, sizeof(w));
	if (w.what == 's') {
		stream(fd, w.bytes, 0);
		put(fd, &c, 1);
	} else if (w.what == 'r') {
		stream(fd, w.bytes, 1);
	} else {
		while (read(fd, &c, 1) == 1)
			put(fd, &c, 1);
	}
	_exit(0);
}

/* What the client of datagrams wishes, and how far that is. */
static struct wish datagrams;
static unsigned int done;

static void send_step(int fd, const struct sockaddr_in *to)
{
	for (int i = 0; i < STEP && datagrams.bytes; i++, datagrams.bytes--)
		sendto(fd, chunk, DATAGRAM, 0, (const struct sockaddr *)to,
		       sizeof(*to));
}

static void serve_datagram(int fd)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, chunk, CHUNK, 0, (struct sockaddr *)&from,
			     &len);

	if (n == sizeof(datagrams)) {
		memcpy(&datagrams, chunk, sizeof(datagrams));
		done = 0;
		if (datagrams.what == 'r')
			send_step(fd, &from);
	}
	if (datagrams.what == 'r' &&
	    (n == sizeof(datagrams) || n == strlen(TOKEN)))
		send_step(fd, &from);
	if (n == DATAGRAM && ++done % STEP == 0)
		sendto(fd, TOKEN, strlen(TOKEN), 0, (struct sockaddr *)&from,
		       len);
	if (n == 1)
		sendto(fd, chunk, n, 0, (struct sockaddr *)&from, len);
}

static int serve(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(PORT) };
	struct pollfd p[2];
	int one = 1, fd, l = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(udp, (struct sockaddr *)&at, sizeof(at)) ||
	    bind(l, (struct sockaddr *)&at, sizeof(at)) || listen(l, 8))
		return 1;
	p[0] = (struct pollfd){ .fd = udp, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = l, .events = POLLIN };
	for (;;) {
		poll(p, 2, -1);
		if (p[0].revents)
			serve_datagram(udp);
		if (!p[1].revents)
			continue;
		fd = accept(l, NULL, NULL);
		if (!fork())
			serve_one(fd);
		close(fd);
	}
}

static int dial(char what, uint32_t bytes)
{
	const struct wish w = { what, bytes };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		exit(6);
	no_delay(fd);
	put(fd, &w, sizeof(w));
	return fd;
}

#define TEST(id, name, bytes, rounds, ...)                                  \
	do {                                                                \
		const uint64_t start = __rdtsc();                           \
		MARK(0x400 + 2 * (id));                                     \
		__VA_ARGS__;                                                \
		MARK(0x401 + 2 * (id));                                     \
		printf("net %s %zu %d %llu #%d\n", name, (size_t)(bytes),   \
		       (rounds), (unsigned long long)(__rdtsc() - start),   \
		       id);                                                 \
	} while (0)

static void tcp_rounds(int fd, int rounds)
{
	char c = 'x';

	while (rounds--) {
		put(fd, &c, 1);
		get(fd, &c, 1);
	}
}

static void udp_rounds(int rounds)
{
	char c = 'x';

	while (rounds--)
		if (send(udp, &c, 1, 0) != 1 || recv(udp, &c, 1, 0) != 1)
			exit(7);
}

static void wish_datagrams(char what)
{
	const struct wish w = { what, DATAGRAMS };

	put(udp, &w, sizeof(w));
}

static void await_token(void)
{
	char c[sizeof(TOKEN)];

	if (recv(udp, c, sizeof(c), 0) != (ssize_t)strlen(TOKEN))
		exit(8);
}

static void udp_send(void)
{
	int sent = 0, back;

	wish_datagrams('s');
	for (back = 0; back < DATAGRAMS; back += STEP) {
		for (; sent < DATAGRAMS && sent < back + 2 * STEP; sent++)
			put(udp, chunk, DATAGRAM);
		await_token();
	}
}

static void udp_receive(void)
{
	wish_datagrams('r');
	for (int i = 1; i <= DATAGRAMS; i++) {
		if (recv(udp, chunk, CHUNK, 0) != DATAGRAM)
			exit(9);
		if (i % STEP == 0)
			put(udp, TOKEN, strlen(TOKEN));
	}
}

static void measure(size_t bytes, int rounds)
{
	char c;
	int fd = dial('s', bytes);

	TEST(0, "tcp_send", bytes, 1, stream(fd, bytes, 1); get(fd, &c, 1));
	close(fd);
	fd = dial('r', bytes);
	TEST(1, "tcp_receive", bytes, 1, stream(fd, bytes, 0));
	close(fd);
	fd = dial('p', 0);
	TEST(2, "tcp_pingpong", rounds, rounds, tcp_rounds(fd, rounds));
	close(fd);
	TEST(3, "udp_pingpong", rounds, rounds, udp_rounds(rounds));
	TEST(4, "udp_send", DATAGRAMS * DATAGRAM, DATAGRAMS, udp_send());
	TEST(5, "udp_receive", DATAGRAMS * DATAGRAM, DATAGRAMS, udp_receive());
}

int main(int argc, char **argv)
{
	static char out[4096];
	int room = 1 << 20;

	if (argc < 2)
		return 2;
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	/* A datagram takes more of it than its bytes. */
	setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (!strcmp(argv[1], "serve"))
		return serve();
	/* Nothing is printed before the end: a console is work, too. */
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	peer.sin_port = htons(PORT);
	inet_pton(AF_INET, argv[1], &peer.sin_addr);
	if (connect(udp, (struct sockaddr *)&peer, sizeof(peer)))
		return 1;
	for (int pass = 0; pass < 2; pass++)
		measure((argc > 2 ? strtoul(argv[2], NULL, 10) : 32) << 20,
			argc > 3 ? atoi(argv[3]) : 500);
	puts("net-done");
	return 0;
}
