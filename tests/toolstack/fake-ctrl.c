/* SPDX-License-Identifier: MIT */
/*
 * A libctrl without a hypervisor, for tests of the supervisor and of ctl.
 *
 * Domains are rows in a table.  What they do stands in their command line:
 * "end=poweroff", "end=reboot", "end=crash", "end=killed" (by the hypervisor,
 * with a line in its log) let them end by themselves at once; a guest with
 * "deaf" ignores requests.  "fail=STEP" makes creation fail at a step, "slow"
 * makes each step take half a second.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrl-config.h"
#include "ctrl.h"
#include "fake-store.h"

#define DOMAINS 256

struct ctrl {
	char error[256];
	struct ctrl_store *store;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct domain {
	bool used, deaf;
	struct ctrl_domain_info info;
	char name[128];
} domains[DOMAINS];
static uint16_t next_domid = 1;
static char hyp_log[65536];

static int fail(struct ctrl *c, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return rc;
}

/* FAKE_DOMAINS="ID:UUID:NAME ...": domains that are there from the start. */
__attribute__((constructor)) static void domains_given(void)
{
	const char *s = getenv("FAKE_DOMAINS");
	unsigned int id, n = 0;
	char uuid[40], name[64];
	int used;

	while (s && sscanf(s, "%u:%36[0-9a-f]:%60s%n", &id, uuid, name,
			   &used) == 3) {
		struct domain *d = &domains[n++];

		d->used = true;
		d->info.domid = (uint16_t)id;
		d->info.shutdown = -1;
		for (unsigned int i = 0; i < 16; i++) {
			unsigned int byte;

			sscanf(uuid + 2 * i, "%2x", &byte);
			d->info.uuid[i] = (uint8_t)byte;
		}
		strcpy(d->name, name);
		next_domid = (uint16_t)(id + 1);
		s += used;
	}
}

int ctrl_open(struct ctrl **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void ctrl_close(struct ctrl *c)
{
	if (c && c->store)
		ctrl_store_close(c->store);
	free(c);
}

const char *ctrl_error(const struct ctrl *c)
{
	return c->error;
}

struct ctrl_store *ctrl_store(struct ctrl *c)
{
	if (!c->store)
		ctrl_store_open("", &c->store);
	return c->store;
}

/* ---- Domains ---- */

static struct domain *find_locked(uint16_t domid)
{
	for (size_t i = 0; i < DOMAINS; i++) {
		if (domains[i].used && domains[i].info.domid == domid)
			return &domains[i];
	}
	return NULL;
}

int ctrl_domain_info(struct ctrl *c, uint16_t domid,
		     struct ctrl_domain_info *info)
{
	struct domain *d;
	int rc = 0;

	pthread_mutex_lock(&lock);
	d = find_locked(domid);
	if (d)
		*info = d->info;
	else
		rc = fail(c, -ESRCH, "domain %u: no such domain", domid);
	pthread_mutex_unlock(&lock);
	return rc;
}

int ctrl_domain_list(struct ctrl *c, uint16_t first,
		     struct ctrl_domain_info *info, uint32_t max)
{
	uint32_t n = 0;

	(void)c;
	pthread_mutex_lock(&lock);
	for (uint32_t id = first; id < next_domid && n < max; id++) {
		struct domain *d = find_locked((uint16_t)id);

		if (d)
			info[n++] = d->info;
	}
	pthread_mutex_unlock(&lock);
	return (int)n;
}

static int set_paused(struct ctrl *c, uint16_t domid, bool paused)
{
	struct domain *d;
	int rc = 0;

	pthread_mutex_lock(&lock);
	d = find_locked(domid);
	if (d)
		d->info.paused = paused;
	else
		rc = fail(c, -ESRCH, "no such domain");
	pthread_mutex_unlock(&lock);
	return rc;
}

int ctrl_domain_pause(struct ctrl *c, uint16_t domid)
{
	return set_paused(c, domid, true);
}

int ctrl_domain_unpause(struct ctrl *c, uint16_t domid)
{
	return set_paused(c, domid, false);
}

static void end_domain(uint16_t domid, int code, const char *killed)
{
	struct domain *d;

	pthread_mutex_lock(&lock);
	d = find_locked(domid);
	if (d) {
		d->info.shutdown = code;
		if (killed)
			snprintf(hyp_log + strlen(hyp_log), 200,
				 "(BH) d%u killed: %s\n", domid, killed);
	}
	pthread_mutex_unlock(&lock);
	fake_store_release();
}

/* ---- Guests ---- */

static int step(const struct guest_config *g,
		const struct ctrl_create_options *o, const char *name)
{
	struct ctrl_progress p = { .step = name };
	char word[64];

	if (o->progress)
		o->progress(o->ctx, &p);
	if (strstr(g->cmdline, "slow"))
		usleep(500000);
	snprintf(word, sizeof(word), "fail=%s", name);
	if (strstr(g->cmdline, word))
		return -EIO;
	p.done = true;
	p.ns = 1000;
	if (o->progress)
		o->progress(o->ctx, &p);
	return 0;
}

static struct domain *domain_new(const struct guest_config *g,
				 const struct ctrl_create_options *o)
{
	struct domain *d = NULL;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < DOMAINS && !d; i++) {
		if (!domains[i].used)
			d = &domains[i];
	}
	if (!d)
		abort();
	memset(d, 0, sizeof(*d));
	d->used = true;
	d->info.domid = next_domid++;
	d->info.paused = true;
	d->info.blocked = true;
	d->info.shutdown = -1;
	d->info.memory_kib = d->info.max_kib = g->memory_kib;
	d->info.vcpus = g->vcpus;
	d->info.vcpus_online = g->vcpus_online;
	memcpy(d->info.uuid, g->uuid_given ? g->uuid : o->uuid, 16);
	snprintf(d->name, sizeof(d->name), "%s", g->name);
	d->deaf = strstr(g->cmdline, "deaf");
	pthread_mutex_unlock(&lock);
	return d;
}

