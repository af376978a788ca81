/* SPDX-License-Identifier: MIT */
/*
 * The store's journal: whatever is done, and wherever the daemon dies, the
 * next one has the same tree, owners, permissions, watches and output, for
 * every step that was committed, and nothing of one that was not.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "xenstored/conn.h"
#include "xenstored/journal.h"
#include "xenstored/txn.h"
#include "xenstored/xs.h"

CU_ErrorCode test_xs_journal_register(void);

#define AREA	(8u << 20)
#define GUESTS	4

/* Two worlds: the daemon that dies, and the one that comes. */
static struct world {
	struct xs xs;
	struct conn conn[GUESTS];	/* rings; [0] is the kernel's of domain 0 */
	struct conn client;		/* of the socket */
	struct journal j;
} old, new;
static uint32_t ports[GUESTS];
static bool damaged;		/* on purpose */

static bool fake_exists(void *arg, uint32_t domid)
{
	(void)arg;
	return domid < GUESTS;
}

static void fake_service(struct conn *c)
{
	(void)c;
}

/* The request counter stands in for a ring's position. */
static uint32_t taken[GUESTS];

static void fake_keep(struct conn *c)
{
	journal_ring(c, 70 + c->dom->domid, (uint32_t)c->out_done + 5, false);
	journal_taken(c, taken[c->dom->domid], NULL, 0);
}

static const struct conn_ops ring_ops = { fake_service, fake_keep };
static const struct conn_ops client_ops = { fake_service, NULL };

static struct conn *fake_conn(void *arg, struct domain *d)
{
	struct world *w = arg;
	struct conn *c = &w->conn[d->domid];

	conn_init(c, &w->xs, d, d->domid == 0, &ring_ops);
	sprintf(c->base, "/local/domain/%u", d->domid);
	d->conn = c;
	return c;
}

static int fake_introduce(void *arg, struct domain *d, uint32_t port)
{
	(void)port;
	if (!d->conn) {
		fake_conn(arg, d);
		fake_keep(d->conn);
	}
	return 0;
}

static void fake_release(void *arg, struct domain *d)
{
	(void)arg;
	conn_fini(d->conn);
	d->conn = NULL;
}

static void fake_ring(void *arg, struct domain *d,
		      const struct journal_revival *r)
{
	(void)arg;
	ports[d->domid] = r->port;
	taken[d->domid] = r->req_cons;
	CU_ASSERT(damaged || (r->bias == 5 && !r->broken));
}

static bool fake_grow(void *arg, unsigned int i, size_t n)
{
	struct world *w = arg;

	(void)i;
	w->j.room = AREA;
	return n <= AREA;
}

static void fake_leave(void *arg, unsigned int i)
{
	struct world *w = arg;

	/* Its head may be looked at, and nothing behind it. */
	memset(w->j.area[i] + 1, 0xa5, AREA - sizeof(*w->j.area[i]));
}

static struct xs_shell old_shell = {
	fake_exists, fake_introduce, fake_release, &old,
};
static struct xs_shell new_shell = {
	fake_exists, fake_introduce, fake_release, &new,
};

static void begin(void)
{
	memset(&old, 0, sizeof(old));
	CU_ASSERT_FATAL(!xs_init(&old.xs, 12345, &old_shell));
	for (int i = 0; i < 2; i++)
		old.j.area[i] = calloc(1, AREA);
	old.j.grow = fake_grow;
	old.j.leave = fake_leave;
	old.j.arg = &old;
	old.j.soft = 4096;		/* turn often */
	fake_conn(&old, old.xs.dom0);
	conn_init(&old.client, &old.xs, old.xs.dom0, true, &client_ops);
	journal_start(&old.xs, &old.j);
}

static void end_world(struct world *w)
{
	struct link *pos;

	w->xs.journal = NULL;
	link_for_each(pos, &w->xs.domains) {
		struct domain *d = link_entry(pos, struct domain, link);

		if (d->conn)
			fake_release(w, d);
	}
	xs_free(&w->xs);
}

