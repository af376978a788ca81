/* SPDX-License-Identifier: MIT */
/*
 * The frame of a device back-end: a process that serves one device of one
 * guest, and owns nothing but what it is handed.
 *
 *   PROGRAM --domid D --device ID --uid UID
 *         descriptor 3: a listening SOCK_SEQPACKET socket
 *
 * backend_main() opens the Xen device files, lets the program open what needs
 * rights (prepare), then gives up every right: own uid, no groups, no
 * capabilities, an empty root, no network, event channels of one guest only, a
 * list of system calls.  After that it takes one connection at a time from
 * descriptor 3, on which the supervisor speaks in packets of JSON with
 * descriptors beside them (docs/devices.md has every message), and calls the
 * program's functions.  A connection that ends is not the end of the device.
 *
 * States: new -start-> ready -connect-> connected -disconnect-> ready; a guest
 * that breaks the protocol: connected -> stopped -disconnect-> ready.
 *
 * One thread; every function is called from the loop.
 */
#ifndef COMMON_BACKEND_H
#define COMMON_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include <xen/xen.h>
#include <xen/sys/gntdev.h>

#include "loop.h"

#define BACKEND_VERSION		1
#define BACKEND_PACKET_MAX	65536u
#define BACKEND_FDS_MAX		16	/* descriptors beside one packet */
#define BACKEND_REASON_MAX	256	/* a sentence, with its end */
#define BACKEND_LISTENER	3

/*
 * Events that bring nothing: so many in a row are free, after more the next
 * one has to wait, and at a number that is the device's own it is stopped.
 */
#define BACKEND_FLOOD_FREE	64u
#define BACKEND_FLOOD_PAUSE_MS	10u

/* How a back-end ends. */
enum backend_exit {
	BACKEND_EXIT_QUIT = 0,		/* it was told to */
	BACKEND_EXIT_SETUP = 1,		/* before it could serve: see its log line */
	BACKEND_EXIT_USAGE = 2,
	BACKEND_EXIT_SOURCE = 3,	/* what it serves has gone away (NBD) */
	BACKEND_EXIT_INTERNAL = 4,	/* it cannot go on; start another */
};

enum backend_state {
	BACKEND_NEW, BACKEND_READY, BACKEND_CONNECTED, BACKEND_DISCONNECTING,
	BACKEND_STOPPED,
};

struct backend;

/*
 * What a program gives to the frame.  Those that return int return 0, or a
 * negative errno after backend_why(), whose sentence goes to the supervisor.
 */
struct backend_ops {
	const char *program;		/* "blkback", for messages */
	const char *kind;		/* "vbd" or "vif" */
	/* System calls beyond the frame's, and ioctls beyond the frame's; each
	 * list ends with -1 (0 for ioctls).  NULL: none. */
	const int *syscalls;
	const unsigned long *ioctls;

	/* Before rights are given up; may be NULL. */
	int (*prepare)(struct backend *b);
	/*
	 * The device's parameters.  The program keeps those of @fds that it
	 * sets to -1; the frame closes the others.  What is put into @nodes
	 * (strings) goes to the store below the back-end's directory.
	 */
	int (*start)(struct backend *b, const json_t *msg, int *fds, int nr_fds,
		     json_t *nodes);
	/* The guest's half is there: @front has its nodes (see backend_front_*). */
	int (*connect)(struct backend *b, const json_t *front, bool resume,
		       json_t *nodes);
	/*
	 * Let go of the guest's half: finish or drop what is in flight, unmap,
	 * unbind; then, now or later, call backend_disconnected().  Also after
	 * a stop.
	 */
	void (*disconnect)(struct backend *b);
	/* The source's size has changed, or a new source in @fds; may be NULL. */
	int (*resize)(struct backend *b, const json_t *msg, int *fds,
		      int nr_fds, json_t *nodes);
	/* "set" and "link": limits, mtu, carrier; may be NULL. */
	int (*set)(struct backend *b, const json_t *msg, json_t *nodes);
	/* Add counters to the answer. */
	void (*stats)(struct backend *b, json_t *out);
	/*
	 * Events arrived on @ports (each once).  They stay masked until
	 * backend_unmask(), which is called late: when the work is done.
	 */
	void (*events)(struct backend *b, const uint32_t *ports, unsigned int n);
	/* After each round of the loop; true: run it again without waiting. */
	bool (*after)(struct backend *b);
	/* The end, after the loop; may be NULL. */
	void (*close)(struct backend *b);
};

struct backend {
	const struct backend_ops *ops;
	void *arg;			/* the program's */
	struct loop loop;		/* the program adds its own sources */
	uint16_t domid;
	uint32_t devid;
	uid_t uid;
	int evtchn, gntdev;
	enum backend_state state;

	/* The frame's own. */
	struct loop_source evtchn_src, listen_src, conn_src;
	int conn;
	char why[BACKEND_REASON_MAX];		/* of the call under way */
	char reason[BACKEND_REASON_MAX];	/* why it was stopped */
	int exit_code;
};

/* Never returns a state that goes on: the value is main()'s. */
int backend_main(int argc, char **argv, const struct backend_ops *ops,
		 void *arg);

/* ---- messages to the supervisor ---- */
/* The sentence for a call that is about to return @rc; returns @rc. */
int backend_why(struct backend *b, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A line for the supervisor's log; on stderr while nobody is connected. */
void backend_log(struct backend *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * The guest broke the protocol: say so in one sentence.  The program has let
 * go of the guest's half, or does before it returns to the loop.
 */
void backend_stopped(struct backend *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Answer to disconnect. */
void backend_disconnected(struct backend *b);
/* Leave the loop. */
void backend_exit(struct backend *b, enum backend_exit code);

/* ---- nodes ---- */
void backend_node(json_t *nodes, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * A front-end's node as a decimal number in @min..@max: 0, -ENOENT, or -EINVAL
 * after backend_why().
 */
int backend_front_u32(struct backend *b, const json_t *front, const char *name,
		      uint32_t min, uint32_t max, uint32_t *out);
/* "1" is true; absent or "0" is false; anything else is -EINVAL, explained. */
int backend_front_bool(struct backend *b, const json_t *front,
		       const char *name, bool *out);
/* NULL when absent. */
const char *backend_front_text(const json_t *front, const char *name);

/* ---- the guest's half ---- */
/* Consecutive pages of the guest, mapped by their grants. */
#define BACKEND_MAP_MAX	256u
struct backend_map {
	void *va;		/* NULL: nothing mapped */
	uint64_t index;
	uint32_t pages;
};
/* 0 or -errno, explained. */
int backend_map(struct backend *b, const uint32_t *grefs, uint32_t pages,
		struct backend_map *map);
void backend_unmap(struct backend *b, struct backend_map *map);

/* The local port, or -errno, explained. */
int backend_bind(struct backend *b, uint32_t remote_port);
void backend_unbind(struct backend *b, uint32_t port);
void backend_notify(struct backend *b, uint32_t port);
void backend_unmask(struct backend *b, const uint32_t *ports, unsigned int n);

/*
 * Copy @n segments in one call; each has its own status (GNTST_*).  0, or
 * -errno when the whole call failed (then statuses mean nothing).
 */
typedef struct ioctl_gntdev_grant_copy_segment backend_seg;
int backend_copy(struct backend *b, backend_seg *segs, unsigned int n);

#endif
