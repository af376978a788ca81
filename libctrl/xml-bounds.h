/* SPDX-License-Identifier: MIT */
/*
 * How much there is in a document, before libxml2 reads it: that takes a time
 * that grows with the square of the attributes of one tag (to find one that is
 * there twice) and of the nodes directly below one element (to compare them
 * with the schema), which is minutes where a document may have a mebibyte.
 * Pure.
 */
#ifndef XML_BOUNDS_H
#define XML_BOUNDS_H

#include <stddef.h>

#define XML_ATTRIBUTES_MAX	64u	/* of one element */
#define XML_CHILDREN_MAX	1024u	/* and comments, of one element */
#define XML_NODES_MAX		32768u	/* elements and comments in all */

/*
 * NULL, or what there is too much of, as the end of a sentence, and in *LINE
 * where.  A document that is well-formed is counted exactly; of any other, what
 * stands before its first fault.
 */
const char *xml_bounds(const char *xml, size_t len, unsigned int *line);

#endif
