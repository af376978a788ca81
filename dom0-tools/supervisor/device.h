/* SPDX-License-Identifier: MIT */
/*
 * The devices of guests: a table, and one thread that serves it.
 *
 *   device.c         the table and the thread: the store's watches, the
 *                    back-ends' messages and deaths, through xenbus.c
 *   device-life.c    how a device begins, is started again, and ends
 *   device-record.c  what is written down of it, and read by the next one
 *   device-store.c   its nodes
 *   device-view.c    what people are told
 *
 * devices_lock protects the table and everything in it, and the connections to
 * the store and to the back-ends.  It is held over store requests, so nobody
 * takes it who must not wait for the store; no other lock but that of the jobs'
 * queue is taken under it.
 * devices_change is signalled whenever something happened that somebody may
 * wait for.
 *
 * What may take long (opening a disk, waiting for the end of a dead back-end's
 * last requests) is done without the lock, while `away` is set: then `source`,
 * `link`, `proc` and `journal` belong to whoever set it.
 */
#ifndef SUPERVISOR_DEVICE_H
#define SUPERVISOR_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "backend-proc.h"
#include "common/lograte.h"
#include "ctrl.h"
#include "ctrl-config.h"
#include "disk-source.h"
#include "nic-link.h"
#include "xenbus.h"

#ifndef LIBEXEC_DIR
#define LIBEXEC_DIR	"/usr/libexec/bulkhead"
#endif
#ifndef RUN_DIR
#define RUN_DIR		"/run/bulkhead"
#endif
#define DEVICE_UID_BASE	0x42480000u
#define DEVICE_SLOTS	16384u
#define FRONT_NODES_MAX	256u
#define FRONT_VALUE_MAX	256u
#define BACK_ANSWER_NS	30000000000ull	/* a back-end that says nothing */
#define BACK_QUIT_NS	2000000000ull	/* ... and one that does not go */

enum device_kind { DEVICE_VBD, DEVICE_VIF };

/* A question to a back-end whose answer is to come. */
enum back_question {
	ASK_NONE, ASK_HELLO, ASK_START, ASK_CONNECT, ASK_CHANGE, ASK_STATS,
};
#define ASKED_MAX 8

struct device {
	struct device *next;
	unsigned int refs;		/* the table's, and who waits */
	enum device_kind kind;
	uint16_t domid;
	uint32_t devid;
	uint32_t slot;
	char guest[GUEST_NAME_MAX + 1];
	char *file;			/* for messages, with disk.line */
	char *xml;			/* the element, to be read again */
	struct guest_disk disk;		/* by kind */
	struct guest_nic nic;

	bool opened;			/* source or link is held */
	struct disk_source source;
	struct nic_link link;
	struct nic_place place;		/* of a card: where it is, or will be */
	unsigned int waits_in;		/* a bridge that knows no VLANs yet */
	int journal;			/* -1 when handed over */

	struct xenbus xb;
	struct xenbus_brake brake;
	struct xenbus_storm storm;
	struct lograte said;		/* of its guest: see its_lograte() */
	struct backend_proc proc;
	uint8_t asked[ASKED_MAX];	/* enum back_question, oldest first */
	unsigned int asked_count;
	uint64_t answer_by;		/* 0: nothing is asked */
	uint64_t serving_since;		/* 0: no ring */
	uint64_t not_before;		/* the next back-end, at our pace */
	unsigned int restarts;
	json_t *front;			/* the snapshot, while xb.ring */
	json_t *nodes;			/* of "ready", until they are written */
	char *why;			/* stopped or failed: the sentence */

	bool made;			/* attached; else it is being made */
	bool with_guest;		/* ... together with its guest */
	bool served;			/* the device thread has it */
	bool watched, dirty;
	unsigned int unwritten;		/* XENBUS_DO_*: the store was away */
	unsigned int events;		/* since we looked */
	uint64_t look_at;		/* 0: not put off */
	bool away;			/* a thread works on it */
	bool quitting;			/* the process has been told to go */
	bool ending;			/* and then all of it goes */
	bool gone;			/* out of the table */
	bool adopting;			/* hello is asked, by a new supervisor */
	uint64_t size;			/* of a disk in bytes, as it said */
	/* One question of people: what to ask, and what came. */
	json_t *wish;			/* to be sent */
	bool wished;			/* sent, or to be sent */
	json_t *answer;
};

extern pthread_mutex_t devices_lock;
extern pthread_cond_t devices_change;

/* ---- device.c.  Where it says so, devices_lock is held. ---- */

/* Folders, the thread.  0 or -errno. */
int devices_start(void);
void devices_stop(void);
/* The rest: held. */
struct device *device_first(void);
struct device *device_find(uint16_t domid, enum device_kind kind,
			   uint32_t devid);
