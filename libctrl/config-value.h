/* SPDX-License-Identifier: MIT */
/*
 * The small languages inside a guest's XML: sizes, lists of processors,
 * identifiers, disk names.  Each function reads one NUL-ended string and says
 * true, or false and (where it has more than one reason) *why, a few words
 * that finish the sentence "this value ...".  Nothing is changed on false.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "ctrl-config.h"

/* Blanks around a number are allowed, signs and other tails are not. */
bool value_u64(const char *s, uint64_t *out);
bool value_u64_max(const char *s, uint64_t max, uint64_t *out);
bool value_i64(const char *s, int64_t *out);
bool value_bool(const char *s, bool *out);	/* yes/no, on/off */

/* AMOUNT in UNIT (NULL is KiB), rounded up to whole KiB. */
bool value_size_kib(const char *amount, const char *unit, uint64_t *kib,
		    const char **why);

/* "0-3,^2,6": ranges are added and taken away from left to right. */
bool value_cpuset(const char *s, struct guest_cpuset *out, const char **why);

bool value_uuid(const char *s, uint8_t out[16]);
bool value_mac(const char *s, uint8_t out[6], const char **why);
bool value_ip(const char *s);

/* "xvda", "xvdb2", "sda", "hdc": the number a front-end knows the disk by. */
bool value_vdev(const char *s, uint32_t *out);

#endif
