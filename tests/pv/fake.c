/* SPDX-License-Identifier: MIT */
/* The machine; see fake.h. */
#include "fake.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/console.h>

#define FIRST_MFN	0x100
#define GRANTS		512
#define STORE_PORT	1
#define CONSOLE_PORT	2
#define PORTS		64

struct fake fake;

static uint8_t arena[FAKE_PAGES][PV_PAGE_SIZE]
	__attribute__((aligned(PV_PAGE_SIZE)));
static bool used[FAKE_PAGES], open_port[PORTS], kicked[PORTS];
static unsigned int at_rest, locks;
static struct start_info *start;
static struct grant_entry_v1 *grants;
static struct xenstore_domain_interface *ring;

static void die(const char *what)
{
	fprintf(stderr, "fake machine: %s\n", what);
	abort();
}

/* ---- Pages ---- */

static void *take_pages(unsigned int nr)
{
	unsigned int i, n = 0;

	for (i = 0; i < FAKE_PAGES; i++) {
		n = used[i] ? 0 : n + 1;
		if (n == nr)
			break;
	}
	if (n != nr || (fake.pages_short && fake.pages + nr > fake.pages_short))
		return NULL;
	i -= nr - 1;
	for (n = 0; n < nr; n++)
		used[i + n] = true;
	fake.pages += nr;
	__asan_unpoison_memory_region(arena[i], nr * PV_PAGE_SIZE);
	memset(arena[i], 0, nr * PV_PAGE_SIZE);
	return arena[i];
}

static uint64_t mfn_of(const void *at)
{
	size_t i = ((const uint8_t *)at - arena[0]) / PV_PAGE_SIZE;

	if (i >= FAKE_PAGES || !used[i])
		die("an address that is no page of ours");
	return FIRST_MFN + i;
}

static void *page_of(uint64_t mfn)
{
	if (mfn < FIRST_MFN || mfn >= FIRST_MFN + FAKE_PAGES)
		return NULL;
	return arena[mfn - FIRST_MFN];
}

void *pv_os_pages(struct pv *pv, unsigned int nr)
{
	(void)pv;
	if (locks)
		die("pages are asked for under a lock");
	return take_pages(nr);
}

void pv_os_free_pages(struct pv *pv, void *at, unsigned int nr)
{
	uint64_t mfn = mfn_of(at);
	unsigned int i;

	(void)pv;
	for (i = 0; i < GRANTS; i++)
		if (grants[i].flags && grants[i].frame >= mfn &&
		    grants[i].frame < mfn + nr)
			die("a page is freed that is still granted");
	for (i = 0; i < nr; i++)
		used[mfn - FIRST_MFN + i] = false;
	fake.pages -= nr;
	__asan_poison_memory_region(at, nr * PV_PAGE_SIZE);
}

uint64_t pv_os_mfn(struct pv *pv, const void *at)
{
	(void)pv;
	return mfn_of(at);
}

void *pv_os_at(struct pv *pv, uint64_t mfn)
{
	(void)pv;
	return page_of(mfn);
}

void *pv_os_map(struct pv *pv, void *at, const uint64_t *mfn, unsigned int nr)
{
	(void)pv;
	(void)at;
	if (nr != 1)
		die("frames are mapped one by one here");
	return page_of(mfn[0]);
}

uint64_t pv_pfn(uint64_t mfn)
{
	return mfn - FIRST_MFN;
}

/* Nothing is really hidden, but it is noted. */
int pv_map(const void *at, uint64_t pte)
{
	(void)at;
	fake.hidden += pte == 0;
	return 0;
}

/* ---- Locks, log ---- */

void pv_os_lock(struct pv_lock *lock)
{
	if (lock->held++)
		die("a lock is taken twice");
	locks++;
}

void pv_os_unlock(struct pv_lock *lock)
{
	if (--lock->held)
		die("a lock is opened twice");
	locks--;
}

void pv_os_log(struct pv *pv, const char *who, const char *what)
{
	(void)pv;
	snprintf(fake.log, sizeof(fake.log), "%s: %s", who, what);
}

/* ---- Events ---- */

bool fake_kicked(evtchn_port_t port)
{
	bool was = port < PORTS && kicked[port];

	if (was)
		kicked[port] = false;
	return was;
}

void fake_kick(evtchn_port_t port)
{
	if (port >= PORTS || !open_port[port])
		return;
	fake.pv.shared->evtchn_pending[port / 64] |= 1UL << port % 64;
	fake.pv.shared->vcpu_info[0].evtchn_pending_sel |= 1UL << port / 64;
}

