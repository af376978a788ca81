/* SPDX-License-Identifier: MIT */
/* Rules to the kernel by nfnetlink; see nft.h. */
#include "nft.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

/* Room for the longest rules there are, with their three expressions per
 * test; only what is used is ever touched. */
#define BATCH_ROOM	(256u << 10)
#define MESSAGE_MAX	(32u << 10)

#define PRIORITY_FILTER	0
#define PRIORITY_SOURCE	100

struct batch {
	char *room;
	size_t len;
	unsigned int seq;
	int rc;
	uint16_t family;
	char table[NFT_TABLE_MAXNAMELEN];
};

/* ---- One transaction ---- */

static void *here(struct batch *b)
{
	return b->room + b->len;
}

static void done(struct batch *b, const struct nlmsghdr *h)
{
	b->len += MNL_ALIGN(h->nlmsg_len);
	if (b->len + MESSAGE_MAX > BATCH_ROOM)
		b->rc = -E2BIG;
}

static struct nlmsghdr *message(struct batch *b, uint16_t type,
				uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(here(b), type, b->family, flags,
				     ++b->seq);
}

static void put_table(struct batch *b, uint16_t type, uint16_t flags)
{
	struct nftnl_table *t;
	struct nlmsghdr *h;

	if (b->rc)
		return;
	t = nftnl_table_alloc();
	if (!t) {
		b->rc = -ENOMEM;
		return;
	}
	nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, b->family);
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, b->table);
	h = message(b, type, flags);
	nftnl_table_nlmsg_build_payload(h, t);
	nftnl_table_free(t);
	done(b, h);
}

static int batch_begin(struct batch *b, uint16_t family, const char *name)
{
	*b = (struct batch){ .family = family, .room = malloc(BATCH_ROOM) };
	if (!b->room)
		return -ENOMEM;
	snprintf(b->table, sizeof(b->table), "bulkhead-%s", name);
	done(b, nftnl_batch_begin(here(b), ++b->seq));
	/* There is one to take away, then, whatever was there. */
	put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_table(b, NFT_MSG_DELTABLE, 0);
	return 0;
}

/* The kernel's first complaint, or its word that the last message was done. */
static int read_answers(struct mnl_socket *s, unsigned int last)
{
	char answer[8192];
	ssize_t n;

	for (;;) {
		n = mnl_socket_recvfrom(s, answer, sizeof(answer));
		if (n < 0)
			return -errno;
		for (struct nlmsghdr *h = (void *)answer; n > 0 &&
		     mnl_nlmsg_ok(h, (int)n);) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type == NLMSG_ERROR &&
			    (e->error || h->nlmsg_seq == last))
				return e->error;
			int left = (int)n;

			h = mnl_nlmsg_next(h, &left);
			n = left;
		}
	}
}

static int batch_send(struct batch *b)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER,
						SOCK_CLOEXEC);
	unsigned int last = b->seq;
	int rc;

	if (!s)
		return -errno;
	done(b, nftnl_batch_end(here(b), ++b->seq));
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(s, b->room, b->len) < 0)
		rc = -errno;
	else
		rc = read_answers(s, last);
	mnl_socket_close(s);
	return rc;
}

/* Asks for an answer to the last message, sends all, and ends the batch. */
static int batch_end(struct batch *b, size_t last)
{
	int rc = b->rc;

	if (!rc) {
		((struct nlmsghdr *)(void *)(b->room + last))->nlmsg_flags |=
			NLM_F_ACK;
		rc = batch_send(b);
	}
	free(b->room);
	return rc;
}

/* ---- Chains and rules ---- */

struct chain {
	const char *name, *type, *dev;
	uint32_t hook;
	int32_t priority;
};

static void put_chain(struct batch *b, const struct chain *c)
{
	struct nftnl_chain *n;
	struct nlmsghdr *h;

	if (b->rc)
		return;
	n = nftnl_chain_alloc();
	if (!n) {
		b->rc = -ENOMEM;
		return;
	}
	nftnl_chain_set_str(n, NFTNL_CHAIN_TABLE, b->table);
	nftnl_chain_set_str(n, NFTNL_CHAIN_NAME, c->name);
	nftnl_chain_set_str(n, NFTNL_CHAIN_TYPE, c->type);
	nftnl_chain_set_u32(n, NFTNL_CHAIN_HOOKNUM, c->hook);
	nftnl_chain_set_s32(n, NFTNL_CHAIN_PRIO, c->priority);
	nftnl_chain_set_u32(n, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	if (c->dev)
		nftnl_chain_set_str(n, NFTNL_CHAIN_DEV, c->dev);
	h = message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nftnl_chain_nlmsg_build_payload(h, n);
	nftnl_chain_free(n);
	done(b, h);
}

static struct nftnl_expr *expr(struct batch *b, struct nftnl_rule *r,
			       const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	if (e)
		nftnl_rule_add_expr(r, e);
	else
		b->rc = -ENOMEM;
	return e;
}

/* What the test looks at, into register 1. */
static void add_load(struct batch *b, struct nftnl_rule *r,
		     const struct nft_test *t)
{
	static const uint32_t base[] = {
		[NFT_FRAME] = NFT_PAYLOAD_LL_HEADER,
		[NFT_PACKET] = NFT_PAYLOAD_NETWORK_HEADER,
		[NFT_SEGMENT] = NFT_PAYLOAD_TRANSPORT_HEADER,
	};
	static const uint32_t key[] = {
		[NFT_ETHERTYPE] = NFT_META_PROTOCOL,
		[NFT_L4PROTO] = NFT_META_L4PROTO,
		[NFT_IN] = NFT_META_IIFNAME,
		[NFT_OUT] = NFT_META_OIFNAME,
	};
	struct nftnl_expr *e;

	if (t->what <= NFT_SEGMENT) {
		e = expr(b, r, "payload");
		if (!e)
			return;
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base[t->what]);
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, t->offset);
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, t->len);
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	} else if (t->what == NFT_STATE) {
		e = expr(b, r, "ct");
		if (!e)
			return;
		nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
		nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	} else {
		e = expr(b, r, "meta");
		if (!e)
			return;
		nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key[t->what]);
		nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
	}
}

