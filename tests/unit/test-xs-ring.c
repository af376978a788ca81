/* SPDX-License-Identifier: MIT */
/*
 * The store's connection over a shared page, with a made-up guest on the other
 * side and made-up event channels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "common/log.h"
#include "tests/unit/fake-xendev.h"
#include "xenstored/shell.h"

CU_ErrorCode test_xs_ring_register(void);

static struct daemon d;
static struct xenstore_domain_interface page;
static struct domain *dom;
static struct conn root;

void shell_stalled(struct daemon *dm, struct conn *c)
{
	(void)dm;
	(void)c;
}

static bool fake_exists(void *arg, uint32_t domid)
{
	(void)arg;
	return domid < 8;
}

static int fake_introduce(void *arg, struct domain *dm, uint32_t port)
{
	return ring_introduce(arg, dm, port);
}

static void fake_release(void *arg, struct domain *dm)
{
	ring_release(arg, dm);
}

static const struct xs_shell shell = {
	fake_exists, fake_introduce, fake_release, &d,
};

static void no_service(struct conn *c)
{
	(void)c;
}

static const struct conn_ops no_ops = { .service = no_service };

/* ---- the two sides ---- */

static void serve(void)
{
	struct conn *c;

	while (!link_empty(&d.xs.dirty)) {
		c = link_entry(d.xs.dirty.next, struct conn, dirty);
		link_del(&c->dirty);
		c->ops->service(c);
	}
}

static int as_root(int type, const char *text, size_t len)
{
	struct xsd_sockmsg head = { .type = type, .len = len };

	conn_sent(&root, buf_len(&root.out));
	conn_request(&root, &head, text);
	memcpy(&head, buf_head(&root.out), sizeof(head));
	return head.type;
}

#define ROOT(type, text) as_root(type, text, sizeof(text))

static void guest_put(const void *data, size_t n)
{
	const char *from = data;

	while (n--)
		page.req[page.req_prod++ & 1023] = *from++;
}

static void kick(void)
{
	ring_event(&d, FAKE_PORT(5));
	serve();
}

static size_t guest_take(void *to, size_t max)
{
	size_t n = 0;

	while (n < max && page.rsp_cons != page.rsp_prod)
		((char *)to)[n++] = page.rsp[page.rsp_cons++ & 1023];
	return n;
}

static void guest_asks(int type, uint32_t id, const char *text, size_t len)
{
	const struct xsd_sockmsg head = { type, id, 0, len };

	guest_put(&head, sizeof(head));
	guest_put(text, len);
}

static int guest_answer(uint32_t id, char *payload)
{
	struct xsd_sockmsg head;

	if (guest_take(&head, sizeof(head)) != sizeof(head))
		return -1;
	CU_ASSERT_EQUAL(guest_take(payload, head.len), head.len);
	payload[head.len] = 0;
	CU_ASSERT_EQUAL(head.req_id, id);
	return head.type;
}

static void start(void)
{
	log_init(NULL);
	memset(&d, 0, sizeof(d));
	memset(&page, 0, sizeof(page));
	memset(&fake_xen, 0, sizeof(fake_xen));
	fake_xen.page[1] = fake_xen.page[2] = &page;
	CU_ASSERT_EQUAL_FATAL(xs_init(&d.xs, 7, &shell), 0);
	conn_init(&root, &d.xs, d.xs.dom0, true, &no_ops);
	link_init(&d.loop.timers);
	d.loop.now_ms = 1000;
	ROOT(XS_MKDIR, "/local/domain/1");
	ROOT(XS_SET_PERMS, "/local/domain/1\0n1");
	CU_ASSERT_EQUAL(ROOT(XS_INTRODUCE, "1\0" "1\0" "5"), XS_INTRODUCE);
	serve();
	dom = dom_find(&d.xs, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dom->conn);
}

static void end(void)
{
	CU_ASSERT_PTR_NULL(store_check(&d.xs));
	if (dom_find(&d.xs, 1))
		dom_forget(&d.xs, dom_find(&d.xs, 1));
	CU_ASSERT_EQUAL(fake_xen.maps, 0);
	CU_ASSERT_EQUAL(fake_xen.binds, 0);
	conn_fini(&root);
	xs_free(&d.xs);
	free(d.by_port);
	log_init("unit");
}

