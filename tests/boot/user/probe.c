/* SPDX-License-Identifier: MIT */
/*
 * What programs expect of the processor, asked under a PV kernel: segments,
 * LDT, FPU, debug registers, flags, all ways to call the kernel, and that
 * none of it mixes up between processes on any number of CPUs.
 *
 * Prints "ok NAME" or "FAIL NAME: why" for each question.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static char why[256];
#define EXPECT(x) do { \
	if (!(x)) { \
		snprintf(why, sizeof(why), "%s (line %d)", #x, __LINE__); \
		return false; \
	} } while (0)

static sigjmp_buf escape;
static volatile int last_signal;
static volatile greg_t signal_rip;

static void on_signal(int s, siginfo_t *i, void *context)
{
	ucontext_t *u = context;

	(void)i;
	last_signal = s;
	signal_rip = u->uc_mcontext.gregs[REG_RIP];
	siglongjmp(escape, 1);
}

static void catch(int s)
{
	struct sigaction a = { .sa_sigaction = on_signal,
			       .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigaction(s, &a, NULL);
}

/* The signal that a statement causes, 0 for none. */
#define SIGNAL_OF(statement) ({ \
	last_signal = 0; \
	if (!sigsetjmp(escape, 1)) { statement; } \
	last_signal; })

static bool faults_become_signals(void)
{
	EXPECT(SIGNAL_OF(*(volatile int *)8 = 1) == SIGSEGV);
	EXPECT(SIGNAL_OF(*(volatile int *)0xffff82d040000000 = 1) == SIGSEGV);
	EXPECT(SIGNAL_OF(*(volatile int *)0xffffffff81000000) == SIGSEGV);
	EXPECT(SIGNAL_OF(*(volatile int *)0x800000000000) == SIGSEGV);
	EXPECT(SIGNAL_OF(__asm__ volatile("ud2")) == SIGILL);
	EXPECT(SIGNAL_OF(__asm__ volatile("hlt")) == SIGSEGV);
	EXPECT(SIGNAL_OF(__asm__ volatile("cli")) == SIGSEGV);
	EXPECT(SIGNAL_OF(__asm__ volatile("int3")) == SIGTRAP);
	EXPECT(SIGNAL_OF(__asm__ volatile("int $0x81")) == SIGSEGV);
	EXPECT(SIGNAL_OF(__asm__ volatile("int $0x0e")) == SIGSEGV);
	EXPECT(SIGNAL_OF(__asm__ volatile("in $0x60, %%al" ::: "rax")) == SIGSEGV);
	EXPECT(SIGNAL_OF(__asm__ volatile("mov %%cr3, %%rax" ::: "rax")) == SIGSEGV);
	EXPECT(SIGNAL_OF(__asm__ volatile("mov %0, %%ds" :: "r"(0xe008))) == SIGSEGV);
	EXPECT(SIGNAL_OF(__asm__ volatile("xor %%edx, %%edx; xor %%eax, %%eax; div %%edx" ::: "rax", "rdx")) == SIGFPE);
	EXPECT(SIGNAL_OF(__asm__ volatile("push $0x8b; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" ::: "rax")) == SIGSEGV);
	return true;
}

static bool old_system_calls_work(void)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	/* A kernel without 32-bit programs may refuse. */
	EXPECT(r == getpid() || r == -ENOSYS);
	return true;
}

static bool system_calls_keep_registers(void)
{
	register long r12 __asm__("r12") = 0x1212, r15 __asm__("r15") = 0x1515;
	register long rdx __asm__("rdx") = 0xdddd, r8 __asm__("r8") = 0x8888;
	register long r10 __asm__("r10") = 0xaaaa;
	unsigned i;

	for (i = 0; i < 20000; i++) {
		long r = SYS_getppid;

		__asm__ volatile("syscall" : "+a"(r), "+r"(r12), "+r"(r15), "+r"(rdx), "+r"(r8), "+r"(r10) :: "rcx", "r11", "memory");
		EXPECT(r == getppid());
		EXPECT(r12 == 0x1212 && r15 == 0x1515 && rdx == 0xdddd && r8 == 0x8888 && r10 == 0xaaaa);
	}
	return true;
}

static bool flags_survive(void)
{
	uint64_t before, after;
	long r = SYS_getppid;

	/* DF, AC, ID and the arithmetic flags. */
	__asm__ volatile("pushf; orl $0x240cd5, (%%rsp); popf; pushf; pop %0;"
			 "syscall; pushf; pop %1; pushf; andl $~0x240400, (%%rsp); popf"
			 : "=&r"(before), "=&r"(after), "+a"(r) :: "rcx", "r11", "memory", "cc");
	EXPECT(before == after);
	EXPECT(before & 0x400);
	return true;
}

