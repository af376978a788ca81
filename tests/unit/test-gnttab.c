/* SPDX-License-Identifier: MIT */
/* Grant tables: each rule by itself, then random steps against a model. */
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/gnttab.h>
#include <hyp/hypercall.h>
#include <hyp/memory.h>

#include <asm/pte.h>

#include "gnttab-model.h"
#include "machine.h"

CU_ErrorCode test_gnttab_register(void);

/* The user is the control domain: it may take device maps, which need no
 * page table, so these tests are about grants alone. */
static struct domain *user, *granter;
static struct grant_entry_v1 *table;

static void setup(void)
{
	mfn_t m;

	machine_boot();
	user = machine_domain(true);
	granter = machine_domain(false);
	CU_ASSERT_EQUAL(gnttab_frame(granter, 0, &m), 0);
	table = frame_to_virt(m);
	machine_as(0, user->vcpu[0]);
}

static void grant(u32 ref, mfn_t m, u16 flags)
{
	table[ref].frame = m;
	table[ref].domid = user->id;
	atomic_store(&table[ref].flags, flags);
}

static int map(u32 ref, u32 flags, u32 *handle)
{
	struct gnttab_map_grant_ref op = { .flags = flags, .ref = ref,
					   .dom = granter->id };

	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, (u64)&op, 1),
			0);
	*handle = op.handle;
	return op.status;
}

static int unmap(u32 handle, mfn_t m)
{
	struct gnttab_unmap_grant_ref op = {
		.handle = handle, .dev_bus_addr = m << PAGE_SHIFT };

	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_grant_ref, (u64)&op,
					  1), 0);
	return op.status;
}

static u32 refs(mfn_t m)
{
	return page_of(m)->refs & PGC_COUNT_MASK;
}

static u64 writers(mfn_t m)
{
	const u64 t = page_of(m)->type;

	return t >> PGT_KIND_SHIFT == PGT_WRITABLE ? t & PGT_COUNT_MASK : 0;
}

static void a_map_holds_the_frame_and_an_unmap_lets_go(void)
{
	mfn_t m;
	u32 h;

	setup();
	m = memory_alloc(granter, 0, 0);
	grant(9, m, GTF_permit_access);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h), GNTST_okay);
	CU_ASSERT_EQUAL(refs(m), 2);
	CU_ASSERT_EQUAL(writers(m), 1);
	CU_ASSERT_EQUAL(table[9].flags,
			GTF_permit_access | GTF_reading | GTF_writing);
	CU_ASSERT_EQUAL(unmap(h, m + 1), GNTST_bad_dev_addr);
	CU_ASSERT_EQUAL(unmap(h, m), GNTST_okay);
	CU_ASSERT_EQUAL(unmap(h, m), GNTST_bad_handle);
	CU_ASSERT_EQUAL(refs(m), 1);
	CU_ASSERT_EQUAL(writers(m), 0);
	CU_ASSERT_EQUAL(table[9].flags, GTF_permit_access);
}

static void an_entry_binds_only_whom_it_names(void)
{
	mfn_t m;
	u32 h;

	setup();
	m = memory_alloc(granter, 0, 0);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h), GNTST_bad_gntref);
	grant(9, m, GTF_permit_access);
	table[9].domid = 77;
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h), GNTST_bad_gntref);
	grant(9, m, GTF_permit_access | GTF_readonly);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h),
			GNTST_permission_denied);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map | GNTMAP_readonly, &h),
			GNTST_okay);
	CU_ASSERT_EQUAL(writers(m), 0);
	grant(10, m, GTF_accept_transfer);
	CU_ASSERT_EQUAL(map(10, GNTMAP_device_map, &h), GNTST_bad_gntref);
	CU_ASSERT_EQUAL(map(511 * 512, GNTMAP_device_map, &h),
			GNTST_bad_gntref);
	CU_ASSERT_EQUAL(map(9, 0, &h), GNTST_bad_gntref);
}

static void a_frame_of_somebody_else_cannot_be_granted(void)
{
	u32 h;

	setup();
	grant(9, memory_alloc(user, 0, 0), GTF_permit_access);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h), GNTST_bad_page);
	CU_ASSERT_EQUAL(table[9].flags, GTF_permit_access);
	grant(9, MACHINE_FRAMES + 5, GTF_permit_access);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h), GNTST_bad_page);
	grant(9, 0xffffffff, GTF_permit_access);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h), GNTST_bad_page);
	CU_ASSERT_EQUAL(user->gnttab.maps, 0);
}