static evtchn_port_t new_port(void)
{
	evtchn_port_t p;

	for (p = 1; p < PORTS; p++)
		if (!open_port[p]) {
			open_port[p] = true;
			kicked[p] = false;
			fake.ports++;
			return p;
		}
	die("no port is free");
	return 0;
}

static long event_op(unsigned long cmd, void *arg)
{
	struct evtchn_alloc_unbound *alloc = arg;
	struct evtchn_bind_virq *virq = arg;
	struct evtchn_close *close = arg;
	struct evtchn_send *send = arg;

	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		alloc->port = new_port();
		return 0;
	case EVTCHNOP_bind_virq:
		virq->port = new_port();
		return 0;
	case EVTCHNOP_close:
		if (close->port >= PORTS || !open_port[close->port])
			die("a port is closed that is not open");
		open_port[close->port] = false;
		fake.ports--;
		return 0;
	case EVTCHNOP_send:
		if (send->port >= PORTS || !open_port[send->port])
			die("an event goes to a port that is not open");
		kicked[send->port] = true;
		return 0;
	}
	return -XEN_ENOSYS;
}

/* ---- Grants ---- */

static long grant_op(unsigned long cmd, void *arg)
{
	struct gnttab_query_size *query = arg;
	struct gnttab_setup_table *setup = arg;

	switch (cmd) {
	case GNTTABOP_query_size:
		query->nr_frames = 1;
		query->max_nr_frames = 1;
		query->status = GNTST_okay;
		return 0;
	case GNTTABOP_setup_table:
		setup->status = setup->nr_frames > 1 ? GNTST_no_space
						     : GNTST_okay;
		if (setup->nr_frames == 1)
			setup->frame_list.p[0] = mfn_of(grants);
		return 0;
	}
	return -XEN_ENOSYS;
}

void *fake_granted(uint32_t ref, bool *read_only)
{
	if (ref >= GRANTS || !(grants[ref].flags & GTF_permit_access) ||
	    grants[ref].domid)
		return NULL;
	if (read_only)
		*read_only = grants[ref].flags & GTF_readonly;
	return page_of(grants[ref].frame);
}

void fake_hold(uint32_t ref, bool hold)
{
	if (!fake_granted(ref, NULL))
		return;
	if (hold)
		grants[ref].flags |= GTF_reading;
	else
		grants[ref].flags &= ~GTF_reading;
}

static void forget_store(void);

/* A new domain: nothing of what the old one had with others is there. */
static long suspend(uint64_t start_mfn)
{
	unsigned int p;

	if (page_of(start_mfn) != start)
		die("a suspend does not name start_info");
	if (fake.hidden != 2)
		die("a suspend with foreign frames in sight");
	if (start->store_mfn != pv_pfn(mfn_of(ring)))
		die("a suspend with an mfn for the store");
	fake.hidden = 0;
	if (fake.call_off)
		return 1;
	memset(grants, 0, PV_PAGE_SIZE);
	memset(ring, 0, PV_PAGE_SIZE);
	memset(fake.pv.shared, 0, PV_PAGE_SIZE);
	forget_store();
	/* The old domain's devices are gone before the new one looks. */
	fake_store_remove(FAKE_DISK_BACK);
	for (p = 0; p < PORTS; p++)
		open_port[p] = p == STORE_PORT || p == CONSOLE_PORT;
	fake.ports = 0;
	start->store_mfn = mfn_of(ring);
	start->console.domU.mfn += FIRST_MFN;
	return 0;
}

/* A page that is lent stays in use here, and is poison; what comes back lies
 * where it was. */
static long memory_op(unsigned long cmd, struct xen_memory_reservation *r)
{
	uint64_t frame = r->extent_start.p[0];

	if (r->nr_extents != 1 || r->extent_order)
		die("pages are lent one by one here");
	if (cmd == XENMEM_decrease_reservation) {
		if (!page_of(frame) || !used[frame - FIRST_MFN])
			die("a frame is lent that is not ours");
		__asan_poison_memory_region(page_of(frame), PV_PAGE_SIZE);
		fake.lent++;
		return 1;
	}
	if (cmd != XENMEM_populate_physmap || fake.machine_full)
		return 0;
	r->extent_start.p[0] = frame + FIRST_MFN;
	__asan_unpoison_memory_region(arena[frame], PV_PAGE_SIZE);
	fake.lent--;
	return 1;
}

