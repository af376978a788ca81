/* SPDX-License-Identifier: MIT */
/*
 * A back-end for tests of the supervisor: it speaks as one and serves nothing.
 * <serial> makes it odd: "refuse", "die" (before it is ready), "mute", "stop"
 * (the guest is at fault once connected), "crash" (whenever it is connected),
 * "loud" (1,000 lines for the log once connected).
 * What it is told goes to back.log as it came.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

static char state[16] = "new", odd[32];
static int connection = -1, image = -1;

static void say(json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	send(connection, text, strlen(text), MSG_NOSIGNAL);
	free(text);
	json_decref(o);
}

static void note(const char *program, char **argv, const char *text)
{
	FILE *f = fopen("back.log", "a");

	fprintf(f, "%s %s.%s %d %s\n", program, argv[2], argv[4],
		(int)getpid(), text);
	fclose(f);
}

static json_t *size_nodes(void)
{
	char sectors[24] = "0";
	struct stat st;

	if (image >= 0 && !fstat(image, &st))
		snprintf(sectors, sizeof(sectors), "%lld",
			 (long long)st.st_size / 512);
	return json_pack("{s:s, s:s}", "sectors", sectors, "feature-x", "1");
}

static void start(const json_t *m)
{
	const char *serial = json_string_value(json_object_get(m, "serial"));

	snprintf(odd, sizeof(odd), "%s", serial ? serial : "");
	if (!strcmp(odd, "die"))
		exit(1);
	if (!strcmp(odd, "mute"))
		return;
	if (!strcmp(odd, "refuse")) {
		say(json_pack("{s:s, s:s}", "event", "refused", "reason",
			      "it does not want to"));
		return;
	}
	strcpy(state, "ready");
	say(json_pack("{s:s, s:o}", "event", "ready", "nodes", size_nodes()));
}

static void obey(const json_t *m)
{
	const char *what = json_string_value(json_object_get(m, "do"));

	if (!strcmp(what, "hello")) {
		say(json_pack("{s:s, s:i, s:s}", "event", "hello", "version",
			      1, "state", state));
	} else if (!strcmp(what, "start")) {
		start(m);
	} else if (!strcmp(what, "connect")) {
		if (!strcmp(odd, "crash"))
			abort();
		strcpy(state, "connected");
		say(json_pack("{s:s, s:{}}", "event", "connected", "nodes"));
		for (int i = 0; !strcmp(odd, "loud") && i < 1000; i++)
			say(json_pack("{s:s, s:s}", "event", "log", "text",
				      "its guest makes it say this"));
		if (!strcmp(odd, "stop"))
			say(json_pack("{s:s, s:s}", "event", "stopped",
				      "reason", "it asked for sector 99"));
	} else if (!strcmp(what, "disconnect")) {
		strcpy(state, "ready");
		say(json_pack("{s:s}", "event", "disconnected"));
	} else if (!strcmp(what, "stats")) {
		say(json_pack("{s:s, s:i}", "event", "stats", "reads", 3));
	} else if (!strcmp(what, "quit")) {
		exit(0);
	} else {
		say(json_pack("{s:s, s:o}", "event", "changed", "nodes",
			      size_nodes()));
	}
}

static bool hear(char **argv)
{
	static char text[65537];
	char control[256];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control =
			    control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(connection, &h, 0);
	struct cmsghdr *c;
	json_t *m;

	if (n <= 0)
		return false;
	text[n] = '\0';
	note(argv[0], argv, text);
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_len >= CMSG_LEN(2 * sizeof(int)))
		memcpy(&image, CMSG_DATA(c) + sizeof(int), sizeof(int));
	m = json_loads(text, 0, NULL);
	obey(m);
	json_decref(m);
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 7)
		return 2;
	for (;;) {
		connection = accept(3, NULL, NULL);
		if (connection < 0)
			return 4;
		while (hear(argv))
			;
		close(connection);
	}
}
