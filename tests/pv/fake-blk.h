/* SPDX-License-Identifier: MIT */
/* A disk back-end for the fake machine: honest, unless told otherwise. */
#ifndef FAKE_BLK_H
#define FAKE_BLK_H

#include "fake.h"

#define FAKE_SECTORS	512

struct fake_blk {
	uint8_t data[FAKE_SECTORS * 512];
	bool stalled;			/* takes requests, answers none */
	bool dead;			/* does not even follow the states */
	/* Change an answer before it is sent; false: send none. */
	bool (*spoil)(struct blkif_response *a);
	unsigned int seen, indirect;	/* requests */
	unsigned int indirect_max;	/* to offer */

	struct blkif_back_ring ring;
	evtchn_port_t port;
	bool connected;
	uint32_t held[PV_BLK_RING_PAGES];
	unsigned int nr_held;
};
extern struct fake_blk fake_blk;

void fake_blk_init(void);
/* The back-end's turn: for fake.backend. */
bool fake_blk_run(void);
/* Write the state of the disk's back-end. */
void fake_blk_state(enum xenbus_state s);

#endif