long pv_hypercall(unsigned int nr, unsigned long a, unsigned long b,
		  unsigned long c, unsigned long d)
{
	(void)d;
	if (nr == __HYPERVISOR_event_channel_op)
		return event_op(a, (void *)b);
	if (nr == __HYPERVISOR_grant_table_op)
		return grant_op(a, (void *)b);
	if (nr == __HYPERVISOR_memory_op)
		return memory_op(a, (void *)b);
	if (nr == __HYPERVISOR_sched_op && a == SCHEDOP_shutdown)
		return suspend(c);
	return -XEN_ENOSYS;
}

/* ---- The store ---- */

#define NODES	128
#define WATCHES	16

static struct node { char path[128], value[128]; } nodes[NODES];
static struct watch { char path[128], token[32]; } watches[WATCHES];
static char answers[65536], question[8192];
static size_t answer_bytes, answer_at, question_bytes;

static void forget_store(void)
{
	memset(watches, 0, sizeof(watches));
	answer_bytes = answer_at = question_bytes = 0;
}

static struct node *find(const char *path, bool make)
{
	struct node *free = NULL;
	unsigned int i;

	for (i = 0; i < NODES; i++) {
		if (!strcmp(nodes[i].path, path))
			return &nodes[i];
		if (!nodes[i].path[0] && !free)
			free = &nodes[i];
	}
	if (!make)
		return NULL;
	if (!free)
		die("the store is full");
	snprintf(free->path, sizeof(free->path), "%s", path);
	return free;
}

static void say(uint32_t type, uint32_t id, const void *body, size_t n)
{
	struct xsd_sockmsg m = { .type = type, .req_id = id, .len = n };

	if (answer_bytes + sizeof(m) + n > sizeof(answers))
		die("nobody reads what the store answers");
	memcpy(answers + answer_bytes, &m, sizeof(m));
	memcpy(answers + answer_bytes + sizeof(m), body, n);
	answer_bytes += sizeof(m) + n;
}

static void tell(const struct watch *w, const char *path)
{
	char body[256];
	size_t n = strlen(path) + 1;

	memcpy(body, path, n);
	strcpy(body + n, w->token);
	say(XS_WATCH_EVENT, 0, body, n + strlen(w->token) + 1);
}

static void changed(const char *path)
{
	unsigned int i;
	size_t n;

	for (i = 0; i < WATCHES; i++) {
		n = strlen(watches[i].path);
		if (n && !strncmp(watches[i].path, path, n) &&
		    (!path[n] || path[n] == '/'))
			tell(&watches[i], path);
	}
}

static const char *joined(const char *dir, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s%s%s", dir, name ? "/" : "",
		 name ? name : "");
	return path;
}

const char *fake_store(const char *dir, const char *name)
{
	struct node *n = find(joined(dir, name), false);

	return n ? n->value : "";
}

unsigned long fake_store_number(const char *dir, const char *name)
{
	return strtoul(fake_store(dir, name), NULL, 10);
}

void fake_store_set(const char *dir, const char *name, const char *value)
{
	const char *path = joined(dir, name);
	struct node *n = find(path, true);

	snprintf(n->value, sizeof(n->value), "%s", value);
	changed(path);
}

void fake_store_set_number(const char *dir, const char *name, unsigned long v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", v);
	fake_store_set(dir, name, text);
}

void fake_store_remove(const char *dir)
{
	size_t n = strlen(dir);
	char path[128];
	unsigned int i;

	for (i = 0; i < NODES; i++)
		if (!strncmp(nodes[i].path, dir, n) &&
		    (!nodes[i].path[n] || nodes[i].path[n] == '/')) {
			strcpy(path, nodes[i].path);
			nodes[i].path[0] = 0;
			changed(path);
		}
}

static void watch(const char *path, const char *token, bool on)
{
	unsigned int i;

	for (i = 0; i < WATCHES; i++)
		if (on ? !watches[i].path[0]
		       : !strcmp(watches[i].token, token))
			break;
	if (i == WATCHES)
		die(on ? "too many watches" : "a watch ends that was not there");
	watches[i].path[0] = 0;
	if (on) {
		snprintf(watches[i].path, sizeof(watches[i].path), "%.100s", path);
		snprintf(watches[i].token, sizeof(watches[i].token), "%s", token);
		tell(&watches[i], path);
	}
}

