/* SPDX-License-Identifier: MIT */
/*
 * A raw file or a block device, through io_uring: one system call for all
 * that a wake-up brought, and completions that need none.
 *
 * A file in memory (tmpfs) is read and written at once: nothing there waits,
 * and the kernel would hand each transfer to a thread of its own.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <liburing.h>

#include "common/loop.h"

#define SQ_ENTRIES	128u
#define CQ_ENTRIES	1024u	/* more than ever is under way */

struct image_file {
	struct image im;
	int fd;
	bool at_once;
	struct image_io *done, **done_tail;
};

/* One ring for the process: it has one disk, and at a resize two for a moment. */
static struct io_uring uring;
static struct loop_source uring_src;
static struct image_file *uring_user;

static struct image_file *to_file(struct image *im)
{
	return (struct image_file *)im;
}

static void finish(struct image_file *f, struct image_io *io, int result)
{
	io->result = result;
	io->next = NULL;
	*f->done_tail = io;
	f->done_tail = &io->next;
}

/* @n bytes of what is scattered are done. */
static void skip(struct image_io *io, uint64_t n)
{
	while (io->nr_iov && n >= io->iov->iov_len) {
		n -= io->iov->iov_len;
		io->iov++;
		io->nr_iov--;
	}
	if (!io->nr_iov)
		return;
	io->iov->iov_base = (uint8_t *)io->iov->iov_base + n;
	io->iov->iov_len -= n;
}

/* The result of one attempt; true: there is no more to do for it. */
static bool account(struct image_io *io, int64_t res)
{
	if (res == -EINTR || res == -EAGAIN)
		return false;
	if (res < 0) {
		io->result = res;
		return true;
	}
	if (io->what == IMAGE_FLUSH || io->what == IMAGE_DISCARD) {
		io->result = 0;
		return true;
	}
	io->done += res;
	if (io->nr_iov)
		skip(io, res);
	io->result = res ? 0 : -EIO;	/* the end of the file, too early */
	return !res || io->done == io->length;
}

static void queue(struct image_file *f, struct image_io *io)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring);
	uint64_t offset = io->offset + io->done;
	unsigned int len = io->length - io->done;

	if (!sqe) {
		io_uring_submit(&uring);
		sqe = io_uring_get_sqe(&uring);
	}
	if (!sqe) {
		finish(f, io, -EIO);
		return;
	}
	switch (io->what) {
	case IMAGE_READ:
		if (io->nr_iov)
			io_uring_prep_readv(sqe, f->fd, io->iov, io->nr_iov,
					    offset);
		else
			io_uring_prep_read(sqe, f->fd, io->buf + io->done, len,
					   offset);
		break;
	case IMAGE_WRITE:
		if (io->nr_iov)
			io_uring_prep_writev(sqe, f->fd, io->iov, io->nr_iov,
					     offset);
		else
			io_uring_prep_write(sqe, f->fd, io->buf + io->done,
					    len, offset);
		sqe->rw_flags = io->durable ? RWF_DSYNC : 0;
		break;
	case IMAGE_FLUSH:
		io_uring_prep_fsync(sqe, f->fd, IORING_FSYNC_DATASYNC);
		break;
	case IMAGE_DISCARD:
		io_uring_prep_fallocate(sqe, f->fd, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, io->offset,
					io->length);
		break;
	}
	io_uring_sqe_set_data(sqe, io);
}

static int64_t attempt(struct image_file *f, struct image_io *io)
{
	struct iovec one = { io->buf + io->done, io->length - io->done };
	const struct iovec *v = io->nr_iov ? io->iov : &one;
	const int nr = io->nr_iov ? io->nr_iov : 1;
	const off_t at = io->offset + io->done;
	int64_t r = 0;

	switch (io->what) {
	case IMAGE_READ:
		r = nr == 1 ? pread(f->fd, v->iov_base, v->iov_len, at) :
			      preadv(f->fd, v, nr, at);
		break;
	case IMAGE_WRITE:
		r = io->durable ? pwritev2(f->fd, v, nr, at, RWF_DSYNC) :
		    nr == 1 ? pwrite(f->fd, v->iov_base, v->iov_len, at) :
			      pwritev(f->fd, v, nr, at);
		break;
	case IMAGE_FLUSH:
		r = fdatasync(f->fd);
		break;
	case IMAGE_DISCARD:
		r = fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      io->offset, io->length);
		break;
	}
	return r < 0 ? -errno : r;
}

static void file_submit(struct image *im, struct image_io *io)
{
	struct image_file *f = to_file(im);

	io->done = 0;
	if (!f->at_once) {
		queue(f, io);
		return;
	}
	while (!account(io, attempt(f, io)))
		;
	finish(f, io, io->result);
}

static void file_kick(struct image *im)
{
	if (!to_file(im)->at_once && io_uring_sq_ready(&uring))
		io_uring_submit(&uring);
}

