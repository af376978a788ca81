/* SPDX-License-Identifier: MIT */
/* ctl create and ctl validate: a document goes to the supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define DOCUMENT_MAX (1u << 20)		/* GUEST_XML_MAX */

/* ---- The document ---- */

static char *read_all(int fd, size_t *len)
{
	size_t room = 8192, have = 0;
	char *text = malloc(room);

	while (text) {
		ssize_t n = read(fd, text + have, room - have - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(text);
			return NULL;
		}
		have += (size_t)n;
		if (!n || have > DOCUMENT_MAX)
			break;
		if (room - have < 2) {
			char *grown = realloc(text, room *= 2);

			if (!grown)
				free(text);
			text = grown;
		}
	}
	if (text)
		text[have] = '\0';
	*len = have;
	return text;
}

char *document_read(const char *path, int *code)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) :
		 STDIN_FILENO;
	char *text = NULL;
	size_t len = 0;

	if (fd >= 0)
		text = read_all(fd, &len);
	if (!text) {
		*code = errno == ENOENT ? CODE_NOT_FOUND : errno == EACCES ?
			CODE_PERMISSION : CODE_FAILURE;
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		goto out_close;
	}
	if (len > DOCUMENT_MAX)
		fprintf(stderr, "%s: it has more than %u bytes, too many for a document\n",
			path, DOCUMENT_MAX);
	else if (memchr(text, '\0', len))
		fprintf(stderr, "%s:1: it is not text: it contains a zero byte\n",
			path);
	else if (!jline_text_valid(text, len))
		fprintf(stderr, "%s: it is not UTF-8 text; iconv -t UTF-8 can make it so\n",
			path);
	else
		goto out_close;
	*code = CODE_FAILURE;
	free(text);
	text = NULL;

out_close:
	if (fd > STDIN_FILENO)
		close(fd);
	return text;
}

/* ---- Progress ---- */

struct progress {
	bool timing, terminal;
	bool shown;		/* a line that has to be wiped */
	uint64_t total;
};

