/* SPDX-License-Identifier: MIT */
/*
 * guestbench - costs of what a paravirtualised Linux kernel asks of its
 * hypervisor.
 *
 * Runs as a static program inside a guest or the control domain. Each line is
 * "bench NAME TICKS #ID" where TICKS is the median TSC ticks of one operation.
 * Under `qemu -icount shift=0` a tick is one executed instruction, so two
 * hypervisors can be compared exactly, on any machine, whatever else it is
 * doing. Each timed round is also bracketed by MARK(2*ID) and MARK(2*ID+1),
 * from which the insncount plugin tells the instructions of user, kernel and
 * hypervisor apart.
 *
 * Nothing is printed before the end: console output would make another domain
 * run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>
#include "marker.h"

enum { ROUNDS = 9, PAGE = 4096 };

static int cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* IDs follow the order of the BENCH lines in this file, whether or not one is
 * reached. */
#define BENCH(name, iters, ...) BENCH_(name, iters, __COUNTER__, __VA_ARGS__)
#define BENCH_(name, iters, id, ...) BENCH__(name, iters, id, __VA_ARGS__)
#define BENCH__(name, iters, id, ...)                                 \
	do {                                                          \
		uint64_t r[ROUNDS];                                   \
		for (int k = 0; k < ROUNDS; k++) {                    \
			uint64_t t0 = __rdtsc();                      \
			MARK(2 * (id));                               \
			for (int i = 0; i < (iters); i++) {           \
				__VA_ARGS__;                          \
			}                                             \
			MARK(2 * (id) + 1);                           \
			r[k] = (__rdtsc() - t0) / (iters);            \
		}                                                     \
		qsort(r, ROUNDS, sizeof r[0], cmp);                   \
		printf("bench %s %llu #%d/%d\n", name,                \
		       (unsigned long long)r[ROUNDS / 2], id, iters); \
	} while (0)

static volatile sig_atomic_t got;
static void on_signal(int s)
{
	(void)s;
	got++;
}

static void touch(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++)
		((volatile char *)p)[i * PAGE] = 1;
	munmap(p, pages * PAGE);
}

static void fork_wait(void)
{
	pid_t p = fork();
	if (p == 0)
		_exit(0);
	waitpid(p, NULL, 0);
}

static void exec_wait(char *self)
{
	pid_t p = vfork();
	if (p == 0) {
		char *av[] = { self, "--true", NULL };
		execv(self, av);
		_exit(1);
	}
	waitpid(p, NULL, 0);
}

static void pin(int cpu)
{
	cpu_set_t s;
	CPU_ZERO(&s);
	CPU_SET(cpu, &s);
	sched_setaffinity(0, sizeof s, &s);
}

static void fault_handler(int s, siginfo_t *si, void *u)
{
	(void)s;
	(void)u;
	mprotect((void *)((uintptr_t)si->si_addr & ~(PAGE - 1ul)), PAGE,
		 PROT_READ | PROT_WRITE);
}

static uint64_t sum(const uint64_t *p, size_t bytes)
{
	uint64_t s = 0;
	for (size_t i = 0; i < bytes / 8; i++)
		s += ((const volatile uint64_t *)p)[i];
	return s;
}

