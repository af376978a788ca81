/* SPDX-License-Identifier: MIT */
/*
 * What the store knows of a guest.  All of it goes in one batch: nodes
 * inherit the rights of their parent, so a directory is given the rights its
 * children shall have, then the children, then its own.
 *
 * "theirs" means: the guest owns it.  "shown" means: the control domain owns
 * it and the guest may read it.
 */
#include "build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <xen/io/xenbus.h>

#include <ctrl-config.h>

#include "store-wire.h"

#define CONSOLE_LIMIT	1048576

struct nodes {
	struct ctrl_batch *batch;
	char home[32];			/* /local/domain/ID */
	char vm[48];			/* /vm/UUID */
	char backend[56];		/* of the console */
	char theirs[16], shown[16];	/* rights */
	size_t theirs_len, shown_len;
};

static void put_paths(struct nodes *n, uint16_t domid, const uint8_t *u)
{
	snprintf(n->home, sizeof(n->home), "/local/domain/%u", domid);
	snprintf(n->backend, sizeof(n->backend),
		 "/local/domain/0/backend/console/%u", domid);
	snprintf(n->vm, sizeof(n->vm),
		 "/vm/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9],
		 u[10], u[11], u[12], u[13], u[14], u[15]);
}

static void put_rights(struct nodes *n, uint16_t domid)
{
	n->theirs_len = (size_t)snprintf(n->theirs, sizeof(n->theirs), "n%u",
					 domid) + 1;
	n->shown_len = (size_t)snprintf(n->shown, sizeof(n->shown), "n0%cr%u",
					'\0', domid) + 1;
}

