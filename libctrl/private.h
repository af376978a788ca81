/* SPDX-License-Identifier: MIT */
/* What the files of libctrl know of each other. */
#ifndef CTRL_PRIVATE_H
#define CTRL_PRIVATE_H

#include <stdint.h>
#include <stdarg.h>

#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#include <ctrl.h>

/*
 * Hypercall arguments live in memory that the kernel never moves or unmaps:
 * one page for the operation, the rest for what it points to.
 */
#define PRIVCMD_OP_BYTES	4096
#define PRIVCMD_DATA_BYTES	(15 * 4096)

struct ctrl {
	int privcmd;
	void *op;		/* PRIVCMD_OP_BYTES */
	void *data;		/* PRIVCMD_DATA_BYTES, right behind op */
	struct ctrl_store *store;
	void *window;		/* build-image.c: bytes on their way */
	char error[512];
};

/* error.c: remember a sentence; both return rc. */
int ctrl_fail(struct ctrl *c, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "domain 3: cannot WHAT: cause" */
int ctrl_fail_domain(struct ctrl *c, int rc, uint16_t domid,
		     const char *what);
const char *ctrl_cause(int rc);

/* privcmd.c */
int privcmd_open(struct ctrl *c);
void privcmd_close(struct ctrl *c);
long privcmd_call(struct ctrl *c, unsigned int nr, uint64_t a0, uint64_t a1,
		  uint64_t a2, uint64_t a3, uint64_t a4);
/* A clean operation in c->op, and its execution. */
struct xen_domctl *privcmd_domctl_new(struct ctrl *c, uint32_t cmd,
				      uint16_t domid);
int privcmd_domctl(struct ctrl *c);
struct xen_sysctl *privcmd_sysctl_new(struct ctrl *c, uint32_t cmd);
int privcmd_sysctl(struct ctrl *c);
/* A clean argument of size n in c->op for memory_op. */
void *privcmd_memory_new(struct ctrl *c, size_t n);
long privcmd_memory(struct ctrl *c, unsigned int cmd);

/* memory.c: populate_physmap of whole extents; how many were given. */
long memory_populate_extents(struct ctrl *c, uint16_t domid,
			     unsigned int order, uint64_t first_pfn,
			     uint32_t nr, const uint64_t **mfns);
/* How many extents one call may ask for. */
#define MEMORY_EXTENTS_MAX	(PRIVCMD_DATA_BYTES / sizeof(xen_pfn_t))

/* grant.c: machine frame of the first frame of a domain's grant table */
int grant_table_frame(struct ctrl *c, uint16_t domid, uint64_t *mfn);

#endif
