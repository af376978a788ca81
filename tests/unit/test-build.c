/* SPDX-License-Identifier: MIT */
/*
 * libctrl/build.c: whatever fails while a guest is made, nothing of it is
 * left.  The file is compiled here over a made-up hypervisor and store that
 * count what exists and can refuse the n-th request.
 */
#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

/* Everything that build.c calls or offers gets a name of this test. */
#define ctrl_guest_create	made_guest_create
#define ctrl_guest_check	made_guest_check
#define ctrl_guest_destroy	made_guest_destroy
#define ctrl_fail		fake_fail
#define ctrl_cause		fake_cause
#define kernel_open		fake_kernel_open
#define kernel_close		fake_kernel_close
#define build_memory		fake_memory
#define build_memory_forget	fake_memory_forget
#define build_memory_check	fake_memory_check
#define build_image		fake_image
#define build_store		fake_build_store
#define build_store_forget	fake_build_store_forget
#define ctrl_domain_create	fake_domain_create
#define ctrl_domain_destroy	fake_domain_destroy
#define ctrl_domain_unpause	fake_domain_unpause
#define ctrl_domain_info	fake_domain_info
#define ctrl_domain_set_max_vcpus fake_set_max_vcpus
#define ctrl_domain_set_max_memory fake_set_max_memory
#define ctrl_domain_set_sched	fake_set_sched
#define ctrl_domain_set_tsc	fake_set_tsc
#define ctrl_domain_set_time_offset fake_set_time_offset
#define ctrl_vcpu_set_affinity	fake_set_affinity
#define ctrl_memory_set_map	fake_set_map
#define ctrl_evtchn_alloc_unbound fake_alloc_unbound

#include "libctrl/build.c"

CU_ErrorCode test_build_register(void);

static struct {
	int kernels, domains, memories, nodes;	/* what exists */
	int paused;
	int requests, refuse;			/* the n-th fails */
} w;

/* One request of the made-up world. */
static int request(struct ctrl *c, const char *what)
{
	if (++w.requests != w.refuse)
		return 0;
	return fake_fail(c, -EPERM, "%s is refused", what);
}

int fake_fail(struct ctrl *c, int rc, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(c->error, sizeof(c->error), format, ap);
	va_end(ap);
	return rc;
}

const char *fake_cause(int rc)
{
	return rc ? "a cause" : "none";
}

int fake_kernel_open(struct ctrl *c, const char *path, const char *cache,
		     struct kernel *k)
{
	int rc = request(c, path);

	(void)cache;
	if (rc)
		return rc;
	k->fd = 1000;
	w.kernels++;
	k->elf.notes.virt_base = 0;
	k->elf.start = 0x100000;
	k->elf.end = 0x104000;
	return 0;
}

void fake_kernel_close(struct kernel *k)
{
	w.kernels -= k->fd >= 0;
	k->fd = -1;
}

int fake_domain_create(struct ctrl *c, const struct ctrl_domain_spec *spec)
{
	int rc = request(c, "domain");

	CU_ASSERT_TRUE(spec->max_vcpus > 0);
	if (rc)
		return rc;
	w.domains++;
	w.paused = 1;
	return 7;
}

int fake_domain_destroy(struct ctrl *c, uint16_t domid)
{
	CU_ASSERT_EQUAL(domid, 7);
	w.domains--;
	return fake_fail(c, 0, "a later sentence");
}

int fake_domain_unpause(struct ctrl *c, uint16_t domid)
{
	int rc = request(c, "unpause");

	(void)domid;
	w.paused = rc != 0;
	return rc;
}

int fake_domain_info(struct ctrl *c, uint16_t domid,
		     struct ctrl_domain_info *info)
{
	memset(info, 0, sizeof(*info));
	info->domid = domid;
	return request(c, "info");
}

int fake_memory(struct build *b)
{
	int rc;

	/* Half of it may be there when it fails. */
	w.memories++;
	b->frames.nr = 1;
	rc = request(b->c, "memory");
	return rc;
}

void fake_memory_forget(struct build *b)
{
	w.memories -= b->frames.nr != 0;
	b->frames.nr = 0;
}

int fake_memory_check(struct build *b)
{
	return request(b->c, "free memory");
}

int fake_image(struct build *b)
{
	return request(b->c, "image");
}

int fake_build_store(struct build *b)
{
	b->in_store = true;
	w.nodes++;
	return request(b->c, "store");
}

int fake_build_store_forget(struct ctrl *c, uint16_t domid, const uint8_t uuid[16])
{
	(void)uuid;
	CU_ASSERT_EQUAL(domid, 7);
	w.nodes--;
	return fake_fail(c, 0, "a later sentence");
}

int fake_set_max_vcpus(struct ctrl *c, uint16_t domid, uint32_t n)
{
	(void)domid, (void)n;
	return request(c, "vcpus");
}

int fake_set_max_memory(struct ctrl *c, uint16_t domid, uint64_t kib)
{
	(void)domid, (void)kib;
	return request(c, "max memory");
}

int fake_set_sched(struct ctrl *c, uint16_t domid, const struct ctrl_sched *s)
{
	(void)domid, (void)s;
	return request(c, "sched");
}

int fake_set_tsc(struct ctrl *c, uint16_t domid, uint32_t mode)
{
	(void)domid, (void)mode;
	return request(c, "tsc");
}

int fake_set_time_offset(struct ctrl *c, uint16_t domid, int64_t seconds)
{
	(void)domid, (void)seconds;
	return request(c, "time");
}

