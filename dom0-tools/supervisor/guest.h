/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's table of guests, and what is remembered of ended ones.
 *
 * A guest is STARTING from the moment its name is taken until the hypervisor
 * runs it, LIVE while it runs, ENDING while somebody takes it down, KEPT when
 * it ended and its description says preserve.  Then it leaves the table and
 * becomes an epitaph, of which the last EPITAPHS_MAX stay.
 *
 * Each guest has a record, a JSON file in the run-time folder: UUID.starting
 * while it starts, DOMID.json afterwards.  A supervisor that comes up reads
 * them and takes its guests over; a domain whose record still says starting is
 * what a supervisor left half made when it died, and is removed.
 *
 * guests_lock protects the table, the epitaphs and all their fields.  It is
 * never held during a hypercall or a store request.
 */
#ifndef SUPERVISOR_GUEST_H
#define SUPERVISOR_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctrl-config.h"

#define UUID_TEXT	37
#define EPITAPHS_MAX	64

enum guest_life { GUEST_STARTING, GUEST_LIVE, GUEST_ENDING, GUEST_KEPT };

struct guest {
	struct guest *next;
	enum guest_life life;
	uint16_t domid;			/* 0 while starting */
	bool managed;			/* else another tool's: only listed */
	char *name;
	uint8_t uuid[16];
	char *file, *xml;		/* as given to create; NULL if not ours */
	enum guest_action on_poweroff, on_reboot, on_crash;
	int64_t started;		/* seconds since 1970; 0 if unknown */
	int64_t ended;
	uint64_t born_ns;		/* on the clock since boot */
	unsigned int short_lives, restarts;
	char *reason;			/* "poweroff" ... once it ended */
	char *detail;			/* a sentence, or NULL */
	/* What has been begun and a next supervisor has to finish: "" is its
	 * end, a name is to be started again under that; NULL is nothing. */
	char *finish;
	bool in_scan;			/* was in the table when a scan began */
};

extern pthread_mutex_t guests_lock;

/* ---- The table.  All of these: guests_lock held. ---- */

struct guest *guest_first(void);
struct guest *guest_by_name(const char *name);
struct guest *guest_by_domid(uint16_t domid);
struct guest *guest_by_uuid(const uint8_t uuid[16]);
/* Of two with one UUID, the half made one. */
struct guest *guest_starting(const uint8_t uuid[16]);
/* A name, or a domain id in decimal. */
struct guest *guest_find(const char *name_or_id);
/* A guest in the table, STARTING, with a copy of NAME; NULL: no memory. */
struct guest *guest_add(const char *name, const uint8_t uuid[16]);
/* Out of the table and freed; its record too.  No epitaph. */
void guest_forget(struct guest *g);
/* Out of the table; its epitaph stays.  REASON and DETAIL are copied. */
void guest_bury(struct guest *g, const char *reason, const char *detail);
/* The same, but its record stays until guest_record_drop(). */
void guest_bury_unfinished(struct guest *g, const char *reason,
			   const char *detail);
/* The last guest of this name (or id) that ended, or NULL. */
const struct guest *guest_epitaph(const char *name_or_id);
void guest_set(char **where, const char *value);

/* ---- Records.  guests_lock held. ---- */

/* Reads what is there; called once.  Errors are logged. */
void guest_records_load(const char *folder);
/* Write UUID.starting; 0 or -errno. */
int guest_record_starting(const struct guest *g);
/* The guest has its domid now: UUID.starting becomes DOMID.json. */
int guest_record_started(const struct guest *g);
/* Remove DOMID.json of a guest that was buried unfinished. */
void guest_record_drop(uint16_t domid);
/* Write DOMID.json anew. */
int guest_record_save(const struct guest *g);

/* ---- Pure helpers ---- */

void uuid_format(const uint8_t uuid[16], char out[UUID_TEXT]);
const char *guest_life_name(enum guest_life life);
/* A record as text, malloc'ed; and back: 0, -EINVAL or -ENOMEM. */
char *guest_record_text(const struct guest *g);
int guest_record_parse(const char *text, size_t len, struct guest *g);
void guest_fields_free(struct guest *g);

#endif