/* A page table must never become writable through a grant. */
static void a_page_table_is_granted_for_reading_only(void)
{
	mfn_t m;
	u32 h;

	setup();
	m = memory_alloc(granter, 0, 0);
	lock(&granter->mmu.lock);
	CU_ASSERT_EQUAL(page_type_get(page_of(m), PGT_L1), 0);
	unlock(&granter->mmu.lock);
	grant(9, m, GTF_permit_access);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h), GNTST_general_error);
	CU_ASSERT_EQUAL(refs(m), 1);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map | GNTMAP_readonly, &h),
			GNTST_okay);
}

/* The granter changes its entry while it is mapped: nothing moves. */
static void an_entry_in_use_keeps_its_frame(void)
{
	mfn_t m, n;
	u32 h, g;

	setup();
	m = memory_alloc(granter, 0, 0);
	n = memory_alloc(granter, 0, 0);
	grant(9, m, GTF_permit_access);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &h), GNTST_okay);
	grant(9, n, GTF_permit_access);
	CU_ASSERT_EQUAL(map(9, GNTMAP_device_map, &g), GNTST_okay);
	CU_ASSERT_EQUAL(refs(n), 1);
	CU_ASSERT_EQUAL(unmap(g, m), GNTST_okay);
	CU_ASSERT_EQUAL(unmap(h, m), GNTST_okay);
	CU_ASSERT_EQUAL(refs(m), 1);
}

static int copy(u32 flags, u64 from, domid_t fd, u16 fo, u64 to, domid_t td,
		u16 to_off, u16 len)
{
	struct gnttab_copy op = { .flags = flags, .len = len };

	op.source.u.gmfn = from;
	op.source.domid = fd;
	op.source.offset = fo;
	op.dest.u.gmfn = to;
	op.dest.domid = td;
	op.dest.offset = to_off;
	if (flags & GNTCOPY_source_gref)
		op.source.u.ref = from;
	if (flags & GNTCOPY_dest_gref)
		op.dest.u.ref = to;
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_copy, (u64)&op, 1), 0);
	return op.status;
}

static void a_copy_moves_bytes_between_frames(void)
{
	mfn_t mine, theirs;

	setup();
	mine = memory_alloc(user, 0, 0);
	theirs = memory_alloc(granter, 0, 0);
	grant(9, theirs, GTF_permit_access);
	memcpy(frame_to_virt(mine) + 100, "bulkhead", 8);
	CU_ASSERT_EQUAL(copy(GNTCOPY_dest_gref, mine, DOMID_SELF, 100, 9,
			     granter->id, 4088, 8), GNTST_okay);
	CU_ASSERT_EQUAL(memcmp(frame_to_virt(theirs) + 4088, "bulkhead", 8),
			0);
	CU_ASSERT_EQUAL(copy(GNTCOPY_dest_gref, mine, DOMID_SELF, 100, 9,
			     granter->id, 4089, 8), GNTST_bad_copy_arg);
	CU_ASSERT_EQUAL(copy(GNTCOPY_dest_gref, mine, DOMID_SELF, 65535, 9,
			     granter->id, 0, 2), GNTST_bad_copy_arg);
	CU_ASSERT_EQUAL(copy(0, mine, DOMID_SELF, 0, theirs, DOMID_SELF, 0, 8),
			GNTST_bad_page);
	grant(9, theirs, GTF_permit_access | GTF_readonly);
	CU_ASSERT_EQUAL(copy(GNTCOPY_dest_gref, mine, DOMID_SELF, 0, 9,
			     granter->id, 0, 8), GNTST_permission_denied);
	CU_ASSERT_EQUAL(refs(mine), 1);
	CU_ASSERT_EQUAL(refs(theirs), 1);
}

