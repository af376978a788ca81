/* SPDX-License-Identifier: MIT */
/* What the front-ends stand on: events, grants, the store's client, console. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "fake.h"

#include <xen/io/console.h>

CU_ErrorCode test_front_core_register(void);

/* ---- Events ---- */

static unsigned int calls;

static void count(void *ctx)
{
	*(unsigned int *)ctx += 1;
}

static void an_event_is_handled_once(void)
{
	unsigned int a = 0, b = 0;
	int pa, pb;

	fake_start();
	pa = pv_evtchn_listen(&fake.pv, 0, count, &a);
	pb = pv_evtchn_virq(&fake.pv, VIRQ_TIMER, count, &b);
	fake_kick(pa);
	fake_kick(pa);
	CU_ASSERT_TRUE(pv_evtchn_run(&fake.pv));
	CU_ASSERT_FALSE(pv_evtchn_run(&fake.pv));
	CU_ASSERT_EQUAL(a, 1);
	CU_ASSERT_EQUAL(b, 0);
	fake_kick(pb);
	pv_evtchn_close(&fake.pv, pb);
	pv_evtchn_run(&fake.pv);
	CU_ASSERT_EQUAL(b, 0);
	pv_evtchn_close(&fake.pv, 0);
	CU_ASSERT_EQUAL(fake.ports, 1);
	fake_end();
}

static void masked_ports_are_left_alone(void)
{
	unsigned int a = 0;
	int port;

	fake_start();
	port = pv_evtchn_listen(&fake.pv, 0, count, &a);
	fake.pv.shared->evtchn_mask[0] |= 1UL << port;
	fake_kick(port);
	pv_evtchn_run(&fake.pv);
	CU_ASSERT_EQUAL(a, 0);
	CU_ASSERT_TRUE(fake.pv.shared->evtchn_pending[0] >> port & 1);
	fake_end();
}

static void large_ports_are_refused(void)
{
	fake_start();
	CU_ASSERT_EQUAL(pv_evtchn_bind(&fake.pv, PV_PORTS, count, &calls), -XEN_ENOSPC);
	CU_ASSERT_EQUAL(pv_evtchn_bind(&fake.pv, 0, count, &calls), -XEN_ENOSPC);
	CU_ASSERT_EQUAL(pv_evtchn_bind(&fake.pv, ~0U, count, &calls), -XEN_ENOSPC);
	fake_end();
}

/* ---- Grants ---- */

static void the_table_ends_somewhere(void)
{
	int ref[600], n = 0, i;

	fake_start();
	while (n < 600 && (ref[n] = pv_grant(&fake.pv, 0, fake.pv.shared, n & 1)) > 0)
		n++;
	CU_ASSERT_EQUAL(n, 512 - GNTTAB_NR_RESERVED_ENTRIES);
	CU_ASSERT_EQUAL(ref[n], -XEN_ENOSPC);
	for (i = 0; i < n; i++) {
		CU_ASSERT_TRUE(ref[i] >= GNTTAB_NR_RESERVED_ENTRIES);
		CU_ASSERT_EQUAL(pv_grant_end(&fake.pv, ref[i]), 0);
	}
	CU_ASSERT_EQUAL(fake.pv.gnttab.nr_used, 0);
	CU_ASSERT_TRUE(pv_grant(&fake.pv, 0, fake.pv.shared, false) > 0);
	fake_end();
}

static void a_grant_in_use_does_not_end(void)
{
	bool read_only;
	int ref;

	fake_start();
	ref = pv_grant(&fake.pv, 0, fake.pv.shared, true);
	CU_ASSERT_PTR_EQUAL(fake_granted(ref, &read_only), fake.pv.shared);
	CU_ASSERT_TRUE(read_only);
	fake_hold(ref, true);
	CU_ASSERT_EQUAL(pv_grant_end(&fake.pv, ref), -XEN_EBUSY);
	CU_ASSERT_PTR_EQUAL(fake_granted(ref, NULL), fake.pv.shared);
	fake_hold(ref, false);
	CU_ASSERT_EQUAL(pv_grant_end(&fake.pv, ref), 0);
	CU_ASSERT_PTR_NULL(fake_granted(ref, NULL));
	fake_end();
}

/* ---- Store ---- */

