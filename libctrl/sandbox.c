/* SPDX-License-Identifier: MIT */
/*
 * The child that unpacks.  Decoders are large and have had their holes, and
 * a kernel may come from anybody; so what they can reach is one input and
 * one output file and memory of their own, for a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "unpack.h"

#define CPU_SECONDS	300
#define PATIENCE_MS	600000	/* one that only sleeps uses no CPU */

static void limit(int what, rlim_t n)
{
	const struct rlimit r = { .rlim_cur = n, .rlim_max = n };

	setrlimit(what, &r);
}

/* Beyond what there is already: the child is a copy of its maker. */
bool sandbox_limit_memory(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	bool ok = f && fscanf(f, "%*u %*u %*u %*u %*u %llu", &pages) == 1;

	if (f)
		fclose(f);
	if (ok)
		limit(RLIMIT_DATA, pages * (rlim_t)sysconf(_SC_PAGESIZE) +
		      SANDBOX_MEMORY);
	return ok;
}

static bool allow(scmp_filter_ctx f, int call)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 0) == 0;
}

/* Memory, but never memory that can be executed. */
static bool allow_data(scmp_filter_ctx f, int call)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC,
					0)) == 0;
}

static bool confine(void)
{
	static const int calls[] = {
		SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(ftruncate),
		SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk),
		SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
		SCMP_SYS(write), SCMP_SYS(exit), SCMP_SYS(exit_group),
	};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool ok = f && allow_data(f, SCMP_SYS(mmap)) &&
		  allow_data(f, SCMP_SYS(mprotect));
	size_t i;

	for (i = 0; ok && i < sizeof(calls) / sizeof(calls[0]); i++)
		ok = allow(f, calls[i]);
	ok = ok && seccomp_load(f) == 0;
	seccomp_release(f);
	return ok;
}

/* Our files become 0, 1 and 2 (the pipe for the report); no others stay. */
static bool keep_files(struct unpack *u, int report)
{
	int in = fcntl(u->in, F_DUPFD, 10);
	int out = fcntl(u->out, F_DUPFD, 10);
	int say = fcntl(report, F_DUPFD, 10);

	if (in < 0 || out < 0 || say < 0 || dup2(in, 0) < 0 ||
	    dup2(out, 1) < 0 || dup2(say, 2) < 0 ||
	    close_range(3, ~0u, 0) != 0)
		return false;
	u->in = 0;
	u->out = 1;
	return true;
}

struct report {
	uint32_t verdict;
	uint64_t size;
};

static void child(struct unpack *u, int pipe)
{
	struct report r = { .verdict = UNPACK_NO_SANDBOX };

	limit(RLIMIT_CPU, CPU_SECONDS);
	limit(RLIMIT_FSIZE, u->max);
	limit(RLIMIT_CORE, 0);
	if (!sandbox_limit_memory() || !keep_files(u, pipe))
		_exit(1);
	if (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && confine())
		r.verdict = unpack(u);
	r.size = u->size;
	/* Straight into the kernel: what a library does at an end, it may not. */
	syscall(SYS_exit_group, write(2, &r, sizeof(r)) != (ssize_t)sizeof(r));
	__builtin_trap();
}

/* The child's report is as little to be trusted as the child. */
static enum unpack_verdict outcome(int status, const struct report *r,
				   ssize_t n, struct unpack *u)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) ||
	    n != (ssize_t)sizeof(*r) || r->size > u->max)
		return UNPACK_KILLED;
	u->size = r->size;
	return r->verdict;
}

/* Until it has ended; false: it had to be told to. */
static bool await_end(pid_t pid, unsigned int ms, int *status)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int r = 0;

	if (p.fd >= 0) {
		do
			r = poll(&p, 1, (int)ms);
		while (r < 0 && errno == EINTR);
		close(p.fd);
	}
	if (r <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return r > 0;
}

enum unpack_verdict unpack_sandboxed(struct unpack *u)
{
	const unsigned int ms = u->patience_ms ? u->patience_ms : PATIENCE_MS;
	struct report r = { 0 };
	int fd[2], status = -1;
	bool by_itself;
	ssize_t n;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC))
		return UNPACK_NO_SANDBOX;
	pid = fork();
	if (pid == 0)
		child(u, fd[1]);
	close(fd[1]);
	by_itself = pid > 0 && await_end(pid, ms, &status);
	/* It is dead, so this does not wait. */
	n = by_itself ? read(fd[0], &r, sizeof(r)) : -1;
	close(fd[0]);
	if (pid < 0)
		return UNPACK_NO_SANDBOX;
	return by_itself ? outcome(status, &r, n, u) : UNPACK_TOO_SLOW;
}
