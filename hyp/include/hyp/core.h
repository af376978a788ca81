/* SPDX-License-Identifier: MIT */
/*
 * What nearly every file of core and of the PV machine needs: domains with
 * all they are made of, their memory as hypercalls see it, ours, and the log.
 */
#pragma once

#include <hyp/domain.h>
#include <hyp/frame-alloc.h>
#include <hyp/hypercall.h>
#include <hyp/lib.h>
#include <hyp/printk.h>
