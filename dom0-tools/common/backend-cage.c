/* SPDX-License-Identifier: MIT */
/*
 * A back-end reads what a hostile guest writes.  Whoever takes it over must
 * find nothing: no files (its root is an empty, read-only file system without
 * a name), no network, no other process (own uid, nothing to trace it with),
 * no capabilities, no way to start a program, few system calls, and of the
 * ioctls only those on its own guest's grants and event channels.
 *
 * gntdev has no restriction to one domain; that is what the domain id in
 * every request says, and it is why a kernel that could restrict would be
 * asked to here.
 */
#include "backend-cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>
#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>

/* A root that is nowhere: it lives as long as this process refers to it. */
static int empty_root(void)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), root;
	bool ok;

	if (fs < 0)
		return -errno;
	ok = !fsconfig(fs, FSCONFIG_SET_STRING, "size", "4096", 0) &&
	     !fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0555", 0) &&
	     !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	root = ok ? fsmount(fs, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
			    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC) : -1;
	ok = root >= 0 && !fchdir(root) && !chroot(".");
	if (root >= 0)
		close(root);
	close(fs);
	return ok ? 0 : -EPERM;
}

static void limit(int what, rlim_t n)
{
	const struct rlimit r = { .rlim_cur = n, .rlim_max = n };

	setrlimit(what, &r);
}

static int become(uid_t uid)
{
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return -errno;
	/* The change of uid cleared the capabilities; see that it did. */
	if (!setuid(0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -EPERM;
	return 0;
}

static bool allow_ioctls(scmp_filter_ctx f, const unsigned long *list)
{
	bool ok = true;

	for (; ok && list && *list; list++)
		ok = !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1(SCMP_CMP_EQ, *list));
	return ok;
}

static bool allow_calls(scmp_filter_ctx f, const int *list)
{
	bool ok = true;

	for (; ok && list && *list != -1; list++)
		ok = !seccomp_rule_add(f, SCMP_ACT_ALLOW, *list, 0);
	return ok;
}

static int filter(const int *syscalls, const unsigned long *ioctls)
{
	static const int calls[] = {
		SCMP_SYS(epoll_wait), SCMP_SYS(epoll_ctl), SCMP_SYS(read),
		SCMP_SYS(write), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
		SCMP_SYS(accept4), SCMP_SYS(close), SCMP_SYS(munmap),
		SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
		SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek),
		SCMP_SYS(ftruncate), SCMP_SYS(fcntl), SCMP_SYS(futex),
		SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
		SCMP_SYS(rt_sigprocmask), SCMP_SYS(getpid), SCMP_SYS(gettid),
		SCMP_SYS(tgkill), SCMP_SYS(exit), SCMP_SYS(exit_group), -1,
	};
	static const unsigned long requests[] = {
		IOCTL_GNTDEV_GRANT_COPY, IOCTL_EVTCHN_NOTIFY,
		IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_UNBIND,
		IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF, 0,
	};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = -ENOMEM;

	if (f && allow_calls(f, calls) && allow_calls(f, syscalls) &&
	    allow_ioctls(f, requests) && allow_ioctls(f, ioctls) &&
	    /* Memory, but never memory that can be executed. */
	    !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
	    !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)))
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc;
}

int backend_cage(uid_t uid, const int *syscalls, const unsigned long *ioctls,
		 char *why, size_t why_len)
{
	int rc;

	if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS)) {
		rc = -errno;
		snprintf(why, why_len, "own namespaces");
		return rc;
	}
	rc = empty_root();
	if (rc) {
		snprintf(why, why_len, "an empty root");
		return rc;
	}
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 64);
	limit(RLIMIT_NPROC, 64);	/* io_uring's workers count */
	limit(RLIMIT_AS, 1ul << 30);
	rc = become(uid);
	if (rc) {
		snprintf(why, why_len, "user id %u", uid);
		return rc;
	}
	rc = filter(syscalls, ioctls);
	if (rc)
		snprintf(why, why_len, "the filter of system calls");
	return rc;
}