static void talk_goes_around_the_edge(void)
{
	char payload[4097], text[64];

	CU_ASSERT_EQUAL(page.server_features, 3);
	CU_ASSERT_EQUAL(fake_xen.gref, 1);
	for (uint32_t i = 0; i < 300; i++) {
		int n = sprintf(text, "k%c%u", 0, i);

		guest_asks(XS_WRITE, i, text, n);
		kick();
		CU_ASSERT_EQUAL(guest_answer(i, payload), XS_WRITE);
		dom->credit = 100000;
		guest_asks(XS_READ, i, "k", 2);
		kick();
		CU_ASSERT_EQUAL(guest_answer(i, payload), XS_READ);
		CU_ASSERT_STRING_EQUAL(payload, text + 2);
	}
	CU_ASSERT(page.req_prod > 3 * 1024);
}

static void many_requests_need_one_kick(void)
{
	char payload[4097];

	for (uint32_t i = 0; i < 15; i++)
		guest_asks(XS_READ, i, "none", 5);
	fake_xen.kicks = 0;
	kick();
	CU_ASSERT_EQUAL(fake_xen.kicks, 1);
	for (uint32_t i = 0; i < 15; i++)
		CU_ASSERT_EQUAL(guest_answer(i, payload), XS_ERROR);
	fake_xen.kicks = 0;
	kick();
	CU_ASSERT_EQUAL(fake_xen.kicks, 0);
}

static void a_request_may_come_in_pieces(void)
{
	const struct xsd_sockmsg head = { XS_READ, 9, 0, 2 };
	char payload[4097];

	for (size_t i = 0; i < sizeof(head); i++) {
		guest_put((const char *)&head + i, 1);
		kick();
	}
	guest_put("x", 1);
	kick();
	CU_ASSERT_EQUAL(guest_answer(9, payload), -1);
	guest_put("", 1);
	kick();
	CU_ASSERT_EQUAL(guest_answer(9, payload), XS_ERROR);
	CU_ASSERT_STRING_EQUAL(payload, "ENOENT");
}

static void a_large_answer_waits_for_room(void)
{
	char big[3100] = "/local/domain/1/big", payload[4097];
	size_t n = 0, part;

	memset(big + 20, 'b', sizeof(big) - 20);
	CU_ASSERT_EQUAL(as_root(XS_WRITE, big, sizeof(big)), XS_WRITE);
	guest_asks(XS_READ, 3, "big", 4);
	kick();
	while ((part = guest_take(payload + n, sizeof(payload) - n))) {
		CU_ASSERT(part <= 1024);
		n += part;
		kick();
	}
	CU_ASSERT_EQUAL(n, sizeof(struct xsd_sockmsg) + 3080);
	CU_ASSERT_EQUAL(payload[n - 1], 'b');
}

static void a_request_that_is_too_long_ends_the_talk(void)
{
	const struct xsd_sockmsg head = { XS_READ, 9, 0, 4097 };
	char payload[4097];

	guest_put(&head, sizeof(head));
	kick();
	CU_ASSERT_EQUAL(page.error, XENSTORE_ERROR_PROTO);
	guest_asks(XS_READ, 1, "x", 2);
	kick();
	CU_ASSERT_EQUAL(guest_answer(1, payload), -1);
	/* Its record stays, and its death is still announced. */
	ROOT(XS_WATCH, "@releaseDomain\0t");
	conn_sent(&root, buf_len(&root.out));
	dom_scan_begin(&d.xs);
	dom_scan_end(&d.xs);
	CU_ASSERT(buf_len(&root.out) > 0);
}

static void bad_indices_end_the_talk(void)
{
	page.req_prod = page.req_cons + 1025;
	kick();
	CU_ASSERT_EQUAL(page.error, XENSTORE_ERROR_RINGIDX);
	/* A fresh start is possible. */
	page.connection = XENSTORE_RECONNECT;
	kick();
	CU_ASSERT_EQUAL(page.connection, XENSTORE_CONNECTED);
	CU_ASSERT_EQUAL(page.error, 0);
	page.rsp_cons = 1;
	guest_asks(XS_READ, 1, "x", 2);
	kick();
	CU_ASSERT_EQUAL(page.error, XENSTORE_ERROR_RINGIDX);
}

static void a_guest_that_breaks_it_without_end_fills_no_log(void)
{
	char payload[4097];
	FILE *log = tmpfile();
	int was = dup(STDERR_FILENO);

	log_init("unit");
	dup2(fileno(log), STDERR_FILENO);
	for (uint32_t i = 0; i < 100; i++) {
		page.connection = XENSTORE_RECONNECT;
		kick();
		page.rsp_cons = 0;
		guest_asks(XS_READ, i, "none", 5);
		kick();
		CU_ASSERT_EQUAL(guest_answer(i, payload), XS_ERROR);
		page.req_prod = page.req_cons + 1025;
		kick();
		CU_ASSERT_EQUAL(page.error, XENSTORE_ERROR_RINGIDX);
	}
	dup2(was, STDERR_FILENO);
	close(was);
	log_init(NULL);
	CU_ASSERT(lseek(fileno(log), 0, SEEK_END) > 80);
	CU_ASSERT(lseek(fileno(log), 0, SEEK_END) < 800);
	fclose(log);
}

