/* SPDX-License-Identifier: MIT */
/*
 * The requests. Each handler reads its strings, checks everything, and then
 * changes something and answers; a handler that returns an errno has changed
 * nothing. The answer goes out before the watch events that it causes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/log.h"
#include "conn.h"
#include "txn.h"
#include "watch.h"
#include "xs.h"

struct req {
	struct xs *xs;
	struct conn *c;
	const struct xsd_sockmsg *head;
	const char *in;
	uint32_t len;
	struct txn *t;		/* NULL: outside transactions */
	struct path *p;		/* scratch, or the parsed path */
	char *out;		/* XENSTORE_PAYLOAD_MAX bytes for the answer */
};

/* ---- answers ---- */

static int answer(struct req *r, uint32_t len)
{
	conn_reply_end(r->c, r->head, len);
	return 0;
}

static int answer_text(struct req *r, const char *text)
{
	const size_t len = strlen(text) + 1;

	memcpy(r->out, text, len);
	return answer(r, len);
}

static int answer_ok(struct req *r)
{
	return answer_text(r, "OK");
}

static void answer_error(struct req *r, int err)
{
	struct xsd_sockmsg head = *r->head;
	const char *name = wire_error_name(err);

	head.type = XS_ERROR;
	strcpy(r->out, name);
	conn_reply_end(r->c, &head, strlen(name) + 1);
}

/* ---- what comes in ---- */

/* The payload is exactly @n strings. */
static bool take_strings(const struct req *r, const char **str, int n)
{
	return wire_strings(r->in, r->len, str, n) == n;
}

static bool take_number(const char *s, uint64_t max, uint64_t *out)
{
	return wire_number(s, strlen(s), max, out);
}

static bool take_domid(const char *s, uint32_t *out)
{
	uint64_t v;

	if (!take_number(s, DOMAIN_IDS - 1, &v))
		return false;
	*out = v;
	return true;
}

static bool take_path(struct req *r, const char *s, size_t len, bool special)
{
	const char *base = r->c->base[0] ? r->c->base : NULL;

	return path_parse(r->p, s, len, base, special, r->xs->store.key);
}

/* The payload is one path and nothing else. */
static int take_one_path(struct req *r, bool special)
{
	const char *s;

	if (!take_strings(r, &s, 1) || !take_path(r, s, strlen(s), special))
		return EINVAL;
	return 0;
}

/* ---- access ---- */

static bool may(const struct req *r, const struct perms *p, unsigned int want)
{
	return r->c->priv || (perms_of(p, r->c->dom) & want) == want;
}

/*
 * Look at the request's path, for @want. An absent node is ENOENT only for
 * somebody who may @want at the nearest ancestor, whose level is then in
 * *@above: nobody else learns whether a node exists.
 */
static int access_path(struct req *r, unsigned int want, int how,
		       struct view *v, unsigned int *above)
{
	unsigned int l = r->p->depth;
	struct view up;
	int rc;

	rc = view_get(r->xs, r->t, r->p, l, how, v);
	if (rc)
		return -rc;
	if (v->exists)
		return may(r, v->perms, want) ? 0 : EACCES;
	if (l == 0)
		return ENOENT;
	/* Find the nearest ancestor first, then rely on what was found. */
	do {
		rc = view_get(r->xs, r->t, r->p, --l, VIEW_PEEK, &up);
		if (rc)
			return -rc;
	} while (!up.exists);
	rc = view_get(r->xs, r->t, r->p, l, VIEW_RELY, &up);
	if (!rc && l + 1 < r->p->depth) {
		struct view gap;

		rc = view_get(r->xs, r->t, r->p, l + 1, VIEW_RELY, &gap);
	}
	if (rc)
		return -rc;
	if (above)
		*above = l;
	return may(r, up.perms, want) ? ENOENT : EACCES;
}

/* A change outside a transaction is paid for at once. */
static void paid(struct req *r)
{
	if (!r->c->priv && !r->t)
		quota_write_paid(r->xs, r->c->dom);
}

static void fire(struct req *r, const struct perms *now,
		 const struct perms *before)
{
	const struct watch_cause why = {
		.conn = r->c, .now = now, .before = before,
	};

	watch_fire(r->xs, r->p, &why);
}

/* ---- reading ---- */

