/* SPDX-License-Identifier: MIT */
/* Background start with a readiness pipe; see daemon.h. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

static int ready_fd = -1;

void daemon_start(void)
{
	int fds[2], status = 0;
	char c;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		log_die("cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		log_die("cannot fork: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		ready_fd = fds[1];
		setsid();
		return;
	}
	close(fds[1]);
	if (read(fds[0], &c, 1) == 1)
		_exit(0);
	/* It died before it was ready and has said why. */
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ?
	      WEXITSTATUS(status) : 1);
}

static void write_pid_file(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f))
		log_die("%s: %s", path, strerror(errno));
}

void daemon_ready(const char *pid_file, const char *log)
{
	int fd;

	if (pid_file)
		write_pid_file(pid_file);
	if (ready_fd < 0)
		return;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		close(fd);
	}
	fd = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)
		 : -1;
	if (fd >= 0) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
	if (write(ready_fd, "", 1) < 0)
		log_msg("nobody waits for the start any more");
	close(ready_fd);
	ready_fd = -1;
}
