/* SPDX-License-Identifier: MIT */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <stdint.h>

/* A domain's own nodes go. */
void fake_store_forget(uint16_t domid);
/* @releaseDomain */
void fake_store_release(void);

#endif
