/* SPDX-License-Identifier: MIT */
/*
 * What guests see of the processor, told to tools.
 *
 * There is one policy for all guests, the machine's own: what CPUID shows a
 * guest.  Tools may read it in the two forms of the ABI, as leaves and as
 * feature words; what they write back is checked and not used.
 */
#include <hyp/cpu-policy.h>

#include <hyp/arch.h>
#include <hyp/hypercall.h>

#define BASIC_MAX	0xd
#define EXTENDED	0x80000000U
#define EXTENDED_MAX	0x80000021U
#define POLICY_LEAVES	64

struct cpuid_regs {
	u32 a, b, c, d;
};

static struct cpuid_regs leaf_of(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;
	u32 out[4];

	arch_guest_cpuid(leaf, subleaf, out);
	r = (struct cpuid_regs){ out[0], out[1], out[2], out[3] };
	return r;
}

static u32 basic_max(void)
{
	u32 max = leaf_of(0, 0).a;

	return MIN(max, BASIC_MAX);
}

static u32 extended_max(void)
{
	u32 max = leaf_of(EXTENDED, 0).a;

	return max < EXTENDED ? EXTENDED - 1 : MIN(max, EXTENDED_MAX);
}

void cpu_policy_features(u32 words[CPU_FEATURE_WORDS])
{
	const struct cpuid_regs none = { 0, 0, 0, 0 };
	const u32 max = basic_max(), ext = extended_max();
	struct cpuid_regs f = leaf_of(1, 0);
	struct cpuid_regs e = ext >= EXTENDED + 1 ?
			      leaf_of(EXTENDED + 1, 0) : none;
	struct cpuid_regs s = max >= 7 ? leaf_of(7, 0) : none;
	struct cpuid_regs s1 = max >= 7 && s.a ? leaf_of(7, 1) : none;

	words[0] = f.d;
	words[1] = f.c;
	words[2] = e.d;
	words[3] = e.c;
	words[4] = max >= 0xd ? leaf_of(0xd, 1).a : 0;
	words[5] = s.b;
	words[6] = s.c;
	words[7] = ext >= EXTENDED + 7 ? leaf_of(EXTENDED + 7, 0).d : 0;
	words[8] = ext >= EXTENDED + 8 ? leaf_of(EXTENDED + 8, 0).b : 0;
	words[9] = s.d;
	words[10] = s1.a;
	words[11] = ext >= EXTENDED + 0x21 ?
		    leaf_of(EXTENDED + 0x21, 0).a : 0;
	words[12] = s1.b;
}

/* How many subleaves of a leaf the format has; 0: it has none. */
static u32 subleaves(u32 leaf)
{
	switch (leaf) {
	case 4:
		return 6;
	case 7:
	case 0xb:
		return 2;
	case 0xd:
		return 9;
	default:
		return 0;
	}
}

static int put_leaf(u64 to, u32 capacity, u32 *n, u32 leaf, u32 subleaf)
{
	struct cpuid_regs r = leaf_of(leaf, subleaf == XEN_CPUID_NO_SUBLEAF ?
				      0 : subleaf);
	xen_cpuid_leaf_t l = { leaf, subleaf, r.a, r.b, r.c, r.d };

	if (*n >= capacity)
		return -XEN_ENOBUFS;
	if (copy_to_guest(to + *n * sizeof(l), &l, sizeof(l)))
		return -XEN_EFAULT;
	++*n;
	return 0;
}

static int put_basic(u64 to, u32 capacity, u32 *n)
{
	u32 leaf, sub;
	int rc = 0;

	for (leaf = 0; !rc && leaf <= basic_max(); leaf++) {
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
	u32 n = 0, leaf;
	int rc = 0;

	if (!leaves && !msrs) {
		*nr_leaves = POLICY_LEAVES;
		*nr_msrs = 0;
		return 0;
	}
	if (leaves) {
		rc = put_basic(leaves, *nr_leaves, &n);
		for (leaf = EXTENDED; !rc && leaf <= extended_max(); leaf++)
			rc = put_leaf(leaves, *nr_leaves, &n, leaf,
				      XEN_CPUID_NO_SUBLEAF);
	}
	if (!rc) {
		*nr_leaves = n;
		*nr_msrs = 0;
	}
	return rc;
}