static int do_read(struct req *r)
{
	struct view v;
	int rc = take_one_path(r, false);

	if (!rc)
		rc = access_path(r, PERM_READ, VIEW_RELY, &v, NULL);
	if (rc)
		return rc;
	if (v.value_len > XENSTORE_PAYLOAD_MAX)
		return E2BIG;
	if (v.value_len)
		memcpy(r->out, v.value, v.value_len);
	return answer(r, v.value_len);
}

struct listing {
	char *out;
	uint32_t skip;		/* bytes of the list before the part asked for */
	uint32_t room, len;
	bool more;
};

static int list_name(void *arg, const char *name, size_t len)
{
	struct listing *l = arg;

	if (l->skip >= len + 1) {
		l->skip -= len + 1;
		return 0;
	}
	if (len + 1 > l->room - l->len) {
		l->more = true;
		return E2BIG;
	}
	memcpy(l->out + l->len, name, len);
	l->out[l->len + len] = 0;
	l->len += len + 1;
	return 0;
}

static int do_directory(struct req *r)
{
	struct listing l = { .out = r->out, .room = XENSTORE_PAYLOAD_MAX };
	struct view v;
	int rc = take_one_path(r, false);

	if (!rc)
		rc = access_path(r, PERM_READ, VIEW_RELY | VIEW_LIST, &v, NULL);
	if (!rc && view_child_bytes(&v) > l.room)
		rc = E2BIG;
	if (!rc)
		rc = view_list(r->xs, r->t, r->p, &v, list_name, &l);
	return rc ? rc : answer(r, l.len);
}

/*
 * One part of a long list: the generation, then as many whole names as fit
 * behind @offset, then an empty name if these were the last.
 */
static int do_directory_part(struct req *r)
{
	struct listing l;
	const char *s[2];
	uint64_t offset;
	struct view v;
	int rc, n;

	if (!take_strings(r, s, 2) || !take_path(r, s[0], strlen(s[0]), false) ||
	    !take_number(s[1], UINT32_MAX, &offset))
		return EINVAL;
	rc = access_path(r, PERM_READ, VIEW_RELY | VIEW_LIST, &v, NULL);
	if (rc)
		return rc;
	n = sprintf(r->out, "%llu",
		    (unsigned long long)view_list_gen(&v)) + 1;
	l = (struct listing){
		.out = r->out + n, .skip = offset,
		.room = XENSTORE_PAYLOAD_MAX - n - 1,
	};
	view_list(r->xs, r->t, r->p, &v, list_name, &l);
	if (!l.more)
		l.out[l.len++] = 0;
	return answer(r, n + l.len);
}

static int do_get_perms(struct req *r)
{
	uint32_t len = 0;
	struct view v;
	int rc = take_one_path(r, true);

	if (!rc && r->p->special)
		r->t = NULL;
	if (!rc)
		rc = access_path(r, PERM_READ, VIEW_RELY, &v, NULL);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < v.perms->nr; i++) {
		const struct perm *e = &v.perms->e[i];

		/* A dead domain's rights are nobody's. */
		if (i && !dom_find_born(r->xs, e->domid, e->birth))
			continue;
		if (len + 8 > XENSTORE_PAYLOAD_MAX)
			return E2BIG;
		len += perm_print(e, r->out + len);
	}
	return answer(r, len);
}

/* ---- writing ---- */

/* How large would the node become? */
static bool size_ok(const struct req *r, uint64_t value_len,
		    const struct perms *p, uint32_t child_bytes)
{
	return r->c->priv || value_len + perms_size(p) + child_bytes <=
			     r->xs->quota.node_size;
}

/* May level @above get a child, and the domain all the nodes down to p? */
static int create_check(struct req *r, unsigned int above, const struct view *up,
			uint32_t value_len)
{
	const struct quota *q = &r->xs->quota;
	const struct domain *d = r->c->dom;
	const uint32_t nr = r->p->depth - above;
	const uint32_t name = r->p->end[above + 1] - r->p->end[above];
	uint32_t have = d->nr_nodes + (r->t ? r->t->created : 0);
	int64_t bytes;

	if (r->c->priv)
		return 0;
	if (have + nr > q->nodes)
		return ENOSPC;
	if (!size_ok(r, up->value_len, up->perms,
		     view_child_bytes(up) + name))
		return ENOSPC;
	if (!size_ok(r, value_len, up->perms, 0))
		return ENOSPC;
	bytes = nr * (int64_t)sizeof(struct node) + r->p->len + value_len;
	return quota_mem_ok(r->xs, d, bytes) ? 0 : ENOMEM;
}

