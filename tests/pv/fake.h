/* SPDX-License-Identifier: MIT */
/*
 * A machine for libpv in an ordinary program: pv/os.h and pv_hypercall() on a
 * small arena of pages, and a store that answers.  What goes wrong ends the
 * program: a page freed while it is granted, a lock taken twice, an event
 * channel that does not exist.  A freed page is poison to ASan.
 *
 * Time stands still; waiting lets the other side work: the store, then
 * fake.backend().  A wait in which nothing happens any more ends the program.
 */
#ifndef FAKE_H
#define FAKE_H

#include <pv/blkfront.h>
#include <pv/netfront.h>
#include <pv/pv.h>

#define FAKE_PAGES	1024
#define FAKE_DISK	"device/vbd/51712"
#define FAKE_DISK_BACK	"/local/domain/0/backend/vbd/7/51712"
#define FAKE_CARD	"device/vif/0"
#define FAKE_CARD_BACK	"/local/domain/0/backend/vif/7/0"
#define FAKE_FB		"device/vfb/0"
#define FAKE_FB_BACK	"/local/domain/0/backend/vfb/7/0"
#define FAKE_KBD	"device/vkbd/0"
#define FAKE_KBD_BACK	"/local/domain/0/backend/vkbd/7/0"

struct fake {
	struct pv pv;
	/* What the domain of the back-ends does; true: something happened. */
	bool (*backend)(void);
	void *ctx;

	/* To look at. */
	unsigned int pages, ports;	/* in use */
	unsigned int pages_short;	/* refuse after so many; 0: never */
	char log[256];			/* the last line */
	unsigned int hidden;		/* entries of page tables set to 0 */
	bool call_off;			/* the next suspend */
	bool machine_full;		/* no memory to have back */
	unsigned int lent;		/* pages given to the hypervisor */
};
extern struct fake fake;

/* A machine as at start of day, with a disk and a card that have no state. */
void fake_start(void);
/* One more device: the nodes of both sides that a toolstack writes. */
void fake_device(const char *front, const char *back);
/* The number of pages in use when nothing is. */
unsigned int fake_pages_at_rest(void);

/* The store, from the other side.  A missing node reads as "". */
const char *fake_store(const char *dir, const char *name);
unsigned long fake_store_number(const char *dir, const char *name);
void fake_store_set(const char *dir, const char *name, const char *value);
void fake_store_set_number(const char *dir, const char *name, unsigned long v);
void fake_store_remove(const char *dir);

/* A page that domain 0 was granted, or NULL; *read_only when not NULL. */
void *fake_granted(uint32_t ref, bool *read_only);
/* Hold a grant as a mapping does, and let go. */
void fake_hold(uint32_t ref, bool hold);

/* Events: was the port kicked since the last question; kick ours. */
bool fake_kicked(evtchn_port_t port);
void fake_kick(evtchn_port_t port);

/* Let everything happen that is to happen. */
void fake_settle(void);
/* End of the machine, its memory and its grants; a new one may follow. */
void fake_end(void);

#endif