static bool single_step_works(void)
{
	EXPECT(SIGNAL_OF(__asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::: "cc")) == SIGTRAP);
	EXPECT(SIGNAL_OF(__asm__ volatile("mov $39, %%eax; pushf; orl $0x100, (%%rsp); popf; syscall; nop" ::: "rax", "rcx", "r11", "cc", "memory")) == SIGTRAP);
	return true;
}

/* ---- Segments ---- */

static bool an_ldt_works(void)
{
	static uint32_t cell[4] = { 0, 0x11223344, 0, 0 };
	uint64_t old;
	uint32_t v;
	static unsigned n;
	unsigned i;

	syscall(SYS_arch_prctl, ARCH_GET_FS, &old);
	for (n = 0; n < 8192; n = n ? n * 8 : 1) {
		void *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		struct user_desc d = {
			.entry_number = n, .base_addr = (uint32_t)(uintptr_t)low,
			.limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1,
			.useable = 1,
		};

		memcpy(low, cell, sizeof(cell));
		EXPECT(!syscall(SYS_modify_ldt, 1, &d, sizeof(d)));
		/* Through other processes and back. */
		for (i = 0; i < 50; i++) {
			__asm__ volatile("mov %1, %%gs; mov %%gs:4, %0" : "=r"(v) : "r"(n * 8 + 7));
			EXPECT(v == 0x11223344);
			sched_yield();
			__asm__ volatile("mov %%gs:4, %0" : "=r"(v));
			EXPECT(v == 0x11223344);
		}
		d = (struct user_desc){ .entry_number = n, .read_exec_only = 1, .seg_not_present = 1 };
		__asm__ volatile("mov %0, %%gs" :: "r"(0));
		EXPECT(!syscall(SYS_modify_ldt, 1, &d, sizeof(d)));
		EXPECT(SIGNAL_OF(__asm__ volatile("mov %0, %%gs" :: "r"(n * 8 + 7))) == SIGSEGV);
		munmap(low, 4096);
	}
	return true;
}

static bool bases_are_kept(void)
{
	static uint64_t cell[2] = { 1, 0xfeedface };
	uint64_t v;
	unsigned i;

	EXPECT(!syscall(SYS_arch_prctl, ARCH_SET_GS, (uint64_t)cell));
	for (i = 0; i < 200; i++) {
		sched_yield();
		__asm__ volatile("mov %%gs:8, %0" : "=r"(v));
		EXPECT(v == 0xfeedface);
	}
	EXPECT(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x800000000000));
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0);
	return true;
}

/* ---- Debug registers ---- */

static volatile long watched;

static bool watchpoints_fire(void)
{
	int status;
	pid_t p = fork();

	if (p == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		watched = 5;
		_exit(watched == 5 ? 0 : 1);
	}
	waitpid(p, &status, 0);
	EXPECT(WIFSTOPPED(status));
	EXPECT(!ptrace(PTRACE_POKEUSER, p, offsetof(struct user, u_debugreg[0]), &watched));
	/* Write, 8 bytes. */
	EXPECT(!ptrace(PTRACE_POKEUSER, p, offsetof(struct user, u_debugreg[7]), 0x1 | 1 << 16 | 2 << 18));
	ptrace(PTRACE_CONT, p, 0, 0);
	waitpid(p, &status, 0);
	EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	EXPECT(ptrace(PTRACE_PEEKUSER, p, offsetof(struct user, u_debugreg[6]), 0) & 1);
	EXPECT(ptrace(PTRACE_POKEUSER, p, offsetof(struct user, u_debugreg[0]), 0xffff82d040000000));
	ptrace(PTRACE_CONT, p, 0, 0);
	waitpid(p, &status, 0);
	EXPECT(WIFEXITED(status) && !WEXITSTATUS(status));
	return true;
}

/* ---- Many at once ---- */

static bool all_children_succeed(int n, bool (*f)(int))
{
	int i, status, bad = 0;

	for (i = 0; i < n; i++)
		if (fork() == 0)
			_exit(f(i) ? 0 : 1);
	while (wait(&status) > 0)
		bad += status != 0;
	EXPECT(!bad);
	return true;
}

static bool fpu_child(int n)
{
	uint64_t x[2], want = 0x0101010101010101ULL * (unsigned)(n + 1);
	const uint64_t wide[4] = { want, ~want, want + 1, want + 2 };
	const bool avx = __builtin_cpu_supports("avx");
	uint64_t y[4];
	double sum = n;
	int i;

	__asm__ volatile("movq %0, %%xmm5; movq %0, %%xmm15" :: "r"(want) : "xmm5", "xmm15");
	if (avx)
		__asm__ volatile("vmovupd %0, %%ymm7" :: "m"(wide) : "xmm7");
	for (i = 0; i < 3000; i++) {
		/* By hand, so that the compiler keeps nothing there. */
		__asm__ volatile("syscall" :: "a"(SYS_sched_yield) : "rcx", "r11", "memory");
		__asm__ volatile("movq %%xmm5, %0; movq %%xmm15, %1" : "=r"(x[0]), "=r"(x[1]));
		if (x[0] != want || x[1] != want)
			return false;
		if (avx)
			__asm__ volatile("vmovupd %%ymm7, %0" : "=m"(y));
		if (avx && memcmp(y, wide, sizeof(y)))
			return false;
	}
	for (i = 0; i < 1000; i++)
		sum += 0.5;
	return sum == n + 500;
}

