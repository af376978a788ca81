/* SPDX-License-Identifier: MIT */
/*
 * insncount - QEMU TCG plugin: counts executed instructions by layer and a few
 * telling instruction kinds, and writes a snapshot whenever a guest executes a
 * marker (see marker.h), GRUB hands over to a Multiboot 2 image, or a watched
 * address runs.
 *
 *   -plugin insncount.so,out=FILE[,watch=HEXADDR]...[,range=HEXADDR-HEXADDR]
 *
 * Snapshot line:  KIND ID user hyp kernel  then per layer (user hyp kernel) the
 * EVENTS. Layer by address: user = low half, hyp = the range the Xen ABI
 * reserves for the hypervisor (0xffff8000'00000000-0xffff87ff'ffffffff), kernel
 * = the rest. With range=, the last number of a line is what was executed
 * there.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of qemu-plugin.h (API version 1) used here, so that no QEMU source
 * is needed. */
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
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *,
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
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { USER, HYP, KERNEL, LAYERS };
enum {
	CR3,
	SYSCALL,
	SYSRET,
	IRET,
	INVLPG,
	INVPCID,
	WRMSR,
	RDMSR,
	CPUID,
	RDTSC,
	PORTIO,
	HLT,
	SWAPGS,
	CRDR,
	REP,
	EVENTS
};
static const char events[] = "cr3 syscall sysret iret invlpg invpcid wrmsr "
			     "rdmsr cpuid rdtsc portio hlt swapgs crdr rep";

static uint64_t insns[LAYERS], ev[LAYERS][EVENTS];
static FILE *out;
enum { MAX_WATCH = 8 };
static uint64_t watch[MAX_WATCH];
static int n_watch;
static uint64_t range_first, range_end, in_range;

static void snapshot(const char *kind, uint64_t id)
{
	fprintf(out, "%s %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64, kind,
		id, insns[USER], insns[HYP], insns[KERNEL]);
	for (int l = 0; l < LAYERS; l++)
		for (int e = 0; e < EVENTS; e++)
			fprintf(out, " %" PRIu64, ev[l][e]);
	if (range_end)
		fprintf(out, " %" PRIu64, in_range);
	fputc('\n', out);
	fflush(out);
}

static void on_mark(unsigned cpu, void *p)
{
	(void)cpu;
	snapshot("mark", (uintptr_t)p);
}
static void on_watch(unsigned cpu, void *p)
{
	(void)cpu;
	snapshot("watch", (uintptr_t)p);
}
static void on_handoff(unsigned cpu, void *p)
{
	(void)cpu;
	(void)p;
	snapshot("handoff", 0);
}

static int layer_of(uint64_t va)
{
	if (va < 0xffff800000000000ull)
		return USER;
	return va < 0xffff880000000000ull ? HYP : KERNEL;
}

/* Which counted event an instruction is, or -1. Prefixes other than REX and 66
 * do not matter here. */
static int event_of(const uint8_t *b, size_t n)
{
	bool p66 = false, rep = false;
	while (n > 1 && (b[0] == 0x66 || b[0] == 0xf2 || b[0] == 0xf3 ||
			 b[0] == 0x2e || b[0] == 0x3e)) {
		p66 |= b[0] == 0x66, rep |= (b[0] & 0xfe) == 0xf2;
		b++, n--;
	}
	if (n > 1 && (b[0] & 0xf0) == 0x40)
		b++, n--;
	if (rep &&
	    ((b[0] >= 0xa4 && b[0] <= 0xa7) || (b[0] >= 0xaa && b[0] <= 0xaf)))
		return REP; /* executed once per iteration */
	if (b[0] == 0xcf)
		return IRET;
	if (b[0] == 0xf4)
		return HLT;
	if ((b[0] >= 0xe4 && b[0] <= 0xe7) || (b[0] >= 0xec && b[0] <= 0xef))
		return PORTIO;
	if (n < 2 || b[0] != 0x0f)
		return -1;
	switch (b[1]) {
	case 0x05:
		return SYSCALL;
	case 0x07:
		return SYSRET;
	case 0x30:
		return WRMSR;
	case 0x32:
		return RDMSR;
	case 0xa2:
		return CPUID;
	case 0x31:
		return RDTSC;
	case 0x22:
		return n > 2 && (b[2] & 0x38) == 0x18 ? CR3 : CRDR;
	case 0x20:
	case 0x21:
	case 0x23:
	case 0x06:
		return CRDR;
	case 0x01:
		if (n > 2 && b[2] == 0xf8)
			return SWAPGS;
		return n > 2 && (b[2] & 0x38) == 0x38 && (b[2] >> 6) != 3
			       ? INVLPG
			       : -1;
	case 0x38:
		return p66 && n > 2 && b[2] == 0x82 ? INVPCID : -1;
	}
	return -1;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t va = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	int l = layer_of(va);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &insns[l], n);
	if (va >= range_first && va < range_end)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64,
							 &in_range, n);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *b = qemu_plugin_insn_data(in);
		size_t len = qemu_plugin_insn_size(in);
		int e = event_of(b, len);
		if (e >= 0)
			qemu_plugin_register_vcpu_insn_exec_inline(
				in, ADD_U64, &ev[l][e], 1);
		/* marker: nopl 0x5eNNNNNN(%rax,%rax,1) */
		if (len == 8 && b[0] == 0x0f && b[1] == 0x1f && b[2] == 0x84 &&
		    b[3] == 0 && b[7] == 0x5e)
			qemu_plugin_register_vcpu_insn_exec_cb(
				in, on_mark, NO_REGS,
				(void *)(uintptr_t)(b[4] | b[5] << 8 |
						    b[6] << 16));
		/* GRUB's relocator: mov $MULTIBOOT2_BOOTLOADER_MAGIC, %eax */
		if (len == 5 && !memcmp(b, "\xb8\x89\x62\xd7\x36", 5))
			qemu_plugin_register_vcpu_insn_exec_cb(in, on_handoff,
							       NO_REGS, NULL);
		for (int w = 0; w < n_watch; w++)
			if (qemu_plugin_insn_vaddr(in) == watch[w])
				qemu_plugin_register_vcpu_insn_exec_cb(
					in, on_watch, NO_REGS,
					(void *)(uintptr_t)watch[w]);
	}
}

static void on_exit_(qemu_plugin_id_t id, void *p)
{
	(void)id;
	(void)p;
	snapshot("exit", 0);
	fclose(out);
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
		    char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "watch=", 6) && n_watch < MAX_WATCH)
			watch[n_watch++] = strtoull(argv[i] + 6, NULL, 16);
		else if (!strncmp(argv[i], "range=", 6) &&
			 sscanf(argv[i] + 6, "%" SCNx64 "-%" SCNx64,
				&range_first, &range_end) == 2)
			continue;
		else
			return -1;
	}
	if (!out)
		return -1;
	fprintf(out, "# kind id user hyp kernel, then for each layer: %s\n",
		events);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
	return 0;
}