static void end(void)
{
	conn_fini(&old.client);
	end_world(&old);
	free(old.j.area[0]);
	free(old.j.area[1]);
}

/* The old daemon is dead: what the new one finds. */
static void revive(void)
{
	const struct journal_reader reader = { fake_conn, fake_ring, &new };
	unsigned int now = journal_valid(old.j.area[1], AREA) >
			   journal_valid(old.j.area[0], AREA);

	memset(&new, 0, sizeof(new));
	memset(ports, 0, sizeof(ports));
	CU_ASSERT_FATAL(!xs_init(&new.xs, 999, &new_shell));
	CU_ASSERT_FATAL(journal_valid(old.j.area[now], AREA) != 0);
	CU_ASSERT(!journal_restore(&new.xs, old.j.area[now], &reader));
	CU_ASSERT_PTR_NULL(store_check(&new.xs));
}

/* One request of C, its payload as in printf, where '|' stands for a NUL. */
static void ask(struct conn *c, uint32_t type, uint32_t txn, const char *fmt,
		...)
{
	struct xsd_sockmsg head = { .type = type, .tx_id = txn };
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	head.len = (uint32_t)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (uint32_t i = 0; i < head.len; i++)
		if (text[i] == '|')
			text[i] = '\0';
	conn_request(c, &head, text);
	if (c->dom->conn == c)
		journal_taken(c, ++taken[c->dom->domid], NULL, 0);
	journal_commit(c->xs);
}

/* ---- Comparing ---- */

static char *dump(struct xs *xs)
{
	struct path *p = malloc(sizeof(*p));
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct link *pos;

	for (struct node *n = xs->store.root; n;
	     n = store_next(xs->store.root, n)) {
		store_path(&xs->store, n, p);
		fprintf(f, "%s = %.*s (", p->s, (int)n->value_len,
			n->value_len ? (const char *)n->value : "");
		for (uint32_t i = 0; i < n->perms->nr; i++)
			fprintf(f, " %u.%llu.%u", n->perms->e[i].domid,
				(unsigned long long)n->perms->e[i].birth,
				n->perms->e[i].access);
		fprintf(f, " ) owner %d\n", n->owner ? n->owner->domid : -1);
	}
	link_for_each(pos, &xs->domains) {
		const struct domain *d = link_entry(pos, struct domain, link);
		struct link *w;

		fprintf(f, "domain %u %llu %d %d nodes %u\n", d->domid,
			(unsigned long long)d->birth, d->introduced,
			d->shutdown_seen, d->nr_nodes);
		if (!d->conn)
			continue;
		link_for_each(w, &d->conn->watches) {
			struct watch *e = link_entry(w, struct watch, in_conn);

			fprintf(f, " watch %s %s %u\n", e->point->path,
				e->token, e->base_len);
		}
		link_for_each(w, &d->conn->txns)
			fprintf(f, " txn %u\n",
				link_entry(w, struct txn, link)->id);
	}
	fclose(f);
	free(p);
	return text;
}

/* The ring shows how much was sent: the rest is what the new one sends. */
static bool same_output(const struct conn *a, struct conn *b)
{
	const uint64_t sent = a->out_done - b->out_done;

	if (a->out_done < b->out_done || sent > buf_len(&b->out))
		return false;
	conn_sent(b, sent);
	return buf_len(&a->out) == buf_len(&b->out) &&
	       (!buf_len(&a->out) || !memcmp(buf_head(&a->out),
					     buf_head(&b->out),
					     buf_len(&a->out)));
}

static void expect_same(void)
{
	char *a = dump(&old.xs), *b;

	revive();
	b = dump(&new.xs);
	CU_ASSERT_STRING_EQUAL(a, b);
	if (strcmp(a, b))
		printf("\n--- old\n%s--- new\n%s", a, b);
	for (int i = 0; i < GUESTS; i++) {
		struct domain *d = dom_find(&old.xs, i);

		if (d && d->conn)
			CU_ASSERT(same_output(d->conn,
					      dom_find(&new.xs, i)->conn));
	}
	free(a);
	free(b);
	end_world(&new);
}

