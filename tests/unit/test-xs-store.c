/* SPDX-License-Identifier: MIT */
/*
 * The store's core, driven through its requests by made-up clients: no socket,
 * no ring, no hypervisor.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "xenstored/conn.h"
#include "xenstored/txn.h"
#include "xenstored/xs.h"

CU_ErrorCode test_xs_store_register(void);

static struct xs xs;
static struct conn root;	/* domain 0 */
static struct conn guest[8];	/* guest[n]: domain n, for n > 0 */
static bool exists[16];		/* what the hypervisor says */
static char reply[XENSTORE_PAYLOAD_MAX + 1];
static uint32_t reply_len;

static bool fake_exists(void *arg, uint32_t domid)
{
	(void)arg;
	return domid < 16 && exists[domid];
}

static void fake_service(struct conn *c)
{
	(void)c;
}

static const struct conn_ops ops = { .service = fake_service };

static int fake_introduce(void *arg, struct domain *d, uint32_t port)
{
	struct conn *c = &guest[d->domid];

	(void)arg;
	(void)port;
	if (d->conn)
		return 0;
	conn_init(c, &xs, d, false, &ops);
	sprintf(c->base, "/local/domain/%u", d->domid);
	d->conn = c;
	return 0;
}

static void fake_release(void *arg, struct domain *d)
{
	(void)arg;
	conn_fini(d->conn);
	d->conn = NULL;
}

static const struct xs_shell shell = {
	fake_exists, fake_introduce, fake_release, NULL,
};

static int setup(void)
{
	memset(exists, 0, sizeof(exists));
	if (xs_init(&xs, 12345, &shell))
		return 1;
	conn_init(&root, &xs, xs.dom0, true, &ops);
	return 0;
}

static int teardown(void)
{
	struct link *pos;

	CU_ASSERT_PTR_NULL(store_check(&xs));
	link_for_each(pos, &xs.domains) {
		struct domain *d = link_entry(pos, struct domain, link);

		if (d->conn)
			fake_release(NULL, d);
	}
	conn_fini(&root);
	xs_free(&xs);
	return 0;
}

/* Take the first message out of @c's output: its type, payload in reply. */
static int take(struct conn *c)
{
	struct xsd_sockmsg head;

	if (buf_len(&c->out) < sizeof(head))
		return -1;
	memcpy(&head, buf_head(&c->out), sizeof(head));
	memcpy(reply, buf_head(&c->out) + sizeof(head), head.len);
	reply[head.len] = 0;
	reply_len = head.len;
	conn_sent(c, sizeof(head) + head.len);
	return head.type;
}

static void swallow(struct conn *c)
{
	conn_sent(c, buf_len(&c->out));
}

static int ask_bytes(struct conn *c, uint32_t tx, int type, const char *bytes,
		     size_t len)
{
	struct xsd_sockmsg head = { type, 7, tx, len };

	swallow(c);
	conn_request(c, &head, bytes);
	return take(c);
}