/* Has a device in the table this slot? */
bool device_slot_taken(uint32_t slot);
/* A new device in the table, with one reference for the caller. */
struct device *device_new(enum device_kind kind, uint16_t domid);
void device_put(struct device *d);
/* Takes it out of the table; the thread forgets it. */
void device_drop(struct device *d);
/* A process runs and was asked to start: the thread listens to it now. */
void device_serve(struct device *d);
/* Something for the thread to look at. */
void devices_wake(void);
/* The thread steps it: people want this. */
void device_want(struct device *d, enum xenbus_event e);
void device_asked(struct device *d, enum back_question q);
/* Removes its nodes, and the directory of its kind after the last one. */
void device_forget_nodes(struct device *d);
/* Why it is stopped or cannot be made; the first reason stays. */
void device_blame(struct device *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "guest "web": disk xvda"; for messages. */
const char *device_title(const struct device *d, char out[160]);
/* Wait for a change until the clock since boot says UNTIL; false: it does. */
bool devices_wait(uint64_t until);

static inline const char *device_kind_name(enum device_kind kind)
{
	return kind == DEVICE_VBD ? "vbd" : "vif";
}

static inline const char *device_backend_name(enum device_kind kind)
{
	return kind == DEVICE_VBD ? "blkback" : "netback";
}

static inline const char *device_word(enum device_kind kind)
{
	return kind == DEVICE_VBD ? "disk" : "interface";
}

/* Its name for people: xvda, or the link's name. */
const char *device_name(const struct device *d);

/* ---- device-life.c ---- */

struct guest;
struct device_set;

/*
 * The devices of a guest in the making.  open() takes the disks and interfaces
 * out of CONFIG and opens what can be opened without a domain; -errno and *why.
 * An interface without an address gets one, also in *DOCUMENT (malloc'ed), the
 * XML that the guest is started again with, if that is wanted.
 * Then the hooks do their part while the domain is built; settle() ends it.
 */
int device_set_open(struct guest_config *config, char **document,
		    struct device_set **out,
		    char **why);
const struct ctrl_create_devices *device_set_hooks(struct device_set *s);
/* The guest runs (OK), or is not: all is undone.  *why is the devices' own
 * sentence if it was they who failed, else NULL; the caller frees it. */
void device_set_settle(struct device_set *s, bool ok, char **why);

bool devices_any(uint16_t domid);
/* Ends all devices of a guest that ends; returns when they are gone. */
void devices_end_guest(uint16_t domid);
void devices_rename_guest(uint16_t domid, const char *name);
/*
 * PORT's bridge is there, as link INDEX (0: look in any case): cards in NETWORK,
 * or, if that is NULL, in no network, that were in the one before are put into
 * it.  How many were.
 */
unsigned int devices_rejoin(const char *network,
			    const struct network_port *port,
			    unsigned int index);
/* A new supervisor: take over what lives, bury what does not.  LIVES says
 * whether a domain is a guest of ours. */
void devices_take_over(bool (*lives)(uint16_t domid));
/* Called by the thread, held: threads for what takes long. */
void device_respawn(struct device *d);
void device_bury(struct device *d);

/* Attach the one device of CONFIG to a guest that LIVES.  0; or 1, when the guest
 * has not connected to it within SECONDS, which it may do later.  *NAME and
 * *XML, its element, are the caller's to free. */
int device_attach(struct ctrl *ctrl, struct guest_config *config,
		  uint16_t domid, const char *guest,
		  bool (*lives)(uint16_t domid), unsigned int seconds,
		  char **name, char **xml, char **why);
/* -ETIMEDOUT: the guest has not let go, and *why says so. */
int device_detach(uint16_t domid, enum device_kind kind, const char *name,
		  unsigned int seconds, bool force, char **xml, char **why);
/* SIZE 0: look at the source again. */
int device_resize(uint16_t domid, const char *name, uint64_t size, char **why);

/* ---- device-record.c ---- */

/* Writes down what a next supervisor has to know; held.  Logged if not. */
void device_record_save(const struct device *d);
void device_record_remove(const struct device *d);
/* As text, malloc'ed; and back: 0, -EINVAL, -ENOMEM.  Pure. */
char *device_record_text(const struct device *d);
int device_record_parse(const char *text, size_t len, struct device *d);
void device_fields_free(struct device *d);
/* RUN_DIR/FOLDER/D.KIND.ID */
void device_path(const struct device *d, const char *folder, char out[108]);

/* ---- device-store.c ---- */

/* All nodes of a device, with those that its back-end gave. */
void device_store_make(const struct device *d, struct ctrl_batch *b);
void device_store_remove(const struct device *d, struct ctrl_batch *b,
			 bool front_too);
void device_store_path(const struct device *d, bool front, char out[80]);
void device_store_nodes(const struct device *d, struct ctrl_batch *b,
			const json_t *nodes);
/* The front-end's directory as an object of texts; 0 or -errno, *why a sentence
 * about the guest's driver when it is at fault. */
int device_store_front(const struct device *d, struct ctrl_store *s,
		       json_t **out, const char **why);

/* ---- device-view.c ---- */

/* The devices of a domain, as an array of objects. */
json_t *devices_json(uint16_t domid, enum device_kind kind);
char *devices_text(uint16_t domid, enum device_kind kind);

#endif
