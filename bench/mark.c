/* SPDX-License-Identifier: MIT */
/*
 * mark N             execute marker 0x10000+N (N < 256)
 * mark N CMD ARG...  marker N, run CMD, marker N+1; exits as CMD did
 * As an initial process (rdinit=/bench-init): marker 0x20000, then exec /init.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "marker.h"

__asm__(".balign 16\nmark_table:\n"
	".set i, 0\n.rept 256\n.byte 0x0f, 0x1f, 0x84, 0x00\n.long 0x5e010000 "
	"+ i\nret\n.balign 16\n.set i, i + 1\n.endr\n");
extern char mark_table[];
extern char **environ;

static void mark(int n)
{
	((void (*)(void))(mark_table + 16 * (n & 255)))();
}

int main(int argc, char **argv)
{
	if (getpid() == 1) {
		MARK(0x20000);
		execv("/init", argv);
		return 1;
	}
	if (argc < 2)
		return 2;
	int n = atoi(argv[1]), status = 0;
	mark(n);
	if (argc == 2)
		return 0;
	pid_t pid;
	if (posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ)) {
		perror(argv[2]);
		return 127;
	}
	waitpid(pid, &status, 0);
	mark(n + 1);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