/* Send @type with NUL-separated strings in @fmt ('|' stands for NUL). */
__attribute__((format(printf, 4, 5)))
static bool ask(struct conn *c, uint32_t tx, int type, const char *fmt, ...)
{
	char text[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (int i = 0; i < n; i++)
		if (text[i] == '|')
			text[i] = 0;
	return ask_bytes(c, tx, type, text, n) == type;
}

static bool is_error(const char *name)
{
	return !strcmp(reply, name);
}

#define OK(...)		CU_ASSERT(ask(__VA_ARGS__))
#define FAILS(err, ...)	\
	do { CU_ASSERT(!ask(__VA_ARGS__)); \
	     CU_ASSERT_STRING_EQUAL(reply, err); } while (0)
#define READS(c, tx, path, want)	\
	do { CU_ASSERT(ask(c, tx, XS_READ, path "|")); \
	     CU_ASSERT_STRING_EQUAL(reply, want); } while (0)

static struct conn *introduce(unsigned int domid)
{
	exists[domid] = true;
	OK(&root, 0, XS_MKDIR, "/local/domain/%u|", domid);
	OK(&root, 0, XS_SET_PERMS, "/local/domain/%u|n%u|", domid, domid);
	OK(&root, 0, XS_INTRODUCE, "%u|1|%u|", domid, domid + 10);
	xs.dom0->outstanding = 0;
	return &guest[domid];
}

/* The hypervisor forgets the domain, and says so. */
static void dies(unsigned int domid)
{
	exists[domid] = false;
	dom_scan_begin(&xs);
	for (unsigned int i = 1; i < 16; i++)
		if (exists[i])
			dom_scan_seen(&xs, i, false, false);
	dom_scan_end(&xs);
}

static uint32_t begin(struct conn *c)
{
	OK(c, 0, XS_TRANSACTION_START, "|");
	return atoi(reply);
}

/* The next waiting event's path, or "" */
static const char *event(struct conn *c)
{
	int type = take(c);

	if (type < 0)
		return "";
	return type == XS_WATCH_EVENT ? reply : "(a reply)";
}

/* ---- nodes ---- */

static void write_makes_parents_and_reads_back(void)
{
	OK(&root, 0, XS_WRITE, "/a/b/c|hello");
	CU_ASSERT_STRING_EQUAL(reply, "OK");
	READS(&root, 0, "/a/b/c", "hello");
	READS(&root, 0, "/a/b", "");
	OK(&root, 0, XS_WRITE, "/a/b/c|");
	READS(&root, 0, "/a/b/c", "");
	OK(&root, 0, XS_DIRECTORY, "/a|");
	CU_ASSERT_EQUAL(reply_len, 2);
	CU_ASSERT_STRING_EQUAL(reply, "b");
	FAILS("ENOENT", &root, 0, XS_READ, "/a/x|");
	FAILS("ENOENT", &root, 0, XS_DIRECTORY, "/x/y/z|");
}

static void rm_takes_the_subtree(void)
{
	OK(&root, 0, XS_WRITE, "/a/b/c|1");
	OK(&root, 0, XS_WRITE, "/a/d|1");
	OK(&root, 0, XS_RM, "/a|");
	FAILS("ENOENT", &root, 0, XS_READ, "/a/b/c|");
	/* Again: the parent is there, so that is fine. */
	OK(&root, 0, XS_RM, "/a|");
	FAILS("ENOENT", &root, 0, XS_RM, "/x/y|");
	FAILS("EINVAL", &root, 0, XS_RM, "/|");
}

static void mkdir_keeps_what_is_there(void)
{
	OK(&root, 0, XS_WRITE, "/a|v");
	OK(&root, 0, XS_MKDIR, "/a|");
	READS(&root, 0, "/a", "v");
}

static void bad_requests_are_refused(void)
{
	char deep[4200];

	FAILS("EINVAL", &root, 0, XS_READ, "/a/|");
	FAILS("EINVAL", &root, 0, XS_READ, "//a|");
	FAILS("EINVAL", &root, 0, XS_READ, "/a b|");
	FAILS("EINVAL", &root, 0, XS_READ, "/a");
	FAILS("EINVAL", &root, 0, XS_READ, "|");
	FAILS("EINVAL", &root, 0, XS_READ, "/|/|");
	FAILS("EINVAL", &root, 0, XS_READ, "relative|");
	FAILS("EINVAL", &root, 0, XS_READ, "@releaseDomain|");
	FAILS("EINVAL", &root, 0, XS_WRITE, "@x|1");
	FAILS("EINVAL", &root, 0, XS_WRITE, "/a");
	FAILS("ENOSYS", &root, 0, 20, "/|");
	FAILS("ENOSYS", &root, 0, 99, "/|");
	FAILS("ENOSYS", &root, 0, XS_WATCH_EVENT, "/|x|");
	FAILS("ENOENT", &root, 77, XS_READ, "/|");
	FAILS("EINVAL", &root, 0, XS_SET_PERMS, "/tool|x0|");
	FAILS("EINVAL", &root, 0, XS_SET_PERMS, "/tool|");
	FAILS("EINVAL", &root, 0, XS_SET_PERMS, "/tool|r99999|");
	memset(deep, 'a', sizeof(deep));
	deep[0] = '/';
	deep[3072] = 0;
	FAILS("EINVAL", &root, 0, XS_WRITE, "%s|x", deep);
	deep[2048] = 0;
	OK(&root, 0, XS_WRITE, "%s|x", deep);
}

static void long_lists_come_in_parts(void)
{
	unsigned int names = 0, offset = 0;
	char gen[32] = "";

	for (int i = 0; i < 1500; i++)
		OK(&root, 0, XS_WRITE, "/big/%04d|", i);
	FAILS("E2BIG", &root, 0, XS_DIRECTORY, "/big|");
	for (;;) {
		const char *s;

		OK(&root, 0, XS_DIRECTORY_PART, "/big|%u|", offset);
		if (!gen[0])
			strcpy(gen, reply);
		CU_ASSERT_STRING_EQUAL(reply, gen);
		for (s = reply + strlen(reply) + 1;
		     s < reply + reply_len && *s; s += strlen(s) + 1) {
			CU_ASSERT_EQUAL(atoi(s), (int)names);
			names++;
			offset += strlen(s) + 1;
		}
		/* An empty name ends the last part. */
		if (s < reply + reply_len)
			break;
	}
	CU_ASSERT_EQUAL(names, 1500);
}

/* ---- permissions ---- */

static void a_guest_sees_only_what_it_may(void)
{
	struct conn *g = introduce(1);

	OK(&root, 0, XS_WRITE, "/secret/x|1");
	OK(&root, 0, XS_WRITE, "/shown|1");
	OK(&root, 0, XS_SET_PERMS, "/shown|n0|r1|");
	FAILS("EACCES", g, 0, XS_READ, "/secret/x|");
	/* No difference between what is hidden and what is not there. */
	FAILS("EACCES", g, 0, XS_READ, "/secret/y|");
	READS(g, 0, "/shown", "1");
	FAILS("EACCES", g, 0, XS_WRITE, "/shown|2");
	FAILS("EACCES", g, 0, XS_RM, "/shown|");
	FAILS("ENOENT", g, 0, XS_READ, "/shown/none|");
	OK(g, 0, XS_WRITE, "data/k|v");
	READS(&root, 0, "/local/domain/1/data/k", "v");
	OK(&root, 0, XS_GET_PERMS, "/local/domain/1/data/k|");
	CU_ASSERT_STRING_EQUAL(reply, "n1");
	FAILS("EACCES", g, 0, XS_INTRODUCE, "2|1|1|");
	FAILS("EACCES", g, 0, XS_IS_DOMAIN_INTRODUCED, "1|");
	FAILS("EACCES", g, 0, XS_CONTROL, "check|");
	OK(g, 0, XS_GET_DOMAIN_PATH, "5|");
	CU_ASSERT_STRING_EQUAL(reply, "/local/domain/5");
}

static void only_the_privileged_give_nodes_away(void)
{
	struct conn *g = introduce(1);

	introduce(2);
	OK(g, 0, XS_WRITE, "mine|x");
	FAILS("EPERM", g, 0, XS_SET_PERMS, "mine|n2|");
	OK(g, 0, XS_SET_PERMS, "mine|n1|r2|");
	READS(&guest[2], 0, "/local/domain/1/mine", "x");
	FAILS("EACCES", &guest[2], 0, XS_SET_PERMS,
	      "/local/domain/1/mine|n2|");
}

static void rights_do_not_outlive_a_domain(void)
{
	introduce(1);
	OK(&root, 0, XS_WRITE, "/k|secret");
	OK(&root, 0, XS_SET_PERMS, "/k|n0|r1|");
	READS(&guest[1], 0, "/k", "secret");
	dies(1);
	introduce(1);
	FAILS("EACCES", &guest[1], 0, XS_READ, "/k|");
	OK(&root, 0, XS_GET_PERMS, "/k|");
	CU_ASSERT_STRING_EQUAL(reply, "n0");
	/* A right given for nobody alive is nobody's. */
	exists[3] = false;
	OK(&root, 0, XS_SET_PERMS, "/k|n0|r3|");
	introduce(3);
	FAILS("EACCES", &guest[3], 0, XS_READ, "/k|");
}

static void nodes_go_with_their_owner(void)
{
	struct conn *g = introduce(1);

	OK(g, 0, XS_WRITE, "a/b/c|1");
	OK(&root, 0, XS_WRITE, "/pool|");
	OK(&root, 0, XS_SET_PERMS, "/pool|b0|");
	OK(g, 0, XS_WRITE, "/pool/x|1");
	dies(1);
	FAILS("ENOENT", &root, 0, XS_READ, "/pool/x|");
	FAILS("ENOENT", &root, 0, XS_READ, "/local/domain/1|");
	READS(&root, 0, "/pool", "");
}

static void a_target_lends_its_rights(void)
{
	introduce(1);
	introduce(2);
	OK(&root, 0, XS_WRITE, "/local/domain/1/x|1");
	FAILS("EACCES", &guest[2], 0, XS_READ, "/local/domain/1/x|");
	OK(&root, 0, XS_SET_TARGET, "2|1|");
	READS(&guest[2], 0, "/local/domain/1/x", "1");
	FAILS("EINVAL", &root, 0, XS_SET_TARGET, "2|0|");
}

/* ---- watches ---- */

static void a_watch_hears_changes_at_and_below(void)
{
	struct conn *g = introduce(1);

	OK(&root, 0, XS_WATCH, "/w|tok|");
	CU_ASSERT_STRING_EQUAL(event(&root), "/w");
	CU_ASSERT_STRING_EQUAL(reply + 3, "tok");
	FAILS("EEXIST", &root, 0, XS_WATCH, "/w|tok|");
	OK(&root, 0, XS_WRITE, "/w/x/y|1");
	CU_ASSERT_STRING_EQUAL(event(&root), "/w/x/y");
	OK(&root, 0, XS_WRITE, "/ww|1");
	CU_ASSERT_STRING_EQUAL(event(&root), "");
	OK(&root, 0, XS_SET_PERMS, "/w/x|r0|");
	CU_ASSERT_STRING_EQUAL(event(&root), "/w/x");
	OK(&root, 0, XS_UNWATCH, "/w|tok|");
	FAILS("ENOENT", &root, 0, XS_UNWATCH, "/w|tok|");
	OK(&root, 0, XS_WRITE, "/w/x/y|1");
	CU_ASSERT_STRING_EQUAL(event(&root), "");
	/* A relative watch gets relative paths. */
	OK(g, 0, XS_WATCH, "device|t|");
	CU_ASSERT_STRING_EQUAL(event(g), "device");
	OK(g, 0, XS_WRITE, "/local/domain/1/device/vbd|1");
	CU_ASSERT_STRING_EQUAL(event(g), "device/vbd");
}

static void removal_fires_above_and_exactly_below(void)
{
	OK(&root, 0, XS_WRITE, "/t/a/b|1");
	OK(&root, 0, XS_WRITE, "/t/a/c|1");
	OK(&root, 0, XS_WATCH, "/t|top|");
	event(&root);
	OK(&root, 0, XS_WATCH, "/t/a/b|exact|");
	event(&root);
	OK(&root, 0, XS_WATCH, "/t/a/none|none|");
	event(&root);
	OK(&root, 0, XS_RM, "/t/a|");
	CU_ASSERT_STRING_EQUAL(event(&root), "/t/a");
	CU_ASSERT_STRING_EQUAL(event(&root), "/t/a/b");
	CU_ASSERT_STRING_EQUAL(event(&root), "");
}

static void events_need_the_right_to_read(void)
{
	struct conn *g = introduce(1);

	OK(&root, 0, XS_WRITE, "/p/q|1");
	OK(g, 0, XS_WATCH, "/p|t|");
	event(g);
	OK(g, 0, XS_WATCH, "@releaseDomain|t|");
	event(g);
	OK(&root, 0, XS_WRITE, "/p/q|2");
	CU_ASSERT_STRING_EQUAL(event(g), "");
	OK(&root, 0, XS_SET_PERMS, "/p/q|n0|r1|");
	CU_ASSERT_STRING_EQUAL(event(g), "/p/q");
	/* Losing the right is the last thing it hears. */
	OK(&root, 0, XS_SET_PERMS, "/p/q|n0|");
	CU_ASSERT_STRING_EQUAL(event(g), "/p/q");
	OK(&root, 0, XS_RM, "/p/q|");
	CU_ASSERT_STRING_EQUAL(event(g), "");
	introduce(2);
	dies(2);
	CU_ASSERT_STRING_EQUAL(event(g), "");
	OK(&root, 0, XS_SET_PERMS, "@releaseDomain|n0|r1|");
	event(g);
	introduce(3);
	dies(3);
	CU_ASSERT_STRING_EQUAL(event(g), "@releaseDomain");
}

static void special_events_come_once(void)
{
	OK(&root, 0, XS_WATCH, "@introduceDomain|i|");
	event(&root);
	OK(&root, 0, XS_WATCH, "@releaseDomain|r|");
	event(&root);
	exists[1] = true;
	OK(&root, 0, XS_INTRODUCE, "1|1|5|");
	CU_ASSERT_STRING_EQUAL(event(&root), "@introduceDomain");
	/* A shutdown is reported once, until RESUME. */
	for (int i = 0; i < 2; i++) {
		dom_scan_begin(&xs);
		dom_scan_seen(&xs, 1, false, true);
		dom_scan_end(&xs);
	}
	CU_ASSERT_STRING_EQUAL(event(&root), "@releaseDomain");
	CU_ASSERT_STRING_EQUAL(event(&root), "");
	OK(&root, 0, XS_RESUME, "1|");
	dom_scan_begin(&xs);
	dom_scan_seen(&xs, 1, false, true);
	dom_scan_end(&xs);
	CU_ASSERT_STRING_EQUAL(event(&root), "@releaseDomain");
	OK(&root, 0, XS_IS_DOMAIN_INTRODUCED, "1|");
	CU_ASSERT_STRING_EQUAL(reply, "T");
	dies(1);
	CU_ASSERT_STRING_EQUAL(event(&root), "@releaseDomain");
	OK(&root, 0, XS_IS_DOMAIN_INTRODUCED, "1|");
	CU_ASSERT_STRING_EQUAL(reply, "F");
	FAILS("ENOENT", &root, 0, XS_RESUME, "1|");
	FAILS("ENOENT", &root, 0, XS_INTRODUCE, "1|1|5|");
}

static void equal_pending_events_are_one(void)
{
	struct conn *g = introduce(1);

	OK(&root, 0, XS_WATCH, "/local/domain/1|t|");
	swallow(&root);
	for (int i = 0; i < 50; i++)
		OK(g, 0, XS_WRITE, "k|%d", i);
	CU_ASSERT_STRING_EQUAL(event(&root), "/local/domain/1/k");
	CU_ASSERT_STRING_EQUAL(event(&root), "");
	CU_ASSERT_EQUAL(xs.dom0->outstanding, 0);
	CU_ASSERT_EQUAL(guest[1].dom->outstanding, 0);
}

static void oversized_events_are_dropped(void)
{
	char path[2100], token[2100];

	memset(path, 'p', sizeof(path));
	memset(token, 't', sizeof(token));
	path[0] = '/';
	path[1000] = token[2000] = 0;
	OK(&root, 0, XS_WATCH, "%s|%s|", path, token);
	CU_ASSERT_STRING_EQUAL(event(&root), path);
	path[1000] = '/';
	path[2048] = 0;
	OK(&root, 0, XS_WRITE, "%s|x", path);
	CU_ASSERT(strlen(path) + strlen(token) + 2 <= 4096);
	CU_ASSERT_STRING_EQUAL(event(&root), path);
	/* Local paths may be longer, and then the sum is too much. */
	introduce(1);
	memset(token, 't', 2090);
	token[2090] = 0;
	OK(&root, 0, XS_WATCH, "/local/domain/1|%s|", token);
	event(&root);
	OK(&root, 0, XS_WRITE, "/local/domain/1%s|x", path);
	CU_ASSERT_STRING_EQUAL(event(&root), "");
}

static void reset_watches_drops_all(void)
{
	struct conn *g = introduce(1);
	uint32_t tx;

	OK(g, 0, XS_WATCH, "a|t|");
	tx = begin(g);
	OK(g, tx, XS_WRITE, "a|1");
	OK(g, tx, XS_RESET_WATCHES, "|");
	CU_ASSERT_EQUAL(g->nr_watches, 0);
	FAILS("ENOENT", g, tx, XS_TRANSACTION_END, "T|");
	FAILS("ENOENT", g, 0, XS_READ, "a|");
}

/* ---- transactions ---- */

static void a_transaction_is_seen_only_inside(void)
{
	uint32_t tx;

	OK(&root, 0, XS_WRITE, "/t/a|old");
	OK(&root, 0, XS_WATCH, "/t|w|");
	event(&root);
	tx = begin(&root);
	FAILS("EBUSY", &root, tx, XS_TRANSACTION_START, "|");
	OK(&root, tx, XS_WRITE, "/t/a|new");
	OK(&root, tx, XS_WRITE, "/t/b/c|1");
	READS(&root, tx, "/t/a", "new");
	READS(&root, 0, "/t/a", "old");
	OK(&root, tx, XS_DIRECTORY, "/t|");
	CU_ASSERT_EQUAL(reply_len, 4);
	OK(&root, 0, XS_DIRECTORY, "/t|");
	CU_ASSERT_EQUAL(reply_len, 2);
	CU_ASSERT_STRING_EQUAL(event(&root), "");
	OK(&root, tx, XS_TRANSACTION_END, "T|");
	CU_ASSERT_STRING_EQUAL(event(&root), "/t/a");
	CU_ASSERT_STRING_EQUAL(event(&root), "/t/b/c");
	CU_ASSERT_STRING_EQUAL(event(&root), "");
	READS(&root, 0, "/t/a", "new");
	READS(&root, 0, "/t/b/c", "1");
	FAILS("ENOENT", &root, tx, XS_TRANSACTION_END, "T|");
	tx = begin(&root);
	OK(&root, tx, XS_RM, "/t|");
	OK(&root, tx, XS_TRANSACTION_END, "F|");
	READS(&root, 0, "/t/a", "new");
}

static void what_was_read_must_still_be_so(void)
{
	uint32_t tx;

	OK(&root, 0, XS_WRITE, "/r|1");
	tx = begin(&root);
	READS(&root, tx, "/r", "1");
	OK(&root, 0, XS_WRITE, "/r|2");
	OK(&root, tx, XS_WRITE, "/out|1");
	FAILS("EAGAIN", &root, tx, XS_TRANSACTION_END, "T|");
	FAILS("ENOENT", &root, 0, XS_READ, "/out|");
	/* The same for what was not there, */
	tx = begin(&root);
	FAILS("ENOENT", &root, tx, XS_READ, "/none/x|");
	OK(&root, 0, XS_WRITE, "/none|");
	FAILS("EAGAIN", &root, tx, XS_TRANSACTION_END, "T|");
	/* and for a list of children. */
	tx = begin(&root);
	OK(&root, tx, XS_DIRECTORY, "/none|");
	OK(&root, 0, XS_WRITE, "/none/y|");
	FAILS("EAGAIN", &root, tx, XS_TRANSACTION_END, "T|");
	tx = begin(&root);
	OK(&root, tx, XS_DIRECTORY, "/none|");
	OK(&root, 0, XS_WRITE, "/none/y|value");
	OK(&root, tx, XS_TRANSACTION_END, "T|");
}

static void different_children_do_not_conflict(void)
{
	uint32_t a, b;

	OK(&root, 0, XS_MKDIR, "/d|");
	a = begin(&root);
	b = begin(&root);
	OK(&root, a, XS_WRITE, "/d/a/x|1");
	OK(&root, b, XS_WRITE, "/d/b/x|1");
	OK(&root, a, XS_TRANSACTION_END, "T|");
	OK(&root, b, XS_TRANSACTION_END, "T|");
	READS(&root, 0, "/d/a/x", "1");
	READS(&root, 0, "/d/b/x", "1");
	/* The same child does. */
	a = begin(&root);
	b = begin(&root);
	OK(&root, a, XS_WRITE, "/d/c|1");
	OK(&root, b, XS_WRITE, "/d/c|2");
	OK(&root, a, XS_TRANSACTION_END, "T|");
	FAILS("EAGAIN", &root, b, XS_TRANSACTION_END, "T|");
}

static void remove_and_make_again_inside(void)
{
	uint32_t tx;

	OK(&root, 0, XS_WRITE, "/m/a/x|1");
	OK(&root, 0, XS_WRITE, "/m/b|1");
	tx = begin(&root);
	OK(&root, tx, XS_WRITE, "/m/a/y|1");
	OK(&root, tx, XS_RM, "/m/a|");
	FAILS("ENOENT", &root, tx, XS_READ, "/m/a/x|");
	FAILS("ENOENT", &root, tx, XS_READ, "/m/a/y|");
	OK(&root, tx, XS_DIRECTORY, "/m|");
	CU_ASSERT_STRING_EQUAL(reply, "b");
	CU_ASSERT_EQUAL(reply_len, 2);
	OK(&root, tx, XS_WRITE, "/m/a/y|2");
	OK(&root, tx, XS_WRITE, "/m/a|dir");
	OK(&root, tx, XS_DIRECTORY, "/m/a|");
	CU_ASSERT_STRING_EQUAL(reply, "y");
	CU_ASSERT_EQUAL(reply_len, 2);
	OK(&root, tx, XS_TRANSACTION_END, "T|");
	READS(&root, 0, "/m/a", "dir");
	READS(&root, 0, "/m/a/y", "2");
	FAILS("ENOENT", &root, 0, XS_READ, "/m/a/x|");
	/* Made and removed inside: nothing happened. */
	tx = begin(&root);
	OK(&root, tx, XS_WRITE, "/m/z/z|1");
	OK(&root, tx, XS_RM, "/m/z|");
	OK(&root, tx, XS_TRANSACTION_END, "T|");
	FAILS("ENOENT", &root, 0, XS_READ, "/m/z|");
}

static void permissions_change_with_the_commit(void)
{
	struct conn *g = introduce(1);
	uint32_t tx = begin(&root);

	OK(&root, tx, XS_WRITE, "/pp|1");
	OK(&root, tx, XS_SET_PERMS, "/pp|n0|r1|");
	FAILS("EACCES", g, 0, XS_READ, "/pp|");
	OK(&root, tx, XS_TRANSACTION_END, "T|");
	READS(g, 0, "/pp", "1");
	tx = begin(&root);
	OK(&root, tx, XS_SET_PERMS, "/pp|n1|");
	OK(&root, tx, XS_GET_PERMS, "/pp|");
	CU_ASSERT_STRING_EQUAL(reply, "n1");
	OK(&root, tx, XS_TRANSACTION_END, "T|");
	OK(g, 0, XS_WRITE, "/pp|2");
	CU_ASSERT_EQUAL(g->dom->nr_nodes, 2);
}

/* ---- limits ---- */

static void a_guest_meets_its_limits(void)
{
	struct conn *g = introduce(1);
	char big[2100];
	uint32_t tx;
	int n;

	g->dom->credit = g->dom->requests = INT32_MAX;
	for (n = 0; ask(g, 0, XS_WRITE, "n/%d/%d|", n / 100, n); n++)
		;
	CU_ASSERT(is_error("ENOSPC"));
	CU_ASSERT_EQUAL(g->dom->nr_nodes, 1000);
	OK(g, 0, XS_RM, "n|");
	CU_ASSERT_EQUAL(g->dom->nr_nodes, 1);
	memset(big, 'v', sizeof(big));
	big[2041] = 0;
	FAILS("ENOSPC", g, 0, XS_WRITE, "v|%s", big);
	big[2040] = 0;
	OK(g, 0, XS_WRITE, "v|%s", big);
	for (n = 0; ask(g, 0, XS_WATCH, "x|%d|", n); n++)
		;
	CU_ASSERT(is_error("E2BIG"));
	CU_ASSERT_EQUAL(n, 128);
	for (n = 0; ask(g, 0, XS_TRANSACTION_START, "|"); n++)
		;
	CU_ASSERT(is_error("ENOSPC"));
	CU_ASSERT_EQUAL(n, 10);
	OK(g, 0, XS_RESET_WATCHES, "|");
	tx = begin(g);
	for (n = 0; !ask(g, tx, XS_READ, "none/%d|", n); n++)
		if (is_error("ENOSPC"))
			break;
	CU_ASSERT(n <= 1024 && n > 500);
	FAILS("ENOSPC", g, tx, XS_TRANSACTION_END, "T|");
	FAILS("ENOSPC", g, 0, XS_SET_PERMS, "v|n1|r2|r3|r4|r5|r6|");
	OK(&root, 0, XS_RM, "/local/domain/1|");
	swallow(g);
	buf_free(&g->out);
	CU_ASSERT(g->dom->mem < 65536);
}

static void a_guest_cannot_hold_too_much_memory(void)
{
	struct conn *g = introduce(1);
	char big[1900];
	int n;

	memset(big, 'v', sizeof(big));
	big[sizeof(big) - 1] = 0;
	xs.quota.nodes = 100000;
	for (n = 0; ask(g, 0, XS_WRITE, "m/%d/%d|%s", n / 50, n, big); n++)
		;
	CU_ASSERT(is_error("ENOMEM"));
	CU_ASSERT(n > 1000 && n < 1400);
	CU_ASSERT(g->dom->mem <= xs.quota.mem_hard + 8192);
}

/* What a transaction holds counts as much as what it will become. */
static void a_transaction_s_nodes_are_memory(void)
{
	struct conn *g = introduce(1);
	const int64_t node = sizeof(struct node), change = sizeof(struct tnode);
	int64_t before = g->dom->mem, held;
	uint32_t tx = begin(g);

	for (int n = 0; n < 500; n++)
		OK(g, tx, XS_WRITE, "t/%d|", n);
	held = g->dom->mem;
	CU_ASSERT(held - before >= 500 * (node + change));
	OK(g, tx, XS_RM, "t|");
	CU_ASSERT(held - g->dom->mem >= 500 * node);
	OK(g, tx, XS_TRANSACTION_END, "F|");
	CU_ASSERT(held - g->dom->mem >= 500 * (node + change));
	/* The same, kept: then they are nodes, and no more. */
	before = g->dom->mem;
	tx = begin(g);
	for (int n = 0; n < 500; n++)
		OK(g, tx, XS_WRITE, "t/%d|", n);
	OK(g, tx, XS_TRANSACTION_END, "T|");
	held = g->dom->mem - before;
	CU_ASSERT(held >= 500 * node && held < 500 * (node + 16) + 8192);
}

static void writes_are_paid_for(void)
{
	struct conn *g = introduce(1);
	int n = 0;

	xs.quota.request_burst = 1000000;
	g->dom->requests = 1000000000;
	/* The burst and the common reserve, and not one more. */
	while (conn_may_read(g, 1000) && n < 5000) {
		OK(g, 0, XS_WRITE, "k|%d", n++);
		swallow(&root);
	}
	CU_ASSERT_EQUAL(n, 10 + 1000);
	CU_ASSERT(!link_empty(&g->throttled));
	link_del(&g->throttled);
	/* A tenth of a second later: a tenth of the rate. */
	for (n = 0; conn_may_read(g, 1100); n++)
		OK(g, 0, XS_WRITE, "k|%d", n);
	CU_ASSERT_EQUAL(n, 20);
	/* Reading is free. */
	CU_ASSERT(conn_may_read(g, 1200));
	for (n = 0; n < 100; n++)
		ask(g, 0, XS_READ, "k|");
	CU_ASSERT(conn_may_read(g, 1200));
}

static void unread_events_hold_their_cause(void)
{
	struct conn *g = introduce(1);
	int n = 0;

	OK(&root, 0, XS_WATCH, "/local/domain/1|t|");
	swallow(&root);
	while (conn_may_read(g, 1) && n < 100)
		OK(g, 0, XS_WRITE, "k%d|", n++);
	CU_ASSERT_EQUAL(n, 20);
	link_del(&g->dirty);
	CU_ASSERT_STRING_EQUAL(event(&root), "/local/domain/1/k0");
	/* Read by one: the guest is looked at again. */
	CU_ASSERT(!link_empty(&g->dirty));
	CU_ASSERT(conn_may_read(g, 1));
	/* Or the reader sleeps for too long: then it is his problem alone. */
	OK(g, 0, XS_WRITE, "k%d|", n);
	CU_ASSERT(!conn_may_read(g, 1));
	conn_stalled(&root, 1);
	conn_stalled(&root, 20000);
	CU_ASSERT(!conn_may_read(g, 1));
	conn_stalled(&root, 20001);
	CU_ASSERT(conn_may_read(g, 1));
	CU_ASSERT(buf_len(&root.out) > 19 * WIRE_HEAD);
}

static void a_guest_that_does_not_read_loses_events(void)
{
	struct conn *g = introduce(1);
	struct xsd_sockmsg head = { .type = XS_READ, .len = 2 };

	OK(g, 0, XS_WATCH, "a|t|");
	swallow(g);
	for (int i = 0; i < 10; i++)
		OK(&root, 0, XS_WRITE, "/local/domain/1/a/%d|", i);
	conn_request(g, &head, "a");
	OK(&root, 0, XS_WRITE, "/local/domain/1/a/99|");
	conn_sent(g, 3);	/* part of the first event is gone already */
	conn_stalled(g, 5);
	conn_stalled(g, 30000);
	conn_sent(g, WIRE_HEAD + 6 - 3);
	CU_ASSERT_EQUAL(take(g), XS_READ);
	CU_ASSERT_EQUAL(take(g), -1);
}

static void control_answers(void)
{
	OK(&root, 0, XS_CONTROL, "check|");
	CU_ASSERT_STRING_EQUAL(reply, "OK");
	OK(&root, 0, XS_CONTROL, "quota|nodes|7|");
	CU_ASSERT_EQUAL(xs.quota.nodes, 7);
	FAILS("EINVAL", &root, 0, XS_CONTROL, "quota|nonsense|7|");
	OK(&root, 0, XS_CONTROL, "quota|");
	OK(&root, 0, XS_CONTROL, "memreport|");
	FAILS("EINVAL", &root, 0, XS_CONTROL, "nonsense|");
	CU_ASSERT_EQUAL(ask_bytes(&root, 0, XS_CONTROL, "", 0), XS_ERROR);
}

static void a_hundred_domains_leave_nothing(void)
{
	const uint32_t nodes = xs.store.nr_nodes;
	const uint32_t points = xs.watches.nr_points;

	for (int i = 0; i < 100; i++) {
		struct conn *g = introduce(1 + i % 3);
		uint32_t tx = begin(g);

		OK(g, 0, XS_WATCH, "a|t|");
		OK(g, tx, XS_WRITE, "a/b|1");
		if (i & 1)
			OK(g, tx, XS_TRANSACTION_END, "T|");
		if (i % 3 == 0)
			OK(&root, 0, XS_RELEASE, "%d|", 1 + i % 3);
		dies(1 + i % 3);
		OK(&root, 0, XS_RM, "/local/domain/%d|", 1 + i % 3);
	}
	CU_ASSERT_EQUAL(xs.store.nr_nodes, nodes);
	CU_ASSERT_EQUAL(xs.watches.nr_points, points);
	CU_ASSERT_EQUAL(xs.nr_domains, 1);
}

#define T(f) { #f, f }
static CU_TestInfo tests[] = {
	T(write_makes_parents_and_reads_back),
	T(rm_takes_the_subtree),
	T(mkdir_keeps_what_is_there),
	T(bad_requests_are_refused),
	T(long_lists_come_in_parts),
	T(a_guest_sees_only_what_it_may),
	T(only_the_privileged_give_nodes_away),
	T(rights_do_not_outlive_a_domain),
	T(nodes_go_with_their_owner),
	T(a_target_lends_its_rights),
	T(a_watch_hears_changes_at_and_below),
	T(removal_fires_above_and_exactly_below),
	T(events_need_the_right_to_read),
	T(special_events_come_once),
	T(equal_pending_events_are_one),
	T(oversized_events_are_dropped),
	T(reset_watches_drops_all),
	T(a_transaction_is_seen_only_inside),
	T(what_was_read_must_still_be_so),
	T(different_children_do_not_conflict),
	T(remove_and_make_again_inside),
	T(permissions_change_with_the_commit),
	T(a_guest_meets_its_limits),
	T(a_guest_cannot_hold_too_much_memory),
	T(a_transaction_s_nodes_are_memory),
	T(writes_are_paid_for),
	T(unread_events_hold_their_cause),
	T(a_guest_that_does_not_read_loses_events),
	T(control_answers),
	T(a_hundred_domains_leave_nothing),
	CU_TEST_INFO_NULL,
};

static void each_setup(void)
{
	setup();
}

static void each_teardown(void)
{
	teardown();
}

CU_ErrorCode test_xs_store_register(void)
{
	CU_SuiteInfo suites[] = {
		{ "xs-store", NULL, NULL, each_setup, each_teardown, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
