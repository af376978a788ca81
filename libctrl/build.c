/* SPDX-License-Identifier: MIT */
/*
 * Making and ending guests.
 *
 * A guest is made in steps.  Each knows how to undo itself, and undoing what
 * was never done is harmless; so when one fails, it and those before it are
 * undone in the opposite order, and nothing is left.  What can be checked
 * without a domain (files, sizes) is checked in the first step.
 */
#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <ctrl-config.h>

/* A domain may get a little more than its memory, as Xen's tools allow it. */
#define SLACK_KIB		1024
#define MAX_EVENT_PORT		1023

/* ---- Files ------------------------------------------------------------- */

static int open_initrd(struct build *b)
{
	const char *path = b->g->initrd;
	struct stat st;
	int rc = 0;

	if (!path)
		return 0;
	b->initrd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (b->initrd < 0 || fstat(b->initrd, &st) < 0)
		rc = -errno;
	if (rc)
		return ctrl_fail(b->c, rc, "initrd %s: %s", path,
				 ctrl_cause(rc));
	if (!S_ISREG(st.st_mode))
		return ctrl_fail(b->c, -EINVAL, "initrd %s is not a file",
				 path);
	b->initrd_bytes = (uint64_t)st.st_size;
	if (!b->initrd_bytes) {
		close(b->initrd);
		b->initrd = -1;
	}
	return 0;
}

static int plan(struct build *b)
{
	const struct pv_layout_want want = {
		.nr_pages = b->g->current_kib / 4,
		.initrd_bytes = b->initrd_bytes,
		.start_info_pages = 1,
		.rings = true,
	};
	uint64_t needed;
	const char *sentence = pv_layout_plan(&b->kernel.elf, &want,
					      &b->layout, &needed);

	if (needed)
		return ctrl_fail(b->c, -ENOSPC, "%llu KiB of memory are too little for kernel %s%s%s, which take %llu KiB to start",
				 (unsigned long long)b->g->current_kib,
				 b->g->kernel, b->g->initrd ? " and initrd " : "",
				 b->g->initrd ? b->g->initrd : "",
				 (unsigned long long)needed * 4);
	if (sentence)
		return ctrl_fail(b->c, -ENOEXEC, "kernel %s %s", b->g->kernel,
				 sentence);
	return 0;
}

static int open_files(struct build *b)
{
	int rc = kernel_open(b->c, b->g->kernel, b->cache, &b->kernel);

	if (!rc)
		rc = open_initrd(b);
	return rc ? rc : plan(b);
}

static void close_files(struct build *b)
{
	kernel_close(&b->kernel);
	if (b->initrd >= 0)
		close(b->initrd);
	b->initrd = -1;
}

/* ---- Domain ------------------------------------------------------------- */

static int set_affinity(struct build *b)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; b->g->affinity && !rc && i < b->g->vcpus; i++)
		rc = ctrl_vcpu_set_affinity(b->c, (uint16_t)b->domid, i,
					    b->g->affinity[i].bits,
					    GUEST_PCPUS_MAX);
	return rc;
}

static int set_share(struct build *b)
{
	const struct ctrl_sched s = {
		.weight = (uint16_t)b->g->weight, .cap = (uint16_t)b->g->cap,
	};

	if (!s.weight && !s.cap)
		return 0;
	return ctrl_domain_set_sched(b->c, (uint16_t)b->domid, &s);
}

/* Seconds that the guest's clock is ahead of UTC. */
static int64_t clock_offset(const struct guest_config *g)
{
	time_t now = time(NULL);
	struct tm tm;

	if (g->clock == GUEST_CLOCK_VARIABLE)
		return g->clock_adjustment;
	if (g->clock == GUEST_CLOCK_LOCALTIME && localtime_r(&now, &tm))
		return tm.tm_gmtoff;
	return 0;
}

static int set_clock(struct build *b)
{
	int64_t offset = clock_offset(b->g);
	int rc = 0;

	if (b->g->tsc != GUEST_TSC_DEFAULT)
		rc = ctrl_domain_set_tsc(b->c, (uint16_t)b->domid,
					 (uint32_t)b->g->tsc);
	if (!rc && offset)
		rc = ctrl_domain_set_time_offset(b->c, (uint16_t)b->domid,
						 offset);
	return rc;
}

static int make_domain(struct build *b)
{
	const struct guest_config *g = b->g;
	struct ctrl_domain_spec spec = {
		.max_vcpus = g->vcpus,
		.max_event_port = g->max_event_channels > 0 ?
				  (uint32_t)g->max_event_channels :
				  MAX_EVENT_PORT,
		.max_grant_frames = g->max_grant_frames,
		.max_maptrack_frames = -1,
	};
	uint16_t id;
	int rc;

	memcpy(spec.uuid, b->uuid, sizeof(spec.uuid));
	rc = ctrl_domain_create(b->c, &spec);
	if (rc < 0)
		return rc;
	b->domid = rc;
	id = (uint16_t)rc;
	rc = ctrl_domain_set_max_vcpus(b->c, id, g->vcpus);
	if (!rc)
		rc = ctrl_domain_set_max_memory(b->c, id,
						g->current_kib + SLACK_KIB);
	if (!rc)
		rc = ctrl_memory_set_map(b->c, id, g->memory_kib);
	if (!rc)
		rc = set_affinity(b);
	if (!rc)
		rc = set_share(b);
	return rc ? rc : set_clock(b);
}

static int begin_devices(struct build *b)
{
	const struct ctrl_create_devices *d = b->o->devices;
	int rc = d ? d->begin(d->ctx, (uint16_t)b->domid) : 0;

	return rc ? ctrl_fail(b->c, rc, "its devices cannot be made") : 0;
}