static void add_mask(struct batch *b, struct nftnl_rule *r,
		     const struct nft_test *t)
{
	static const uint8_t zero[16];
	struct nftnl_expr *e = expr(b, r, "bitwise");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, t->len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, t->mask, t->len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, t->len);
}

static void add_test(struct batch *b, struct nftnl_rule *r,
		     const struct nft_test *t)
{
	uint8_t value[16];
	struct nftnl_expr *e;

	add_load(b, r, t);
	memcpy(value, t->value, sizeof(value));
	if (t->masked) {
		add_mask(b, r, t);
		for (size_t i = 0; i < t->len; i++)
			value[i] &= t->mask[i];
	}
	e = expr(b, r, "cmp");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP,
			   t->not ? NFT_CMP_NEQ : NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, value, t->len);
}

static void add_verdict(struct batch *b, struct nftnl_rule *r,
			enum nft_verdict verdict)
{
	struct nftnl_expr *e = expr(b, r, verdict == NFT_MASQUERADE ?
				    "masq" : "immediate");

	if (!e || verdict == NFT_MASQUERADE)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT,
			   verdict == NFT_TAKE ? NF_ACCEPT : NF_DROP);
}

static void put_rule(struct batch *b, const char *chain,
		     const struct nft_rule *rule)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nlmsghdr *h;

	if (!r) {
		b->rc = -ENOMEM;
		return;
	}
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	for (size_t i = 0; i < rule->count; i++)
		add_test(b, r, &rule->test[i]);
	add_verdict(b, r, rule->verdict);
	if (!b->rc) {
		h = message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
		nftnl_rule_nlmsg_build_payload(h, r);
		done(b, h);
	}
	nftnl_rule_free(r);
}

static void put_rules(struct batch *b, const struct chain *c,
		      const struct nft_rules *rules)
{
	if (!rules->count)
		return;
	put_chain(b, c);
	for (size_t i = 0; i < rules->count && !b->rc; i++)
		put_rule(b, c->name, &rules->rule[i]);
}

/* ---- Links and networks ---- */

int nft_link_set(const char *link, const struct nft_rules *rules)
{
	const struct chain in = {
		"sent", "filter", link, NF_NETDEV_INGRESS, PRIORITY_FILTER
	};
	struct batch b;
	size_t last;

	if (batch_begin(&b, NFPROTO_NETDEV, link))
		return -ENOMEM;
	put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_rules(&b, &in, rules);
	/* The table again, as the message that is answered. */
	last = b.len;
	put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	return batch_end(&b, last);
}

static int remove_table(uint16_t family, const char *name)
{
	struct batch b;
	size_t last;

	if (batch_begin(&b, family, name))
		return -ENOMEM;
	put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	last = b.len;
	put_table(&b, NFT_MSG_DELTABLE, 0);
	return batch_end(&b, last);
}

int nft_link_remove(const char *link)
{
	return remove_table(NFPROTO_NETDEV, link);
}

int nft_network_set(const char *bridge, const struct nft_network *network)
{
	static const struct chain input = {
		"input", "filter", NULL, NF_INET_LOCAL_IN, PRIORITY_FILTER
	}, forward = {
		"forward", "filter", NULL, NF_INET_FORWARD, PRIORITY_FILTER
	}, leave = {
		"leave", "nat", NULL, NF_INET_POST_ROUTING, PRIORITY_SOURCE
	};
	struct nft_rules rules;
	struct batch b;
	size_t last;

	if (batch_begin(&b, NFPROTO_INET, bridge))
		return -ENOMEM;
	put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	nft_network_input(network, &rules);
	put_rules(&b, &input, &rules);
	nft_network_forward(network, &rules);
	put_rules(&b, &forward, &rules);
	nft_network_leave(network, &rules);
	put_rules(&b, &leave, &rules);
	last = b.len;
	put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	return batch_end(&b, last);
}

int nft_network_remove(const char *bridge)
{
	return remove_table(NFPROTO_INET, bridge);
}
