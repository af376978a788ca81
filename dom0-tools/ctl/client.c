/* SPDX-License-Identifier: MIT */
/* ctl's end of the supervisor's socket; protocol.h has the language. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"

int client_open(struct client *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX,
				 .sun_path = SUPERVISOR_SOCKET };

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && !connect(c->fd, (struct sockaddr *)&a, sizeof(a)))
		return CODE_OK;
	if (errno == ENOENT || errno == ECONNREFUSED) {
		complain("the supervisor is not running; bulkhead-start starts it");
		return CODE_FAILURE;
	}
	complain("%s: %s", SUPERVISOR_SOCKET, strerror(errno));
	return errno == EACCES || errno == EPERM ? CODE_PERMISSION :
	       CODE_FAILURE;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->in);
	c->in = NULL;
	c->fd = -1;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static bool receive_more(struct client *c)
{
	ssize_t n;

	if (c->taken) {
		c->len -= c->taken;
		memmove(c->in, c->in + c->taken, c->len);
		c->taken = 0;
	}
	if (c->len == c->room) {
		size_t room = c->room ? c->room * 2 : 8192;
		char *grown = room <= 4u * SUPERVISOR_LINE_MAX ?
			      realloc(c->in, room) : NULL;

		if (!grown)
			return false;
		c->in = grown;
		c->room = room;
	}
	do {
		n = recv(c->fd, c->in + c->len, c->room - c->len, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	c->len += (size_t)n;
	return true;
}

/* The next line becomes c->line; false when the connection ended. */
static bool next_line(struct client *c)
{
	size_t seen = c->taken;

	for (;;) {
		char *end = c->len > seen ?
			    memchr(c->in + seen, '\n', c->len - seen) : NULL;

		if (end) {
			c->line = c->in + c->taken;
			c->line_len = (size_t)(end - c->line);
			c->taken += c->line_len + 1;
			return true;
		}
		seen = c->len - c->taken;
		if (!receive_more(c))
			return false;
	}
}

static void print_warning(const char *line, size_t len)
{
	char *text = jline_member_string(line, len, "warning");

	if (text)
		fprintf(stderr, "warning: %s\n", text);
	free(text);
}

static int answer_code(struct client *c)
{
	char *text;
	int code;

	if (jline_member_true(c->line, c->line_len, "ok"))
		return CODE_OK;
	code = (int)jline_member_number(c->line, c->line_len, "code");
	text = jline_member_string(c->line, c->line_len, "error");
	fprintf(stderr, "%s\n", text ? text : "it failed");
	free(text);
	return code ? code : CODE_FAILURE;
}

int client_ask(struct client *c, struct jline_out *request)
{
	bool sent = jline_end(request) &&
		    send_all(c->fd, request->text, request->len);
	const int error = errno;
	size_t n;

	free(request->text);
	/* Who is turned away is told so before he has said what he wants. */
	for (;;) {
		if (!next_line(c)) {
			if (sent)
				complain("the supervisor went away before it answered");
			else
				complain("the request cannot be sent: %s",
					 strerror(error));
			return CODE_FAILURE;
		}
		if (jline_member(c->line, c->line_len, "ok", &n))
			return answer_code(c);
		if (c->note)
			c->note(c->ctx, c->line, c->line_len);
		print_warning(c->line, c->line_len);
	}
}

int print_bytes(const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			complain("standard output: %s", strerror(errno));
			return CODE_FAILURE;
		}
		bytes += n;
		len -= (size_t)n;
	}
	return CODE_OK;
}

static int print_answer(const struct client *c)
{
	size_t n;
	const char *raw = jline_member(c->line, c->line_len, "json", &n);
	char *text;
	int code;

	if (raw) {
		code = print_bytes(raw, n);
		return code ? code : print_bytes("\n", 1);
	}
	text = jline_member_string(c->line, c->line_len, "text");
	code = text ? print_bytes(text, strlen(text)) : CODE_OK;
	free(text);
	return code;
}

int client_simple(struct jline_out *request)
{
	struct client c = { .fd = -1 };
	int code = client_open(&c);

	if (code) {
		free(request->text);
		return code;
	}
	code = client_ask(&c, request);
	if (!code)
		code = print_answer(&c);
	client_close(&c);
	return code;
}
