/* SPDX-License-Identifier: MIT */
/*
 * Starting core on the fake machine, and starting it again for the next test:
 * the domains of the last one are destroyed as a toolstack would, and then
 * every frame must be back.
 */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <CUnit/CUnit.h>

#include <asm/hyp-map.h>
#include <hyp/frame-alloc.h>
#include <hyp/timer.h>

u64 *hyp_l4;
mfn_t hyp_l4_mfn;
u32 cpu_count = MACHINE_CPUS;

#define GROUP_FRAMES 65536ULL

static u64 frames_at_rest;

/* Who destroys: some control domain that is not in the table. */
static struct domain toolstack = { .id = DOMID_IDLE, .is_control = true };
static struct vcpu toolstack_vcpu = { .domain = &toolstack };

static void *area(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("machine: mmap");
		exit(2);
	}
	return p;
}

static void first_boot(void)
{
	unsigned i;

	machine_ram = area(MACHINE_FRAMES * PAGE_SIZE);
	machine_frames = area(GROUP_FRAMES * sizeof(struct page));
	machine_m2p = area(GROUP_FRAMES * sizeof(u64));
	boot_info.range[0] = (struct boot_range){
		0, MACHINE_FRAMES * PAGE_SIZE, 1 };
	boot_info.range_count = 1;
	machine_as(0, NULL);
	/* Frame 1 plays the hypervisor's own L4. */
	hyp_l4_mfn = 1;
	hyp_l4 = frame_to_virt(hyp_l4_mfn);
	page_init();
	frame_alloc_add(2, MACHINE_FRAMES);
	for (i = 0; i < MACHINE_CPUS; i++) {
		machine_as(i, NULL);
		this_cpu()->id = i;
		this_cpu()->online = true;
		sched_cpu_init(this_cpu());
		timer_cpu_init(this_cpu());
	}
	machine_as(0, NULL);
	domain_init();
}

void machine_run_timers(void)
{
	unsigned i;

	for (i = 0; i < MACHINE_CPUS; i++) {
		machine_as(i, NULL);
		timer_run();
	}
	machine_as(0, NULL);
}

static void destroy(struct domain *d)
{
	u32 i;

	dom0 = dom0 == d ? NULL : dom0;
	d->is_control = false;
	for (i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i])
			d->vcpu[i]->sched.running = false;
	while (domain_kill(d) == -XEN_ERESTART)
		;
	domain_put(d);
}

static void destroy_all(void)
{
	struct domain *d;
	domid_t id;

	machine_as(0, &toolstack_vcpu);
	while ((d = domain_find_from(0))) {
		id = d->id;
		destroy(d);
		machine_run_timers();
		if ((d = domain_find(id))) {
			fprintf(stderr, "machine: d%u does not end: %llu frames, %u references\n",
				id, (unsigned long long)d->mem.tot_pages,
				d->refs - 1);
			exit(2);
		}
		machine_as(0, &toolstack_vcpu);
	}
	machine_as(0, NULL);
}

void machine_boot(void)
{
	unsigned i;

	if (!machine_ram) {
		first_boot();
		for (i = 0; i < 4; i++)
			machine_domain(i == 0);
		destroy_all();
		frames_at_rest = frame_free_count();
	}
	for (i = 0; i < MACHINE_CPUS; i++)
		cpu_get(i)->work = 0;
	destroy_all();
	machine_guest_fault_at(0);
	if (frame_free_count() != frames_at_rest) {
		fprintf(stderr, "machine: %lld frames are lost\n",
			(long long)(frames_at_rest - frame_free_count()));
		if (!CU_get_current_test())
			abort();
		CU_FAIL("frames are lost");
	}
	/* Say it once; the next test is not to blame. */
	frames_at_rest = frame_free_count();
	memset(&machine_log, 0, sizeof(machine_log));
}

struct domain *machine_domain(bool is_control)
{
	static domid_t next = 1;
	const struct domain_params p = {
		.max_vcpus = 2, .max_evtchn_port = 1023,
		.max_grant_frames = 4, .max_maptrack_frames = 4,
		.is_control = is_control,
	};
	struct domain *d;

	next = next % 1000 + 1;
	if (domain_create(is_control ? 0 : next, &p, &d) ||
	    vcpu_create(d, 0)) {
		fprintf(stderr, "machine: cannot make a domain\n");
		exit(2);
	}
	d->mem.max_pages = MACHINE_FRAMES;
	d->vcpu[0]->down = false;
	d->shared->vcpu_info[0].evtchn_upcall_mask = 0;
	if (is_control)
		dom0 = d;
	return d;
}
