/* SPDX-License-Identifier: MIT */
/* The image that is a file, by the kernel's own io_uring. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <liburing.h>

#include "blkback/image.h"
#include "common/loop.h"

static struct loop loop;
static struct image *image;
static int file;	/* the image's */

/* A file of @size bytes where we build; false: there is no io_uring here. */
static bool begin(off_t size)
{
	char name[] = "blkfile-XXXXXX";

	file = mkstemp(name);
	CU_ASSERT_FATAL(file >= 0);
	unlink(name);
	CU_ASSERT_EQUAL(ftruncate(file, size), 0);
	CU_ASSERT_EQUAL(loop_init(&loop), 0);
	if (image_file_prepare(&loop)) {
		close(file);
		loop_close(&loop);
		return false;
	}
	CU_ASSERT_EQUAL_FATAL(image_file_open(&image, file, 512), 0);
	CU_ASSERT_EQUAL(image->bytes, (uint64_t)size);
	return true;
}

static void end(void)
{
	image->ops->close(image);
	image_file_finish(&loop);
	loop_close(&loop);
}

/* As the engine does: what comes back is looked at when there is an event. */
static struct image_io *wait_for_one(void)
{
	struct pollfd p = { .fd = loop.epfd, .events = POLLIN };
	struct image_io *io = image->ops->reap(image);

	while (!io && poll(&p, 1, 5000) > 0)
		io = image->ops->reap(image);
	return io;
}

static void data_comes_and_goes(void)
{
	static uint8_t a[4096], b[4096];
	struct image_io w = { .what = IMAGE_WRITE, .buf = a, .length = sizeof(a), .offset = 4096 };
	struct image_io r = { .what = IMAGE_READ, .buf = b, .length = sizeof(b), .offset = 4096 };

	if (!begin(65536))
		return;
	memset(a, 0x5a, sizeof(a));
	image->ops->submit(image, &w);
	image->ops->kick(image);
	CU_ASSERT_PTR_EQUAL(wait_for_one(), &w);
	CU_ASSERT_EQUAL(w.result, 0);
	image->ops->submit(image, &r);
	image->ops->kick(image);
	CU_ASSERT_PTR_EQUAL(wait_for_one(), &r);
	CU_ASSERT_EQUAL(r.result, 0);
	CU_ASSERT_EQUAL(memcmp(a, b, sizeof(a)), 0);
	end();
}

/* The ring's descriptor, which image-file.c keeps to itself. */
static int ring_fd(void)
{
	char path[40], to[40];
	ssize_t n;

	for (int fd = 3; fd < 100; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to) - 1);
		if (n > 0 && (to[n] = '\0', strstr(to, "[io_uring]")))
			return fd;
	}
	return -1;
}

/* What is asked through a ring passes by the filter of system calls. */
static void a_ring_does_only_what_a_disk_needs(void)
{
	struct {
		struct io_uring_probe probe;
		struct io_uring_probe_op ops[8];
	} probe = { 0 };
	int r;

	if (!begin(65536))
		return;
	r = (int)syscall(SYS_io_uring_register, ring_fd(),
			 IORING_REGISTER_PROBE, &probe, 8);
	CU_ASSERT_EQUAL(r, -1);
	CU_ASSERT_EQUAL(errno, EACCES);
	end();
}

static void discards_and_flushes_are_among_it(void)
{
	struct image_io f = { .what = IMAGE_FLUSH };
	struct image_io d = { .what = IMAGE_DISCARD, .length = 4096 };
	struct image_io *both[] = { &f, &d };

	if (!begin(65536))
		return;
	for (int i = 0; i < 2; i++) {
		image->ops->submit(image, both[i]);
		image->ops->kick(image);
		CU_ASSERT_PTR_EQUAL(wait_for_one(), both[i]);
		CU_ASSERT(both[i]->result == 0 ||
			  both[i]->result == -EOPNOTSUPP);
	}
	end();
}

/* The rest is asked for at once: nobody may come by for a long time. */
static void a_part_is_followed_by_the_rest(void)
{
	static uint8_t b[8192];
	struct image_io r = { .what = IMAGE_READ, .buf = b, .length = sizeof(b) };

	if (!begin(65536))
		return;
	/* Somebody made the file shorter: half of it is there. */
	CU_ASSERT_EQUAL(ftruncate(file, 4096), 0);
	image->ops->submit(image, &r);
	image->ops->kick(image);
	CU_ASSERT_PTR_EQUAL(wait_for_one(), &r);
	CU_ASSERT_EQUAL(r.result, -EIO);
	end();
}

static bool may_have_pages_of_a_guest(int fd)
{
	struct image *im;
	bool may;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(ftruncate(fd, 65536), 0);
	CU_ASSERT_EQUAL_FATAL(image_file_open(&im, fd, 4096), 0);
	may = im->can_scatter;
	im->ops->close(im);
	return may;
}

/* Past the page cache a device would have the memory itself. */
static void a_direct_file_takes_only_our_memory(void)
{
	const int direct = open(".", O_TMPFILE | O_RDWR | O_DIRECT, 0600);

	CU_ASSERT_TRUE(may_have_pages_of_a_guest(memfd_create("a", 0)));
	/* Not every file system that one builds on has such files. */
	if (direct >= 0)
		CU_ASSERT_FALSE(may_have_pages_of_a_guest(direct));
}

CU_ErrorCode test_blk_file_register(void);
CU_ErrorCode test_blk_file_register(void)
{
	CU_pSuite s = CU_add_suite("blk-file", NULL, NULL);

	if (!s)
		return CU_get_error();
	CU_ADD_TEST(s, data_comes_and_goes);
	CU_ADD_TEST(s, a_ring_does_only_what_a_disk_needs);
	CU_ADD_TEST(s, discards_and_flushes_are_among_it);
	CU_ADD_TEST(s, a_part_is_followed_by_the_rest);
	CU_ADD_TEST(s, a_direct_file_takes_only_our_memory);
	return CU_get_error();
}
