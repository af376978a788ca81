/* SPDX-License-Identifier: MIT */
/* Mapping frames of other domains into this process. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "private.h"

#include <xen/sys/privcmd.h>

/* The range that a mapping will fill. */
static void *reserve(struct ctrl *c, int prot, size_t n)
{
	void *p = mmap(NULL, n * CTRL_PAGE_SIZE, prot, MAP_SHARED, c->privcmd,
		       0);

	return p == MAP_FAILED ? NULL : p;
}

static int map_batch(struct ctrl *c, uint16_t domid, void *addr,
		     const uint64_t *frames, size_t n, int *errs)
{
	privcmd_mmapbatch_v2_t batch = {
		.num = (unsigned int)n,
		.dom = domid,
		.addr = (uint64_t)(uintptr_t)addr,
		.arr = frames,
		.err = errs,
	};

	return ioctl(c->privcmd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) < 0 ?
	       -errno : 0;
}

/* The first frame that could not be mapped. */
static int first_error(const int *errs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (errs[i])
			return errs[i];
	return 0;
}

void *ctrl_foreign_map(struct ctrl *c, uint16_t domid, int prot,
		       const uint64_t *frames, size_t n, int *errs)
{
	int few[64];
	int *all = errs, *own = NULL;
	void *addr = NULL;
	int rc = -ENOMEM;

	if (!all)
		all = n <= 64 ? few : (own = malloc(n * sizeof(*own)));
	if (all)
		addr = reserve(c, prot, n);
	if (addr) {
		rc = map_batch(c, domid, addr, frames, n, all);
		if (!rc && !errs)
			rc = first_error(all, n);
		if (rc) {
			munmap(addr, n * CTRL_PAGE_SIZE);
			addr = NULL;
		}
	}
	free(own);
	if (rc)
		ctrl_fail_domain(c, rc, domid, "map its memory");
	return addr;
}

void ctrl_foreign_unmap(void *addr, size_t n)
{
	munmap(addr, n * CTRL_PAGE_SIZE);
}

void *ctrl_grant_table_map(struct ctrl *c, uint16_t domid, uint32_t first,
			   size_t n)
{
	void *addr = reserve(c, PROT_READ | PROT_WRITE, n);
	privcmd_mmap_resource_t r = {
		.dom = domid,
		.type = XENMEM_resource_grant_table,
		.id = XENMEM_resource_grant_table_id_shared,
		.idx = first,
		.num = n,
		.addr = (uint64_t)(uintptr_t)addr,
	};
	int rc = -ENOMEM;

	if (addr) {
		if (ioctl(c->privcmd, IOCTL_PRIVCMD_MMAP_RESOURCE, &r) == 0)
			return addr;
		rc = -errno;
		munmap(addr, n * CTRL_PAGE_SIZE);
	}
	ctrl_fail_domain(c, rc, domid, "map its grant table");
	return NULL;
}
