/* SPDX-License-Identifier: MIT */
/*
 * image-server UID MODES OPTION... - the world in which qemu-nbd reads one
 * disk image.
 * image-server UID stop - ask what runs as this user to end.
 *
 * What a guest writes into its disk is what qemu-nbd's format drivers parse,
 * so qemu-nbd is not to be trusted with more than that image.  It gets a mount
 * namespace with the system's libraries (read-only) and the images, as /0,
 * /1 ...; a user of its own; no network; and one capability, to open those
 * files whoever they belong to.
 *
 * Descriptor 3 is a listening socket, 4 and up are the images, open; MODES has
 * one letter for each, w or r.  The image descriptors stay open in the server
 * as long as it runs: they carry the locks.  When all is prepared, the server
 * is left to itself and this program ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define JAIL		"/run/bulkhead/image"
#define LISTENER	3
#define FIRST_IMAGE	4
#define IMAGES_MAX	32

static void die(const char *what)
{
	fprintf(stderr, "image-server: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static const char *find_program(void)
{
	static const char *const places[] = {
		"/usr/bin/qemu-nbd", "/usr/local/bin/qemu-nbd",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!access(places[i], X_OK))
			return places[i];
	}
	fprintf(stderr, "image-server: this format is read by qemu-nbd, which is not here: install qemu-utils\n");
	_exit(1);
}

/* ---- The folder that becomes its root ---- */

/* A mount that shows what PATH (or the descriptor AT) is, and nowhere yet. */
static int take(int at, const char *path)
{
	int fd = open_tree(at, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			   (*path ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH));

	if (fd < 0)
		die(*path ? path : "an image");
	return fd;
}

static void put(int mount, const char *name, bool writable, bool device)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID |
			(writable ? 0 : MOUNT_ATTR_RDONLY) |
			(device ? 0 : MOUNT_ATTR_NODEV),
	};

	if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) ||
	    move_mount(mount, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH))
		die(name);
	close(mount);
}

/* A folder of the system, or the link that stands in its place. */
static void show_system(const char *name)
{
	char in_jail[64], target[256];
	struct stat st;
	ssize_t n;

	if (lstat(name, &st))
		return;
	snprintf(in_jail, sizeof(in_jail), JAIL "%s", name);
	if (S_ISLNK(st.st_mode)) {
		n = readlink(name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (symlink(target, in_jail))
			die(in_jail);
		return;
	}
	if (mkdir(in_jail, 0755))
		die(in_jail);
	put(take(AT_FDCWD, name), in_jail, false, false);
}

static void show_image(int mount, unsigned int n, bool writable)
{
	char in_jail[64];
	int fd;

	snprintf(in_jail, sizeof(in_jail), JAIL "/%u", n);
	fd = open(in_jail, O_CREAT | O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		die(in_jail);
	close(fd);
	put(mount, in_jail, writable, true);
}

static void make_world(const char *modes)
{
	static const char *const system[] = { "/usr", "/lib", "/lib64" };
	unsigned int count = (unsigned int)strlen(modes);
	int images[IMAGES_MAX];

	if (!count || count > IMAGES_MAX) {
		errno = EINVAL;
		die("modes");
	}
	/* A mount of our old world cannot be cloned from the new one. */
	for (unsigned int i = 0; i < count; i++)
		images[i] = take(FIRST_IMAGE + (int)i, "");
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS))
		die("its own namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("private mounts");
	if ((mkdir("/run/bulkhead", 0755) && errno != EEXIST) ||
	    (mkdir(JAIL, 0700) && errno != EEXIST) ||
	    mount("image", JAIL, "tmpfs", MS_NOSUID | MS_NODEV,
		  "size=64k,mode=755"))
		die(JAIL);
	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		show_system(system[i]);
	for (unsigned int i = 0; i < count; i++)
		show_image(images[i], i, modes[i] == 'w');
	if (mount(NULL, JAIL, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY |
		  MS_NOSUID | MS_NODEV, NULL) ||
	    chroot(JAIL) || chdir("/"))
		die(JAIL);
}

/* ---- Its rights ---- */

static void keep_one_capability(unsigned int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	data[cap / 32].effective = data[cap / 32].permitted =
		data[cap / 32].inheritable = 1u << cap % 32;
	if (syscall(SYS_capset, &head, data) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
		die("capabilities");
}

static void give_up_rights(unsigned int uid)
{
	const struct rlimit no_core = { 0, 0 }, files = { 128, 128 };

	for (unsigned int c = 0; c <= CAP_LAST_CAP; c++) {
		if (c != CAP_DAC_OVERRIDE)
			prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
	}
	if (setrlimit(RLIMIT_CORE, &no_core) ||
	    setrlimit(RLIMIT_NOFILE, &files) ||
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
	    setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		die("its own user");
	keep_one_capability(CAP_DAC_OVERRIDE);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no new privileges");
}

/* The server takes the socket as systemd would hand it over. */
static void serve(const char *program, char **options)
{
	char *argv[16] = { (char *)"qemu-nbd" };
	char pid[32];
	char *const environment[] = { (char *)"LISTEN_FDS=1", pid, NULL };
	size_t n = 1;

	snprintf(pid, sizeof(pid), "LISTEN_PID=%d", (int)getpid());
	while (*options && n < 15)
		argv[n++] = *options++;
	argv[n] = NULL;
	execve(program, argv, environment);
	die(program);
}

/* As that user, "everybody" is nobody else. */
static int stop(unsigned int uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		die("its user");
	return kill(-1, SIGTERM) && errno != ESRCH;
}

int main(int argc, char **argv)
{
	unsigned long uid = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	const char *program;
	pid_t pid;

	if (!uid) {
		fprintf(stderr, "usage: image-server UID MODES OPTION...\n");
		return 2;
	}
	if (!strcmp(argv[2], "stop"))
		return stop((unsigned int)uid);
	program = find_program();
	make_world(argv[2]);
	give_up_rights((unsigned int)uid);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid)
		return 0;
	setsid();
	serve(program, argv + 3);
}
