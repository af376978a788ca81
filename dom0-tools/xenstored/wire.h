/* SPDX-License-Identifier: MIT */
/*
 * The bytes of the store's protocol: message heads, strings within a payload,
 * paths. Pure functions over bytes; everything a client sent passes here
 * before anything else looks at it.
 */
#ifndef XS_WIRE_MODULE_H
#define XS_WIRE_MODULE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xen/io/xs_wire.h>

#define WIRE_HEAD	sizeof(struct xsd_sockmsg)
#define WIRE_MSG_MAX	(WIRE_HEAD + XENSTORE_PAYLOAD_MAX)
#define PATH_DEPTH_MAX	(XENSTORE_ABS_PATH_MAX / 2)

/*
 * A canonical absolute path, cut into its levels. Level 0 is the root; level
 * l > 0 is the text s[0, end[l]), whose last name starts at end[l-1]+1.
 * hash[l] is the hash of level l's whole text. A special path ("@name") has
 * level 0 only.
 */
struct path {
	uint32_t len;
	uint16_t depth;
	bool special;
	char s[XENSTORE_ABS_PATH_MAX + 1];
	uint16_t end[PATH_DEPTH_MAX + 1];
	uint64_t hash[PATH_DEPTH_MAX + 1];
};

/*
 * Parse @len bytes at @text into *@p. A relative path is put below @base
 * (NULL: refused). @special: "@name" is allowed. @key makes hashes
 * unpredictable to guests. False: not a path by the protocol's rules.
 */
bool path_parse(struct path *p, const char *text, size_t len,
		const char *base, bool special, uint64_t key);
/* The name of level @l > 0 and its length. */
static inline const char *path_name(const struct path *p, unsigned int l,
				    size_t *len)
{
	const unsigned int from = p->end[l - 1] + 1u;

	*len = p->end[l] - from;
	return p->s + from;
}

/* How much of p->s is level @l's text. */
static inline size_t path_len(const struct path *p, unsigned int l)
{
	return p->special ? p->len : l ? p->end[l] : 1;
}

/* One step of the path hash: the hash of "@parent/name". */
uint64_t path_hash_step(uint64_t parent, const char *name, size_t len,
			uint64_t key);
uint64_t path_hash_root(uint64_t key);

/* Is the head one that the protocol allows (payload not too long)? */
static inline bool wire_head_ok(const struct xsd_sockmsg *head)
{
	return head->len <= XENSTORE_PAYLOAD_MAX;
}

/*
 * Cut a payload into NUL-terminated strings. Returns how many (at most @max
 * are stored); -1 when the last one has no end.
 */
int wire_strings(const char *payload, size_t len, const char **str, int max);
/* A decimal number without sign, at most @max; false if it is none. */
bool wire_number(const char *s, size_t len, uint64_t max, uint64_t *out);
/* The protocol's name for a positive errno; "EINVAL" if it has none. */
const char *wire_error_name(int err);

#endif