/* The nodes of a creation, made before any is put into the tree. */
static int create_nodes(struct req *r, unsigned int above, struct perms *perms,
			const char *value, uint32_t len, struct node **last)
{
	struct node *parent = store_find(&r->xs->store, r->p, above);
	struct node *chain = NULL, *n = parent;
	uint8_t *mem = NULL;

	if (len) {
		mem = malloc(len);
		if (!mem)
			return ENOMEM;
		memcpy(mem, value, len);
	}
	for (unsigned int l = r->p->depth; l > above; l--) {
		n = store_alloc(r->p, l);
		if (!n)
			goto err_free;
		n->hash_next = chain;
		chain = n;
	}
	while (chain) {
		n = chain;
		chain = n->hash_next;
		store_link(r->xs, n, parent, perms_get(perms));
		parent = n;
	}
	if (mem)
		store_take_value(r->xs, n, mem, len);
	*last = n;
	return 0;

err_free:
	free(mem);
	while (chain) {
		n = chain;
		chain = n->hash_next;
		free(n);
	}
	return ENOMEM;
}

static int create_in_txn(struct req *r, unsigned int above, struct perms *perms,
			 const char *value, uint32_t len)
{
	int rc = 0;

	for (unsigned int l = above + 1; !rc && l <= r->p->depth; l++)
		rc = txn_create(r->xs, r->t, r->p, l, perms);
	if (!rc && len)
		rc = txn_write(r->xs, r->t, r->p, value, len);
	/* Half a creation must never be committed. */
	if (rc)
		r->t->failed = true;
	return -rc;
}

/* Make the request's node, and its parents, below level @above. */
static int create(struct req *r, unsigned int above, const char *value,
		  uint32_t len)
{
	struct domain *creator = r->c->priv ? NULL : r->c->dom;
	struct perms *perms;
	struct node *n = NULL;
	struct view up;
	int rc;

	rc = -view_get(r->xs, r->t, r->p, above, VIEW_PEEK, &up);
	if (!rc)
		rc = create_check(r, above, &up, len);
	if (rc)
		return rc;
	perms = perms_inherit(r->xs, up.perms, creator);
	if (!perms)
		return ENOMEM;
	if (r->t) {
		rc = create_in_txn(r, above, perms, value, len);
		if (!rc)
			rc = answer_ok(r);
	} else {
		rc = create_nodes(r, above, perms, value, len, &n);
		if (!rc) {
			paid(r);
			answer_ok(r);
			fire(r, n->perms, NULL);
		}
	}
	perms_put(perms);
	return rc;
}

static int do_write(struct req *r)
{
	const char *nul = memchr(r->in, 0, r->len);
	unsigned int above;
	const char *value;
	struct view v;
	uint32_t len;
	int rc;

	if (!nul || !take_path(r, r->in, nul - r->in, false))
		return EINVAL;
	value = nul + 1;
	len = r->in + r->len - value;
	rc = access_path(r, PERM_WRITE, VIEW_RELY, &v, &above);
	if (rc == ENOENT && r->p->depth)
		return create(r, above, value, len);
	if (rc)
		return rc;
	if (!size_ok(r, len, v.perms, view_child_bytes(&v)))
		return ENOSPC;
	if (!r->c->priv && !quota_mem_ok(r->xs, r->c->dom, len))
		return ENOMEM;
	if (r->t) {
		rc = -txn_write(r->xs, r->t, r->p, value, len);
		return rc ? rc : answer_ok(r);
	}
	rc = -store_set_value(r->xs, v.node, value, len);
	if (rc)
		return rc;
	paid(r);
	answer_ok(r);
	fire(r, v.node->perms, NULL);
	return 0;
}

static int do_mkdir(struct req *r)
{
	unsigned int above;
	struct view v;
	int rc = take_one_path(r, false);

	if (!rc)
		rc = access_path(r, PERM_WRITE, VIEW_RELY, &v, &above);
	/* An existing node stays as it is. */
	if (!rc)
		return answer_ok(r);
	if (rc != ENOENT || r->p->depth == 0)
		return rc;
	return create(r, above, NULL, 0);
}

