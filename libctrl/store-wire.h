/* SPDX-License-Identifier: MIT */
/* The store's messages as bytes: pure functions over what was received. */
#ifndef CTRL_STORE_WIRE_H
#define CTRL_STORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PAYLOAD_MAX	4096
#define STORE_MESSAGE_MAX	(16 + STORE_PAYLOAD_MAX)

struct store_message {
	uint32_t type, req_id, tx_id;
	uint32_t len;
	const char *payload;		/* into the bytes that were parsed */
};

/* Write a message head. */
void store_head(void *to, uint32_t type, uint32_t req_id, uint32_t tx,
		size_t len);

/*
 * One message from the first n bytes: its length, 0 if it is not complete
 * yet, -EPROTO if it cannot be one.
 */
int store_parse(const void *bytes, size_t n, struct store_message *m);

/* The path of an event ends in a NUL; its token follows, ended likewise. */
bool store_split_event(const struct store_message *m, const char **token);

/* The negative errno that an ERROR message names. */
int store_errno(const struct store_message *m);

/* The names in a directory that is longer than a message, as far as they have
 * come; begins as {0}. */
struct store_list {
	char *names;			/* malloc'ed: the owner's */
	size_t len;
	char generation[32];		/* of the directory */
};

/*
 * One more DIRECTORY_PART, of those from offset len on.  0: it was the last,
 * and names[len] is NUL.  1: ask for more, from len on; that is 0 when the
 * directory has changed meanwhile.  -EPROTO; -ENOMEM.
 */
int store_list_part(struct store_list *l, const struct store_message *m);

/* A decimal number, ended by NUL or by the end. */
bool store_number(const struct store_message *m, uint32_t *n);

#endif