static void reconnecting_drops_what_was(void)
{
	char payload[4097];

	guest_asks(XS_WATCH, 1, "a\0t", 4);
	guest_asks(XS_TRANSACTION_START, 2, "", 1);
	guest_put("\x01\x02\x03", 3);
	kick();
	CU_ASSERT_EQUAL(dom->conn->nr_watches, 1);
	page.connection = XENSTORE_RECONNECT;
	kick();
	CU_ASSERT_EQUAL(dom->conn->nr_watches, 0);
	CU_ASSERT_EQUAL(dom->conn->nr_txns, 0);
	CU_ASSERT_EQUAL(page.rsp_prod, 0);
	guest_asks(XS_READ, 4, "none", 5);
	kick();
	CU_ASSERT_EQUAL(guest_answer(4, payload), XS_ERROR);
}

static void introducing_again_takes_the_new_port(void)
{
	char payload[4097];

	CU_ASSERT_EQUAL(ROOT(XS_INTRODUCE, "1\0" "1\0" "6"), XS_INTRODUCE);
	CU_ASSERT_EQUAL(fake_xen.binds, 1);
	CU_ASSERT_EQUAL(fake_xen.maps, 1);
	guest_asks(XS_READ, 4, "none", 5);
	kick();
	CU_ASSERT_EQUAL(guest_answer(4, payload), -1);
	ring_event(&d, FAKE_PORT(6));
	serve();
	CU_ASSERT_EQUAL(guest_answer(4, payload), XS_ERROR);
	/* A port that cannot be bound is refused, and nothing leaks. */
	CU_ASSERT_EQUAL(ROOT(XS_INTRODUCE, "2\0" "1\0" "666"), XS_ERROR);
	CU_ASSERT_EQUAL(fake_xen.maps, 1);
}

/* ---- A daemon dies, another one goes on ---- */

/* What a guest does while the daemon writes into its journal. */
static void (*meanwhile)(void);

static bool journal_has_room(void *arg, unsigned int i, size_t n)
{
	(void)arg, (void)i;
	if (meanwhile)
		meanwhile();
	/* With somebody to ask, every record asks. */
	d.journal.room = meanwhile ? n : 1 << 20;
	return n <= 1 << 20;
}

static void begin_journal(void)
{
	for (int i = 0; i < 2; i++)
		if (!d.journal.area[i])
			d.journal.area[i] = calloc(1, 1 << 20);
	d.journal.grow = journal_has_room;
	d.journal.soft = 1 << 16;
	journal_start(&d.xs, &d.journal);
}

/* All but the journal, the page and the guest is gone; then it is read. */
static void die_and_revive(void)
{
	const struct journal_reader reader = {
		ring_revive_conn, ring_revive, &d
	};
	struct journal old = d.journal;

	d.xs.journal = NULL;
	ring_release(&d, dom);
	conn_fini(&root);
	xs_free(&d.xs);
	free(d.by_port);
	memset(&d, 0, sizeof(d));
	link_init(&d.loop.timers);
	d.loop.now_ms = 1000;
	d.journal = old;
	CU_ASSERT_EQUAL_FATAL(xs_init(&d.xs, 8, &shell), 0);
	CU_ASSERT_EQUAL_FATAL(journal_restore(&d.xs, old.area[old.now],
					      &reader), 0);
	conn_init(&root, &d.xs, d.xs.dom0, true, &no_ops);
	dom = dom_find(&d.xs, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dom);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dom->conn);
	begin_journal();
}

static void end_journal(void)
{
	d.xs.journal = NULL;
	free(d.journal.area[0]);
	free(d.journal.area[1]);
}

static void a_talk_outlives_the_daemon(void)
{
	char payload[4097];

	begin_journal();
	for (uint32_t i = 0; i < 200; i++) {
		guest_asks(XS_WRITE, i, "k\0v", 3);
		if (i % 3)
			kick();
		/* Before it was served, or when the answer waits. */
		die_and_revive();
		serve();
		CU_ASSERT_EQUAL(guest_answer(i, payload), XS_WRITE);
		CU_ASSERT_EQUAL(page.rsp_cons, page.rsp_prod);
		CU_ASSERT_EQUAL(page.req_cons, page.req_prod);
		dom->credit = 100000;
	}
	end_journal();
}