static int do_rm(struct req *r)
{
	unsigned int above;
	struct view v;
	int rc = take_one_path(r, false);

	if (rc)
		return rc;
	if (r->p->depth == 0)
		return EINVAL;
	rc = access_path(r, PERM_WRITE, VIEW_RELY, &v, &above);
	/* Removing what is not there is fine if its parent is. */
	if (rc == ENOENT && above + 1 == r->p->depth)
		return answer_ok(r);
	if (rc)
		return rc;
	if (r->t) {
		rc = -txn_remove(r->xs, r->t, r->p);
		return rc ? rc : answer_ok(r);
	}
	paid(r);
	answer_ok(r);
	watch_and_remove(r->xs, r->c, v.node);
	return 0;
}

/* Parse "r3" strings; an entry counts for the domain that lives now. */
static int take_perms(struct req *r, const char *s, uint32_t nr,
		      struct perms **out)
{
	const struct perm none = { 0 };
	struct perms *p;

	if (!r->c->priv && nr > r->xs->quota.perms)
		return ENOSPC;
	p = malloc(sizeof(*p) + nr * sizeof(p->e[0]));
	if (!p)
		return ENOMEM;
	p->refs = 1;
	p->nr = nr;
	for (uint32_t i = 0; i < nr; i++, s += strlen(s) + 1) {
		struct domain *d;

		p->e[i] = none;
		if (!perm_parse(s, &p->e[i])) {
			free(p);
			return EINVAL;
		}
		d = dom_get(r->xs, p->e[i].domid);
		p->e[i].birth = d ? d->birth : 0;
	}
	*out = p;
	return 0;
}

static int do_set_perms(struct req *r)
{
	struct perms *perms, *before;
	const char *path;
	struct view v;
	int rc, n;

	n = wire_strings(r->in, r->len, &path, 1);
	if (n < 2 || !take_path(r, path, strlen(path), true))
		return EINVAL;
	/* Special nodes are outside of transactions. */
	if (r->p->special)
		r->t = NULL;
	rc = access_path(r, PERM_WRITE | PERM_OWNER, VIEW_RELY, &v, NULL);
	if (rc)
		return rc;
	rc = take_perms(r, path + strlen(path) + 1, n - 1, &perms);
	if (rc)
		return rc;
	/* Only the privileged give a node to somebody else (XSA-352). */
	if (!r->c->priv && (perms->e[0].domid != v.perms->e[0].domid ||
			    perms->e[0].birth != v.perms->e[0].birth))
		rc = EPERM;
	else if (!size_ok(r, v.value_len, perms, view_child_bytes(&v)))
		rc = ENOSPC;
	else if (r->t)
		rc = -txn_set_perms(r->xs, r->t, r->p, perms);
	if (rc || r->t) {
		perms_put(perms);
		return rc ? rc : answer_ok(r);
	}
	before = perms_get(v.node->perms);
	store_set_perms(r->xs, v.node, perms);
	paid(r);
	answer_ok(r);
	fire(r, perms, before);
	perms_put(before);
	return 0;
}

/* ---- watches ---- */

static int take_watch(struct req *r, const char **token, bool *relative)
{
	const char *s[2];

	if (!take_strings(r, s, 2) || !take_path(r, s[0], strlen(s[0]), true))
		return EINVAL;
	*token = s[1];
	*relative = s[0][0] != '/' && s[0][0] != '@';
	return 0;
}

static int do_watch(struct req *r)
{
	uint16_t base_len;
	const char *token;
	struct watch *w;
	bool relative;
	int rc = take_watch(r, &token, &relative);

	if (rc)
		return rc;
	base_len = relative ? strlen(r->c->base) + 1 : 0;
	rc = -watch_add(r->c, r->p, token, base_len);
	if (rc)
		return rc;
	answer_ok(r);
	/* The first event comes always: the client looks once for itself. */
	w = link_entry(r->c->watches.prev, struct watch, in_conn);
	conn_event(r->c, w, r->p->s, r->p->len, NULL);
	return 0;
}

static int do_unwatch(struct req *r)
{
	const char *token;
	bool relative;
	int rc = take_watch(r, &token, &relative);

	if (!rc)
		rc = -watch_del(r->c, r->p, token);
	return rc ? rc : answer_ok(r);
}

static int do_reset_watches(struct req *r)
{
	watch_del_all(r->c);
	while (!link_empty(&r->c->txns))
		txn_free(link_entry(r->c->txns.next, struct txn, link));
	return answer_ok(r);
}

/* ---- transactions ---- */

static int do_transaction_start(struct req *r)
{
	char text[16];
	uint32_t id;
	int rc;

	if (r->head->tx_id)
		return EBUSY;
	rc = -txn_start(r->c, &id);
	if (rc)
		return rc;
	sprintf(text, "%u", id);
	return answer_text(r, text);
}

