/* SPDX-License-Identifier: MIT */
/*
 * How config.c and config-devices.c read a document: notes for people, values
 * of a node, and tables of elements.  Inside the reader only.
 *
 * Every element that may stand somewhere is a row in the table of its parent,
 * with the attributes it may carry and one of four rules.  What no row names
 * is refused, since nobody can know what it would have changed.
 */
#ifndef CONFIG_DOC_H
#define CONFIG_DOC_H

#include <libxml/tree.h>

#include "ctrl-config.h"

struct parse {
	struct guest_config *config;
	struct guest_config_report *report;
	const char *file;
	bool device_only;	/* a lone device, not a whole guest */
	const char *what;	/* NULL: "a guest's document" */
	bool oom;
	/* Seen on the way, judged at the end. */
	unsigned int serial_line;
	bool has_current, has_vcpu_current;
	uint64_t quota, period;
	struct guest_vcpus_list {
		unsigned int line;
		bool known[GUEST_VCPUS_MAX], enabled[GUEST_VCPUS_MAX];
	} vcpus;
	struct guest_pin {
		unsigned int line;
		struct guest_cpuset set;
	} *pins;		/* GUEST_VCPUS_MAX of them, or NULL */
	struct guest_cpuset everywhere;
	bool has_cpuset;
};

/* ---- Notes: what a person reads ---- */

#define DOC_SHOWN 76	/* room for a value that is repeated in a message */

char *doc_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Copies a value for showing: one line, bounded, printable. */
void doc_shown(char out[DOC_SHOWN], const char *value);
/* NAME is the attribute at fault, or NULL. */
void doc_error(struct parse *p, const xmlNode *n, const char *name,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void doc_warning(struct parse *p, const xmlNode *n, const char *name,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void doc_error_at(struct parse *p, unsigned int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- Reading a document ---- */

/* Is this XML at all, and not too much of it?  An error has been noted if
 * not. */
bool doc_check_bytes(struct parse *p, const char *xml, size_t len);
/* The tree, to be freed, or NULL after an error. */
xmlDoc *doc_read(struct parse *p, const char *xml, size_t len);

/* ---- Reading a node ---- */

/* The value of an attribute, owned by the tree, or NULL. */
const char *doc_attr(const xmlNode *n, const char *name);
/* Attribute NAME as a number from MIN to MAX, as yes or no; false when it is
 * absent, or bad, which has been said then. */
bool doc_attr_number(struct parse *p, const xmlNode *n, const char *name,
		     uint64_t min, uint64_t max, uint64_t *out);
bool doc_attr_u32(struct parse *p, const xmlNode *n, const char *name,
		  uint32_t min, uint32_t max, uint32_t *out);
bool doc_attr_bool(struct parse *p, const xmlNode *n, const char *name,
		   bool *out);
/* The text of an element that has no elements inside, malloc'ed, or NULL after
 * an error; as it is, or on one line and without blanks at its ends. */
char *doc_text_raw(struct parse *p, xmlNode *n);
char *doc_text(struct parse *p, xmlNode *n);
bool doc_text_number(struct parse *p, xmlNode *n, uint64_t min, uint64_t max,
		     uint64_t *out);
/* The first element of this name in N, or NULL. */
xmlNode *doc_child(const xmlNode *n, const char *name);
bool doc_has_child(const xmlNode *n, const char *name);
bool doc_blank(const char *s);

/* The element as text, or NULL without memory. */
char *doc_element(struct parse *p, xmlNode *n);
char *doc_copy(struct parse *p, const char *s);
/* Sets a string that the configuration owns; NULL is none. */
void doc_set(struct parse *p, char **where, const char *s);
/* The same for an absolute path; else an error about attribute NAME. */
void doc_set_path(struct parse *p, const xmlNode *n, const char *name,
		  char **where, const char *path);
/* The index of VALUE in WORDS, or -1. */
int doc_pick(const char *value, const char *const words[]);

/* ---- Tables ---- */

enum rule {
	TAKE,		/* into the configuration */
	SKIP,		/* noise of other tools, without meaning for us */
	WARN,		/* not done, and the guest is the same without it */
	REFUSE,		/* not done, and it would be another guest */
};

struct element {
	const char *name;
	enum rule rule;
	bool many;		/* may stand more than once */
	/* Attributes, separated by blanks; one that begins with '-' is noise
	 * of other tools, one with '~' is not done, like WARN.  NULL: none. */
	const char *attrs;
	const char *why;	/* WARN and REFUSE: the sentence */
	void (*take)(struct parse *p, xmlNode *n, void *at);
	const struct element *children;	/* walked with the same AT */
};

#define NOISE(element) { .name = element, .rule = SKIP }

extern const struct element doc_nothing[];	/* no children */
extern const struct element config_devices[];	/* config-devices.c */

/* Walks the children of PARENT by a table that ends with an empty row. */
void doc_walk(struct parse *p, xmlNode *parent, const struct element *table,
	      void *at);
void doc_check_attrs(struct parse *p, const xmlNode *n, const char *words);

#endif