static void kernel_and_memory(char *self)
{
	BENCH("user_loop_1000", 20, for (volatile int j = 0; j < 1000; j++));
	BENCH("syscall_getppid", 2000, syscall(SYS_getppid));
	BENCH("cpuid", 200, ({
		      unsigned a = 0, b, c = 0, d;
		      __asm__ volatile("cpuid"
				       : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	      }));
	BENCH("rdtsc", 1000, __rdtsc());
	struct timespec now;
	BENCH("clock_gettime", 1000, clock_gettime(CLOCK_MONOTONIC, &now));

	signal(SIGUSR1, on_signal);
	BENCH("signal_self", 500, raise(SIGUSR1));

	BENCH("page_fault_x64", 10, touch(64));
	BENCH("mmap_munmap", 300,
	      munmap(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0),
		     PAGE));

	char *m = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(m, 64 * PAGE, MADV_NOHUGEPAGE);
	memset(m, 1, 64 * PAGE);
	BENCH("mprotect_x64_pair", 50, mprotect(m, 64 * PAGE, PROT_READ);
	      mprotect(m, 64 * PAGE, PROT_READ | PROT_WRITE));

	struct sigaction sa = { .sa_sigaction = fault_handler,
				.sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &sa, NULL);
	BENCH("segv_handled", 100, mprotect(m, PAGE, PROT_READ);
	      *(volatile char *)m = 2);

	size_t mb = 1u << 20;
	char *src = mmap(NULL, 2 * mb, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	memset(src, 1, 2 * mb);
	BENCH("mem_copy_1M", 5, memcpy(src + mb, src, mb));
	BENCH("mem_read_1M", 5, sum((uint64_t *)src, mb));

	int a[2], b[2];
	if (pipe(a) || pipe(b))
		exit(1);
	pid_t echo = fork();
	if (echo == 0) {
		char c;
		close(a[1]);
		while (read(a[0], &c, 1) == 1)
			if (write(b[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	BENCH("pipe_pingpong", 200, ({
		      char c = 1;
		      if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1)
			      exit(1);
	      }));
	close(a[1]);
	waitpid(echo, NULL, 0);

	BENCH("fork_exit_wait", 20, fork_wait());
	BENCH("exec_wait", 20, exec_wait(self));

	/* A process with a real working set, as a shell or a compiler has. */
	size_t big = 16u << 20;
	char *w = mmap(NULL, big, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	memset(w, 1, big);
	BENCH("fork_exit_wait_16M", 5, fork_wait());
	munmap(w, big);

	struct timespec ts = { 0, 100000 };
	BENCH("nanosleep_100us", 20, nanosleep(&ts, NULL));
}

/* ---- what only a Xen guest can do; the ABI of Linux's /dev/xen devices ----
 */

struct privcmd_hypercall {
	uint64_t op, arg[5];
};
struct bind_interdomain {
	uint32_t remote_domain, remote_port;
};
struct gntalloc_alloc {
	uint16_t domid, flags;
	uint32_t count;
	uint64_t index;
	uint32_t refs[64];
};
struct gntdev_map {
	uint32_t count, pad;
	uint64_t index;
	struct {
		uint32_t domid, ref;
	} refs[64];
};
struct gntdev_unmap {
	uint64_t index;
	uint32_t count, pad;
};
#define PRIVCMD_HYPERCALL \
	_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, 8)
#define EVTCHN_BIND_UNBOUND _IOC(_IOC_NONE, 'E', 2, 4)
#define EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, 4)
#define GNTALLOC_ALLOC _IOC(_IOC_NONE, 'G', 5, 24)
#define GNTDEV_MAP _IOC(_IOC_NONE, 'G', 0, 24)
#define GNTDEV_UNMAP _IOC(_IOC_NONE, 'G', 1, 16)

/* One xenstore READ; returns the length of the value or -1. */
static int xenstore_read(int fd, const char *path, char *value, size_t size)
{
	struct {
		uint32_t type, req, tx, len;
	} h = { 2, 0, 0, strlen(path) + 1 };
	char msg[128];
	memcpy(msg, &h, sizeof h);
	memcpy(msg + sizeof h, path, h.len);
	if (write(fd, msg, sizeof h + h.len) != (ssize_t)(sizeof h + h.len) ||
	    read(fd, &h, sizeof h) != sizeof h || h.len >= size)
		return -1;
	if (h.len && read(fd, value, h.len) != (ssize_t)h.len)
		return -1;
	value[h.len] = 0;
	return h.type == 2 ? (int)h.len : -1;
}

static void skipped(const char *what)
{
	printf("skipped %s\n", what);
}

static void grants(int alloc, int dev, unsigned domid)
{
	static struct gntalloc_alloc ga;
	static struct gntdev_map gm;
	ga = (struct gntalloc_alloc){ .domid = domid, .flags = 1, .count = 64 };
	if (ioctl(alloc, GNTALLOC_ALLOC, &ga)) {
		skipped("grants: alloc");
		return;
	}
	char *own = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 alloc, ga.index);
	if (own == MAP_FAILED) {
		skipped("grants: own");
		return;
	}
	memset(own, 7, 64 * PAGE);
	for (int i = 0; i < 64; i++)
		gm.refs[i].domid = domid, gm.refs[i].ref = ga.refs[i];
#define MAP_UNMAP(n)                                                   \
	({                                                             \
		gm.count = (n);                                        \
		if (ioctl(dev, GNTDEV_MAP, &gm)) {                     \
			skipped("grants: map");                        \
			return;                                        \
		}                                                      \
		char *g = mmap(NULL, (n)*PAGE, PROT_READ | PROT_WRITE, \
			       MAP_SHARED, dev, gm.index);             \
		if (g == MAP_FAILED || *(volatile char *)g != 7) {     \
			skipped("grants: mmap");                       \
			return;                                        \
		}                                                      \
		munmap(g, (n)*PAGE);                                   \
		struct gntdev_unmap u = { gm.index, (n), 0 };          \
		if (ioctl(dev, GNTDEV_UNMAP, &u)) {                    \
			skipped("grants: unmap");                      \
			return;                                        \
		}                                                      \
	})
	BENCH("grant_map_unmap_1", 50, MAP_UNMAP(1));
	BENCH("grant_map_unmap_64", 10, MAP_UNMAP(64));
}

static void xen(void)
{
	int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	struct privcmd_hypercall version = { .op = 17 };
	if (fd >= 0 && ioctl(fd, PRIVCMD_HYPERCALL, &version) > 0)
		BENCH("hypercall_version", 1000,
		      ioctl(fd, PRIVCMD_HYPERCALL, &version));
	else
		skipped("privcmd");

	int bus = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
	unsigned domid = 0;
	char value[32];
	if (bus >= 0 && xenstore_read(bus, "domid", value, sizeof value) > 0)
		domid = atoi(value);
	if (bus >= 0)
		BENCH("xenstore_read", 30,
		      xenstore_read(bus, "domid", value, sizeof value));
	else
		skipped("xenbus");

	int ev = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
	uint32_t self = domid, port;
	struct bind_interdomain bi = { .remote_domain = domid };
	int p = ev < 0 ? -1 : ioctl(ev, EVTCHN_BIND_UNBOUND, &self);
	bi.remote_port = p;
	int q = p < 0 ? -1 : ioctl(ev, EVTCHN_BIND_INTERDOMAIN, &bi);
	uint32_t notify = q;
	if (q >= 0 && read(ev, &port, 4) == 4 && write(ev, &port, 4) == 4)
		BENCH("evtchn_loopback", 200, ({
			      if (ioctl(ev, EVTCHN_NOTIFY, &notify) ||
				  read(ev, &port, 4) != 4 ||
				  write(ev, &port, 4) != 4)
				      exit(1);
		      }));
	else
		skipped("evtchn");

	int alloc = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC),
	    dev = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	if (alloc >= 0 && dev >= 0)
		grants(alloc, dev, domid);
	else
		skipped("grants: open");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--true"))
		return 0;
	static char buffer[16384];
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	pin(0);
	/* The echo process must not inherit pending output: it leaves with
	 * _exit. */
	kernel_and_memory(argv[0]);
	xen();
	puts("bench-done");
	return 0;
}
