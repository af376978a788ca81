/* SPDX-License-Identifier: MIT */
/*
 * Traps.  A tiny guest makes none on purpose: one is the end, with a line that
 * says where.  The line goes to the hypervisor's log as well, for a trap that
 * comes before the console works.
 */
#include "tiny.h"

struct trap_frame {
	uint64_t rcx, r11;
	uint64_t word[6];	/* [error code,] rip, cs, rflags, rsp, ss */
};

extern char trap_stubs[];
void trap(unsigned int number, const struct trap_frame *f)
	__attribute__((noreturn));

static const char *const names[NR_TRAPS] = {
	[0] = "divide error", [3] = "breakpoint", [6] = "invalid instruction",
	[13] = "protection fault", [14] = "page fault",
	[17] = "alignment check",
};

void trap(unsigned int number, const struct trap_frame *f)
{
	static unsigned int again;
	bool code = number == 8 || (number >= 10 && number <= 14) ||
		    number == 17;
	uint64_t rip = f->word[code];
	char c;

	/* A trap while telling of a trap: quietly, then. */
	if (again++)
		pv_shutdown(&pv, SHUTDOWN_crash);
	if (pv.shared)
		print("tiny: trap %u (%s) at %lx, code %lx, address %lx\n",
		      number, names[number] ? names[number] : "?", rip,
		      code ? f->word[0] : 0,
		      pv.shared->vcpu_info[0].arch.cr2);
	c = 'a' + number;
	pv_console_io("tiny: trap ", 11);
	pv_console_io(&c, 1);
	pv_console_io("\n", 1);
	pv_shutdown(&pv, SHUTDOWN_crash);
}

void trap_init(void)
{
	static struct trap_info table[NR_TRAPS + 1];
	unsigned int i, n = 0;

	for (i = 0; i < NR_TRAPS; i++) {
		if (i == 2 || i == 15)	/* NMI, and one that does not exist */
			continue;
		table[n].vector = i;
		table[n].flags = 4;	/* with events masked */
		table[n].cs = FLAT_KERNEL_CS;
		table[n++].address = (unsigned long)trap_stubs + 16 * i;
	}
	pv_hypercall(__HYPERVISOR_set_trap_table, (unsigned long)table,
		     0, 0, 0);
}