/*
 * It dies after the step and before the guest could see it: what it wrote into
 * the page is there or not, its indices are not.  A second MKDIR would do
 * nothing, but a second RM of the same says ENOENT.
 */
static void a_step_happens_once(void)
{
	uint32_t req_cons, rsp_prod;
	char payload[4097];

	begin_journal();
	for (uint32_t i = 0; i < 100; i++) {
		ROOT(XS_WRITE, "/local/domain/1/once");
		journal_commit(&d.xs);
		guest_asks(XS_RM, i, "once", 5);
		req_cons = page.req_cons;
		rsp_prod = page.rsp_prod;
		kick();
		page.rsp_prod = rsp_prod;
		if (i % 2)
			page.req_cons = req_cons;
		die_and_revive();
		serve();
		CU_ASSERT_EQUAL(guest_answer(i, payload), XS_RM);
		CU_ASSERT_EQUAL(page.rsp_cons, page.rsp_prod);
		CU_ASSERT_EQUAL(page.req_cons, page.req_prod);
		dom->credit = 100000;
	}
	end_journal();
}

static void half_a_request_outlives_the_daemon(void)
{
	const struct xsd_sockmsg head = { XS_READ, 9, 0, 2 };
	char payload[4097];

	begin_journal();
	guest_asks(XS_WRITE, 1, "k\0v", 3);
	kick();
	guest_answer(1, payload);
	guest_put(&head, 10);
	kick();
	/* The guest uses the space again that it was given back. */
	memset(page.req, 0xee, sizeof(page.req));
	die_and_revive();
	guest_put((const char *)&head + 10, sizeof(head) - 10);
	guest_put("k", 2);
	kick();
	CU_ASSERT_EQUAL(guest_answer(9, payload), XS_READ);
	CU_ASSERT_STRING_EQUAL(payload, "v");
	end_journal();
}

static void watches_outlive_the_daemon(void)
{
	struct xsd_sockmsg head;
	char payload[4097];

	begin_journal();
	guest_asks(XS_WATCH, 1, "x\0token", 8);
	kick();
	guest_answer(1, payload);
	guest_take(&head, sizeof(head));
	guest_take(payload, head.len);
	die_and_revive();
	ROOT(XS_WRITE, "/local/domain/1/x");
	serve();
	CU_ASSERT_EQUAL(guest_take(&head, sizeof(head)), sizeof(head));
	CU_ASSERT_EQUAL(head.type, XS_WATCH_EVENT);
	guest_take(payload, head.len);
	CU_ASSERT_STRING_EQUAL(payload, "x");
	end_journal();
}

/* ---- A guest that moves while it is served ---- */

/*
 * Like Linux, the guest sends an event only if all before these bytes had been
 * taken when it looked, or if the ring was full before it read.
 */
static bool guest_kicks;

static void guest_puts_as_linux(const void *data, size_t n)
{
	const uint32_t before = page.req_prod;

	guest_put(data, n);
	guest_kicks = before == page.req_cons;
}

static size_t guest_takes_as_linux(void *to, size_t max)
{
	const bool full = page.rsp_prod - page.rsp_cons == sizeof(page.rsp);
	const size_t n = guest_take(to, max);

	guest_kicks = full && n;
	return n;
}

static void put_the_rest(void)
{
	meanwhile = NULL;
	guest_puts_as_linux("none", 5);
}

static void the_rest_may_come_before_the_head_is_seen_taken(void)
{
	const struct xsd_sockmsg head = { XS_READ, 9, 0, 5 };
	char payload[4097];

	begin_journal();
	guest_put(&head, sizeof(head));
	meanwhile = put_the_rest;
	d.journal.room = 0;
	kick();
	/* It came in between, and nobody will send an event for it. */
	CU_ASSERT_PTR_NULL(meanwhile);
	CU_ASSERT(!guest_kicks);
	CU_ASSERT_EQUAL(guest_answer(9, payload), XS_ERROR);
	CU_ASSERT(d.loop.busy);
	end_journal();
}

static char payload_so_far[4097];
static size_t so_far;

static void guest_takes_more(size_t max)
{
	so_far += guest_takes_as_linux(payload_so_far + so_far, max);
}

static void take_300(void)
{
	meanwhile = NULL;
	guest_takes_more(300);
}