static int do_transaction_end(struct req *r)
{
	const char *s;
	int rc = 0;

	if (!r->t)
		return ENOENT;
	if (!take_strings(r, &s, 1) || (strcmp(s, "T") && strcmp(s, "F")))
		return EINVAL;
	if (*s == 'T') {
		rc = -txn_check(r->t);
		if (!rc) {
			if (!r->c->priv && r->t->nr_changed)
				quota_write_paid(r->xs, r->c->dom);
			answer_ok(r);
			txn_apply(r->t);
		}
	} else {
		answer_ok(r);
	}
	txn_free(r->t);
	return rc;
}

/* ---- domains ---- */

static int do_get_domain_path(struct req *r)
{
	uint32_t domid;
	char text[32];
	const char *s;

	if (!take_strings(r, &s, 1) || !take_domid(s, &domid))
		return EINVAL;
	sprintf(text, "/local/domain/%u", domid);
	return answer_text(r, text);
}

static int do_introduce(struct req *r)
{
	uint64_t gfn, port;
	struct domain *d;
	const char *s[3];
	uint32_t domid;
	bool first;
	int rc;

	if (!take_strings(r, s, 3) || !take_domid(s[0], &domid) ||
	    !take_number(s[1], UINT64_MAX, &gfn) ||
	    !take_number(s[2], UINT32_MAX, &port) || port == 0)
		return EINVAL;
	/* Domain 0's own ring is the daemon's business. */
	if (domid == 0)
		return EINVAL;
	d = dom_get(r->xs, domid);
	if (!d)
		return ENOENT;
	rc = -r->xs->shell->introduce(r->xs->shell->arg, d, port);
	if (rc)
		return rc;
	first = !d->introduced;
	d->introduced = true;
	journal_domain(r->xs, d);
	answer_ok(r);
	if (first)
		watch_fire_special(r->xs, "@introduceDomain");
	return 0;
}

/* One domid that names an introduced guest. */
static int take_guest(struct req *r, struct domain **d)
{
	uint32_t domid;
	const char *s;

	if (!take_strings(r, &s, 1) || !take_domid(s, &domid) || domid == 0)
		return EINVAL;
	*d = dom_find(r->xs, domid);
	return *d && (*d)->introduced ? 0 : ENOENT;
}

static int do_release(struct req *r)
{
	struct domain *d;
	int rc = take_guest(r, &d);

	if (rc)
		return rc;
	answer_ok(r);
	dom_forget(r->xs, d);
	watch_fire_special(r->xs, "@releaseDomain");
	return 0;
}

static int do_resume(struct req *r)
{
	struct domain *d;
	int rc = take_guest(r, &d);

	if (rc)
		return rc;
	d->shutdown_seen = false;
	journal_domain(r->xs, d);
	return answer_ok(r);
}

static int do_is_domain_introduced(struct req *r)
{
	struct domain *d;
	uint32_t domid;
	const char *s;

	if (!take_strings(r, &s, 1) || !take_domid(s, &domid))
		return EINVAL;
	d = dom_find(r->xs, domid);
	return answer_text(r, d && d->introduced ? "T" : "F");
}

static int do_set_target(struct req *r)
{
	struct domain *d, *target;
	uint32_t domid, target_id;
	const char *s[2];

	if (!take_strings(r, s, 2) || !take_domid(s[0], &domid) ||
	    !take_domid(s[1], &target_id))
		return EINVAL;
	d = dom_find(r->xs, domid);
	target = dom_find(r->xs, target_id);
	if (!d || !target || !d->introduced || !target->introduced)
		return ENOENT;
	/* Nobody becomes domain 0 this way. */
	if (domid == 0 || target_id == 0)
		return EINVAL;
	d->target_domid = target_id;
	d->target_birth = target->birth;
	journal_domain(r->xs, d);
	return answer_ok(r);
}

/* ---- control ---- */

static int control_quota(struct req *r, const char **s, int n)
{
	const char *name;
	uint64_t value;
	uint32_t len = 0;

	if (n == 3)
		return take_number(s[2], UINT32_MAX, &value) &&
		       quota_set(&r->xs->quota, s[1], value) ?
		       answer_ok(r) : EINVAL;
	if (n != 1)
		return EINVAL;
	for (unsigned int i = 0;; i++) {
		value = quota_get(&r->xs->quota, i, &name);
		if (!name)
			break;
		len += sprintf(r->out + len, "%s: %llu\n", name,
			       (unsigned long long)value);
	}
	r->out[len] = 0;
	return answer(r, len + 1);
}