/* What only the hypervisor can tell of the new domain. */
static int make_channels(struct build *b)
{
	struct ctrl_domain_info info;
	uint16_t id = (uint16_t)b->domid;
	int rc = ctrl_domain_info(b->c, id, &info);

	if (rc)
		return rc;
	b->shared_info_mfn = info.shared_info_mfn;
	b->store_port = ctrl_evtchn_alloc_unbound(b->c, id, 0);
	if (b->store_port < 0)
		return b->store_port;
	b->console_port = ctrl_evtchn_alloc_unbound(b->c, id, 0);
	return b->console_port < 0 ? b->console_port : 0;
}

/* Undoing must not hide why it was needed. */
static void unmake_domain(struct build *b)
{
	char why[sizeof(b->c->error)];

	if (b->domid < 0)
		return;
	memcpy(why, b->c->error, sizeof(why));
	ctrl_domain_destroy(b->c, (uint16_t)b->domid);
	memcpy(b->c->error, why, sizeof(why));
	b->domid = -1;
}

static void unmake_store(struct build *b)
{
	char why[sizeof(b->c->error)];

	if (!b->in_store)
		return;
	memcpy(why, b->c->error, sizeof(why));
	build_store_forget(b->c, (uint16_t)b->domid, b->uuid);
	memcpy(b->c->error, why, sizeof(why));
}

static int start(struct build *b)
{
	return b->o->paused ? 0 : ctrl_domain_unpause(b->c,
						      (uint16_t)b->domid);
}

/* ---- The steps ---------------------------------------------------------- */

static const struct step {
	const char *name;
	int (*make)(struct build *b);
	void (*unmake)(struct build *b);
} steps[] = {
	{ "kernel", open_files, close_files },
	{ "domain", make_domain, unmake_domain },
	/* Their processes start while the rest is built. */
	{ "devices", begin_devices, NULL },
	{ "memory", build_memory, build_memory_forget },
	{ "channels", make_channels, NULL },
	{ "image", build_image, NULL },
	{ "store", build_store, unmake_store },
	{ "start", start, NULL },
};

#define NR_STEPS	(sizeof(steps) / sizeof(steps[0]))

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void tell(struct build *b, const char *name, bool done, uint64_t ns)
{
	const struct ctrl_progress p = {
		.step = name, .done = done, .ns = ns,
	};

	if (b->o->progress)
		b->o->progress(b->o->ctx, &p);
}

static int run_step(struct build *b, const struct step *s)
{
	uint64_t began = now();
	int rc;

	tell(b, s->name, false, 0);
	rc = s->make(b);
	tell(b, s->name, true, now() - began);
	return rc;
}

static int run_steps(struct build *b)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < NR_STEPS; i++)
		rc = run_step(b, &steps[i]);
	while (rc && i--)
		if (steps[i].unmake)
			steps[i].unmake(b);
	return rc;
}

static bool is_zero_uuid(const uint8_t *u)
{
	static const uint8_t zero[16];

	return !memcmp(u, zero, sizeof(zero));
}

/* The configured one, or the caller's, or a new random one (RFC 4122). */
static void choose_uuid(struct build *b)
{
	const uint8_t *u = b->g->uuid_given ? b->g->uuid : b->o->uuid;

	memcpy(b->uuid, u, sizeof(b->uuid));
	if (!is_zero_uuid(b->uuid))
		return;
	if (getrandom(b->uuid, sizeof(b->uuid), GRND_NONBLOCK) < 0) {
		uint64_t t[2] = { now(), (uint64_t)time(NULL) };

		memcpy(b->uuid, t, sizeof(b->uuid));
	}
	b->uuid[6] = (b->uuid[6] & 0x0f) | 0x40;
	b->uuid[8] = (b->uuid[8] & 0x3f) | 0x80;
}

/* Put the name of the guest in front of the sentence. */
static int fail_guest(struct ctrl *c, const struct guest_config *g, int rc)
{
	char why[sizeof(c->error)];

	memcpy(why, c->error, sizeof(why));
	return ctrl_fail(c, rc, "guest \"%s\": %s", g->name, why);
}

static void build_init(struct build *b, struct ctrl *c,
		       const struct guest_config *g,
		       const struct ctrl_create_options *o)
{
	*b = (struct build){
		.c = c, .g = g, .o = o, .initrd = -1, .domid = -1,
		.kernel.fd = -1,
		.cache = o->kernel_cache ? o->kernel_cache :
					   CTRL_KERNEL_CACHE,
	};
	choose_uuid(b);
}

int ctrl_guest_create(struct ctrl *c, const struct guest_config *g,
		      const struct ctrl_create_options *o)
{
	struct build b;
	int rc;

	build_init(&b, c, g, o);
	rc = run_steps(&b);
	if (rc)
		return fail_guest(c, g, rc);
	close_files(&b);
	build_memory_forget(&b);
	return b.domid;
}

int ctrl_guest_check(struct ctrl *c, const struct guest_config *g)
{
	const struct ctrl_create_options o = { 0 };
	struct build b;
	int rc;

	build_init(&b, c, g, &o);
	rc = open_files(&b);
	if (!rc)
		rc = build_memory_check(&b);
	close_files(&b);
	return rc ? fail_guest(c, g, rc) : 0;
}

int ctrl_guest_destroy(struct ctrl *c, uint16_t domid)
{
	struct ctrl_domain_info info;
	int rc = ctrl_domain_info(c, domid, &info);
	int r;

	if (rc)
		return rc;
	/* The domain has to go whatever the store says. */
	r = build_store_forget(c, domid, info.uuid);
	rc = ctrl_domain_destroy(c, domid);
	return rc ? rc : r;
}