static void room_may_come_before_the_answer_is_seen(void)
{
	const struct xsd_sockmsg head = { XS_READ, 9, 0, 5 };
	char big[3100] = "/local/domain/1/big";
	size_t before;

	so_far = 0;
	memset(big + 20, 'b', sizeof(big) - 20);
	begin_journal();
	CU_ASSERT_EQUAL(as_root(XS_WRITE, big, sizeof(big)), XS_WRITE);
	guest_asks(XS_READ, 2, "big", 4);
	/* Half a request: it is kept once more after each piece. */
	guest_put(&head, sizeof(head));
	kick();
	guest_takes_more(500);
	CU_ASSERT(guest_kicks);
	meanwhile = take_300;
	d.journal.room = 0;
	kick();
	/* It saw 524 bytes, took 300, and nobody will send an event for it. */
	CU_ASSERT_PTR_NULL(meanwhile);
	CU_ASSERT_EQUAL(so_far, 800);
	CU_ASSERT(!guest_kicks);
	/* From now on it reads what there is, and sleeps. */
	do {
		before = so_far;
		guest_takes_more(sizeof(payload_so_far) - so_far);
		if (guest_kicks)
			kick();
	} while (so_far != before);
	CU_ASSERT_EQUAL(so_far, sizeof(head) + 3080);
	CU_ASSERT_EQUAL(payload_so_far[so_far - 1], 'b');
	end_journal();
}

/* Whoever asks without end has so many questions a second, and is deaf else. */
static void questions_without_end_wait(void)
{
	char payload[4097];
	unsigned int answers = 0;

	d.xs.quota.request_rate = 100;
	dom->requests = 10000;
	dom->credit_ms = d.loop.now_ms;
	for (uint32_t i = 0; i < 40; i++)
		guest_asks(XS_READ, i, "none", 5);
	kick();
	while (guest_answer(answers, payload) == XS_ERROR)
		answers++;
	CU_ASSERT_EQUAL(answers, 10);
	CU_ASSERT(!link_empty(&dom->conn->throttled));
	CU_ASSERT(ring_hold(&d, FAKE_PORT(5)));
	/* A tenth of a second later there are ten more. */
	d.loop.now_ms += 100;
	link_del(&dom->conn->throttled);
	CU_ASSERT_EQUAL(ring_unhold(dom->conn), FAKE_PORT(5));
	CU_ASSERT_EQUAL(ring_unhold(dom->conn), 0);
	CU_ASSERT(!ring_hold(&d, FAKE_PORT(5)));
	kick();
	while (guest_answer(answers, payload) == XS_ERROR)
		answers++;
	CU_ASSERT_EQUAL(answers, 20);
}

static void events_that_bring_nothing_are_held_back(void)
{
	char payload[4097];

	for (int i = 0; i < 64; i++)
		kick();
	CU_ASSERT(!ring_hold(&d, FAKE_PORT(5)));
	kick();
	CU_ASSERT(ring_hold(&d, FAKE_PORT(5)));
	/* After the pause there are a few more, unless one brings something. */
	for (int i = 0; i < 3; i++) {
		link_del(&dom->conn->throttled);
		CU_ASSERT_EQUAL(ring_unhold(dom->conn), FAKE_PORT(5));
		for (int j = 0; j < 4; j++)
			kick();
		CU_ASSERT(!ring_hold(&d, FAKE_PORT(5)));
		kick();
		CU_ASSERT(ring_hold(&d, FAKE_PORT(5)));
	}
	link_del(&dom->conn->throttled);
	ring_unhold(dom->conn);
	guest_asks(XS_READ, 1, "none", 5);
	kick();
	CU_ASSERT_EQUAL(guest_answer(1, payload), XS_ERROR);
	for (int i = 0; i < 64; i++)
		kick();
	CU_ASSERT(!ring_hold(&d, FAKE_PORT(5)));
}

CU_ErrorCode test_xs_ring_register(void)
{
#define T(f) { #f, f }
	static CU_TestInfo tests[] = {
		T(talk_goes_around_the_edge),
		T(many_requests_need_one_kick),
		T(a_request_may_come_in_pieces),
		T(a_large_answer_waits_for_room),
		T(a_request_that_is_too_long_ends_the_talk),
		T(bad_indices_end_the_talk),
		T(a_guest_that_breaks_it_without_end_fills_no_log),
		T(reconnecting_drops_what_was),
		T(introducing_again_takes_the_new_port),
		T(a_talk_outlives_the_daemon),
		T(a_step_happens_once),
		T(half_a_request_outlives_the_daemon),
		T(watches_outlive_the_daemon),
		T(the_rest_may_come_before_the_head_is_seen_taken),
		T(room_may_come_before_the_answer_is_seen),
		T(questions_without_end_wait),
		T(events_that_bring_nothing_are_held_back),
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "xs-ring", NULL, NULL, start, end, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
