/* SPDX-License-Identifier: MIT */
/*
 * Unpacked kernels on disk.  A file of the cache is named by the hash of what
 * it was unpacked from, belongs to root alone, and appears all at once: it is
 * written without a name, brought to the disk, and only then linked.
 */
#include "kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_FILES_MAX	16
#define CACHE_KIB_MAX	(UINT64_C(512) * 1024)	/* on disk */

/* Is it what we put there: a file, root's, that nobody else can write? */
static bool trusted(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
	       !(st->st_mode & 022);
}

/* The directory and all above it; whether that worked shows soon. */
static void make_dir(const char *dir)
{
	char above[256];

	for (const char *slash = strchr(dir + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		const size_t len = (size_t)(slash - dir);

		if (len >= sizeof(above))
			return;
		memcpy(above, dir, len);
		above[len] = '\0';
		mkdir(above, 0755);
	}
	mkdir(dir, 0700);
}

static int open_dir(const char *dir, bool make)
{
	struct stat st;
	int fd;

	if (make)
		make_dir(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    !(st.st_mode & 022))
		return fd;
	close(fd);
	return -EPERM;
}

int cache_find(const char *dir, const char *name, uint64_t expected,
	       uint64_t *size)
{
	int d = open_dir(dir, false), fd;
	struct stat st;

	if (d < 0)
		return d;
	fd = openat(d, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	close(d);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && trusted(&st) &&
	    (!expected || (uint64_t)st.st_size == expected)) {
		*size = (uint64_t)st.st_size;
		futimens(fd, NULL);	/* it was of use just now */
		return fd;
	}
	close(fd);
	return -ENOENT;
}

int cache_new(const char *dir)
{
	int fd = -1, d = *dir ? open_dir(dir, true) : -ENOENT;

	if (d >= 0) {
		fd = openat(d, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		close(d);
	}
	/* No disk for it: memory will do, once. */
	if (fd < 0)
		fd = memfd_create("kernel", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct oldest {
	char name[80];
	struct timespec when;
	unsigned int files;
	uint64_t kib;
};

static bool before(struct timespec a, struct timespec b)
{
	return a.tv_sec < b.tv_sec ||
	       (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

/* Count the cache, and find the file that was of use longest ago. */
static void survey(DIR *dir, struct oldest *o)
{
	struct dirent *e;
	struct stat st;

	memset(o, 0, sizeof(*o));
	rewinddir(dir);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof(o->name) ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (!o->files || before(st.st_mtim, o->when)) {
			strcpy(o->name, e->d_name);
			o->when = st.st_mtim;
		}
		o->files++;
		o->kib += (uint64_t)st.st_blocks / 2;
	}
}

/* Throw out the oldest until the cache is within its bounds. */
static void bound(const char *dir)
{
	DIR *d = opendir(dir);
	struct oldest o;

	if (!d)
		return;
	for (survey(d, &o); o.files > 1 && (o.files > CACHE_FILES_MAX ||
					    o.kib > CACHE_KIB_MAX);
	     survey(d, &o))
		if (unlinkat(dirfd(d), o.name, 0))
			break;
	closedir(d);
}

void cache_keep(const char *dir, int fd, const char *name)
{
	char self[40];
	int d = open_dir(dir, false);

	if (d < 0)
		return;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	/* A memory file cannot be linked, and that is fine. */
	if (fdatasync(fd) == 0)
		linkat(AT_FDCWD, self, d, name, AT_SYMLINK_FOLLOW);
	close(d);
	bound(dir);
}
