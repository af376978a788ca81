/* SPDX-License-Identifier: MIT */
/*
 * As much JSON as ctl needs: it writes flat objects and picks members out of
 * the supervisor's lines.  ctl has this of its own because a shared library
 * costs a control domain more to map than all that ctl does.  Pure.
 */
#ifndef CTL_JLINE_H
#define CTL_JLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Writing: begin, add members, end.  A failure sticks. ---- */

struct jline_out {
	char *text;
	size_t len, room;
	bool failed;		/* no memory */
};

void jline_begin(struct jline_out *o);
void jline_add_string(struct jline_out *o, const char *key, const char *value);
void jline_add_bool(struct jline_out *o, const char *key, bool value);
void jline_add_number(struct jline_out *o, const char *key, uint64_t value);
/* Ends the object and adds a newline; true if all of it is there. */
bool jline_end(struct jline_out *o);

/* ---- Reading ---- */

/*
 * The raw text of a member of the object that TEXT is, without blanks around
 * it; NULL if there is none or TEXT is not an object so far.
 */
const char *jline_member(const char *text, size_t len, const char *key,
			size_t *value_len);
/* A raw string, quotes and all, as bytes with a NUL; malloc'ed, or NULL. */
char *jline_string(const char *raw, size_t len);

/* Members in one step; NULL, false or 0 when absent or of another kind. */
char *jline_member_string(const char *text, size_t len, const char *key);
bool jline_member_true(const char *text, size_t len, const char *key);
uint64_t jline_member_number(const char *text, size_t len, const char *key);

/* Is it UTF-8 without zero bytes, so that it can be a JSON string? */
bool jline_text_valid(const char *s, size_t len);

#endif
