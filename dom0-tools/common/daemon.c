/* SPDX-License-Identifier: MIT */
/* Starting, and starting again; see daemon.h. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "brake.h"
#include "log.h"

static int ready_fd = -1;	/* the daemon's word to its keeper */

/* ---- Options ---- */

static void bad_usage(const char *usage, const char *what)
{
	log_msg("%s: this argument is not understood", what);
	fputs(usage, stderr);
	exit(2);
}

/* "--name", "--name=value", or "--name value": the value, or NULL. */
static const char *long_value(const char *arg, const char *name, int argc,
			      char **argv, int *i)
{
	const size_t len = strlen(name);

	if (strncmp(arg, name, len))
		return NULL;
	if (arg[len] == '=')
		return arg + len + 1;
	return !arg[len] && *i + 1 < argc ? argv[++*i] : NULL;
}

void daemon_options(int argc, char **argv, const char *usage,
		    struct daemon_options *o,
		    bool (*own)(void *arg, const char *name,
				const char *value), void *arg)
{
	const struct {
		const char *name;
		char letter;
		const char **value;
	} known[] = {
		{ "--pid-file", 'p', &o->pid_file },
		{ "--log", 'l', &o->log },
		{ "--socket", 's', o->socket ? &o->socket : NULL },
	};
	const char *v;
	char name[32];

	for (int i = 1; i < argc; i++) {
		char *a = argv[i];
		bool taken = false;

		if (!strcmp(a, "-f") || !strcmp(a, "--foreground")) {
			o->foreground = true;
			continue;
		}
		if (!strcmp(a, "-h") || !strcmp(a, "--help")) {
			fputs(usage, stdout);
			exit(0);
		}
		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
			if (taken || !known[k].value)
				continue;
			if (a[0] == '-' && a[1] == known[k].letter)
				v = a[2] ? a + 2 : i + 1 < argc ? argv[++i] :
				    NULL;
			else
				v = long_value(a, known[k].name, argc, argv,
					       &i);
			if (v)
				*known[k].value = v;
			taken = v != NULL;
		}
		if (taken)
			continue;
		if (strncmp(a, "--", 2))
			bad_usage(usage, a);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(a + 2, "="),
			 a + 2);
		v = strchr(a, '=');
		if (own && own(arg, name, v ? v + 1 : NULL))
			continue;
		if (!own || v || i + 1 >= argc || !own(arg, name, argv[++i]))
			bad_usage(usage, a);
	}
}

/* ---- The socket ---- */

int daemon_listen(const char *path, int backlog)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char dir[sizeof(a.sun_path)];
	mode_t mask;
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		log_die("%s: the socket's path is too long", path);
	strcpy(a.sun_path, path);
	strcpy(dir, path);
	if (mkdir(dirname(dir), 0755) && errno != EEXIST)
		log_die("%s: %s", dir, strerror(errno));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof(a)))
		log_die("%s: another daemon answers there", path);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path);
	mask = umask(0177);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(fd, backlog))
		log_die("%s: %s", path, strerror(errno));
	umask(mask);
	return fd;
}

/* ---- The terminal ---- */

static void let_go(const char *log)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), rc;

	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		close(fd);
	}
	rc = log ? log_to(log) : 0;
	if (rc)
		log_msg("%s: %s", log, strerror(-rc));
	else
		log_take_stderr();
}

/* ---- The keeper ---- */

/* A pipe that says one byte, or nothing when its writer is dead. */
static void make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		log_die("cannot make a pipe: %s", strerror(errno));
}

