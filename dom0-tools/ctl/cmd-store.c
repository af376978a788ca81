/* SPDX-License-Identifier: MIT */
/* ctl store: straight to xenstored, whatever the supervisor does. */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "ctl.h"
#include "store-wire.h"

#ifndef STORE_SOCKET
#define STORE_SOCKET "/run/xenstored/socket"
#endif
#define DEPTH_MAX 64

static int fd = -1;
static char in[2 * STORE_MESSAGE_MAX];
static size_t in_len, in_taken;

static int store_connect(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX,
				 .sun_path = STORE_SOCKET };

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return CODE_OK;
	complain("the store cannot be reached: %s: %s", STORE_SOCKET,
		 strerror(errno));
	return errno == EACCES ? CODE_PERMISSION : CODE_FAILURE;
}

static int store_send(uint32_t type, const char *payload, size_t len)
{
	char m[STORE_MESSAGE_MAX];
	size_t left = 16 + len;
	const char *p = m;

	if (len > STORE_PAYLOAD_MAX)
		return -E2BIG;
	store_head(m, type, 0, 0, len);
	memcpy(m + 16, payload, len);
	while (left) {
		ssize_t n = send(fd, p, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

/* The next message; its payload stays good until the next call. */
static int store_receive(struct store_message *m)
{
	for (;;) {
		int size;
		ssize_t n;

		memmove(in, in + in_taken, in_len - in_taken);
		in_len -= in_taken;
		in_taken = 0;
		size = store_parse(in, in_len, m);
		if (size < 0)
			return size;
		if (size) {
			in_taken = (size_t)size;
			return 0;
		}
		n = read(fd, in + in_len, sizeof(in) - in_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		in_len += (size_t)n;
	}
}

/* One request and its answer; 0 or -errno. */
static int store_ask(uint32_t type, const char *payload, size_t len,
		     struct store_message *m)
{
	int rc = store_send(type, payload, len);

	while (!rc) {
		rc = store_receive(m);
		if (rc || m->type == type)
			break;
		if (m->type == XS_ERROR)
			rc = store_errno(m);
	}
	return rc;
}

static int failed(const char *path, int rc)
{
	fprintf(stderr, "%s: %s\n", path, rc == -ENOENT ? "there is no such node" :
		rc == -EINVAL ? "this is not a path of the store" :
		strerror(-rc));
	return rc == -ENOENT ? CODE_NOT_FOUND : rc == -EACCES ?
	       CODE_PERMISSION : CODE_FAILURE;
}

/* A value as one line: bytes that are no text are shown as \xx. */
static void print_value(const char *v, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)v[i];

		if (c < 0x20 || c == 0x7f || c == '\\')
			printf("\\%02x", c);
		else
			putchar(c);
	}
}

/* ---- ls ---- */

static void print_perms(const char *path)
{
	struct store_message m;
	const char *sep = "";

	if (store_ask(XS_GET_PERMS, path, strlen(path) + 1, &m))
		return;
	fputs("   (", stdout);
	for (uint32_t i = 0; i < m.len; i += (uint32_t)strlen(m.payload + i) +
	     1) {
		if (!memchr(m.payload + i, '\0', m.len - i))
			break;
		printf("%s%s", sep, m.payload + i);
		sep = ",";
	}
	putchar(')');
}

/* The names below PATH, in as many parts as they take. */
static int list_parts(const char *path, struct store_list *l)
{
	char ask[STORE_PAYLOAD_MAX];
	struct store_message m;
	int rc, n;

	do {
		n = snprintf(ask, sizeof(ask), "%s%c%zu", path, '\0', l->len);
		rc = n < 0 || (size_t)n >= sizeof(ask) ? -EINVAL :
		     store_ask(XS_DIRECTORY_PART, ask, (size_t)n + 1, &m);
		if (!rc)
			rc = store_list_part(l, &m);
	} while (rc > 0);
	if (rc)
		free(l->names);
	return rc;
}

/* The same, malloc'ed, and all at once if they fit. */
static int list_names(const char *path, char **names, size_t *len)
{
	struct store_list l = { 0 };
	struct store_message m;
	int rc = store_ask(XS_DIRECTORY, path, strlen(path) + 1, &m);

	if (!rc) {
		l.names = malloc(m.len + 1u);
		if (!l.names)
			return -ENOMEM;
		l.len = m.len;
		memcpy(l.names, m.payload, l.len);
		l.names[l.len] = '\0';
	} else if (rc == -E2BIG) {
		rc = list_parts(path, &l);
	}
	*names = l.names;
	*len = l.len;
	return rc;
}

static int ls_one(const char *path, bool recursive, bool perms,
		  unsigned int depth)
{
	struct store_message m;
	char *names, *name, child[STORE_PAYLOAD_MAX];
	size_t len;
	int rc = list_names(path, &names, &len);

	if (rc)
		return depth && rc == -ENOENT ? CODE_OK : failed(path, rc);
	for (name = names; name < names + len; name += strlen(name) + 1) {
		int n = snprintf(child, sizeof(child), "%s/%s",
				 strcmp(path, "/") ? path : "", name);

		if (n < 0 || (size_t)n >= sizeof(child))
			continue;
		fputs(recursive ? child : name, stdout);
		if (!store_ask(XS_READ, child, (size_t)n + 1, &m)) {
			fputs(" = \"", stdout);
			print_value(m.payload, m.len);
			putchar('"');
		}
		if (perms)
			print_perms(child);
		putchar('\n');
		if (recursive && depth < DEPTH_MAX)
			ls_one(child, true, perms, depth + 1);
	}
	free(names);
	return CODE_OK;
}

static int store_ls(int argc, char **argv)
{
	bool recursive = false, perms = false;
	int c;

	while ((c = getopt(argc, argv, "rp")) != -1) {
		if (c == 'r')
			recursive = true;
		else if (c == 'p')
			perms = true;
		else
			return usage_error();
	}
	if (argc - optind > 1)
		return usage_error();
	return ls_one(optind < argc ? argv[optind] : "/", recursive, perms,
		      0);
}

/* ---- read, write, rm ---- */

static int store_read(int argc, char **argv)
{
	struct store_message m;
	int code = CODE_OK, rc;

	if (argc < 2)
		return usage_error();
	for (int i = 1; i < argc; i++) {
		rc = store_ask(XS_READ, argv[i], strlen(argv[i]) + 1, &m);
		if (rc) {
			code = failed(argv[i], rc);
			continue;
		}
		print_value(m.payload, m.len);
		putchar('\n');
	}
	return code;
}

static int store_write(int argc, char **argv)
{
	char payload[STORE_PAYLOAD_MAX];
	struct store_message m;
	size_t path_len, len;
	int rc;

	if (argc != 3)
		return usage_error();
	path_len = strlen(argv[1]) + 1;
	len = strlen(argv[2]);
	if (path_len + len > sizeof(payload))
		return failed(argv[1], -E2BIG);
	memcpy(payload, argv[1], path_len);
	memcpy(payload + path_len, argv[2], len);
	rc = store_ask(XS_WRITE, payload, path_len + len, &m);
	return rc ? failed(argv[1], rc) : CODE_OK;
}

static int store_rm(int argc, char **argv)
{
	struct store_message m;
	int code = CODE_OK, rc;

	if (argc < 2)
		return usage_error();
	for (int i = 1; i < argc; i++) {
		rc = store_ask(XS_RM, argv[i], strlen(argv[i]) + 1, &m);
		if (rc)
			code = failed(argv[i], rc);
	}
	return code;
}

/* ---- watch ---- */

static int watch_add(const char *path)
{
	char payload[STORE_PAYLOAD_MAX];
	struct store_message m;
	size_t len = strlen(path) + 1;

	if (len + 2 > sizeof(payload))
		return -E2BIG;
	memcpy(payload, path, len);
	memcpy(payload + len, "w", 2);
	return store_ask(XS_WATCH, payload, len + 2, &m);
}

static int store_watch(int argc, char **argv)
{
	struct store_message m;
	unsigned long left = 0;
	bool counted = false;
	const char *token;
	int c, rc;

	while ((c = getopt(argc, argv, "n:")) != -1) {
		if (c != 'n')
			return usage_error();
		if (!number_read(optarg, UINT32_MAX, &left)) {
			complain("store: watch -n %s: it must be a number from 1",
				 optarg);
			return usage_error();
		}
		counted = true;
	}
	if (optind == argc)
		return usage_error();
	for (int i = optind; i < argc; i++) {
		rc = watch_add(argv[i]);
		if (rc)
			return failed(argv[i], rc);
	}
	while (!counted || left) {
		rc = store_receive(&m);
		if (rc)
			return failed(argv[optind], rc);
		if (m.type != XS_WATCH_EVENT || !store_split_event(&m, &token))
			continue;
		puts(m.payload);
		fflush(stdout);
		left--;
	}
	return CODE_OK;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "ls", store_ls }, { "read", store_read }, { "write", store_write },
	{ "rm", store_rm }, { "watch", store_watch },
};

int cmd_store(int argc, char **argv)
{
	int code;

	if (argc < 2)
		return usage_error();
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, argv[1]))
			continue;
		code = store_connect();
		if (code)
			return code;
		return verbs[i].run(argc - 1, argv + 1);
	}
	complain("store: there is no \"%s\"", argv[1]);
	return usage_error();
}
