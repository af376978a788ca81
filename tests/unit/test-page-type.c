/* SPDX-License-Identifier: MIT */
/* Page types: the real machine against the slow model, step by step. */
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/hypercall.h>
#include <hyp/memory.h>
#include <hyp/mmu.h>

#include "machine.h"
#include "page-type-model.h"

CU_ErrorCode test_page_type_register(void);

static struct domain *d, *other;
static struct ptm model;
static mfn_t foreign;
static unsigned seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

enum act { PIN, UNPIN, KERNEL, USER, WRITE, WRITE_AD, STORE, ACTS };

struct step {
	enum act act;
	int f, slot;
	enum page_kind kind;
	u64 value;
};

static void setup(void)
{
	int f;

	machine_boot();
	d = machine_domain(false);
	other = machine_domain(false);
	memset(&model, 0, sizeof(model));
	model.kernel = model.user = PTM_NONE;
	for (f = 0; f < PTM_FRAMES; f++)
		model.mfn[f] = memory_alloc(d, 0, 0);
	foreign = memory_alloc(other, 0, 0);
	machine_as(0, d->vcpu[0]);
}

static u64 *words(int f)
{
	return frame_to_virt(model.mfn[f]);
}

/* A word that often makes sense: frames low in number are higher tables. */
static u64 random_word(void)
{
	u64 e = PTE_P | PTE_US | PTE_A;
	unsigned r = rnd(100);

	if (r < 20)
		return 0;
	if (r < 23)
		return (u64)rnd(1 << 15) << 1;
	e |= pte_make(model.mfn[rnd(PTM_FRAMES)], 0);
	if (r < 25)
		e = pte_make(foreign, PTE_P | PTE_US | PTE_A);
	if (r < 26)
		e = pte_make(rnd(1 << 20), PTE_P | PTE_US | PTE_A);
	if (rnd(2))
		e |= PTE_RW;
	if (rnd(2))
		e |= PTE_D;
	if (!rnd(4))
		e |= PTE_NX;
	if (!rnd(4))
		e |= BIT(9);
	if (!rnd(40))
		e |= PTE_PS;
	return e;
}

static struct step random_step(void)
{
	struct step s = {
		.act = rnd(ACTS), .f = rnd(PTM_FRAMES),
		.slot = rnd(PTM_SLOTS), .value = random_word(),
		.kind = PGT_L1 + rnd(4),
	};

	/* More stores and pins than switches. */
	if (s.act == USER || s.act == KERNEL)
		s.act = rnd(3) ? PIN : s.act;
	if (!rnd(3))
		s.act = STORE;
	if (s.act == USER && !rnd(3))
		s.f = PTM_NONE;
	return s;
}

static bool model_step(struct ptm *m, const struct step *s)
{
	switch (s->act) {
	case PIN:
		return ptm_pin(m, s->f, s->kind);
	case UNPIN:
		return ptm_unpin(m, s->f);
	case KERNEL:
		return ptm_kernel(m, s->f);
	case USER:
		return ptm_user(m, s->f);
	default:
		return ptm_write(m, s->f, s->slot, s->value,
				 s->act == WRITE_AD);
	}
}

/* The call that a step is; rdi and so on of this CPU hold its arguments. */
struct call {
	struct mmuext_op op;
	mmu_update_t up;
	unsigned nr;
};

static void call_make(struct call *c, const struct step *s)
{
	struct regs *r = guest_regs();

	memset(c, 0, sizeof(*c));
	c->nr = s->act >= WRITE ? __HYPERVISOR_mmu_update
				: __HYPERVISOR_mmuext_op;
	c->op.cmd = s->act == PIN ? MMUEXT_PIN_L1_TABLE + s->kind - PGT_L1 :
		    s->act == UNPIN ? MMUEXT_UNPIN_TABLE :
		    s->act == KERNEL ? MMUEXT_NEW_BASEPTR :
				       MMUEXT_NEW_USER_BASEPTR;
	c->op.arg1.mfn = s->f == PTM_NONE ? 0 : model.mfn[s->f];
	if (s->act >= WRITE) {
		c->up.ptr = (model.mfn[s->f] << PAGE_SHIFT) +
			    ptm_slot[s->slot] * 8;
		c->up.ptr |= s->act == WRITE_AD ? MMU_PT_UPDATE_PRESERVE_AD : 0;
		c->up.val = s->value;
	}
	r->rdi = s->act >= WRITE ? (u64)&c->up : (u64)&c->op;
	r->rsi = 1;
	r->rdx = 0;
	r->r10 = DOMID_SELF;
}

/* Executes the call once; true: it is finished, with this result. */
static bool call_once(const struct call *c, long *rc)
{
	struct regs *r = guest_regs();
	const u64 rip = r->rip = 100;

	*rc = c->nr == __HYPERVISOR_mmu_update ?
	      do_mmu_update(r->rdi, r->rsi, r->rdx, r->r10) :
	      do_mmuext_op(r->rdi, r->rsi, r->rdx, r->r10);
	return r->rip == rip;
}

static long run(const struct step *s)
{
	struct call c;
	long rc;

	if (s->act == STORE && type_kind(page_of(model.mfn[s->f])->type) !=
	    PGT_NONE && type_count(page_of(model.mfn[s->f])->type) &&
	    type_kind(page_of(model.mfn[s->f])->type) <= PGT_L4)
		return -1;
	if (s->act == STORE) {
		words(s->f)[ptm_slot[s->slot]] = s->value;
		return 0;
	}
	call_make(&c, s);
	do {
		this_cpu()->rest_budget = rnd(2) ? 1000000 : rnd(1200);
	} while (!call_once(&c, &rc));
	return rc;
}

