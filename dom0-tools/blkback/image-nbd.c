/* SPDX-License-Identifier: MIT */
/*
 * A disk of an NBD server, through libnbd: whatever qemu-nbd, nbdkit or
 * qemu-storage-daemon understands.  The supervisor connected the socket; the
 * handshake is ours.
 *
 * A server that goes away takes no request with it: nothing is answered, the
 * process ends, and its successor, on a new connection, does again what the
 * journal says.
 */
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <libnbd.h>

#include "common/loop.h"

struct image_nbd {
	struct image im;
	struct nbd_handle *nbd;
	struct loop *loop;
	struct loop_source src;
	struct image_io *done, **done_tail;
	void (*gone)(void *arg, const char *why);
	void *gone_arg;
	bool dead;
};

static struct image_nbd *to_nbd(struct image *im)
{
	return (struct image_nbd *)im;
}

static void finish(struct image_nbd *n, struct image_io *io, int result)
{
	io->result = result;
	io->next = NULL;
	*n->done_tail = io;
	n->done_tail = &io->next;
}

static void died(struct image_nbd *n)
{
	const char *e = nbd_get_error();
	char why[256];

	if (n->dead)
		return;
	n->dead = true;
	snprintf(why, sizeof(why), "the NBD server has gone away: %s",
		 e ? e : "end of file");
	loop_del(n->loop, &n->src);
	n->gone(n->gone_arg, why);
}

/* Wait for what the connection waits for. */
static void arm(struct image_nbd *n)
{
	const unsigned int dir = nbd_aio_get_direction(n->nbd);

	if (nbd_aio_is_dead(n->nbd) || nbd_aio_is_closed(n->nbd)) {
		died(n);
		return;
	}
	loop_mod(n->loop, &n->src,
		 (dir & LIBNBD_AIO_DIRECTION_READ ? EPOLLIN : 0) |
		 (dir & LIBNBD_AIO_DIRECTION_WRITE ? EPOLLOUT : 0));
}

/*
 * libnbd is done with a command: 1 lets it forget it.  A command that was lost
 * with its connection is not answered; our successor does it again.
 */
static int completed(void *arg, int *error)
{
	struct image_io *io = arg;

	if (*error != ENOTCONN && *error != ESHUTDOWN)
		finish(to_nbd(io->image), io, -*error);
	return 1;
}

static void nbd_event(void *arg, uint32_t events)
{
	struct image_nbd *n = arg;
	const unsigned int dir = nbd_aio_get_direction(n->nbd);
	int r = 0;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
	    dir & LIBNBD_AIO_DIRECTION_READ)
		r = nbd_aio_notify_read(n->nbd);
	else if (events & EPOLLOUT && dir & LIBNBD_AIO_DIRECTION_WRITE)
		r = nbd_aio_notify_write(n->nbd);
	if (r < 0) {
		died(n);
		return;
	}
	arm(n);
	if (n->im.ready)
		n->im.ready(n->im.arg);
}

static void nbd_submit(struct image *im, struct image_io *io)
{
	struct image_nbd *n = to_nbd(im);
	const nbd_completion_callback cb = {
		.callback = completed, .user_data = io,
	};
	int64_t cookie = -1;

	io->image = im;
	switch (io->what) {
	case IMAGE_READ:
		cookie = nbd_aio_pread(n->nbd, io->buf, io->length, io->offset,
				       cb, 0);
		break;
	case IMAGE_WRITE:
		cookie = nbd_aio_pwrite(n->nbd, io->buf, io->length,
					io->offset, cb, io->durable ?
					LIBNBD_CMD_FLAG_FUA : 0);
		break;
	case IMAGE_FLUSH:
		if (nbd_can_flush(n->nbd) != 1) {
			finish(n, io, 0);
			return;
		}
		cookie = nbd_aio_flush(n->nbd, cb, 0);
		break;
	case IMAGE_DISCARD:
		cookie = nbd_aio_trim(n->nbd, io->length, io->offset, cb, 0);
		break;
	}
	/* Refused without being sent: by us, or because the server died. */
	if (cookie < 0) {
		if (nbd_aio_is_ready(n->nbd) == 1 ||
		    nbd_aio_is_processing(n->nbd) == 1)
			finish(n, io, nbd_get_errno() ? -nbd_get_errno() : -EIO);
		else
			died(n);
		return;
	}
}

static void nbd_kick(struct image *im)
{
	struct image_nbd *n = to_nbd(im);

	if (!n->dead)
		arm(n);
}

static struct image_io *nbd_reap(struct image *im)
{
	struct image_nbd *n = to_nbd(im);
	struct image_io *io = n->done;

	if (!io)
		return NULL;
	n->done = io->next;
	if (!n->done)
		n->done_tail = &n->done;
	return io;
}

static int nbd_measure(struct image *im)
{
	(void)im;
	/* The protocol tells the size once, at the handshake. */
	return -EOPNOTSUPP;
}

static void nbd_image_close(struct image *im)
{
	struct image_nbd *n = to_nbd(im);

	if (!n->dead)
		loop_del(n->loop, &n->src);
	nbd_close(n->nbd);
	free(n);
}

static const struct image_ops nbd_ops = {
	.submit = nbd_submit, .kick = nbd_kick, .reap = nbd_reap,
	.measure = nbd_measure, .close = nbd_image_close,
};

int image_nbd_open(struct image **out, struct loop *loop, int fd,
		   const char *export, void (*gone)(void *arg, const char *why),
		   void *gone_arg, char *why, unsigned int why_len)
{
	struct image_nbd *n = calloc(1, sizeof(*n));
	int64_t size, block;
	int rc;

	if (!n)
		return -ENOMEM;
	n->nbd = nbd_create();
	if (!n->nbd || nbd_set_export_name(n->nbd, export) ||
	    nbd_set_strict_mode(n->nbd, 0) ||
	    nbd_connect_socket(n->nbd, fd)) {
		snprintf(why, why_len, "the NBD server refused: %s",
			 nbd_get_error() ? nbd_get_error() : "no memory");
		rc = -EPROTO;
		goto err;
	}
	size = nbd_get_size(n->nbd);
	block = nbd_get_block_size(n->nbd, LIBNBD_SIZE_PREFERRED);
	n->im.ops = &nbd_ops;
	n->im.bytes = size > 0 ? size : 0;
	n->im.align = 1;
	n->im.block = block > 0 && block <= 4096 ? block : 4096;
	n->im.can_discard = nbd_can_trim(n->nbd) == 1;
	n->done_tail = &n->done;
	n->loop = loop;
	n->gone = gone;
	n->gone_arg = gone_arg;
	rc = loop_add(loop, &n->src, nbd_aio_get_fd(n->nbd), EPOLLIN, nbd_event,
		      n);
	if (rc) {
		snprintf(why, why_len, "the NBD socket cannot be watched");
		goto err;
	}
	*out = &n->im;
	return 0;
err:
	if (n->nbd)
		nbd_close(n->nbd);
	free(n);
	return rc;
}
