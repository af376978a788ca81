/* SPDX-License-Identifier: MIT */
/*
 * What the supervisor asks of nftables.
 *
 * A guest's link has a chain of its own at the link's entrance (netdev family,
 * hook ingress), so that only its frames pay for its rules, and the rules end
 * with the link.  A network has a table of its own (inet family): who may be
 * forwarded where, and masquerading.  Both are written in one transaction that
 * replaces what was there, so nothing is ever there twice, or half.
 *
 * Which rules there are is decided by pure code: nft-rules.h.
 */
#ifndef SUPERVISOR_NFT_H
#define SUPERVISOR_NFT_H

#include "nft-rules.h"

/* The rules of one link; replaces those that it had.  0 or -errno. */
int nft_link_set(const char *link, const struct nft_rules *rules);
int nft_link_remove(const char *link);

/* The rules of one network, whose table has its bridge's name. */
int nft_network_set(const char *bridge, const struct nft_network *network);
int nft_network_remove(const char *bridge);

#endif
