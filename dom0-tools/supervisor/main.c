/* SPDX-License-Identifier: MIT */
/*
 * supervisor - the long-lived half of the toolstack.
 *
 * It makes and ends guests for ctl, acts when they end by themselves, and
 * remembers why they did.  It keeps everything loaded that a creation needs,
 * so that starting a guest starts no process.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "device.h"
#include "journal.h"
#include "network.h"
#include "supervisor.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#ifndef RUN_DIR
#define RUN_DIR		"/run/bulkhead"
#endif
#define RECORD_DIR	RUN_DIR "/domains"
#define LOCK_FILE	RUN_DIR "/supervisor.lock"
#ifndef LOG_DIR
#define LOG_DIR		"/var/log/bulkhead"
#endif
#define LOG_FILE	LOG_DIR "/supervisor.log"
#define WORKERS		4

struct options {
	bool foreground;
	const char *pid_file;
	const char *validate;	/* only look at this file */
	const char *schema;
};

static const char usage[] =
	"Usage: supervisor [OPTION]...\n"
	"Makes, watches and ends guests; ctl is how one talks to it.\n"
	"The command returns when the supervisor is ready.\n\n"
	"  -f, --foreground     stay in the foreground, log to standard error\n"
	"  -p, --pid-file FILE  write the process id to FILE when ready\n"
	"      --validate FILE  check a guest's document and exit\n"
	"      --schema FILE    use this schema instead of the installed one\n"
	"  -V, --version        print the version and exit\n"
	"  -h, --help           print this help and exit\n";

static int options_read(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "pid-file", required_argument, NULL, 'p' },
		{ "validate", required_argument, NULL, 'v' },
		{ "schema", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "fp:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'f':
			o->foreground = true;
			break;
		case 'p':
			o->pid_file = optarg;
			break;
		case 'v':
			o->validate = optarg;
			break;
		case 's':
			o->schema = optarg;
			break;
		case 'V':
			puts("supervisor " PACKAGE_VERSION);
			exit(CODE_OK);
		case 'h':
			fputs(usage, stdout);
			exit(CODE_OK);
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "supervisor: \"%s\" is one argument too many\n",
			argv[optind]);
		return -EINVAL;
	}
	return 0;
}

/* ---- supervisor --validate: for hosts where no supervisor runs ---- */

static char *read_document(const char *path, size_t *len)
{
	FILE *f = !strcmp(path, "-") ? stdin : fopen(path, "re");
	char *text = f ? malloc(GUEST_XML_MAX + 1) : NULL;

	if (text)
		*len = fread(text, 1, GUEST_XML_MAX + 1, f);
	if (f && ferror(f)) {
		free(text);
		text = NULL;
	}
	if (f && f != stdin)
		fclose(f);
	return text;
}

static int validate(const char *path)
{
	struct guest_config_report report;
	struct guest_config *config;
	size_t len;
	char *text = read_document(path, &len);
	int rc;

	if (!text) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return CODE_FAILURE;
	}
	rc = guest_config_parse(text, len, path, &config, &report);
	for (size_t i = 0; i < report.count; i++)
		fprintf(stderr, "%s%s\n", report.notes[i].kind ==
			GUEST_NOTE_WARNING ? "warning: " : "",
			report.notes[i].text);
	if (!rc)
		printf("%s: guest \"%s\" is well described\n", path,
		       config->name);
	guest_config_report_free(&report);
	guest_config_free(config);
	free(text);
	return rc ? CODE_FAILURE : CODE_OK;
}

/* ---- Starting ---- */

static int make_folder(const char *path, mode_t mode)
{
	return mkdir(path, mode) && errno != EEXIST ? -errno : 0;
}

static int fail(const char *what, int rc)
{
	fprintf(stderr, "supervisor: %s: %s\n", what, strerror(-rc));
	return CODE_FAILURE;
}

/* One supervisor at a time; the lock goes with the process. */
static int take_lock(void)
{
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	return fd;
}

static int run(const struct options *o)
{
	const struct daemon_options start = {
		.foreground = o->foreground, .pid_file = o->pid_file,
		.log = LOG_FILE,
	};
	struct ctrl *ctrl = NULL;
	int lock, listen_fd, rc;

	if ((rc = make_folder(RUN_DIR, 0755)) ||
	    (rc = make_folder(RECORD_DIR, 0700)))
		return fail(RECORD_DIR, rc);
	if ((rc = make_folder(LOG_DIR, 0755)))
		return fail(LOG_DIR, rc);
	daemon_start(&start);
	lock = take_lock();
	if (lock < 0)
		return fail(lock == -EWOULDBLOCK ?
			    "another supervisor is running" : LOCK_FILE, lock);
	if ((rc = journal_open(o->foreground ? NULL : LOG_FILE)))
		return fail(LOG_FILE, rc);
	if (ctrl_open(&ctrl)) {
		fprintf(stderr, "supervisor: %s\n", ctrl ? ctrl_error(ctrl) :
			"out of memory");
		ctrl_close(ctrl);
		return CODE_FAILURE;
	}
	journal_line("supervisor " PACKAGE_VERSION " starts");
	guest_records_load(RECORD_DIR);
	networks_load();
	if ((rc = devices_start()))
		return fail("devices", rc);
	life_take_over(ctrl);
	devices_take_over(life_lives);
	listen_fd = server_listen(SUPERVISOR_SOCKET);
	if (listen_fd < 0)
		return fail(SUPERVISOR_SOCKET, listen_fd);
	if ((rc = jobs_start(WORKERS)))
		return fail("its threads cannot be started", rc);
	daemon_ready(&start);
	rc = server_run(listen_fd, ctrl);
	close(listen_fd);
	unlink(SUPERVISOR_SOCKET);
	jobs_stop();
	devices_stop();
	journal_line("supervisor ends; the guests go on");
	ctrl_close(ctrl);
	guest_config_exit();
	return rc ? CODE_FAILURE : CODE_OK;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	sigset_t set;
	char *why;

	if (options_read(&o, argc, argv)) {
		fputs(usage, stderr);
		return CODE_USAGE;
	}
	if (guest_config_init(o.schema, &why)) {
		fprintf(stderr, "supervisor: %s\n", why ? why :
			"out of memory");
		free(why);
		return CODE_FAILURE;
	}
	if (o.validate)
		return validate(o.validate);
	/* Threads inherit this; the main thread reads them from a
	 * descriptor. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* Page faults are what memory costs in a control domain: one heap,
	 * given back late. */
	log_init("supervisor");
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 4 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
	return run(&o);
}