static int control_memreport(struct req *r)
{
	struct link *pos;
	uint32_t len;

	len = sprintf(r->out, "nodes: %u\nwatched paths: %u\ndomains: %u\n",
		      r->xs->store.nr_nodes, r->xs->watches.nr_points,
		      r->xs->nr_domains);
	link_for_each(pos, &r->xs->domains) {
		const struct domain *d = link_entry(pos, struct domain, link);

		if (len + 160 > XENSTORE_PAYLOAD_MAX)
			break;
		len += sprintf(r->out + len,
			       "domain %u: nodes %u, bytes %lld, unread events %u\n",
			       d->domid, d->nr_nodes, (long long)d->mem,
			       d->outstanding);
	}
	r->out[len] = 0;
	return answer(r, len + 1);
}

static int do_control(struct req *r)
{
	const char *s[3], *fault;
	char text[128];
	const int n = wire_strings(r->in, r->len, s, 3);

	if (n < 1 || n > 3)
		return EINVAL;
	if (!strcmp(s[0], "help"))
		return answer_text(r, "commands: check help memreport print quota");
	if (!strcmp(s[0], "check")) {
		fault = store_check(r->xs);
		snprintf(text, sizeof(text), "%s", fault ? fault : "OK");
		return answer_text(r, text);
	}
	if (!strcmp(s[0], "print") && n == 2) {
		log_msg("control: %.200s", s[1]);
		return answer_ok(r);
	}
	if (!strcmp(s[0], "memreport"))
		return control_memreport(r);
	if (!strcmp(s[0], "quota"))
		return control_quota(r, s, n);
	return EINVAL;
}

/* ---- the table ---- */

static const struct {
	int (*fn)(struct req *r);
	bool priv;		/* for the privileged only */
	bool txn;		/* looks at tx_id */
} requests[XS_TYPE_COUNT] = {
	[XS_CONTROL] = { do_control, true, false },
	[XS_DIRECTORY] = { do_directory, false, true },
	[XS_READ] = { do_read, false, true },
	[XS_GET_PERMS] = { do_get_perms, false, true },
	[XS_WATCH] = { do_watch, false, false },
	[XS_UNWATCH] = { do_unwatch, false, false },
	[XS_TRANSACTION_START] = { do_transaction_start, false, false },
	[XS_TRANSACTION_END] = { do_transaction_end, false, true },
	[XS_INTRODUCE] = { do_introduce, true, false },
	[XS_RELEASE] = { do_release, true, false },
	[XS_GET_DOMAIN_PATH] = { do_get_domain_path, false, false },
	[XS_WRITE] = { do_write, false, true },
	[XS_MKDIR] = { do_mkdir, false, true },
	[XS_RM] = { do_rm, false, true },
	[XS_SET_PERMS] = { do_set_perms, false, true },
	[XS_IS_DOMAIN_INTRODUCED] = { do_is_domain_introduced, true, false },
	[XS_RESUME] = { do_resume, true, false },
	[XS_SET_TARGET] = { do_set_target, true, false },
	[XS_RESET_WATCHES] = { do_reset_watches, false, false },
	[XS_DIRECTORY_PART] = { do_directory_part, false, true },
};

static int request_run(struct req *r)
{
	const uint32_t type = r->head->type;

	if (type >= XS_TYPE_COUNT || !requests[type].fn)
		return ENOSYS;
	if (requests[type].priv && !r->c->priv)
		return EACCES;
	if (requests[type].txn && r->head->tx_id) {
		r->t = txn_find(r->c, r->head->tx_id);
		if (!r->t)
			return ENOENT;
	}
	return requests[type].fn(r);
}

void conn_request(struct conn *c, const struct xsd_sockmsg *head,
		  const char *payload)
{
	struct req r = {
		.xs = c->xs, .c = c, .head = head, .in = payload,
		.len = head->len, .p = &c->xs->req_path,
		.out = conn_reply_begin(c),
	};
	int err;

	/* Without room for an answer there is nothing left to say. */
	if (!r.out) {
		c->broken = true;
		conn_touch(c);
		return;
	}
	if (!c->priv)
		quota_request_paid(c->dom);
	err = request_run(&r);
	if (err)
		answer_error(&r, err);
	conn_touch(c);
}