static void ones_own_grant_is_copied_like_any(void)
{
	struct grant_entry_v1 *own;
	mfn_t a, b, m;

	setup();
	CU_ASSERT_EQUAL(gnttab_frame(user, 0, &m), 0);
	own = frame_to_virt(m);
	a = memory_alloc(user, 0, 0);
	b = memory_alloc(user, 0, 0);
	own[9] = (struct grant_entry_v1){ GTF_permit_access, user->id, a };
	own[10] = (struct grant_entry_v1){ GTF_permit_access | GTF_readonly,
					   user->id, b };
	memcpy(frame_to_virt(b), "bulkhead", 8);
	CU_ASSERT_EQUAL(copy(GNTCOPY_source_gref | GNTCOPY_dest_gref, 10,
			     DOMID_SELF, 0, 9, user->id, 16, 8), GNTST_okay);
	CU_ASSERT_EQUAL(memcmp(frame_to_virt(a) + 16, "bulkhead", 8), 0);
	CU_ASSERT_EQUAL(own[9].flags, GTF_permit_access);
	CU_ASSERT_NOT_EQUAL(copy(GNTCOPY_source_gref | GNTCOPY_dest_gref, 9,
				 DOMID_SELF, 0, 10, user->id, 0, 8),
			    GNTST_okay);
	/* Not its own frame, not granted to itself, not granted at all. */
	own[9].frame = memory_alloc(granter, 0, 0);
	CU_ASSERT_EQUAL(copy(GNTCOPY_source_gref, 9, DOMID_SELF, 0, a,
			     DOMID_SELF, 0, 8), GNTST_bad_page);
	own[9] = (struct grant_entry_v1){ GTF_permit_access, granter->id, a };
	CU_ASSERT_EQUAL(copy(GNTCOPY_source_gref, 9, DOMID_SELF, 0, b,
			     DOMID_SELF, 0, 8), GNTST_bad_gntref);
	CU_ASSERT_EQUAL(copy(GNTCOPY_source_gref, 1 << 20, DOMID_SELF, 0, b,
			     DOMID_SELF, 0, 8), GNTST_bad_gntref);
	CU_ASSERT_EQUAL(refs(a), 1);
	CU_ASSERT_EQUAL(refs(b), 1);
}

static void a_guest_cannot_copy_whole_frames_of_others(void)
{
	mfn_t m;

	setup();
	m = memory_alloc(user, 0, 0);
	machine_as(0, granter->vcpu[0]);
	CU_ASSERT_EQUAL(copy(0, m, user->id, 0, m, user->id, 0, 8),
			GNTST_permission_denied);
	CU_ASSERT_EQUAL(copy(0, m, 0x7123, 0, m, user->id, 0, 8),
			GNTST_bad_domain);
}

static void only_version_one_is_spoken(void)
{
	struct gnttab_set_version v = { 2 };

	setup();
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_set_version, (u64)&v, 1),
			-XEN_ENOSYS);
	CU_ASSERT_EQUAL(v.version, 1);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_set_version, (u64)&v, 1),
			0);
	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_transfer, (u64)&v, 1),
			-XEN_ENOSYS);
}

static void a_dying_user_lets_go_of_everything(void)
{
	mfn_t m[20];
	u32 h, i;

	setup();
	for (i = 0; i < 20; i++) {
		m[i] = memory_alloc(granter, 0, 0);
		grant(i, m[i], GTF_permit_access);
		CU_ASSERT_EQUAL(map(i, GNTMAP_device_map |
				    (i & 1 ? GNTMAP_readonly : 0), &h), 0);
	}
	CU_ASSERT_EQUAL(gnttab_domain_release(user), 0);
	CU_ASSERT_EQUAL(user->gnttab.maps, 0);
	for (i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(refs(m[i]), 1);
		CU_ASSERT_EQUAL(table[i].flags, GTF_permit_access);
	}
}

/* ---- Maps in page tables ---- */

static u64 pte_at;		/* machine address of the entry */
static mfn_t l1;

static u64 pte(void)
{
	return *(u64 *)paddr_to_virt(pte_at);
}

/* What the user's kernel writes into its table without asking for grants. */
static long set_pte(u64 value)
{
	mmu_update_t r = { .ptr = pte_at, .val = value };

	return do_mmu_update((u64)&r, 1, 0, DOMID_SELF);
}

static int map_at(u64 at, u32 ref, u32 flags, u32 *handle)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = at, .ref = ref, .dom = granter->id,
		.flags = flags | GNTMAP_host_map | GNTMAP_contains_pte };

	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_map_grant_ref, (u64)&op, 1),
			0);
	*handle = op.handle;
	return op.status;
}

static int unmap_at(u64 at, u32 handle)
{
	struct gnttab_unmap_grant_ref op = { .handle = handle,
					     .host_addr = at };

	CU_ASSERT_EQUAL(do_grant_table_op(GNTTABOP_unmap_grant_ref, (u64)&op,
					  1), 0);
	return op.status;
}

/* A frame granted by entry 9 and mapped by the user at pte_at. */
static mfn_t setup_mapped(u32 flags, u32 *h)
{
	const mfn_t m = (setup(), memory_alloc(granter, 0, 0));

	l1 = memory_alloc(user, 0, 0);
	pte_at = (l1 << PAGE_SHIFT) + 24;
	lock(&user->mmu.lock);
	CU_ASSERT_EQUAL(mmu_pin(user, l1, PGT_L1), 0);
	unlock(&user->mmu.lock);
	grant(9, m, GTF_permit_access);
	CU_ASSERT_EQUAL(map_at(pte_at, 9, flags, h), GNTST_okay);
	CU_ASSERT_EQUAL(pte_mfn(pte()), m);
	CU_ASSERT_EQUAL(refs(m), 3);
	return m;
}