static bool same(const struct ptm *m)
{
	struct ptm_count c;
	const struct page *p;
	enum page_kind kind;
	int f, s;

	ptm_count(m, &c);
	for (f = 0; f < PTM_FRAMES; f++) {
		p = page_of(m->mfn[f]);
		kind = ptm_kind(&c, f);
		if ((p->refs & PGC_COUNT_MASK) != c.refs[f] ||
		    type_count(p->type) != c.uses[f][kind] ||
		    (kind && type_kind(p->type) != kind) ||
		    !!(p->type & PGT_PINNED) != !!m->pin[f])
			return false;
		if (kind >= PGT_L1 && kind <= PGT_L4 &&
		    !(p->type & PGT_VALIDATED))
			return false;
		for (s = 0; s < PTM_SLOTS; s++)
			if (words(f)[ptm_slot[s]] != m->word[f][s])
				return false;
	}
	return c.sound && (page_of(foreign)->refs & PGC_COUNT_MASK) == 1;
}

/* Plain stores only go where the model says they may. */
static bool fits_model(struct step *s, const struct ptm *m)
{
	struct ptm_count c;
	enum page_kind kind;

	ptm_count(m, &c);
	kind = s->f == PTM_NONE ? PGT_NONE : ptm_kind(&c, s->f);
	if (s->act == STORE && kind >= PGT_L1 && kind <= PGT_L4)
		s->act = WRITE;
	/* An L4 has its A bits on; nobody else cares. */
	return true;
}

static void single_steps(unsigned first, unsigned seeds, unsigned steps)
{
	unsigned i, n, done = 0;
	struct step s;
	bool may;
	long rc;

	for (i = first; i < first + seeds; i++) {
		seed = i;
		setup();
		for (n = 0; n < steps; n++) {
			s = random_step();
			fits_model(&s, &model);
			may = model_step(&model, &s);
			rc = run(&s);
			done += may;
			if (may != (rc == 0) || !same(&model)) {
				fprintf(stderr, "seed %u step %u: act %d frame %d slot %d kind %d value %llx: model %d, result %ld\n",
					i, n, s.act, s.f, s.slot, s.kind,
					(unsigned long long)s.value, may, rc);
				CU_FAIL("the machine and the model differ");
				return;
			}
		}
	}
	CU_ASSERT(done > seeds * steps / 10);
}

static void each_step_is_the_models_step(void)
{
	single_steps(1, 40, 2000);
}

/* A step by another vCPU while the first one's call rests. */
static bool run_between(const struct step *a, const struct step *b,
			long *rca, long *rcb)
{
	struct regs saved;
	struct call ca;
	bool rested = false;

	call_make(&ca, a);
	*rcb = 0;
	for (;;) {
		this_cpu()->rest_budget = rested ? 1000000 : 1;
		if (call_once(&ca, rca))
			break;
		if (!rested) {
			saved = *guest_regs();
			*rcb = run(b);
			*guest_regs() = saved;
		}
		rested = true;
	}
	while (mmu_drop_held(d))
		;
	return rested;
}

static bool order_fits(const struct ptm *before, const struct step *x, long rx,
		       const struct step *y, long ry)
{
	struct ptm m = *before;

	if (model_step(&m, x) != (rx == 0) || model_step(&m, y) != (ry == 0) ||
	    !same(&m))
		return false;
	model = m;
	return true;
}

static void a_call_that_rests_comes_before_or_after_another(void)
{
	unsigned i, n, rests = 0;
	struct step a, b;
	struct ptm before;
	long ra, rb;

	for (i = 1000; i < 1040; i++) {
		seed = i;
		setup();
		for (n = 0; n < 1500; n++) {
			a = random_step();
			b = random_step();
			fits_model(&a, &model);
			if (a.act == STORE || rnd(4)) {
				if (model_step(&model, &a) != (run(&a) == 0)) {
					CU_FAIL("the machine and the model differ");
					return;
				}
				continue;
			}
			if (b.act == STORE)
				b.act = WRITE;
			before = model;
			if (!run_between(&a, &b, &ra, &rb)) {
				model_step(&model, &a);
				continue;
			}
			rests++;
			if (!order_fits(&before, &a, ra, &b, rb) &&
			    !order_fits(&before, &b, rb, &a, ra)) {
				fprintf(stderr, "seed %u step %u: %d on %d (%ld) and %d on %d (%ld)\n",
					i, n, a.act, a.f, ra, b.act, b.f, rb);
				CU_FAIL("no order explains it");
				return;
			}
		}
	}
	CU_ASSERT(rests > 100);
}

/* The last domain of the run above is destroyed with all its tables up. */
static void a_tree_ends_with_its_domain(void)
{
	machine_boot();
}

CU_ErrorCode test_page_type_register(void)
{
	CU_TestInfo tests[] = {
		{ "each step is the model's step",
		  each_step_is_the_models_step },
		{ "a call that rests comes before or after another",
		  a_call_that_rests_comes_before_or_after_another },
		{ "a tree ends with its domain", a_tree_ends_with_its_domain },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "page-type", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
