/* SPDX-License-Identifier: MIT */
/*
 * The addresses that lost their frame are kept in pages of their own, the
 * newest list first.  A page that only holds such addresses is given back when
 * it is empty.
 */
#include <pv/balloon.h>
#include <pv/pv.h>

#define PAGES_IN_LIST	((PV_PAGE_SIZE - 16) / 16)

struct pv_balloon_list {
	struct pv_balloon_list *next;
	uint64_t nr;
	struct { void *at; uint64_t pfn; } page[PAGES_IN_LIST];
};
_Static_assert(sizeof(struct pv_balloon_list) == PV_PAGE_SIZE, "one page");

/* ---- Wishes ---- */

static void ask(struct pv_balloon *b);

static void answered(struct pv_keys *k)
{
	struct pv_balloon *b = k->ctx;

	b->busy = false;
	if (!k->rc && b->key.number) {
		b->target = b->key.number / (PV_PAGE_SIZE / 1024);
		if (b->wished)
			b->wished(b);
	}
	if (b->again)
		ask(b);
}

static void ask(struct pv_balloon *b)
{
	b->again = b->busy;
	if (b->busy)
		return;
	b->busy = true;
	b->key = (struct pv_key){ .name = "target", .what = PV_READ_NUMBER };
	b->keys.done = answered;
	b->keys.ctx = b;
	pv_keys_run(b->pv, &b->keys, "memory", &b->key, 1);
}

static void changed(struct pv_xs_watch *w)
{
	ask(w->ctx);
}

void pv_balloon_open(struct pv *pv, struct pv_balloon *b)
{
	b->pv = pv;
	b->target = pv->start->nr_pages;
	b->watch.path = "memory/target";
	b->watch.changed = changed;
	b->watch.ctx = b;
	pv_xs_watch(pv, &b->watch);
}

/* ---- Pages ---- */

static uint64_t *p2m(struct pv_balloon *b, uint64_t pfn)
{
	return &((uint64_t *)b->pv->start->mfn_list)[pfn];
}

static bool reservation(int op, xen_pfn_t *frame)
{
	struct xen_memory_reservation r = {
		.nr_extents = 1, .domid = DOMID_SELF,
	};

	set_xen_guest_handle(r.extent_start, frame);
	return pv_memory_op(op, &r) == 1;
}

/* A list with room in front; false: no page for it. */
static bool make_room(struct pv_balloon *b)
{
	struct pv_balloon_list *list = b->list;

	if (list && list->nr < PAGES_IN_LIST)
		return true;
	list = pv_os_pages(b->pv, 1);
	if (!list)
		return false;
	list->next = b->list;
	b->list = list;
	return true;
}

/* One page goes: first from our sight, then from our memory. */
static bool lend(struct pv_balloon *b)
{
	xen_pfn_t mfn;
	uint64_t pfn;
	void *at;

	if (!make_room(b))
		return false;
	at = pv_os_pages(b->pv, 1);
	if (!at)
		return false;
	mfn = pv_os_mfn(b->pv, at);
	pfn = pv_pfn(mfn);
	if (pv_map(at, 0) ||
	    !reservation(XENMEM_decrease_reservation, &mfn)) {
		pv_map(at, pv_pte(mfn, PV_PTE_RW));
		pv_os_free_pages(b->pv, at, 1);
		return false;
	}
	*p2m(b, pfn) = ~UINT64_C(0);
	b->list->page[b->list->nr].at = at;
	b->list->page[b->list->nr++].pfn = pfn;
	b->lent++;
	return true;
}

/* One comes back, with another frame. */
static bool take_back(struct pv_balloon *b)
{
	struct pv_balloon_list *list = b->list;
	xen_pfn_t frame;
	uint64_t pfn;
	void *at;

	if (list && !list->nr) {
		b->list = list->next;
		pv_os_free_pages(b->pv, list, 1);
		list = b->list;
	}
	if (!list)
		return false;
	at = list->page[list->nr - 1].at;
	pfn = list->page[list->nr - 1].pfn;
	frame = pfn;
	if (!reservation(XENMEM_populate_physmap, &frame))
		return false;
	*p2m(b, pfn) = frame;
	if (pv_map(at, pv_pte(frame, PV_PTE_RW))) {
		*p2m(b, pfn) = ~UINT64_C(0);
		reservation(XENMEM_decrease_reservation, &frame);
		return false;
	}
	list->nr--;
	b->lent--;
	pv_os_free_pages(b->pv, at, 1);
	return true;
}

unsigned int pv_balloon_run(struct pv_balloon *b, unsigned int pages)
{
	uint64_t all = b->pv->start->nr_pages, want;
	unsigned int done = 0;

	want = b->target < all ? all - b->target : 0;
	while (done < pages && b->lent != want &&
	       (b->lent < want ? lend(b) : take_back(b)))
		done++;
	return done;
}