int fake_set_affinity(struct ctrl *c, uint16_t domid, uint32_t vcpu,
		      const uint64_t *cpus, uint32_t nr_bits)
{
	(void)domid, (void)vcpu, (void)cpus, (void)nr_bits;
	return request(c, "affinity");
}

int fake_set_map(struct ctrl *c, uint16_t domid, uint64_t kib)
{
	(void)domid, (void)kib;
	return request(c, "map");
}

int fake_alloc_unbound(struct ctrl *c, uint16_t domid, uint16_t remote)
{
	int rc = request(c, "channel");

	(void)domid, (void)remote;
	return rc ? rc : 1;
}

/* ---- Tests ---------------------------------------------------------------- */

static struct guest_cpuset cpus[2];
static struct guest_config g = {
	.name = "web", .kernel = "/k", .cmdline = "", .vcpus = 2,
	.vcpus_online = 2, .memory_kib = 16384, .current_kib = 16384,
	.affinity = cpus, .weight = 512, .tsc = GUEST_TSC_NATIVE,
	.clock = GUEST_CLOCK_VARIABLE, .clock_adjustment = 60,
	.max_grant_frames = -1, .max_event_channels = -1,
};
static struct ctrl_create_options o;
static struct ctrl c;

static int create(int refuse)
{
	memset(&w, 0, sizeof(w));
	memset(&c, 0, sizeof(c));
	w.refuse = refuse;
	return made_guest_create(&c, &g, &o);
}

static void a_guest_that_is_made_runs(void)
{
	CU_ASSERT_EQUAL(create(0), 7);
	CU_ASSERT_EQUAL(w.domains, 1);
	CU_ASSERT_EQUAL(w.nodes, 1);
	CU_ASSERT_EQUAL(w.kernels, 0);		/* closed again */
	CU_ASSERT_EQUAL(w.memories, 0);		/* only our notes of it */
	CU_ASSERT_FALSE(w.paused);
	o.paused = true;
	CU_ASSERT_EQUAL(create(0), 7);
	CU_ASSERT_TRUE(w.paused);
	o.paused = false;
}

static void whatever_fails_leaves_nothing(void)
{
	int i, all;

	create(0);
	all = w.requests;
	CU_ASSERT_TRUE(all > 12);
	for (i = 1; i <= all; i++) {
		CU_ASSERT_EQUAL(create(i), -EPERM);
		CU_ASSERT_EQUAL(w.requests, i);
		CU_ASSERT_EQUAL(w.domains, 0);
		CU_ASSERT_EQUAL(w.nodes, 0);
		CU_ASSERT_EQUAL(w.kernels, 0);
		CU_ASSERT_EQUAL(w.memories, 0);
	}
}

static void the_first_cause_is_the_one_that_is_told(void)
{
	create(w.requests);	/* the last one: all is undone */
	CU_ASSERT_PTR_EQUAL(strstr(c.error, "guest \"web\": "), c.error);
	CU_ASSERT_PTR_NOT_NULL(strstr(c.error, "is refused"));
}

static unsigned int begun, done;

static void progress(void *ctx, const struct ctrl_progress *p)
{
	(void)ctx;
	begun += !p->done;
	done += p->done;
	CU_ASSERT_PTR_NOT_NULL(p->step);
}

static void every_step_is_told_twice(void)
{
	o.progress = progress;
	create(0);
	o.progress = NULL;
	CU_ASSERT_EQUAL(begun, NR_STEPS);
	CU_ASSERT_EQUAL(done, NR_STEPS);
}

static void what_does_not_fit_is_refused_before_there_is_a_domain(void)
{
	g.current_kib = 1024;
	CU_ASSERT_TRUE(create(0) < 0);
	CU_ASSERT_EQUAL(w.requests, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(c.error, "too little"));
	g.current_kib = 16384;
	g.initrd = "/nowhere/at/all";
	CU_ASSERT_EQUAL(create(0), -ENOENT);
	CU_ASSERT_EQUAL(w.kernels, 0);
	g.initrd = NULL;
}

static void checking_makes_nothing(void)
{
	memset(&w, 0, sizeof(w));
	CU_ASSERT_EQUAL(made_guest_check(&c, &g), 0);
	CU_ASSERT_EQUAL(w.domains + w.nodes + w.kernels, 0);
	CU_ASSERT_EQUAL(w.requests, 2);
}

static void destroying_takes_nodes_and_domain(void)
{
	create(0);
	CU_ASSERT_EQUAL(made_guest_destroy(&c, 7), 0);
	CU_ASSERT_EQUAL(w.domains, 0);
	CU_ASSERT_EQUAL(w.nodes, 0);
}

static void random_uuids_are_proper(void)
{
	struct build b;

	build_init(&b, &c, &g, &o);
	CU_ASSERT_EQUAL(b.uuid[6] >> 4, 4);
	CU_ASSERT_EQUAL(b.uuid[8] >> 6, 2);
}

CU_ErrorCode test_build_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(a_guest_that_is_made_runs),
		T(whatever_fails_leaves_nothing),
		T(the_first_cause_is_the_one_that_is_told),
		T(every_step_is_told_twice),
		T(what_does_not_fit_is_refused_before_there_is_a_domain),
		T(checking_makes_nothing),
		T(destroying_takes_nodes_and_domain),
		T(random_uuids_are_proper),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "build", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
