/* SPDX-License-Identifier: MIT */
/* What guests see of the processor, in the forms that tools read. */
#pragma once

#include <hyp/types.h>

#define CPU_FEATURE_WORDS 13

/* Feature words in the order of the ABI's feature set (1d, 1c, e1d, ...). */
void cpu_policy_features(u32 words[CPU_FEATURE_WORDS]);

/*
 * Writes the leaves to guest memory; the counts say how many fit and get how
 * many there are.  Both addresses null: only the largest counts.
 * -XEN_ENOBUFS, -XEN_EFAULT.
 */
int cpu_policy_read(u64 leaves, u32 *nr_leaves, u64 msrs, u32 *nr_msrs);