/* ---- The claims ---- */

static void a_fresh_store_is_kept(void)
{
	begin();
	expect_same();
	end();
}

static void everything_that_happened_is_there(void)
{
	begin();
	ask(&old.client, XS_INTRODUCE, 0, "1|1|7|");
	ask(&old.client, XS_INTRODUCE, 0, "2|1|7|");
	ask(&old.client, XS_WRITE, 0, "/local/domain/1/a|value");
	ask(&old.client, XS_SET_PERMS, 0, "/local/domain/1|n1|r2|");
	ask(&old.conn[1], XS_WATCH, 0, "/local/domain/2|token|");
	ask(&old.conn[1], XS_WATCH, 0, "a/b|relative|");
	ask(&old.conn[2], XS_WATCH, 0, "@releaseDomain|r|");
	ask(&old.conn[1], XS_MKDIR, 0, "x/y/z|");
	ask(&old.conn[1], XS_UNWATCH, 0, "a/b|relative|");
	ask(&old.client, XS_WRITE, 0, "/local/domain/2/q|1");
	expect_same();
	ask(&old.client, XS_RELEASE, 0, "1|");
	expect_same();
	end();
}

/* Bytes that the journal takes; many small changes follow, so that it turns. */
static size_t after_changes(void)
{
	size_t most = 0;

	for (int i = 0; i < 400; i++) {
		ask(&old.client, XS_WRITE, 0, "/one|%d", i);
		most = old.j.len > most && i > 200 ? old.j.len : most;
	}
	return most;
}

static void what_is_gone_takes_no_room(void)
{
	size_t before, full, after;

	begin();
	before = after_changes();
	for (int i = 0; i < 2000; i++)
		ask(&old.client, XS_WRITE, 0, "/many/%d|some value", i);
	full = after_changes();
	CU_ASSERT(full > 4 * before);
	expect_same();
	ask(&old.client, XS_RM, 0, "/many|");
	after = after_changes();
	CU_ASSERT(after <= before + before / 4);
	expect_same();
	end();
}

static void an_unfinished_step_has_not_happened(void)
{
	struct xsd_sockmsg head = { .type = XS_WRITE, .len = 4 };
	char *before, *after;

	begin();
	ask(&old.client, XS_WRITE, 0, "/a|1");
	before = dump(&old.xs);
	conn_request(&old.client, &head, "/b\0" "2");
	/* It dies before the commit. */
	revive();
	after = dump(&new.xs);
	CU_ASSERT_STRING_EQUAL(before, after);
	free(before);
	free(after);
	end_world(&new);
	end();
}

static void a_lost_transaction_says_again(void)
{
	struct xsd_sockmsg head = { .type = XS_TRANSACTION_END, .len = 2 };

	begin();
	ask(&old.conn[0], XS_TRANSACTION_START, 0, "|");
	ask(&old.conn[0], XS_WRITE, 1, "/in-it|1");
	revive();
	head.tx_id = 1;
	conn_sent(&new.conn[0], buf_len(&new.conn[0].out));
	conn_request(&new.conn[0], &head, "T");
	CU_ASSERT_STRING_EQUAL((char *)buf_head(&new.conn[0].out) + WIRE_HEAD,
			       "EAGAIN");
	/* And it is over. */
	CU_ASSERT_PTR_NULL(txn_find(&new.conn[0], 1));
	end_world(&new);
	end();
}