/* Nothing of the map is left, and it cannot be ended twice. */
static void check_ended(mfn_t m, u32 h)
{
	CU_ASSERT_EQUAL(refs(m), 1);
	CU_ASSERT_EQUAL(writers(m), 0);
	CU_ASSERT_EQUAL(table[9].flags, GTF_permit_access);
	CU_ASSERT_EQUAL(user->gnttab.maps, 0);
	CU_ASSERT_EQUAL(unmap_at(pte_at, h), GNTST_bad_handle);
	CU_ASSERT_EQUAL(refs(m), 1);
}

static void a_mapped_entry_is_cleared_by_its_unmap(void)
{
	u32 h;
	const mfn_t m = setup_mapped(0, &h);

	CU_ASSERT_EQUAL(writers(m), 2);
	CU_ASSERT_EQUAL(unmap_at(pte_at, h), GNTST_okay);
	CU_ASSERT_EQUAL(pte(), 0);
	check_ended(m, h);
}

/* Linux 6.1's gntdev does so when a process ends. */
static void an_entry_that_the_guest_cleared_can_be_unmapped(void)
{
	u32 h;
	const mfn_t m = setup_mapped(0, &h);

	CU_ASSERT_EQUAL(set_pte(0), 0);
	CU_ASSERT_EQUAL(refs(m), 2);
	CU_ASSERT_EQUAL(unmap_at(pte_at, h), GNTST_okay);
	check_ended(m, h);
}

static void an_entry_that_maps_something_else_stays(void)
{
	u32 h;
	const mfn_t m = setup_mapped(0, &h), own = memory_alloc(user, 0, 0);

	CU_ASSERT_EQUAL(set_pte(pte_make(own, PTE_P | PTE_RW | PTE_US)), 0);
	CU_ASSERT_EQUAL(unmap_at(pte_at, h), GNTST_okay);
	CU_ASSERT_EQUAL(pte_mfn(pte()), own);
	CU_ASSERT_EQUAL(refs(own), 2);
	check_ended(m, h);
}

/* The first handle ends late, when a second one has its entry. */
static void two_maps_that_had_one_entry_both_end(void)
{
	u32 h, again;
	const mfn_t m = setup_mapped(0, &h);

	CU_ASSERT_EQUAL(set_pte(0), 0);
	CU_ASSERT_EQUAL(map_at(pte_at, 9, 0, &again), GNTST_okay);
	CU_ASSERT_EQUAL(refs(m), 3);
	CU_ASSERT_EQUAL(unmap_at(pte_at, h), GNTST_okay);
	CU_ASSERT_EQUAL(refs(m), 2);
	CU_ASSERT(table[9].flags & GTF_writing);
	CU_ASSERT_EQUAL(unmap_at(pte_at, again), GNTST_okay);
	check_ended(m, h);
}

/* The table is plain memory again, and then somebody else's. */
static void a_map_whose_table_is_gone_can_be_unmapped(void)
{
	struct mmuext_op unpin = { .cmd = MMUEXT_UNPIN_TABLE };
	mfn_t m;
	u64 was;
	u32 h;

	for (unsigned i = 0; i < 2; i++) {
		m = setup_mapped(0, &h);
		was = pte();
		unpin.arg1.mfn = l1;
		CU_ASSERT_EQUAL(do_mmuext_op((u64)&unpin, 1, 0, DOMID_SELF), 0);
		CU_ASSERT_EQUAL(refs(m), 2);
		if (i) {
			CU_ASSERT(memory_steal(user, l1));
			page_free(page_of(l1));
		}
		CU_ASSERT_EQUAL(unmap_at(pte_at, h), GNTST_okay);
		CU_ASSERT_EQUAL(pte(), was);
		check_ended(m, h);
	}
}

/* A map for writing does not end by a map for reading that goes: the handle
 * knows its entry, whatever the address says. */
