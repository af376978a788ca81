/* SPDX-License-Identifier: MIT */
/*
 * Where a guest's disk comes from: a file, a block device, or an NBD server.
 *
 * A back-end knows no names.  Here the <source> of a <disk> becomes one open
 * descriptor that can be handed to it: the image itself, or a socket that is
 * connected to the server that understands the image.  What is opened has
 * been checked, is locked against a second user, and its format is what the
 * XML says, never what the bytes look like.
 *
 * Who holds a disk.  The kernel keeps the lock: an OFD lock on the very
 * descriptor that the back-end gets, so that it ends with the last reference
 * to it, in-flight I/O included.  The sentence that names the holder comes
 * from a table in this process.  Any thread may call any of these.
 *
 * The order of a disk's life:
 *   open        check, open, lock; nothing is left behind when it fails
 *   handed      the back-end has its copy of the descriptor: ours is closed,
 *               or the lock would outlive the back-end
 *   open again  (again = true) the back-end died: the same disk once more,
 *               when the last I/O of the dead one has ended
 *   close       the guest has the disk no longer
 */
#ifndef DISK_SOURCE_H
#define DISK_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "ctrl-config.h"

enum disk_source_mode {
	DISK_SOURCE_EMPTY,	/* a CD drive without a disc: no descriptor */
	DISK_SOURCE_FILE,	/* a regular file or a block device */
	DISK_SOURCE_NBD,	/* a connected socket, nothing said on it yet */
};

struct disk_holder;

struct disk_source {
	enum disk_source_mode mode;
	int fd;			/* -1 when empty or handed over */
	char *export_name;	/* NBD: "" is the default export; else NULL */
	bool readonly;
	bool direct;		/* opened with O_DIRECT: aligned I/O only */
	const char *flush;	/* "normal", "each", "ignore": as the back-end's
				 * start message says it (docs/devices.md) */
	bool discard;		/* the XML allows it */
	struct disk_holder *holder;	/* private */
};

/*
 * Opens the disk D for the guest called GUEST; SLOT is a number that no other
 * disk has (struct device).  AGAIN: the guest has it
 * already, its back-end died; waits up to DISK_SOURCE_DRAIN_S seconds until the
 * dead one's I/O has ended, and -EBUSY is that it has not yet; *OUT is then
 * what the first open filled (its fd is -1) and only fd is new.  Returns 0 or a
 * negative errno; then *why is one sentence that begins with the source's name
 * ("/img/a.raw: ..."), which the caller frees (NULL: no memory), and nothing is
 * held that was not before.  Blocks for as long as a server takes to answer, at
 * most half a minute.
 */
#define DISK_SOURCE_DRAIN_S	2
int disk_source_open(const struct guest_disk *d, const char *guest,
		     uint32_t slot, bool again, struct disk_source *out,
		     char **why);

/*
 * A new supervisor meets a back-end that lives: *OUT becomes what open would
 * have filled, with fd -1; nothing is opened.  Returns 0 or a negative errno.
 */
int disk_source_adopt(const struct guest_disk *d, const char *guest,
		      uint32_t slot, struct disk_source *out);

/* The back-end has the descriptor: closes ours. */
void disk_source_handed(struct disk_source *s);

/* Forgets the disk: descriptor, name of the holder, memory. */
void disk_source_close(struct disk_source *s);

/* "file", "nbd" or "none", as the back-end's start message says it. */
const char *disk_source_mode_name(enum disk_source_mode mode);

#endif
