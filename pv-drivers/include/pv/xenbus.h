/* SPDX-License-Identifier: MIT */
/*
 * The store (xenstore): a tree of small texts that guests and the control
 * domain share; devices are arranged in it.
 *
 * A request is a structure of the caller's that the library has from
 * pv_xs_submit() until it calls done().  All that it points to must stay.
 * Below, the same for those who may wait.
 */
#ifndef PV_XENBUS_H
#define PV_XENBUS_H

#include <pv/evtchn.h>
#include <xen/io/xs_wire.h>

#define PV_XS_PARTS	5

struct pv_xs_req {
	/* Yours.  The reply, if you want it, ends with a NUL in `reply`. */
	void (*done)(struct pv_xs_req *r);
	void *ctx;
	char *reply;
	size_t size;

	/* The answer: 0 or -XEN_E..., and how long the reply was.  A reply
	 * that did not fit is -XEN_E2BIG. */
	int rc;
	size_t len;

	/* The library's. */
	struct pv_xs_req *next;
	struct xsd_sockmsg head;
	struct { const void *bytes; size_t n; } part[PV_XS_PARTS];
	unsigned int nr_parts;
	bool waiting;
};

/*
 * Something below `path` changed (or may have): the function is told.  One
 * call comes right after pv_xs_watch(), so that what was there already is
 * seen.
 */
struct pv_xs_watch {
	void (*changed)(struct pv_xs_watch *w);
	void *ctx;
	const char *path;
	bool lapses;		/* do not watch on after a resume */

	void (*gone)(struct pv_xs_watch *w);
	struct pv_xs_watch *next;
	struct pv_xs_req req;
	char token[12];
};

struct pv_xenbus {
	struct pv *pv;
	struct pv_lock lock;
	struct xenstore_domain_interface *ring;
	evtchn_port_t port;
	bool broken;

	struct pv_xs_req *out, **out_end;	/* not wholly sent */
	size_t out_at;				/* bytes sent of the first */
	struct pv_xs_req *sent;			/* waiting for an answer */
	uint32_t next_id, next_token;
	struct pv_xs_watch *watches;

	struct xsd_sockmsg in;			/* the message that is coming */
	size_t in_at;
	struct pv_xs_req *in_req;
	char text[512];				/* an event or an error */
};

/* Used by pv_start() and pv_resume(). */
int pv_xenbus_init(struct pv *pv);
int pv_xenbus_resume(struct pv *pv);

/*
 * Send a request.  The path is `dir`/`name`, or `dir` alone when name is NULL.
 * `value` is what XS_WRITE writes.  `tx` is 0 outside of a transaction.
 */
void pv_xs_submit(struct pv *pv, struct pv_xs_req *r, uint32_t type,
		  uint32_t tx, const char *dir, const char *name,
		  const void *value, size_t n);

/* Begin to watch, and stop.  The structure is the library's in between, and
 * after pv_xs_unwatch() until gone(), which may be NULL, is called. */
void pv_xs_watch(struct pv *pv, struct pv_xs_watch *w);
void pv_xs_unwatch(struct pv *pv, struct pv_xs_watch *w,
		   void (*gone)(struct pv_xs_watch *w));

/* ---- Synchronous: not in handlers and callbacks ---- */

/* Wait for a request that was submitted; its rc. */
int pv_xs_wait(struct pv *pv, struct pv_xs_req *r);

/* The text at dir/name; its length or -XEN_E... */
int pv_xs_read(struct pv *pv, const char *dir, const char *name, char *to,
	       size_t size);
int pv_xs_write(struct pv *pv, const char *dir, const char *name,
		const char *value);
int pv_xs_remove(struct pv *pv, const char *dir, const char *name);
/* Names below a node, each with its NUL; the bytes of all or -XEN_E... */
int pv_xs_list(struct pv *pv, const char *dir, const char *name, char *to,
	       size_t size);

#endif