static void an_unmap_ends_its_own_entry(void)
{
	u32 h, other;
	const mfn_t m = setup_mapped(0, &h);

	CU_ASSERT_EQUAL(map_at(pte_at + 8, 9, GNTMAP_readonly, &other),
			GNTST_okay);
	CU_ASSERT_EQUAL(writers(m), 2);
	unmap_at(pte_at + 8, h);
	CU_ASSERT_EQUAL(pte() != 0, writers(m) != 0);
	CU_ASSERT_EQUAL(!!(table[9].flags & GTF_writing), writers(m) != 0);
	unmap_at(pte_at, h);
	CU_ASSERT_EQUAL(pte(), 0);
	CU_ASSERT_EQUAL(unmap_at(pte_at + 8, other), GNTST_okay);
	check_ended(m, h);
}

/* ---- Random steps against the model ---- */

#define FRAMES 8

static struct gnttab_model model;
static mfn_t frame[FRAMES];
static u32 handle_of[MODEL_MAPS];

static void compare(void)
{
	unsigned i;

	for (i = 0; i < FRAMES; i++) {
		CU_ASSERT_EQUAL_FATAL(writers(frame[i]) != 0,
				model_frame_in_use(&model, i, true));
		CU_ASSERT_EQUAL_FATAL(refs(frame[i]) > 1,
				model_frame_in_use(&model, i, false));
	}
	for (i = 0; i < MODEL_REFS; i++) {
		CU_ASSERT_EQUAL_FATAL(!!(table[i].flags & GTF_writing),
				model_maps(&model, i, true) != 0);
		CU_ASSERT_EQUAL_FATAL(!!(table[i].flags & GTF_reading),
				model_maps(&model, i, false) != 0);
	}
}

static void step_grant(void)
{
	const unsigned ref = rand() % MODEL_REFS, f = rand() % FRAMES;
	const bool permit = rand() % 4, readonly = rand() % 3 == 0;

	/* An honest granter leaves entries in use alone. */
	if (model_maps(&model, ref, false))
		return;
	model.entry[ref].permit = permit;
	model.entry[ref].readonly = readonly;
	model.entry[ref].user = user->id;
	model.entry[ref].frame = f;
	grant(ref, frame[f], (permit ? GTF_permit_access : 0) |
			     (readonly ? GTF_readonly : 0));
}

static void step_map(void)
{
	const unsigned ref = rand() % (MODEL_REFS + 1);
	const bool write = rand() % 2;
	unsigned slot = 0;
	u32 h;
	int want;

	want = model_map(&model, user->id, ref, write, &slot);
	CU_ASSERT_EQUAL_FATAL(map(ref < MODEL_REFS ? ref : 500,
				  GNTMAP_device_map |
				  (write ? 0 : GNTMAP_readonly), &h), want);
	if (!want)
		handle_of[slot] = h;
}

static void step_unmap(void)
{
	const unsigned slot = rand() % MODEL_MAPS;
	mfn_t m;

	if (!model.map[slot].live)
		return;
	m = frame[model.map[slot].frame];
	CU_ASSERT_EQUAL_FATAL(unmap(handle_of[slot], m),
			      model_unmap(&model, slot));
}

static void random_steps_agree_with_the_model(void)
{
	unsigned i;

	setup();
	memset(&model, 0, sizeof(model));
	srand(1);
	for (i = 0; i < FRAMES; i++)
		frame[i] = memory_alloc(granter, 0, 0);
	for (i = 0; i < 20000; i++) {
		switch (rand() % 8) {
		case 0:
			step_grant();
			break;
		case 1: case 2: case 3:
			step_map();
			break;
		default:
			step_unmap();
		}
		if (i % 16 == 0)
			compare();
	}
	compare();
}

CU_ErrorCode test_gnttab_register(void)
{
	CU_pSuite s = CU_add_suite("gnttab", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(a_map_holds_the_frame_and_an_unmap_lets_go);
	ADD(an_entry_binds_only_whom_it_names);
	ADD(a_frame_of_somebody_else_cannot_be_granted);
	ADD(a_page_table_is_granted_for_reading_only);
	ADD(an_entry_in_use_keeps_its_frame);
	ADD(a_copy_moves_bytes_between_frames);
	ADD(ones_own_grant_is_copied_like_any);
	ADD(a_guest_cannot_copy_whole_frames_of_others);
	ADD(only_version_one_is_spoken);
	ADD(a_dying_user_lets_go_of_everything);
	ADD(a_mapped_entry_is_cleared_by_its_unmap);
	ADD(an_entry_that_the_guest_cleared_can_be_unmapped);
	ADD(an_entry_that_maps_something_else_stays);
	ADD(two_maps_that_had_one_entry_both_end);
	ADD(a_map_whose_table_is_gone_can_be_unmapped);
	ADD(an_unmap_ends_its_own_entry);
	ADD(random_steps_agree_with_the_model);
	return s ? CU_get_error() : CUE_NOSUITE;
}