static int write_devices(struct ctrl *c, const struct ctrl_create_options *o)
{
	struct ctrl_batch *b;
	int rc;

	if (!o->devices)
		return 0;
	b = ctrl_batch_new(ctrl_store(c));
	rc = o->devices->nodes(o->devices->ctx, b);
	if (!rc)
		rc = ctrl_batch_run(b, false);
	ctrl_batch_free(b);
	return rc;
}

int ctrl_guest_create(struct ctrl *c, const struct guest_config *g,
		      const struct ctrl_create_options *o)
{
	static const char *const steps[] = { "domain", "memory", "image" };
	struct domain *d = NULL;
	uint16_t domid;
	int rc = 0;

	for (size_t i = 0; i < 3; i++) {
		if (step(g, o, steps[i])) {
			if (d)
				ctrl_guest_destroy(c, d->info.domid);
			return fail(c, -EIO, "guest \"%s\": %s: it fails on request",
				    g->name, steps[i]);
		}
		if (!d) {
			d = domain_new(g, o);
			if (o->devices)
				rc = o->devices->begin(o->devices->ctx,
						       d->info.domid);
		}
		if (!rc && i == 2)
			rc = write_devices(c, o);
		if (rc) {
			ctrl_guest_destroy(c, d->info.domid);
			return fail(c, rc, "guest \"%s\": devices", g->name);
		}
	}
	domid = d->info.domid;
	if (o->paused)
		return domid;
	ctrl_domain_unpause(c, domid);
	if (strstr(g->cmdline, "end=poweroff"))
		end_domain(domid, 0, NULL);
	else if (strstr(g->cmdline, "end=reboot"))
		end_domain(domid, 1, NULL);
	else if (strstr(g->cmdline, "end=crash"))
		end_domain(domid, 3, NULL);
	else if (strstr(g->cmdline, "end=killed"))
		end_domain(domid, 3, "it broke a rule");
	return domid;
}

int ctrl_guest_check(struct ctrl *c, const struct guest_config *g)
{
	if (access(g->kernel, R_OK))
		return fail(c, -ENOENT, "guest \"%s\": %s: %s", g->name,
			    g->kernel, strerror(errno));
	return 0;
}

int ctrl_guest_destroy(struct ctrl *c, uint16_t domid)
{
	struct domain *d;
	int rc = 0;

	pthread_mutex_lock(&lock);
	d = find_locked(domid);
	if (d)
		d->used = false;
	else
		rc = fail(c, -ESRCH, "domain %u: no such domain", domid);
	pthread_mutex_unlock(&lock);
	if (!rc)
		fake_store_forget(domid);
	fake_store_release();
	return rc;
}

int ctrl_guest_request(struct ctrl *c, uint16_t domid, const char *what)
{
	struct domain *d;
	bool deaf = true;

	(void)c;
	pthread_mutex_lock(&lock);
	d = find_locked(domid);
	if (d)
		deaf = d->deaf;
	pthread_mutex_unlock(&lock);
	if (!deaf)
		end_domain(domid, !strcmp(what, "reboot"), NULL);
	return 0;
}

int ctrl_guest_name(struct ctrl *c, uint16_t domid, char *buf, size_t n)
{
	struct domain *d;
	int rc = -ENOENT;

	(void)c;
	pthread_mutex_lock(&lock);
	d = find_locked(domid);
	if (d)
		rc = snprintf(buf, n, "%s", d->name) < 0 ? -EIO : 0;
	pthread_mutex_unlock(&lock);
	return rc;
}

int ctrl_guest_rename(struct ctrl *c, uint16_t domid, const char *name)
{
	struct domain *d;

	(void)c;
	pthread_mutex_lock(&lock);
	d = find_locked(domid);
	if (d)
		snprintf(d->name, sizeof(d->name), "%s", name);
	pthread_mutex_unlock(&lock);
	return d ? 0 : -ESRCH;
}

int ctrl_guest_find(struct ctrl *c, const char *name_or_id)
{
	int rc = -ESRCH;

	(void)c;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < DOMAINS; i++) {
		char id[16];

		if (!domains[i].used)
			continue;
		snprintf(id, sizeof(id), "%u", domains[i].info.domid);
		if (!strcmp(name_or_id, id) ||
		    !strcmp(name_or_id, domains[i].name))
			rc = domains[i].info.domid;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

/* ---- The machine ---- */

int ctrl_version(struct ctrl *c, struct ctrl_version *v)
{
	(void)c;
	memset(v, 0, sizeof(*v));
	v->major = 4;
	v->minor = 17;
	strcpy(v->extra, ".fake");
	strcpy(v->capabilities, "xen-3.0-x86_64");
	return 0;
}

int ctrl_host(struct ctrl *c, struct ctrl_host *h)
{
	(void)c;
	memset(h, 0, sizeof(*h));
	h->total_kib = 1 << 20;
	h->free_kib = 123456;
	h->cpus = 2;
	return 0;
}

long ctrl_log_read(struct ctrl *c, char *buf, size_t n, uint32_t *index,
		   bool clear)
{
	size_t len;

	(void)c;
	pthread_mutex_lock(&lock);
	len = strlen(hyp_log + *index);
	if (len > n)
		len = n;
	memcpy(buf, hyp_log + *index, len);
	*index += (uint32_t)len;
	if (clear && !len)
		hyp_log[0] = '\0';
	pthread_mutex_unlock(&lock);
	return (long)len;
}
