/* SPDX-License-Identifier: MIT */
/* The machine as a whole: version, memory and processors, the log. */
#include <errno.h>
#include <string.h>

#include "private.h"

#include <xen/version.h>

/* One sub-operation of xen_version; its answer lies in c->data. */
static int version_op(struct ctrl *c, unsigned int cmd)
{
	long rc;

	memset(c->data, 0, 2048);
	rc = privcmd_call(c, __HYPERVISOR_xen_version, cmd,
			  (uint64_t)(uintptr_t)c->data, 0, 0, 0);
	return (int)rc;
}

/* Copy text that the other side should have ended; always ended here. */
static void take_text(char *to, size_t room, const char *from, size_t n)
{
	size_t len = strnlen(from, n < room - 1 ? n : room - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

#define TAKE(field, from)	\
	take_text(field, sizeof(field), from, sizeof(from))

int ctrl_version(struct ctrl *c, struct ctrl_version *v)
{
	const xen_compile_info_t *ci = c->data;
	int rc = version_op(c, XENVER_version);

	memset(v, 0, sizeof(*v));
	if (rc < 0)
		return ctrl_fail(c, rc, "the hypervisor does not tell its version: %s", ctrl_cause(rc));
	v->major = (unsigned int)rc >> 16;
	v->minor = (unsigned int)rc & 0xffff;
	/* Each of the others is a detail that may be missing. */
	if (version_op(c, XENVER_extraversion) >= 0)
		take_text(v->extra, sizeof(v->extra), c->data,
			  sizeof(xen_extraversion_t));
	if (version_op(c, XENVER_compile_info) >= 0) {
		TAKE(v->compiler, ci->compiler);
		TAKE(v->compiled_by, ci->compile_by);
		TAKE(v->compile_domain, ci->compile_domain);
		TAKE(v->compile_date, ci->compile_date);
	}
	if (version_op(c, XENVER_capabilities) >= 0)
		take_text(v->capabilities, sizeof(v->capabilities), c->data,
			  sizeof(xen_capabilities_info_t));
	if (version_op(c, XENVER_changeset) >= 0)
		take_text(v->changeset, sizeof(v->changeset), c->data,
			  sizeof(xen_changeset_info_t));
	if (version_op(c, XENVER_commandline) >= 0)
		take_text(v->command_line, sizeof(v->command_line), c->data,
			  sizeof(xen_commandline_t));
	return 0;
}

int ctrl_host(struct ctrl *c, struct ctrl_host *h)
{
	struct xen_sysctl *op = privcmd_sysctl_new(c, XEN_SYSCTL_physinfo);
	const struct xen_sysctl_physinfo *p = &op->u.physinfo;
	int rc = privcmd_sysctl(c);

	if (rc < 0)
		return ctrl_fail(c, rc, "the hypervisor does not describe the machine: %s", ctrl_cause(rc));
	*h = (struct ctrl_host){
		.total_kib = p->total_pages * 4,
		.free_kib = p->free_pages * 4,
		.claimed_kib = p->outstanding_pages * 4,
		.scrub_kib = p->scrub_pages * 4,
		.cpus = p->nr_cpus,
		.max_cpu_id = p->max_cpu_id,
		.nodes = p->nr_nodes,
		.cores_per_socket = p->cores_per_socket,
		.threads_per_core = p->threads_per_core,
		.cpu_khz = p->cpu_khz,
		.grant_v1 = p->capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v1,
		.grant_v2 = p->capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v2,
		.pv = p->capabilities & XEN_SYSCTL_PHYSCAP_pv,
		.hvm = p->capabilities & XEN_SYSCTL_PHYSCAP_hvm,
	};
	return 0;
}

long ctrl_log_read(struct ctrl *c, char *buf, size_t n, uint32_t *index,
		   bool clear)
{
	struct xen_sysctl *op = privcmd_sysctl_new(c, XEN_SYSCTL_readconsole);
	struct xen_sysctl_readconsole *r = &op->u.readconsole;
	int rc;

	r->clear = clear;
	r->incremental = 1;
	r->index = *index;
	r->count = (uint32_t)(n < PRIVCMD_DATA_BYTES ? n : PRIVCMD_DATA_BYTES);
	set_xen_guest_handle(r->buffer, c->data);
	rc = privcmd_sysctl(c);
	if (rc < 0)
		return ctrl_fail(c, rc, "cannot read the hypervisor's log: %s",
				 ctrl_cause(rc));
	*index = r->index;
	memcpy(buf, c->data, r->count);
	return r->count;
}

int ctrl_debug_keys(struct ctrl *c, const char *keys)
{
	struct xen_sysctl *op = privcmd_sysctl_new(c, XEN_SYSCTL_debug_keys);
	size_t n = strlen(keys);
	int rc;

	if (n > PRIVCMD_DATA_BYTES)
		return ctrl_fail(c, -E2BIG, "too many debug keys");
	memcpy(c->data, keys, n);
	set_xen_guest_handle(op->u.debug_keys.keys, c->data);
	op->u.debug_keys.nr_keys = (uint32_t)n;
	rc = privcmd_sysctl(c);
	return rc < 0 ? ctrl_fail(c, rc, "cannot send debug keys: %s",
				  ctrl_cause(rc)) : 0;
}

int ctrl_cpu_idle(struct ctrl *c, uint64_t *ns, uint32_t max)
{
	struct xen_sysctl *op = privcmd_sysctl_new(c, XEN_SYSCTL_getcpuinfo);
	struct xen_sysctl_getcpuinfo *g = &op->u.getcpuinfo;
	const struct xen_sysctl_cpuinfo *info = c->data;
	const uint32_t room = PRIVCMD_DATA_BYTES / sizeof(*info);
	uint32_t i;
	int rc;

	g->max_cpus = max < room ? max : room;
	set_xen_guest_handle(g->info, c->data);
	rc = privcmd_sysctl(c);
	if (rc < 0)
		return ctrl_fail(c, rc, "cannot look at the processors: %s",
				 ctrl_cause(rc));
	for (i = 0; i < g->nr_cpus && i < max; i++)
		ns[i] = info[i].idletime;
	return (int)i;
}