static bool says(int fd)
{
	ssize_t n;
	char c;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static pid_t kept;		/* the daemon, for the signal's handler */

static void pass_on(int sig)
{
	kill(kept, sig);
}

static int end_of(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static bool is_wanted_end(int status)
{
	return (WIFEXITED(status) && !WEXITSTATUS(status)) ||
	       (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static uint64_t boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* SIGTERM is passed on while there is a daemon, else it waits for rest(). */
static void hear_end(int how)
{
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(how, &term, NULL);
}

/* Waits, with SIGTERM blocked; it ends the wait and us. */
static void rest(uint64_t ns)
{
	const uint64_t until = boot_ns() + ns;
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	do {
		const uint64_t now = boot_ns();
		const uint64_t left = now < until ? until - now : 0;
		const struct timespec t = { (time_t)(left / 1000000000u),
					    (long)(left % 1000000000u) };

		if (sigtimedwait(&term, NULL, &t) == SIGTERM)
			_exit(0);
	} while (boot_ns() < until);
}

/* For `ctl info --host`: beside the pid file, until a keeper starts anew. */
static void tell_deaths(const struct daemon_options *o, const char *text)
{
	const size_t len = o->pid_file ? strlen(o->pid_file) : 0;
	char path[PATH_MAX];
	FILE *f;

	if (len < 4 || len >= sizeof(path) - 8 ||
	    strcmp(o->pid_file + len - 4, ".pid"))
		return;
	snprintf(path, sizeof(path), "%.*s.deaths", (int)(len - 4),
		 o->pid_file);
	unlink(path);
	f = text ? fopen(path, "we") : NULL;
	if (!f)
		return;
	fprintf(f, "%s\n", text);
	fclose(f);
}

/* How it died is said, and then we wait as long as the brake says. */
static void mourn(const struct daemon_options *o, struct brake *b, int status,
		  uint64_t lived_ns, bool ready)
{
	/* A signal before it was ready may well be the same each time. */
	const bool by_itself = !ready || !WIFSIGNALED(status) ||
			       WTERMSIG(status) != SIGKILL;
	const uint64_t pause = brake_pause(b, lived_ns, by_itself);
	const time_t now = time(NULL);
	char how[48], text[200], date[32];
	struct tm tm;

	snprintf(how, sizeof(how), WIFSIGNALED(status) ?
		 "was killed by signal %d" : "ended with code %d",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (!pause || !by_itself) {
		log_msg("it %s; another one goes on", how);
	} else {
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ",
			 gmtime_r(&now, &tm));
		snprintf(text, sizeof(text), "it %s, and did so %u times lately; another one starts %u.%u s after this, %s",
			 how, b->deaths, (unsigned int)(pause / 1000000000u),
			 (unsigned int)(pause / 100000000u % 10), date);
		log_msg("%s", text);
		tell_deaths(o, text);
	}
	rest(pause);
}

/* Is the daemon ready, or dead?  The first one's readiness is passed on. */
static bool await_ready(const struct daemon_options *o, int fd, int *starter)
{
	const bool ready = says(fd);

	close(fd);
	if (!ready || *starter < 0)
		return ready;
	let_go(o->log);
	if (write(*starter, "", 1) < 0)
		log_msg("nobody waits for the start any more");
	close(*starter);
	*starter = -1;
	return true;
}

/* The daemon's way out of keep(). */
static void be_kept(const int fds[2], int starter)
{
	close(fds[0]);
	if (starter >= 0)
		close(starter);
	signal(SIGTERM, SIG_DFL);
	hear_end(SIG_UNBLOCK);
	ready_fd = fds[1];
}

/* Memory may be short for a moment; the first time somebody waits. */
static void no_fork(int starter)
{
	if (starter >= 0)
		log_die("cannot fork: %s", strerror(errno));
	log_msg("cannot fork: %s; it is tried again", strerror(errno));
	rest(BRAKE_MOST_NS);
}

/*
 * Returns in each daemon; the keeper itself never does.  STARTER is the pipe
 * on which the first daemon's readiness is passed on.
 */
static void keep(const struct daemon_options *o, int starter)
{
	struct brake brake = { 0 };
	int fds[2], status;
	uint64_t born;
	bool ready;

	hear_end(SIG_BLOCK);
	signal(SIGTERM, pass_on);
	signal(SIGHUP, SIG_IGN);
	tell_deaths(o, NULL);
	for (;;) {
		make_pipe(fds);
		born = boot_ns();
		kept = fork();
		if (!kept) {
			be_kept(fds, starter);
			return;
		}
		if (kept < 0) {
			no_fork(starter);
			close(fds[0]);
			close(fds[1]);
			continue;
		}
		close(fds[1]);
		hear_end(SIG_UNBLOCK);
		ready = await_ready(o, fds[0], &starter);
		status = end_of(kept);
		hear_end(SIG_BLOCK);
		if (is_wanted_end(status))
			_exit(0);
		/* It has said why. */
		if (starter >= 0)
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
		mourn(o, &brake, status, boot_ns() - born, ready);
	}
}

static void go_into_background(const struct daemon_options *o)
{
	int fds[2];
	pid_t pid;

	make_pipe(fds);
	pid = fork();
	if (pid < 0)
		log_die("cannot fork: %s", strerror(errno));
	if (!pid) {
		close(fds[0]);
		setsid();
		if (o->kept)
			keep(o, fds[1]);
		else
			ready_fd = fds[1];
		return;
	}
	close(fds[1]);
	if (says(fds[0]))
		_exit(0);
	/* It died before it was ready and has said why. */
	pid = end_of(pid);
	_exit(WIFEXITED(pid) && WEXITSTATUS(pid) ? WEXITSTATUS(pid) : 1);
}

int daemon_start(const struct daemon_options *o)
{
	int fd = o->socket ? daemon_listen(o->socket, o->backlog) : -1;
	struct rlimit nofile;

	if (!o->foreground)
		go_into_background(o);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (!getrlimit(RLIMIT_NOFILE, &nofile)) {
		nofile.rlim_cur = nofile.rlim_max;
		setrlimit(RLIMIT_NOFILE, &nofile);
	}
	return fd;
}

static void write_pid_file(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f))
		log_die("%s: %s", path, strerror(errno));
}

void daemon_ready(const struct daemon_options *o)
{
	if (o->pid_file)
		write_pid_file(o->pid_file);
	if (ready_fd < 0)
		return;
	let_go(o->log);
	if (write(ready_fd, "", 1) < 0)
		log_msg("nobody waits for the start any more");
	close(ready_fd);
	ready_fd = -1;
}
