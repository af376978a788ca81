/* SPDX-License-Identifier: MIT */
/*
 * stream: TCP streams whose every byte is checked.
 *
 *   stream serve                 answer for ever, port 5002
 *   stream out|in HOST MIB       send, or get, so many MiB (HOST: an address)
 *
 * Prints "stream: MIB MiB out|in are right, at most N us between two pieces",
 * or what is wrong and where; who serves says how long was between two pieces
 * that arrived.  A stream that stands still for two minutes is wrong, too.  It
 * takes the time that others leave.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PORT	5002
#define WORDS	8192u

struct wish {
	char out;	/* the client sends */
	uint8_t unused[3];
	uint32_t mib;
};

static uint64_t chunk[WORDS];
static uint64_t last_us, most_us;	/* the last piece, the longest wait for one */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* The bytes at word @at of every stream. */
static uint64_t word(uint64_t at)
{
	at *= 0x9e3779b97f4a7c15;
	return at ^ at >> 29;
}

static void look_at_clock(void)
{
	struct timespec t;
	uint64_t us;

	clock_gettime(CLOCK_MONOTONIC, &t);
	us = t.tv_sec * 1000000ull + t.tv_nsec / 1000;
	if (last_us && us - last_us > most_us)
		most_us = us - last_us;
	last_us = us;
}

static void all(int fd, void *p, size_t n, int out)
{
	ssize_t r;

	for (; n; n -= r, p = (char *)p + r) {
		r = out ? send(fd, p, n, MSG_NOSIGNAL) : recv(fd, p, n, 0);
		if (r < 0)
			fail(out ? "stream: send" : "stream: receive");
		if (!r) {
			puts("stream: it ended too soon");
			exit(1);
		}
		look_at_clock();
	}
}

static void give(int fd, uint64_t bytes)
{
	char done;

	for (uint64_t at = 0; at < bytes / 8; at += WORDS) {
		for (unsigned int i = 0; i < WORDS; i++)
			chunk[i] = word(at + i);
		all(fd, chunk, sizeof(chunk), 1);
	}
	all(fd, &done, 1, 0);
}

static void take(int fd, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes / 8; at += WORDS) {
		all(fd, chunk, sizeof(chunk), 0);
		for (unsigned int i = 0; i < WORDS; i++) {
			if (chunk[i] == word(at + i))
				continue;
			printf("stream: wrong at byte %llu\n",
			       (unsigned long long)(at + i) * 8);
			exit(1);
		}
	}
	all(fd, "d", 1, 1);
}

static void patience(int fd)
{
	const struct timeval two_minutes = { .tv_sec = 120 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &two_minutes,
		   sizeof(two_minutes));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &two_minutes,
		   sizeof(two_minutes));
}

static int serve(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6,
				   .sin6_port = htons(PORT) };
	int one = 1, fd, l = socket(AF_INET6, SOCK_STREAM, 0);
	struct wish w;

	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, (struct sockaddr *)&at, sizeof(at)) || listen(l, 8))
		fail("stream: listen");
	while ((fd = accept(l, NULL, NULL)) >= 0) {
		if (!fork()) {
			patience(fd);
			all(fd, &w, sizeof(w), 0);
			if (w.out) {
				take(fd, (uint64_t)w.mib << 20);
				printf("stream: %u MiB arrived, at most %llu us between two pieces\n",
				       w.mib, (unsigned long long)most_us);
				exit(0);
			}
			give(fd, (uint64_t)w.mib << 20);
			exit(0);
		}
		close(fd);
	}
	fail("stream: accept");
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6,
				   .sin6_port = htons(PORT) };
	struct wish w = { 0 };
	char v4[64];
	int fd;

	if (nice(19) < 0)
		fail("stream: nice");
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	if (argc != 4)
		return 2;
	/* An address of IPv4 is one of IPv6, too. */
	snprintf(v4, sizeof(v4), "::ffff:%.48s", argv[2]);
	if (!inet_pton(AF_INET6, argv[2], &at.sin6_addr) &&
	    !inet_pton(AF_INET6, v4, &at.sin6_addr))
		return 2;
	w.out = !strcmp(argv[1], "out");
	w.mib = atoi(argv[3]);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	patience(fd);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)))
		fail("stream: connect");
	all(fd, &w, sizeof(w), 1);
	if (w.out)
		give(fd, (uint64_t)w.mib << 20);
	else
		take(fd, (uint64_t)w.mib << 20);
	printf("stream: %u MiB %s are right, at most %llu us between two pieces\n",
	       w.mib, argv[1], (unsigned long long)most_us);
	return 0;
}
