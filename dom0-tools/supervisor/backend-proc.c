/* SPDX-License-Identifier: MIT */
/* See backend-proc.h. */
#include "backend-proc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sentence.h"

#define LISTENER	3

static int address(struct sockaddr_un *a, const char *path)
{
	if (strlen(path) >= sizeof(a->sun_path))
		return -ENAMETOOLONG;
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path, path);
	return 0;
}

/* The socket is bound here, since the process has no right to. */
static int listen_at(const char *path)
{
	struct sockaddr_un a;
	int fd, rc = address(&a, path);

	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(fd, 4)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int connect_to(const char *path)
{
	struct sockaddr_un a;
	int fd, one = 1, rc = address(&a, path);

	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* Everything but the listener and our log stays here. */
static int file_actions(posix_spawn_file_actions_t *f, int listener)
{
	int rc = posix_spawn_file_actions_init(f);

	if (!rc)
		rc = posix_spawn_file_actions_adddup2(f, listener, LISTENER);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(f, 0, "/dev/null", 0, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(f, 0, 1);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(f, LISTENER + 1);
	return rc;
}

static int run(struct backend_proc *p, const char *program, int listener,
	       unsigned int domid, unsigned int devid, unsigned int uid)
{
	char d[12], n[12], u[12];
	char *const argv[] = { (char *)program, "--domid", d, "--device", n,
			       "--uid", u, NULL };
	char *const envp[] = { NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	snprintf(d, sizeof(d), "%u", domid);
	snprintf(n, sizeof(n), "%u", devid);
	snprintf(u, sizeof(u), "%u", uid);
	sigemptyset(&none);
	sigfillset(&all);
	rc = file_actions(&files, listener);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	if (!rc)
		rc = posix_spawn(&p->pid, program, &files, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (rc)
		p->pid = 0;
	return -rc;
}

int backend_proc_spawn(struct backend_proc *p, const char *program,
		       const char *path, unsigned int domid,
		       unsigned int devid, unsigned int uid, char **why)
{
	int listener = listen_at(path), status, rc;

	*p = (struct backend_proc)BACKEND_PROC_NONE;
	if (listener < 0) {
		say(why, "%s: %s", path, strerror(-listener));
		return listener;
	}
	/* It is there before the process is: so is the queue behind it. */
	p->conn = connect_to(path);
	rc = p->conn < 0 ? p->conn : 0;
	if (rc)
		say(why, "%s: %s", path, strerror(-rc));
	else if ((rc = run(p, program, listener, domid, devid, uid)))
		say(why, "%s: %s", program, strerror(-rc));
	close(listener);
	if (!rc) {
		p->pidfd = pidfd_open(p->pid, 0);
		rc = p->pidfd < 0 ? -errno : 0;
	}
	if (!rc)
		return 0;
	if (p->pid) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, &status, 0);
		say(why, "pidfd_open: %s", strerror(-rc));
	}
	p->pid = 0;
	backend_proc_hang_up(p);
	unlink(path);
	return rc;
}

int backend_proc_adopt(struct backend_proc *p, const char *path, pid_t pid)
{
	*p = (struct backend_proc)BACKEND_PROC_NONE;
	p->conn = connect_to(path);
	if (p->conn < 0)
		return p->conn;
	p->pid = pid;
	p->pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	return 0;
}

void backend_proc_adopt_pid(struct backend_proc *p, pid_t pid)
{
	p->pid = pid;
	p->pidfd = pidfd_open(pid, 0);
}

int backend_proc_send(struct backend_proc *p, json_t *message, const int *fds,
		      size_t n)
{
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(BACKEND_FDS * sizeof(int))];
	} control;
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	struct iovec iov = { text, text ? strlen(text) : 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int rc = 0;

	json_decref(message);
	if (!text)
		return -ENOMEM;
	if (iov.iov_len > BACKEND_PACKET || n > BACKEND_FDS || p->conn < 0) {
		free(text);
		return -EMSGSIZE;
	}
	if (n) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.h.cmsg_level = SOL_SOCKET;
		control.h.cmsg_type = SCM_RIGHTS;
		control.h.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.h), fds, n * sizeof(int));
	}
	if (sendmsg(p->conn, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		rc = -errno;
	free(text);
	return rc;
}

/* Who speaks is known to the kernel; descriptors are not what we take. */
static void read_control(struct backend_proc *p, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct ucred who;

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS && p->pidfd < 0) {
			memcpy(&who, CMSG_DATA(c), sizeof(who));
			p->pid = who.pid;
			p->pidfd = who.pid > 0 ? pidfd_open(who.pid, 0) : -1;
		} else if (c->cmsg_type == SCM_RIGHTS) {
			size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			int fd;

			for (size_t i = 0; i < n; i++) {
				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
				       sizeof(fd));
				close(fd);
			}
		}
	}
}

int backend_proc_receive(struct backend_proc *p, char *buffer, json_t **out)
{
	char control[CMSG_SPACE(sizeof(struct ucred)) +
		     CMSG_SPACE(4 * sizeof(int))]
		__attribute__((aligned(sizeof(struct cmsghdr))));
	struct iovec iov = { buffer, BACKEND_PACKET };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n;

	if (p->conn < 0)
		return -ENOTCONN;
	do {
		n = recvmsg(p->conn, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	read_control(p, &m);
	if (!n)
		return -EPIPE;
	if (m.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	*out = json_loadb(buffer, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	return *out ? 1 : -EPROTO;
}

void backend_proc_hang_up(struct backend_proc *p)
{
	if (p->conn >= 0)
		close(p->conn);
	p->conn = -1;
}

void backend_proc_kill(struct backend_proc *p)
{
	if (p->pidfd >= 0)
		pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
}

bool backend_proc_ended(struct backend_proc *p, int *status)
{
	struct pollfd poll_fd = { p->pidfd, POLLIN, 0 };
	siginfo_t info = { 0 };

	*status = BACKEND_STATUS_UNKNOWN;
	if (p->pidfd >= 0 && poll(&poll_fd, 1, 0) <= 0)
		return false;
	if (p->pidfd >= 0 &&
	    !waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) &&
	    info.si_pid)
		*status = info.si_code == CLD_EXITED ? info.si_status :
			  -info.si_status;
	backend_proc_hang_up(p);
	if (p->pidfd >= 0)
		close(p->pidfd);
	*p = (struct backend_proc)BACKEND_PROC_NONE;
	return true;
}
