/* SPDX-License-Identifier: MIT */
/* ctl console: a viewer of consoled (consoled/consoled.h) on this terminal. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "consoled/consoled.h"
#include "ctl.h"

#define LEAVE 0x1d	/* Ctrl-] */

static struct termios was;
static bool raw;
static volatile sig_atomic_t interrupted;

static void terminal_restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	raw = false;
}

static void on_signal(int sig)
{
	interrupted = sig;
}

/* Every key goes to the guest, so the terminal must leave them alone. */
static void terminal_raw(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &was))
		return;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	t = was;
	cfmakeraw(&t);
	raw = !tcsetattr(STDIN_FILENO, TCSAFLUSH, &t);
	atexit(terminal_restore);
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static int console_connect(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX,
				 .sun_path = CONSOLED_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		complain("consoled is not running; bulkhead-start starts it");
	else
		complain("%s: %s", CONSOLED_SOCKET, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* One line, byte by byte: what follows it is the guest's. */
static bool read_line(int fd, char *line, size_t n)
{
	size_t i = 0;

	while (i + 1 < n) {
		ssize_t r = read(fd, line + i, 1);

		if (r < 0 && errno == EINTR && !interrupted)
			continue;
		if (r <= 0)
			return false;
		if (line[i] == '\n')
			break;
		i++;
	}
	line[i] = '\0';
	return true;
}

static int console_attach(const char *name, uint64_t domid)
{
	char line[512];
	int fd = console_connect();
	int n;

	if (fd < 0)
		return -1;
	n = snprintf(line, sizeof(line), "attach %llu wait\n",
		     (unsigned long long)domid);
	if (!write_all(fd, line, (size_t)n) ||
	    !read_line(fd, line, sizeof(line)))
		complain("guest \"%s\": consoled does not answer", name);
	else if (!strncmp(line, "error ", 6))
		complain("guest \"%s\": %s", name, line + 6);
	else if (!strncmp(line, "ok", 2))
		return fd;
	else
		complain("guest \"%s\": consoled answers \"%s\"", name, line);
	close(fd);
	return -1;
}

/* What was typed; false when the user wants to leave. */
static bool forward_input(int fd, bool *ended)
{
	char bytes[1024], *leave;
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		*ended = true;
		return !raw;	/* a closed pipe only stops talking */
	}
	leave = memchr(bytes, LEAVE, (size_t)n);
	if (leave)
		n = leave - bytes;
	return write_all(fd, bytes, (size_t)n) && !leave;
}

static int relay(int fd, const char *name)
{
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
	char bytes[8192];
	bool ended = false;
	ssize_t n;

	while (!interrupted) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents) {
			n = read(fd, bytes, sizeof(bytes));
			if (n <= 0) {
				terminal_restore();
				if (isatty(STDERR_FILENO))
					fprintf(stderr, "\nThe console of \"%s\" is closed: the guest has ended.\n",
						name);
				return CODE_OK;
			}
			if (!write_all(STDOUT_FILENO, bytes, (size_t)n))
				return CODE_FAILURE;
		}
		if (p[1].revents && !forward_input(fd, &ended)) {
			terminal_restore();
			fprintf(stderr, "\nLeft the console of \"%s\".\n", name);
			return CODE_OK;
		}
		if (ended)
			p[1].fd = -1;
	}
	terminal_restore();
	return 128 + interrupted;
}

int console_run(const char *name, uint64_t domid, int (*started)(void *ctx),
		void *ctx)
{
	int fd = console_attach(name, domid);
	int code = CODE_OK;

	if (fd < 0)
		return CODE_FAILURE;
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "Console of \"%s\"; Ctrl-] leaves it.\n", name);
	terminal_raw();
	if (started)
		code = started(ctx);
	if (!code)
		code = relay(fd, name);
	terminal_restore();
	close(fd);
	return code;
}

/* What the supervisor says of a guest: its id, or a refusal. */
static int look_up(const struct client *c, const char *name, uint64_t *domid)
{
	const char *raw_json, *guest = NULL;
	char *state, *is;
	size_t n, guest_len;
	int code = CODE_OK;

	raw_json = jline_member(c->line, c->line_len, "json", &n);
	if (raw_json)
		guest = jline_member(raw_json, n, "guest", &guest_len);
	if (!guest)
		return CODE_OK;
	*domid = jline_member_number(guest, guest_len, "id");
	state = jline_member_string(guest, guest_len, "state");
	is = jline_member_string(guest, guest_len, "name");
	if (state && !strcmp(state, "gone")) {
		complain("guest \"%s\" has ended; " CONSOLED_LOG_DIR "/%s.log has what it said",
			 name, is ? is : name);
		code = CODE_NOT_FOUND;
	} else if (!*domid) {
		complain("guest \"%s\": it has no console", name);
		code = CODE_FAILURE;
	}
	free(state);
	free(is);
	return code;
}

int cmd_console(int argc, char **argv)
{
	struct client c = { .fd = -1 };
	struct jline_out o;
	uint64_t domid;
	char *end;
	bool is_id;
	int code;

	if (!no_options(argc, argv, 1))
		return usage_error();
	domid = strtoul(argv[optind], &end, 10);
	is_id = !*end && end != argv[optind];
	/* Consoles are there without a supervisor too: then nothing is said. */
	code = is_id && access(SUPERVISOR_SOCKET, F_OK) ? CODE_FAILURE :
							  client_open(&c);
	if (code)
		return is_id ? console_run(argv[optind], domid, NULL, NULL) :
			       code;
	request_begin(&o, "info", argv[optind]);
	jline_add_bool(&o, "json", true);
	code = client_ask(&c, &o);
	if (!code)
		code = look_up(&c, argv[optind], &domid);
	client_close(&c);
	return code ? code : console_run(argv[optind], domid, NULL, NULL);
}
