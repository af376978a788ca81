/* SPDX-License-Identifier: MIT */
/* seed - make the kernel's random generator ready at once, the same in every
 * run. (A deterministic machine without RDRAND has no entropy, and programs
 * that want some would wait for seconds.) Only for measuring. */
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>

int main(void)
{
	struct {
		struct rand_pool_info info;
		unsigned char bytes[64];
	} r = { .info = { .entropy_count = 512, .buf_size = 64 } };
	return ioctl(open("/dev/urandom", O_WRONLY), RNDADDENTROPY, &r) != 0;
}
