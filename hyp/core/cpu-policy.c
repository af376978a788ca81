/* SPDX-License-Identifier: MIT */
/*
 * What guests see of the processor, told to tools.
 *
 * There is one policy for all guests, the machine's own: what CPUID shows a
 * guest.  Tools may read it in the two forms of the ABI, as leaves and as
 * feature words; what they write back is checked and not used.
 */
#include <hyp/cpu-policy.h>

#include <hyp/core.h>

#define BASIC_MAX	0xd
#define EXTENDED	0x80000000U
#define EXTENDED_MAX	0x80000021U
#define POLICY_LEAVES	64
#define POLICY_MSRS	2	/* we tell of none; tools want room for theirs */

enum { A, B, C, D };		/* of the registers that CPUID fills */

/* The last leaf of the two ranges that we tell of: below base, there is none. */
static u32 last_leaf(u32 base)
{
	const u32 known = base ? EXTENDED_MAX : BASIC_MAX;
	struct cpuid_regs r;

	arch_cpuid(NULL, base, 0, &r);
	return MIN(r.a, known);
}

void cpu_policy_features(u32 words[CPU_FEATURE_WORDS])
{
	static const struct {
		u32 leaf;
		u8 subleaf, reg;
	} source[CPU_FEATURE_WORDS] = {
		{ 1, 0, D }, { 1, 0, C },
		{ EXTENDED + 1, 0, D }, { EXTENDED + 1, 0, C },
		{ 0xd, 1, A }, { 7, 0, B }, { 7, 0, C },
		{ EXTENDED + 7, 0, D }, { EXTENDED + 8, 0, B },
		{ 7, 0, D }, { 7, 1, A }, { EXTENDED + 0x21, 0, A },
		{ 7, 1, B },
	};
	struct cpuid_regs r;
	u32 leaf;

	for (u32 i = 0; i < CPU_FEATURE_WORDS; i++) {
		leaf = source[i].leaf;
		words[i] = 0;
		if (leaf > last_leaf(leaf & EXTENDED))
			continue;
		arch_cpuid(NULL, leaf, source[i].subleaf, &r);
		words[i] = ((const u32 *)&r)[source[i].reg];
	}
}

/* How many subleaves of a leaf the format has; 0: it has none. */
static u32 subleaves(u32 leaf)
{
	static const u8 count[BASIC_MAX + 1] = {
		[4] = 6, [7] = 2, [0xb] = 2, [0xd] = 9,
	};

	return leaf <= BASIC_MAX ? count[leaf] : 0;
}

static int put_leaf(u64 to, u32 capacity, u32 *n, u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;
	xen_cpuid_leaf_t l;

	arch_cpuid(NULL, leaf, subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : subleaf, &r);
	l = (xen_cpuid_leaf_t){ leaf, subleaf, r.a, r.b, r.c, r.d };
	if (*n >= capacity)
		return -XEN_ENOBUFS;
	if (copy_to_guest(to + *n * sizeof(l), &l, sizeof(l)))
		return -XEN_EFAULT;
	++*n;
	return 0;
}

/* Adds the leaves of one range to the n that are there. */
static int put_range(u64 to, u32 capacity, u32 *n, u32 base)
{
	u32 leaf, sub;
	int rc = 0;

	for (leaf = base; !rc && leaf <= last_leaf(base); leaf++) {
		if (!subleaves(leaf))
			rc = put_leaf(to, capacity, n, leaf,
				      XEN_CPUID_NO_SUBLEAF);
		for (sub = 0; !rc && sub < subleaves(leaf); sub++)
			rc = put_leaf(to, capacity, n, leaf, sub);
	}
	return rc;
}

int cpu_policy_read(u64 leaves, u32 *nr_leaves, u64 msrs, u32 *nr_msrs)
{
	const bool ask = !leaves && !msrs;
	u32 n = ask ? POLICY_LEAVES : 0;
	int rc = 0;

	if (leaves)
		rc = put_range(leaves, *nr_leaves, &n, 0);
	if (leaves && !rc)
		rc = put_range(leaves, *nr_leaves, &n, EXTENDED);
	if (!rc) {
		*nr_leaves = n;
		*nr_msrs = ask ? POLICY_MSRS : 0;
	}
	return rc;
}
