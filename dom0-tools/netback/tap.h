/* SPDX-License-Identifier: MIT */
/*
 * What a TAP device is told through one of its queues. It needs no rights
 * beyond the descriptor. Each function returns 0 or a negative errno.
 */
#ifndef NETBACK_TAP_H
#define NETBACK_TAP_H

#include <stdbool.h>

#include "ring.h"

/* Bytes of header on the TAP: struct virtio_net_hdr_mrg_rxbuf. */
#define NET_TAP_HDR	12u

/* Headers of NET_TAP_HDR bytes. */
int tap_headers(int fd);
/* What the device may leave unfinished in packets for the guest. */
int tap_offload(int fd, const struct net_features *f);
/* Take part in what is sent to the device, or not. */
int tap_use(int fd, bool on);
int tap_carrier(int fd, bool on);

#endif
