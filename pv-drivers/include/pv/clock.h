/* SPDX-License-Identifier: MIT */
/*
 * Time.  pv_clock_now() is in nanoseconds and never goes back; it begins
 * somewhere (usually when the machine was switched on) and is what deadlines
 * are written in.  Neither function makes a hypercall.
 */
#ifndef PV_CLOCK_H
#define PV_CLOCK_H

#include <pv/os.h>

uint64_t pv_clock_now(struct pv *pv);

/* Nanoseconds since 1970, in UTC. */
uint64_t pv_clock_wall(struct pv *pv);

/* Wait for so many nanoseconds.  Synchronous: events are handled meanwhile. */
void pv_sleep(struct pv *pv, uint64_t ns);

#endif
