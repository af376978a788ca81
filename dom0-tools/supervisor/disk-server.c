/* SPDX-License-Identifier: MIT */
/* Starting a server for an image; see disk-server.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "disk-server.h"
#include "image-head.h"
#include "sentence.h"

#ifndef LIBEXEC_DIR
#define LIBEXEC_DIR	"/usr/libexec/bulkhead"
#endif

#define START_MS	30000
#define GREETING	"NBDMAGIC"	/* what an NBD server says first */
#define UID_BASE	0x50000000u	/* users of servers, far from anybody's */
#define FIRST_FD	64		/* above every number a child is given */

const char *disk_server_program = LIBEXEC_DIR "/image-server";

/* ---- What it is told to open ---- */

static json_t *layer(const struct disk_server_image *image, size_t i)
{
	char path[24];

	snprintf(path, sizeof(path), "/%zu", i);
	/* Locks are ours to take, on the descriptors that we hand over. */
	return json_pack("{ss s{ss ss ss}}", "driver",
			 image_format_name(image[i].format), "file",
			 "driver", "file", "filename", path, "locking", "off");
}

char *disk_server_json(const struct disk_server_image *image, size_t count)
{
	json_t *top = NULL;
	char *text, *all;

	while (count--) {
		json_t *l = layer(image, count);

		/* Without this it would follow the name in the image. */
		if (image[count].format == GUEST_DISK_QCOW2)
			json_object_set_new(l, "backing",
					    top ? top : json_null());
		else
			json_decref(top);
		top = l;
	}
	text = json_dumps(top, JSON_COMPACT);
	json_decref(top);
	if (!text || asprintf(&all, "json:%s", text) < 0)
		all = NULL;
	free(text);
	return all;
}

/* ---- The connection ---- */

/* A listening socket with its one connection; *listener is the server's. */
static int make_connection(int *listener)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/bulkhead-disk.XXXXXX";
	int fd, rc = 0;

	if (!mkdtemp(folder))
		return -errno;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", folder);
	*listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*listener < 0 || fd < 0 ||
	    bind(*listener, (struct sockaddr *)&un, sizeof(un)) ||
	    listen(*listener, 1) ||
	    connect(fd, (struct sockaddr *)&un, sizeof(un)))
		rc = -errno;
	/* No second one can find it. */
	unlink(un.sun_path);
	rmdir(folder);
	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	if (*listener >= 0)
		close(*listener);
	return rc;
}

/* ---- The process ---- */

struct child {
	int fds[3 + 1 + GUEST_BACKING_MAX + 1];	/* what its 0, 1, 2 ... are */
	size_t count;
};

/* A copy whose number is no number that the child is given. */
static int out_of_the_way(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
}

static bool child_gets(struct child *c, int fd)
{
	int copy = out_of_the_way(fd);

	if (copy < 0)
		return false;
	c->fds[c->count++] = copy;
	return true;
}

static void child_done(struct child *c)
{
	while (c->count)
		close(c->fds[--c->count]);
}

static int spawn(const struct child *c, char *const argv[])
{
	static char *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, every;
	pid_t pid;
	int rc, status;

	sigemptyset(&none);
	sigfillset(&every);
	posix_spawn_file_actions_init(&actions);
	for (size_t i = 0; i < c->count; i++)
		posix_spawn_file_actions_adddup2(&actions, c->fds[i], (int)i);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &every);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	rc = -posix_spawn(&pid, argv[0], &actions, &attr, argv, environment);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return rc;
	/* It leaves the server to itself and ends at once. */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

uint32_t disk_server_uid(uint32_t slot)
{
	return UID_BASE + slot;
}

void disk_server_stop(uint32_t uid)
{
	const struct child nothing = { .count = 0 };
	char text[16];
	char *argv[] = { (char *)disk_server_program, text, (char *)"stop",
			 NULL };

	snprintf(text, sizeof(text), "%u", uid);
	spawn(&nothing, argv);
}

/* Whose process is it?  0 too if there is none. */
static unsigned long uid_of(const char *pid)
{
	char path[300], line[200];
	unsigned long uid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) &&
	       sscanf(line, "Uid: %lu", &uid) != 1)
		;
	if (f)
		fclose(f);
	return uid;
}

