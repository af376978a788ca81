/* SPDX-License-Identifier: MIT */
/*
 * A server for one disk image: qemu-nbd behind image-server.
 *
 * The server sees the image, the images below it that the XML names, and
 * nothing else.  It serves one connection, which exists before the server
 * does, and ends with it, but for one case: qemu-nbd outlives a connection on
 * which nothing was agreed yet.  What was in flight when it ends is finished
 * first, and then the locks on the images go with their descriptors.
 *
 * A server is found by its user, which belongs to one disk of one guest: it
 * follows from the slot of that device, a number that no two have and that a
 * supervisor hands on with the device's record.
 */
#ifndef DISK_SERVER_H
#define DISK_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctrl-config.h"

struct disk_server_image {
	int fd;			/* open and locked; stays the caller's */
	enum guest_disk_format format;
	bool write;
};

/* The user that serves the disk whose device has this slot. */
uint32_t disk_server_uid(uint32_t slot);

/*
 * Starts a server as user UID for COUNT images, the first of which is the disk and each of
 * which is based on the next, and waits until it greets.  CACHE is one of
 * libvirt's cache modes.  Returns the connection, or a negative errno with a
 * sentence about NAME in *why.
 */
int disk_server_start(uint32_t uid, const struct disk_server_image *image,
		      size_t count, const char *cache, bool discard,
		      const char *name, char **why);

/* Asks the server of UID to end if there is one, and does not wait. */
void disk_server_stop(uint32_t uid);

/*
 * A supervisor that died while it made a disk left a server that nobody knows,
 * with its locks: asks each to end whose slot, of SLOTS, is not KNOWN.
 */
void disk_server_sweep(uint32_t slots, bool (*known)(uint32_t slot));

/* What qemu-nbd is told to open: image 0, 1 ... are /0, /1 ... where it
 * lives.  malloc'ed; NULL when there is no memory. */
char *disk_server_json(const struct disk_server_image *image, size_t count);

/* The program that makes the server's world; tests have their own. */
extern const char *disk_server_program;

#endif