static void nodes_are_read_and_written(void)
{
	char text[32];

	fake_start();
	CU_ASSERT_EQUAL(pv_xs_write(&fake.pv, "a", "b", "value"), 0);
	CU_ASSERT_STRING_EQUAL(fake_store("a", "b"), "value");
	CU_ASSERT_EQUAL(pv_xs_read(&fake.pv, "a/b", NULL, text, sizeof(text)), 5);
	CU_ASSERT_STRING_EQUAL(text, "value");
	CU_ASSERT_EQUAL(pv_xs_read(&fake.pv, "a", "c", text, sizeof(text)), -XEN_ENOENT);
	CU_ASSERT_EQUAL(pv_xs_remove(&fake.pv, "a", "b"), 0);
	CU_ASSERT_STRING_EQUAL(fake_store("a", "b"), "");
	CU_ASSERT_EQUAL(pv_xs_list(&fake.pv, "a", NULL, text, sizeof(text)), -XEN_ENOSYS);
	fake_end();
}

static void a_reply_that_does_not_fit_is_cut_and_told(void)
{
	char *text = malloc(4);		/* exactly: a step outside is seen */

	fake_start();
	fake_store_set("a", "b", "1234");
	CU_ASSERT_EQUAL(pv_xs_read(&fake.pv, "a", "b", text, 4), -XEN_E2BIG);
	CU_ASSERT_EQUAL(memcmp(text, "123", 4), 0);
	fake_store_set("a", "b", "123");
	CU_ASSERT_EQUAL(pv_xs_read(&fake.pv, "a", "b", text, 4), 3);
	free(text);
	fake_end();
}