static void serve(const struct xsd_sockmsg *m, char *body)
{
	const char *path = body, *rest = body + strlen(body) + 1;
	struct node *n = find(path, false);
	char value[128] = "";

	switch (m->type) {
	case XS_READ:
		if (n)
			say(XS_READ, m->req_id, n->value, strlen(n->value));
		else
			say(XS_ERROR, m->req_id, "ENOENT", 7);
		break;
	case XS_WRITE:
		memcpy(value, rest, body + m->len - rest);
		say(XS_WRITE, m->req_id, "OK", 3);
		fake_store_set(path, NULL, value);
		break;
	case XS_RM:
		say(XS_RM, m->req_id, "OK", 3);
		fake_store_remove(path);
		break;
	case XS_WATCH:
	case XS_UNWATCH:
		say(m->type, m->req_id, "OK", 3);
		watch(path, rest, m->type == XS_WATCH);
		break;
	default:
		say(XS_ERROR, m->req_id, "ENOSYS", 7);
	}
}

/* Bytes through the rings, a few at a time so that messages come in pieces. */
static bool move_bytes(void)
{
	bool any = false;

	while (ring->req_cons != ring->req_prod) {
		question[question_bytes++] =
			ring->req[MASK_XENSTORE_IDX(ring->req_cons++)];
		any = true;
	}
	while (answer_at < answer_bytes &&
	       ring->rsp_prod - ring->rsp_cons < XENSTORE_RING_SIZE) {
		ring->rsp[MASK_XENSTORE_IDX(ring->rsp_prod++)] =
			answers[answer_at++];
		any = true;
	}
	if (answer_at == answer_bytes)
		answer_at = answer_bytes = 0;
	if (any)
		fake_kick(STORE_PORT);
	return any;
}

static bool run_store(void)
{
	struct xsd_sockmsg m;
	bool any = move_bytes();

	while (question_bytes >= sizeof(m)) {
		memcpy(&m, question, sizeof(m));
		if (m.len > XENSTORE_PAYLOAD_MAX)
			die("a message to the store is too long");
		if (question_bytes < sizeof(m) + m.len)
			break;
		question[sizeof(m) + m.len + 1] = 0;
		serve(&m, question + sizeof(m));
		question_bytes -= sizeof(m) + m.len;
		memmove(question, question + sizeof(m) + m.len, question_bytes);
		any = true;
	}
	return any | move_bytes();
}

/* ---- Time ---- */

static bool happens(void)
{
	bool any = run_store();

	if (fake.backend)
		any |= fake.backend();
	return any | pv_evtchn_run(&fake.pv);
}

void pv_os_wait(struct pv *pv, uint64_t deadline)
{
	(void)pv;
	(void)deadline;
	if (locks)
		die("somebody waits with a lock");
	if (!happens())
		die("somebody waits for what will never happen");
}

void fake_settle(void)
{
	while (happens())
		;
}

/* ---- Start and end ---- */

unsigned int fake_pages_at_rest(void)
{
	return at_rest;
}

void fake_device(const char *front, const char *back)
{
	fake_store_set(front, "backend", back);
	fake_store_set(front, "backend-id", "0");
	fake_store_set(back, "online", "1");
}

void fake_start(void)
{
	struct shared_info *shared;

	memset(&fake, 0, sizeof(fake));
	start = take_pages(1);
	shared = take_pages(1);
	grants = take_pages(1);
	ring = take_pages(1);
	start->nr_pages = FAKE_PAGES;
	start->mfn_list = (uintptr_t)take_pages(2);
	start->shared_info = mfn_of(shared) << PV_PAGE_SHIFT;
	start->store_mfn = mfn_of(ring);
	start->store_evtchn = STORE_PORT;
	start->console.domU.mfn = mfn_of(take_pages(1));
	start->console.domU.evtchn = CONSOLE_PORT;
	open_port[STORE_PORT] = open_port[CONSOLE_PORT] = true;
	if (pv_start(&fake.pv, start))
		die("pv_start() failed");
	at_rest = fake.pages;
	fake_device(FAKE_DISK, FAKE_DISK_BACK);
	fake_device(FAKE_CARD, FAKE_CARD_BACK);
	fake_store_set(FAKE_CARD_BACK, "mac", "00:16:3e:01:02:0f");
}

void fake_end(void)
{
	unsigned int i;

	__asan_unpoison_memory_region(arena, sizeof(arena));
	memset(nodes, 0, sizeof(nodes));
	memset(watches, 0, sizeof(watches));
	answer_bytes = answer_at = question_bytes = 0;
	for (i = 0; i < FAKE_PAGES; i++)
		used[i] = false;
	memset(open_port, 0, sizeof(open_port));
	memset(kicked, 0, sizeof(kicked));
	locks = 0;
}