static void progress_wipe(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

static void progress_note(void *ctx, const char *line, size_t len)
{
	struct progress *p = ctx;
	char *step = jline_member_string(line, len, "step");
	uint64_t ns;

	progress_wipe(p);
	if (!step)
		return;
	if (!jline_member_true(line, len, "done")) {
		if (p->terminal) {
			fprintf(stderr, "%s ...", step);
			p->shown = true;
		}
	} else if (p->timing) {
		ns = jline_member_number(line, len, "ns");
		p->total += ns;
		printf("%-12s %10llu.%03llu ms\n", step,
		       (unsigned long long)ns / 1000000,
		       (unsigned long long)ns / 1000 % 1000);
		fflush(stdout);
	}
	free(step);
}

/* ---- Create ---- */

struct create_options {
	bool console, paused, dry_run, timing;
	const char *file;
};

/* A guest that waits, paused, for its console to be attached. */
struct waiting {
	struct client *client;
	uint64_t domid;
	bool unpaused;
};

static int unpause(void *ctx)
{
	struct waiting *c = ctx;
	uint64_t domid = c->domid;
	char name[24];
	struct jline_out o;

	if (c->unpaused)
		return CODE_OK;
	c->unpaused = true;
	snprintf(name, sizeof(name), "%llu", (unsigned long long)domid);
	request_begin(&o, "unpause", name);
	return client_ask(c->client, &o);
}

/*
 * The console is attached while the guest is still paused, so that nothing of
 * what it says first is missed.  If it cannot be attached, the guest runs
 * without.
 */
static int attach(struct client *c, const struct create_options *opt)
{
	struct waiting w = {
		.client = c, .unpaused = opt->paused,
		.domid = jline_member_number(c->line, c->line_len, "id"),
	};
	char *name = jline_member_string(c->line, c->line_len, "name");
	int code = console_run(name ? name : "", w.domid, unpause, &w);

	unpause(&w);
	free(name);
	return code;
}

static void say_created(const struct client *c,
			const struct create_options *opt)
{
	char *name = jline_member_string(c->line, c->line_len, "name");

	if (opt->dry_run)
		printf("guest \"%s\" could be started\n", name ? name : "");
	else if (!opt->console)
		printf("guest \"%s\" %s with id %llu\n", name ? name : "",
		       opt->paused ? "is there, paused," : "started",
		       (unsigned long long)jline_member_number(c->line,
							      c->line_len,
							      "id"));
	fflush(stdout);
	free(name);
}

static int create(const struct create_options *opt, char *xml)
{
	struct progress p = {
		.timing = opt->timing,
		.terminal = !opt->timing && isatty(STDERR_FILENO),
	};
	struct client c = { .fd = -1, .note = progress_note, .ctx = &p };
	struct jline_out o;
	int code = client_open(&c);

	if (code) {
		free(xml);
		return code;
	}
	request_begin(&o, "create", NULL);
	jline_add_string(&o, "file", opt->file);
	jline_add_string(&o, "xml", xml);
	free(xml);
	if (opt->paused || (opt->console && !opt->dry_run))
		jline_add_bool(&o, "paused", true);
	if (opt->dry_run)
		jline_add_bool(&o, "dry_run", true);
	if (p.timing || p.terminal)
		jline_add_bool(&o, "progress", true);
	code = client_ask(&c, &o);
	progress_wipe(&p);
	if (!code && opt->timing)
		printf("%-12s %10llu.%03llu ms\n", "total",
		       (unsigned long long)p.total / 1000000,
		       (unsigned long long)p.total / 1000 % 1000);
	if (!code)
		say_created(&c, opt);
	if (!code && opt->console && !opt->dry_run)
		code = attach(&c, opt);
	client_close(&c);
	return code;
}

int cmd_create(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "console", no_argument, NULL, 'c' },
		{ "paused", no_argument, NULL, 'p' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "timing", no_argument, NULL, 't' }, { 0 }
	};
	struct create_options opt = { 0 };
	int c, code = CODE_FAILURE;
	char *xml;

	while ((c = getopt_long(argc, argv, "cpnt", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			opt.console = true;
			break;
		case 'p':
			opt.paused = true;
			break;
		case 'n':
			opt.dry_run = true;
			break;
		case 't':
			opt.timing = true;
			break;
		default:
			return usage_error();
		}
	}
	if (argc - optind != 1)
		return usage_error();
	opt.file = argv[optind];
	if (!jline_text_valid(opt.file, strlen(opt.file))) {
		complain("the file's name is not UTF-8");
		return CODE_USAGE;
	}
	xml = document_read(opt.file, &code);
	return xml ? create(&opt, xml) : code;
}

/* Without a supervisor, its program can still look at a document. */
static int validate_alone(const char *file)
{
	execl(SBINDIR "/supervisor", "supervisor", "--validate", file,
	      (char *)NULL);
	complain("neither is the supervisor running nor can %s be started: %s",
		 SBINDIR "/supervisor", strerror(errno));
	return CODE_FAILURE;
}

int cmd_validate(int argc, char **argv)
{
	struct client c = { .fd = -1 };
	struct jline_out o;
	int code = CODE_FAILURE;
	char *xml, *name;

	if (!no_options(argc, argv, 1))
		return usage_error();
	if (access(SUPERVISOR_SOCKET, F_OK))
		return validate_alone(argv[optind]);
	xml = document_read(argv[optind], &code);
	if (!xml)
		return code;
	code = client_open(&c);
	if (code) {
		free(xml);
		return code;
	}
	request_begin(&o, "validate", NULL);
	jline_add_string(&o, "file", argv[optind]);
	jline_add_string(&o, "xml", xml);
	free(xml);
	code = client_ask(&c, &o);
	if (!code) {
		name = jline_member_string(c.line, c.line_len, "name");
		printf("%s: guest \"%s\" is well described\n", argv[optind],
		       name ? name : "");
		free(name);
	}
	client_close(&c);
	return code;
}