static void it_goes_on_after_every_turn(void)
{
	begin();
	for (int i = 0; i < 3000; i++) {
		ask(&old.client, XS_WRITE, 0, "/n/%d|%d", i % 50, i);
		if (i % 7 == 0)
			ask(&old.client, XS_RM, 0, "/n/%d|", i % 50);
		if (i % 500 == 0)
			expect_same();
	}
	CU_ASSERT(old.j.area[0]->sequence > 5 || old.j.area[1]->sequence > 5);
	expect_same();
	end();
}

static unsigned int seed = 7;

static unsigned int dice(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void random_step(void)
{
	unsigned int g = dice(GUESTS);
	struct domain *d = dom_find(&old.xs, g);
	struct conn *c = d && d->conn && dice(3) ? d->conn : &old.client;

	switch (dice(10)) {
	case 0:
		if (g)
			ask(&old.client, XS_INTRODUCE, 0, "%u|1|7|", g);
		break;
	case 1:
		if (g && !dice(4))
			ask(&old.client, XS_RELEASE, 0, "%u|", g);
		break;
	case 2:
		ask(c, XS_WATCH, 0, "/local/domain/%u|t%u|", dice(GUESTS),
		    dice(3));
		break;
	case 3:
		ask(c, XS_UNWATCH, 0, "/local/domain/%u|t%u|", dice(GUESTS),
		    dice(3));
		break;
	case 4:
		ask(&old.client, XS_SET_PERMS, 0, "/local/domain/%u|n%u|r%u|",
		    dice(GUESTS), dice(GUESTS), dice(GUESTS));
		break;
	case 5:
		ask(c, XS_RM, 0, "/local/domain/%u/k%u|", g, dice(4));
		break;
	case 6:
		if (c != &old.client && c->nr_txns < 3)
			ask(c, XS_TRANSACTION_START, 0, "|");
		else if (c != &old.client)
			ask(c, XS_TRANSACTION_END, c->last_txn, "%c|",
			    dice(2) ? 'T' : 'F');
		break;
	case 7:
		/* The receiver takes some of what waits for it. */
		if (c != &old.client)
			conn_sent(c, dice((unsigned int)buf_len(&c->out) + 1));
		break;
	case 8:
		if (c != &old.client && !dice(5)) {
			conn_reset(c);
			fake_keep(c);
			journal_commit(&old.xs);
		}
		break;
	default:
		ask(c, XS_WRITE, 0, "/local/domain/%u/k%u/%u|%u", g, dice(4),
		    dice(3), dice(1000));
	}
	conn_sent(&old.client, buf_len(&old.client.out));
}

static void whatever_is_done_is_kept(void)
{
	begin();
	for (int i = 0; i < 4000; i++) {
		random_step();
		if (i % 20 == 0)
			expect_same();
	}
	end();
}

static void damage_is_found(void)
{
	const struct journal_reader reader = { fake_conn, fake_ring, &new };
	struct journal_head *h;
	unsigned int refused = 0;

	damaged = true;
	begin();
	ask(&old.client, XS_INTRODUCE, 0, "1|1|7|");
	ask(&old.conn[1], XS_WATCH, 0, "/x|token|");
	for (int i = 0; i < 300; i++) {
		h = old.j.area[old.j.now];
		uint8_t *at = (uint8_t *)(h + 1) + dice(h->committed);
		const uint8_t was = *at;

		*at = (uint8_t)dice(256);
		memset(&new, 0, sizeof(new));
		CU_ASSERT_FATAL(!xs_init(&new.xs, 1, &new_shell));
		refused += journal_restore(&new.xs, h, &reader) != 0;
		end_world(&new);
		*at = was;
	}
	CU_ASSERT(refused > 0);
	damaged = false;
	end();
}

CU_ErrorCode test_xs_journal_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(a_fresh_store_is_kept),
		T(everything_that_happened_is_there),
		T(what_is_gone_takes_no_room),
		T(an_unfinished_step_has_not_happened),
		T(a_lost_transaction_says_again),
		T(it_goes_on_after_every_turn),
		T(whatever_is_done_is_kept),
		T(damage_is_found),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "xs-journal", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