static void many_requests_go_through_a_small_ring(void)
{
	static struct pv_xs_req req[100];
	static char value[90];
	unsigned int i;

	fake_start();
	memset(req, 0, sizeof(req));
	memset(value, 'v', sizeof(value) - 1);
	for (i = 0; i < 100; i++)
		pv_xs_submit(&fake.pv, &req[i], XS_WRITE, 0, "a", i & 1 ? "odd" : "even",
			     value, sizeof(value) - 1);
	CU_ASSERT_PTR_NOT_NULL(fake.pv.xenbus.out);
	for (i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(pv_xs_wait(&fake.pv, &req[i]), 0);
	CU_ASSERT_STRING_EQUAL(fake_store("a", "odd"), value);
	CU_ASSERT_PTR_NULL(fake.pv.xenbus.sent);
	fake_end();
}

static void too_long_a_request_is_refused(void)
{
	static char value[5000];
	struct pv_xs_req r = { .ctx = NULL };

	fake_start();
	pv_xs_submit(&fake.pv, &r, XS_WRITE, 0, "a", NULL, value, sizeof(value));
	CU_ASSERT_EQUAL(pv_xs_wait(&fake.pv, &r), -XEN_E2BIG);
	fake_end();
}

static void saw(struct pv_xs_watch *w)
{
	*(unsigned int *)w->ctx += 1;
}

static void gone(struct pv_xs_watch *w)
{
	*(unsigned int *)w->ctx += 100;
}

static void watches_tell_and_end(void)
{
	unsigned int a = 0, b = 0;
	struct pv_xs_watch wa = { .changed = saw, .ctx = &a, .path = "a" };
	struct pv_xs_watch wb = { .changed = saw, .ctx = &b, .path = "b/c" };

	fake_start();
	pv_xs_watch(&fake.pv, &wa);
	pv_xs_watch(&fake.pv, &wb);
	fake_settle();
	CU_ASSERT_EQUAL(a, 1);
	CU_ASSERT_EQUAL(b, 1);
	fake_store_set("a", "x", "1");
	fake_store_set("b", "c", "1");
	fake_store_set("b", "cc", "1");
	fake_settle();
	CU_ASSERT_EQUAL(a, 2);
	CU_ASSERT_EQUAL(b, 2);
	pv_xs_unwatch(&fake.pv, &wa, gone);
	fake_settle();
	CU_ASSERT_EQUAL(a, 102);
	fake_store_set("a", "x", "2");
	fake_settle();
	CU_ASSERT_EQUAL(a, 102);
	fake_end();
}

static void an_event_too_long_to_keep_is_everybodys(void)
{
	static char path[700];
	unsigned int a = 0;
	struct pv_xs_watch w = { .changed = saw, .ctx = &a, .path = "a" };
	struct xenstore_domain_interface *ring;
	struct xsd_sockmsg m = { .type = XS_WATCH_EVENT, .len = sizeof(path) };
	unsigned int i;

	fake_start();
	pv_xs_watch(&fake.pv, &w);
	fake_settle();
	memset(path, 'p', sizeof(path));
	ring = fake.pv.xenbus.ring;
	for (i = 0; i < sizeof(m); i++)
		ring->rsp[MASK_XENSTORE_IDX(ring->rsp_prod++)] = ((char *)&m)[i];
	for (i = 0; i < sizeof(path); i++)
		ring->rsp[MASK_XENSTORE_IDX(ring->rsp_prod++)] = path[i];
	fake_kick(1);
	fake_settle();
	CU_ASSERT_EQUAL(a, 2);
	fake_end();
}

static void a_store_that_speaks_nonsense_is_left(void)
{
	struct pv_xs_req r = { .ctx = NULL };
	struct xenstore_domain_interface *ring;
	char text[8];

	fake_start();
	ring = fake.pv.xenbus.ring;
	pv_xs_submit(&fake.pv, &r, XS_READ, 0, "a", NULL, NULL, 0);
	ring->rsp_prod = ring->rsp_cons + XENSTORE_RING_SIZE + 1;
	fake_kick(1);
	pv_evtchn_run(&fake.pv);
	CU_ASSERT_FALSE(r.waiting);
	CU_ASSERT_EQUAL(r.rc, -XEN_EIO);
	CU_ASSERT_EQUAL(pv_xs_read(&fake.pv, "a", NULL, text, 8), -XEN_EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(fake.log, "store"));
	fake_end();
}

/* ---- Console ---- */

static void the_console_takes_what_fits(void)
{
	static char line[3000];
	struct xencons_interface *c;

	fake_start();
	c = fake.pv.console.ring;
	memset(line, 'x', sizeof(line));
	CU_ASSERT_EQUAL(pv_console_put(&fake.pv, line, sizeof(line)), 2048);
	CU_ASSERT_TRUE(fake_kicked(2));
	CU_ASSERT_EQUAL(pv_console_put(&fake.pv, line, 1), 0);
	c->out_cons += 5;
	CU_ASSERT_EQUAL(pv_console_put(&fake.pv, "abcdefg", 7), 5);
	CU_ASSERT_EQUAL(memcmp(c->out, "abcde", 5), 0);
	/* Nobody reads by such rules: what is said is said to nobody. */
	c->out_cons = c->out_prod + 1;
	CU_ASSERT_EQUAL(pv_console_put(&fake.pv, line, sizeof(line)), sizeof(line));
	fake_end();
}

static void the_console_gives_what_came(void)
{
	struct xencons_interface *c;
	char text[16] = "";

	fake_start();
	c = fake.pv.console.ring;
	c->in_cons = c->in_prod = UINT32_MAX - 2;
	memcpy(&c->in[MASK_XENCONS_IDX(c->in_prod, c->in)], "abc", 3);
	memcpy(c->in, "defg", 4);
	c->in_prod += 7;
	CU_ASSERT_EQUAL(pv_console_get(&fake.pv, text, 5), 5);
	CU_ASSERT_EQUAL(pv_console_get(&fake.pv, text + 5, 9), 2);
	CU_ASSERT_STRING_EQUAL(text, "abcdefg");
	c->in_prod += 5000;
	CU_ASSERT_EQUAL(pv_console_get(&fake.pv, text, 5), 0);
	fake_end();
}

CU_ErrorCode test_front_core_register(void)
{
	CU_pSuite s = CU_add_suite("front-core", NULL, NULL);

#define T(name) CU_add_test(s, #name, name)
	T(an_event_is_handled_once);
	T(masked_ports_are_left_alone);
	T(large_ports_are_refused);
	T(the_table_ends_somewhere);
	T(a_grant_in_use_does_not_end);
	T(nodes_are_read_and_written);
	T(a_reply_that_does_not_fit_is_cut_and_told);
	T(many_requests_go_through_a_small_ring);
	T(too_long_a_request_is_refused);
	T(watches_tell_and_end);
	T(an_event_too_long_to_keep_is_everybodys);
	T(a_store_that_speaks_nonsense_is_left);
	T(the_console_takes_what_fits);
	T(the_console_gives_what_came);
#undef T
	return CU_get_error();
}