/* One node below dir, its value in the manner of printf. */
static void put(struct nodes *n, const char *dir, const char *name,
		const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void put(struct nodes *n, const char *dir, const char *name,
		const char *format, ...)
{
	char path[128], value[STORE_MESSAGE_MAX];
	va_list ap;
	int len;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	va_start(ap, format);
	len = vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	/* What is longer fits no message, and is refused without a look at it. */
	ctrl_batch_write(n->batch, path, value, (size_t)len);
}

static void theirs(struct nodes *n, const char *path)
{
	ctrl_batch_set_perms(n->batch, path, n->theirs, n->theirs_len);
}

static void shown(struct nodes *n, const char *path)
{
	ctrl_batch_set_perms(n->batch, path, n->shown, n->shown_len);
}

/* What the guest writes into, and the requests that it acknowledges. */
static void put_theirs(struct nodes *n)
{
	static const char *const node[] = {
		"data", "drivers", "feature", "attr", "error",
		"control/shutdown", "control/sysrq",
		"control/feature-poweroff", "control/feature-reboot",
		"control/feature-suspend",
	};
	char control[48];
	size_t i;

	ctrl_batch_mkdir(n->batch, n->home);
	theirs(n, n->home);
	for (i = 0; i < sizeof(node) / sizeof(node[0]); i++)
		put(n, n->home, node[i], "%s", "");
	snprintf(control, sizeof(control), "%s/control", n->home);
	shown(n, control);
	shown(n, n->home);
}

static void put_shown(struct nodes *n, const struct build *b)
{
	const struct guest_config *g = b->g;
	char name[40];
	unsigned int i;

	put(n, n->home, "vm", "%s", n->vm);
	put(n, n->home, "name", "%s", g->name);
	put(n, n->home, "domid", "%d", b->domid);
	put(n, n->home, "device", "%s", "");
	for (i = 0; i < g->vcpus; i++) {
		snprintf(name, sizeof(name), "cpu/%u/availability", i);
		put(n, n->home, name, "%s",
		    i < g->vcpus_online ? "online" : "offline");
	}
	put(n, n->home, "memory/static-max", "%llu",
	    (unsigned long long)g->memory_kib);
	put(n, n->home, "memory/target", "%llu",
	    (unsigned long long)g->current_kib);
	put(n, n->home, "control/platform-feature-multiprocessor-suspend",
	    "%d", 1);
	put(n, n->home, "control/platform-feature-xs_reset_watches", "%d", 1);
	put(n, n->home, "store/port", "%d", b->store_port);
	put(n, n->home, "store/ring-ref", "%llu", (unsigned long long)
	    frames_mfn(&b->frames, b->layout.store.pfn));
}

static void put_console(struct nodes *n, const struct build *b)
{
	char backend[64];

	snprintf(backend, sizeof(backend), "%s/0", n->backend);
	put(n, n->home, "console/backend", "%s", backend);
	put(n, n->home, "console/backend-id", "%d", 0);
	put(n, n->home, "console/ring-ref", "%llu", (unsigned long long)
	    frames_mfn(&b->frames, b->layout.console.pfn));
	put(n, n->home, "console/port", "%d", b->console_port);
	put(n, n->home, "console/limit", "%d", CONSOLE_LIMIT);
	put(n, n->home, "console/type", "%s", "xenconsoled");
	put(n, n->home, "console/output", "%s", "pty");
	put(n, n->home, "console/tty", "%s", "");

	ctrl_batch_mkdir(n->batch, backend);
	shown(n, backend);
	put(n, backend, "frontend", "%s/console", n->home);
	put(n, backend, "frontend-id", "%d", b->domid);
	put(n, backend, "online", "%d", 1);
	/*
	 * Connected: consoled serves it from the start.  Initialising would
	 * make the control domain's kernel look for a driver, and keep a
	 * device that it goes through whenever a back-end's node changes.
	 */
	put(n, backend, "state", "%d", XenbusStateConnected);
	put(n, backend, "protocol", "%s", "vt100");
}

static void put_vm(struct nodes *n, const struct build *b)
{
	const struct guest_config *g = b->g;

	ctrl_batch_mkdir(n->batch, n->vm);
	shown(n, n->vm);
	put(n, n->vm, "uuid", "%s", n->vm + sizeof("/vm/") - 1);
	put(n, n->vm, "name", "%s", g->name);
	put(n, n->vm, "start_time", "%lld", (long long)time(NULL));
	put(n, n->vm, "image/ostype", "%s", "linux");
	put(n, n->vm, "image/kernel", "%s", g->kernel);
	if (g->initrd)
		put(n, n->vm, "image/ramdisk", "%s", g->initrd);
	put(n, n->vm, "image/cmdline", "%s", g->cmdline);
}

/* Run a batch whose failure is the handle's failure too. */
static int run(struct ctrl *c, struct ctrl_store *s, struct ctrl_batch *b)
{
	int rc = ctrl_batch_run(b, false);

	ctrl_batch_free(b);
	return rc ? ctrl_fail(c, rc, "%s", ctrl_store_error(s)) : 0;
}

static int begin(struct ctrl *c, struct nodes *n, uint16_t domid,
		 const uint8_t *uuid, struct ctrl_store **s)
{
	*s = ctrl_store(c);
	if (!*s)
		return -EIO;
	n->batch = ctrl_batch_new(*s);
	if (!n->batch)
		return ctrl_fail(c, -ENOMEM, "out of memory");
	put_paths(n, domid, uuid);
	put_rights(n, domid);
	return 0;
}

int build_store(struct build *b)
{
	const struct ctrl_create_devices *d = b->o->devices;
	struct ctrl_store *s;
	struct nodes n;
	int rc = begin(b->c, &n, (uint16_t)b->domid, b->uuid, &s);

	if (rc)
		return rc;
	b->in_store = true;
	put_theirs(&n);
	put_shown(&n, b);
	put_console(&n, b);
	put_vm(&n, b);
	if (d)
		rc = d->nodes(d->ctx, n.batch);
	if (rc) {
		ctrl_batch_free(n.batch);
		return ctrl_fail(b->c, rc, "its devices cannot be made");
	}
	/* Last, as it tells the daemons that all of this is there. */
	ctrl_batch_introduce(n.batch, (uint16_t)b->domid,
			     frames_mfn(&b->frames, b->layout.store.pfn),
			     (uint32_t)b->store_port);
	return run(b->c, s, n.batch);
}

int build_store_forget(struct ctrl *c, uint16_t domid,
		       const uint8_t uuid[16])
{
	struct ctrl_store *s;
	struct nodes n;
	int rc = begin(c, &n, domid, uuid, &s);

	if (rc)
		return rc;
	ctrl_batch_rm(n.batch, n.backend);
	ctrl_batch_rm(n.batch, n.vm);
	ctrl_batch_rm(n.batch, n.home);
	return run(c, s, n.batch);
}
