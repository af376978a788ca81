/* SPDX-License-Identifier: MIT */
/*
 * May domain a do this to domain b?  The one place that decides.
 * Today: a domain may do everything to itself that is not privileged, and
 * the control domain may control every domain.
 */
#ifndef HYP_PRIV_H
#define HYP_PRIV_H

#include <hyp/types.h>

struct domain;

/* a may build, inspect and destroy b, and map b's frames. */
bool priv_control(const struct domain *a, const struct domain *b);
/* a may ask for system-wide things (sysctl, platform_op, console). */
bool priv_system(const struct domain *a);
/* a may use ports, interrupts and device memory. */
bool priv_hardware(const struct domain *a);

#endif
