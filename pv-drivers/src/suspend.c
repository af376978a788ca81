/* SPDX-License-Identifier: MIT */
/*
 * Who saves a guest writes down its memory, with its page tables in terms of
 * pfns.  So before, no entry may name a frame that is not the guest's
 * (shared_info, the grant table), and start_info names ring pages by pfn; and
 * shared_info leads to the p2m list, through a page with the mfns of pages
 * with the mfns of its pages.  After, all of these numbers are others.
 */
#include <pv/pv.h>
#include <pv/suspend.h>

#include "text.h"

#define PER_PAGE	(PV_PAGE_SIZE / sizeof(uint64_t))

/* ---- Requests ---- */

static void read_request(struct pv_suspend *s);

static void answered(struct pv_keys *k)
{
	static const struct { char word[12]; enum pv_request what; } words[] = {
		{ "poweroff", PV_POWEROFF }, { "halt", PV_POWEROFF },
		{ "reboot", PV_REBOOT }, { "suspend", PV_SUSPEND },
	};
	struct pv_suspend *s = k->ctx;
	unsigned int i;

	s->busy = false;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (text_same(words[i].word, s->word))
			s->requested(s, words[i].what);
	if (s->again)
		read_request(s);
}

/* The answer to a request is to take its word away. */
static void was_read(struct pv_keys *k)
{
	struct pv_suspend *s = k->ctx;

	if (k->rc || !s->word[0]) {
		s->busy = false;
		if (s->again)
			read_request(s);
		return;
	}
	s->key[0] = (struct pv_key){ .name = "shutdown", .text = "",
				     .what = PV_WRITE_TEXT };
	k->done = answered;
	pv_keys_run(s->pv, k, "control", s->key, 1);
}

static void read_request(struct pv_suspend *s)
{
	s->again = s->busy;
	if (s->busy)
		return;
	s->busy = true;
	s->word[0] = 0;
	s->key[0] = (struct pv_key){ .name = "shutdown", .what = PV_READ_TEXT,
				     .into = s->word, .size = sizeof(s->word) };
	s->keys.done = was_read;
	s->keys.ctx = s;
	pv_keys_run(s->pv, &s->keys, "control", s->key, 1);
}

static void changed(struct pv_xs_watch *w)
{
	read_request(w->ctx);
}

static void features_written(struct pv_keys *k)
{
	struct pv_suspend *s = k->ctx;

	s->busy = false;
	s->watch.path = "control/shutdown";
	s->watch.changed = changed;
	s->watch.ctx = s;
	pv_xs_watch(s->pv, &s->watch);
}

/* ---- The way to the p2m list ---- */

static void fill_lists(struct pv *pv, struct pv_suspend *s)
{
	const char *p2m = (const char *)pv->start->mfn_list;
	uint64_t pages = (pv->start->nr_pages + PER_PAGE - 1) / PER_PAGE, i;

	for (i = 0; i < pages; i++)
		s->list[i] = pv_os_mfn(pv, p2m + i * PV_PAGE_SIZE);
	for (i = 0; i < s->nr_lists; i++)
		s->list_list[i] = pv_os_mfn(pv, s->list + i * PER_PAGE);
	pv->shared->arch.max_pfn = pv->start->nr_pages;
	pv->shared->arch.pfn_to_mfn_frame_list_list =
		pv_os_mfn(pv, s->list_list);
}

int pv_suspend_open(struct pv *pv, struct pv_suspend *s)
{
	static const char names[3][20] = {
		"feature-poweroff", "feature-reboot", "feature-suspend",
	};
	uint64_t per_list = PER_PAGE * PER_PAGE;
	unsigned int i;

	s->pv = pv;
	s->nr_lists = (pv->start->nr_pages + per_list - 1) / per_list;
	s->list_list = pv_os_pages(pv, 1);
	s->list = pv_os_pages(pv, s->nr_lists);
	if (!s->list_list || !s->list)
		return -XEN_ENOMEM;
	fill_lists(pv, s);
	for (i = 0; i < 3; i++)
		s->key[i] = (struct pv_key){ .name = names[i], .number = 1,
					     .what = PV_WRITE_NUMBER };
	s->busy = true;
	s->keys.done = features_written;
	s->keys.ctx = s;
	pv_keys_run(pv, &s->keys, "control", s->key, 3);
	return 0;
}

/* ---- Down and up ---- */

static bool store_is_quiet(const struct pv_xenbus *x)
{
	return !x->out && !x->sent && !x->in_at &&
	       x->ring->rsp_prod == x->ring->rsp_cons;
}

static void hide(struct pv *pv)
{
	unsigned int i;

	for (i = 0; i < pv->gnttab.nr_frames; i++)
		pv_map(pv->gnttab.frame[i], 0);
	pv_map(pv->shared, 0);
}

/* Ring pages by pfn, as long as the guest sleeps. */
static uint64_t sleep_now(struct pv *pv)
{
	struct start_info *start = pv->start;
	struct sched_shutdown op = { .reason = SHUTDOWN_suspend };
	uint64_t store = start->store_mfn, console = start->console.domU.mfn;
	long rc;

	start->store_mfn = pv_pfn(store);
	start->console.domU.mfn = pv_pfn(console);
	rc = pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
			  (unsigned long)&op, pv_os_mfn(pv, start), 0);
	if (rc) {
		start->store_mfn = store;
		start->console.domU.mfn = console;
	}
	return rc;
}

int pv_suspend(struct pv *pv, struct pv_suspend *s)
{
	struct pv_gnttab *t = &pv->gnttab;
	unsigned int frames = t->nr_frames;
	int rc;

	while (!store_is_quiet(&pv->xenbus))
		pv_os_wait(pv, UINT64_MAX);
	hide(pv);
	rc = (int)sleep_now(pv);
	if (rc)
		return pv_stay(pv, frames) || rc < 0 ? -XEN_EINVAL : 0;
	rc = pv_resume(pv);
	if (rc)
		return rc;
	fill_lists(pv, s);
	while (!store_is_quiet(&pv->xenbus))
		pv_os_wait(pv, UINT64_MAX);
	return 1;
}