static bool fpu_registers_do_not_mix(void)
{
	return all_children_succeed(8, fpu_child);
}

static bool memory_child(int n)
{
	int i, j, status;

	srandom((unsigned)n);
	for (i = 0; i < 12; i++) {
		size_t pages = 1 + (unsigned)random() % 64;
		char *m = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pid_t p;

		for (j = 0; j < (int)pages; j++)
			*(int *)(m + j * 4096) = n * 1000 + j;
		p = fork();
		if (p == 0) {
			for (j = 0; j < (int)pages; j++) {
				if (*(int *)(m + j * 4096) != n * 1000 + j)
					_exit(1);
				*(int *)(m + j * 4096) = -1;
			}
			_exit(0);
		}
		mprotect(m, pages * 4096, PROT_READ);
		waitpid(p, &status, 0);
		if (status)
			return false;
		for (j = 0; j < (int)pages; j++)
			if (*(int *)(m + j * 4096) != n * 1000 + j)
				return false;
		munmap(m, pages * 4096);
	}
	return true;
}

static bool memory_does_not_mix(void)
{
	return all_children_succeed(4, memory_child);
}

static char *shared;
static volatile bool stop;

static void *toucher(void *arg)
{
	sigset_t none;

	(void)arg;
	sigemptyset(&none);
	while (!stop)
		for (int i = 0; i < 16; i++)
			if (shared[i * 4096] != 7)
				return (void *)1;
	return NULL;
}

/* Threads on other CPUs see unmapping and protection at once. */
static bool threads_share_tables(void)
{
	pthread_t t[3];
	void *r, *bad = NULL;
	char *spare;
	int i, k;

	shared = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(shared, 7, 16 * 4096);
	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, toucher, NULL);
	for (k = 0; k < 60; k++) {
		mprotect(shared, 16 * 4096, k & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
		spare = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(spare, 7, 16 * 4096);
		/* The old frames go; nobody may see what becomes of them. */
		mremap(spare, 16 * 4096, 16 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, shared);
	}
	stop = true;
	for (i = 0; i < 3; i++) {
		pthread_join(t[i], &r);
		bad = r ? r : bad;
	}
	EXPECT(!bad);
	return true;
}

static bool ports_by_permission(void)
{
	EXPECT(!iopl(3));
	EXPECT(SIGNAL_OF((void)inb(0x80)) == 0);
	EXPECT(!iopl(0));
	EXPECT(SIGNAL_OF((void)inb(0x80)) == SIGSEGV);
	EXPECT(!ioperm(0x80, 1, 1));
	EXPECT(SIGNAL_OF((void)inb(0x80)) == 0);
	EXPECT(SIGNAL_OF((void)inb(0x81)) == SIGSEGV);
	EXPECT(!ioperm(0x80, 1, 0));
	return true;
}

static bool cpuid_knows_us(void)
{
	static uint32_t a = 0x40000000, b, c, d;

	EXPECT(SIGNAL_OF(__asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d))) == 0);
	EXPECT(b == 0x566e6558 && c == 0x65584d4d && d == 0x4d4d566e);
	return true;
}

int main(void)
{
	static const struct {
		const char *name;
		bool (*f)(void);
	} t[] = {
#define T(f) { #f, f }
		T(faults_become_signals), T(old_system_calls_work),
		T(system_calls_keep_registers), T(flags_survive),
		T(single_step_works), T(an_ldt_works), T(bases_are_kept),
		T(watchpoints_fire), T(fpu_registers_do_not_mix),
		T(memory_does_not_mix), T(threads_share_tables),
		T(ports_by_permission), T(cpuid_knows_us),
	};
	stack_t alt = { .ss_sp = malloc(65536), .ss_size = 65536 };
	unsigned i;

	sigaltstack(&alt, NULL);
	catch(SIGSEGV);
	catch(SIGILL);
	catch(SIGTRAP);
	catch(SIGFPE);
	catch(SIGBUS);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bool ok = t[i].f();

		if (ok)
			printf("ok %s\n", t[i].name);
		else
			printf("FAIL %s: %s\n", t[i].name, why);
		fflush(stdout);
	}
	return 0;
}