static void drain(struct image_file *f)
{
	struct io_uring_cqe *cqe;
	struct image_io *io;

	while (!io_uring_peek_cqe(&uring, &cqe)) {
		io = io_uring_cqe_get_data(cqe);
		if (account(io, cqe->res))
			finish(f, io, io->result);
		else
			queue(f, io);
		io_uring_cqe_seen(&uring, cqe);
	}
	/* The rest of what came in part; nobody may kick for a long time. */
	if (io_uring_sq_ready(&uring))
		io_uring_submit(&uring);
}

static struct image_io *file_reap(struct image *im)
{
	struct image_file *f = to_file(im);
	struct image_io *io;

	if (!f->done && !f->at_once)
		drain(f);
	io = f->done;
	if (!io)
		return NULL;
	f->done = io->next;
	if (!f->done)
		f->done_tail = &f->done;
	return io;
}

static int file_measure(struct image *im)
{
	const off_t end = lseek(to_file(im)->fd, 0, SEEK_END);

	if (end < 0)
		return -errno;
	im->bytes = end;
	return 0;
}

static void file_close(struct image *im)
{
	struct image_file *f = to_file(im);

	if (uring_user == f)
		uring_user = NULL;
	close(f->fd);
	free(f);
}

static const struct image_ops file_ops = {
	.submit = file_submit, .kick = file_kick, .reap = file_reap,
	.measure = file_measure, .close = file_close,
};

static void uring_event(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	if (uring_user && uring_user->im.ready)
		uring_user->im.ready(uring_user->im.arg);
}

/*
 * What is asked through the ring passes by the filter of system calls, so the
 * ring has a list of its own, which only a new ring can be given.
 */
static int confine_ring(void)
{
	static const uint8_t allowed[] = {
		IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITE,
		IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE,
	};
	struct io_uring_restriction r[sizeof(allowed)] = { 0 };
	int rc;

	for (size_t i = 0; i < sizeof(allowed); i++) {
		r[i].opcode = IORING_RESTRICTION_SQE_OP;
		r[i].sqe_op = allowed[i];
	}
	rc = io_uring_register((unsigned int)uring.ring_fd,
			       IORING_REGISTER_RESTRICTIONS, r,
			       sizeof(allowed));
	return rc ? rc : io_uring_register((unsigned int)uring.ring_fd,
					   IORING_REGISTER_ENABLE_RINGS, NULL,
					   0);
}

int image_file_prepare(struct loop *loop)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN |
			 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED,
		.cq_entries = CQ_ENTRIES,
	};
	int rc = io_uring_queue_init_params(SQ_ENTRIES, &uring, &p);

	if (rc == -EINVAL) {
		/* An older kernel: without the hints. */
		memset(&p, 0, sizeof(p));
		p.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
		p.cq_entries = CQ_ENTRIES;
		rc = io_uring_queue_init_params(SQ_ENTRIES, &uring, &p);
	}
	if (rc)
		return rc;
	rc = confine_ring();
	if (rc) {
		io_uring_queue_exit(&uring);
		return rc;
	}
	return loop_add(loop, &uring_src, uring.ring_fd, EPOLLIN, uring_event,
			NULL);
}

void image_file_finish(struct loop *loop)
{
	loop_del(loop, &uring_src);
	io_uring_queue_exit(&uring);
}

/* Can the source be read directly in pieces of @unit bytes? */
static bool reads_in(int fd, uint32_t unit)
{
	void *page = aligned_alloc(4096, 4096);
	ssize_t r = page ? pread(fd, page, unit, 0) : 0;
	const bool ok = r >= 0 || errno != EINVAL;

	free(page);
	return ok;
}

/*
 * Does the kernel always copy what is transferred, through its page cache?
 * Past it (O_DIRECT) the device itself reads and writes our memory, and FUSE
 * and 9P may use it without being asked to.
 */
static bool is_copied(const struct stat *st, const struct statfs *sfs, int flags)
{
	static const long known[] = {
		BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		RAMFS_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC,
	};
	bool ok = S_ISBLK(st->st_mode);

	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		ok = ok || sfs->f_type == known[i];
	return ok && !(flags & O_DIRECT);
}

int image_file_open(struct image **out, int fd, uint32_t unit)
{
	struct image_file *f;
	struct statfs sfs;
	struct stat st;
	int flags, rc;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) || fstatfs(fd, &sfs))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->im.ops = &file_ops;
	f->fd = fd;
	f->done_tail = &f->done;
	f->at_once = S_ISREG(st.st_mode) && sfs.f_type == TMPFS_MAGIC;
	f->im.align = 1;
	f->im.block = st.st_blksize > 4096 ? 4096 : st.st_blksize;
	f->im.can_discard = (flags & O_ACCMODE) == O_RDWR;
	rc = file_measure(&f->im);
	if (!rc && (flags & O_DIRECT) && !reads_in(fd, unit)) {
		flags &= ~O_DIRECT;
		if (fcntl(fd, F_SETFL, flags))
			rc = -errno;
	}
	f->im.can_scatter = is_copied(&st, &sfs, flags);
	if (rc) {
		free(f);
		return rc;
	}
	uring_user = f;
	*out = &f->im;
	return 0;
}
