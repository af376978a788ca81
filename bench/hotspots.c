/* SPDX-License-Identifier: MIT */
/*
 * hotspots - QEMU TCG plugin: where the hypervisor spends its instructions.
 *   -plugin hotspots.so,out=FILE[,all=1][,first=HEXADDR][,seg=FROM-TO[@NTH]]...
 * Counts every translated block in the hypervisor's address range and writes,
 * for the time until the address FIRST runs, for the NTH (or first) interval
 * between each pair of markers FROM and TO, and for the whole run, a title line
 * "# NAME TOTAL" and "INSTRUCTIONS EXECUTIONS ADDRESS LENGTH WHERE" for the 300
 * heaviest blocks; WHERE, in the machine's memory, tells two domains with the
 * same kernel apart.  all=1: not only the hypervisor's but everybody's, 3000
 * of them.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
enum qemu_plugin_op { ADD_U64 };
enum qemu_plugin_cb_flags { NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
					   void (*)(qemu_plugin_id_t,
						    struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *,
					      enum qemu_plugin_op, void *,
					      uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *,
					    void (*)(unsigned, void *),
					    enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t,
				    void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *,
						 size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

struct block {
	uint64_t va, len, count, where;
};
static bool everybody;

enum { MAX_BLOCKS = 4000000, MAX_SEGS = 16, SHOWN = 300 };
static struct block *blocks;
static size_t n_blocks;
static FILE *out;
static uint64_t first;
static struct {
	uint64_t from, to, *base;
	size_t n;
	unsigned nth;
	bool done;
} segs[MAX_SEGS];
static int n_segs;

static int heavier(const void *a, const void *b)
{
	const struct block *x = a, *y = b;
	uint64_t p = x->count * x->len, q = y->count * y->len;
	return (p < q) - (p > q);
}

/* Write what ran since the counts in base (n of them; blocks translated later
 * started from zero). */
static void dump(const char *name, const uint64_t *base, size_t n)
{
	struct block *copy = malloc(n_blocks * sizeof *copy);
	uint64_t total = 0;
	for (size_t i = 0; i < n_blocks; i++) {
		copy[i] = blocks[i];
		copy[i].count -= i < n ? base[i] : 0;
		total += copy[i].count * copy[i].len;
	}
	qsort(copy, n_blocks, sizeof *copy, heavier);
	fprintf(out, "# %s %" PRIu64 "\n", name, total);
	for (size_t i = 0; i < n_blocks && i < (everybody ? 3000 : SHOWN) && copy[i].count; i++)
		fprintf(out,
			"%" PRIu64 " %" PRIu64 " %" PRIx64 " %" PRIu64 " %" PRIx64 "\n",
			copy[i].count * copy[i].len, copy[i].count, copy[i].va,
			copy[i].len, copy[i].where);
	fflush(out);
	free(copy);
}

static void on_first(unsigned cpu, void *p)
{
	(void)cpu;
	(void)p;
	if (first)
		dump("first", NULL, 0);
	first = 0;
}

static void on_mark(unsigned cpu, void *p)
{
	(void)cpu;
	uint64_t id = (uintptr_t)p;
	for (int i = 0; i < n_segs; i++) {
		if (segs[i].done)
			continue;
		if (id == segs[i].from) {
			segs[i].base = realloc(segs[i].base,
					       n_blocks * sizeof *segs[i].base);
			segs[i].n = n_blocks;
			for (size_t k = 0; k < n_blocks; k++)
				segs[i].base[k] = blocks[k].count;
		} else if (id == segs[i].to && segs[i].base &&
			   segs[i].nth > 1) {
			segs[i].nth--;
		} else if (id == segs[i].to && segs[i].base) {
			char name[32];
			snprintf(name, sizeof name, "%" PRIx64 "-%" PRIx64,
				 segs[i].from, segs[i].to);
			dump(name, segs[i].base, segs[i].n);
			segs[i].done = true;
		}
	}
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t va = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	if ((everybody || (va >= 0xffff800000000000ull &&
			   va < 0xffff880000000000ull)) &&
	    n_blocks < MAX_BLOCKS) {
		struct block *b = &blocks[n_blocks++];
		b->va = va, b->len = n;
		b->where = (uintptr_t)qemu_plugin_insn_haddr(
			qemu_plugin_tb_get_insn(tb, 0));
		qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &b->count,
							 1);
	}
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *c = qemu_plugin_insn_data(in);
		if (first && qemu_plugin_insn_vaddr(in) == first)
			qemu_plugin_register_vcpu_insn_exec_cb(in, on_first,
							       NO_REGS, NULL);
		if (qemu_plugin_insn_size(in) == 8 && c[0] == 0x0f &&
		    c[1] == 0x1f && c[2] == 0x84 && c[3] == 0 && c[7] == 0x5e)
			qemu_plugin_register_vcpu_insn_exec_cb(
				in, on_mark, NO_REGS,
				(void *)(uintptr_t)(c[4] | c[5] << 8 |
						    c[6] << 16));
	}
}

static void on_exit_(qemu_plugin_id_t id, void *p)
{
	(void)id;
	(void)p;
	dump("all", NULL, 0);
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
		    char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "all=", 4))
			everybody = argv[i][4] == '1';
		else if (!strncmp(argv[i], "first=", 6))
			first = strtoull(argv[i] + 6, NULL, 16);
		else if (!strncmp(argv[i], "seg=", 4) && n_segs < MAX_SEGS &&
			 sscanf(argv[i] + 4, "%" SCNx64 "-%" SCNx64 "@%u",
				&segs[n_segs].from, &segs[n_segs].to,
				&segs[n_segs].nth) >= 2)
			n_segs++;
		else
			return -1;
	}
	blocks = calloc(MAX_BLOCKS, sizeof *blocks);
	if (!out || !blocks)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
	return 0;
}
