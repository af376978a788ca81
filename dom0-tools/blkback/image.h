/* SPDX-License-Identifier: MIT */
/*
 * What a disk's bytes are read from and written to: a file or block device
 * (image-file.c), an NBD server (image-nbd.c), or memory (tests).  Many
 * transfers are under way at a time; the engine owns each struct image_io from
 * submit to reap.
 */
#ifndef BLKBACK_IMAGE_H
#define BLKBACK_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct loop;

enum image_what {
	IMAGE_READ, IMAGE_WRITE, IMAGE_FLUSH, IMAGE_DISCARD,
};

struct image;

struct image_io {
	enum image_what what;
	bool durable;		/* a write that is answered when it will last */
	uint8_t *buf;
	struct iovec *iov;	/* instead of buf, if nr_iov; used up on the way */
	unsigned int nr_iov;
	uint64_t offset, length;
	uint64_t done;		/* the image's: bytes so far */
	int result;		/* 0 or -errno, when reaped */
	struct image *image;	/* the image's */
	struct image_io *next;	/* the image's */
};

struct image {
	const struct image_ops *ops;
	uint64_t bytes;
	uint32_t align;		/* of offset, length and memory; at least 1 */
	uint32_t block;		/* the size it likes to be written in */
	bool can_discard;
	/*
	 * Takes iov, of memory that may be a guest's: mapped by gntdev.  Only
	 * who copies can say so.  Linux (6.1) counts such a page wrong if this
	 * process dies while a device still reads or writes it, and whatever
	 * gets the page next fails ("Bad page map", then ENOMEM for ever).
	 */
	bool can_scatter;
	/* Run the engine: something was reaped, or could be. */
	void (*ready)(void *arg);
	void *arg;
};

struct image_ops {
	/* Under way, or already done: reap() tells. */
	void (*submit)(struct image *im, struct image_io *io);
	/* What was submitted is passed on, in one go. */
	void (*kick)(struct image *im);
	/* One that is done, or NULL. */
	struct image_io *(*reap)(struct image *im);
	/* Read the size anew; 0 or -errno. */
	int (*measure)(struct image *im);
	void (*close)(struct image *im);
};

/*
 * io_uring has to be made while we have rights: before any image is known.
 * 0 or -errno.
 */
int image_file_prepare(struct loop *loop);
void image_file_finish(struct loop *loop);
/*
 * @fd is a file or a block device, opened for what is meant to be done with
 * it; the image owns it.  @unit: the guest may ask for pieces of that many
 * bytes; if the source cannot be read directly in such pieces, it is read
 * through the page cache.  0 or -errno.
 */
int image_file_open(struct image **out, int fd, uint32_t unit);

/*
 * @fd is a connected socket of an NBD server.  0 or -errno with a sentence.
 * In a program without libnbd: -ENOSYS.
 */
int image_nbd_open(struct image **out, struct loop *loop, int fd,
		   const char *export, void (*gone)(void *arg, const char *why),
		   void *gone_arg, char *why, unsigned int why_len);

#endif
