/* SPDX-License-Identifier: MIT */
/* stamp - copy standard input to standard output with the monotonic clock in
 * microseconds in front of each line. */
#include <stdio.h>
#include <time.h>

int main(void)
{
	char line[4096];
	while (fgets(line, sizeof line, stdin)) {
		struct timespec t;
		clock_gettime(CLOCK_MONOTONIC, &t);
		printf("%lld %s",
		       (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000, line);
	}
	return 0;
}