void disk_server_sweep(uint32_t slots, bool (*known)(uint32_t slot))
{
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc && (e = readdir(proc))) {
		unsigned long uid = e->d_name[0] >= '0' &&
				    e->d_name[0] <= '9' ? uid_of(e->d_name) : 0;

		if (uid >= UID_BASE && uid - UID_BASE < slots &&
		    !known((uint32_t)(uid - UID_BASE)))
			disk_server_stop((uint32_t)uid);
	}
	if (proc)
		closedir(proc);
}

/* argv: UID, then per image w or r; after --, what qemu-nbd gets. */
static int run(uint32_t user, const struct disk_server_image *image,
	       size_t count, const char *cache, bool discard,
	       const struct child *c)
{
	char uid[16], modes[GUEST_BACKING_MAX + 2], cache_is[32];
	char *json = disk_server_json(image, count);
	char *argv[12];
	size_t n = 0, i;
	int rc;

	if (!json)
		return -ENOMEM;
	snprintf(uid, sizeof(uid), "%u", user);
	for (i = 0; i < count; i++)
		modes[i] = image[i].write ? 'w' : 'r';
	modes[i] = '\0';
	snprintf(cache_is, sizeof(cache_is), "--cache=%s",
		 strcmp(cache, "default") ? cache : "writeback");
	argv[n++] = (char *)disk_server_program;
	argv[n++] = uid;
	argv[n++] = modes;
	argv[n++] = cache_is;
	argv[n++] = discard ? "--discard=unmap" : "--discard=ignore";
	if (!image[0].write)
		argv[n++] = "--read-only";
	argv[n++] = json;
	argv[n] = NULL;
	rc = spawn(c, argv);
	free(json);
	return rc;
}

/* ---- Is it up? ---- */

/* The last line that the server wrote, without its name. */
static void last_words(int fd, char *to, size_t size)
{
	char text[2048], *line, *end;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	size_t len;

	text[n > 0 ? n : 0] = '\0';
	for (end = text + strlen(text); end > text && end[-1] == '\n'; end--)
		end[-1] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (!strncmp(line, "qemu-nbd: ", 10))
		line += 10;
	if (!*line)
		line = strcpy(text, "its server ended at once");
	len = strnlen(line, size - 1);
	memcpy(to, line, len);
	to[len] = '\0';
}

static int wait_greeting(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char greeting[8];
	struct timespec start, now;
	int left = START_MS, r;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		r = poll(&p, 1, left);
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = START_MS - (int)((now.tv_sec - start.tv_sec) * 1000);
	} while (r < 0 && errno == EINTR && left > 0);
	if (r <= 0)
		return -ETIMEDOUT;
	/* It is left there for the back-end. */
	if (recv(fd, greeting, sizeof(greeting), MSG_PEEK) !=
	    sizeof(greeting) || memcmp(greeting, GREETING, sizeof(greeting)))
		return -EIO;
	return 0;
}

static int start(uint32_t uid, const struct disk_server_image *image,
		 size_t count, const char *cache, bool discard, int listener,
		 int errors)
{
	struct child c = { .count = 0 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool ok = null >= 0 && child_gets(&c, null) && child_gets(&c, null) &&
		child_gets(&c, errors) && child_gets(&c, listener);
	int rc;

	for (size_t i = 0; ok && i < count; i++)
		ok = child_gets(&c, image[i].fd);
	rc = ok ? run(uid, image, count, cache, discard, &c) : -errno;
	child_done(&c);
	if (null >= 0)
		close(null);
	return rc;
}

int disk_server_start(uint32_t uid, const struct disk_server_image *image,
		      size_t count, const char *cache, bool discard,
		      const char *name, char **why)
{
	char words[256];
	int errors[2], listener = -1, fd, rc;

	if (pipe2(errors, O_CLOEXEC))
		return refuse(why, -errno, "%s: %s", name, strerror(errno));
	fd = make_connection(&listener);
	rc = fd < 0 ? fd : start(uid, image, count, cache, discard, listener,
				 errors[1]);
	close(errors[1]);
	if (fd >= 0)
		close(listener);
	if (!rc)
		rc = wait_greeting(fd);
	if (rc == -EIO)
		last_words(errors[0], words, sizeof(words));
	else if (rc == -ETIMEDOUT)
		snprintf(words, sizeof(words), "its server does not answer");
	else if (rc)
		snprintf(words, sizeof(words), "its server cannot be started: %s",
			 strerror(-rc));
	close(errors[0]);
	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	return refuse(why, rc, "%s: %s", name, words);
}
